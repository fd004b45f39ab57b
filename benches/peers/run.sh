#!/bin/bash
# Runs gradus and its peers in turns and prints the medians.
# Usage: benches/peers/run.sh [ROUNDS] [WORKLOAD ...]     default: 3 rounds of all workloads of README.md
# DEVICE=gpu runs those that use a GPU (here any Vulkan adapter, lavapipe too) instead of those on the CPU; STEPS=N shortens
# their epochs. Every command below, with WORKLOAD replaced, prints `NAME WORKLOAD steps_per_s=FIGURE`, `... gflops=FIGURE`,
# or `NAME WORKLOAD cannot: WHY`. Another Python, or programs built elsewhere: PYTHON=... TORCH_PYTHON=... GRADUS=...
# BURN_FLEX=... BURN_WGPU=... CANDLE=... MEGANEURA=... benches/peers/run.sh; an empty name leaves a peer out.
set -euo pipefail
cd "$(dirname "$0")"

PYTHON=${PYTHON-python3}
TORCH_PYTHON=${TORCH_PYTHON-$PYTHON}
GRADUS=${GRADUS-cargo bench --quiet --bench training --}
built() { echo "cargo run --quiet --release --manifest-path $1/Cargo.toml --target-dir $1/target$2 -- "; }
BURN_FLEX=${BURN_FLEX-$(built burn "-flex --features flex")}
BURN_WGPU=${BURN_WGPU-$(built burn "-wgpu --features wgpu")}
CANDLE=${CANDLE-$(built candle "")}
MEGANEURA=${MEGANEURA-$(built meganeura "")}
if [ "${DEVICE:-cpu}" = gpu ]; then
  COMMANDS=("$GRADUS WORKLOAD vulkan" "$BURN_WGPU WORKLOAD" "$MEGANEURA WORKLOAD" "$PYTHON tinygrad_webgpu.py WORKLOAD")
  export DEV=WEBGPU
  default=(signs_cnn fashion_mlp lstm matmul_1024)
else
  COMMANDS=(
    "$GRADUS WORKLOAD cpu"
    "$PYTHON keras_backends.py tensorflow WORKLOAD"
    "$PYTHON keras_backends.py jax WORKLOAD"
    "$TORCH_PYTHON pytorch.py WORKLOAD"
    "$BURN_FLEX WORKLOAD"
    "$CANDLE WORKLOAD"
  )
  default=(signs_cnn fashion_mlp fashion_mlp_256 lstm xor matmul_256 matmul_1024 matmul_2048)
fi

rounds=${1:-3}
shift || true
workloads=("$@")
[ ${#workloads[@]} -gt 0 ] || workloads=("${default[@]}")
lines=$(mktemp)
trap 'rm -f "$lines" "$lines.err"' EXIT

for round in $(seq "$rounds"); do
  for workload in "${workloads[@]}"; do
    for command in "${COMMANDS[@]}"; do
      [[ $command = " "* ]] && continue
      output=$(${command//WORKLOAD/$workload} 2>"$lines.err") || { cat "$lines.err"; exit 1; }
      grep -E 'steps_per_s|gflops|cannot:' <<<"$output" | sed "s/^/round $round: /" >&2
      grep -E 'steps_per_s|gflops' <<<"$output" >>"$lines" || true
    done
  done
done

echo "$(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg), $rounds rounds; steps or GFLOP per second, median (least to most)"
sed -E 's/(steps_per_s|gflops)=//' "$lines" | sort -k2,2 -k1,1 -k3,3n | awk '
  function flush() { if (n) printf "| %-15s | %-17s | %8.1f (%.1f to %.1f) |\n", workload, peer, (v[int((n+1)/2)] + v[int((n+2)/2)]) / 2, v[1], v[n]; n = 0 }
  $1 != peer || $2 != workload { flush(); peer = $1; workload = $2 }
  { v[++n] = $3 }
  END { flush() }'
