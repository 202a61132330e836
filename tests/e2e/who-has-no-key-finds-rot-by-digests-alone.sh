#!/bin/bash
# The script in docs/operations.md, which knows no key, finds a flipped bit, a cut, a missing copy and two that were
# swapped in every kind of object, and says nothing about a repository that is whole.
. "$(dirname "$0")/lib.sh"

sed -n '/^## Scrubbing without a key$/,/^## /p' "$HERE/../../docs/operations.md" |
    sed -n '/^```sh$/,/^```$/{//!p}' >"$WORK/scrub.sh"
[ -s "$WORK/scrub.sh" ] || fail "there is no script in docs/operations.md"

mkdir -p "$WORK/tree"
head -c 300000 /dev/urandom >"$WORK/tree/noise"
new_repository

scrub() {
    (cd "$HOLDFAST_REPOSITORY" && bash "$WORK/scrub.sh") >"$SAID" 2>&1
}

scrub
said_nothing "an empty repository is not whole"

ok hf backup --source tree "$WORK/tree"
head -c 300000 /dev/urandom >"$WORK/tree/more"
ok hf backup --source tree "$WORK/tree"
ok hf key rotate

scrub
said_nothing "a whole repository is not whole"

kinds=$(cd "$HOLDFAST_REPOSITORY" && find . -type f -printf '%P\n' | sed 's,/[^/]*$,,; s,/[0-9a-f][0-9a-f]$,,' | sort -u)
equal "$(echo "$kinds" | wc -l)" 9 "kinds of objects"
cp -a "$HOLDFAST_REPOSITORY" "$WORK/whole"

# hurt HOW FIRST SECOND: two of one kind, or the same one twice.
hurt() {
    chmod u+w "$2" "$3"
    case $1 in
    first) printf 'h' | dd of="$2" bs=1 conv=notrunc status=none ;;
    last)
        tail -c 1 "$2" | LC_ALL=C tr '\000-\377' '\001-\377\000' >"$WORK/byte"
        truncate -s -1 "$2"
        cat "$WORK/byte" >>"$2"
        ;;
    cut) truncate -s -1 "$2" ;;
    empty) truncate -s 0 "$2" ;;
    gone) rm "$2" ;;
    swapped)
        mv "$2" "$WORK/aside"
        [ "$2" = "$3" ] || mv "$3" "$2"
        mv "$WORK/aside" "$3"
        ;;
    esac
}

# One half at a time: a second copy that was hurt in the same way would hide a loss.
for how in first last cut empty gone swapped; do
    for half in '' twin/; do
        rm -rf "$HOLDFAST_REPOSITORY"
        cp -a "$WORK/whole" "$HOLDFAST_REPOSITORY"
        : >"$WORK/hurt"
        for kind in $kinds; do
            case $kind in
            twin/*) [ -n "$half" ] || continue ;;
            *) [ -z "$half" ] || continue ;;
            esac
            first=$(find "$HOLDFAST_REPOSITORY/$kind" -type f | sort | head -n 1)
            second=$(find "$HOLDFAST_REPOSITORY/$kind" -type f | sort | tail -n 1)
            hurt "$how" "$first" "$second"
            case $how-$kind in
            gone-packs) ;;             # it has one copy: only a key misses it
            swapped-*checkpoints) ;;   # there is one alone
            *) basename "$first" >>"$WORK/hurt" ;;
            esac
        done
        scrub
        while read -r name; do
            said "$name"
        done <"$WORK/hurt"
    done
done
