#!/bin/bash
# Well signed and well formed, and nothing in it is as it should be: each command ends, by itself or
# when it is told to, with a status that fits and in bounded memory, and the honest source is read.
. "$(dirname "$0")/lib.sh"
make=${HF_PRELOADS:-$(dirname "$HOLDFAST")/tests/e2e}/make_hostile
[ -x "$make" ] || skip "make_hostile was not built"

new_repository
ASAN_OPTIONS=detect_leaks=0 CK_FORK=no ok "$make"
grep ^files/ "$SAID" >"$WORK/sources"
# A maintainer has no keys of ids: to him a directory may hold itself.
head -c 32 /dev/urandom >"$WORK/maintainer"
ok hf key add --rights maintain --new-key-file "$WORK/maintainer" maintainer
point=()
[ ! -w /dev/fuse ] || ! command -v fusermount3 >/dev/null || point=("$MNT")
python3 "$HERE/hostile.py" "$WORK" "${point[@]}" >"$SAID" 2>&1 || fail "some command"
cat "$SAID"
