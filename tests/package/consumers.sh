#!/usr/bin/env bash
# consumers.sh: run by clean_roots.sh as root of a clean Debian, in whose /package-test the packages are.
# Projects that need mvsgd::comm alone and mvsgd::compress alone are built where nothing is that the
# other libraries need; then, with what libmvsgd-dev recommends, one that needs them all.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /package-test
fail() { printf '%s\n' "$*"; exit 1; }
# install PACKAGE...
install() { apt-get install -y -qq --no-install-recommends "$@" >install.log 2>&1 || fail "$(cat install.log)"; }
# build FOLDER PROGRAM: and runs it.
build() {
  cmake -S "$1" -B "build/$2" -DCMAKE_BUILD_TYPE=Release >"$2.log" 2>&1 || fail "$(cat "$2.log")"
  cmake --build "build/$2" >"$2.log" 2>&1 || fail "$(cat "$2.log")"
  "build/$2/$2" || fail "$2: exit code $?"
  echo "$2: built, and good"
}

apt-get update -qq
recommended=$(dpkg-deb -f libmvsgd-dev_*.deb Recommends | sed 's/ *|[^,]*//g; s/,//g')
# A root that is used again.
apt-get purge -y -qq --autoremove $recommended libcli11-dev libboost-dev >install.log 2>&1 || true
install g++ cmake make ./libmvsgd-dev_*.deb
for header in curl/curl.h archive.h openssl/ssl.h CLI/CLI.hpp dnnl.hpp fmt/format.h; do
  there=$(find /usr/include -path "*/$header")
  [[ -z $there ]] || fail "this root has $there"
done
build consumer/comm comm_alone
build consumer/compress compress_alone

# A component without its packages names them.
mkdir -p wants_data
cat >wants_data/CMakeLists.txt <<'TEXT'
cmake_minimum_required(VERSION 3.25)
project(wants_data LANGUAGES CXX)
find_package(mvsgd REQUIRED COMPONENTS data)
TEXT
! cmake -S wants_data -B build/wants_data >data.log 2>&1 || fail "data is found without its packages"
tr -s ' \n' ' ' <data.log | grep -q 'component data needs packages that were not found: CURL, LibArchive, OpenSSL' || fail "$(cat data.log)"
echo "data: refused, and says why"

install $recommended
build consumer consumer
