#!/usr/bin/env python3
"""Progress, colours and quiet: what a terminal, a pipe and a program get."""
import os
import pty
import subprocess
import termios

from lib import HOLDFAST, main

CLEAR = b"\r\x1b[K"


def stored(bench):
    bench.write("a.txt")
    bench.run("init")
    bench.run("backup", "-s", "tree", bench.path("tree"))


class Slow:
    """A backup in a terminal whose input does not end before a line was painted."""

    def __init__(self, bench, *args):
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [HOLDFAST, "backup", "--stdin", "--name", "pipe", "-s", "pipe", *args],
            env=bench.env, stdin=subprocess.PIPE, stdout=slave, stderr=slave)
        os.close(slave)
        self.process.stdin.write(b"x" * 4096)
        self.process.stdin.flush()
        self.got = b""

    def read(self):
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            piece = b""
        self.got += piece
        return piece

    def until(self, text):
        while text not in self.got:
            assert self.read(), self.got

    def end(self):
        self.process.stdin.close()
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait()


def a_terminal_sees_a_line_that_is_cleared_at_the_end(bench):
    stored(bench)
    slow = Slow(bench)
    slow.until(b"backing up: ")
    assert slow.end() == 0
    painted, after = slow.got.rsplit(CLEAR, 1)
    assert b"backing up: " in painted and b"backing up: " not in after, slow.got
    assert after.startswith(b"snapshot of files/pipe"), after


def quiet_is_silent_on_a_terminal(bench):
    stored(bench)
    assert bench.terminal("-q", "backup", "-s", "tree", bench.path("tree")) == (0, b"")
    assert bench.terminal("-q", "restore", "latest/files/tree", bench.path("out")) == (0, b"")
    assert bench.terminal("-q", "check") == (0, b"")


def a_pipe_gets_no_progress(bench):
    stored(bench)
    process = subprocess.Popen(
        [HOLDFAST, "backup", "--stdin", "--name", "pipe", "-s", "pipe"], env=bench.env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(b"x" * 4096)
    assert process.returncode == 0 and err == b"" and b"\x1b" not in out, (out, err)


def titles_are_bold_on_a_terminal_only(bench):
    stored(bench)
    assert b"\x1b[1m" in bench.terminal("snapshots")[1]
    assert b"\x1b" not in bench.terminal("snapshots", env={"NO_COLOR": "1"})[1]
    assert b"\x1b" not in bench.run("snapshots").stdout


def names_play_no_tricks_on_a_terminal(bench):
    name = b"red\x1b[31m\r\n"
    bench.write(name)
    stored(bench)
    for args in (["ls", "latest/files/tree"], ["ls", "-l", "latest/files/tree"],
                 ["find", "latest/files/tree"], ["ls", b"latest/\x1b[31m"],
                 ["cat", b"latest/files/tree/\x1b[31m"], ["\x1b[31m"], ["ls", "--\x1b[31m"]):
        got = bench.terminal(*args)[1]
        assert b"\x1b" not in got and b"\\x1b[31m" in got, (args, got)
    assert name in bench.run("ls", "latest/files/tree").stdout


def leaving_the_prompt_leaves_the_terminal_as_it_was(bench):
    stored(bench)
    process, terminal = pty.fork()
    if process == 0:
        os.execve(HOLDFAST, [HOLDFAST, "ls"], {**bench.env, "HOLDFAST_KEY_FILE": ""})
    got = b""
    while termios.tcgetattr(terminal)[3] & termios.ECHO or b"Passphrase: " not in got:
        got += os.read(terminal, 4096) if b"Passphrase: " not in got else b""
    os.write(terminal, b"\x03")
    while b"interrupted" not in got:
        got += os.read(terminal, 4096)
    assert termios.tcgetattr(terminal)[3] & termios.ECHO
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 130
    os.close(terminal)


def differences_and_findings_pass_above_the_line(bench):
    stored(bench)
    bench.run("restore", "latest/files/tree", bench.path("out"))
    bench.write("../out/new")
    status, got = bench.terminal("diff", "latest/files/tree", bench.path("out"))
    assert status == 9 and got.startswith(b"A new\r\n"), got


if __name__ == "__main__":
    main(a_terminal_sees_a_line_that_is_cleared_at_the_end, quiet_is_silent_on_a_terminal,
         a_pipe_gets_no_progress, titles_are_bold_on_a_terminal_only,
         names_play_no_tricks_on_a_terminal, leaving_the_prompt_leaves_the_terminal_as_it_was,
         differences_and_findings_pass_above_the_line)
