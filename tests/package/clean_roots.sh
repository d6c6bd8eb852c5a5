#!/usr/bin/env bash
# Installs the packages that ./dev package has made on two machines that have nothing else, clean Debian
# roots in DIR: `program` has no compiler, and `consumers` none of the packages that the libraries need.
# usage, as root: tests/package/clean_roots.sh DIR [program] [consumers]
#                 (both: minutes; 1.6 GB; a root that is there is used again)
#
# ../shared/tools/fresh-debian makes and enters the roots where it is; elsewhere debootstrap makes them,
# from DEBIAN_MIRROR if that is set.
set -euo pipefail
roots=$(realpath -m "${1:?usage: tests/package/clean_roots.sh DIR [program] [consumers]}")
shift
(($#)) || set -- program consumers
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
((EUID == 0)) || { echo "only root can make a root"; exit 2; }
packages=(build/package/*.deb)
[[ -f ${packages[0]} ]] || { echo "no packages: ./dev package makes them"; exit 2; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")  # whose libraries the packages are linked with
tool=../shared/tools/fresh-debian

# in_root ROOT COMMAND...: in the root, which is made if it is not there.
in_root() {
  local root=$1
  shift
  if [[ -x $tool ]]; then
    "$tool" -s "$suite" "$root" "$@"
    return
  fi
  if [[ ! -e $root/etc/debian_version ]]; then
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" 2>&1 ||
      { tail -n 3 "$root.log"; return 1; }
    cp /etc/resolv.conf "$root/etc/resolv.conf"
  fi
  # What is mounted in a namespace ends with it.
  unshare --mount bash -euc '
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
      http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" "$@"' bash "$root" "$@"
}

mkdir -p "$roots"
for test; do
  echo "== $test"
  root=$roots/$test
  in_root "$root" true
  rm -rf "$root/package-test"
  mkdir "$root/package-test"
  cp "${packages[@]}" tests/package/$test.sh "$root/package-test"
  cp -r tests/consumer "$root/package-test"
  in_root "$root" bash /package-test/$test.sh
done
echo "== good"
