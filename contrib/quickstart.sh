#!/bin/bash
# From a bare Debian to a mounted backup: installs what building needs, builds, makes a repository in a
# directory, backs PATH up (default: /etc), mounts it and says how to go on. Changes nothing of PATH.
#
#   contrib/quickstart.sh [PATH]
#
# HOLDFAST_DEMO: where repository, key and mount point go (default: ~/holdfast-demo).
set -euo pipefail
cd "$(dirname "$0")/.."

path=$(realpath "${1:-/etc}")
demo=${HOLDFAST_DEMO:-$HOME/holdfast-demo}
build="build-quickstart"
packages=(gcc meson ninja-build pkg-config libssl-dev libzstd-dev libsqlite3-dev libfuse3-dev fuse3 libjansson-dev libyaml-dev)

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    say "Installing ${missing[*]}"
    as_root=()
    if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

say "Building"
if [ ! -f $build/build.ninja ]; then
    meson setup $build --buildtype=release -Dtests=disabled >/dev/null
fi
ninja -C $build -v holdfast >$build/build.log 2>&1 || { tail -n 30 $build/build.log >&2; exit 1; }
holdfast=$PWD/$build/holdfast
$holdfast --version

mkdir -p "$demo"
export HOLDFAST_REPOSITORY=$demo/repository HOLDFAST_KEY_FILE=$demo/key
if [ ! -d "$demo/repository/keyring" ]; then
    say "Making a repository in $demo/repository"
    "$holdfast" init
fi

say "Backing up $path"
status=0
"$holdfast" backup "$path" || status=$?
[ $status = 0 ] || [ $status = 3 ] || exit $status # 3: something could not be read, and was named

say "Mounting at $demo/mnt"
mkdir -p "$demo/mnt"
if mountpoint -q "$demo/mnt"; then
    echo "it is mounted already: the new snapshot appears by itself"
else
    "$holdfast" mount "$demo/mnt"
fi

source=$("$holdfast" snapshots --json | sed -n 's/.*"source":"\([^"]*\)".*/\1/p' | tail -n 1)
say "What the newest snapshot holds"
for _ in 1 2 3 4 5; do [ -d "$demo/mnt/latest/$source" ] && break; sleep 1; done
find "$demo/mnt/latest/$source" -mindepth 1 -maxdepth 1 -printf "%M %10s  %f\n" | sort -k3 | head -n 12

cat <<EOF

$(printf '\033[1m')Go on from here$(printf '\033[0m')
  browse      ls -l $demo/mnt/latest/$source
  every time  ls $demo/mnt/sources/$source
  the past    ls "$demo/mnt/at/5 minutes ago"
  copy out    cp -a $demo/mnt/latest/$source /tmp/restored
  prove it    $holdfast diff latest/$source /tmp/restored
  again       $holdfast backup $path
  unmount     fusermount3 -u $demo/mnt
  learn more  $holdfast --help

The commands of holdfast itself want these:
  export HOLDFAST_REPOSITORY=$HOLDFAST_REPOSITORY HOLDFAST_KEY_FILE=$HOLDFAST_KEY_FILE
EOF
