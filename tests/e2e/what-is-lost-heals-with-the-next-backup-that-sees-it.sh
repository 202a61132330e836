#!/bin/bash
# Packs are lost: a check marks what was in them, one backup of what is still there makes every snapshot whole again.
. "$(dirname "$0")/lib.sh"
need_fuse

# Every backup makes packs of its own: six of them, and as many snapshots.
SNAPSHOTS=6
mkdir -p "$WORK/as"
for ((i = 0; i < SNAPSHOTS; i++)); do
    mkdir -p "$WORK/tree/$i"
    for ((k = 0; k < 12; k++)); do
        head -c $((1000 * (i + k + 1))) /dev/urandom >"$WORK/tree/$i/small $i.$k"
    done
    head -c 900000 /dev/urandom >"$WORK/tree/$i/large"
    [ $i -gt 0 ] || new_repository
    ok hf backup --source tree "$WORK/tree"
    cp -a "$WORK/tree" "$WORK/as/$i"
done

# lose N: each N-th pack of content, at least three.
lose() {
    find "$HOLDFAST_REPOSITORY/packs" -type f | sort | awk "NR % $1 == 0" >"$WORK/lost"
    [ "$(wc -l <"$WORK/lost")" -ge 3 ] || fail "there are not enough packs to lose"
    xargs rm -f <"$WORK/lost"
    exits 4 hf check --read-data
    said "marked as wanted"
}

# What the first snapshots lack, as "Only in …" names it; a wrong byte fails.
look_back() {
    local i=0 snapshot

    : >"$WORK/lacking"
    while read -r snapshot && [ "$i" -lt $SNAPSHOTS ]; do
        rm -rf "$WORK/back"
        hf restore "sources/files/tree/$snapshot" "$WORK/back" >"$SAID" 2>&1
        diff -r "$WORK/as/$i" "$WORK/back" >"$WORK/differs"
        ! grep -v "^Only in $WORK/as" "$WORK/differs" || fail "wrong bytes in snapshot $snapshot"
        sed -n 's/^Only in .*: //p' "$WORK/differs" >>"$WORK/lacking"
        i=$((i + 1))
    done < <(hf ls sources/files/tree)
    [ "$i" = $SNAPSHOTS ] || fail "looked at $i snapshots"
    sort -u "$WORK/lacking"
}

# The source did not change: all is whole, from the mount too.
lose 2
ok hf backup --source tree "$WORK/tree"
equal "$(look_back)" "" "lost although the source has it"
mount_view
ok diff -r "$WORK/tree" "$MNT/latest/files/tree"
ok diff -r "$WORK/as/0" "$MNT/sources/files/tree/$(hf ls sources/files/tree | head -n 1)"
unmount_view
exits 4 hf check --read-data
said "0 chunks lost, 0 paths hurt"

# One file of each shared chunk is changed first: its old content is lost, and named, and no other.
for ((i = 0; i < SNAPSHOTS; i++)); do
    echo "it is not what it was" >"$WORK/tree/$i/small $i.5"
done
lose 1
ok hf backup --source tree "$WORK/tree"
look_back >"$WORK/got"
for ((i = 0; i < SNAPSHOTS; i++)); do
    echo "small $i.5"
done | diff - "$WORK/got" || fail "other files are lost than those that changed"
exits 4 hf check
said "small 3.5"
ok hf restore latest/files/tree "$WORK/latest"
ok diff -r "$WORK/tree" "$WORK/latest"
