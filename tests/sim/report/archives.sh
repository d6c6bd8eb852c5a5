#!/usr/bin/env bash
# An archive stands for its run: in a report's numbers, figure and table, and as a baseline.
# usage: archives.sh MVSGD DIR, of which DIR has archives of trials
set -euo pipefail
mvsgd=$1
trials=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "$*"; exit 1; }
# refused WORDS ARGUMENT...: exit code 3, a message that has WORDS, and nothing new here.
refused() {
  local words=$1 before code=0
  shift
  before=$(ls -R)
  "$mvsgd" "$@" >/dev/null 2>log.txt || code=$?
  [[ $code == 3 ]] || fail "$*: exit code $code"
  grep -qF -- "$words" log.txt || { cat log.txt; fail "$*: for another reason"; }
  rm log.txt
  [[ $(ls -R) == "$before" ]] || fail "$*: something was left behind"
}

archives=()
directories=()
for name in sm-seed1 ssgd-mv-l4-seed1; do
  archives+=("$trials/$name.tar.xz")
  tar --extract --xz --file "$trials/$name.tar.xz"
  directories+=("$name")
done

"$mvsgd" report "${archives[@]}" --table --out archives.csv >archives.txt
"$mvsgd" report "${directories[@]}" --table --out directories.csv >directories.txt
[[ $(wc -l <archives.csv) -gt 20 ]] || fail "few numbers"
cmp archives.csv directories.csv || fail "other numbers"
# Rows without the runs' paths, nor the blanks behind them.
rows() { sed -nE 's/^[^ ]*seed1[^ ]* +//p' "$1"; }
[[ $(rows archives.txt | wc -l) == 2 ]] || fail "not two rows"
diff <(rows archives.txt) <(rows directories.txt) || fail "another table"
for archive in "${archives[@]}"; do grep -qF "$archive " archives.txt || fail "$archive is not named"; done

"$mvsgd" report "${archives[1]}" --figure --format csv >/dev/null
cmp uplink.csv <("$mvsgd" report "${directories[1]}" --figure --out points.csv >/dev/null; cat points.csv) ||
  fail "another figure"

# One whose numbers are others is drawn, and marked.
sed -i '2s/"loss":[0-9.]*/"loss":9.5/' ssgd-mv-l4-seed1/metrics.jsonl
tar --create --xz --file altered.tar.xz ssgd-mv-l4-seed1/*
code=0
"$mvsgd" report altered.tar.xz --table --format csv >altered.txt 2>/dev/null || code=$?
[[ $code == 1 ]] || fail "altered: exit code $code"
grep -q 'WRONG' altered.txt || { cat altered.txt; fail "it is not marked"; }

"$mvsgd" train --preset demo-sm --rounds 1 --synthetic-train 64 --synthetic-test 16 --baseline "${archives[0]}" >train.txt
grep -qE "^baseline +[0-9.]+ % with 'sm'" train.txt || { cat train.txt; fail "no baseline"; }

refused "sm-seed1.tar.xz: a condensed run has no bits of each round" report "${archives[0]}" --network lan
refused "sm-seed1.tar.xz: the run is condensed already" report "${archives[0]}" --condense into
refused "train.txt: no tar.xz" report train.txt
refused "train.txt: no tar.xz" train --preset demo-sm --baseline train.txt
