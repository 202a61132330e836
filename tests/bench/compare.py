#!/usr/bin/env python3
"""Holdfast beside restic, borg, squashfuse and tar | zstd | openssl, in one run on one machine.

    tests/bench/compare.py [--runs 5] [--dir /dev/shm/bench] [--only tree,big,small,prune] [--out FILE]

Makes its corpora from the files of this machine, in memory-backed storage, runs each tool in turn
(interleaved, so that a noisy minute hurts all alike) and prints medians and ratios as a table in
Markdown. Never a test: nothing here passes or fails. Needs restic, borg, squashfs-tools, squashfuse, zstd,
openssl, fio, fuse3; as root for cold caches.
"""
import argparse
import itertools
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "correct horse battery staple"


class Run:
    """Seconds of wall time, of processors, and the peak of resident memory, of one command."""

    def __init__(self, argv, env=None, cwd=None, stdout=subprocess.DEVNULL, shell=False, ok=(0,)):
        start = time.monotonic()
        child = subprocess.Popen(argv, env=env, cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, shell=shell)
        err = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = usage.ru_maxrss / 1024
        if child.returncode not in ok:
            sys.exit(f"{argv}: status {child.returncode}\n{err.decode(errors='replace')}")


def tree_bytes(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                pass
    return total


def drop_caches():
    subprocess.run(["sync"], check=True)
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3\n")
    except OSError:
        pass


# ---- the tools ----

class Holdfast:
    name = "holdfast"

    def __init__(self, root, program):
        self.repo, self.program = os.path.join(root, "holdfast"), program
        self.key = os.path.join(root, "holdfast.key")
        self.env = dict(os.environ, HOLDFAST_REPOSITORY=self.repo, HOLDFAST_KEY_FILE=self.key,
                        HOLDFAST_CACHE_DIR=os.path.join(root, "holdfast.cache"))
        self.env.pop("HOLDFAST_PASSPHRASE", None)

    def run(self, *args, **how):
        return Run([self.program, *args], env=self.env, **how)

    def clear(self):
        for path in (self.repo, self.env["HOLDFAST_CACHE_DIR"]):
            shutil.rmtree(path, ignore_errors=True)
        if os.path.exists(self.key):
            os.remove(self.key)
        self.run("init")

    def backup(self, source):
        return self.run("backup", "--source", "files/corpus", source)

    def restore(self, target):
        return self.run("restore", "latest/files/corpus", target)

    def prune(self, keep):
        forget = self.run("forget", "--keep-last", str(keep), "--protect", "0s")
        run = self.run("prune", "--grace", "0s")
        run.wall, run.cpu, run.rss = run.wall + forget.wall, run.cpu + forget.cpu, max(run.rss, forget.rss)
        return run

    def mount(self, at):
        self.run("mount", at)
        return os.path.join(at, "latest/files/corpus")

    def unmount(self, at):
        subprocess.run(["fusermount3", "-u", at], check=True)
        time.sleep(0.3)


class Restic:
    name = "restic"

    def __init__(self, root, _program):
        self.repo = os.path.join(root, "restic")
        self.env = dict(os.environ, RESTIC_REPOSITORY=self.repo, RESTIC_PASSWORD=PASSWORD,
                        RESTIC_CACHE_DIR=os.path.join(root, "restic.cache"))
        self.daemon = None

    def run(self, *args, **how):
        return Run(["restic", "-q", *args], env=self.env, **how)

    def clear(self):
        for path in (self.repo, self.env["RESTIC_CACHE_DIR"]):
            shutil.rmtree(path, ignore_errors=True)
        self.run("init", "--repository-version", "2")

    def backup(self, source):
        return self.run("backup", ".", cwd=source)

    def restore(self, target):
        return self.run("restore", "latest", "--target", target)

    def prune(self, keep):
        return self.run("forget", "--keep-last", str(keep), "--prune")

    def mount(self, at):
        self.daemon = subprocess.Popen(["restic", "-q", "mount", at], env=self.env, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        while not os.path.isdir(os.path.join(at, "snapshots")):
            time.sleep(0.005)
        return os.path.join(at, "snapshots/latest/")  # a link: with the slash, find goes in

    def unmount(self, at):
        subprocess.run(["fusermount3", "-u", at], check=True)
        self.daemon.wait()


class Borg:
    name = "borg"

    def __init__(self, root, _program):
        self.repo = os.path.join(root, "borg")
        self.env = dict(os.environ, BORG_REPO=self.repo, BORG_PASSPHRASE=PASSWORD,
                        BORG_BASE_DIR=os.path.join(root, "borg.base"),
                        BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes",
                        BORG_RELOCATED_REPO_ACCESS_IS_OK="yes")
        self.count = 0

    def run(self, *args, **how):
        return Run(["borg", *args], env=self.env, ok=(0, 1), **how)

    def clear(self):
        for path in (self.repo, self.env["BORG_BASE_DIR"]):
            shutil.rmtree(path, ignore_errors=True)
        self.count = 0
        self.run("init", "-e", "repokey-blake2")

    def backup(self, source):
        self.count += 1
        return self.run("create", "-C", "zstd,3", f"::a{self.count}", ".", cwd=source)

    def restore(self, target):
        return self.run("extract", f"::a{self.count}", cwd=target)


class Tar:
    name = "tar"

    def __init__(self, root, _program):
        self.repo = os.path.join(root, "tar")
        self.file = os.path.join(self.repo, "all.tar.zst.enc")

    def clear(self):
        shutil.rmtree(self.repo, ignore_errors=True)
        os.makedirs(self.repo)

    def backup(self, source):
        return Run(f"tar -C '{source}' --xattrs -cf - . | zstd -3 -T0 -q |"
                   f" openssl enc -aes-256-ctr -pbkdf2 -k x > '{self.file}'", shell=True)

    def restore(self, target):
        return Run(f"openssl enc -d -aes-256-ctr -pbkdf2 -k x < '{self.file}' | zstd -dc -q |"
                   f" tar -C '{target}' --xattrs -xf -", shell=True)


class Squashfuse:
    """Mounts only: what a compressed image reaches that is not encrypted and has one snapshot."""
    name = "squashfuse"

    def __init__(self, root, _program):
        self.file = os.path.join(root, "squashfs")

    def clear(self):
        if os.path.exists(self.file):
            os.remove(self.file)

    def backup(self, source):
        return Run(["mksquashfs", source, self.file, "-comp", "zstd", "-Xcompression-level", "3", "-no-progress"])

    def mount(self, at):
        Run(["squashfuse", self.file, at])
        return at

    def unmount(self, at):
        subprocess.run(["fusermount3", "-u", at], check=True)
        time.sleep(0.3)


# ---- the corpora ----

def make_tree(path, limit=2 << 30):
    """Real system files, about 2 GB."""
    os.makedirs(path)
    total = 0
    for top in ("/usr/share", "/usr/lib", "/usr/include", "/usr/bin", "/usr/local", "/opt", "/var/lib"):
        if not os.path.isdir(top):
            continue
        for name in sorted(os.listdir(top)):
            source = os.path.join(top, name)
            size = os.path.getsize(source) if not os.path.isdir(source) else tree_bytes(source)
            if total + size > limit:
                continue
            target = path + source
            os.makedirs(os.path.dirname(target), exist_ok=True)
            subprocess.run(["cp", "-a", "-x", source, target], stderr=subprocess.DEVNULL)
            total += size
    return path


def change_tree(path, share=0.02, seed=1):
    """2 % of the files: half of them overwritten, a quarter appended to, a quarter new."""
    rng = random.Random(seed)
    for folder, _, names in os.walk(path):
        for name in sorted(names):
            file = os.path.join(folder, name)
            if os.path.islink(file) or not os.path.isfile(file) or rng.random() > share:
                continue
            how = rng.random()
            if how < 0.5:
                with open(file, "r+b") as f:
                    f.seek(rng.randrange(max(os.path.getsize(file), 1)))
                    f.write(rng.randbytes(512))
            elif how < 0.75:
                with open(file, "ab") as f:
                    f.write(rng.randbytes(2048))
            else:
                shutil.copyfile(file, file + ".new")


def system_text(limit):
    """Bytes of this machine's files, one after the other."""
    pool = bytearray()
    for folder, folders, names in os.walk("/usr/share"):
        folders.sort()
        for name in sorted(names):
            if len(pool) > limit:
                return pool
            try:
                with open(os.path.join(folder, name), "rb") as f:
                    pool += f.read(200000)
            except OSError:
                pass
    return pool


def make_big(path, size=2 << 30, seed=2):
    """One file, half of it compressible: pieces of system files, and random bytes between them."""
    os.makedirs(path)
    rng = random.Random(seed)
    pool = system_text(256 << 20)
    with open(os.path.join(path, "big"), "wb") as f:
        written = 0
        while written < size:
            start = rng.randrange(len(pool) - 65536)
            f.write(pool[start:start + 65536])
            f.write(rng.randbytes(65536))
            written += 131072
    return path


def change_big(path, times=400, seed=3):
    rng = random.Random(seed)
    file = os.path.join(path, "big")
    size = os.path.getsize(file)
    with open(file, "r+b") as f:
        for _ in range(times):
            f.seek(rng.randrange(size - 65536))
            f.write(rng.randbytes(65536))


def small_files(tops):
    """Real files of 0.5 to 8 KB, folder by folder, each content once."""
    seen = set()
    for top in tops:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                try:
                    if os.path.islink(file) or not 512 <= os.path.getsize(file) <= 8192:
                        continue
                    with open(file, "rb") as f:
                        content = f.read()
                except OSError:
                    continue
                if hash(content) not in seen:
                    seen.add(hash(content))
                    yield content


def pieces(limit, seed=4):
    """Where a machine has too few small files: larger ones, cut."""
    rng, pool, at = random.Random(seed), system_text(limit), 0
    while at < len(pool):
        size = rng.randrange(512, 8192)
        yield bytes(pool[at:at + size])
        at += size


def make_small(path, count=100000):
    """Files of 0.5 to 8 KB of this machine, a thousand to a folder."""
    contents = itertools.chain(small_files(("/usr", "/opt", "/var/lib", "/etc")), pieces(512 << 20))
    for i, content in enumerate(itertools.islice(contents, count)):
        folder = os.path.join(path, f"{i // 1000:03}")
        if i % 1000 == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, f"f{i}"), "wb") as f:
            f.write(content)
    return path


# ---- measuring ----

def apart(make, path):
    """In a process of its own: a child's peak of memory begins with its parent's."""
    child = os.fork()
    if child == 0:
        make(path)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"{path} could not be made")
    return path


class Table:
    def __init__(self):
        self.rows = {}

    def add(self, work, tool, value):
        self.rows.setdefault(work, {}).setdefault(tool, []).append(value)

    def median(self, work, tool):
        values = self.rows.get(work, {}).get(tool)
        return statistics.median(values) if values else None

    def markdown(self, tools):
        lines = ["| work | " + " | ".join(tools) + " | holdfast / restic |", "|---" * (len(tools) + 2) + "|"]
        for work in self.rows:
            cells = [self.median(work, tool) for tool in tools]
            ours, theirs = self.median(work, "holdfast"), self.median(work, "restic")
            ratio = f"{ours / theirs:.3f}" if ours is not None and theirs else "–"
            lines.append(f"| {work} | " + " | ".join("–" if c is None else f"{c:.2f}" for c in cells) + f" | {ratio} |")
        return "\n".join(lines)


def note(table, what, tool, run):
    table.add(f"{what}, s", tool, run.wall)
    table.add(f"{what}, CPU s", tool, run.cpu)
    table.add(f"{what}, peak MB", tool, run.rss)
    print(f"{what:28} {tool:9} {run.wall:7.2f} s {run.cpu:7.2f} CPU s {run.rss:6.0f} MB", file=sys.stderr, flush=True)


def backup_once(source, tools):
    for tool in tools:
        tool.clear()
        tool.backup(source)


def backups(table, name, source, tools, runs, change, restore_to):
    for r in range(runs):
        for tool in tools:
            tool.clear()
            note(table, f"{name}: first", tool.name, tool.backup(source))
            table.add(f"{name}: repository, MB", tool.name, tree_bytes(tool.repo) / 1e6)
    for r in range(runs):
        for tool in tools:
            if tool.name != "tar":
                note(table, f"{name}: nothing changed", tool.name, tool.backup(source))
        if name == "tree":
            find = Run(["find", source, "-printf", "%s %T@\n"])
            table.add(f"{name}: nothing changed, s", "find", find.wall)
    if restore_to:
        for r in range(min(runs, 3)):
            for tool in tools:
                shutil.rmtree(restore_to, ignore_errors=True)
                os.makedirs(restore_to)
                note(table, f"{name}: restore", tool.name, tool.restore(restore_to))
        shutil.rmtree(restore_to, ignore_errors=True)
    if change:
        change(source)
        for tool in tools:
            before = tree_bytes(tool.repo)
            note(table, f"{name}: changed", tool.name, tool.backup(source))
            if tool.name != "tar":
                table.add(f"{name}: growth, MB", tool.name, (tree_bytes(tool.repo) - before) / 1e6)


def daemon_rss(at):
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if at.encode() not in f.read() or int(pid) == os.getpid():
                    continue
            with open(f"/proc/{pid}/status") as f:
                status = dict(line.split(":", 1) for line in f if ":" in line)
            return int(status["RssAnon"].split()[0]) / 1024
        except (OSError, KeyError):
            pass
    return None


def mounts(table, name, source, tools, root, works, runs):
    """Each work on a new mount with cold caches; the tools take turns."""
    mounting = [tool for tool in tools if hasattr(tool, "mount")]
    backup_once(source, [tool for tool in mounting if not hasattr(tool, "restore")])
    for _ in range(runs):
        for what, work in works:
            for tool in mounting:
                at = os.path.join(root, "mnt-" + tool.name)
                os.makedirs(at, exist_ok=True)
                drop_caches()
                start = time.monotonic()
                top = tool.mount(at)
                if what == "mount":
                    os.listdir(top)
                    table.add(f"{name}: mount to first ls, s", tool.name, time.monotonic() - start)
                else:
                    work(table, f"{name}: {what}", tool.name, top)
                    rss = daemon_rss(at)
                    if rss:
                        table.add(f"{name}: {what}, daemon's own MB", tool.name, rss)
                print(f"{name} {what} {tool.name} {time.monotonic() - start:.2f} s", file=sys.stderr, flush=True)
                tool.unmount(at)


def timed(argv):
    def work(table, what, tool, top):
        table.add(what + ", s", tool, Run(argv(top), shell=True, ok=(0, 1)).wall)
    return work


def copying(copy):
    def work(table, what, tool, top):
        shutil.rmtree(copy, ignore_errors=True)
        table.add(what + ", s", tool, Run(["cp", "-r", top, copy], ok=(0, 1)).wall)
        shutil.rmtree(copy)
    return work


def fio(readers):
    def work(table, what, tool, top):
        out = subprocess.run(["fio", "--name=r", f"--filename={top}/big", "--readonly", "--rw=randread", "--bs=4k",
                              "--ioengine=psync", f"--numjobs={readers}", "--runtime=10", "--time_based",
                              "--group_reporting", "--output-format=json", "--fadvise_hint=0"],
                             capture_output=True, check=True)
        table.add(what + ", IOPS", tool, json.loads(out.stdout)["jobs"][0]["read"]["iops"])
    return work


def sequential(table, what, tool, top):
    for turn in ("cold", "again"):
        run = Run(f"dd if={top}/big of=/dev/null bs=1M", shell=True)
        table.add(f"{what}, {turn}, MB/s", tool, os.path.getsize(top + "/big") / 1e6 / run.wall)


def pruning(table, source, tools, count=20):
    """Backups of a tree that changes by 2 % each time; half of them forgotten, the store cleaned."""
    tools = [tool for tool in tools if hasattr(tool, "prune")]
    for tool in tools:
        tool.clear()
    for i in range(count):
        if i > 0:
            change_tree(source, seed=100 + i)
        for tool in tools:
            tool.backup(source)
    for tool in tools:
        table.add(f"prune: {count} backups, MB", tool.name, tree_bytes(tool.repo) / 1e6)
        note(table, "prune: half forgotten", tool.name, tool.prune(count // 2))
        table.add("prune: afterwards, MB", tool.name, tree_bytes(tool.repo) / 1e6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", default="/dev/shm/holdfast-bench")
    parser.add_argument("--only", default="tree,big,small,prune")
    parser.add_argument("--tools", default="holdfast,restic,borg,tar,squashfuse")
    parser.add_argument("--program", default=os.path.join(HERE, "../../build/holdfast"))
    parser.add_argument("--no-mount", action="store_true")
    parser.add_argument("--mount-only", action="store_true", help="one backup each, then the mounts")
    parser.add_argument("--out")
    args = parser.parse_args()
    only, root, table = args.only.split(","), args.dir, Table()
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    classes = {"holdfast": Holdfast, "restic": Restic, "borg": Borg, "tar": Tar,
               "squashfuse": Squashfuse}
    tools = [classes[name](root, os.path.abspath(args.program)) for name in args.tools.split(",")]
    keeping = [tool for tool in tools if hasattr(tool, "restore")]

    if "tree" in only:
        source = apart(make_tree, os.path.join(root, "tree"))
        if args.mount_only:
            backup_once(source, keeping)
        else:
            backups(table, "tree", source, keeping, args.runs, change_tree, os.path.join(root, "restored"))
        copy = os.path.join(root, "copied")
        if not args.no_mount:
            mounts(table, "tree", source, tools, root, [
                ("mount", None),
                ("find", timed(lambda top: f"find {top} > /dev/null")),
                ("ls -lR", timed(lambda top: f"ls -lR {top} > /dev/null")),
                ("cp -r", copying(copy)),
            ], args.runs)
        shutil.rmtree(source)
    if "small" in only:
        source = apart(make_small, os.path.join(root, "small"))
        backups(table, "small", source, keeping, args.runs, None, None)
        shutil.rmtree(source)
    if "big" in only:
        source = apart(make_big, os.path.join(root, "big"))
        if args.mount_only:
            backup_once(source, keeping)
        else:
            backups(table, "big", source, keeping, args.runs, change_big, os.path.join(root, "restored"))
        if not args.no_mount:
            mounts(table, "big", source, tools, root, [
                ("read", sequential), ("4 KiB random, 1 reader", fio(1)), ("4 KiB random, 4 readers", fio(4))],
                args.runs)
        shutil.rmtree(source)
    if "prune" in only:
        pruning(table, apart(make_tree, os.path.join(root, "tree")), tools)
    text = table.markdown([tool.name for tool in tools] + ["find"])
    print(text)
    if args.out:
        with open(args.out, "w") as f:
            f.write(text + "\n")
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    main()
