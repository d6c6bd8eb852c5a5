#!/usr/bin/env bash
# manual_page.sh MVSGD: groff formats the manual page without a warning, and it has every command,
# option, key and exit code.
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
