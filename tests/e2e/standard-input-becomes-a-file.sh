#!/bin/bash
# --stdin --name: a pipe of any length becomes one file; an incomplete command is an error.
. "$(dirname "$0")/lib.sh"

new_repository
head -c 30000000 /dev/urandom >"$WORK/stream"

backup_stream() {
    "$HOLDFAST" backup --stdin --name dump.sql --source dump --label database=shop
}

ok backup_stream <"$WORK/stream"
ok hf ls latest/files/dump
said dump.sql
hf cat latest/files/dump/dump.sql | cmp - "$WORK/stream" || fail "the stream came back otherwise"

# A slow pipe that is written byte by byte, and an empty one.
(for i in a b c d; do printf '%s' "$i"; sleep 0.05; done) | ok backup_stream
equal "$(hf cat latest/files/dump/dump.sql)" abcd "a slow pipe"
ok backup_stream </dev/null
equal "$(hf cat latest/files/dump/dump.sql)" "" "an empty pipe"

# The same again is deduplicated.
before=$(stored_bytes)
ok backup_stream <"$WORK/stream"
after=$(stored_bytes)
[ $((after - before)) -lt 300000 ] || fail "the same stream again took $((after - before)) bytes"

ok hf ls labels/database/shop
ok hf snapshots --source files/dump
equal "$(grep -c files/dump "$SAID")" 4 "snapshots"

# What can't be read makes no snapshot: the last good one stays the newest.
exits 1 backup_stream <"$WORK"
said "there is no snapshot"
hf cat latest/files/dump/dump.sql | cmp - "$WORK/stream" || fail "a failed one hides the last good one"

# The moment may be given; where that puts a snapshot behind another, it is not told as the newest.
exits 0 hf backup --stdin --name x --source timed --time 2062-01-01 </dev/null
said "still to come"
exits 0 hf backup --stdin --name x --source timed </dev/null
said "of 2062-01-01T00-00-00Z"
! grep -q "latest/files/timed (id" "$SAID" || fail "told as the newest"

exits 2 hf backup --stdin --source dump
exits 2 hf backup --name dump.sql --source dump "$WORK"
exits 2 hf backup --stdin --name a/b --source dump </dev/null
exits 2 hf backup --stdin --name .. --source dump </dev/null
exits 2 hf backup --stdin --name x --source dump "$WORK" </dev/null
