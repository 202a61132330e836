#!/bin/bash
# Files that can't be read, vanish or change meanwhile: each named and counted, exit 3, all else kept.
. "$(dirname "$0")/lib.sh"

TREE=$WORK/tree
mkdir -p "$TREE/closed" "$TREE/open"
echo secret >"$TREE/secret"
echo inside >"$TREE/closed/inside"
echo fine >"$TREE/open/fine"
ln "$TREE/secret" "$TREE/zz-linked-secret"
chmod 000 "$TREE/secret" "$TREE/closed"
new_repository

unprivileged cat "$TREE/secret" >/dev/null 2>&1 && skip "modes do not bind here"

exits 3 unprivileged "$HOLDFAST" backup --source tree "$TREE"
said secret
said closed
exits 3 unprivileged "$HOLDFAST" --json backup --source tree "$TREE"
[ "$(number_of failed)" -ge 2 ] || fail "$(number_of failed) failed"
ok hf cat latest/files/tree/open/fine
said fine
ok hf find latest/files/tree
grep -q inside "$SAID" && fail "a name from a closed directory"
ok hf check --read-data

# Where that is all there is, it is named, too, and there is no snapshot.
exits 1 unprivileged "$HOLDFAST" backup --source closed "$TREE/closed"
said "path=$TREE/closed"
exits 1 unprivileged "$HOLDFAST" backup --source closed "$TREE/secret"
exits 6 hf ls latest/files/closed

# It is there again as soon as it can be read.
chmod 600 "$TREE/secret"
chmod 700 "$TREE/closed"
ok unprivileged "$HOLDFAST" backup --source tree "$TREE"
ok hf diff latest/files/tree "$TREE"

# A file that grows all the time.
head -c 40000000 /dev/zero | tr '\0' 'x' >"$TREE/growing"
(while :; do echo more; done) >>"$TREE/growing" &
grower=$!
exits 3 hf backup --source tree "$TREE"
kill $grower
wait $grower 2>/dev/null
said growing
ok hf cat latest/files/tree/open/fine
ok hf backup --source tree "$TREE"
ok hf diff latest/files/tree "$TREE"

# A file that vanishes between being listed and being opened.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    echo soon >"$TREE/open/vanishing"
    exits 3 env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -o "$WORK/trace" \
        -P vanishing -e trace=openat,openat2 -e inject=openat,openat2:error=ENOENT \
        "$HOLDFAST" backup --source tree "$TREE"
    said vanishing
    ok hf cat latest/files/tree/open/fine
    rm "$TREE/open/vanishing"
fi

# A directory that goes away while it is being walked.
mkdir "$TREE/going"
for ((i = 0; i < 300; i++)); do
    echo "$i" >"$TREE/going/$i"
done
"$HOLDFAST" backup --source tree "$TREE" >"$SAID" 2>&1 &
run=$!
rm -rf "$TREE/going"
wait $run
status=$?
[ $status = 0 ] || [ $status = 3 ] || fail "status $status when a directory went away"
ok hf cat latest/files/tree/open/fine
ok hf check --read-data
