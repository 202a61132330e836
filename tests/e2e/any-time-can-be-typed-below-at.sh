#!/bin/bash
# at/<time>: canonical times are directories that never change, other spellings are links to them.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir "$WORK/tree"
new_repository
echo old >"$WORK/tree/file"
ok hf backup --source tree --time '2026-01-10T10:00:00Z' "$WORK/tree"
echo new >"$WORK/tree/file"
ok hf backup --source tree --time '2026-02-20T20:00:00Z' --label season=winter "$WORK/tree"
mount_view

shows() {
    equal "$(cat "$MNT/at/$1/files/tree/file" 2>&1)" "$2" "at/$1 in the mount"
    equal "$(hf cat "at/$1/files/tree/file" 2>&1)" "$2" "at/$1 on the command line"
}

shows 2026-01-10T10-00-00Z old
shows 2026-01-10T10:00:00Z old
shows 2026-01-15T00-00-00Z old
shows 2026-01-15 old
shows '2026-01-15 13:45' old
shows '2026-01-15 13:45:59' old
shows 2026-02-20T19:59:59Z old
shows 2026-02-20T20:00:00Z new
shows 2026-02-20T21:00:00+01:00 new
shows 2026-02-20T20:30:00+01:00 old
shows "@$(date -d 2026-01-20 +%s)" old
shows '1h ago' new
shows now new
shows yesterday new

ls "$MNT/at" >"$SAID"
said 2026-01-10T10-00-00Z
said 2026-02-20T20-00-00Z
equal "$(readlink "$MNT/at/2026-01-15")" 2026-01-15T00-00-00Z "the canonical time"
[ -d "$MNT/at/2026-01-15T00-00-00Z" ] && [ ! -L "$MNT/at/2026-01-15T00-00-00Z" ] ||
    fail "a canonical time is no directory"

# Before the first there is nothing; what is no time is no name.
[ -e "$MNT/at/2025-12-31/files/tree" ] && fail "a snapshot from before the first"
for name in nonsense 2026-13-01 2026-01-10T25:00:00Z '' '..x' '99999999999h ago'; do
    [ -n "$name" ] && [ -e "$MNT/at/$name" ] && fail "at/$name is there"
done
exits 6 hf ls at/nonsense
exits 6 hf ls at/2025-12-31/files/tree

# The last moment that there is, and the first.
for name in @9223372036 2262-04-11T23:47:16Z; do
    equal "$(cat "$MNT/at/$name/files/tree/file")" new "at/$name"
    ok hf ls "at/$name/files/tree"
done
exits 6 hf ls at/@-9223372036/files/tree

# The sources and labels by the same times.
equal "$(cat "$MNT/sources/files/tree/2026-01-10T10-00-00Z/file")" old "by source and time"
equal "$(cat "$MNT/labels/season/winter/2026-02-20T20-00-00Z/files/tree/file")" new \
    "by label and time"

# Another snapshot between the two changes the past that is asked for from then on.
echo between >"$WORK/tree/file"
ok hf backup --source tree --time '2026-02-01T00:00:00Z' "$WORK/tree"
until_true sh -c "ls '$MNT/at' | grep -q 2026-02-01T00-00-00Z"
equal "$(cat "$MNT/at/2026-02-10/files/tree/file")" between "the past after an addition"
equal "$(cat "$MNT/latest/files/tree/file")" new "latest is the newest by moment"

# What is named by its second keeps that name when another comes within the second, and shows the same.
echo late >"$WORK/tree/file"
ok hf backup --source tree --time '2026-02-01T00:00:00.5Z' "$WORK/tree"
until_true [ -d "$MNT/sources/files/tree/2026-02-01T00-00-00.5Z" ]
for path in sources/files/tree/2026-02-01T00-00-00Z/file sources/files/tree/2026-02-01/file; do
    equal "$(hf cat "$path" 2>&1)" between "$path"
    equal "$(cat "$MNT/$path" 2>&1)" between "$path in the mount"
done
equal "$(hf cat sources/files/tree/2026-02-01T00:00:00.5Z/file)" late "by another spelling of the fraction"
unmount_view

# Of one time said of several, the last one that ended is the newest.
for i in 1 2 3 4 5 6; do
    echo $i >"$WORK/tree/same"
    ok hf backup --source same --time 2026-01-01T00:00:00Z "$WORK/tree"
    equal "$(hf cat latest/files/same/same)" $i "the newest of one time"
done
