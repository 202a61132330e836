#!/bin/bash
# A hurt chunk: EIO in the mount, a named file in restore, exit 4 in check; all else is served.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir -p "$WORK/tree/small"
for ((i = 0; i < 6; i++)); do
    head -c 3000000 /dev/urandom >"$WORK/tree/large-$i"
done
for ((i = 0; i < 50; i++)); do
    echo "small $i" >"$WORK/tree/small/$i"
done
new_repository
ok hf backup --source tree "$WORK/tree"
ok hf check --read-data

# Some bytes in the middle of a pack: no place that the header or the table is in.
pack=$(find "$HOLDFAST_REPOSITORY/packs" -type f -size +6M | sort | head -n 1)
[ -n "$pack" ] || fail "no pack of some megabytes"
chmod u+w "$pack"
cp "$pack" "$WORK/whole"
# With root's rights and times that tell nothing.
python3 - "$pack" <<'INNER'
import os, sys
before = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    file.seek(before.st_size // 2)
    byte = file.read(1)[0]
    file.seek(before.st_size // 2)
    file.write(bytes([byte ^ 0x10]))
os.utime(sys.argv[1], ns=(before.st_atime_ns, before.st_mtime_ns))
INNER

mount_view
hurt=0
whole=0
for file in $(cd "$WORK/tree" && find . -type f | sort); do
    if cat "$MNT/latest/files/tree/$file" >"$WORK/out" 2>"$SAID"; then
        cmp "$WORK/out" "$WORK/tree/$file" || fail "wrong bytes of $file from the mount"
        whole=$((whole + 1))
    else
        grep -q "Input/output error" "$SAID" || fail "not EIO for $file"
        cmp -n "$(stat -c %s "$WORK/out")" "$WORK/out" "$WORK/tree/$file" ||
            fail "wrong bytes of $file before the error"
        hurt=$((hurt + 1))
        echo "$file" >"$WORK/hurt"
    fi
done
equal "$hurt $whole" "1 55" "hurt and whole files"
# Asked again, the answer is the same.
cat "$MNT/latest/files/tree/$(cat "$WORK/hurt")" >/dev/null 2>&1 && fail "the second read is no EIO"
name=$(basename "$(cat "$WORK/hurt")")

# A source that fails in the middle of a file: a backup of the mount leaves that one out, and says so.
ok hf -r "$WORK/other" init
exits 3 hf -r "$WORK/other" backup --source nested "$MNT/latest/files/tree"
said "$name"
equal "$(hf -r "$WORK/other" find --type f latest/files/nested | wc -l)" 55 "files of the nested backup"
ok hf -r "$WORK/other" check --read-data
unmount_view

exits 4 hf cat "latest/files/tree/$name"
exits 4 hf restore latest/files/tree "$WORK/back"
said "$name"
diff -rq "$WORK/tree" "$WORK/back" >"$SAID"
equal "$(grep -c . "$SAID")" 1 "files that a restore left out"
said "$name"
exits 4 hf check --read-data
said "$name"

# A pack that is cut short, and one that is gone: found without reading data.
cp "$WORK/whole" "$pack"
ok hf check --read-data
truncate -s -1 "$pack"
exits 4 hf check
mv "$pack" "$WORK/gone"
exits 4 hf check
exits 4 hf restore latest/files/tree "$WORK/back-2"
[ -e "$WORK/back-2/small/1" ] || [ -e "$WORK/back-2/large-0" ] || fail "nothing was restored"
for file in $(cd "$WORK/back-2" && find . -type f); do
    cmp "$WORK/back-2/$file" "$WORK/tree/$file" || fail "wrong bytes restored: $file"
done
cp "$WORK/whole" "$pack"
ok hf check --read-data
rm -rf "$WORK/back"
ok hf restore latest/files/tree "$WORK/back"
ok diff -r "$WORK/tree" "$WORK/back"
