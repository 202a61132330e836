#!/bin/bash
# One tree through restic's backup and restore, and through ours: the two copies are the same.
. "$(dirname "$0")/lib.sh"
need restic rsync

/usr/bin/env python3 - "$WORK/tree" <<'PYTHON'
import hashlib, os, sys
top = sys.argv[1]
os.makedirs(top + "/a/deep/er")
for i in range(400):
    with open(f"{top}/a/deep/er/{i}", "wb") as file:
        file.write(hashlib.shake_128(b"%d" % i).digest(i * i * 7 % 50000))
with open(top + "/large", "wb") as file:
    file.write(hashlib.shake_128(b"large").digest(9 << 20))
with open(top + "/zeros", "wb") as file:
    file.write(bytes(5 << 20))
os.symlink("a/deep", top + "/link")
os.link(top + "/large", top + "/a/other-name")
os.mkfifo(top + "/fifo")
with open(os.fsencode(top) + b"/\xff\xfe not utf-8", "wb") as file:
    file.write(b"x")
os.chmod(top + "/zeros", 0o4711)
for name in ("large", "a/deep"):
    os.utime(f"{top}/{name}", ns=(1, 1234567890123456789))
PYTHON
export RESTIC_PASSWORD=x RESTIC_CACHE_DIR=$WORK/restic-cache
ok restic -q -r "$WORK/restic" init
(cd "$WORK/tree" && ok restic -q -r "$WORK/restic" backup .) || exit 1
ok restic -q -r "$WORK/restic" restore latest --target "$WORK/by-restic"

new_repository
ok hf backup --source tree "$WORK/tree"
ok hf restore latest/files/tree "$WORK/by-us"

same_tree "$WORK/tree" "$WORK/by-us"
# restic leaves the target itself as it finds it.
chmod --reference="$WORK/tree" "$WORK/by-restic"
touch -r "$WORK/tree" "$WORK/by-restic"
same_tree "$WORK/by-restic" "$WORK/by-us"
