#!/bin/bash
# What the mount calls a thing, ls, cat, find, diff and restore call it too.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir -p "$WORK/tree/dir/sub" "$WORK/tree/sp ace"
echo one >"$WORK/tree/dir/one"
echo two >"$WORK/tree/dir/sub/two"
echo three >"$WORK/tree/sp ace/thr ee"
ln -s dir/one "$WORK/tree/link"
printf x >"$WORK/tree/$(printf 'new\nline')"
new_repository
ok hf backup --source tree --time 2026-03-01T10:00:00Z --label kind=test "$WORK/tree"
echo changed >"$WORK/tree/dir/one"
ok hf backup --source tree --time 2026-03-02T10:00:00Z --label kind=test "$WORK/tree"
mount_view

# At each level of each view.
for path in '' latest latest/files latest/files/tree latest/files/tree/dir sources sources/files \
    sources/files/tree at labels labels/kind labels/kind/test labels/kind/test/latest \
    at/2026-03-01T10-00-00Z at/2026-03-01T10-00-00Z/files/tree/dir at/2026-03-01T12:00 \
    sources/files/tree/2026-03-02T10-00-00Z; do
    ls -1 "$MNT/$path/" | sort >"$WORK/by-mount" || fail "ls of the mount at $path"
    hf ls "$path" | sort >"$WORK/by-ls" || fail "holdfast ls $path"
    diff "$WORK/by-mount" "$WORK/by-ls" >"$SAID" || {
        # A name with a newline is shown quoted on a terminal, and may be so in a pipe.
        grep -q 'new' "$WORK/by-mount" || fail "ls and the mount differ at \"$path\""
    }
done

for view in latest/files/tree at/2026-03-02T11:00/files/tree 'at/now/files/tree' \
    sources/files/tree/2026-03-02T10-00-00Z labels/kind/test/latest/files/tree; do
    for file in dir/one dir/sub/two 'sp ace/thr ee'; do
        hf cat "$view/$file" >"$WORK/by-cat" || fail "cat $view/$file"
        cmp "$MNT/$view/$file" "$WORK/by-cat" || fail "cat and the mount differ: $view/$file"
    done
    # A leading or doubled slash is the same path, as it is below the mount.
    hf cat "/$view//dir/one" | cmp - "$MNT/$view/dir/one" || fail "slashes in $view"
    (cd "$MNT" && find "$view/" -type f -print0 | sort -z) >"$WORK/by-mount"
    hf find --type f --print0 "$view" | sort -z >"$WORK/by-find"
    tr -s / <"$WORK/by-mount" >"$WORK/by-mount-1"
    cmp "$WORK/by-mount-1" "$WORK/by-find" || fail "find and the mount differ: $view"
    rm -rf "$WORK/back"
    ok hf restore "$view/dir" "$WORK/back"
    ok diff -r "$MNT/$view/dir" "$WORK/back"
    ok hf diff "$view/dir" "$WORK/back"
done
hf find --name '*two*' latest/files/tree >"$SAID"
equal "$(cat "$SAID")" latest/files/tree/dir/sub/two "find by name"

# Links that a snapshot has lead where they lead in the mount, but never out of it.
mkdir -p "$WORK/linked/a/deep"
echo there >"$WORK/linked/a/f"
ln -s a "$WORK/linked/dir"
ln -s a/f "$WORK/linked/file"
ln -s .././f "$WORK/linked/a/deep/up"
ln -s ../../linked/a "$WORK/linked/a/sideways"
ln -s loop "$WORK/linked/loop"
ln -s /etc "$WORK/linked/absolute"
ln -s ../../../../../etc "$WORK/linked/out"
ok hf backup --source linked "$WORK/linked"
until_true test -e "$MNT/latest/files/linked/a/f"
for path in file dir/f dir/deep/up dir/sideways/deep/up dir/sideways/sideways/f; do
    hf cat "latest/files/linked/$path" | cmp - "$MNT/latest/files/linked/$path" || fail "cat $path"
done
hf ls latest/files/linked/dir/sideways | cmp - <(LC_ALL=C ls "$MNT/latest/files/linked/dir/sideways") || fail "ls by a link"
ok hf restore latest/files/linked/dir/sideways/deep/ "$WORK/linked-deep"
equal "$(readlink "$WORK/linked-deep/up")" .././f "what is restored by a link"
exits 6 hf cat latest/files/linked/loop
said "too many symbolic links"
for path in absolute/passwd out/passwd; do
    exits 6 hf cat "latest/files/linked/$path"
    said "out of what is mounted"
done

# Two times of one source, and what changed.
exits 9 hf diff at/2026-03-01T11:00/files/tree latest/files/tree
said dir/one
equal "$(grep -c '^[ARMTU] ' "$SAID")" 1 "differences"
ok hf diff sources/files/tree/2026-03-01T10-00-00Z at/2026-03-01T10:00/files/tree

# A file restored becomes DIR/name; a link stays a link.
ok hf restore latest/files/tree/dir/one "$WORK/single"
equal "$(cat "$WORK/single/one")" changed "a restored file"
ok hf restore latest/files/tree/link "$WORK/single"
equal "$(readlink "$WORK/single/link")" dir/one "a restored link"

# What is not there is 6 in each, with the name of what is missing.
for command in "ls" "cat" "find"; do
    exits 6 hf $command latest/files/tree/dir/missing
    said missing
done
exits 6 hf restore latest/files/tree/dir/missing "$WORK/none"
exits 6 hf restore latest/files/other "$WORK/none"
exits 6 hf diff latest/files/missing "$WORK/tree"
[ ! -e "$WORK/none" ] || fail "a restore of nothing made its target"

exits 6 hf cat latest/files/tree/dir/one latest/files/tree/dir/missing latest/files/tree/dir/one
said missing
equal "$(grep -cFx "$(cat "$WORK/tree/dir/one")" "$SAID")" 2 "what is printed beside what is missing"
exits 2 hf restore latest/files/tree/dir/one/ "$WORK/none"
exits 2 hf restore '' "$WORK/none"
[ ! -e "$WORK/none" ] || fail "a restore of nothing made its target"

# What is there already stays, and is named, unless asked.
echo mine >"$WORK/single/one"
"$HOLDFAST" restore latest/files/tree/dir/one "$WORK/single" >"$SAID" 2>&1 &&
    fail "a restore that wrote nothing says that all is well"
said one
equal "$(cat "$WORK/single/one")" mine "what was there"
ok hf restore --overwrite latest/files/tree/dir/one "$WORK/single"
equal "$(cat "$WORK/single/one")" changed "overwritten"
unmount_view
