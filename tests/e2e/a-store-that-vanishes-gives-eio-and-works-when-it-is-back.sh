#!/bin/bash
# The mount outlives its store: EIO while it is away, content when it returns, no remount.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir "$WORK/tree"
for ((i = 0; i < 5; i++)); do
    head -c 6000000 /dev/urandom >"$WORK/tree/$i"
done
new_repository
ok hf backup --source tree "$WORK/tree"
ok hf mount --cache 16M -o refresh=1s "$MNT"
VIEW=$MNT/latest/files/tree
cmp "$WORK/tree/0" "$VIEW/0" || fail "the first file"

mv "$HOLDFAST_REPOSITORY" "$WORK/away"
cat "$VIEW/3" >/dev/null 2>"$SAID" && fail "read from a store that is away"
said "Input/output error"
cmp "$WORK/tree/0" "$VIEW/0" || true # what the kernel holds may still be read
sleep 2.5
mountpoint -q "$MNT" || fail "the mount went away with its store"
cat "$VIEW/4" >/dev/null 2>"$SAID" && fail "read from a store that is still away"
said "Input/output error"

mv "$WORK/away" "$HOLDFAST_REPOSITORY"
for ((i = 0; i < 5; i++)); do
    cmp "$WORK/tree/$i" "$VIEW/$i" || fail "file $i after the store came back"
done
# And new snapshots come again.
echo new >"$WORK/tree/new"
ok hf backup --source tree "$WORK/tree"
until_true test -e "$VIEW/new"
unmount_view
