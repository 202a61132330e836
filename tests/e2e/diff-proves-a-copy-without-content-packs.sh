#!/bin/bash
# holdfast diff VIEWPATH DIR needs metadata only: packs/ is moved away, and one flipped bit is still found.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/tree/dir"
head -c 5000000 /dev/urandom >"$WORK/tree/large"
truncate -s 3M "$WORK/tree/sparse"
printf data | dd of="$WORK/tree/sparse" bs=1 seek=2000000 conv=notrunc status=none
for ((i = 0; i < 200; i++)); do
    echo "content $i" >"$WORK/tree/dir/$i"
done
: >"$WORK/tree/empty"
new_repository
ok hf backup --source tree "$WORK/tree"
ok hf restore latest/files/tree "$WORK/copy"

mv "$HOLDFAST_REPOSITORY/packs" "$WORK/packs"
mkdir "$HOLDFAST_REPOSITORY/packs"
ok hf diff latest/files/tree "$WORK/copy"
said_nothing
ok hf diff --metadata latest/files/tree "$WORK/copy"
hf cat latest/files/tree/large >/dev/null 2>&1 && fail "the packs are still there"

# flip FILE OFFSET: the lowest bit of one byte; the times are put back.
flip() {
    python3 - "$1" "$2" <<'INNER'
import os, sys
path, at = sys.argv[1], int(sys.argv[2])
before = os.stat(path)
with open(path, "r+b") as file:
    file.seek(at)
    byte = file.read(1)[0]
    file.seek(at)
    file.write(bytes([byte ^ 1]))
os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
INNER
}

for place in "large 0" "large 2500000" "large 4999999" "dir/77 3" "sparse 2000001" "sparse 2999999"; do
    # shellcheck disable=SC2086 # file and offset
    set -- $place
    flip "$WORK/copy/$1" "$2"
    exits 9 hf diff latest/files/tree "$WORK/copy"
    said "$1"
    equal "$(grep -c '^[ARMTU] ' "$SAID")" 1 "differences after a flipped bit in $1"
    flip "$WORK/copy/$1" "$2"
done
ok hf diff latest/files/tree "$WORK/copy"

# What is missing, what is more, what is of another kind.
rm "$WORK/copy/dir/5"
echo more >"$WORK/copy/dir/more"
rm "$WORK/copy/empty"
mkdir "$WORK/copy/empty"
chmod 600 "$WORK/copy/dir/7"
exits 9 hf diff latest/files/tree "$WORK/copy"
equal "$(grep -c '^[ARMTU] ' "$SAID")" 3 "differences"
exits 9 hf diff --metadata latest/files/tree "$WORK/copy"
said dir/7

# One file is proven by the words that restored it, or by its own name.
mkdir "$WORK/one"
mv "$WORK/packs"/* "$HOLDFAST_REPOSITORY/packs"
ok hf restore latest/files/tree/large "$WORK/one"
ok hf diff latest/files/tree/large "$WORK/one"
ok hf diff latest/files/tree/large "$WORK/one/large"
flip "$WORK/one/large" 17
exits 9 hf diff latest/files/tree/large "$WORK/one"

# What can't be read is named, and all else is compared; what can't be written is an error.
rm -rf "$WORK/copy"
ok hf restore latest/files/tree "$WORK/copy"
chmod 000 "$WORK/copy/dir"
if ! unprivileged ls "$WORK/copy/dir" >/dev/null 2>&1; then
    exits 3 unprivileged "$HOLDFAST" diff latest/files/tree "$WORK/copy"
    said "path=dir"
    flip "$WORK/copy/sparse" 2000001
    exits 9 unprivileged "$HOLDFAST" diff latest/files/tree "$WORK/copy"
    said "path=dir"
    said "M sparse"
    equal "$(grep -c '^[ARMTU] ' "$SAID")" 1 "differences beside what can't be read"
fi
chmod 755 "$WORK/copy/dir"
"$HOLDFAST" diff latest/files/tree "$WORK/one" >/dev/full 2>"$SAID"
equal $? 1 "the status where nothing can be written"
said "No space left"

# A directory's time counts too; and a file that is compared alone has its name.
ok hf restore latest/files/tree/dir "$WORK/dir"
ok hf diff --metadata latest/files/tree/dir "$WORK/dir"
touch "$WORK/dir"
exits 9 hf diff --metadata latest/files/tree/dir "$WORK/dir"
said "U ./"
ok hf restore latest/files/tree/dir/3 "$WORK"
echo changed >"$WORK/3"
exits 9 hf diff latest/files/tree/dir/3 "$WORK"
said "M 3"
