#!/bin/bash
# Who lists a directory and reads one of its files is given the files behind it with no further question;
# who was given no list is given nothing more; and what is given so is what reads would have said.
. "$(dirname "$0")/lib.sh"
need_fuse
[ "$(id -u)" = 0 ] || skip "only root may drop the page cache"

mkdir -p "$WORK/tree/many/below"
for ((i = 100; i < 400; i++)); do
    head -c $((i * 7)) /dev/urandom >"$WORK/tree/many/$i"
done
head -c 1048576 /dev/urandom >"$WORK/tree/many/below/a-mebibyte"
head -c 1048577 /dev/urandom >"$WORK/tree/many/below/b-more-than-that"
: >"$WORK/tree/many/below/c-empty"
truncate -s 100000 "$WORK/tree/many/below/d-a-hole"
echo word | dd of="$WORK/tree/many/below/d-a-hole" bs=1 seek=50000 conv=notrunc status=none
ln "$WORK/tree/many/399" "$WORK/tree/many/below/e-a-link"
new_repository
ok hf backup --source tree "$WORK/tree"
mount_view
VIEW=$MNT/latest/files/tree

ok python3 - "$VIEW" "$WORK/tree" <<'END'
import ctypes, mmap, os, sys, time

view, tree = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def is_there(path):
    """Whether all pages of a file are in the page cache; asks the daemon for nothing."""
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    pages = ctypes.create_string_buffer((size + 4095) // 4096)
    assert libc.mincore(at, size, pages) == 0
    libc.munmap(at, size)
    os.close(fd)
    return all(byte & 1 for byte in pages.raw)


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


def forget():
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def comes(path):
    end = time.monotonic() + 30
    while not is_there(path):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


many, below = view + "/many", view + "/many/below"

# Not listed, then listed by a process that asks for what stands behind names: wishes are granted in order,
# so what came of the first would be there when what comes of the second is.
assert read(f"{many}/100") == read(f"{tree}/many/100")
names = sorted(entry.name for entry in os.scandir(below))
assert read(f"{below}/{names[0]}") == read(f"{tree}/many/below/{names[0]}")
assert comes(f"{below}/d-a-hole") and comes(f"{below}/e-a-link")
assert not is_there(f"{below}/b-more-than-that")
assert not is_there(f"{many}/101")
for name in names:
    assert read(f"{below}/{name}") == read(f"{tree}/many/below/{name}"), name
fd = os.open(f"{below}/d-a-hole", os.O_RDONLY)
assert os.lseek(fd, 0, os.SEEK_DATA) > 0
os.close(fd)

forget()
names = sorted(entry.name for entry in os.scandir(many))
assert read(f"{many}/100") == read(f"{tree}/many/100")
for name in names:
    if name != "below":
        assert comes(f"{many}/{name}"), name
        assert read(f"{many}/{name}") == read(f"{tree}/many/{name}"), name
END

# Copied whole, twice, the second time from the page cache; then in another order.
for _ in 1 2; do
    rm -rf "$WORK/copy"
    ok cp -a "$VIEW" "$WORK/copy"
    ok diff -r "$WORK/tree" "$WORK/copy"
done
echo 3 2>/dev/null >/proc/sys/vm/drop_caches
ok diff -r "$WORK/tree" "$VIEW"
unmount_view
