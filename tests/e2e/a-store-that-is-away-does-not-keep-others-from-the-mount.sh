#!/bin/bash
# One of two repositories is away: a mount shows the other, names the one that is missing, and shows it
# once its store is there; a command that runs once fails and names it.
. "$(dirname "$0")/lib.sh"
need_fuse
unset HOLDFAST_REPOSITORY

mkdir "$WORK/tree"
for name in here far; do
    echo "$name" >"$WORK/tree/who"
    ok hf -r "$WORK/$name" init
    ok hf -r "$WORK/$name" backup --source shop "$WORK/tree"
done
both=(-r "$WORK/here" -r "$WORK/far")

mv "$WORK/far" "$WORK/away"
exits 6 hf "${both[@]}" ls latest/files
said "repository far: "
ok hf "${both[@]}" mount -o refresh=1s "$MNT"
said "not shown until it is there"
said "repository far: "
equal "$(ls "$MNT/latest/files")" shop "what is there"
equal "$(cat "$MNT/latest/files/shop@here/who")" here "by its long name"
[ ! -e "$MNT/latest/files/shop@far" ] || fail "shown, and away"

# It comes, while somebody reads.
while cat "$MNT/latest/files/shop@here/who" && ls "$MNT/latest/files"; do :; done >"$WORK/read" 2>&1 &
mv "$WORK/away" "$WORK/far"
until_true test -d "$MNT/latest/files/shop@far"
kill $!
wait $! 2>/dev/null
grep -v -e here -e far -e '^shop$' "$WORK/read" && fail "a reader met something else"
equal "$(cat "$MNT/latest/files/shop@far/who")" far "what came"
equal "$(cat "$MNT/latest/files/shop@here/who")" here "what was there"

# It goes again: the other's new snapshots still appear.
mv "$WORK/far" "$WORK/away"
sleep 1.5
ok hf -r "$WORK/here" backup --source fresh "$WORK/tree"
until_true test -e "$MNT/latest/files/fresh/who"
mv "$WORK/away" "$WORK/far"
ok hf -r "$WORK/far" backup --source fresh "$WORK/tree"
until_true test -e "$MNT/latest/files/fresh@far/who"
unmount_view

# None is there: no mount.
mv "$WORK/here" "$WORK/gone"
mv "$WORK/far" "$WORK/away"
exits 6 hf "${both[@]}" mount "$MNT"
mountpoint -q "$MNT" && fail "nothing was mounted, and there it is"
exit 0
