#!/usr/bin/env bash
# completion.sh MVSGD: bash completes words with what the program knows.
set -euo pipefail
source <("$1" completion bash)
compopt() { :; }  # works only in a shell that completes

# offers WORD... EXPECTED: EXPECTED is among the completions of the last WORD, which may be empty.
offers() {
  local expected=${*: -1}
  COMP_WORDS=(mvsgd "${@:1:$#-1}")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _mvsgd
  printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -- "$expected" ||
    { echo "after ${COMP_WORDS[*]}: ${COMPREPLY[*]}, and not $expected"; exit 1; }
}
offers tr train
offers '' verify
offers train --tensor --tensorboard
offers train --preset ssgd-mv-a ssgd-mv-ad-l4-q
offers train --set local local_steps=
offers data fe fetch
offers data fetch --u --url
offers presets dem demo
offers report --form --format
