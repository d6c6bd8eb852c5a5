#!/usr/bin/env bash
# terminal.sh MVSGD: only terminals that know escape sequences get colours and a bar that is
# redrawn, and no colours if NO_COLOR is set. Everything else gets plain lines.
set -euo pipefail
mvsgd=$1
command -v script >/dev/null || { echo "no script"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset NO_COLOR
export TERM=xterm
escape=$'\x1b'
red="$escape[1;31m" yellow="$escape[1;33m" redraw=$'\r'"$escape[K"

wrong=(verify "$work/none")  # an error, at once
train=(train --preset ssgd-mv --workers 2 --synthetic-train 64 --synthetic-test 16 --epochs 4
  --backend reference --width 2 --batch 8 --out "$work/run" --dump-wire "$work/wire" --dump-rounds 99)

# on_terminal ARG...: sets `shown` to what a terminal of 50 columns gets from mvsgd ARG...
on_terminal() {
  rm -rf "$work/run"
  shown=$(script -qec "stty cols 50; $(printf '%q ' "$mvsgd" "$@"); true" /dev/null </dev/null)
}
has() { [[ $shown == *"$1"* ]] || { printf 'no %q in:\n%q\n' "$1" "$shown"; exit 1; }; }
lacks() { [[ $shown != *"$1"* ]] || { printf '%q in:\n%q\n' "$1" "$shown"; exit 1; }; }

on_terminal "${wrong[@]}"
[[ $shown == "${red}mvsgd:"* ]] || { printf 'no red at the start: %q\n' "$shown"; exit 1; }
NO_COLOR='' on_terminal "${wrong[@]}"
has "$red"
NO_COLOR=1 on_terminal "${wrong[@]}"
lacks "$escape"
TERM=dumb on_terminal "${wrong[@]}"
lacks "$escape"

on_terminal "${train[@]}"
has "${yellow}warning:"
has "${redraw}["
while IFS= read -r bar; do
  ((${#bar} < 50)) || { echo "wider than the terminal: $bar"; exit 1; }
done < <(grep -oE "\[[#.]{8}\] round [^$escape"$'\r]*' <<<"$shown")
NO_COLOR=1 on_terminal "${train[@]}"
lacks "$yellow"
has "mvsgd: warning:"
has "$redraw"
TERM=dumb on_terminal "${train[@]}"
lacks "$escape"
has "mvsgd: warning:"
has "round 1/"
(unset TERM && on_terminal "${train[@]}" && lacks "$escape" && has "round 1/")

rm -rf "$work/run"
shown=$("$mvsgd" "${train[@]}" 2>&1)
lacks "$escape"
lacks $'\r'
has "mvsgd: warning:"
