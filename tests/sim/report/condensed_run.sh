#!/usr/bin/env bash
# A condensed run, like those in sim/report/uplink, has the figure and the numbers of the whole
# run.
# usage: condensed_run.sh MVSGD
set -euo pipefail
mvsgd=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$*"; exit 1; }

"$mvsgd" train --preset ssgd-mv-ad --workers 2 --synthetic-train 64 --synthetic-test 16 --epochs 3 \
  --backend reference --set width=2 --set batch=4 --set warmup_epochs=1 --out "$work/whole" >"$work/log" 2>&1 ||
  { cat "$work/log"; fail "the run failed"; }
"$mvsgd" report "$work/whole" --condense "$work/condensed" >/dev/null
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

# In a table it has as many rounds.
for run in whole condensed; do
  "$mvsgd" report "$work/$run" --table --format csv >"$work/$run/table"
  grep -q ' equal to eqs 13-15 in 24 rounds ' "$work/$run/table" || fail "$run: not 24 rounds in a table"
done

"$mvsgd" verify "$work/condensed" >"$work/log" || { cat "$work/log"; fail "it does not hold"; }
for file in ledger.csv metrics.jsonl; do
  grep -q "$file" "$work/log" || fail "nothing was held of $file"
done
if "$mvsgd" report "$work/condensed" --condense "$work/twice" 2>"$work/log"; then fail "condensed twice"; fi
grep -q 'condensed already' "$work/log" || { cat "$work/log"; fail "for another reason"; }
[[ ! -e $work/twice ]] || fail "something was left behind"

# It has not ended, and does not hold, without its lines.
: >"$work/condensed/metrics.jsonl"
if "$mvsgd" verify "$work/condensed" >"$work/log" 2>&1; then fail "it holds without a line"; fi
grep -q 'the last line, of the end, is missing' "$work/log" || { cat "$work/log"; fail "another fault"; }
