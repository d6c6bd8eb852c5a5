#!/usr/bin/env bash
# Standard output has only the program's own lines, whatever a library prints there.
# usage: standard_output.sh MVSGD
set -euo pipefail
mvsgd=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work"/log* 2>/dev/null || true; exit 1; }

"$mvsgd" info | grep -q onednn || { echo "without oneDNN"; exit 77; }
train=("$mvsgd" train --preset sm --backend onednn --width 2 --batch 8 --synthetic-train 64 --synthetic-test 16
  --rounds 2 --slots 1 --out)
# Times differ from run to run, and what the program has resident.
timeless() {
  sed -E 's/[0-9.]+ images\/s/R/; s/[0-9]+:[0-9]+/T/g; s/[0-9.]+ %/P/g; s/in .*(quiet|loud)$/in D/
    /^memory/s/[0-9.]+ [kM]B/B/g' "$1"
}
"${train[@]}" "$work/quiet" >"$work/log.quiet" 2>"$work/err.quiet" || fail "exit $?"
DNNL_VERBOSE=1 ONEDNN_VERBOSE=1 "${train[@]}" "$work/loud" >"$work/log.loud" 2>"$work/err.loud" || fail "exit $?"
grep -q "^dnnl_verbose\|^onednn_verbose" "$work/err.loud" || fail "oneDNN has printed nothing, so nothing is shown"
! grep -q "verbose" "$work/log.loud" || fail "a library's lines are between those of the program"
diff <(timeless "$work/log.quiet") <(timeless "$work/log.loud") || fail "other lines"
grep -q "^sha256(theta)" "$work/log.loud" || fail "the end is missing"
