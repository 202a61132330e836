#!/bin/bash
# The second backup of a tree opens what changed, and nothing else.
. "$(dirname "$0")/lib.sh"
need strace
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
# A leak check cannot look at a process that is traced.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

mkdir -p "$WORK/tree/"{a,b,c/d}
for name in a/one a/two b/three c/four c/d/five six; do
    head -c 3000 /dev/urandom >"$WORK/tree/$name"
done
head -c 3000000 /dev/urandom >"$WORK/tree/large"
ln "$WORK/tree/six" "$WORK/tree/six-linked"
new_repository
ok hf backup --source tree "$WORK/tree"

# opened FILE: how often the traced run opened a file of that name.
opened() {
    grep -c "openat.*\"$1\".* = [0-9]" "$WORK/trace"
}

traced_backup() {
    ok strace -f -s 4096 -e trace=openat,openat2,open -o "$WORK/trace" \
        "$HOLDFAST" --json backup --source tree "$WORK/tree"
    [ -s "$WORK/trace" ] || fail "no trace"
}

traced_backup
for name in one two three four five six six-linked large; do
    equal "$(opened "$name")" 0 "unchanged, yet opened: $name"
done
equal "$(number_of read_bytes)" 0 "bytes read"
equal "$(number_of unchanged_files)" 8 "unchanged files"

# Same size, same mtime: the ctime tells.
touch -r "$WORK/tree/b/three" "$WORK/stamp"
printf x | dd of="$WORK/tree/b/three" bs=1 conv=notrunc status=none
touch -r "$WORK/stamp" "$WORK/tree/b/three"
# Another inode of the same size and mtime.
cp -p "$WORK/tree/c/d/five" "$WORK/five"
mv "$WORK/five" "$WORK/tree/c/d/five"
echo new >"$WORK/tree/a/new"
traced_backup
equal "$(opened three)" 1 "changed within its mtime, opened"
equal "$(opened five)" 1 "replaced, opened"
equal "$(opened new)" 1 "new, opened"
for name in one two four six large; do
    equal "$(opened "$name")" 0 "unchanged, yet opened: $name"
done
equal "$(number_of changed_files)" 2 "changed files"
equal "$(number_of new_files)" 1 "new files"
ok hf diff latest/files/tree "$WORK/tree"

# A time beyond what the format holds is the nearest that it does, is told once, and is no change.
if touch -d 2300-01-01 "$WORK/tree/b/three" "$WORK/tree/a/new" &&
    [ "$(stat -c %Y "$WORK/tree/b/three")" -gt 8589934592 ]; then
    ok hf backup --force --source tree "$WORK/tree" # no file is read again for its neighbours' sake
    equal "$(grep -c "from 1697 to 2242" "$SAID")" 1 "told"
    ok hf --json backup --source tree "$WORK/tree"
    equal "$(number_of changed_files)" 0 "files from the future that changed again"
    ok hf diff --metadata latest/files/tree "$WORK/tree"
fi

# chmod is a change of the entry, not of the content.
chmod 600 "$WORK/tree/large"
ok hf --json backup --source tree "$WORK/tree"
ok hf diff --metadata latest/files/tree "$WORK/tree"

ok hf --json backup --force --source tree "$WORK/tree"
[ "$(number_of read_bytes)" -gt 3000000 ] || fail "--force read $(number_of read_bytes) bytes only"
