#!/bin/bash
# check --repair: a bad copy comes back from the other, lost commits from packs and catalog; what is lost is named,
# and no evidence is overwritten.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/tree/dir"
head -c 3000000 /dev/urandom >"$WORK/tree/large"
for ((i = 0; i < 50; i++)); do
    echo "small $i" >"$WORK/tree/dir/$i"
done
new_repository
ok hf backup --source tree "$WORK/tree"
echo more >"$WORK/tree/more"
ok hf backup --source tree "$WORK/tree"
cp -a "$HOLDFAST_REPOSITORY" "$WORK/whole"

# afresh: the repository as it was. With a word, this machine knows nothing of it.
afresh() {
    rm -rf "$HOLDFAST_REPOSITORY"
    cp -a "$WORK/whole" "$HOLDFAST_REPOSITORY"
    [ -z "${1:-}" ] || rm -rf "$HOLDFAST_CACHE_DIR"
}

# damage HOW FILE
damage() {
    local size
    size=$(stat -c %s "$2")
    chmod u+w "$2"
    case $1 in
    flipped) printf '\xa5\x5a\xa5\x5a\xa5\x5a' | dd of="$2" bs=1 seek=$((size * 2 / 3)) conv=notrunc status=none ;;
    cut) truncate -s $((size / 2)) "$2" ;;
    gone) rm "$2" ;;
    esac
}

restored() {
    rm -rf "$WORK/back"
    ok hf restore latest/files/tree "$WORK/back"
    same_tree "$WORK/tree" "$WORK/back"
}

# Every object of one half, each in its way: the other half is what it was, and then this one is.
for part in . twin; do
    for how in flipped cut gone; do
        afresh
        (cd "$HOLDFAST_REPOSITORY/$part" && find keyring checkpoints commits meta -type f) |
            while read -r name; do
                damage $how "$HOLDFAST_REPOSITORY/$part/$name"
            done
        exits 4 hf check
        ok hf check --repair
        said mended
        ok hf check --read-data
        (cd "$WORK/whole" && find . -type f) | while read -r name; do
            cmp "$WORK/whole/$name" "$HOLDFAST_REPOSITORY/$name" || exit 1
        done || fail "not what it was: $how in $part"
        restored
    done
done

# All commits in all copies: this machine remembers them; one that knows nothing asks the packs.
for knows in '' nothing; do
    afresh $knows
    rm "$HOLDFAST_REPOSITORY"/commits/* "$HOLDFAST_REPOSITORY"/twin/commits/*
    ok hf check --repair
    said "said again"
    ok hf check --read-data
    restored
    equal "$(hf snapshots --json | wc -l)" 2 "snapshots"
done

# Content is there once: it is lost, what it was is named, and its bytes stay as they were found.
afresh
pack=$(find "$HOLDFAST_REPOSITORY/packs" -type f -size +2M | head -n 1)
damage flipped "$pack"
cp "$pack" "$WORK/evidence"
exits 4 hf check --repair --read-data
said large
ok cmp "$pack" "$WORK/evidence"
rm "$pack"
exits 4 hf check --repair
said large
[ ! -e "$pack" ] || fail "a pack came back"

# A commit that is bad in both copies is evidence: what it said is said again, and it stays.
afresh
commit=$(cd "$HOLDFAST_REPOSITORY" && find commits -type f | sort | head -n 1)
damage flipped "$HOLDFAST_REPOSITORY/$commit"
damage flipped "$HOLDFAST_REPOSITORY/twin/$commit"
cp "$HOLDFAST_REPOSITORY/$commit" "$WORK/evidence"
exits 4 hf check --repair
said "$commit"
ok cmp "$HOLDFAST_REPOSITORY/$commit" "$WORK/evidence"
restored
rm "$HOLDFAST_REPOSITORY/$commit" "$HOLDFAST_REPOSITORY/twin/$commit"
ok hf check --read-data

# Who may not write makes no commit; a copy needs no right but the store's.
echo 'another key, of a reader: long enough for one' >"$WORK/reader"
ok hf key add --rights read --new-key-file "$WORK/reader" reader
commit=$(cd "$HOLDFAST_REPOSITORY" && find commits -type f | sort | head -n 1)
rm "$HOLDFAST_REPOSITORY/twin/$commit"
ok hf --key-file "$WORK/reader" check --repair
ok hf check
rm "$HOLDFAST_REPOSITORY/$commit" "$HOLDFAST_REPOSITORY/twin/$commit"
exits 8 hf --key-file "$WORK/reader" check --repair
ok hf check --repair
ok hf check --read-data

# What is known to be lost stays so until it is whole again, whoever looks for what. Without a mark nothing
# heals, and check says how to leave one.
afresh nothing
pack=$(find "$HOLDFAST_REPOSITORY/packs" -type f -size +2M | head -n 1)
damage flipped "$pack"
exits 4 hf check --read-data
said "are marked as wanted"
for how in '' --repair; do
    # shellcheck disable=SC2086 # one word or none
    exits 4 hf check $how
    said large
    said "are marked as wanted"
done
ok hf backup --source tree "$WORK/tree"
ok hf check
afresh nothing
rm "$pack"
exits 4 hf check
said large
said "not marked as wanted"
exits 4 hf check --repair
said "are marked as wanted"
