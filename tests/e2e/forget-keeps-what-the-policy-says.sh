#!/bin/bash
# forget lets go what no rule keeps and says why of each; a dry run changes nothing; what is young is
# protected; the newest snapshot stays; a flood of snapshots is left alone, with exit status 3; a key
# without `maintain` forgets nothing. HOLDFAST is the program.
set -euo pipefail

work=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-forget.XXXXXX")
trap 'rm -rf "$work"' EXIT

holdfast() {
    "$HOLDFAST" -q -r "$work/repository" --key-file "$work/key" --cache-dir "$work/cache" "$@"
}

fail() {
    echo "FAILED: $1"
    exit 1
}

# ids SOURCE: of what is shown, oldest first
ids() {
    holdfast snapshots --source "$1" --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'
}

# expect STATUS COMMAND…
expect() {
    local wanted=$1 status=0
    shift
    "$@" >"$work/out" 2>"$work/log" || status=$?
    [ "$status" = "$wanted" ] || { cat "$work/out" "$work/log"; fail "exit status $status: $*"; }
}

# decided HOW ID WHY
decided() {
    grep -Eq "^${2:0:8} .* $1 +$3\$" "$work/out" || { cat "$work/out"; fail "no $1 of $2: $3"; }
}

# same A B WHAT
same() {
    [ "$1" = "$2" ] || fail "$3: $1, not $2"
}

backup() {
    date +%N >>"$work/tree/file"
    holdfast backup --source "$1" "$work/tree"
}

mkdir "$work/tree"
holdfast init
for _ in 1 2 3 4; do backup files/a; done
for _ in 1 2; do backup files/b; done
mapfile -t a < <(ids files/a)
b=$(ids files/b)

# What is young is protected.
expect 0 holdfast forget --keep-last 1
for id in "${a[@]:0:3}"; do decided keep "$id" protected; done
same "$(ids files/a)" "$(printf '%s\n' "${a[@]}")" "what is protected went"

# A dry run changes nothing and says the same.
expect 0 holdfast forget --source files/a --keep-last 2 --protect 0s --dry-run
cp "$work/out" "$work/dry"
same "$(ids files/a)" "$(printf '%s\n' "${a[@]}")" "a dry run forgets"

expect 0 holdfast forget --source files/a --keep-last 2 --protect 0s
cmp -s "$work/out" "$work/dry" || fail "the dry run said something else"
decided forget "${a[0]}" "no rule keeps it"
decided forget "${a[1]}" "no rule keeps it"
decided keep "${a[2]}" last
decided keep "${a[3]}" "newest, newest good, last"
same "$(ids files/a)" "$(printf '%s\n' "${a[@]:2}")" "what is kept"
same "$(ids files/b)" "$b" "another source"
rm -rf "$work/cache"
same "$(ids files/a)" "$(printf '%s\n' "${a[@]:2}")" "what is kept, with an empty cache"

# Those that are named go, but for the newest, and nothing goes with a mistake.
expect 2 holdfast forget "${a[2]}" "${a[3]}"
grep -q "newest" "$work/log" || fail "it is not said why"
expect 2 holdfast forget "${a[2]}" --keep-last 1
expect 6 holdfast forget 00000000
expect 6 holdfast forget --source files/none --keep-last 1
same "$(ids files/a)" "$(printf '%s\n' "${a[@]:2}")" "a mistake forgets"

# Who may only write forgets nothing.
head -c 32 /dev/urandom >"$work/writer"
holdfast key add --rights write,read --new-key-file "$work/writer" writer
cp "$work/key" "$work/all"
cp "$work/writer" "$work/key"
expect 8 holdfast forget "${a[2]}"
cp "$work/all" "$work/key"
expect 0 holdfast forget --json "${a[2]:0:8}"
grep -q "\"decision\":\"forget\"" "$work/out" || fail "no JSON"
same "$(ids files/a)" "${a[3]}" "what was named"

# Many more than usual: all are left alone. What is protected reaches back to between the flood and
# what was there before, with seconds to spare on both sides, as forget itself takes a while.
sleep 10
flood=$(date +%s)
for _ in $(seq 20); do backup files/a; done
expect 3 holdfast forget --source files/a --keep-last 1 --protect $(($(date +%s) - flood + 6))s
grep -q "many more snapshots than usual" "$work/log" || fail "the flood is not told"
decided keep "${a[3]}" flood
same "$(ids files/a | wc -l)" 21 "a flood pushes out"
