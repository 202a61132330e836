#!/bin/bash
# A mount of a repository without any xattr shows, and enforces, those that come with a later snapshot; and
# where xattrs are hidden ACLs bind all the same.
. "$(dirname "$0")/lib.sh"
need_root "it reads as others"
need_fuse
need setfacl setfattr getfattr setpriv

as() { setpriv --reuid "$1" --regid "$2" --clear-groups "${@:3}"; }

mkdir "$WORK/plain" "$WORK/acl"
echo 1 >"$WORK/plain/f"
echo secret >"$WORK/acl/s"
chown 1:55 "$WORK/acl/s"
chmod 600 "$WORK/acl/s"
setfacl -m g::---,u:99:rw,m::rw,o::--- "$WORK/acl/s" || skip "no ACLs on this file system"
setfattr -n user.k -v v "$WORK/acl/s"
chmod 755 "$WORK"
new_repository
ok hf backup --source plain "$WORK/plain"

binds() {
    exits 1 as 500 55 cat "$MNT/latest/files/acl/s"
    said "Permission denied"
    ok as 99 9 cat "$MNT/latest/files/acl/s"
    said secret
}

mount_view -o allow_other
ok ls -l "$MNT/latest/files/plain"
ok getfattr -n user.holdfast.snapshot "$MNT/latest/files/plain/f"
ok hf backup --source acl "$WORK/acl"
until_true ls "$MNT/latest/files/acl/s"
binds
same_tree "$WORK/acl" "$MNT/latest/files/acl"
unmount_view

mount_view -o allow_other,xattr=off
binds
ok getfattr -d "$MNT/latest/files/acl/s"
said_nothing "a hidden xattr"
unmount_view
exits 2 hf mount -o xattr=none "$MNT"
