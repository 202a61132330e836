#!/bin/bash
# Each example that `holdfast COMMAND --help` and the manual have is run, and what README.md shows; every other command that a document
# names stands with options that the program knows.
. "$(dirname "$0")/lib.sh"
. "$HERE/documented.sh"
need_fuse

readme=$HERE/../../README.md
id=

# What stands in for the programs of others that examples name.
printf '#!/bin/sh\necho "the dump of a database"\n' >"$WORK/bin/pg_dump"
printf '#!/bin/sh\ngrep -q dump\n' >"$WORK/bin/pg_restore"
printf '#!/bin/sh\necho "a key that pass keeps: $2, 32 bytes at the least"\n' >"$WORK/bin/pass"
chmod +x "$WORK"/bin/pg_dump "$WORK"/bin/pg_restore "$WORK/bin/pass"

# What the examples are about: two sources of host h, with a past, and a claim.
mkdir -p "$ROOT"/mnt/{disk,past,claims/data} "$ROOT/etc/ssh" "$ROOT/srv/shop" "$ROOT/srv/a" "$ROOT/home/user"
for file in etc/fstab etc/ssh/sshd_config srv/shop/orders srv/a/file home/user/file mnt/claims/data/file; do
    echo "this is $file" >"$ROOT/$file"
done

a_past() {
    local then='2026-11-20 08:00' # before all that examples name

    ok hf init
    echo "of the past" >"$ROOT/etc/some.conf"
    ok hf backup -q --time "$then" --source files/h-etc "$ROOT/etc"
    ok hf backup -q --time "$then" --source files/h-srv "$ROOT/srv"
    echo dump | ok hf backup -q --time "$then" --stdin --name shop.dump --source files/shop-dump
    rm "$ROOT/etc/some.conf"
    ok hf backup -q --source files/h-etc "$ROOT/etc"
    id=$(hf --json snapshots --source files/h-etc | sed -n '1s/.*"id":"\([0-9a-f]\{8\}\).*/\1/p')
}

# settings WHERE: a repository of its own.
settings() {
    mkdir -p "$WORK/$1"
    export HOLDFAST_REPOSITORY=$WORK/$1/repo HOLDFAST_KEY_FILE=$WORK/$1/key
}

# ---- README.md ----

story_holdfast_1() {
    settings first
    a_past
    ok hf mount "$ROOT/mnt/past"
    ok bash -c "cd '$ROOT/mnt/past' && $(sed -n 's/^\$ //p' "$BLOCK" | placed)"
    ok fusermount3 -u "$ROOT/mnt/past"
}

# They get the program, and build it: contrib/quickstart.sh is for a machine that has nothing.
story_begin_1() { :; }
story_begin_2() { :; }
story_install_1() { :; }

story_use_1() {
    block
    ok ls "$ROOT/mnt/past/latest"
    ok fusermount3 -u "$ROOT/mnt/past"
}

story_use_2() {
    settings second
    a_past
    block
}

story_use_3() {
    placed <"$BLOCK" >"$HOLDFAST_CONFIG"
    mkdir -p "$ROOT/etc/holdfast" "$ROOT/backup"
    unset HOLDFAST_REPOSITORY HOLDFAST_KEY_FILE
    for name in platform tenant-a; do
        ok hf -r $name init
    done
    ok hf -r tenant-a backup --source files/a "$ROOT/srv/a"
    ok hf mount "$ROOT/mnt/past"
    ok ls "$ROOT/mnt/past/latest/files/a/file"
    ok fusermount3 -u "$ROOT/mnt/past"
    ok hf config show
}

tell "$readme"

# ---- examples ----

# The status that an example may have, besides 0.
may_end_with() {
    case $1 in
    "holdfast diff "*) echo 9 ;; # they differ
    *) echo 0 ;;
    esac
}

prepare() {
    case $1 in
    *"--key-file ~/holdfast.key init") rm -rf "$ROOT/mnt/disk/repo" ;;
    "holdfast -r /mnt/disk/repo init")
        rm -rf "$ROOT/mnt/disk/repo"
        unset HOLDFAST_KEY_FILE
        export HOLDFAST_PASSPHRASE='correct horse battery staple'
        ;;
    "holdfast key revoke --distrust-after "*)
        ok hf key add --new-key-command 'pass show another' laptop
        ;;
    "holdfast restore "*) rm -rf "$ROOT/srv/shop-then" ;; # README.md had it
    "holdfast -r platform "*) unset HOLDFAST_REPOSITORY HOLDFAST_KEY_FILE ;;
    esac
}

# example COMMAND: in the repository of the examples.
example() {
    local status=0 command

    settings third
    unset HOLDFAST_PASSPHRASE
    prepare "$1"
    command=$(sed "s/3fa92c71/$id/" <<<"$1" | placed)
    bash -o pipefail -c "$command" >"$SAID" 2>&1 || status=$?
    [ "$status" = 0 ] || [ "$status" = "$(may_end_with "$1")" ] || fail "status $status of the example: $1"
    ! mountpoint -q "$ROOT/mnt/past" || [[ $1 != *"-r platform"* ]] || ok fusermount3 -u "$ROOT/mnt/past"
}

commands=$(hf --help | sed -n '/^Commands:$/,/^$/s/^  \([a-z]*\( [a-z]*\)\{0,1\}\)  .*/\1/p')
settings third
a_past
ran=0
while read -r command; do
    # shellcheck disable=SC2086 # a command of two words
    hf $command --help | sed -n '/^Examples:$/,/^$/s/^  \([^ #].*\)/\1/p' >"$WORK/examples"
    [ -s "$WORK/examples" ] || fail "$command has no example"
    while read -r line; do
        case $line in
        /*) ;; # of /etc/fstab: a-line-of-fstab-mounts.sh
        *) example "$line" </dev/null; ran=$((ran + 1)) ;;
        esac
    done <"$WORK/examples"
done <<<"$commands"
[ "$ran" -ge 40 ] || fail "only $ran examples"

# ---- what else documents name ----

# Whole commands in `…`: with --help everything is read, and nothing done.
grep -ohE '`holdfast( [^`|]+)?`' "$readme" "$HERE"/../../docs/*.md "$HERE"/../../CHANGELOG.md | tr -d '`' | sort -u >"$WORK/named"
[ "$(wc -l <"$WORK/named")" -ge 10 ] || fail "documents name hardly any command"
while read -r line; do
    [[ $line == "holdfast "[a-z-]* ]] || continue # the program's name alone, or COMMAND
    bash -c "${line//…/} --help" >"$SAID" 2>&1 </dev/null || fail "a document names: $line"
done <"$WORK/named"
