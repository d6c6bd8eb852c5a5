#!/usr/bin/env bash
# reproduce_smoke.sh MVSGD: all fifteen rows of Table 1 on the embedded images. A second call uses
# the trials of the first.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$1" reproduce table1 --scale smoke --out "$out/smoke"
rows=$(grep -cE '^\| S(SGD|M)-[A-Za-z0-9-]+ \| 2 \|' "$out/smoke/table1.md")
[[ $rows == 15 ]] || { echo "$rows complete rows, not 15"; exit 1; }
[[ $(wc -l <"$out/smoke/table1.csv") == 16 ]]

"$1" reproduce table1 --scale smoke --out "$out/smoke" >"$out/again"
grep -q '30 trials, 30 of them finished' "$out/again"
if command -v gnuplot >/dev/null; then
  for figure in 1 2 3 4a 4b; do
    grep -q "id=\"figure$figure\"" "$out/smoke/table1.html"
    "$1" reproduce "figure$figure" --scale smoke --out "$out/smoke" >/dev/null
    grep -q '</svg>' "$out/smoke/figure$figure.svg"
  done
fi
