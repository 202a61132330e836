#!/bin/bash
# mount comes back when the first ls works, --foreground stays, and an unmount ends the daemon with 0.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir "$WORK/tree"
echo content >"$WORK/tree/file"
new_repository
ok hf backup --source tree "$WORK/tree"

for ((i = 0; i < 5; i++)); do
    ok hf mount "$MNT"
    equal "$(cat "$MNT/latest/files/tree/file")" content "right after mount returned"
    ok fusermount3 -u "$MNT"
    mountpoint -q "$MNT" && fail "it is still mounted"
done

# In the foreground: the process is the daemon, and its status is told.
"$HOLDFAST" mount --foreground "$MNT" >"$WORK/daemon" 2>&1 &
daemon=$!
until_true mountpoint -q "$MNT"
equal "$(cat "$MNT/latest/files/tree/file")" content "in the foreground"
ok fusermount3 -u "$MNT"
wait $daemon
equal $? 0 "the daemon's status after an unmount ($(tail -n 3 "$WORK/daemon"))"
for signal in TERM INT HUP; do
    setsid "$HOLDFAST" mount -f "$MNT" >"$WORK/daemon" 2>&1 &
    daemon=$!
    until_true mountpoint -q "$MNT"
    until_true test -e "$MNT/latest/files/tree/file"
    # A shell's background jobs ignore SIGINT, and so do their children; under nohup all ignore SIGHUP.
    [ $signal = INT ] && signal=TERM
    [ $signal = HUP ] && [ $((0x$(awk '/SigIgn/ { print $2 }' /proc/self/status) & 1)) = 1 ] && signal=TERM
    kill -$signal $daemon
    wait $daemon
    equal $? 0 "the daemon's status after SIG$signal"
    mountpoint -q "$MNT" && fail "still mounted after SIG$signal"
done

# The mount is read-only, whatever one tries.
ok hf mount "$MNT"
for try in "touch $MNT/new" "touch $MNT/latest/files/tree/new" "rm $MNT/latest/files/tree/file" \
    "mkdir $MNT/latest/dir" "mv $MNT/latest/files/tree/file $MNT/x" \
    "chmod 777 $MNT/latest/files/tree/file" "truncate -s 0 $MNT/latest/files/tree/file"; do
    $try >"$SAID" 2>&1 && fail "it can be written to: $try"
done
findmnt -n -o FSTYPE,OPTIONS "$MNT" >"$SAID"
said fuse.holdfast
said ro,
said nosuid
ok fusermount3 -u "$MNT"

# What can't be mounted says why, at once, with the status of what is wrong.
exits 6 hf -r "$WORK/nowhere" mount "$MNT"
head -c 64 /dev/urandom >"$WORK/other-key"
exits 5 hf --key-file "$WORK/other-key" mount "$MNT"
exits 2 hf mount -o no-such-option "$MNT"
ok hf mount -o rw,async,defaults,x-gvfs-show "$MNT"
touch "$MNT/new" 2>/dev/null && fail "-o rw made it writable"
ok fusermount3 -u "$MNT"
exits 2 hf mount -o uid=x "$MNT"
hf mount "$WORK/not-there" >"$SAID" 2>&1 && fail "mounted on what is not there"
hf mount "$WORK/tree/file" >"$SAID" 2>&1 && fail "mounted on a file"
mountpoint -q "$MNT" && fail "a failed mount left a mount"

# A relative mount point, key and cache: the daemon keeps the directory that it was started in.
cd "$WORK" || exit 1
ok env HOLDFAST_REPOSITORY=repo HOLDFAST_KEY_FILE=key HOLDFAST_CACHE_DIR=cache "$HOLDFAST" mount mnt
equal "$(cat mnt/latest/files/tree/file)" content "by relative paths"
ok hf backup --source tree "$WORK/tree"
until_true sh -c '[ $(ls mnt/sources/files/tree | wc -l) = 2 ]'
ok fusermount3 -u mnt
