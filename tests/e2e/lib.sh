# Sourced first by every end-to-end test (bash): a place of its own that is cleaned up, a repository's settings in the environment, and words to assert with.
#
#     ok COMMAND…              it succeeds, and prints what it says only if not
#     exits STATUS COMMAND…    it ends with that status; what it said is in $SAID (a file)
#     said TEXT                the last of these said TEXT
#     same_tree A B            rsync finds nothing that A and B differ in
#
# HF_BIG=1 asks for the big numbers of a long run; without it a test keeps to seconds.
set -u -o pipefail
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
HOLDFAST=$(readlink -f "${HOLDFAST:?the path of the program}")
BIG=${HF_BIG:-}

# Not /tmp: where that is a tmpfs it has no user xattrs, and holds what does not fit into memory.
WORK=$(mktemp -d "${HF_E2E_DIR:-/var/tmp}/holdfast-e2e.XXXXXX") || exit 1
SAID=$WORK/said
MNT=$WORK/mnt
export HOLDFAST_REPOSITORY=$WORK/repo HOLDFAST_KEY_FILE=$WORK/key HOLDFAST_CACHE_DIR=$WORK/cache
unset HOLDFAST_PASSPHRASE HOLDFAST_PASSPHRASE_FILE
export HOLDFAST_CONFIG=$WORK/config.yaml # empty: not this machine's
: >"$SAID" >"$HOLDFAST_CONFIG"
mkdir "$MNT"

unmount_below() {
    local point

    # The innermost first.
    awk -v top="$WORK/" 'index($2, top) == 1 { print $2 }' /proc/self/mounts | tac |
        while read -r point; do
            point=$(printf '%b' "$point")
            fusermount3 -u "$point" 2>/dev/null || umount "$point" 2>/dev/null ||
                umount -l "$point" 2>/dev/null
        done
}

cleanup() {
    local status=$?

    trap - EXIT
    cd /
    unmount_below
    # shellcheck disable=SC2046 # one process id a word
    kill $(jobs -p) 2>/dev/null
    wait 2>/dev/null
    [ "$(id -u)" != 0 ] || chattr -R -i "$WORK" 2>/dev/null
    if [ "$status" != 0 ] && [ "$status" != 77 ] && [ -n "${HF_KEEP:-}" ]; then
        echo "kept: $WORK"
    else
        # By parts: rm refuses nothing, but a path longer than PATH_MAX needs a tool that walks.
        chmod -R u+rwX "$WORK" 2>/dev/null
        rm -rf --one-file-system "$WORK"
    fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

skip() {
    echo "SKIP: $*"
    exit 77
}

fail() {
    echo "FAILED: $*"
    [ ! -s "$SAID" ] || tail -n 30 "$SAID" | cut -c -1000
    exit 1
}

# need PROGRAM…: or the test is skipped.
need() {
    local program

    for program in "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

need_root() {
    [ "$(id -u)" = 0 ] || skip "needs root: $*"
}

need_fuse() {
    need fusermount3
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse is not there, or not ours to use"
}

hf() {
    "$HOLDFAST" "$@"
}

# unprivileged COMMAND…: as root, but without the right to ignore modes.
unprivileged() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    else
        setpriv --bounding-set=-dac_override,-dac_read_search \
            --inh-caps=-dac_override,-dac_read_search "$@"
    fi
}

ok() {
    "$@" >"$SAID" 2>&1 || fail "status $? of: $*"
}

exits() {
    local wanted=$1 status

    shift
    "$@" >"$SAID" 2>&1
    status=$?
    [ "$status" = "$wanted" ] || fail "status $status, not $wanted, of: $*"
}

said() {
    grep -qF -- "$1" "$SAID" || fail "nothing said \"$1\""
}

said_nothing() {
    [ ! -s "$SAID" ] || fail "${1:-something was said}"
}

equal() {
    [ "$1" = "$2" ] || fail "${3:-not equal}: \"$1\" and \"$2\""
}

# Waits for a condition, at most 15 seconds: for what happens in another process.
until_true() {
    local i

    for ((i = 0; i < 150; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "still not so after 15 s: $*"
}

new_repository() {
    ok hf init
}

mount_view() {
    ok hf mount "$@" "$MNT"
    mountpoint -q "$MNT" || fail "mount returned, but $MNT is no mount point"
}

unmount_view() {
    ok fusermount3 -u "$MNT"
}

# Everything that rsync can compare: types, modes, owners, times, hard links, xattrs, ACLs, contents.
# More arguments go to rsync.
same_tree() {
    rsync -aHAXn --checksum --delete -i "${@:3}" "$1/" "$2/" >"$SAID" 2>&1 ||
        fail "rsync of $1 and $2"
    said_nothing "rsync finds differences between $1 and $2"
}

# Bytes that a directory takes, holes left out.
used_bytes() {
    du -s --block-size=1 "$1" | cut -f1
}

# Bytes of all objects of the repository as they are stored, without second copies, and without what
# a put that was killed left under a temporary name.
stored_bytes() {
    find "$HOLDFAST_REPOSITORY" -path "$HOLDFAST_REPOSITORY/twin" -prune -o \
        -type f ! -name '.tmp-*' -printf '%s\n' |
        awk '{ n += $1 } END { print n + 0 }'
}

# A number that a JSON line of the last command has: number_of NAME.
number_of() {
    grep -o "\"$1\": *[0-9]*" "$SAID" | tail -n 1 | grep -o '[0-9]*$'
}
