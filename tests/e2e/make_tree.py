#!/usr/bin/env python3
"""Makes a tree of everything that a backup must keep: make_tree.py DIR [--root] [--big]

--root   also what only root may make: devices, owners, trusted and security xattrs
--big    also the big numbers: more than 4 GiB of data, 100,000 names
Contents come from a fixed seed, so that two runs make the same.
"""
import os
import random
import socket
import struct
import subprocess
import sys

NAME_MAX = 255
rng = random.Random(20261124)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def noise(n):
    return rng.randbytes(n)


def text(n):
    words = [b"hold", b"fast", b"the", b"past", b"is", b"a", b"file", b"system", b"\n"]
    return b" ".join(rng.choices(words, k=n // 4))[:n]


def make_sizes(top):
    os.mkdir(top)
    for size in (0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1):
        write(top + b"/noise-%d" % size, noise(size))
        write(top + b"/text-%d" % size, text(size))
    write(top + b"/noise-20M", noise(20 << 20))
    write(top + b"/zeros-8M", bytes(8 << 20))


def make_sparse(top):
    """(name, size, [(offset, length)…]): the rest is holes."""
    os.mkdir(top)
    mega = 1 << 20
    files = [
        (b"only-a-hole", 64 * mega, []),
        (b"hole-first", 16 * mega, [(8 * mega, 8 * mega)]),
        (b"hole-last", 16 * mega, [(0, 4 * mega)]),
        (b"hole-between", 32 * mega, [(0, mega), (31 * mega, mega)]),
        (b"odd-end", 3 * mega + 4321, [(mega, 4096)]),
        (b"many-holes", 32 * mega, [(i * 256 * 1024, 4096) for i in range(128)]),
    ]
    make_holes(top, files)


def make_huge(top, big):
    """Larger than 4 GiB; by holes, where a full one would take too long."""
    os.mkdir(top)
    mega, giga = 1 << 20, 1 << 30
    files = [(b"sparse", 5 * giga + 17, [(4096, 8192), (5 * giga - 65536, 65536), (5 * giga, 17)])]
    if big:
        files.append((b"full", 4400 * mega, [(i * mega, mega) for i in range(4400)]))
    make_holes(top, files)


def make_holes(top, files):
    for name, size, parts in files:
        with open(top + b"/" + name, "wb") as file:
            file.truncate(size)
            for offset, length in parts:
                file.seek(offset)
                file.write(noise(length))


def make_names(top):
    os.mkdir(top)
    every = bytes(set(range(1, 256)) - {ord("/")})
    names = [
        every[:NAME_MAX], every[::-1][:NAME_MAX], b"\xff" * NAME_MAX, b"a" * NAME_MAX,
        "é".encode() * 127, b"\xc3", b"\xc3\x28", b"cut-utf8-\xe2\x82", b"new\nline", b"\n", b" ",
        b"  leading and trailing  ", b"tab\there", b"back\\slash", b"quote'\"`$(x)", b"*?[a]{b,c}",
        b"-rf", b"--help", b"...", b".hidden", b"~", b"\x1b[31mred", b"\x7f", b"#x#", b"%s%n",
        b"com1", b"a:b", b"latest", "\u202eright-to-left".encode(), "\u2028".encode(),
    ]
    for i, name in enumerate(names):
        write(top + b"/" + name, b"%d\n" % i)
    for name in (b"dir\xff\xfe", b"dir\nline", b"b" * NAME_MAX):
        os.mkdir(top + b"/" + name)
        write(top + b"/" + name + b"/" + name, name)


def make_links(top):
    os.mkdir(top)
    write(top + b"/one", noise(100000))
    os.mkdir(top + b"/below")
    for i in range(20):
        os.link(top + b"/one", top + (b"/below/link-%d" % i if i % 2 else b"/link-%d" % i))
    write(top + b"/empty", b"")
    os.link(top + b"/empty", top + b"/empty-too")
    os.symlink(b"nowhere/at/all", top + b"/dangling")
    os.symlink(b"dangling", top + b"/to-dangling")
    os.symlink(b"one", top + b"/to-one")
    os.symlink(b"/etc", top + b"/to-absolute")
    os.symlink(b".", top + b"/loop")
    os.symlink(b"a/" * 2047 + b"b", top + b"/of-4095-bytes")
    os.symlink(b"\xff\n\x01", top + b"/to-bytes")
    os.link(top + b"/dangling", top + b"/dangling-linked", follow_symlinks=False)


def make_special(top, root):
    os.mkdir(top)
    os.mkfifo(top + b"/fifo", 0o640)
    os.link(top + b"/fifo", top + b"/fifo-linked")
    there = os.getcwd()
    os.chdir(top)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(b"socket")
    os.chdir(there)
    if root:
        os.mknod(top + b"/null", 0o20666, os.makedev(1, 3))
        os.mknod(top + b"/block", 0o60660, os.makedev(259, 1048575))
        os.mknod(top + b"/large", 0o20600, os.makedev(4095, 7))


def make_modes(top, root):
    os.mkdir(top)
    for mode in (0, 0o1, 0o400, 0o444, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777):
        write(top + b"/file-%o" % mode, b"%o" % mode)
        os.mkdir(top + b"/dir-%o" % mode)
        if root:
            os.chown(top + b"/file-%o" % mode, 1000 + mode, 2000)
        os.chmod(top + b"/file-%o" % mode, mode)
        os.chmod(top + b"/dir-%o" % mode, mode)
    if not root:
        return
    for uid, gid in ((0, 0), (1, 1), (65534, 65534), (12345, 54321), (4294967294, 4294967294)):
        write(top + b"/owner-%d" % uid, b"")
        os.chown(top + b"/owner-%d" % uid, uid, gid)
        os.symlink(b"x", top + b"/link-of-%d" % uid)
        os.lchown(top + b"/link-of-%d" % uid, uid, gid)


def make_xattrs(top, root):
    os.mkdir(top)
    for name in (b"file", b"file-like-it"):
        write(top + b"/" + name, b"x")
        os.setxattr(top + b"/" + name, "user.plain", b"value")
        os.setxattr(top + b"/" + name, "user.empty", b"")
        os.setxattr(top + b"/" + name, "user.bytes", bytes(range(256)))
    write(top + b"/many", b"")
    for i in range(50):
        os.setxattr(top + b"/many", "user.number-%d" % i, b"%d" % i)
    write(top + b"/long", b"")
    os.setxattr(top + b"/long", "user.long", noise(3000))
    os.setxattr(top + b"/long", "user." + "n" * 250, b"a long name")
    os.mkdir(top + b"/dir")
    os.setxattr(top + b"/dir", "user.dir", b"of a directory")
    if not root:
        return
    write(top + b"/roots", b"")
    os.setxattr(top + b"/roots", "trusted.secret", b"only root sees it")
    os.setxattr(top + b"/roots", "security.mine", b"whatever")
    # cap_net_bind_service+ep, revision 2
    capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
    os.setxattr(top + b"/roots", "security.capability", capability)
    os.symlink(b"x", top + b"/link")
    os.setxattr(top + b"/link", "trusted.link", b"on a link", follow_symlinks=False)


def make_acls(top):
    os.mkdir(top)
    write(top + b"/file", b"x")
    os.mkdir(top + b"/dir")
    os.mkdir(top + b"/dir-default-only")
    rules = [
        (["-m", "u:1:rw,u:12345:r,g:2:rx,m::rx"], b"/file"),
        (["-m", "u:1:rwx,g:12345:x"], b"/dir"),
        (["-d", "-m", "u:1:r,g:2:rwx,o::-"], b"/dir"),
        (["-d", "-m", "u:65534:rwx"], b"/dir-default-only"),
    ]
    for rule, name in rules:
        subprocess.run(["setfacl", *rule, top + b"/" + name], check=True)
    write(top + b"/dir/inherits", b"y")


def make_deep(top, levels, name):
    """Deeper than PATH_MAX allows to say in one path."""
    os.mkdir(top)
    fd = os.open(top, os.O_RDONLY)
    for i in range(levels):
        os.mkdir(name, dir_fd=fd)
        child = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = child
        if i % 100 == 99 or i == levels - 1:
            file = os.open(b"file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
            os.write(file, b"level %d\n" % i)
            os.close(file)
    os.close(fd)


def make_wide(top, n):
    os.mkdir(top)
    for i in range(n):
        path = top + b"/%06d-%x" % (i, (i * 2654435761) % 2**32)
        write(path, b"%d" % i if i % 10 == 0 else b"")


def make_times(top):
    os.mkdir(top)
    times = {
        b"nanosecond": 1_700_000_000_123_456_789, b"one": 1, b"zero": 0,
        b"last-nanosecond": 1_700_000_000_999_999_999, b"before-1970": -1_234_567_890_123_456_789,
        b"after-2038": 4_000_000_000_000_000_001, b"year-2240": 8_520_000_000_000_000_001,
    }
    for name, ns in times.items():
        write(top + b"/" + name, name)
        os.mkdir(top + b"/dir-" + name)
        os.symlink(name, top + b"/link-" + name)
        for path in (b"/" + name, b"/dir-" + name, b"/link-" + name):
            os.utime(top + path, ns=(ns, ns), follow_symlinks=False)
    os.utime(top, ns=(5, 987654321))


def main(top, options):
    root, big = "--root" in options, "--big" in options
    top = os.fsencode(top)
    os.mkdir(top)
    make_sizes(top + b"/sizes")
    make_sparse(top + b"/sparse")
    make_huge(top + b"/huge", big)
    make_names(top + b"/names")
    make_links(top + b"/links")
    make_special(top + b"/special", root)
    make_modes(top + b"/modes", root)
    make_xattrs(top + b"/xattrs", root)
    make_acls(top + b"/acls")
    make_deep(top + b"/deep", 1000, b"d")
    make_deep(top + b"/long", 40, b"\xffl" * 127)
    make_wide(top + b"/wide", 100000 if big else 20000)
    make_times(top + b"/times")
    os.mkdir(top + b"/empty")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
