#!/usr/bin/env python3
"""Every line of --json is one object, and has just the keys that docs/json.md lists."""
import json
import os
import re
import subprocess

from lib import HOLDFAST, ROOT, main


def listed():
    """(command, type or None): (keys, keys that may be there)"""
    lines, found = [], {}
    with open(os.path.join(ROOT, "docs", "json.md"), encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("|")]
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "command":
            typed = cells[1] == "type"
        elif not cells[0].startswith("---"):
            keys, sometimes = (set(re.findall(r"\w+", cell)) for cell in cells[-2:])
            found[cells[0], cells[1] if typed else None] = (keys, sometimes)
    return found


LISTED = listed()
TYPED = {command for command, kind in LISTED if kind}
seen = set()


def judge(command, line):
    kind = line.get("type") if command in TYPED else None
    what = ("any long one", kind) if kind == "progress" else (command, kind)
    assert what in LISTED, (command, line)
    keys, sometimes = LISTED[what]
    got = set(line) - ({"type"} if kind else set())
    assert keys <= got <= keys | sometimes, (what, got ^ keys)
    seen.add(what)
    return line


def lines(bench, command, *args, **more):
    return [judge(command, line)
            for line in bench.lines(*command.split(), "--json", *args, **more)]


def stored(bench):
    bench.write("a.txt", b"a" * 10)
    bench.write(b"caf\xe9.txt")
    os.symlink("a.txt", bench.path("tree", "link"))
    lines(bench, "init")
    return lines(bench, "backup", "-s", "tree", "-l", "k=v", bench.path("tree"))


def every_command_prints_the_keys_that_are_listed(bench):
    summary = stored(bench)[-1]
    assert summary["files"] == 2 and summary["source"] == "files/tree"
    (snapshot,) = lines(bench, "snapshots")
    assert snapshot["id"] == summary["snapshot"] and snapshot["labels"] == {"k": "v"}
    assert {line["name"] for line in lines(bench, "ls", "latest/files/tree")} == {
        "a.txt", "caf\\xe9.txt", "link"}
    assert len(lines(bench, "find", "latest/files/tree")) == 4
    lines(bench, "stats")
    for command, line in zip(("stats", "stats --why"), bench.lines("stats", "--why", "--json"), strict=True):
        judge(command, line)
    lines(bench, "prune", "--dry-run")
    lines(bench, "config show")
    lines(bench, "forget", "--keep-last", "1", "--dry-run")
    assert lines(bench, "key list")[0]["name"] == "admin"
    os.mkdir(bench.path("out"))
    with open(bench.path("key2"), "wb") as file:
        file.write(os.urandom(32))
    lines(bench, "key add", "--new-key-file", bench.path("key2"), "second")
    lines(bench, "key revoke", "second")
    assert "revoked_at" in lines(bench, "key list")[1]
    assert lines(bench, "key rotate")[0]["epochs"] == 3
    assert lines(bench, "restore", "latest/files/tree", bench.path("out"))[-1]["failed"] == 0
    assert lines(bench, "check")[-1]["findings"] == 0


def what_goes_and_what_stays_is_a_line(bench):
    stored(bench)
    kept = lines(bench, "forget", "--keep-last", "1", "--dry-run")
    assert [line["decision"] for line in kept[:-1]] == ["keep"] and kept[-1]["dry_run"] is True


def names_that_are_no_text_carry_their_bytes(bench):
    stored(bench)
    (line,) = [line for line in lines(bench, "ls", "latest/files/tree") if "name_base64" in line]
    assert line["name"] == "caf\\xe9.txt" and line["name_base64"] == "Y2Fm6S50eHQ="
    lines(bench, "backup", "-s", "one", os.path.join(os.fsencode(bench.path("tree")), b"caf\xe9.txt"))
    (line,) = lines(bench, "snapshots", "--source", "one")
    assert line["paths"][0].endswith("caf\\xe9.txt") and len(line["paths_base64"]) == 1


def what_failed_is_a_line(bench):
    stored(bench)
    os.mkdir(bench.path("out"))
    with open(os.path.join(os.fsencode(bench.path("out")), b"caf\xe9.txt"), "wb"):
        pass
    failed = lines(bench, "restore", "latest/files/tree", bench.path("out"), status=3)
    assert [line["kind"] for line in failed if line["type"] == "failed"] == ["exists"]
    assert failed[0]["path_base64"] == "Y2Fm6S50eHQ="


def differences_are_lines(bench):
    stored(bench)
    bench.run("restore", "latest/files/tree", bench.path("out"))
    bench.write("../out/new")
    os.unlink(bench.path("out", "a.txt"))
    got = lines(bench, "diff", "latest/files/tree", bench.path("out"), status=9)
    assert {(line["what"], line["path"]) for line in got} == {("A", "new"), ("R", "a.txt")}


def hurt(folder):
    for at, _, names in os.walk(folder):
        for name in names:
            os.chmod(os.path.join(at, name), 0o600)
            with open(os.path.join(at, name), "r+b") as file:
                file.seek(80)
                byte = file.read(1)
                file.seek(80)
                file.write(bytes([byte[0] ^ 1]))


def damage_is_lines(bench):
    stored(bench)
    hurt(bench.path("repository", "twin"))
    kinds = [line["type"] for line in lines(bench, "check", "--repair")]
    assert "rebuilt" in kinds and "mended" in kinds and kinds[-1] == "summary", kinds
    hurt(bench.path("repository", "packs"))
    got = lines(bench, "check", "--read-data", status=4)
    kinds = [line["type"] for line in got]
    assert "finding" in kinds and "damaged" in kinds and kinds[-1] == "summary", got


def progress_lines_never_tear_others(bench):
    stored(bench)
    process = subprocess.Popen(
        [HOLDFAST, "backup", "--json", "--stdin", "--name", "big", "-s", "big"],
        env=bench.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # It can't end before its input does: wait for two lines of progress.
    process.stdin.write("x" * 4096)
    process.stdin.flush()
    for _ in range(2):
        line = process.stdout.readline()
        judge("backup", json.loads(line))
    process.stdin.close()
    rest = [judge("backup", json.loads(line)) for line in process.stdout]
    assert process.wait() == 0 and rest[-1]["bytes"] == 4096


def every_kind_of_line_but_few_was_seen(_):
    missing = set(LISTED) - seen
    # A file that changes at the right moment, a note of check and a newer format are made by other tests.
    assert missing <= {("backup", "changed"), ("backup", "failed"), ("diff", "failed"), ("check", "note"), ("check", "newer")}, missing


if __name__ == "__main__":
    main(every_command_prints_the_keys_that_are_listed, what_goes_and_what_stays_is_a_line,
         names_that_are_no_text_carry_their_bytes, what_failed_is_a_line, differences_are_lines, damage_is_lines,
         progress_lines_never_tear_others, every_kind_of_line_but_few_was_seen)
