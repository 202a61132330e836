#!/bin/bash
# The mount follows the repository: latest moves, and who stands in it keeps what was there.
. "$(dirname "$0")/lib.sh"
need_fuse

mkdir -p "$WORK/tree/dir"
echo first >"$WORK/tree/dir/file"
echo only >"$WORK/tree/dir/only-in-the-first"
new_repository
# Not within the second of the next one: both would be shown with a fraction then.
ok hf backup --source tree --time '1h ago' "$WORK/tree"
mount_view -o refresh=1s
equal "$(ls "$MNT")" "$(printf 'at\nlabels\nlatest\nsources')" "the top"
first=$(ls "$MNT/sources/files/tree")
equal "$(cat "$MNT/latest/files/tree/dir/file")" first "the content"

# All that a listing hands to the kernel must not hold it to the old snapshot.
ok find "$MNT/latest" "$MNT/labels" "$MNT/at" "$MNT/sources"

# A shell stands inside latest/<source>, and a file below is open.
cd "$MNT/latest/files/tree" || fail "cd"
exec 7<"$MNT/latest/files/tree/dir/file"

echo second >"$WORK/tree/dir/file"
rm "$WORK/tree/dir/only-in-the-first"
ok hf backup --source tree --label day=two "$WORK/tree"

has_second() {
    [ "$(cat "$MNT/latest/files/tree/dir/file")" = second ]
}
until_true has_second
[ -e "$MNT/latest/files/tree/dir/only-in-the-first" ] && fail "a name of the first is in latest"
ls "$MNT/latest/files/tree/dir" >"$SAID"
grep -q only-in "$SAID" && fail "a listing of the first in latest"

equal "$(cat dir/file)" first "who stands inside"
equal "$(cat dir/only-in-the-first)" only "who stands inside"
equal "$(cat <&7)" first "who holds a file open"
[ "$(ls dir | wc -l)" = 2 ] || fail "who stands inside lists"
cd "$WORK" || exit 1
exec 7<&-

equal "$(ls "$MNT/sources/files/tree" | wc -l)" 2 "snapshots in sources/"
equal "$(cat "$MNT/sources/files/tree/$first/dir/file")" first "the first by its time"
equal "$(cat "$MNT/labels/day/two/latest/files/tree/dir/file")" second "by label"

# A source that is new appears too, in every view.
ok hf backup --source files/another "$WORK/tree"
until_true test -e "$MNT/latest/files/another/dir/file"
until_true sh -c "ls '$MNT/latest/files' | grep -q another"
until_true sh -c "ls '$MNT/sources/files' | grep -q another"
ls "$MNT/at" >"$SAID"
[ "$(grep -c . "$SAID")" -ge 3 ] || fail "at/ lists $(grep -c . "$SAID") moments"

# More: nothing is missed, and nothing is shown that is not there.
for ((i = 0; i < 10; i++)); do
    echo "$i" >"$WORK/tree/dir/file"
    ok hf backup --source tree "$WORK/tree"
done
ls -lR "$MNT/latest" >/dev/null
echo last >"$WORK/tree/dir/file"
ok hf backup --source tree "$WORK/tree"
has_last() {
    [ "$(cat "$MNT/latest/files/tree/dir/file")" = last ]
}
until_true has_last
until_true sh -c "[ \$(ls '$MNT/sources/files/tree' | wc -l) = 13 ]"
unmount_view
