#!/usr/bin/env bash
# usage_in_readme.sh MVSGD README: the README's usage has every command, and of each every option
# that --help lists, and none besides. --key stands for all settings.
set -uo pipefail
mvsgd=$1
usage=$(sed -n '/^mvsgd train /,/^```$/p' "$2" | sed '/^```$/,$d')
faults=0
say() {
  echo "$*"
  faults=$((faults + 1))
}
# A command's lines: those that begin with it, and what is indented below them.
of() { awk -v begin="mvsgd $1" '/^mvsgd/ { on = $1 " " $2 == begin } on' <<<"$usage"; }
# The words that begin the lines of a part of --help.
begins() { sed -n "/^$1:/,/^\$/p" | grep -oE '^  [-a-z][-a-z_,]*' | tr ',' '\n' | tr -d ' '; }
options() { grep -oE -- '--[a-z][a-z_-]*' | sort -u; }

commands=$("$mvsgd" --help | begins Subcommands)
[[ $(wc -w <<<"$commands") -gt 8 ]] || say "few commands: $commands"
for command in $commands; do
  lines=$(of "$command")
  [[ -n $lines ]] || say "no usage of $command"
  help=$("$mvsgd" "$command" --help)
  for name in $(begins Subcommands <<<"$help"); do
    grep -qE "(^| )$name( |$)" <<<"$lines" || say "no usage of $command $name"
    help+=$'\n'$("$mvsgd" "$command" "$name" --help)
  done
  listed=$(begins Options <<<"$help" | options | grep -vx -- --help)
  keys=$(begins Settings <<<"$help" | options)
  [[ -z $keys ]] || keys+=$'\n--key'
  for option in $listed ${keys:+--key}; do
    grep -qE -- "$option([] ]|$)" <<<"$lines" || say "$command: the usage lacks $option"
  done
  for option in $(options <<<"$lines"); do
    grep -qx -- "$option" <<<"$listed"$'\n'"$keys" || say "$command: there is no $option"
  done
done
exit $((faults > 0))
