#!/bin/bash
# A platform's repository and two tenants', each with its own key: one mount shows the operator all, a
# tenant's key shows a tenant its own alone, and not a name of the others'.
. "$(dirname "$0")/lib.sh"
need_fuse
unset HOLDFAST_REPOSITORY HOLDFAST_KEY_FILE HOLDFAST_CACHE_DIR
export HOLDFAST_CONFIG=$WORK/config.yaml

cat >"$HOLDFAST_CONFIG" <<YAML
cache-dir: $WORK/cache
repositories:
  - name: platform
    url: $WORK/platform
    key-file: $WORK/platform.key
  - name: tenant-a
    url: $WORK/tenants/a
    key-file: $WORK/a.key
  - name: tenant-b
    url: $WORK/tenants/b
    key-command: cat $WORK/b.key
YAML
mkdir "$WORK/tenants"
head -c 32 /dev/urandom >"$WORK/b.key"
for name in platform tenant-a tenant-b; do
    mkdir -p "$WORK/tree-$name/folder"
    echo "$name" >"$WORK/tree-$name/who"
    head -c 300000 /dev/urandom >"$WORK/tree-$name/folder/data"
    ok hf -r "$name" init
    # One source that all have, and one of its own.
    ok hf -r "$name" backup --source shop --label "of=$name" "$WORK/tree-$name"
    ok hf -r "$name" backup --source "only-$name" "$WORK/tree-$name"
done

# A command that works on one says which there are; without a word nothing is done to any of them.
for command in "backup $WORK/tree-platform" "init" "check" "stats" "key list" "forget --keep-last 1"; do
    # shellcheck disable=SC2086 # its words
    exits 2 hf $command
    said "platform, tenant-a, tenant-b; hint: -r platform"
done
ok hf -r tenant-a check --read-data
exits 6 hf -r tenant-c init
said 'has no repository "tenant-c"; hint: it has platform, tenant-a, tenant-b'
[ ! -e tenant-c ] || fail "a mistyped name became a directory"

# What all have is shown with the repository's name, what one has as it is; the long name is always right.
ok hf ls latest/files
equal "$(tr '\n' ' ' <"$SAID")" "only-platform only-tenant-a only-tenant-b shop@platform shop@tenant-a \
shop@tenant-b " "the sources"
for name in platform tenant-a tenant-b; do
    ok hf cat "latest/files/shop@$name/who"
    equal "$(cat "$SAID")" "$name" "shop@$name"
    ok hf cat "latest/files/only-$name@$name/who"
    equal "$(cat "$SAID")" "$name" "only-$name@$name"
done
exits 6 hf cat latest/files/shop/who
exits 6 hf cat latest/files/only-platform@tenant-a/who
ok hf snapshots
equal "$(grep -c tenant-b "$SAID")" 2 "snapshots of tenant-b"
ok hf restore latest/files/shop@tenant-b "$WORK/restored"
same_tree "$WORK/tree-tenant-b" "$WORK/restored"

# One mount for the operator; copying out of it; a snapshot that comes; labels across them.
ok hf mount -o refresh=1s "$MNT"
equal "$(cat "$MNT"/latest/files/shop@*/who | tr '\n' ' ')" "platform tenant-a tenant-b " "the mount"
cp -a "$MNT/latest/files/shop@tenant-a" "$WORK/copied"
same_tree "$WORK/tree-tenant-a" "$WORK/copied"
equal "$(cat "$MNT"/labels/of/*/latest/files/shop/who | tr '\n' ' ')" "platform tenant-a tenant-b " labels
equal "$(cat "$MNT/at/now/files/only-tenant-b/who")" tenant-b "at a time"
# A tenant that calls a source what another's is shown as shows up under its own name all the same.
ok hf -r tenant-b backup --source shop@platform "$WORK/tree-tenant-b"
until_true test -d "$MNT/latest/files/shop@platform@tenant-b"
equal "$(cat "$MNT/latest/files/shop@platform/who")" platform "a tenant in the platform's name"
unmount_view

# With tenant A's key and all three places: nothing of the others, not even a name.
places=(-r "$WORK/platform" -r "$WORK/tenants/a" -r "$WORK/tenants/b")
tenant() {
    env -u HOLDFAST_CONFIG HOME="$WORK/home" "$HOLDFAST" --cache-dir "$WORK/cache-a" \
        --key-file "$WORK/a.key" "$@"
}
exits 5 tenant "${places[@]}" ls latest/files
said "repository platform: no slot fits"
grep -q "only-" "$SAID" && fail "a tenant sees names"
exits 5 tenant "${places[@]}" snapshots
exits 5 tenant -r "$WORK/tenants/b" cat latest/files/shop/who
exits 5 tenant -r "$WORK/platform" backup --source shop "$WORK/tree-tenant-a"
exits 5 tenant -r "$WORK/platform" mount "$MNT"
ok tenant "${places[@]}" mount "$MNT"
said 'why="repository platform: no slot fits'
said 'why="repository b: no slot fits'
grep -q "only-" "$SAID" && fail "a tenant is told names"
equal "$(cd "$MNT" && echo latest/files/*)" "latest/files/only-tenant-a latest/files/shop" "a tenant's mount"
equal "$(cd "$MNT" && find . -path './latest/files/*' -name who -exec cat {} + | sort -u)" tenant-a "who"
equal "$(echo "$MNT"/labels/of/*)" "$MNT/labels/of/tenant-a" "a tenant's labels"
[ ! -e "$MNT/latest/files/only-platform" ] || fail "a tenant reads the platform's"
[ ! -e "$MNT/latest/files/shop@platform" ] || fail "a tenant reads the platform's"
[ ! -e "$MNT/latest/files/shop@b" ] || fail "a tenant reads another's"
unmount_view
grep -rqa "only-platform\|only-tenant-b" "$WORK/cache-a" && fail "a tenant's cache has names of others"

# A key in the environment goes before the file's, and the error says so.
exits 5 env HOLDFAST_KEY_FILE="$WORK/a.key" "$HOLDFAST" -r platform ls
said "not the file's"

# config show: where each setting comes from, and no secret.
ok env HOLDFAST_PASSPHRASE="not to be shown" "$HOLDFAST" -j 3 config show
said "$HOLDFAST_CONFIG:1"
said HOLDFAST_PASSPHRASE
grep -q "not to be shown" "$SAID" && fail "a passphrase was shown"
grep -qE "^ +jobs +3 +option$" "$SAID" || fail "where jobs comes from"
ok hf config show
grep -qE "^tenant-b +key-command +cat … +$HOLDFAST_CONFIG:11$" "$SAID" || fail "a line of the file"
echo 'jbos: 3' >>"$HOLDFAST_CONFIG"
exits 2 hf ls
said "$HOLDFAST_CONFIG: line 12: there is no setting \"jbos\""
ok hf --help
