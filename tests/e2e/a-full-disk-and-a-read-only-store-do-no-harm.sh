#!/bin/bash
# No room, or no right to write: a clear error, old snapshots whole, and a backup that succeeds once it can.
. "$(dirname "$0")/lib.sh"
need_root "mounts a small tmpfs"
need unshare

mkdir "$WORK/tree" "$WORK/disk"
mount -t tmpfs -o size=24m none "$WORK/disk" || skip "a tmpfs may not be mounted here"
export HOLDFAST_REPOSITORY=$WORK/disk/repo
head -c 4000000 /dev/urandom >"$WORK/tree/first"
new_repository
ok hf backup --source tree "$WORK/tree"

# Full: in the data, and in the small objects at the end.
for ((i = 0; i < 5; i++)); do
    head -c 5000000 /dev/urandom >"$WORK/tree/more-$i"
done
exits 1 hf backup --source tree "$WORK/tree"
said "No space left on device"
ok hf check --read-data
hf cat latest/files/tree/first | cmp - "$WORK/tree/first" || fail "an old snapshot on a full disk"
equal "$(hf snapshots | grep -c files/tree)" 1 "snapshots"
equal "$(find "$WORK/disk" -name '*.tmp*' -o -name '.tmp*' | wc -l)" 0 "temporary files left"

# Again and again does not fill it more, and reading goes on.
exits 1 hf backup --source tree "$WORK/tree"
ok hf restore latest/files/tree "$WORK/back"
ok cmp "$WORK/back/first" "$WORK/tree/first"

# Room for nothing but the last few kilobytes.
rm "$WORK/tree"/more-*
free_kb=$(df -k --output=avail "$WORK/disk" | tail -n 1)
[ "$free_kb" -lt 64 ] || dd if=/dev/zero of="$WORK/disk/filler" bs=1k count=$((free_kb - 24)) \
    status=none
head -c 100000 /dev/urandom >"$WORK/tree/small"
exits 1 hf backup --source tree "$WORK/tree"
ok hf check --read-data

# Larger again: the next run succeeds.
rm -f "$WORK/disk/filler"
mount -o remount,size=48m "$WORK/disk"
ok hf backup --source tree "$WORK/tree"
ok hf diff latest/files/tree "$WORK/tree"
ok hf check --read-data

# A full target of a restore.
mkdir "$WORK/small-disk"
mount -t tmpfs -o size=2m none "$WORK/small-disk"
hf restore latest/files/tree "$WORK/small-disk" >"$SAID" 2>&1 && fail "a restore onto a full disk"
said "No space left on device"

# Read-only: all that reads works, what writes says why.
mount -o remount,ro "$WORK/disk"
echo changed >"$WORK/tree/changed"
exits 1 hf backup --source tree "$WORK/tree"
said "Read-only file system"
ok hf snapshots
ok hf cat latest/files/tree/first
ok hf check --read-data
ok hf --cache-dir "$WORK/fresh-cache" ls latest/files/tree
rm -rf "$WORK/back"
ok hf restore latest/files/tree "$WORK/back"
if [ -w /dev/fuse ]; then
    mount_view
    cmp "$MNT/latest/files/tree/first" "$WORK/tree/first" || fail "a mount of a read-only store"
    unmount_view
fi
hf -r "$WORK/disk/another" --key-file "$WORK/key" init >"$SAID" 2>&1 && fail "init on a read-only disk"
said "Read-only file system"

# A cache that can't be written.
mkdir "$WORK/ro-cache"
mount -t tmpfs -o ro,size=1m none "$WORK/ro-cache"
hf --cache-dir "$WORK/ro-cache" ls latest/files/tree >"$SAID" 2>&1
status=$?
[ $status = 0 ] || said "$WORK/ro-cache"

# A full disk in the middle of prune. leave KB: the disk has so much room left.
export HOLDFAST_REPOSITORY=$WORK/prune-disk/repo HOLDFAST_KEY_FILE=$WORK/prune-key
export HOLDFAST_CACHE_DIR=$WORK/prune-cache
mkdir "$WORK/prune-disk"
mount -t tmpfs -o size=16m none "$WORK/prune-disk"
leave() {
    local free_kb

    rm -f "$WORK/prune-disk/filler"
    free_kb=$(df -k --output=avail "$WORK/prune-disk" | tail -n 1)
    [ "$free_kb" -gt "$1" ] || fail "there are only $free_kb KB left"
    dd if=/dev/zero of="$WORK/prune-disk/filler" bs=1k count=$((free_kb - $1)) status=none
}

# One pack of which a third lives, and one that is dead.
rm -rf "$WORK/tree"
mkdir "$WORK/tree"
ok hf init --grace 0s
head -c 1500000 /dev/urandom >"$WORK/tree/kept"
head -c 4000000 /dev/urandom >"$WORK/tree/gone"
ok hf backup --source tree "$WORK/tree"
rm "$WORK/tree/gone"
head -c 2000000 /dev/urandom >"$WORK/tree/gone-too"
ok hf backup --source tree "$WORK/tree"
rm "$WORK/tree/gone-too"
ok hf backup --source tree "$WORK/tree"
whole() {
    ok hf check --read-data
    rm -rf "$WORK/back"
    ok hf restore latest/files/tree "$WORK/back"
    same_tree "$WORK/tree" "$WORK/back"
}

# No room to write anew what lives: it says so, what is dead is gone, and what lives is whole.
leave 1000
ok hf forget --source files/tree --keep-last 1 --protect 0s
exits 1 hf prune --grace 0s
said "No space left on device"
said "deleted"
[ "$(df -k --output=avail "$WORK/prune-disk" | tail -n 1)" -gt 2500 ] || fail "what was dead is there still"
equal "$(find "$WORK/prune-disk" -name '.tmp*' | wc -l)" 0 "temporary files left"
whole

# Again and again does not fill it more.
leave 1000
for _ in 1 2 3; do
    exits 1 hf prune --grace 0s
    said "No space left on device"
done
[ "$(df -k --output=avail "$WORK/prune-disk" | tail -n 1)" -gt 900 ] || fail "each prune takes room"
whole

# With room it goes through, and the rest is given back.
rm "$WORK/prune-disk/filler"
ok hf prune --grace 0s
[ "$(stored_bytes)" -lt 2000000 ] || fail "$(stored_bytes) bytes are stored still"
whole

# Where it only has to delete, room for what decides on that is enough: a few small objects, twice.
head -c 3000000 /dev/urandom >"$WORK/tree/gone"
ok hf backup --source tree "$WORK/tree"
rm "$WORK/tree/gone"
ok hf backup --source tree "$WORK/tree"
ok hf forget --source files/tree --keep-last 1 --protect 0s
leave 0
exits 1 hf prune --grace 0s
said "No space left on device"
whole
leave 64
ok hf prune --grace 0s
[ "$(stored_bytes)" -lt 2000000 ] || fail "$(stored_bytes) bytes are stored still"
whole

# Room for one copy of a keyring and not for both: it is in force and says so, and the next change brings the other.
leave 4
exits 1 hf key rotate
said "No space left on device"
said "keyring 2 is in force"
cmp -s "$HOLDFAST_REPOSITORY/keyring/0000000002" "$HOLDFAST_REPOSITORY/twin/keyring/0000000002" && fail "there was room"
rm "$WORK/prune-disk/filler"
ok hf key rotate
cmp "$HOLDFAST_REPOSITORY/keyring/0000000002" "$HOLDFAST_REPOSITORY/twin/keyring/0000000002" || fail "half a keyring"
ok hf backup --source tree "$WORK/tree"
whole
