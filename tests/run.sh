#!/bin/bash
# Builds Holdfast with every check on and runs every test: tests/run.sh [BUILD_DIR].
# The last line is "N passed, N failed, N skipped"; the status is 0 if none failed.
# As root on Debian it installs first what is missing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

BUILD=${1:-build-tests}
PACKAGES="meson ninja-build pkg-config gcc libc6-dev git
    libssl-dev libzstd-dev libsqlite3-dev libfuse3-dev libjansson-dev libyaml-dev check
    clang-format python3 python3-cryptography python3-zstandard
    fuse3 rsync attr acl libcap2-bin util-linux procps fio strace openssl sqlite3 restic
    groff-base zsh fish"
export LC_ALL=C.UTF-8
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

# What fails before there are results is one failure.
give_up() {
    echo "$1"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

missing_packages() {
    local name
    for name in $PACKAGES; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
            echo "$name"
    done
}

install_missing() {
    local missing
    command -v dpkg-query >/dev/null || return 0
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "not installed (run as root, or apt-get install):" $missing
        return 0
    fi
    echo "installing:" $missing
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update &&
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing \
            >/tmp/holdfast-apt.$$ 2>&1 || { tail -20 /tmp/holdfast-apt.$$; return 1; }
    rm -f /tmp/holdfast-apt.$$
}

# build DIR OPTION…: configured once, brought up to date after.
build() {
    local dir=$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" -Dwerror=true -Db_lundef=false "$@" >"$dir.log" 2>&1 ||
            { tail -20 "$dir.log"; return 1; }
        rm -f "$dir.log"
    fi
    ninja -C "$dir" --quiet
}

# The threads of the tests that are marked so are watched in a build of its own: not with ASan.
run_threads() {
    local dir=$1 fixed_addresses=
    # gcc 12's runtime dies where addresses are too random; this asks for less of that, if allowed.
    setarch -R true 2>/dev/null && fixed_addresses="setarch -R"
    $fixed_addresses meson test -C "$dir" --no-rebuild --suite tsan --print-errorlogs
}

install_missing || give_up "the packages could not be installed"
build "$BUILD" -Dtests=enabled -Dfuse=enabled -Db_sanitize=address,undefined ||
    give_up "it does not build"
build "$BUILD-threads" -Dtests=enabled -Db_sanitize=thread || give_up "it does not build for TSan"

meson test -C "$BUILD" --no-rebuild --print-errorlogs
run_threads "$BUILD-threads"
exec python3 tests/results.py "$BUILD" "$BUILD-threads"
