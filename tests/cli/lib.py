"""What the tests of the command line share: the program, a repository, a terminal."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

HOLDFAST = os.environ["HOLDFAST"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_INHERITED = ("HOLDFAST_", "XDG_CACHE_HOME", "NO_COLOR", "JOURNAL_STREAM")


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            skip(f"{program} is not installed")


class Bench:
    """A folder with a repository, its key and a small tree; gone at the end."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="holdfast-cli.")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        self.env.update(
            HOLDFAST_REPOSITORY=self.path("repository"),
            HOLDFAST_KEY_FILE=self.path("key"),
            HOLDFAST_CACHE_DIR=self.path("cache"),
            HOLDFAST_CONFIG=self.path("config.yaml"),  # not this machine's
        )
        with open(self.path("config.yaml"), "wb"):
            pass
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, data=b"some text\n"):
        path = os.fsencode(self.path("tree")) + b"/" + os.fsencode(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def run(self, *args, status=0, env=None, **more):
        """Runs the program; its exit status must be this one."""
        done = subprocess.run(
            [HOLDFAST, *args], env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=more.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, check=False, **more,
        )
        error = done.stderr.decode()
        assert "Sanitizer" not in error, error
        assert status is None or done.returncode == status, (args, done.returncode, error)
        return done

    def commands(self):
        """Each command that --help lists, with its man page."""
        text = self.run("--help").stdout.decode()
        listed = text.split("Commands:\n")[1].split("\n\n")[0]
        names = re.findall(r"^  (\S+(?: \S+)?)  ", listed, re.M)
        return {name: re.search(r"`man (\S+)`", self.run(*name.split(), "--help").stdout.decode())[1]
                for name in names}

    def lines(self, *args, **more):
        return [json.loads(line) for line in self.run(*args, **more).stdout.splitlines()]

    def terminal(self, *args, env=None, columns=100):
        """Runs it with a terminal on all three streams: (status, what the terminal got)."""
        child, fd = pty.fork()
        if child == 0:
            os.execve(HOLDFAST, [HOLDFAST, *args], {**self.env, **(env or {})})
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        got = b""
        while True:
            try:
                select.select([fd], [], [])
                piece = os.read(fd, 65536)
            except OSError:
                break
            if not piece:
                break
            got += piece
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), got


def main(*tests):
    """Runs each; a test's name is a sentence that is true when it passes."""
    for test in tests:
        with Bench() as bench:
            test(bench)
        print(f"ok {test.__name__.replace('_', ' ')}")
