#!/bin/bash
# The repository in tests/vectors, which never changes, is read by tests/reader.py with each of its
# keys, and holds what contents.txt says. It is there for readers of other programs, too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
reader=$here/../reader.py
vectors=$here/../vectors

if ! /usr/bin/python3 -c 'import cryptography, zstandard' 2>/dev/null; then
    echo "SKIP: python3-cryptography or python3-zstandard is not installed"
    exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-vectors.XXXXXX")
trap 'rm -rf "$work"' EXIT

check_contents() {
    (cd "$1" && grep -v journal "$vectors/contents.txt" |
        while read -r digest _ path; do echo "$digest  $path"; done | sha256sum --quiet -c)
}

for slot in admin reader; do
    "$reader" "$vectors/repository" --key-file "$vectors/keys/$slot.key" restore "$work/$slot"
    check_contents "$work/$slot"
    "$reader" "$vectors/repository" --key-file "$vectors/keys/$slot.key" verify
done

echo 'correct horse battery staple' >"$work/passphrase"
"$reader" "$vectors/repository" --passphrase-file "$work/passphrase" restore "$work/laptop"
check_contents "$work/laptop"

# Who may only write or maintain sees what there is, and opens no content.
for slot in writer maintainer; do
    [ "$("$reader" "$vectors/repository" --key-file "$vectors/keys/$slot.key" ls | wc -l)" = 1 ]
    if "$reader" "$vectors/repository" --key-file "$vectors/keys/$slot.key" verify \
        >"$work/out" 2>&1; then
        echo "FAILED: the $slot reads content"
        exit 1
    fi
    grep -q 'there is no key for content' "$work/out"
done

# A slot that was revoked opens nothing.
printf 'thirty-two bytes from a command.' >"$work/thief"
if "$reader" "$vectors/repository" --key-file "$work/thief" ls 2>"$work/out"; then
    echo "FAILED: a revoked slot opens the newest keyring"
    exit 1
fi
grep -q "the slot thief is revoked" "$work/out"
