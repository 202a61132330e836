#!/bin/bash
# If the daemon dies the mount point stays and gives ENOTCONN: an empty directory and rsync --delete is a disaster.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir "$WORK/tree"
echo content >"$WORK/tree/file"
new_repository
ok hf backup --source tree "$WORK/tree"

"$HOLDFAST" mount --foreground "$MNT" >/dev/null 2>&1 &
daemon=$!
until_true test -e "$MNT/latest/files/tree/file"
kill -KILL $daemon
wait $daemon 2>/dev/null
sleep 1
ls "$MNT" >"$SAID" 2>&1 && fail "a dead mount can be listed"
said "Transport endpoint is not connected"
cat "$MNT/latest/files/tree/file" >"$SAID" 2>&1 && fail "a dead mount can be read"
grep -q " $MNT fuse" /proc/self/mounts || fail "the mount point went away"

# The one in the background, the same.
ok fusermount3 -u "$MNT"
mount_view
daemon=$(pgrep -f "^$HOLDFAST mount $MNT\$") || fail "which process is the daemon?"
kill -KILL "$daemon"
sleep 1
ls "$MNT" >"$SAID" 2>&1 && fail "a dead mount can be listed"
grep -q " $MNT fuse" /proc/self/mounts || fail "the mount point went away"
ok fusermount3 -u "$MNT"
mount_view
equal "$(cat "$MNT/latest/files/tree/file")" content "mounted again"
unmount_view
