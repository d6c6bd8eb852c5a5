#!/usr/bin/env bash
# program.sh: run by clean_roots.sh as root of a clean Debian, in whose /package-test the packages are.
# The program is installed without a compiler, verifies, trains, and is found by man and by bash.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /package-test
fail() { printf '%s\n' "$*"; exit 1; }

apt-get update -qq
apt-get install -y -qq --no-install-recommends ./mvsgd_*.deb >install.log 2>&1 || fail "$(cat install.log)"
for tool in cc c++ gcc g++ clang cmake make ld; do
  ! command -v "$tool" >/dev/null || fail "this root has $tool"
done
[[ -z $(find / -xdev -path /proc -prune -o -name '*-dev' -path '/usr/share/doc/*' -print) ]] || fail "this root has development packages"

mvsgd --version
mvsgd verify >verify.txt || fail "$(grep -v ' ok' verify.txt)"
grep -c '^ok' verify.txt
rm -rf run
mvsgd train --preset demo --out run
mvsgd verify run

# The page is found by man, in the words of the program.
apt-get install -y -qq --no-install-recommends man-db bash-completion >install.log 2>&1 || fail "$(cat install.log)"
mandb -q
[[ $(man -w mvsgd) == /usr/share/man/man1/mvsgd.1.gz ]] || fail "man -w: $(man -w mvsgd)"
page=$(MANWIDTH=80 man --warnings mvsgd 2>man.err)
[[ ! -s man.err ]] || fail "$(cat man.err)"
grep -q 'mvsgd train' <<<"$page" || fail "$page"
whatis mvsgd | grep -q 'Distributed sparse SGD' || fail "whatis: $(whatis mvsgd)"

# An interactive shell loads the completions when they are first wanted: a terminal's tab.
offered=$(
  bash --norc -c '
    source /usr/share/bash-completion/bash_completion
    ! complete -p mvsgd 2>/dev/null || exit 1
    _completion_loader mvsgd
    complete -p mvsgd
    COMP_WORDS=(mvsgd train --preset demo-a) COMP_CWORD=3
    _mvsgd
    echo "${COMPREPLY[@]}"'
)
[[ $offered == 'complete -F _mvsgd mvsgd
demo-ad' ]] || fail "completions: $offered"

# And it goes without a trace.
apt-get purge -y -qq mvsgd >install.log 2>&1 || fail "$(cat install.log)"
left=$(find /usr /etc /var/lib/dpkg/info -name '*mvsgd*')
[[ -z $left ]] || fail "left behind: $left"
