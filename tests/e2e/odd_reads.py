#!/usr/bin/env python3
"""Reads B in every odd way and compares with A, which is the same: odd_reads.py A B"""
import ctypes
import mmap
import os
import random
import struct
import sys

SYS_OPENAT2 = 437
RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 0x04, 0x08, 0x10


def openat2(dir_fd, path, resolve):
    how = struct.pack("<QQQ", os.O_RDONLY | os.O_CLOEXEC, 0, resolve)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_OPENAT2, dir_fd, path, how, len(how))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return fd


def main(a, b):
    with open(a, "rb") as file:
        content = file.read()
    rng = random.Random(4)

    folder = os.open(os.path.dirname(b), os.O_RDONLY | os.O_DIRECTORY)
    for resolve in (RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS):
        fd = openat2(folder, os.fsencode(os.path.basename(b)), resolve)
        assert os.read(fd, 100) == content[:100], "openat2"
        os.close(fd)

    fd = os.open(b, os.O_RDONLY)
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as mapped:
        for _ in range(200):
            at = rng.randrange(len(content))
            n = rng.randrange(1, 70000)
            assert mapped[at:at + n] == content[at:at + n], ("mmap", at, n)
        assert mapped[:] == content, "mmap of all"
    for _ in range(300):
        at = rng.randrange(len(content) + 5000)
        n = rng.choice([1, 511, 4096, 4097, 131072, 1048577])
        assert os.pread(fd, n, at) == content[at:at + n], ("pread", at, n)
    for at in range(len(content) - 1, 0, -333333):
        assert os.pread(fd, 333333, at) == content[at:at + 333333], ("backwards", at)
    assert os.pread(fd, 10, len(content)) == b"", "read at the end"
    assert os.lseek(fd, 0, os.SEEK_END) == len(content), "the end"
    os.close(fd)

    # Without the page cache.
    try:
        fd = os.open(b, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        return
    with mmap.mmap(-1, 1 << 20) as aligned:
        for at in range(0, len(content), 1 << 20):
            n = os.preadv(fd, [aligned], at)
            assert aligned[:n] == content[at:at + n] and n, ("direct", at)
    os.close(fd)


main(sys.argv[1], sys.argv[2])
