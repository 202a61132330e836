#!/bin/bash
# Slots: a writer adds and can't read, a reader reads and can't add; a passphrase opens as well as a file.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir "$WORK/tree"
echo content >"$WORK/tree/file"
new_repository
ok hf backup --source tree "$WORK/tree"
head -c 64 /dev/urandom >"$WORK/writer"
head -c 64 /dev/urandom >"$WORK/reader"
chmod 600 "$WORK/writer" "$WORK/reader"
ok hf key add --rights write --new-key-file "$WORK/writer" backups
ok hf key add --rights read --new-key-file "$WORK/reader" restores
ok hf key list
said backups
said restores

echo more >"$WORK/tree/more"
ok hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" backup --source tree "$WORK/tree"
exits 8 hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" cat latest/files/tree/file
exits 8 hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" mount "$MNT"
exits 8 hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" restore latest/files/tree "$WORK/no"
exits 8 hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" diff latest/files/tree "$WORK/tree"
equal "$(wc -l <"$SAID")" 1 "lines of an error"
ok hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" ls latest/files/tree
exits 8 hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" key add --rights read \
    --new-key-file "$WORK/reader" more
said "right to admin"

ok hf --key-file "$WORK/reader" --cache-dir "$WORK/cache-r" cat latest/files/tree/more
exits 8 hf --key-file "$WORK/reader" --cache-dir "$WORK/cache-r" backup --source tree "$WORK/tree"
ok hf --key-file "$WORK/reader" --cache-dir "$WORK/cache-r" mount "$MNT"
equal "$(cat "$MNT/latest/files/tree/more")" more "mounted with a reader's key"
unmount_view

# A variable that is not set must not give a slot all sources; one key is one slot's.
head -c 64 /dev/urandom >"$WORK/limited"
for sources in '' , 'files/a,,files/b' ' '; do
    exits 2 hf key add --rights write --sources "$sources" --new-key-file "$WORK/limited" limited
done
for sources in other 'fils/*' 'files/a/b' 'pv/a'; do
    exits 2 hf key add --rights write --sources "$sources" --new-key-file "$WORK/limited" limited
    said "$sources"
done
for rights in read admin write,admin; do # it would limit nothing
    exits 2 hf key add --rights $rights --sources files/other --new-key-file "$WORK/limited" limited
    said "limits"
done
exits 2 hf key add --rights write, --new-key-file "$WORK/limited" limited
exits 2 hf key add --rights read --new-key-file "$WORK/writer" again
said backups
ok hf key add --rights 'write, maintain' --sources 'files/other , pg/*' --new-key-file "$WORK/limited" limited
hf key list --json | grep -q '"sources": *\["files/other", *"pg/\*"\]' || fail "sources of a slot"
ok hf backup --source other "$WORK/tree"
ok hf backup --source other "$WORK/tree"
exits 8 hf --key-file "$WORK/limited" --cache-dir "$WORK/cache-l" backup --source tree "$WORK/tree"
ok hf --key-file "$WORK/limited" --cache-dir "$WORK/cache-l" forget --keep-last 1 --protect 0s
exits 8 hf --key-file "$WORK/limited" --cache-dir "$WORK/cache-l" prune
said "a prune is of all"
equal "$(hf snapshots --json -s files/tree | wc -l) $(hf snapshots --json -s other | wc -l)" "2 1" "snapshots"

# Revoked, and then less of it is to count; not a time that is yet to come.
ok hf backup --source tree "$WORK/tree"
echo stolen >"$WORK/tree/more"
ok hf --key-file "$WORK/writer" --cache-dir "$WORK/cache-w" backup --source tree "$WORK/tree"
exits 2 hf key revoke --distrust-after 2199-01-01 backups
ok hf key revoke backups
equal "$(hf cat latest/files/tree/more)" stolen "what a revoked key added before"
exits 2 hf key revoke backups
said "--distrust-after"
ok hf key revoke --distrust-after '1h ago' backups
equal "$(hf cat latest/files/tree/more)" more "without what the thief added"
for time in '1h ago' '1m ago'; do # a revocation is not loosened, and does not look as if it were
    exits 2 hf key revoke --distrust-after "$time" backups
    said "later"
done
equal "$(hf --cache-dir "$WORK/cache-new" cat latest/files/tree/more)" more "on a machine that knew nothing"
exits 2 hf key add --rights write --new-key-file "$WORK/writer" once-more
said revoked
exits 2 hf --key-file "$WORK/limited" --passphrase-file "$WORK/limited" snapshots

# A repository with a passphrase.
export HOLDFAST_REPOSITORY=$WORK/with-passphrase
unset HOLDFAST_KEY_FILE
echo 'correct horse battery staple' >"$WORK/phrase"
ok hf --passphrase-file "$WORK/phrase" init
ok hf --passphrase-file "$WORK/phrase" backup --source tree "$WORK/tree"
ok env HOLDFAST_PASSPHRASE='correct horse battery staple' "$HOLDFAST" cat latest/files/tree/file
ok hf --passphrase-file "$WORK/phrase" mount "$MNT"
equal "$(cat "$MNT/latest/files/tree/file")" content "mounted with a passphrase"
unmount_view
exits 5 env HOLDFAST_PASSPHRASE='correct horse battery stable' "$HOLDFAST" snapshots
