#!/bin/bash
# What no snapshot needs any more goes, a grace period after it was announced; what one needs stays,
# byte for byte, beside a mount, and beside backups and other prunes that run at once. HOLDFAST is the
# program.
. "$(dirname "$0")/lib.sh"

stored() { du -s --apparent-size -k "$WORK/repo" | cut -f 1; }
newest() { ls "$MNT/sources/files/s" | tail -n 1; }

tree=$WORK/tree
mkdir "$tree"
for i in $(seq 40); do
    head -c $((i * 700)) /dev/urandom >"$tree/f$i"
done

ok "$HOLDFAST" init --grace 1h
for i in 1 2 3; do
    head -c 3M /dev/urandom >"$tree/large" # what the others had of it, nobody else needs
    ok "$HOLDFAST" backup -q --source files/s "$tree"
done
before=$(stored)
ok "$HOLDFAST" forget --source files/s --keep-last 1 --protect 0s

# Announced, and no byte gone: the hour is not over.
ok "$HOLDFAST" prune
[ "$(stored)" -ge "$before" ] || fail "something went before the grace period was over"
ok "$HOLDFAST" check --read-data

# A write that was cut off long ago leaves a file that nothing names.
touch -d '2 days ago' "$WORK/repo/packs/.tmp-0123456789abcdef"
touch "$WORK/repo/packs/.tmp-fedcba9876543210"

cp "$WORK/repo/checkpoints/0000000001" "$WORK/old-checkpoint"
ok "$HOLDFAST" mount "$MNT"
kept=$MNT/sources/files/s/$(newest)
(
    for i in 1 2 3 4 5; do
        head -c 200K /dev/urandom >"$WORK/other-$i"
        "$HOLDFAST" backup -q --source files/other "$WORK/other-$i" "$tree" || exit 1
    done
) >"$WORK/backups" 2>&1 &
backups=$!
"$HOLDFAST" prune -q --grace 0s >"$WORK/prune-1" 2>&1 &
first=$!
"$HOLDFAST" prune -q --grace 0s >"$WORK/prune-2" 2>&1 &
second=$!
wait $first || { cat "$WORK/prune-1"; fail "the first prune"; }
wait $second || { cat "$WORK/prune-2"; fail "the second prune"; }
wait $backups || { cat "$WORK/backups"; fail "backups beside prunes"; }
same_tree "$kept" "$tree"
ok "$HOLDFAST" prune --grace 0s
# 6 MB were forgotten, and the other backups added 1 MB and what names it.
[ "$(stored)" -lt $((before - 4000)) ] || fail "$before KB before, $(stored) after"
[ ! -e "$WORK/repo/packs/.tmp-0123456789abcdef" ] || fail "what a write left is still there"
[ -e "$WORK/repo/packs/.tmp-fedcba9876543210" ] || fail "a write under way lost its file"
same_tree "$kept" "$tree"
ok "$HOLDFAST" check --read-data

# A client that knows nothing reads the same.
rm -rf "$WORK/cache"
ok "$HOLDFAST" restore latest/files/s "$WORK/restored"
same_tree "$WORK/restored" "$tree"
ok "$HOLDFAST" backup -q --source files/s "$tree"
ok "$HOLDFAST" check --read-data

# Nor does who has nothing but the specification: the checkpoint and its segments say all.
if /usr/bin/python3 -c 'import zstandard, cryptography' 2>/dev/null; then
    ok /usr/bin/python3 "$HERE/../reader.py" "$WORK/repo" --key-file "$HOLDFAST_KEY_FILE" verify
    ok /usr/bin/python3 "$HERE/../reader.py" "$WORK/repo" --key-file "$HOLDFAST_KEY_FILE" restore "$WORK/read" files/s
    same_tree "$WORK/read" "$tree"
fi

# The same again with nothing to do changes nothing.
ok "$HOLDFAST" prune --grace 0s
was=$(cd "$WORK/repo" && find . -type f | sort)
ok "$HOLDFAST" prune --grace 0s
[ "$was" = "$(cd "$WORK/repo" && find . -type f | sort)" ] || fail "a prune with nothing to do did something"

# Of a sweep that was cut off one copy is left: that is no damage, and the next one has it.
for part in repo repo/twin; do
    cp "$WORK/old-checkpoint" "$WORK/$part/checkpoints/0000000001"
    ok "$HOLDFAST" check
    ok "$HOLDFAST" prune --grace 0s
    [ ! -e "$WORK/$part/checkpoints/0000000001" ] || fail "an old checkpoint stays"
done

# Of a prune, or a forget, that was killed before a second copy the next one supplies it, also if it
# has nothing to do.
for again in "prune --grace 0s" "forget --keep-last 9"; do
    rm -f "$(find "$WORK/repo/twin/commits" -type f | sort | tail -n 1)" "$WORK"/repo/twin/checkpoints/*
    exits 4 "$HOLDFAST" check
    # shellcheck disable=SC2086 # its words
    ok "$HOLDFAST" $again
    ok "$HOLDFAST" check
done

# Who may not maintain may not prune.
head -c 32 /dev/urandom >"$WORK/writer"
ok "$HOLDFAST" key add --rights write,read --new-key-file "$WORK/writer" writer
exits 8 "$HOLDFAST" --key-file "$WORK/writer" prune

# A prune, one that only looks, and stats say the same of what stays, and why: what is unused and young, what a backup
# that was cut off left, and what no commit names.
export HOLDFAST_REPOSITORY=$WORK/reasons
ok hf init
for ((i = 0; i < 3; i++)); do
    head -c 2000000 /dev/urandom >"$WORK/tree/changing"
    ok hf backup --source reasons "$WORK/tree"
done
ok hf forget --source reasons --keep-last 1 --protect 0s
mkdir -p "$HOLDFAST_REPOSITORY/packs/00"
head -c 5000 /dev/urandom >"$WORK/left"
cp "$WORK/left" "$HOLDFAST_REPOSITORY/packs/00/$(printf '0%.0s' {1..64})"
for command in "prune --dry-run" prune prune "stats --why"; do
    # shellcheck disable=SC2086 # some words
    ok hf --json $command
    [ "$(number_of young_bytes)" -gt 1900000 ] || fail "$command: young"
    equal "$(number_of unnamed_bytes)" 5000 "$command: bytes that no commit names"
done
ok hf stats --why
said "too young"
said "named by no commit"

# What only a backup that did not finish needs is told apart, until the next one finishes.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    head -c 3000000 /dev/urandom >"$WORK/tree/more"
    for k in $(seq 12); do
        ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 strace -f -o "$WORK/trace" -e trace=link,linkat \
            -e inject=link,linkat:signal=KILL:when="$k" \
            "$HOLDFAST" -q backup --source reasons "$WORK/tree" >/dev/null 2>&1 && break
        ok hf --json stats --why
        [ "$(number_of unfinished_bytes)" = 0 ] || break
    done
    [ "$(number_of unfinished_bytes)" -gt 2900000 ] || fail "nothing is kept for what was killed"
    ok hf stats --why
    said "needed by backups that did not finish"
    ok hf backup --source reasons "$WORK/tree"
    ok hf --json stats --why
    equal "$(number_of unfinished_bytes)" 0 "kept for what is finished"
fi
