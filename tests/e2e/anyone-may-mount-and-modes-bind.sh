#!/bin/bash
# Without root where /dev/fuse lets one; and with allow_other the kernel still enforces modes, owners and ACLs.
. "$(dirname "$0")/lib.sh"
need_root "becomes other users"
need setpriv unshare setfacl
need_fuse

nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# A place that others reach.
chmod 755 "$WORK"
mkdir -p "$WORK/tree/private" "$WORK/own"
echo all >"$WORK/tree/for-all"
echo mine >"$WORK/tree/mine"
echo hidden >"$WORK/tree/private/hidden"
echo acl >"$WORK/tree/by-acl"
chmod 600 "$WORK/tree/mine" "$WORK/tree/by-acl"
chmod 700 "$WORK/tree/private"
setfacl -m u:65534:r "$WORK/tree/by-acl"
new_repository
ok hf backup --source tree "$WORK/tree"

# Others see a mount of root's only with allow_other, and then what the modes allow.
mount_view
nobody ls "$MNT" >/dev/null 2>&1 && fail "another user sees a mount without allow_other"
unmount_view
mount_view -o allow_other,xattr=on
equal "$(nobody cat "$MNT/latest/files/tree/for-all")" all "a file for all"
equal "$(nobody cat "$MNT/latest/files/tree/by-acl")" acl "a file that an ACL opens"
nobody cat "$MNT/latest/files/tree/mine" >/dev/null 2>&1 && fail "a private file is shown"
nobody ls "$MNT/latest/files/tree/private" >/dev/null 2>&1 && fail "a private directory is shown"
unmount_view

# Everything as one owner's.
mount_view -o allow_other,uid=65534,gid=65534
equal "$(stat -c %u:%g "$MNT/latest/files/tree/mine")" 65534:65534 "the owner"
equal "$(nobody cat "$MNT/latest/files/tree/mine")" mine "as one's own"
equal "$(nobody cat "$MNT/latest/files/tree/private/hidden")" hidden "as one's own"
unmount_view

# A mount by nobody, in a mount namespace where /dev/fuse is for all.
mkdir "$WORK/dev" "$WORK/theirs"
chown 65534:65534 "$WORK/theirs"
cat >"$WORK/as-nobody" <<'INNER'
set -e
cd "$1"
mkdir tree mnt
echo "of nobody" >tree/file
export HOLDFAST_REPOSITORY=$1/repo HOLDFAST_KEY_FILE=$1/key HOLDFAST_CACHE_DIR=$1/cache
"$2" init
"$2" backup --source tree tree
"$2" mount mnt
cat mnt/latest/files/tree/file
echo "mounted by $(stat -c %U mnt/latest/files/tree/file)"
"$2" mount -o allow_root mnt/at 2>/dev/null || echo "refused as it should be"
# For all but root fusermount3 asks /etc/mtab whose the mount is; a bare system has none.
if [ -e /etc/mtab ]; then
    fusermount3 -u mnt
else
    pkill -u 65534 -x holdfast
fi
INNER
chmod 644 "$WORK/as-nobody"
cp "$HOLDFAST" "$WORK/holdfast"
if mknod "$WORK/dev/fuse" c 10 229 && chmod 666 "$WORK/dev/fuse"; then
    unshare -m sh -c "mount --make-rprivate / && mount --bind '$WORK/dev/fuse' /dev/fuse &&
        exec setpriv --reuid=65534 --regid=65534 --clear-groups \
            sh '$WORK/as-nobody' '$WORK/theirs' '$WORK/holdfast'" >"$SAID" 2>&1 ||
        fail "a mount by nobody"
    said "of nobody"
    said "mounted by nobody"
else
    echo "no device node can be made here: the mount by nobody was not tried"
fi
