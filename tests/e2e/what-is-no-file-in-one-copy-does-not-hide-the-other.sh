#!/bin/bash
# A directory, a FIFO or a link that leads nowhere, or to itself, in place of one copy of an object: as if that copy were gone. The
# other one is used, check names it and repairs it; nothing waits for the FIFO's other end.
. "$(dirname "$0")/lib.sh"

mkdir "$WORK/tree"
for ((i = 0; i < 30; i++)); do
    echo "file $i" >"$WORK/tree/$i"
done
new_repository
ok hf backup --source tree "$WORK/tree"
cp -a "$HOLDFAST_REPOSITORY" "$WORK/whole"

# instead HOW PATH
instead() {
    rm "$2"
    case $1 in
    directory) mkdir "$2" ;;
    fifo) mkfifo "$2" ;;
    link) ln -s nowhere "$2" ;;
    loop) ln -s "${2##*/}" "$2" ;;
    esac
}

for part in . twin; do
    for folder in keyring checkpoints commits meta; do
        for how in directory fifo link loop; do
            rm -rf "$HOLDFAST_REPOSITORY" "$HOLDFAST_CACHE_DIR" "$WORK/back"
            cp -a "$WORK/whole" "$HOLDFAST_REPOSITORY"
            find "$HOLDFAST_REPOSITORY/$part/$folder" -type f | while read -r file; do
                instead $how "$file"
            done
            ok timeout 60 "$HOLDFAST" restore latest/files/tree "$WORK/back"
            same_tree "$WORK/tree" "$WORK/back"
            exits 4 timeout 60 "$HOLDFAST" check
            said "$folder/"
            ok timeout 60 "$HOLDFAST" check --repair
            ok timeout 60 "$HOLDFAST" check --read-data
            (cd "$WORK/whole" && find keyring checkpoints commits meta twin -type f) | while read -r file; do
                cmp "$WORK/whole/$file" "$HOLDFAST_REPOSITORY/$file" || exit 1
            done || fail "not what it was: $how in $part/$folder"
        done
    done
done

# Content has one copy: it is lost, and told at once.
pack=$(find "$HOLDFAST_REPOSITORY/packs" -type f | head -n 1)
if [ "$pack" ]; then
    instead fifo "$pack"
    exits 4 timeout 60 "$HOLDFAST" check
    said "${pack##*/}"
fi
