#!/usr/bin/env bash
# Fuzzes every target, or those named: `SECONDS_EACH=600 fuzz/run.sh [TARGET ...]`. Needs `cargo install cargo-fuzz` and a
# nightly compiler. Starts from the files that the tests read; what crashes a target comes to lie in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"
files=../kernels-tests/keras/files

seed() {
    mkdir -p "corpus/$1"
    case $1 in
        hdf5) cp $files/*.h5 ../kernels-tests/hostile/*.h5 corpus/hdf5 ;;
        archive) cp $files/*.keras corpus/archive ;;
        config)
            for file in $files/*.keras; do
                unzip -p "$file" config.json > "corpus/config/$(basename "$file" .keras).json"
            done ;;
        idx) printf '\0\0\x0b\2\0\0\0\2\0\0\0\3\0\1\0\2\0\3\0\4\0\5\0\6' | tee corpus/idx/plain | gzip > corpus/idx/packed ;;
        npy)
            printf "\x93NUMPY\1\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }%60s\n\0\0\0\0\0\0\0\0" \
                > corpus/npy/plain ;;
    esac
}

targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(hdf5 archive config idx npy)
for target in "${targets[@]}"; do
    seed "$target"
    nice -n 19 cargo +nightly fuzz run -O --fuzz-dir . "$target" -- \
        -max_total_time="${SECONDS_EACH:-600}" -max_len=70000 -timeout=2 -rss_limit_mb=1024 -print_final_stats=1
done
