# Sourced behind lib.sh by the tests that run what a document shows: takes its blocks of commands out, and runs each of them within a
# story, a function that brings about what the document is about, calls `block`, and looks at what came of it.
#
# An absolute path of the document is one below $ROOT, `holdfast` is the program under test, and a word that ends with "…" is $FILL.

ROOT=$WORK/root
mkdir -p "$ROOT"/{mnt,media,srv,etc,home,backup,var/tmp,tmp,root} "$WORK/bin"
ln -s "$HOLDFAST" "$WORK/bin/holdfast"
PATH=$WORK/bin:$PATH
export HOME=$ROOT/root
unset HOLDFAST_CACHE_DIR XDG_CACHE_HOME
FILL=

# What the document says, of this test's own places.
placed() {
    sed -E "s#(^|[ ='\">])/(mnt|media|srv|etc|home|backup|var|tmp)\\b#\\1$ROOT/\\2#g; s#[^ =]*…#${FILL:-…}#"
}

# take_blocks FILE: into $WORK/blocks, one file each: 001.a_heading_1, 002.a_heading_2, …
take_blocks() {
    mkdir "$WORK/blocks"
    awk -v to="$WORK/blocks/" '
        /^```/ && file { close(file); file = ""; next }
        /^```/ { file = sprintf("%s%03d.%s_%d", to, ++n, slug, ++of[slug]); next }
        file { print >file; next }
        /^#+ / { slug = tolower($0); sub(/^#+ /, "", slug); gsub(/[^a-z]+/, "_", slug) }' "$1"
}

# block [STATUS…]: runs the block whose turn it is. These are the statuses of what fails in it, in order; what it said is in $SAID and,
# where lines begin with "$ ", is what stands below them.
block() {
    local commands=$WORK/commands
    failed=()

    if grep -q '^\$ ' "$BLOCK"; then
        sed -n 's/^\$ //p' "$BLOCK" | placed >"$commands"
    else
        placed <"$BLOCK" >"$commands"
    fi
    ! grep -q '…' "$commands" || fail "nothing to fill in: $(grep '…' "$commands")"
    set -E
    trap 'failed+=($?)' ERR
    # shellcheck disable=SC1090 # what the document says
    . "$commands" >"$SAID" 2>&1
    trap - ERR
    equal "${failed[*]}" "$*" "statuses of what fails in $(basename "$BLOCK")"
    if grep -q '^\$ ' "$BLOCK"; then
        grep -v '^\$ ' "$BLOCK" | diff -bB - "$SAID" >"$WORK/differs" || {
            cat "$WORK/differs"
            fail "$(basename "$BLOCK") does not say what the document shows"
        }
    fi
}

# tell FILE: each block's story, story_<heading>_<number>. Each block has one, and no story lacks its block.
tell() {
    local stories told=0

    take_blocks "$1"
    for BLOCK in "$WORK"/blocks/*; do
        declare -F "story_${BLOCK##*.}" >/dev/null || fail "no story for the block ${BLOCK##*.} of $(basename "$1")"
        cd "$HOME" || exit 1
        "story_${BLOCK##*.}"
        told=$((told + 1))
    done
    stories=$(declare -F | grep -c 'story_')
    equal "$told" "$stories" "blocks and stories"
}
