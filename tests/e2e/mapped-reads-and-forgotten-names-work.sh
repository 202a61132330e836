#!/bin/bash
# mmap, openat2, names that the kernel forgot, seeks and odd offsets: none depends on what was asked before.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir -p "$WORK/tree/a/b/c"
head -c 9000001 /dev/urandom >"$WORK/tree/a/b/c/large"
for ((i = 0; i < 3000; i++)); do
    echo "$i" >"$WORK/tree/a/b/$i"
done
new_repository
ok hf backup --source tree "$WORK/tree"
mount_view
VIEW=$MNT/latest/files/tree

# Never listed, never looked up: by its path alone.
equal "$(cat "$VIEW/a/b/2999")" 2999 "a name that was not listed"
ok python3 "$HERE/odd_reads.py" "$WORK/tree/a/b/c/large" "$VIEW/a/b/c/large"

if [ "$(id -u)" = 0 ]; then
    cd "$VIEW/a/b" || fail "cd"
    exec 8<"$VIEW/a/b/c/large"
    for _ in 1 2 3; do
        ls -lR "$VIEW" >/dev/null
        sync
        # Dentries and inodes go, the daemon is told with FORGET.
        echo 2 2>/dev/null >/proc/sys/vm/drop_caches
        equal "$(cat 17)" 17 "a name below a directory that one stands in"
        equal "$(cat "$VIEW/a/b/1234")" 1234 "a forgotten name"
        equal "$(ls | wc -l)" 3001 "a forgotten directory"
        echo 3 2>/dev/null >/proc/sys/vm/drop_caches
        cmp - "$WORK/tree/a/b/c/large" <"/proc/self/fd/8" || fail "an open file after FORGET"
    done
    exec 8<&-
    cd "$WORK" || exit 1
fi
ok python3 "$HERE/odd_reads.py" "$WORK/tree/a/b/c/large" "$VIEW/a/b/c/large"

# Names that were given alone lead to what is there, and say of it what a look at it says.
unmount_view
mount_view
ok python3 - "$VIEW" "$WORK/tree" <<'END'
import os, stat, sys

names = [(top, entry) for top, _, _ in os.walk(sys.argv[1]) for entry in os.scandir(top)]
assert len(names) == 3004, len(names)
for top, entry in names:
    st = os.lstat(entry.path)
    assert entry.inode() == st.st_ino, entry.path
    assert entry.is_dir(follow_symlinks=False) == stat.S_ISDIR(st.st_mode), entry.path
    assert st.st_size == os.lstat(sys.argv[2] + entry.path[len(sys.argv[1]):]).st_size \
        or stat.S_ISDIR(st.st_mode), entry.path
END

# A name that no file can have is told from one that is not there.
ok python3 - "$VIEW" <<'END'
import errno, os, sys

for folder in (sys.argv[1], os.path.dirname(sys.argv[1])):
    for size, wanted in ((255, errno.ENOENT), (256, errno.ENAMETOOLONG)):
        try:
            os.lstat(os.path.join(folder, "x" * size))
        except OSError as error:
            assert error.errno == wanted, (folder, size, error)
        else:
            raise AssertionError(folder)
END

# Inode numbers stay, and are one for each name.
before=$(stat -c %i "$VIEW/a/b/17" "$VIEW/a/b/c/large" "$VIEW/a")
unmount_view
mount_view
equal "$(stat -c %i "$VIEW/a/b/17" "$VIEW/a/b/c/large" "$VIEW/a")" "$before" "inode numbers"
equal "$(find "$VIEW" -printf '%i\n' | sort | uniq -d | wc -l)" 0 "inode numbers that are double"
unmount_view
