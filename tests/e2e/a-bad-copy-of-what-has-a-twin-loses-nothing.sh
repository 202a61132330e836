#!/bin/bash
# Every object but content has a twin: with either copy of each flipped, cut short or gone, both the
# program and tests/reader.py restore everything, and what was bad is named. Where content itself is
# bad, the other files are restored, and the file is named. HOLDFAST is the program.
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

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-twin.XXXXXX")
trap 'rm -rf "$work"' EXIT

holdfast() {
    "$HOLDFAST" -q -r "$work/repository" --passphrase-file "$work/passphrase" \
        --cache-dir "$work/cache" "$@"
}

stranger() {
    "$reader" "$work/repository" --passphrase-file "$work/passphrase" "$@"
}

fail() {
    echo "FAILED: $1"
    exit 1
}

# damage HOW FILE
damage() {
    local size
    size=$(stat -c %s "$2")
    chmod u+w "$2"
    case $1 in
    flipped) printf '\xa5\x5a\xa5\x5a\xa5\x5a' | dd of="$2" bs=1 seek=$((size * 2 / 3)) conv=notrunc status=none ;;
    cut) truncate -s $((size / 2)) "$2" ;;
    empty) truncate -s 0 "$2" ;;
    gone) rm "$2" ;;
    esac
}

# same WHO RESTORED
same() {
    local differences
    differences=$(rsync -rlptHgon --checksum --delete --itemize-changes "$work/tree/" "$2/")
    [ -z "$differences" ] || fail "$1, $how in $part: $differences"
}

echo 'one passphrase for all' >"$work/passphrase"
mkdir -p "$work/tree/a/b"
printf 'short' >"$work/tree/a/short"
head -c 3000000 /dev/urandom >"$work/tree/a/b/long"
for i in $(seq 200); do echo "file $i" >"$work/tree/a/b/$i"; done
holdfast init
holdfast backup --source files/tree "$work/tree"
cp -a "$work/repository" "$work/whole"

for part in . twin; do
    for how in flipped cut empty gone; do
        rm -rf "$work/repository" "$work/cache" "$work/restored"
        cp -a "$work/whole" "$work/repository"
        (cd "$work/repository/$part" &&
            find keyring checkpoints commits meta -type f) >"$work/names"
        while read -r name; do damage $how "$work/repository/$part/$name"; done <"$work/names"

        if stranger restore "$work/restored" 2>"$work/log"; then
            [ $part = twin ] || fail "what is $how in $part is not told"
        fi
        same "the stranger" "$work/restored"
        if stranger verify >"$work/log" 2>&1; then fail "verify: $how in $part is not told"; fi
        while read -r name; do
            grep -q "${name##*/}" "$work/log" || fail "$name, $how in $part, is not named"
        done <"$work/names"

        rm -rf "$work/restored"
        holdfast restore latest/files/tree "$work/restored" 2>"$work/log" || {
            cat "$work/log"
            fail "the program does not restore: $how in $part"
        }
        same "the program" "$work/restored"
    done
done

part=packs how=flipped
rm -rf "$work/repository" "$work/restored"
cp -a "$work/whole" "$work/repository"
largest=$(find "$work/repository/packs" -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2)
damage flipped "$largest"
if stranger restore "$work/restored" 2>"$work/log"; then fail "bad content is not told"; fi
grep -q '/a/b/long' "$work/log" || { cat "$work/log"; fail "the file is not named"; }
differences=$(rsync -rlptHgon --checksum --delete --itemize-changes "$work/tree/" "$work/restored/" |
    grep -v a/b/long || true)
[ -z "$differences" ] || fail "more than the file is lost: $differences"
