#!/bin/bash
# Every form of --exclude, --exclude-from and --exclude-caches, against what find sees in the mount's names.
. "$(dirname "$0")/lib.sh"

TREE=$WORK/tree
mkdir -p "$TREE"/{src/obj,lib/obj,cache,nocache,deep/er/still,tmp,'sp ace'}
touch "$TREE"/{a.o,b.c,src/c.o,src/d.c,src/obj/e.c,lib/f.o,lib/obj/g.c,keep.o,tmp/h}
touch "$TREE"/{deep/er/i.log,deep/er/still/j.log,'sp ace/k','#hash',x1,x2,xa,'[b]'}
printf 'Signature: 8a477f597d28d172789f06886806bc55\n# more' >"$TREE/cache/CACHEDIR.TAG"
printf 'Signature: not that one\n' >"$TREE/nocache/CACHEDIR.TAG"
touch "$TREE"/{cache,nocache}/content
new_repository

# leaves NAME… : what is below the tree after a backup with the options in OPTIONS.
leaves() {
    ok hf backup --source tree "${OPTIONS[@]}" "$TREE"
    hf find latest/files/tree >"$SAID" || fail "find"
    sed -i 's,^latest/files/tree/*,,' "$SAID"
    sed -i '/^$/d' "$SAID"
    LC_ALL=C sort "$SAID" >"$WORK/got"
    LC_ALL=C sort >"$WORK/wanted"
    diff "$WORK/wanted" "$WORK/got" >"$SAID" || fail "with ${OPTIONS[*]}"
}

# all_but PATTERN: everything but what this regular expression matches.
all_but() {
    (cd "$TREE" && find . -mindepth 1 -printf '%P\n') | grep -Ev "$1" | leaves
}

OPTIONS=()
all_but '^$'
OPTIONS=(--exclude '*.o')
all_but '\.o$'
OPTIONS=(--exclude '*.o' --exclude '!keep.o')
all_but '(a|c|f)\.o$'
OPTIONS=(-e obj/)
all_but '(^|/)obj(/|$)'
OPTIONS=(-e /src/obj)
all_but '^src/obj'
OPTIONS=(-e 'src/*.o')
all_but '^src/c\.o'
OPTIONS=(-e '**/er/*.log')
all_but 'er/i\.log'
OPTIONS=(-e 'deep/**/*.log')
all_but '\.log$'
OPTIONS=(-e 'x[0-9]' -e '\[b\]')
all_but '^(x[0-9]|\[b\])$'
OPTIONS=(-e "$TREE/tmp")
all_but '^tmp'
OPTIONS=(-e 'tmp/*')
all_but '^tmp/'
OPTIONS=(--exclude-caches)
(cd "$TREE" && find . -mindepth 1 -printf '%P\n') | grep -v '^cache/content$' >"$WORK/but-cache"
ok hf backup --source tree --exclude-caches "$TREE"
hf find latest/files/tree | sed 's,^latest/files/tree/*,,;/^$/d' | LC_ALL=C sort >"$WORK/got"
grep -q '^cache/content$' "$WORK/got" && fail "a directory with a CACHEDIR.TAG was kept"
grep -q '^nocache/content$' "$WORK/got" || fail "a directory with a wrong CACHEDIR.TAG was left out"

printf '# a comment\n\n*.c\nsp ace\n\\#hash\n' >"$WORK/rules"
OPTIONS=(--exclude-from "$WORK/rules")
all_but '(\.c$|^sp ace|^#hash)'
OPTIONS=(--exclude-from "$WORK/rules" --exclude '!b.c')
all_but '((d|e|g)\.c$|^sp ace|^#hash)'

# The same patterns, and git's own judgement of them.
if command -v git >/dev/null; then
    as_git() {
        printf '%s' "$1" >"$WORK/rules"
        ok hf backup --source tree --exclude-from "$WORK/rules" "$TREE"
        hf find --type f latest/files/tree | sed 's,^latest/files/tree/,,' | LC_ALL=C sort >"$WORK/got"
        git -c core.quotePath=false --git-dir="$WORK/git/.git" --work-tree="$TREE" \
            ls-files --others -z --exclude-from="$WORK/rules" | tr '\0' '\n' | LC_ALL=C sort >"$WORK/wanted"
        diff "$WORK/wanted" "$WORK/got" >"$SAID" || fail "git judges otherwise of: $1"
    }
    ok git init -q "$WORK/git"
    touch "$TREE"/{'a[b',$'tab\t',Upper,'-x'}
    for rules in '[[:upper:]]*' '[^[:lower:]]*' $'\xef\xbb\xbf*.o\n!keep.o' $'tab\t' '*.o  ' $'*.o\r\n' \
        'a\[b' 'deep/**.log' 'deep/***/*.log' '**/obj' 'obj/**' 'src/**/*.c' $'*\n!*/\n!*.c' 'x[!2]' \
        '[a-c].[[:alpha:]]' '\#hash' '/keep.o' 'lib/obj/' $'deep\n!deep/er/i.log'; do
        as_git "$rules"
    done
    rm "$TREE"/{'a[b',$'tab\t',Upper,'-x'}
fi

exits 2 hf backup --source tree --exclude '' "$TREE"
exits 6 hf backup --source tree --exclude-from "$WORK/none" "$TREE"

# All that an unchanged directory holds may be left out; what is in one that was named is its own.
OPTIONS=(-e '*')
all_but '.'
ok hf backup --source named -e er -e '*.log' "$TREE/deep" "$TREE/deep/er/still" "$TREE/deep/er/i.log"
hf find --type f "latest/files/named" | sed "s,^latest/files/named$TREE/,," >"$SAID"
equal "$(sort "$SAID" | xargs)" "deep/er/i.log" "what was named within what is left out"
equal "$(hf ls "latest/files/named$TREE/deep/er" | awk '{ print $NF }' | xargs)" "i.log still" "the way to it"

# What was left out comes back when the rule goes.
OPTIONS=()
all_but '^$'
