#!/bin/bash
# What docs/operations.md shows for a rotten disk, a lost and a stolen key, a changed store, a wrong prune, a machine that is gone and
# the rest is run in its order, each after what it is for has happened, and leaves things as that page promises.
. "$(dirname "$0")/lib.sh"
. "$HERE/documented.sh"

srv=$ROOT/srv

# The newest snapshot is what /srv has.
srv_is_kept() {
    rm -rf "$WORK/back"
    ok hf restore latest/files/h-srv "$WORK/back"
    same_tree "$srv" "$WORK/back"
}

# flip FILE
flip() {
    local size
    size=$(stat -c %s "$1")
    chmod u+w "$1"
    printf '\xa5\x5a\xa5' | dd of="$1" bs=1 seek=$((size * 2 / 3)) conv=notrunc status=none
}

refresh_copy() {
    ok rsync -a --ignore-existing "$HOLDFAST_REPOSITORY/" "$copy/"
}

# The largest pack of the repository that is (yes) or is not (no) in the copy.
largest_pack() {
    local name
    (cd "$HOLDFAST_REPOSITORY" && find packs -type f -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2) |
        while read -r name; do
            if [ -e "$copy/$name" ]; then [ "$1" = no ] || echo "$name"; else [ "$1" = yes ] || echo "$name"; fi
        done | head -n 1
}

story_operations_1() {
    block
    mkdir -p "$ROOT/mnt/disk" "$ROOT/mnt/second" "$ROOT/etc/holdfast" "$ROOT/media/safe" "$srv/shop"
    head -c 300000 /dev/urandom >"$srv/noise"
    seq 20000 >"$srv/shop/orders"
    ok hf init
    head -c 32 /dev/urandom >"$WORK/old-laptop.key"
    ok hf key add --rights write --new-key-file "$WORK/old-laptop.key" laptop
    ok hf backup --source files/h-srv "$srv"
}

story_looking_after_it_1() {
    block
    ok diff -r "$HOLDFAST_REPOSITORY" "$copy"
}

story_scrubbing_without_a_key_1() {
    cd "$HOLDFAST_REPOSITORY" || exit 1
    block
    said_nothing "a whole repository is not whole"
}

story_a_disk_rots_1() {
    head -c 200000 /dev/urandom >"$srv/late" # what the copy has not yet
    ok hf backup --source files/h-srv "$srv"
    rm "$HOLDFAST_REPOSITORY/$(largest_pack no)"
    flip "$(find "$HOLDFAST_REPOSITORY/commits" -type f | sort | head -n 1)"
    FILL=$(largest_pack yes)
    flip "$HOLDFAST_REPOSITORY/$FILL"
    exits 4 hf check --read-data
    said "$FILL"
    block 4 4 4
    exits 4 hf check --read-data
    ! grep -q "$FILL" "$SAID" || fail "what the copy has is still bad"
    said "0 chunks lost"
    srv_is_kept
    ok hf forget --source files/h-srv --keep-last 1 --protect 0s
    ok hf prune --grace 0s
    ok hf check --read-data
}

story_a_key_is_lost_1() {
    block
}

story_a_key_is_lost_2() {
    block
    exits 8 hf --key-file "$WORK/old-laptop.key" snapshots
    ok hf --key-file "$HOME/laptop.key" backup --source files/h-srv "$srv"
    ok hf --key-file "$ROOT/media/safe/holdfast-spare.key" snapshots
}

story_a_key_was_stolen_1() {
    mkdir "$WORK/false"
    echo false >"$WORK/false/orders"
    ok hf --key-file "$HOME/laptop.key" backup --source files/h-srv "$WORK/false"
    ok hf cat latest/files/h-srv/orders
    block
    exits 6 hf cat latest/files/h-srv/orders
}

story_a_key_was_stolen_2() {
    block
    srv_is_kept
}

story_somebody_changed_the_store_1() {
    local gone

    refresh_copy
    gone=$(cd "$HOLDFAST_REPOSITORY/commits" && printf '%s\n' * | tail -n 1)
    rm "$HOLDFAST_REPOSITORY/commits/$gone" "$HOLDFAST_REPOSITORY/twin/commits/$gone"
    ok hf snapshots
    said "commits that were here are gone, and no checkpoint says why"
    block
    ok hf snapshots
    ! grep -q "are gone" "$SAID" || fail "told of what is back"
}

story_a_prune_was_wrong_1() {
    cp -a "$srv" "$WORK/then"
    head -c 150000 /dev/urandom >"$srv/noise"
    rm "$srv/shop/orders"
    FILL=sources/files/h-srv/$(hf ls sources/files/h-srv | tail -n 1)
    sleep 1 # the next one has another name
    ok hf backup --source files/h-srv "$srv"
    refresh_copy
    ok hf forget --source files/h-srv --keep-last 1 --protect 0s
    ok hf prune --grace 0s
    ok hf prune --grace 0s
    exits 6 hf ls "$FILL"
    block
    same_tree "$WORK/then" "$srv/then"
    rm -rf "$srv/then"
    ok hf backup --source files/h-srv "$srv"
}

story_the_machine_that_backs_up_is_gone_1() {
    rm -rf "$HOME/.cache"
    mv "$srv" "$WORK/srv"
    block
    said whole
    same_tree "$WORK/srv" "$srv"
}

story_the_cache_is_lost_1() {
    block
    said files/h-srv
}

story_a_repository_moves_1() {
    mv "$ROOT/mnt/disk" "$ROOT/mnt/old"
    mkdir "$ROOT/mnt/new"
    block
    export HOLDFAST_REPOSITORY=$ROOT/mnt/new/repo
    srv_is_kept
}

story_a_tenant_leaves_1() {
    local tenant=(--key-file "$WORK/tenant.key" --cache-dir "$WORK/tenant")

    head -c 32 /dev/urandom >"$WORK/tenant.key"
    ok hf key add --rights write --sources 'files/tenant-*' --new-key-file "$WORK/tenant.key" tenant
    ok hf "${tenant[@]}" backup --source files/tenant-data "$WORK/then"
    FILL=$(hf --json snapshots --source files/tenant-data | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
    ok hf "${tenant[@]}" backup --source files/tenant-data "$WORK/then"
    block
    exits 8 hf "${tenant[@]}" snapshots
    equal "$(hf --json snapshots --source files/tenant-data | wc -l)" 1 "snapshots that the tenant left"
}

tell "$HERE/../../docs/operations.md"
