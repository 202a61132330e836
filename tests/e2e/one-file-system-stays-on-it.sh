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

# Also one that lies in another; what was not named there stays out.
for order in "$WORK/tree $WORK/tree/mounted" "$WORK/tree/mounted $WORK/tree"; do
    # shellcheck disable=SC2086 # two paths
    ok hf backup -x --source nested $order
    ok hf cat "latest/files/nested$WORK/tree/mounted/there"
    ok hf cat "latest/files/nested$WORK/tree/plain/here"
done
mkdir "$WORK/tree/mounted/deep"
echo deep >"$WORK/tree/mounted/deep/named"
ok hf backup -x --source deeper "$WORK/tree" "$WORK/tree/mounted/deep"
ok hf find --type f latest/files/deeper
said mounted/deep/named
grep -q "mounted/there" "$SAID" && fail "-x went into another file system"
exit 0
