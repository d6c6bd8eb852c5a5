#!/usr/bin/env bash
# A condensed run, like those of the README's figure, has the figure and the numbers of the whole
# run.
# usage: condensed_run.sh MVSGD CONDENSE
set -euo pipefail
mvsgd=$1
condense=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$*"; exit 1; }

"$mvsgd" train --preset ssgd-mv-ad --workers 2 --synthetic-train 64 --synthetic-test 16 --epochs 3 \
  --backend reference --set width=2 --set batch=4 --set warmup_epochs=1 --out "$work/whole" >"$work/log" 2>&1 ||
  { cat "$work/log"; fail "the run failed"; }
python3 -B "$condense" "$work/whole" "$work/condensed"
[[ $(wc -l <"$work/whole/metrics.jsonl") == 25 ]] || fail "not 24 rounds"
[[ $(wc -l <"$work/condensed/metrics.jsonl") == 4 ]] || fail "not three epochs and an end"

for run in whole condensed; do
  "$mvsgd" report "$work/$run" --figure --format csv >/dev/null
  "$mvsgd" report "$work/$run" --format csv >/dev/null
  # Numbers of the whole run or of its evaluations: test_loss and test_accuracy, with the bits up to
  # then.
  grep -E ',(test_|bits_|kept_by_layer)' "$work/$run/report.csv" >"$work/$run/numbers"
  [[ $(wc -l <"$work/$run/uplink.csv") == 3 ]] || fail "not two points"
done
cmp "$work/whole/uplink.csv" "$work/condensed/uplink.csv" || fail "another curve"
diff "$work/whole/numbers" "$work/condensed/numbers" || fail "other numbers"
