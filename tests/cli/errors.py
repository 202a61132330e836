#!/usr/bin/env python3
"""Each error says what failed, on what, why, and what to do; and has its exit status."""
import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess

from lib import HOLDFAST, main


def stored(bench):
    bench.write("a.txt")
    bench.write("folder/b.txt", os.urandom(100_000))
    bench.run("init")
    bench.run("backup", "-s", "tree", bench.path("tree"))


def fails(bench, status, text, *args, **more):
    """One line on stderr, with these words in it; nothing else is said."""
    done = bench.run(*args, status=status, **more)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and re.match(r"(error|warning): ", lines[0]), lines
    assert re.search(text, lines[0]), (text, lines[0])


def wrong_usage_ends_with_2(bench):
    fails(bench, 2, "no command; hint: `holdfast --help`")
    fails(bench, 2, 'did you mean "backup"', "bakcup")
    fails(bench, 2, "did you mean --exclude", "backup", "--exlcude", "x", "/etc")
    fails(bench, 2, "what shall be backed up", "backup")
    fails(bench, 2, "usage: holdfast restore", "restore", "latest")
    fails(bench, 2, "log-format is text or json", "--log-format", "xml", "ls")
    fails(bench, 2, "no repository is named; hint: -r", "ls", env={"HOLDFAST_REPOSITORY": ""})


def a_missing_repository_ends_with_6(bench):
    fails(bench, 6, "no repository", "ls")
    os.mkdir(bench.path("empty"))
    fails(bench, 6, "no repository", "-r", bench.path("empty"), "ls")


def a_second_init_changes_nothing(bench):
    stored(bench)
    fails(bench, 1, "there is a repository", "init")
    bench.run("check", "--read-data")


def a_wrong_key_ends_with_5_and_names_the_slots(bench):
    stored(bench)
    with open(bench.path("wrong"), "wb") as file:
        file.write(os.urandom(32))
    fails(bench, 5, r"no slot fits this key file; hint: the slots are admin \(key file\)",
          "--key-file", bench.path("wrong"), "ls")
    fails(bench, 5, "no slot fits this command", "--key-command", f"cat '{bench.path('key')}'", "ls")
    with open(bench.path("wrong"), "wb") as file:
        file.write(b"short")
    fails(bench, 2, "has 5 bytes; at least 32", "--key-file", bench.path("wrong"), "ls")
    fails(bench, 6, "key file: .*No such file", "--key-file", bench.path("nothing"), "ls")


def a_key_command_that_fails_is_named(bench):
    stored(bench)
    fails(bench, 1, "key command: running false: it ended with status 1", "--key-command", "false", "ls")
    fails(bench, 1, "running no-such-program", "--key-command", "no-such-program x", "ls")
    fails(bench, 2, "printed 3 bytes", "--key-command", "printf abc", "ls")
    fails(bench, 2, "a quote does not end", "--key-command", "cat 'x", "ls")


def no_key_and_no_terminal_gives_a_hint(bench):
    stored(bench)
    fails(bench, 2, "hint: --key-file", "ls", env={"HOLDFAST_KEY_FILE": ""}, start_new_session=True)


def a_command_or_a_passphrase_unlocks_as_a_key_file_does(bench):
    bench.write("a.txt")
    command = {"HOLDFAST_KEY_FILE": "", "HOLDFAST_KEY_COMMAND": f"cat '{bench.path('k y')}'"}
    with open(bench.path("k y"), "wb") as file:
        file.write(os.urandom(64))
    bench.run("init", env=command)
    bench.run("backup", "-s", "tree", bench.path("tree"), env=command)
    with open(bench.path("phrase"), "w", encoding="ascii") as file:
        file.write("correct horse\nsecond line\n")
    bench.run("key", "add", "--new-passphrase-file", bench.path("phrase"), "human", env=command)
    phrase = {"HOLDFAST_KEY_FILE": "", "HOLDFAST_PASSPHRASE": "correct horse"}
    assert bench.run("cat", "latest/files/tree/a.txt", env=phrase).stdout == b"some text\n"
    bench.run("ls", "--passphrase-file", bench.path("phrase"), env=command)
    fails(bench, 2, "unlocks slot admin already", "key", "add", "--new-key-command",
          command["HOLDFAST_KEY_COMMAND"], "third", env=phrase)
    with open(bench.path("k z"), "wb") as file:
        file.write(os.urandom(64))
    third = {"HOLDFAST_KEY_FILE": "", "HOLDFAST_KEY_COMMAND": f"cat '{bench.path('k z')}'"}
    bench.run("key", "add", "--new-key-command", third["HOLDFAST_KEY_COMMAND"], "third", env=phrase)
    assert bench.run("cat", "latest/files/tree/a.txt", env=third).stdout == b"some text\n"


def a_key_may_do_no_more_than_its_rights(bench):
    stored(bench)
    with open(bench.path("writer"), "wb") as file:
        file.write(os.urandom(32))
    bench.run("key", "add", "--rights", "write", "--new-key-file", bench.path("writer"), "writer")
    key = ("--key-file", bench.path("writer"))
    bench.run(*key, "backup", "-s", "tree", bench.path("tree"))
    bench.run(*key, "ls", "latest/files/tree")
    fails(bench, 8, "read", *key, "restore", "latest/files/tree", bench.path("out"))
    fails(bench, 8, "admin", *key, "key", "add", "--new-key-file", bench.path("key"), "x")
    fails(bench, 8, "may not read", *key, "cat", "latest/files/tree/folder/b.txt")


def a_path_that_is_not_there_ends_with_6(bench):
    stored(bench)
    fails(bench, 6, 'no "nothing" in .*; there is: tree', "ls", "latest/files/nothing")
    fails(bench, 6, 'no "foldr" in .*; did you mean "folder"', "ls", "latest/files/tree/foldr/x")
    fails(bench, 6, '"30 feb" is not a time, or none from 1678 to 2261; hint: at/2026', "ls", "at/30 feb/files")
    fails(bench, 6, "No such file", "backup", bench.path("nothing"))
    fails(bench, 2, "an operand is empty", "backup", "")
    fails(bench, 2, "no regular file", "cat", "latest/files/tree")
    fails(bench, 2, "hint: `holdfast ls latest`", "restore", "latest", bench.path("out"))


def wrong_usage_is_told_in_the_format_that_was_asked_for(bench):
    done = bench.run("--log-format", "json", "snapshots", "--bogus", status=2)
    assert "bogus" in json.loads(done.stderr)["message"], done


def thousands_of_paths_are_one_snapshot(bench):
    stored(bench)
    names = [f"{number:04}-{'n' * 60}" for number in range(9000)]
    for name in names[:3000]:
        bench.write(name)
    paths = [os.path.join(bench.path("tree"), name) for name in names]
    bench.run("backup", "-s", "many", *paths[:3000])
    assert bench.run("cat", f"latest/files/many{paths[2999]}").stdout == b"some text\n"
    fails(bench, 2, "9000 paths are too many", "backup", "-s", "many", "--dry-run", *paths)


def a_catalog_that_is_hurt_is_read_anew(bench):
    stored(bench)
    listed = bench.run("snapshots").stdout

    def hurt(statement, *values):
        (path,) = glob.glob(os.path.join(bench.path("cache"), "*", "catalog.sqlite"))
        with contextlib.closing(sqlite3.connect(path)) as catalog, catalog:
            catalog.execute(statement, values)

    # What every command reads is mended at once.
    hurt("UPDATE commits SET name = replace(name, 'commits/2', 'commits/Z')")
    done = bench.run("snapshots")
    assert done.stdout == listed and b"is hurt and is read anew" in done.stderr, done
    assert bench.run("snapshots").stderr == b""
    # What is met later is told, and mended by who comes next.
    hurt("UPDATE snapshots SET body = x'00'")
    fails(bench, 1, "catalog .* is hurt, and the next command reads it anew", "snapshots")
    done = bench.run("snapshots")
    assert done.stdout == listed and b"is hurt and is read anew" in done.stderr, done
    bench.run("check", "--read-data")


def a_cache_that_cant_be_written_is_a_warning(bench):
    stored(bench)
    done = bench.run("ls", "latest", env={"HOLDFAST_CACHE_DIR": "/proc/nothing"})
    assert done.stdout == b"files\n" and done.stderr.startswith(b"warning: the cache "), done
    # The same without any place for it.
    for name in ("HOLDFAST_CACHE_DIR", "HOME"):
        bench.env.pop(name, None)
    if os.getuid() != 0:
        assert bench.run("ls", "latest").stdout == b"files\n"


def what_cant_be_read_is_named_and_ends_with_3(bench):
    bench.write("a.txt")
    bench.run("init")
    os.mkdir(bench.path("out"))
    bench.run("backup", "-s", "tree", bench.path("tree"))
    bench.write("../out/a.txt")
    done = bench.run("restore", "latest/files/tree", bench.path("out"), status=3)
    first, last = done.stderr.decode().splitlines()
    assert "path=a.txt" in first and "warning: 1 could not be restored" in last, done.stderr


def hurt(bench, *folders):
    for folder in folders:
        for at, _, names in os.walk(bench.path("repository", folder)):
            for name in names:
                path = os.path.join(at, name)
                os.chmod(path, 0o600)
                with open(path, "r+b") as file:
                    file.truncate(os.path.getsize(path) // 2)


def what_somebody_planted_is_told_once(bench):
    stored(bench)
    folder = bench.path("repository", "commits")
    with open(os.path.join(folder, os.listdir(folder)[0]), "rb") as file:
        planted = bytearray(file.read())
    planted[200] ^= 1
    name = "20261126T000000Z-" + hashlib.sha256(planted).hexdigest()
    with open(os.path.join(folder, name), "wb") as file:
        file.write(planted)
    for command in (["ls"], ["backup", "-q", "-s", "tree", bench.path("tree")], ["prune", "-q"]):
        fails(bench, 0, "does not count.*" + name, *command)


def a_damaged_snapshot_ends_with_4_and_is_named(bench):
    stored(bench)
    hurt(bench, "meta", "twin/meta")
    shutil.rmtree(bench.path("cache"))
    fails(bench, 4, "meta/", "ls", "latest/files/tree")
    done = bench.run("check", status=4)
    assert b"meta/" in done.stdout and b"the repository is damaged" in done.stderr, done


def damaged_content_ends_with_4_and_the_rest_is_restored(bench):
    stored(bench)
    hurt(bench, "packs")
    done = bench.run("restore", "latest/files/tree", bench.path("out"), status=4)
    assert b"folder/b.txt" in done.stderr, done
    assert os.path.isdir(bench.path("out", "folder")) and not os.path.exists(
        bench.path("out", "folder", "b.txt"))
    fails(bench, 4, "packs/", "cat", "latest/files/tree/folder/b.txt")


def a_reader_that_leaves_ends_it_without_a_word(bench):
    for n in range(2000):
        bench.write(f"a-file-with-a-name-that-fills-the-pipe-sooner-{n:0200}")
    bench.run("init")
    bench.run("backup", "-s", "tree", bench.path("tree"))
    for args in (["find", "latest"], ["ls", "latest/files/tree"], ["find", "--json", "latest"]):
        process = subprocess.Popen([HOLDFAST, *args], env=bench.env, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b"", args
        process.stderr.close()
        assert process.wait() == -13, (args, process.returncode)


def a_full_or_closed_output_is_an_error(bench):
    stored(bench)
    with open("/dev/full", "wb") as full:
        fails(bench, 1, "writing the result: No space left", "ls", stdout=full)
        fails(bench, 1, "No space left", "cat", "latest/files/tree/a.txt", stdout=full)
    fails(bench, 1, "writing the result: Bad file descriptor", "ls",
          preexec_fn=lambda: os.close(1))


def a_mount_point_is_looked_at_first(bench):
    stored(bench)
    fails(bench, 6, "mount point .*nothing: No such file", "mount", bench.path("nothing"))
    fails(bench, 2, "is no directory", "mount", bench.path("key"))
    fails(bench, 2, "there is no mount option \"nothing\"", "mount", "-o", "nothing=1", bench.dir)


def without_the_device_a_mount_says_so(bench):
    stored(bench)
    os.mkdir(bench.path("mnt"))
    hidden = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /dev && exec \"$0\" \"$@\""]
    if os.getuid() != 0 or subprocess.run([*hidden, "true"], check=False).returncode != 0:
        print("not root, or no namespaces: a machine without /dev/fuse is not tried")
        return
    done = subprocess.run([*hidden, HOLDFAST, "mount", bench.path("mnt")], env=bench.env,
                          capture_output=True, check=False)
    assert done.returncode == 1 and b"no /dev/fuse; hint: modprobe" in done.stderr, done


if __name__ == "__main__":
    main(wrong_usage_ends_with_2, a_missing_repository_ends_with_6, a_second_init_changes_nothing,
         a_wrong_key_ends_with_5_and_names_the_slots, a_key_command_that_fails_is_named,
         no_key_and_no_terminal_gives_a_hint,
         a_command_or_a_passphrase_unlocks_as_a_key_file_does,
         a_key_may_do_no_more_than_its_rights, a_path_that_is_not_there_ends_with_6,
         a_cache_that_cant_be_written_is_a_warning, what_cant_be_read_is_named_and_ends_with_3,
         what_somebody_planted_is_told_once, a_damaged_snapshot_ends_with_4_and_is_named,
         damaged_content_ends_with_4_and_the_rest_is_restored,
         a_reader_that_leaves_ends_it_without_a_word, a_full_or_closed_output_is_an_error,
         a_mount_point_is_looked_at_first, without_the_device_a_mount_says_so)
