#!/bin/bash
# A store that shows an older state is refused by a machine whose catalog saw the newer one, and by
# one that was told the least keyring to accept. One that knows nothing can't tell.
. "$(dirname "$0")/lib.sh"

mkdir "$WORK/tree"
echo x >"$WORK/tree/file"
new_repository
ok hf backup --source tree "$WORK/tree"
cp -a "$HOLDFAST_REPOSITORY" "$WORK/older"
head -c 64 /dev/urandom >"$WORK/second"
ok hf key add --rights read --new-key-file "$WORK/second" second
ok hf snapshots
ok hf --at-least 2 snapshots

# A commit that was there and is gone: each command says so and goes on, and check names it.
echo y >"$WORK/tree/file"
ok hf backup --source tree "$WORK/tree"
gone=$(cd "$HOLDFAST_REPOSITORY/commits" && printf '%s\n' * | tail -n 1)
for copy in "" twin/; do
    mv "$HOLDFAST_REPOSITORY/${copy}commits/$gone" "$WORK/gone-${copy%/}"
done
ok hf snapshots
said "commits that were here are gone"
ok hf cat latest/files/tree/file
said "commits that were here are gone"
exits 4 hf check
said "$gone"
for copy in "" twin/; do
    mv "$WORK/gone-${copy%/}" "$HOLDFAST_REPOSITORY/${copy}commits/$gone"
done
ok hf check
ok hf snapshots
! grep -q "are gone" "$SAID" || fail "told of what is back"

rm -rf "$HOLDFAST_REPOSITORY"
mv "$WORK/older" "$HOLDFAST_REPOSITORY"
exits 4 hf snapshots
exits 4 hf backup --source tree "$WORK/tree"
exits 4 hf --cache-dir "$WORK/nothing-known" --at-least 2 snapshots
ok hf --cache-dir "$WORK/nothing-known" snapshots

# Who changes the keyring knows of it at once: a revocation can't be taken back unnoticed.
export HOLDFAST_REPOSITORY=$WORK/revoked
ok hf init
ok hf backup --source tree "$WORK/tree"
head -c 64 /dev/urandom >"$WORK/thief"
ok hf key add --rights write --new-key-file "$WORK/thief" thief
ok hf key revoke thief
newest=$(cd "$HOLDFAST_REPOSITORY/keyring" && printf '%s\n' * | tail -n 1)
rm "$HOLDFAST_REPOSITORY/keyring/$newest" "$HOLDFAST_REPOSITORY/twin/keyring/$newest"
exits 4 hf snapshots
said "was seen before"

# What another process brings meanwhile is no going back.
export HOLDFAST_REPOSITORY=$WORK/busy
ok hf init --grace 0s
ok hf backup --source tree "$WORK/tree"
(
    for ((i = 0; i < 12; i++)); do
        echo "$i" >"$WORK/tree/file"
        hf -q key rotate && hf -q backup --source other "$WORK/tree" &&
            hf -q forget -s other --keep-last 1 --protect 0s >"$WORK/forgot" && hf -q prune || exit 1
    done
) &
while kill -0 $! 2>/dev/null; do
    ok hf -q ls latest/files/tree
done
wait $! || fail "a change beside others"

# Changes of the keyring at the same time: each builds on the others'.
for ((i = 0; i < 6; i++)); do
    head -c 64 /dev/urandom >"$WORK/one-$i"
    hf -q key add --rights read --new-key-file "$WORK/one-$i" "one-$i" 2>"$WORK/added-$i" &
done
for ((i = 0; i < 6; i++)); do
    wait -n || fail "a slot was not added: $(cat "$WORK"/added-*)"
done
equal "$(hf key list --json | grep -c '"one-')" 6 "slots"

# What somebody planted is told once by each command, and by nothing else.
HOLDFAST_REPOSITORY=$WORK/planted
ok hf init
mkdir -p "$WORK/few"
echo few >"$WORK/few/file"
for name in checkpoints keyring; do
    head -c 500 /dev/urandom >"$HOLDFAST_REPOSITORY/$name/0000000009"
done
for command in "backup --source few $WORK/few" "prune --grace 0s" snapshots; do
    # shellcheck disable=SC2086 # words
    ok hf $command
    for name in checkpoints keyring; do
        equal "$(grep -c "$name/0000000009" "$SAID")" 1 "how often $command names a planted $name"
    done
    grep -q "no such object" "$SAID" && fail "it lacks a copy, which says nothing"
done
true
