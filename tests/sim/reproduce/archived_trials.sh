#!/usr/bin/env bash
# archived_trials.sh MVSGD: trials travel as archives. They are taken where settings fit, refused
# with a reason where not, held by verify, and run again to the same digests.
set -euo pipefail
mvsgd=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$*"; cat "$work/log"; exit 1; }
# reproduce OUT ARGUMENTS...: two rows, two trials each
reproduce() {
  local out=$1
  shift
  "$mvsgd" reproduce table1 --scale smoke --rows sm,ssgd-mv-ad-l4-q --archive "$work/archive" \
    --out "$work/$out" "$@" >"$work/log" 2>&1
}

reproduce here || fail "it failed"
grep -q "^0 trials taken from $work/archive/smoke$" "$work/log" || fail "something was taken from nowhere"
[[ $(find "$work/archive/smoke" -name '*.tar.xz' | wc -l) == 4 ]] || fail "not four archives"
for archive in "$work"/archive/smoke/*; do
  [[ $(stat -c %s "$archive") -lt 50000 ]] || fail "$archive is large"
  "$mvsgd" verify "$archive" >"$work/log" || fail "$archive does not hold"
done

# On another machine nothing is trained.
reproduce there || fail "it failed"
grep -q '^4 trials taken' "$work/log" || fail "not all taken"
grep -q '4 trials, 4 of them finished' "$work/log" || fail "not all finished"
cmp "$work/here/table1.csv" "$work/there/table1.csv" || fail "another table"

# Rows may be spelt as the paper does.
"$mvsgd" reproduce table1 --scale smoke --rows SM,SSGD-MV-AD-L4-Q --archive "$work/archive" \
  --out "$work/there" >"$work/log" 2>&1 || fail "the paper's spelling is not taken"
grep -q '4 trials, 4 of them finished' "$work/log" || fail "other rows"

# Several processes may take the same trials at once, and write the same tables.
pids=()
for i in {1..6}; do
  "$mvsgd" reproduce table1 --scale smoke --rows sm,ssgd-mv-ad-l4-q --archive "$work/archive" \
    --out "$work/together" >"$work/log.$i" 2>&1 &
  pids+=($!)
done
for i in {1..6}; do
  wait "${pids[$((i - 1))]}" || { cp "$work/log.$i" "$work/log"; fail "one of several failed"; }
  if grep 'not used' "$work/log.$i" >"$work/log"; then fail "one of several is in another's way"; fi
done
grep -h 'taken from' "$work"/log.? >"$work/log"
[[ $(awk '{ sum += $1 } END { print sum }' "$work/log") == 4 ]] || fail "not four taken by all"
cmp "$work/here/table1.csv" "$work/together/table1.csv" || fail "another table of several"
ls -A "$work/together/runs" >"$work/log"
[[ $(wc -l <"$work/log") == 4 ]] || fail "something is left beside the trials"

# altered NAME COMMAND...: an archive of sm-seed1, alone in a directory NAME, of whose folder COMMAND
# has altered a file, is not used, and a trial without it is run.
altered() {
  local name=$1
  shift
  mkdir -p "$work/$name/smoke" "$work/$name/files"
  tar xJf "$work/archive/smoke/sm-seed1.tar.xz" -C "$work/$name/files"
  (cd "$work/$name/files/sm-seed1" && "$@")
  (cd "$work/$name/files" && tar cJf "$work/$name/smoke/sm-seed1.tar.xz" --no-recursion sm-seed1/*)
  "$mvsgd" reproduce table1 --scale smoke --trials 1 --rows sm --archive "$work/$name" \
    --out "$work/$name/out" >"$work/log" 2>&1 || fail "$name: it failed"
  grep -q '^0 trials taken' "$work/log" || fail "$name: it is taken"
  grep -q "not used: $work/$name/smoke/sm-seed1.tar.xz: $reason" "$work/log" || fail "$name: no reason"
  cut -d, -f1-4 "$work/$name/out/table1.csv" | cmp - "$work/accuracy" || fail "$name: another table"
}
"$mvsgd" reproduce table1 --scale smoke --trials 1 --rows sm --archive "$work/archive" --out "$work/alone" \
  >"$work/log" 2>&1 || fail "it failed"
cut -d, -f1-4 "$work/alone/table1.csv" >"$work/accuracy"
reason='metrics.jsonl: the last line, of the end, is missing'
altered empty truncate -s 0 metrics.jsonl
altered endless sed -i '$d' metrics.jsonl
reason='metrics.jsonl:1: '
altered garbled sed -i '1s/.*/garbage/' metrics.jsonl
reason='ledger.csv:'
altered ledger sed -i '$aletters' ledger.csv
reason='metrics.jsonl: .*test_accuracy'
altered better sed -i '$s/"test_accuracy":[0-9.]*/"test_accuracy":0.99/' metrics.jsonl

# Archives of other settings stay where they are.
reproduce wide --width 3 --trials 1 --rows sm || fail "it failed"
grep -q 'not used: .*sm-seed1.tar.xz: width = [0-9]* there, 3 here' "$work/log" || fail "no reason"
"$mvsgd" verify "$work/archive/smoke/sm-seed1.tar.xz" >"$work/log" || fail "overwritten"

# So are the digests of the rounds up to the first evaluation.
reproduce there --rerun 2 --rerun-evaluations 1 || fail "other first digests"
[[ $(grep -c ': 1 digests to round [0-9]*, [0-9a-f]\{64\} the last, as before' "$work/log") == 2 ]] ||
  fail "not two beginnings compared"

# Run again, the digests are the same.
reproduce there --rerun 2 || fail "other digests"
[[ $(grep -c ': digest [0-9a-f]\{64\}, as before' "$work/log") == 2 ]] || fail "not two compared"
for metrics in "$work"/there/reruns/*-seed[12]/metrics.jsonl; do
  rm -r "$(dirname "$metrics")/checkpoint"
  run=$(basename "$(dirname "$metrics")")
  sed -i '0,/"theta_sha256":"[0-9a-f]*"/s//"theta_sha256":"'"$(printf '0%.0s' {1..64})"'"/' \
    "$work/there/runs/$run/metrics.jsonl"
done
if reproduce there --rerun 2 --rerun-evaluations 1; then fail "another first digest passes"; fi
if reproduce there --rerun 2; then fail "another digest passes"; fi
grep -q 'another digest first after round' "$work/log" || fail "the round is not named"

# What is no plain file is not waited for, nor is a directory that is no trial overwritten.
rm "$work"/archive/smoke/sm-seed1.tar.xz
mkfifo "$work/archive/smoke/sm-seed1.tar.xz"
mkdir -p "$work/odd/runs/sm-seed1"
echo >"$work/odd/runs/sm-seed1/letter"
if reproduce odd --trials 1 --rows sm; then fail "another's directory is taken"; fi
grep -q 'not used: .*sm-seed1.tar.xz: no plain file' "$work/log" || fail "a pipe is read"
grep -q 'sm-seed1: exists and is not an empty directory' "$work/log" || fail "another reason"
[[ $(ls "$work/odd/runs/sm-seed1") == letter ]] || fail "something is added to a directory of others"

# Nothing to run again is no comparison that holds.
code=0
"$mvsgd" reproduce table1 --scale smoke --rows top-k --trials 1 --archive "$work/archive" --out "$work/none" \
  --rerun 1 >"$work/log" 2>&1 || code=$?
[[ $code == 2 ]] || fail "--rerun of nothing: exit $code"
grep -q -- '--rerun: of 1 trial none has finished' "$work/log" || fail "another reason"

# Where there is no room for what an archive has, no trial is trained in its place.
code=0
(
  trap '' XFSZ
  ulimit -f 1
  "$mvsgd" reproduce table1 --scale smoke --rows ssgd-mv-ad-l4-q --trials 1 --archive "$work/archive" \
    --out "$work/full" >"$work/log" 2>&1
) || code=$?
[[ $code == 3 ]] || fail "no room: exit $code"
grep -q 'full/runs/.mvsgd-.*: File too large' "$work/log" || fail "no reason"
if grep -q 'not used' "$work/log"; then fail "the archive is to blame"; fi
[[ ! -e $work/full/runs ]] || fail "a trial was begun"

# An archive that cannot be written is noticed before anything is trained.
echo >"$work/letter"
code=0
"$mvsgd" reproduce table1 --scale smoke --rows sm --trials 1 --archive "$work/letter" --out "$work/early" \
  >"$work/log" 2>&1 || code=$?
[[ $code == 3 ]] || fail "exit $code"
grep -q 'letter/smoke: Not a directory' "$work/log" || fail "another reason"
[[ ! -e $work/early/runs || -z $(ls "$work/early/runs") ]] || fail "a trial was begun"
