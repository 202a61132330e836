#!/bin/bash
# One directory shows what is in it; several paths, and files, each stand where they stood.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/a/in" "$WORK/b"
echo one >"$WORK/a/in/one"
echo two >"$WORK/b/two"
echo three >"$WORK/three"
new_repository

ok hf backup --source one "$WORK/a"
ok hf cat latest/files/one/in/one
said one

ok hf backup --source several "$WORK/a" "$WORK/b" "$WORK/three"
ok hf cat "latest/files/several$WORK/a/in/one"
said one
ok hf cat "latest/files/several$WORK/b/two"
said two
ok hf cat "latest/files/several$WORK/three"
said three
ok hf restore latest/files/several "$WORK/back"
ok diff -r "$WORK/a" "$WORK/back$WORK/a"
ok diff -r "$WORK/b" "$WORK/back$WORK/b"
ok cmp "$WORK/three" "$WORK/back$WORK/three"

# A path inside another is no second copy, and the order does not matter.
ok hf backup --source nested "$WORK/three" "$WORK/a/in" "$WORK/a" "$WORK/a"
ok hf find --type f latest/files/nested
equal "$(grep -c . "$SAID")" 2 "files of nested paths"

# One file, by a relative path with dots.
cd "$WORK/a" || exit 1
ok hf backup --source single ../b/./../three
ok hf find --type f latest/files/single
said three
ok hf restore latest/files/single "$WORK/single"
ok find "$WORK/single" -type f -name three
said three

# A symbolic link as a PATH is followed, as the shell's cd does.
ln -s a "$WORK/to-a"
ok hf backup --source linked "$WORK/to-a"
ok hf cat latest/files/linked/in/one

# Also among several; a link to a file is kept as a link, and a source of its own.
ok hf backup --source linked-too "$WORK/to-a" "$WORK/three"
ok hf cat "latest/files/linked-too$WORK/a/in/one"
ln -s three "$WORK/to-three"
ok hf backup --json "$WORK/three"
three=$(grep -o '"source":"[^"]*"' "$SAID")
ok hf backup --json "$WORK/to-three"
[ "$three" != "$(grep -o '"source":"[^"]*"' "$SAID")" ] || fail "a link shares the source of its target"
ok hf backup --source link "$WORK/to-three"
ok hf find --type l "latest/files/link"
said to-three

# One that is missing is named, and the rest is kept; the next run that finds it adds to the same source.
exits 3 hf backup "$WORK/b" "$WORK/late" ../gone/deeper
said "path=$WORK/late"
said "path=../gone/deeper"
said "snapshot of"
echo late >"$WORK/late"
exits 3 hf backup "$WORK/b" "$WORK/late" ../gone/deeper
ok hf cat "latest/files/$(hostname | tr 'A-Z' 'a-z')-$(echo "${WORK#/}" | tr '/' '-')-b$WORK/late"
exits 2 hf backup ''

# Without --source the name comes from host and path, and is kept for that path.
ok hf backup "$WORK/a"
ok hf snapshots
said "files/$(hostname | tr 'A-Z' 'a-z')" || true
ok hf backup "$WORK/a"
exits 6 hf backup --source none "$WORK/does-not-exist"
exits 2 hf backup
exits 2 hf backup --source 'no/such/kind' "$WORK/a"
exits 2 hf backup --source '../up' "$WORK/a"

# Another path whose default name is the same is not mixed in.
mkdir -p "$WORK/x-y" "$WORK/x/y"
echo 1 >"$WORK/x-y/f"
echo 2 >"$WORK/x/y/f"
ok hf backup "$WORK/x-y"
exits 2 hf backup "$WORK/x/y"
said "--source"
