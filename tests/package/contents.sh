#!/usr/bin/env bash
# contents.sh BUILD CPACK VERSION: packs what BUILD has built, and looks into both packages.
set -euo pipefail
build=$1 cpack=$2 version=$3
for tool in dpkg-deb dpkg-shlibdeps file; do
  command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf '%s\n' "$*"; exit 1; }
# pack DIR: without compression, which takes longer than all else.
pack() {
  SOURCE_DATE_EPOCH=1700000000 "$cpack" --config "$build/CPackConfig.cmake" -B "$1" \
    -D CPACK_DEBIAN_COMPRESSION_TYPE=none >"$work/log" 2>&1 || fail "$(cat "$work/log")"
  rm -r "$1/_CPack_Packages"
}
pack "$work/packages"
cd "$work"
program=(packages/mvsgd_"$version"_*.deb) libraries=(packages/libmvsgd-dev_"$version"_*.deb)
[[ $(ls packages | wc -l) == 2 && -f ${program[0]} && -f ${libraries[0]} ]] || fail "$(ls packages)"
field() { dpkg-deb -f "$1" "$2"; }

# The program: what it depends on is what it is linked with, and it comes with what it says of itself.
dpkg-deb -x "${program[0]}" program
[[ $(field "${program[0]}" Version) == "$version" ]] || fail "version $(field "${program[0]}" Version)"
for library in libc6 libstdc++6 libcurl4 libarchive13 libssl; do
  [[ $(field "${program[0]}" Depends) == *"$library"* ]] || fail "no $library: $(field "${program[0]}" Depends)"
done
[[ $(field "${program[0]}" Description) == 'distributed sparse SGD with majority voting
 The reference'* ]] || fail "$(field "${program[0]}" Description)"
[[ $(field "${program[0]}" Depends) != *-dev* ]] || fail "$(field "${program[0]}" Depends)"
[[ $(cd program && find . -type f | sort) == "./usr/bin/mvsgd
./usr/share/bash-completion/completions/mvsgd
./usr/share/doc/mvsgd/changelog.gz
./usr/share/doc/mvsgd/copyright
./usr/share/man/man1/mvsgd.1.gz" ]] || fail "$(cd program && find . -type f | sort)"
mvsgd=program/usr/bin/mvsgd
[[ $("$mvsgd" --version) == "$version" ]] || fail "not $version: $("$mvsgd" --version)"
cmp <("$mvsgd" man) <(zcat program/usr/share/man/man1/mvsgd.1.gz)
cmp <("$mvsgd" completion bash) program/usr/share/bash-completion/completions/mvsgd
! file "$mvsgd" | grep -q 'not stripped' || fail "the program has its symbols"

# The libraries: no package is wanted by all, the headers are those of the tree, and nothing else.
dpkg-deb -x "${libraries[0]}" libraries
[[ -z $(field "${libraries[0]}" Depends) ]] || fail "depends on $(field "${libraries[0]}" Depends)"
[[ -n $(field "${libraries[0]}" Recommends) ]] || fail "recommends nothing"
[[ -f libraries/usr/lib/cmake/mvsgd/mvsgd-config.cmake ]] || fail "no CMake files"
for library in comm compress data nn nn_lanes sim; do
  [[ -s libraries/usr/lib/libmvsgd_$library.a && -f libraries/usr/lib/cmake/mvsgd/mvsgd-$library.cmake ]] ||
    fail "no $library"
done
[[ -f libraries/usr/include/mvsgd/comm/bit_stream.hpp ]] || fail "no headers"
stray=$(cd libraries && find . -type f ! -path './usr/include/mvsgd/*.hpp' ! -path './usr/lib/libmvsgd_*.a' \
  ! -path './usr/lib/cmake/mvsgd/*.cmake' ! -path './usr/share/doc/libmvsgd-dev/*')
[[ -z $stray ]] || fail "$stray"

# Both: what dpkg --verify compares is right, and nobody but root may write.
for package in program libraries; do
  from=${package}[0]
  dpkg-deb -e "${!from}" "$package/DEBIAN"
  (cd $package && md5sum --quiet -c DEBIAN/md5sums) || fail "$package: other sums"
  [[ $(wc -l <$package/DEBIAN/md5sums) == $(find $package/usr -type f | wc -l) ]] || fail "$package: a file without a sum"
  writable=$(find $package/usr -perm /022)
  [[ -z $writable ]] || fail "writable: $writable"
  [[ $(dpkg-deb -c "${!from}" | awk '{print $2}' | sort -u) == root/root ]] || fail "$package: files of others"
done

# Once more they are the same bytes.
pack "$work/again"
cmp "${program[0]}" "again/${program[0]##*/}"
cmp "${libraries[0]}" "again/${libraries[0]##*/}"
