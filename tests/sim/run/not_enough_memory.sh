#!/usr/bin/env bash
# A run for which there is too little memory is refused before it begins, and leaves nothing behind.
# usage: not_enough_memory.sh MVSGD
set -euo pipefail
mvsgd=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "$*"; cat err; exit 1; }

if grep -qE "__[at]san_init" "$mvsgd"; then echo "a sanitizer maps more than any limit"; exit 77; fi

# refused LIMIT KIBIBYTES COMMAND...
refused() {
  local limit=$1 kibibytes=$2 code=0
  shift 2
  (ulimit "$limit" "$kibibytes"; exec "$@") >out 2>err || code=$?
  [[ $code == 3 ]] || fail "exit $code, not 3: $*"
  grep -q "not enough memory: ulimit $limit leaves [0-9.]* [MG]B, and this run needs [0-9.]* [MG]B: " err ||
    fail "does not say which limit leaves how much"
  [[ $(wc -l <err) == 1 ]] || fail "more than one line"
  [[ $(ls) == $'err\nout' ]] || fail "leaves $(ls)"
}

large=(train --width 64 --workers 30 --synthetic-train 300 --synthetic-test 16 --rounds 1)
refused -v 2000000 "$mvsgd" "${large[@]}" --out run
grep -q "30 workers of [0-9]* MB, [0-9]* slots\? of [0-9]* MB, server [0-9.]* MB" err || fail "no parts"
grep -q "fewer workers or slots, a smaller width or batch" err || fail "does not say what needs less"
refused -d 1000000 "$mvsgd" "${large[@]}"
refused -v 2000000 "$mvsgd" reproduce table1 --scale smoke --rows ssgd-mv --width 64 --batch 64 --out tables

# A small one is not.
(ulimit -v 2000000; "$mvsgd" train --width 2 --workers 2 --slots 1 --batch 4 --synthetic-train 40 \
  --synthetic-test 16 --rounds 2 --warmup-epochs 0 --quiet --out small) 2>err || fail "the small one is refused"
[[ -e small/model.safetensors ]] || fail "the small one has not ended"
