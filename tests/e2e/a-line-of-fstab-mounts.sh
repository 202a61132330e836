#!/bin/bash
# mount -t holdfast finds mount.holdfast, and takes what an fstab line can say.
. "$(dirname "$0")/lib.sh"
need_root "mount(8)"
need unshare
need_fuse
unshare -m true 2>/dev/null || skip "no mount namespace can be made here"

mkdir "$WORK/tree" "$WORK/helpers"
echo content >"$WORK/tree/file"
ln -s file "$WORK/tree/link"
new_repository
ok hf backup --source tree "$WORK/tree"
ln -s "$HOLDFAST" "$WORK/helpers/mount.holdfast"
ok "$WORK/helpers/mount.holdfast" --help
said "holdfast mount"

cat >"$WORK/script" <<'INNER'
set -eu
work=$1
unset HOLDFAST_REPOSITORY HOLDFAST_KEY_FILE HOLDFAST_CACHE_DIR
mount --make-rprivate /
# mount(8) looks into /sbin only: in this namespace it has our helper, beside all else.
mkdir "$work/upper" "$work/work"
mount -t tmpfs none "$work/upper"
mkdir "$work/upper/up" "$work/upper/work"
real=$(readlink -f /sbin)
mount -t overlay -o "lowerdir=$real,upperdir=$work/upper/up,workdir=$work/upper/work" none "$real" ||
    { echo "SKIP: no overlay of /sbin"; exit 77; }
cp -P "$work/helpers/mount.holdfast" "$real/mount.holdfast"
options="ro,noauto,nodev,nosuid,_netdev,x-systemd.automount,key-file=$work/key,cache-dir=$work/cache"
echo "$work/repo $work/mnt holdfast $options,allow_other 0 0" >"$work/fstab"
mount --fstab "$work/fstab" "$work/mnt"
cat "$work/mnt/latest/files/tree/file"
findmnt -n -o SOURCE,FSTYPE "$work/mnt"
umount "$work/mnt"
mount -t holdfast -o "key-file=$work/key,cache-dir=$work/cache" "$work/repo" "$work/mnt"
cat "$work/mnt/latest/files/tree/file"
umount "$work/mnt"
# All that mount(8) knows is taken, and a name with a comma in it.
cp "$work/key" "$work/key,2"
kinds="sync,dirsync,strictatime,lazytime,mand,iversion,silent,group,X-mount.mkdir,nosymfollow"
mount -t holdfast -o "ro,$kinds,key-file=$work/key\,2,cache-dir=$work/cache" \
    "$work/repo" "$work/mnt"
cat "$work/mnt/latest/files/tree/file"
cat "$work/mnt/latest/files/tree/link" && exit 97
umount "$work/mnt"
# -f mounts nothing, -s passes over what it does not know.
mount -f -t holdfast -o "key-file=$work/key,cache-dir=$work/cache" "$work/repo" "$work/mnt"
mountpoint -q "$work/mnt" && exit 96
mount -s -t holdfast -o "key-file=$work/key,cache-dir=$work/cache,bogus" "$work/repo" "$work/mnt"
umount "$work/mnt"
mount -t holdfast -o "key-file=$work/key,cache-dir=$work/cache,bogus" "$work/repo" "$work/mnt" &&
    exit 95
# Over the repository, or above it, it would hide what it shows.
mount -t holdfast -o "key-file=$work/key,cache-dir=$work/cache" "$work/repo" "$work/repo" && exit 94
mount -t holdfast -o "key-file=$work/key,cache-dir=$work/cache" "$work/repo" "$work" && exit 93
# A wrong line fails, and says so.
mount -t holdfast -o "key-file=$work/fstab" "$work/repo" "$work/mnt" && exit 99
mount -t holdfast -o "key-file=$work/key" "$work/nowhere" "$work/mnt" && exit 98
echo done
INNER
unshare -m sh "$WORK/script" "$WORK" >"$SAID" 2>&1
status=$?
[ $status != 77 ] || skip "the namespace can't overlay /sbin"
[ $status = 0 ] || fail "status $status"
equal "$(grep -c '^content$' "$SAID")" 3 "what the three mounts show"
said 'no mount option "bogus"'
said "would hide the repository"
said "fuse.holdfast"
said done
