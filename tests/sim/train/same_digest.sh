#!/usr/bin/env bash
# One short run that crosses from dense warm-up to sparse rounds, with 1, 2 and 4 slots and with 1
# and 2 OpenMP threads. The SHA-256 of theta must be the same each time, and must differ with
# another seed. Exits with 77 if this machine lacks what the options ask for.
# usage: same_digest.sh MVSGD OPTION... (of mvsgd train)
set -euo pipefail
mvsgd=$1
shift
options=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

digest() { # OMP_NUM_THREADS SLOTS SEED
  rm -rf "$work/run"
  OMP_NUM_THREADS=$1 "$mvsgd" train --preset demo "${options[@]}" --slots "$2" --seed "$3" \
    --width 4 --workers 5 --synthetic-train 200 --synthetic-test 50 --epochs 2 --out "$work/run" \
    >"$work/log" 2>&1 || { local code=$?; cat "$work/log" >&2; exit "$code"; }
  sed -n 's/^sha256(theta) *//p' "$work/log"
}

want=$(digest 1 1 1) || exit $(($? == 3 ? 77 : 1))
[[ $want =~ ^[0-9a-f]{64}$ ]] || { echo "no digest: '$want'"; exit 1; }
for setting in "1 1" "1 2" "1 4" "2 1" "2 2" "2 4"; do
  read -r threads slots <<<"$setting"
  got=$(digest "$threads" "$slots" 1)
  echo "OMP_NUM_THREADS=$threads slots=$slots $got"
  [[ $got == "$want" ]] || { echo "differs from $want"; exit 1; }
done
[[ $(digest 1 1 2) != "$want" ]] || { echo "the seed does not enter the digest"; exit 1; }
