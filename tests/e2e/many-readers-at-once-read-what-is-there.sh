#!/bin/bash
# find, tar, rsync, grep -r and fio side by side on one mount: every byte is right, and the daemon stays.
. "$(dirname "$0")/lib.sh"
need rsync tar grep
need_fuse

FILES=${BIG:+20000}
FILES=${FILES:-1500}
TREE=$WORK/tree
mkdir "$TREE"
for ((i = 0; i < 30; i++)); do
    mkdir -p "$TREE/$i/sub"
done
for ((i = 0; i < FILES; i++)); do
    printf 'file %d says needle-%d\n' "$i" $((i % 7)) >"$TREE/$((i % 30))/sub/file-$i"
done
for ((i = 0; i < 4; i++)); do
    head -c $((10000000 + i * 12345)) /dev/urandom >"$TREE/large-$i"
done
new_repository
ok hf backup --source tree "$TREE"
# A small cache, so that chunks come and go under the readers.
ok hf mount --cache 16M "$MNT"
VIEW=$MNT/latest/files/tree

(cd "$TREE" && find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$WORK/sums"
(cd "$TREE" && find . | sort) >"$WORK/names"
(cd "$TREE" && grep -r needle-3 . | sort) >"$WORK/needles"

jobs_started=()
start() {
    ("$@") &
    jobs_started+=($!)
}
by_find() {
    for _ in 1 2 3; do
        (cd "$VIEW" && find . | sort) | cmp - "$WORK/names" || return 1
    done
}
by_tar() {
    mkdir "$WORK/untar" && tar -C "$VIEW" -cf - . | tar -C "$WORK/untar" -xf - &&
        (cd "$WORK/untar" && sha256sum --quiet -c "$WORK/sums")
}
by_rsync() {
    rsync -a "$VIEW/" "$WORK/synced/" && diff -r "$TREE" "$WORK/synced"
}
by_grep() {
    for _ in 1 2 3; do
        (cd "$VIEW" && grep -r needle-3 . | sort) | cmp - "$WORK/needles" || return 1
    done
}
by_sum() {
    (cd "$VIEW" && sha256sum --quiet -c "$WORK/sums")
}
by_fio() {
    command -v fio >/dev/null || return 0
    fio --name=random --readonly --rw=randread --bs=4k --direct=0 --invalidate=1 --numjobs=3 \
        --runtime="${BIG:+60}${BIG:-4}" --time_based --filename="$VIEW/large-0:$VIEW/large-1" \
        --minimal >"$WORK/fio" 2>&1
}
by_cp() {
    cp -a "$VIEW" "$WORK/copied" && diff -r "$TREE" "$WORK/copied"
}
forgetting() {
    [ "$(id -u)" = 0 ] || return 0
    for ((n = 0; n < 8; n++)); do
        echo 2 2>/dev/null >/proc/sys/vm/drop_caches
        sleep 0.3
    done
}
for job in by_find by_tar by_rsync by_grep by_sum by_fio by_cp by_sum forgetting; do
    start $job
done
failed=
for ((i = 0; i < ${#jobs_started[@]}; i++)); do
    wait "${jobs_started[$i]}" || failed="$failed $i"
done
[ -z "$failed" ] || fail "readers that failed, by number:$failed"
by_sum || fail "a reader after all of them"
unmount_view
