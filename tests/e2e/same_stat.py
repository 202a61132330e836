#!/usr/bin/env python3
"""What rsync does not compare: same_stat.py A B

Sizes, link counts, nanoseconds of every time of change, device numbers, targets, and the raw bytes of
every xattr; hard links must join the same names. Walks by file descriptors, so that no path is too
long; small files are read as well, because rsync can't read those behind a path that is.
"""
import os
import stat
import sys

SMALL = 65536


def xattrs_of(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except OSError as error:
        return {"": str(error)}


def describe(fd, name, places, at):
    st = os.stat(name, dir_fd=fd, follow_symlinks=False)
    kind = stat.S_IFMT(st.st_mode)
    about = [st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns]
    if kind != stat.S_IFDIR:
        about += [st.st_size, st.st_nlink]
        # The first name of the same file stands for all of them.
        about.append(places.setdefault((st.st_dev, st.st_ino), at))
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        about.append(st.st_rdev)
    if kind == stat.S_IFREG and st.st_size <= SMALL:
        with open(name, "rb", opener=lambda path, how: os.open(path, how, dir_fd=fd)) as file:
            about.append(hash(file.read()))
    if kind == stat.S_IFLNK:
        about.append(os.readlink(name, dir_fd=fd))
    about.append(xattrs_of(b"/proc/self/fd/%d/" % fd + name))
    return about, kind == stat.S_IFDIR


def walk(top):
    """Yields (path as a tuple, description), each directory in order of names."""
    places = {}
    stack = [(os.open(top, os.O_RDONLY | os.O_DIRECTORY), (), None)]
    while stack:
        fd, at, names = stack.pop()
        if names is None:
            names = iter(sorted(os.listdir(fd)))
            names = iter([os.fsencode(name) for name in names])
        for name in names:
            about, is_dir = describe(fd, name, places, at + (name,))
            yield at + (name,), about
            if is_dir:
                stack.append((fd, at, names))
                child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                stack.append((child, at + (name,), None))
                break
        else:
            os.close(fd)


def main(a, b):
    differ = seen = 0
    others = walk(b)
    for path, about in walk(a):
        other_path, other = next(others, (None, None))
        seen += 1
        if path != other_path or about != other:
            print(b"/".join(path)[-200:], about, other_path and b"/".join(other_path)[-200:], other)
            differ += 1
            if path != other_path or differ > 20:
                break
    if next(others, None) and not differ:
        print("more in", b)
        differ += 1
    print(f"{seen} names, {differ} differ")
    return 1 if differ or not seen else 0


if __name__ == "__main__":
    # A thousand levels, a descriptor each.
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    sys.exit(main(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2])))
