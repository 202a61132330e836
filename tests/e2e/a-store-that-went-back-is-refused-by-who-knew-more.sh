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

rm -rf "$HOLDFAST_REPOSITORY"
mv "$WORK/older" "$HOLDFAST_REPOSITORY"
exits 4 hf snapshots
exits 4 hf backup --source tree "$WORK/tree"
exits 4 hf --cache-dir "$WORK/nothing-known" --at-least 2 snapshots
ok hf --cache-dir "$WORK/nothing-known" snapshots
