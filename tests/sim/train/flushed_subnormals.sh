#!/usr/bin/env bash
# A run with subnormal parameters has one digest, whatever a library that the program loads does to
# subnormals.
# usage: flushed_subnormals.sh MVSGD LIBRARY OPTION... (of mvsgd train)
set -euo pipefail
mvsgd=$1
library=$2
shift 2
options=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

digest() { # LD_PRELOAD
  rm -rf "$work/run"
  # A step changes what begins as zero by less than the least normal number.
  LD_PRELOAD=$1 "$mvsgd" train --preset demo "${options[@]}" --learning-rate 1e-38 --width 2 --batch 4 --workers 2 \
    --synthetic-train 16 --synthetic-test 8 --epochs 2 --out "$work/run" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; return 1; }
  sed -n 's/^sha256(theta) *//p' "$work/log"
}

want=$(digest "")
[[ $want =~ ^[0-9a-f]{64}$ ]] || { echo "no digest: '$want'"; exit 1; }
got=$(digest "$library")
echo "$got, and $want without the library"
[[ $got == "$want" ]]
