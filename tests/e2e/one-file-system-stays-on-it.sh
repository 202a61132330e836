#!/bin/bash
# -x keeps a mount point as an empty directory and does not go in.
. "$(dirname "$0")/lib.sh"
need_root "mounts a tmpfs"
need unshare

mkdir -p "$WORK/tree/mounted" "$WORK/tree/plain"
echo here >"$WORK/tree/plain/here"
mount -t tmpfs -o size=1m none "$WORK/tree/mounted" || skip "a tmpfs may not be mounted here"
echo there >"$WORK/tree/mounted/there"
new_repository

ok hf backup --source all "$WORK/tree"
ok hf cat latest/files/all/mounted/there
ok hf backup -x --source one "$WORK/tree"
ok hf cat latest/files/one/plain/here
ok hf find latest/files/one
said latest/files/one/mounted
grep -q there "$SAID" && fail "-x went into another file system"

# Each PATH has its own file system.
ok hf backup -x --source both "$WORK/tree/mounted" "$WORK/tree/plain"
ok hf find latest/files/both
said mounted/there
said plain/here
