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
