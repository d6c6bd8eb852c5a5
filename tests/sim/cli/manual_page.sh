#!/usr/bin/env bash
# manual_page.sh MVSGD: groff formats the manual page without a warning. The page has commands,
# options, keys, exit codes and every example of --help.
set -euo pipefail
mvsgd=$1
command -v groff >/dev/null || { echo "no groff"; exit 77; }
page=$("$mvsgd" man)
warnings=$(groff -man -Tascii -ww -z <<<"$page" 2>&1)
[[ -z $warnings ]] || { echo "$warnings"; exit 1; }
text=$(groff -man -Tascii -P-cbou <<<"$page")
for word in 'mvsgd train' 'mvsgd data fetch' 'mvsgd report' '--log-level LEVEL' '--tensorboard' \
  '--local-steps VALUE' 'mvsgd presets ssgd-mv-l4 > mine.toml' 'NO_COLOR' '4 the run failed'; do
  grep -qF -- "$word" <<<"$text" || { echo "the page lacks: $word"; exit 1; }
done
examples=0
while read -ra command; do
  while IFS= read -r example; do
    grep -qF -- "$example" <<<"$text" || { echo "the page lacks: $example"; exit 1; }
    examples=$((examples + 1))
  done < <("$mvsgd" "${command[@]}" --help | grep '^  mvsgd ')
done < <(sed -n 's/^\.B mvsgd //p' <<<"$page")
((examples > 20)) || { echo "$examples examples"; exit 1; }
