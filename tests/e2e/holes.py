#!/usr/bin/env python3
"""SEEK_HOLE and SEEK_DATA of each file in B lose no data of A's, and see its holes: holes.py A B

Of a file of many gigabytes of holes only the data is read.
"""
import errno
import os
import sys

# Where the source has a hole at least this large, the copy must have one too.
LARGE = 1 << 20


def data_ranges(path):
    ranges = []
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    at = 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        assert begin < at <= size, (path, begin, at, size)
        ranges.append((begin, at))
    for beyond in (size, size + 1):
        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
            try:
                os.lseek(fd, beyond, whence)
                raise AssertionError((path, "seek beyond the end", beyond))
            except OSError as error:
                assert error.errno == errno.ENXIO, (path, error)
    os.close(fd)
    return ranges, size


def inside(ranges, begin, end):
    return any(a <= begin and end <= b for a, b in ranges)


def holes_of(ranges, size):
    at = 0
    for begin, end in ranges + [(size, size)]:
        if begin > at:
            yield at, begin
        at = end


def same_data(a, b, ranges):
    with open(a, "rb") as one, open(b, "rb") as other:
        for begin, end in ranges:
            for at in range(begin, end, LARGE):
                one.seek(at)
                other.seek(at)
                length = min(end - at, LARGE)
                assert one.read(length) == other.read(length), (b, "content differs", at)


def check(name, a, b):
    data, size = data_ranges(os.path.join(a, name))
    shown, shown_size = data_ranges(os.path.join(b, name))
    assert size == shown_size, name
    with open(os.path.join(a, name), "rb") as file:
        for begin, end in holes_of(shown, size):
            # A zero that the copy calls a hole must be zero in the source.
            for data_begin, data_end in data:
                low, high = max(begin, data_begin), min(end, data_end)
                if low < high:
                    file.seek(low)
                    assert not any(file.read(high - low)), (name, "data in a hole", low, high)
    same_data(os.path.join(a, name), os.path.join(b, name), data)
    holes = list(holes_of(shown, size))
    for begin, end in holes_of(data, size):
        if end - begin >= LARGE:
            assert inside(holes, begin, end), (name, "no hole", begin, end, holes[:5])


def main(a, b):
    for name in sorted(os.listdir(a)):
        check(name, a, b)
        print(name)


main(sys.argv[1], sys.argv[2])
