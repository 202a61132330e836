#!/bin/bash
# Everything that a Linux file system can hold, through backup, restore and mount, compared by a program that is not ours.
. "$(dirname "$0")/lib.sh"
need rsync setfacl setfattr
need_root "devices, owners, trusted xattrs"
need_fuse

SOURCE=$WORK/source
BACK=$WORK/back
VIEW=$MNT/latest/files/everything

ok python3 "$HERE/make_tree.py" "$SOURCE" --root ${BIG:+--big}
new_repository
ok hf backup --source files/everything "$SOURCE"

ok hf restore latest/files/everything "$BACK"
# Behind the paths that are too long for rsync looks same_stat.py; 5 GiB of holes are read in a long
# run only.
BUT=(--exclude=/long)
[ "$BIG" ] || BUT+=(--exclude=/huge)
same_tree "$SOURCE" "$BACK" "${BUT[@]}"
ok python3 "$HERE/holes.py" "$SOURCE/huge" "$BACK/huge"

# Holes stay holes: the copy takes no more of the disk than the source, but for how extents fall.
wanted=$(used_bytes "$SOURCE/huge")
got=$(used_bytes "$BACK/huge")
[ "$got" -le $((wanted + 65536)) ] || fail "5 GiB of holes take $got bytes when restored"
wanted=$(used_bytes "$SOURCE/sparse")
got=$(used_bytes "$BACK/sparse")
[ "$got" -le $((wanted + wanted / 10 + 65536)) ] ||
    fail "sparse files take $got bytes when restored, $wanted before"

mount_view -o xattr=on
same_tree "$SOURCE" "$VIEW" "${BUT[@]}"
ok python3 "$HERE/same_stat.py" "$SOURCE" "$VIEW"
ok python3 "$HERE/same_stat.py" "$SOURCE" "$BACK"

# The same by copying out of the mount with cp, which asks the mount where the holes are.
ok python3 "$HERE/holes.py" "$SOURCE/sparse" "$VIEW/sparse"
ok python3 "$HERE/holes.py" "$SOURCE/huge" "$VIEW/huge"
ok cp -a --sparse=auto "$VIEW/sparse" "$WORK/copied"
same_tree "$SOURCE/sparse" "$WORK/copied"
got=$(used_bytes "$WORK/copied")
[ "$got" -le $((wanted + wanted / 10 + 65536)) ] ||
    fail "sparse files take $got bytes when copied by cp, $wanted before"

for part in names links special modes xattrs acls times wide; do
    ok cp -a "$VIEW/$part" "$WORK/cp-$part"
    [ "$part" = special ] && continue
    same_tree "$SOURCE/$part" "$WORK/cp-$part"
done
unmount_view

ok hf diff --metadata latest/files/everything "$SOURCE"
ok hf diff --metadata latest/files/everything "$BACK"
ok hf check --read-data

# Nothing changed: nothing is read again, and the next snapshot is the same.
ok hf backup --json --source files/everything "$SOURCE"
equal "$(number_of read_bytes)" 0 "bytes read where nothing changed"
ok hf diff --metadata latest/files/everything "$SOURCE"
