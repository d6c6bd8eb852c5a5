#!/usr/bin/env bash
# completion.sh MVSGD: bash completes words with what the program takes there, and with nothing else.
# Lines are given as bash cuts them.
set -euo pipefail
source <("$1" completion bash)
mvsgd=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compopt() { options=$*; }  # works only in a shell that completes
mkdir -p "$work/runs/demo-seed1" "$work/runs/demo-seed2" "$work/rest"
touch "$work/runs/mine.toml" "$work/reply.csv"
cd "$work"

# complete_words WORD...: what is offered for the last WORD, as `replies`, sorted.
complete_words() {
  COMP_WORDS=(mvsgd "$@")
  COMP_CWORD=$#
  COMPREPLY=()
  options=
  _mvsgd
  replies=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
}
# offers WORD... : EXPECTED...: just these are offered.
offers() {
  local -a words=()
  while [[ $1 != : ]]; do words+=("$1"); shift; done
  shift
  complete_words "${words[@]}"
  local expected
  expected=$(printf '%s\n' "$@" | sort)
  [[ $replies == "$expected" ]] || { printf 'after %s:\n%s\n\nnot:\n%s\n' "${words[*]}" "$replies" "$expected"; exit 1; }
}
# has WORD... EXPECTED: EXPECTED is among what is offered.
has() {
  complete_words "${@:1:$#-1}"
  grep -qxF -- "${*: -1}" <<<"$replies" || { echo "after ${COMP_WORDS[*]}: $replies, and not ${*: -1}"; exit 1; }
}

# Commands.
offers '' : completion data evaluate info man presets report reproduce train verify
offers r : report reproduce
offers --log-level warn data '' : check fetch split synthesize
offers -q ver : verify
offers nonsense '' :

# Options: those of the command, and of the program.
offers train --ten : --tensorboard
offers train --local : --local-steps
offers train --set phi=0.1 rounds=2 --dump- : --dump-rounds --dump-wire
offers verify -- : --help --json --log-level --quiet
offers -- : --help --log-level --quiet --version
offers data fetch --u : --url
offers report --f : --figure --format

# Words that an option takes, in every way to write it.
offers train --preset ssgd-mv-ad-l8 : ssgd-mv-ad-l8 ssgd-mv-ad-l8-q ssgd-mv-ad-l8-q-min
offers presets demo : demo demo-ad demo-sm
offers presets demo '' :
offers train --tie-break '' : index random
offers train --tie_break '' : index random
offers train --tie-break = : index random
offers train --tie-break = i : index
offers train --set tie_break = r : random
offers train --set phi = 0.1 tie_break = : index random
offers train --augment '' : false true
offers train --bn-eval '' : average batch recompute
offers evaluate --bn-eval re : recompute
offers train --value-bits 3 : 3 32
offers train --quantizer '' : bfloat16 float16 fractional scaled-sign
offers report --format '' : csv html pdf png
offers report --log-level '' : debug error info warn
offers --log-level '' : debug error info warn
offers reproduce figure : figure1 figure2 figure3 figure4a figure4b
offers reproduce table1 --scale '' : cpu paper smoke
offers completion '' : bash
for scheme in mv mv-ad mv-rs; do has train --scheme '' "$scheme"; done
while read -r backend _; do has train --backend '' "$backend"; done < <("$mvsgd" info | sed -n 's/^  \(lanes\|onednn\|reference\|cuda\) .*/\1/p')
has train --backend '' reference

# Settings by name, with what each takes behind its =.
offers train --set mask : mask_codec= mask_metrics=
[[ $options == '-o nospace' ]] || { echo "a blank behind a setting's ="; exit 1; }
offers train --set phi=0.1 mask : mask_codec= mask_metrics=
offers reproduce table1 --rows ssgd-mv,sm : ssgd-mv,sm

# Numbers are nobody's to guess, and not files.
offers train --workers '' :
offers train --set workers = :
offers train '' :

# Paths: files, directories, and the words beside them.
offers train --config r : reply.csv rest runs
offers train --config runs/m : runs/mine.toml
offers train --out r : rest runs
offers train --resume runs/ : runs/demo-seed1 runs/demo-seed2
offers report runs/demo-seed1 runs/demo-seed : runs/demo-seed1 runs/demo-seed2
offers report --out re : reply.csv rest
offers verify runs/demo-seed1 '' :
offers data check re : rest
offers train --data '' : rest runs synthetic
offers train --set data = r : rest runs
offers train --init r : random reply.csv rest runs
offers report --network '' : lan lte reply.csv rest runs wan
offers verify --json r : reply.csv rest runs
[[ $options == '-o filenames'* ]] || { echo "a path's options: $options"; exit 1; }

# A shell that does not cut at = gets the whole word back.
COMP_WORDBREAKS=${COMP_WORDBREAKS//=/}
offers train --tie-break=i : --tie-break=index
offers train --set tie_break=r : tie_break=random
offers train --set=tie_break=r : --set=tie_break=random
