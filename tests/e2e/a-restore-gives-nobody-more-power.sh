#!/bin/bash
# setuid, setgid and capabilities belong to a file of its owner's. Where a restore does not give a
# file its owner, because it was told so or is not root, it does not give it those either.
. "$(dirname "$0")/lib.sh"
need_root "it makes files of others"
need setcap getcap setpriv

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

mkdir -m 2775 "$WORK/from"
for name in setuid setgid caps root; do cp /bin/true "$WORK/from/$name"; done
chown 1234:1234 "$WORK/from/setuid" "$WORK/from/caps"
chown 0:1234 "$WORK/from/setgid"
chmod 4755 "$WORK/from/setuid"
chmod 2755 "$WORK/from/setgid"
chmod 4755 "$WORK/from/root"
setcap cap_net_raw+ep "$WORK/from/caps" || skip "no capabilities on this file system"
new_repository
ok hf backup --source files/from "$WORK/from"

ok hf restore latest/files/from "$WORK/back"
same_tree "$WORK/from" "$WORK/back"

ok hf restore --no-owner latest/files/from "$WORK/mine"
said "restored"
! grep -q "left out" "$SAID" || fail "what was asked for is warned of"
equal "$(stat -c '%u:%g %a' "$WORK/mine/setuid")" "0:0 755" "setuid, root's now"
equal "$(stat -c '%u:%g %a' "$WORK/mine/setgid")" "0:0 755" "setgid, root's now"
equal "$(stat -c '%u:%g %a' "$WORK/mine/root")" "0:0 4755" "setuid, of the same owner"
equal "$(getcap "$WORK/mine/caps")" "" "capabilities, root's now"

# Who is not root gets whole files, is told once of owners, and nothing failed.
chmod 755 "$WORK"
chown -R 65534:65534 "$WORK/repo" "$WORK/key" "$WORK/cache"
install -d -o 65534 -g 65534 "$WORK/nobody"
ok as_nobody "$HOLDFAST" restore latest/files/from "$WORK/nobody/back"
equal "$(grep -c "left out" "$SAID")" 1 "warnings"
! grep -q "not restored" "$SAID" || fail "whole files are told as not restored"
equal "$(find "$WORK/nobody/back" -perm /6000 -type f)" "" "setuid files"
equal "$(getcap -r "$WORK/nobody/back")" "" "capabilities"
ok diff -r "$WORK/from" "$WORK/nobody/back"
