#!/usr/bin/env python3
"""hostile.py WORK [MOUNT-POINT]: every command over every source of a repository that make_hostile filled. Its settings are in the environment."""
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

WORK = pathlib.Path(sys.argv[1])
HOLDFAST = os.environ["HOLDFAST"]
SECONDS = 60  # of a busy machine, under sanitizers; what ends by itself takes a few
MEMORY = 700 << 20  # with what AddressSanitizer keeps back of freed memory
# What has no end is ended after a while, as a person would: with an interrupt.
PATIENCE = 1
ENDLESS = {("find", "each-twice"), ("restore", "each-twice"), ("diff", "each-twice"), ("cat", "exbibyte-of-hole"),
           ("restore", "deeper-than-may-be"), ("find", "deeper-than-may-be")}
# Those with a file that is named so; the defects of the others are in their directories.
FILES = {"exbibyte-of-hole", "chunk-many-times", "beyond-its-chunk", "chunk-of-nowhere", "chunk-of-metadata", "extents-of-nothing",
         "extents-without-end", "large-xattrs"}
STATUS = {0, 1, 3, 4, 9, 130}
bad = []


def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))


def run(name, source, *args, key=None):
    """One command: how it ended, what it said, and what it took."""
    environment = dict(os.environ)
    if key:
        environment |= {"HOLDFAST_KEY_FILE": str(key), "HOLDFAST_CACHE_DIR": str(WORK / "cache-of-another")}
    begun = time.monotonic()
    with open(WORK / "out", "wb") as out:
        process = subprocess.Popen([HOLDFAST, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out, env=environment,
                                   preexec_fn=limit)
        interrupted = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            waited = time.monotonic() - begun
            if not interrupted and waited > (PATIENCE if (name, source) in ENDLESS else SECONDS / 2):
                process.send_signal(signal.SIGINT)
                interrupted = True
                if (name, source) not in ENDLESS:
                    bad.append(f"{name} {source}: did not end by itself in {waited:.0f} s")
            if waited > SECONDS:
                process.kill()
                bad.append(f"{name} {source}: no interrupt ends it")
            time.sleep(0.01)
    code = os.waitstatus_to_exitcode(status)
    said = (WORK / "out").read_bytes()
    print(f"{name:8} {source:22} {code:4} {time.monotonic() - begun:6.2f} s {usage.ru_maxrss >> 10:5} MiB  "
          f"{said.decode(errors='replace').strip().splitlines()[-1][:90]!r}" if said.strip() else
          f"{name:8} {source:22} {code:4} {time.monotonic() - begun:6.2f} s {usage.ru_maxrss >> 10:5} MiB")
    if code not in STATUS or b"runtime error" in said or b"Sanitizer" in said:
        bad.append(f"{name} {source}: status {code}: {said[-2000:].decode(errors='replace')}")
    if usage.ru_maxrss << 10 > MEMORY:
        bad.append(f"{name} {source}: took {usage.ru_maxrss >> 10} MiB")
    if b"\x1b" in said:
        bad.append(f"{name} {source}: told a name that moves the cursor")
    return code


def look(path, left):
    """Some of a mounted tree: names, xattrs, both ends of files. Errors are fine, they have only to come."""
    try:
        for entry in os.scandir(path):
            left -= 1
            if left < 0:
                return left
            try:
                about = entry.stat(follow_symlinks=False)
                os.listxattr(entry.path, follow_symlinks=False)
                if entry.is_file(follow_symlinks=False):
                    with open(entry.path, "rb") as file:
                        file.read(65536)
                        file.seek(max(about.st_size - 4096, 0))
                        file.read(65536)
                elif entry.is_dir(follow_symlinks=False):
                    left = look(entry.path, left)
            except (OSError, OverflowError):
                continue
    except OSError:
        pass
    return left


def look_at_mount(point, sources):
    if subprocess.run([HOLDFAST, "mount", point], check=False).returncode:
        bad.append("it can't be mounted")
        return
    for source in sources:
        look(f"{point}/latest/{source}", 100)
    os.listdir(f"{point}/at")
    os.listdir(f"{point}/sources/files/whole")
    if open(f"{point}/latest/files/whole/file", "rb").read() != b"all is well":
        bad.append("the mount does not show the honest source")
    subprocess.run(["fusermount3", "-u", point], check=True)


def main():
    sources = (WORK / "sources").read_text().split()
    local = WORK / "local"
    local.mkdir()
    (local / "file").write_text("all is well")
    for source in sources:
        word, view = source.split("/")[1], f"latest/{source}"
        run("find", word, "find", view)
        if word in FILES:
            run("cat", word, "cat", f"{view}/file")
        else:
            run("diff", word, "diff", view, "latest/files/whole")
        target = WORK / "to"
        run("restore", word, "restore", view, str(target))
        subprocess.run(["chmod", "-R", "u+rwX", target], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", target], check=True)
    if run("ls", "whole", "ls", "-l", "latest/files/whole") or run("cat", "whole", "cat", "latest/files/whole/file"):
        bad.append("the honest source is not read")
    if len(sys.argv) > 2:
        look_at_mount(sys.argv[2], sources)
    for key in (None, WORK / "maintainer"):
        run("snapshots", "all", "snapshots", key=key)
        run("stats", "all", "stats", key=key)
        run("forget", "all", "forget", "--dry-run", "--keep-daily", "1", key=key)
        run("check", "all", "check", key=key)
        run("check", "data", "check", "--read-data", key=key)
    for word in ("no-directory", "holds-itself", "each-twice", "large-xattrs"):
        run("backup", word, "backup", "--source", f"files/{word}", str(local))
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
