#!/bin/bash
# --dry-run counts what a backup would store, and changes neither the repository nor the target of a restore.
. "$(dirname "$0")/lib.sh"

mkdir "$WORK/tree"
head -c 5000000 /dev/urandom >"$WORK/tree/file"
new_repository

everything() {
    find "$HOLDFAST_REPOSITORY" -type f -printf '%P %s %T@\n' | sort
}

before=$(everything)
ok hf --json backup --dry-run --source tree "$WORK/tree"
equal "$(number_of new_files)" 1 "files that would be new"
equal "$(number_of bytes)" 5000000 "bytes that would be read"
equal "$(everything)" "$before" "the repository after a dry run"
exits 6 hf ls latest/files/tree

ok hf backup --source tree "$WORK/tree"
before=$(everything)
ok hf backup -n --source tree "$WORK/tree"
equal "$(everything)" "$before" "the repository after a second dry run"

ok hf restore --dry-run latest/files/tree "$WORK/back"
[ ! -e "$WORK/back" ] || fail "a dry run of restore made its target"
