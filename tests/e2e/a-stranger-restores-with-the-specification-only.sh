#!/bin/bash
# Two snapshots of a tree with every kind of file are restored by tests/reader.py, which was written
# from docs/format.md and shares no line with the program, and are what was backed up.
# HOLDFAST is the program. As a plain user, devices and other owners are left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
reader=$here/../reader.py

skip() {
    echo "SKIP: $1"
    exit 77
}
/usr/bin/python3 -c 'import cryptography, zstandard' 2>/dev/null ||
    skip "python3-cryptography or python3-zstandard is not installed"
command -v rsync >/dev/null || skip "rsync is not installed"
command -v setfattr >/dev/null || skip "setfattr is not installed"

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-stranger.XXXXXX")
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
export HOLDFAST_CACHE_DIR=$work/cache
tree=$work/tree

holdfast() {
    "$HOLDFAST" -q -r "$work/repository" --key-file "$work/key" "$@"
}

stranger() {
    "$reader" "$work/repository" --key-file "$work/key" "$@"
}

# Many names, and names that no shell likes. The numbers are not random: each run is the same.
make_names() {
    /usr/bin/python3 - "$tree" <<'PYTHON'
import hashlib, os, sys
top = os.fsencode(sys.argv[1])

def write(name, data):
    with open(os.path.join(top, name), "wb") as file:
        file.write(data)

def noise(seed, n):
    return hashlib.shake_128(seed).digest(n)

os.makedirs(top + b"/small")
for i in range(3000):
    write(b"small/%d.txt" % i, b"%d: " % i + noise(b"small%d" % (i // 7), i * 37 % 9000).hex().encode())
os.mkdir(top + b"/many")
for i in range(30000):
    write(b"many/a name among many others, number %d" % i, b"%d" % i if i % 100 == 0 else b"")
os.mkdir(top + b"/names")
for name in (b"not utf-8: \xff\xfe\xc3", b"line\nend", b"\x01\x7f", b"-rf *", b" ", b"\\", b"n" * 255,
             "h\u00f6lzern".encode(), b"\xf0\x9f\x92\xbe", b"...", b"\xff" * 255):
    write(b"names/" + name, name)
write(b"large", noise(b"large", 20 << 20))
write(b"repetitive", b"the same line again and again\n" * 300000)
write(b"zeros", bytes(3 << 20))
for size in (0, 1, 4095, 4096, 65536, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 4 << 20):
    write(b"size-%d" % size, noise(b"size", size))
deep = top
for i in range(60):
    deep += b"/deeper-and-deeper-%d" % i
    os.mkdir(deep)
write(deep + b"/bottom", b"found")
PYTHON
}

make_holes() {
    truncate -s 100M "$tree/sparse"
    printf 'begin' | dd of="$tree/sparse" conv=notrunc status=none
    printf 'middle' | dd of="$tree/sparse" bs=1 seek=50000001 conv=notrunc status=none
    truncate -s 5G "$tree/only-a-hole"
    # More extents than stand in a directory: the file of extents.
    for i in $(seq 0 2 300); do
        printf '%s' "$i" | dd of="$tree/many-holes" bs=64K seek="$i" conv=notrunc status=none
    done
}

make_specials() {
    ln -s 'a target that is not there' "$tree/link-to-nothing"
    ln -s "$(printf 'x%.0s' $(seq 4000))" "$tree/link-that-is-long"
    ln -s names "$tree/link-to-a-directory"
    mkfifo -m 640 "$tree/pipe"
    mkdir -p "$tree/links/inner" "$tree/empty"
    printf 'one file, three names' >"$tree/links/first"
    ln "$tree/links/first" "$tree/links/inner/second"
    ln "$tree/links/first" "$tree/third"
    ln "$tree/pipe" "$tree/links/pipe-too"
    ln -P "$tree/link-to-nothing" "$tree/links/symlink-too"
    /usr/bin/python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$tree/socket"
}

make_attributes() {
    setfattr -n user.comment -v 'a word' "$tree/size-1" 2>/dev/null || return 0
    setfattr -n user.binary -v 0x00ff000a "$tree/size-1"
    setfattr -n user.empty "$tree/size-4096"
    setfattr -n user.long -v "$(printf 'v%.0s' $(seq 2000))" "$tree/names"
    if setfacl -m u:4321:rw,g:1234:r "$tree/size-4095" 2>/dev/null; then
        setfacl -m d:u:4321:rwx -m u:4321:x "$tree/empty"
    fi
}

make_owners() {
    chmod 4755 "$tree/size-1"
    chmod 1777 "$tree/empty"
    chmod 0 "$tree/size-65536"
    chmod 2710 "$tree/links/inner"
    [ "$(id -u)" = 0 ] || { chmod 400 "$tree/size-65536"; return 0; }
    mknod -m 600 "$tree/null" c 1 3
    mknod -m 660 "$tree/disk" b 259 1048575
    chown 1234:4321 "$tree/size-1" "$tree/names"
    chown 4294967294:4294967294 "$tree/size-4096"
    chown -h 77:88 "$tree/link-to-nothing"
    chmod 4755 "$tree/size-1"
    setcap cap_net_raw+ep "$tree/size-4095" 2>/dev/null || true
    setfattr -n trusted.note -v kept "$tree/size-0" 2>/dev/null || true
}

make_times() {
    touch -d '1969-07-20 20:17:40.123456789 UTC' "$tree/size-1"
    touch -d '2100-02-28 23:59:59.999999999 UTC' "$tree/size-4095"
    touch -h -d '2001-09-09 01:46:40.000000001 UTC' "$tree/link-to-a-directory"
    touch -d '1999-12-31 UTC' "$tree/names"
}

change() {
    printf 'more' >>"$tree/large"
    printf 'changed' | dd of="$tree/large" bs=1 seek=7000000 conv=notrunc status=none
    rm "$tree/small/100.txt" "$tree/third" "$tree/many/a name among many others, number 15000"
    printf 'new' >"$tree/many/a name among many others, number 15000 and a half"
    mv "$tree/small/200.txt" "$tree/small/moved.txt"
    rm "$tree/zeros" && mkdir "$tree/zeros" && printf 'a file no more' >"$tree/zeros/file"
    rm -r "$tree/empty" && printf 'a directory no more' >"$tree/empty"
    chmod 600 "$tree/size-4096"
    setfattr -n user.comment -v 'another word' "$tree/size-1" 2>/dev/null || true
    fallocate -p -o 0 -l 1M "$tree/repetitive" 2>/dev/null || true
    touch -d '2020-02-02 02:02:02.020202020 UTC' "$tree/pipe"
    ln "$tree/size-1" "$tree/links/fourth"
}

# same EXPECTED RESTORED: nothing differs, times to the nanosecond, and holes are holes. What is
# one hole need not be read for that.
same() {
    local differences name
    set -- "$1" "$2" -aHAXn --delete --itemize-changes --modify-window=-1
    differences=$(rsync "${@:3}" --checksum --exclude=/only-a-hole "$1/" "$2/" &&
        rsync "${@:3}" "$1/" "$2/")
    if [ -n "$differences" ]; then
        echo "FAILED: $2 differs from $1:"
        echo "$differences" | head -50
        exit 1
    fi
    for name in sparse only-a-hole many-holes; do
        if [ "$(stat -c %b "$2/$name")" -gt $(($(stat -c %b "$1/$name") + 64)) ]; then
            echo "FAILED: $2/$name takes $(stat -c %b "$2/$name") blocks, and took" \
                "$(stat -c %b "$1/$name")"
            exit 1
        fi
    done
}

head -c 32 /dev/urandom >"$work/key"
make_names
make_holes
make_specials
make_attributes
make_owners
make_times

holdfast init
holdfast backup --source files/tree "$tree"
cp -a --sparse=always "$tree" "$work/first"
change
holdfast backup --source files/tree "$tree"
cp -a --sparse=always "$tree" "$work/second"

stranger ls | tee "$work/list"
[ "$(wc -l <"$work/list")" = 2 ] || { echo "FAILED: not two snapshots"; exit 1; }
stranger restore "$work/restored-first" "$(head -1 "$work/list" | cut -f1 | cut -c1-12)"
same "$work/first" "$work/restored-first"
stranger restore "$work/restored-second" files/tree
same "$work/second" "$work/restored-second"
stranger verify
