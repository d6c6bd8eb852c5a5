#!/usr/bin/env bash
# trials_in_tree.sh MVSGD TRIALS README CLAIMS: the archives of TRIALS hold; the first rounds of those of smoke have
# their digests here; so has one of cpu, if MVSGD_CIFAR10 names the real images; and the tables and figures of cpu drawn
# from them are those of the two pages.
set -euo pipefail
mvsgd=$1 trials=$2 readme=$3 claims=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$*"; cat "$work/log"; exit 1; }

cp -r "$trials" "$work/trials" # reproduce adds to it
count=0
while read -r archive; do
  "$mvsgd" verify "$archive" >"$work/log" || fail "$archive does not hold"
  count=$((count + 1))
done < <(find "$work/trials" -name '*.tar.xz' | sort)
echo "$count archives hold"
[[ $count -gt 0 ]] || fail "no archives"

# rerun SCALE COUNT ARGUMENTS...: the first rounds of COUNT trials again
rerun() {
  local scale=$1 count=$2
  shift 2
  "$mvsgd" reproduce table1 --scale "$scale" --archive "$work/trials" --out "$work/$scale" --rerun "$count" \
    --rerun-evaluations 1 "$@" >"$work/log" 2>&1 || fail "$scale: other digests"
  [[ $(grep -c ': 1 digests to round [0-9]*, [0-9a-f]\{64\} the last, as before' "$work/log") == "$count" ]] ||
    fail "$scale: not $count compared"
  grep 'as before' "$work/log"
}

smoke=("$work"/trials/smoke/*.tar.xz)
rerun smoke "${#smoke[@]}"
shopt -s nullglob
cpu=("$work"/trials/cpu/*.tar.xz)
if [[ ${#cpu[@]} == 0 ]]; then
  echo "no trials of cpu"
  exit
fi
if [[ -n ${MVSGD_CIFAR10:-} ]]; then rerun cpu 1 --data "$MVSGD_CIFAR10" --trials 3; fi

# drawn EXHIBIT PAGE: each line of the exhibit's table stands in the page, if the page has one of this title. So do its
# caption and its notes, however the page wraps them, but for the extensions, whose page tells more.
drawn() {
  local exhibit=$1 page=$2 title
  "$mvsgd" reproduce "$exhibit" --scale cpu --archive "$work/trials" --out "$work/drawn" --trials 3 "${@:3}" \
    >"$work/log" 2>&1 || grep -q gnuplot "$work/log" || fail "$exhibit is not drawn"
  title=$(head -n 1 "$work/drawn/$exhibit.md")
  if ! grep -qxF "$title" "$page"; then
    echo "$page has no table '$title'"
    return
  fi
  while IFS= read -r line; do
    grep -qxF -- "$line" "$page" || fail "$page lacks: $line"
  done < <(grep '^|' "$work/drawn/$exhibit.md")
  if [[ $exhibit != extensions ]]; then
    while IFS= read -r line; do
      grep -qF -- "$line" <(tr -s ' \n' ' ' <"$page") || fail "$page lacks: $line"
    done < <(grep -v -e '^|' -e '^#' -e '^$' "$work/drawn/$exhibit.md")
  fi
  echo "$page has the table of $exhibit"
}
drawn extensions "$readme"
drawn claims "$claims"
# same FILE: one that stands in the tree is the one that is drawn, by the same gnuplot
same() {
  local drawn
  drawn=$work/drawn/$(basename "$1")
  if [[ $(grep '<desc>' "$1") != "$(grep '<desc>' "$drawn")" ]]; then
    echo "$1 is of another gnuplot"
  else
    cmp -s "$1" "$drawn" || fail "$1 is not the one that is drawn"
    echo "$1 is drawn of the trials"
  fi
}
for plot in "$(dirname "$claims")"/*-{epoch,H}.svg; do
  if command -v gnuplot >/dev/null; then same "$plot"; fi
done
# draws NAME COUNT: the figure, of COUNT trials a row
draws() {
  "$mvsgd" reproduce "$1" --scale cpu --archive "$work/trials" --out "$work/drawn" --trials "$2" >"$work/log" 2>&1
}
# The figures beside the page are drawn of three trials a row, or of seed 1 where there are not as many.
for figure in "$(dirname "$readme")"/figure*.svg; do
  name=$(basename "$figure" .svg)
  if draws "$name" 3 || draws "$name" 1; then
    same "$figure"
  else
    grep -q gnuplot "$work/log" || fail "$name is not drawn"
  fi
done
# A figure that lacks a row, here the last of figure 4a, is none of the table's page.
"$mvsgd" reproduce table1 --scale cpu --archive "$work/trials" --trials 1 --rows sm,top-k,ssgd-mv-ad-l4-q \
  --out "$work/three" >"$work/log" 2>&1 || grep -q gnuplot "$work/log" || fail "three rows are not drawn"
if grep -q 'id="figure' "$work/three/table1.html"; then fail "a figure without a row is on the page"; fi
rows=()
while read -r row; do
  [[ -e $work/trials/cpu/$row-seed2.tar.xz && -e $work/trials/cpu/$row-seed3.tar.xz ]] && rows+=("$row")
done < <(for archive in "$work"/trials/cpu/*-seed1.tar.xz; do basename "$archive" -seed1.tar.xz; done |
  grep -vE '^modern-|-no-memory$')
if [[ ${#rows[@]} -gt 0 ]]; then drawn table1 "$readme" --rows "$(IFS=,; echo "${rows[*]}")"; fi
