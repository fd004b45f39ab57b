#!/bin/bash
# Runs gradus and its peers in turns and prints the medians.
# Usage: benches/peers/run.sh [ROUNDS] [WORKLOAD ...]     default: 3 rounds of all workloads of README.md
# Every command below, with WORKLOAD replaced, prints a line `NAME WORKLOAD steps_per_s=FIGURE` or `... gflops=FIGURE`.
# Another Python, or another gradus: PYTHON=... TORCH_PYTHON=... GRADUS=... benches/peers/run.sh
set -euo pipefail
cd "$(dirname "$0")"

PYTHON=${PYTHON:-python3}
TORCH_PYTHON=${TORCH_PYTHON:-$PYTHON}
GRADUS=${GRADUS:-cargo bench --quiet --bench training --}
COMMANDS=(
  "$GRADUS WORKLOAD cpu"
  "$PYTHON keras_backends.py tensorflow WORKLOAD"
  "$PYTHON keras_backends.py jax WORKLOAD"
  "$TORCH_PYTHON pytorch.py WORKLOAD"
)

rounds=${1:-3}
shift || true
workloads=("$@")
[ ${#workloads[@]} -gt 0 ] || workloads=(signs_cnn fashion_mlp fashion_mlp_256 lstm xor matmul_256 matmul_1024 matmul_2048)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

for round in $(seq "$rounds"); do
  for workload in "${workloads[@]}"; do
    for command in "${COMMANDS[@]}"; do
      output=$(${command//WORKLOAD/$workload} 2>"$lines.err") || { cat "$lines.err"; rm "$lines.err"; exit 1; }
      rm "$lines.err"
      grep -E 'steps_per_s|gflops' <<<"$output" | tee -a "$lines" | sed "s/^/round $round: /" >&2
    done
  done
done

echo "$(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg), $rounds rounds; steps or GFLOP per second, median (least to most)"
sed -E 's/(steps_per_s|gflops)=//' "$lines" | sort -k2,2 -k1,1 -k3,3n | awk '
  function flush() { if (n) printf "| %-15s | %-17s | %8.1f (%.1f to %.1f) |\n", workload, peer, (v[int((n+1)/2)] + v[int((n+2)/2)]) / 2, v[1], v[n]; n = 0 }
  $1 != peer || $2 != workload { flush(); peer = $1; workload = $2 }
  { v[++n] = $3 }
  END { flush() }'
