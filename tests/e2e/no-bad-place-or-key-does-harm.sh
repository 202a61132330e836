#!/bin/bash
# A wrong key, no key, no repository, a newer format, two inits: each its clear error and its exit status.
. "$(dirname "$0")/lib.sh"

mkdir "$WORK/tree"
echo content >"$WORK/tree/file"

# No repository.
exits 6 hf snapshots
exits 6 hf backup "$WORK/tree"
mkdir "$WORK/empty" "$WORK/filled"
echo something >"$WORK/filled/else"
head -c 32 /dev/urandom >"$WORK/any-key"
for place in "$WORK/empty" "$WORK/filled" "$WORK/tree/file" /proc/self /dev/null "$WORK/not/there"; do
    exits 6 hf -r "$place" --key-file "$WORK/any-key" snapshots
done
exits 2 env -u HOLDFAST_REPOSITORY "$HOLDFAST" snapshots
exits 2 hf -r ftp://nowhere/at/all --key-file "$WORK/any-key" snapshots
exits 2 hf nonsense
exits 2 hf snapshots --nonsense
exits 2 hf cat

# init leaves alone what else is in a directory (lost+found, on a disk of its own), and takes no file.
ok hf -r "$WORK/filled" init
equal "$(cat "$WORK/filled/else")" something "what was in the directory"
hf -r "$WORK/tree/file" init >"$SAID" 2>&1 && fail "init over a file"
equal "$(cat "$WORK/tree/file")" content "the file"

# Two inits of one directory: one wins, and it is whole.
rm -f "$WORK/key"
for i in 1 2 3 4; do
    "$HOLDFAST" --key-file "$WORK/key-$i" init >"$WORK/init-$i" 2>&1 &
    inits[i]=$!
done
won=0
for i in 1 2 3 4; do
    if wait "${inits[$i]}"; then
        won=$((won + 1))
        winner=$i
    fi
done
equal "$won" 1 "inits that won"
export HOLDFAST_KEY_FILE=$WORK/key-$winner
ok hf backup --source tree "$WORK/tree"
ok hf check --read-data
exits 1 hf init
said "$HOLDFAST_REPOSITORY"
ok hf cat latest/files/tree/file

# Keys: wrong, none, too short, not readable as a file.
head -c 64 /dev/urandom >"$WORK/wrong"
exits 5 hf --key-file "$WORK/wrong" snapshots
exits 5 hf --key-file "$WORK/wrong" backup --source tree "$WORK/tree"
echo wrong >"$WORK/phrase"
exits 5 env -u HOLDFAST_KEY_FILE "$HOLDFAST" --passphrase-file "$WORK/phrase" snapshots
exits 5 env -u HOLDFAST_KEY_FILE HOLDFAST_PASSPHRASE=wrong "$HOLDFAST" snapshots
head -c 8 /dev/urandom >"$WORK/short"
hf --key-file "$WORK/short" snapshots >"$SAID" 2>&1
status=$?
[ $status = 2 ] || [ $status = 5 ] || fail "status $status with a key that is too short"
hf --key-file "$WORK/no-such-file" snapshots >"$SAID" 2>&1 && fail "a key file that is not there"
said no-such-file
env -u HOLDFAST_KEY_FILE "$HOLDFAST" snapshots >"$SAID" 2>&1 </dev/null &&
    fail "unlocked without any key"
said key

# A format that is newer: told, and nothing is touched. What is beside it is read; who adds or removes is told to
# update. A commit's name is its digest, so it changes too.
for object in keyring commits checkpoints; do
    cp -a "$HOLDFAST_REPOSITORY" "$WORK/newer"
    python3 - "$WORK/newer" $object <<'INNER'
import hashlib, os, sys
top, folder = sys.argv[1:]
for base in (top, os.path.join(top, "twin")):
    for at, _, names in os.walk(os.path.join(base, folder)):
        for name in names:
            path = os.path.join(at, name)
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                content = bytearray(file.read())
                # Behind the magic stands the version.
                content[8] += 1
                file.seek(0)
                file.write(content)
            if folder == "commits":
                time, digest = name.split("-")
                new = hashlib.sha256(content).hexdigest()[:len(digest)]
                os.rename(path, os.path.join(at, time + "-" + new))
INNER
    find "$WORK/newer" -type f -exec sha256sum {} + | sort >"$WORK/before"
    hf -r "$WORK/newer" --cache-dir "$WORK/cache-newer" snapshots >"$SAID" 2>&1
    status=$?
    # One commit that is not known hides what it adds, no more, and that is told.
    [ $status != 0 ] || [ $object = commits ] || fail "a newer $object was taken for a known one"
    said "newer"
    exits 1 hf -r "$WORK/newer" --cache-dir "$WORK/cache-newer" backup --source tree "$WORK/tree"
    said "update holdfast"
    if [ $object = commits ]; then
        exits 3 hf -r "$WORK/newer" --cache-dir "$WORK/cache-newer" check
        said "update holdfast"
        exits 3 hf -r "$WORK/newer" --cache-dir "$WORK/cache-newer" --json check
        said '"type":"newer","lost":false'
    fi
    find "$WORK/newer" -type f -exec sha256sum {} + | sort | cmp - "$WORK/before" ||
        fail "a repository of a newer format was changed"
    rm -rf "$WORK/newer" "$WORK/cache-newer"
done

# Nothing secret is printed or left in the environment of others.
hf -v key list >"$SAID" 2>&1 || fail "key list"
xxd -p -c 256 "$HOLDFAST_KEY_FILE" 2>/dev/null | cut -c1-32 >"$WORK/hex"
[ ! -s "$WORK/hex" ] || ! grep -qf "$WORK/hex" "$SAID" || fail "the key was printed"
