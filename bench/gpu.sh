#!/usr/bin/env bash
# On a machine with a GPU, nvcc and cuDNN: builds the CUDA backend, tests it on the device, and prints
# a table of its speed to paste into nn/cuda/README.md. Exits with 3 where there is no device.
# usage: bench/gpu.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake --preset cuda -D MVSGD_BUILD_BENCH=ON >/dev/null
cmake --build --preset cuda -j "$(nproc)"
device=$(build/cuda/mvsgd info | sed -n 's/^backends.*, cuda (\(.*\))$/\1/p')
if [[ $device == "no CUDA device"* ]]; then
  echo "$device" >&2
  exit 3
fi
ctest --preset cuda -L '^gpu$'
build/cuda/bench/cuda_step_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only \
  --benchmark_format=csv 2>/dev/null |
  awk -F, -v device="$device" -v date="$(date -I)" '
    BEGIN {
      print "| width | batch | precision | step | images/s, median of 5 |"
      print "|---|---|---|---|---|"
    }
    /_median"/ {
      split($1, name, /[:\/]/)
      precision = name[7] == 0 ? "fp32" : name[7] == 1 ? "tf32" : "bf16"
      step = name[9] == 0 ? "kernel by kernel" : "one graph"
      printf "| %d | %d | %s | %s | %.0f |\n", name[3], name[5], precision, step, $7
    }
    END { printf "\n`bench/gpu.sh`, %s, %s\n", device, date }'
