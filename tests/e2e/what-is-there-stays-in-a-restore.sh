#!/bin/bash
# Without --overwrite a restore changes nothing that is there, the target's own metadata included,
# and a dry run says what it would meet. What is one file under several names comes back under those
# that are free.
. "$(dirname "$0")/lib.sh"

# not_restored: paths that the last command named. stat_of PATH…: owner, mode, time of change of content.
not_restored() {
    grep -o '"type":"failed","path":"[^"]*","kind":"exists"' "$SAID" | cut -d'"' -f8 | sort | xargs
}
stat_of() { stat -c '%n %u:%g %a %y' "$@"; }

mkdir -p "$WORK/from/sub"
echo data >"$WORK/from/a"
ln "$WORK/from/a" "$WORK/from/b"
ln "$WORK/from/a" "$WORK/from/sub/c"
echo other >"$WORK/from/sub/d"
chmod 700 "$WORK/from"
touch -d 2020-01-01 "$WORK/from/sub" "$WORK/from"
new_repository
ok hf backup --source files/from "$WORK/from"

# A directory that holds something keeps its owner and mode; one that is empty, or not there,
# becomes what was backed up.
mkdir -m 1777 "$WORK/shared"
echo mine >"$WORK/shared/mine"
touch -d 2021-02-03 "$WORK/shared"
ok hf restore latest/files/from/sub "$WORK/shared"
said "keeps its owner and mode"
equal "$(stat -c %a "$WORK/shared")" 1777 "the target's mode"
equal "$(cat "$WORK/shared/mine" "$WORK/shared/d")" "$(printf 'mine\nother')" "what is in the target"
ok hf restore --overwrite latest/files/from "$WORK/shared"
equal "$(stat -c '%a %y' "$WORK/shared")" "$(stat -c '%a %y' "$WORK/from")" "the target, overwritten"
mkdir "$WORK/empty"
ok hf restore latest/files/from "$WORK/empty"
same_tree "$WORK/from" "$WORK/empty"

# The first name is taken: the others come back, as one file.
mkdir "$WORK/taken"
echo mine >"$WORK/taken/a"
before=$(stat_of "$WORK/taken/a")
exits 3 hf restore --json latest/files/from "$WORK/taken"
equal "$(not_restored)" a "what was not restored"
equal "$(stat_of "$WORK/taken/a")" "$before" "what was there"
equal "$(cat "$WORK/taken/a")" mine "what was there"
ok cmp "$WORK/from/b" "$WORK/taken/b"
equal "$(stat -c %i "$WORK/taken/b")" "$(stat -c %i "$WORK/taken/sub/c")" "names of one file"

# Two of three are taken, one by a directory that nothing replaces.
mkdir -p "$WORK/two/sub" "$WORK/two/a/full"
echo mine >"$WORK/two/b"
exits 3 hf restore --overwrite latest/files/from "$WORK/two"
said "not restored"
equal "$(cat "$WORK/two/b" "$WORK/two/sub/c")" "$(printf 'data\ndata')" "the other names"
equal "$(stat -c %i "$WORK/two/b")" "$(stat -c %i "$WORK/two/sub/c")" "names of one file"

# A dry run looks at the target, changes nothing, and ends as the restore would.
rm -rf "$WORK/taken/b" "$WORK/taken/sub"
mkdir "$WORK/taken/sub"
echo mine >"$WORK/taken/sub/d"
before=$(stat_of "$WORK/taken" "$WORK/taken/sub" "$WORK/taken/sub/d")
exits 3 hf restore --dry-run --json latest/files/from "$WORK/taken"
equal "$(not_restored)" "a sub/d" "what a dry run meets"
equal "$(number_of files)" 2 "what a dry run would restore"
equal "$(stat_of "$WORK/taken" "$WORK/taken/sub" "$WORK/taken/sub/d")" "$before" "a dry run changed the target"
ok hf restore --dry-run --overwrite latest/files/from "$WORK/taken"
ok hf restore --dry-run latest/files/from "$WORK/not/there"
[ ! -e "$WORK/not" ] || fail "a dry run made the target"
exits 3 hf restore --dry-run latest/files/from/a "$WORK/taken"

# An empty directory makes way for a file, one that holds something doesn't, and a dry run knows.
mkdir -p "$WORK/way/a" "$WORK/way/b/full"
for dry in --dry-run ''; do
    # shellcheck disable=SC2086 # no word at all
    exits 3 hf restore $dry --overwrite --json latest/files/from "$WORK/way"
    grep -q '"type":"failed","path":"b"' "$SAID" || fail "a directory that holds something"
    equal "$(grep -c '"type":"failed"' "$SAID")" 1 "what was not restored"
done
equal "$(cat "$WORK/way/a")" data "a file where an empty directory was"

# A file's bytes are counted once, whatever names it has.
ok hf restore --dry-run --json latest/files/from "$WORK/not/there"
equal "$(number_of bytes)" 11 "the bytes that a dry run counts"
