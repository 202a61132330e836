#!/usr/bin/env python3
"""Runs the program while memory or the disk fails at one chosen call, for many calls; after each,
the repository must be whole, the earlier snapshot must read, and the next backup must succeed.

    faults.py memory|disk|power

HOLDFAST is the program, HF_PRELOADS the directory of preload_memory.so and preload_disk.so. Each
series tries HF_POINTS of its calls (default 6), spread evenly from a place that HF_TEST_SEED moves;
with HF_BIG=1 each of them. The last lines tell what was tried.
"""
import collections
import os
import shutil
import stat
import subprocess
import sys
import tempfile

HOLDFAST = os.path.realpath(os.environ["HOLDFAST"])
PRELOADS = os.path.realpath(os.environ.get("HF_PRELOADS", "."))
BIG = bool(os.environ.get("HF_BIG"))
POINTS = int(os.environ.get("HF_POINTS", "6"))
SEED = int(os.environ.get("HF_TEST_SEED", "1"))
SOURCE = "files/t"
# Of what the sanitizers say about a preloaded library that is not theirs.
ASAN = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
MOST_FAILURES = 10


class Failed(Exception):
    pass


def noise(seed, n):
    import hashlib
    return hashlib.shake_128(str(seed).encode()).digest(n)


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def snap(path):
    """All that two trees are compared by."""
    found = {}
    for top, dirs, files in os.walk(path):
        for name in dirs + files:
            full = os.path.join(top, name)
            st = os.lstat(full)
            what = (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode))
            if stat.S_ISREG(st.st_mode):
                with open(full, "rb") as file:
                    what += (st.st_mtime_ns, file.read())
            elif stat.S_ISLNK(st.st_mode):
                what += (os.readlink(full),)
            found[os.path.relpath(full, path)] = what
    return found


def same(want, path, what):
    got = snap(path)
    if got != want:
        names = sorted(n for n in set(want) | set(got) if want.get(n) != got.get(n))
        raise Failed(f"{what}: {len(names)} differ: {names[:3]}")


class Place:
    """A repository with one snapshot, and the tree as it is for the second."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="holdfast-faults.",
                                    dir=os.environ.get("HF_E2E_DIR", "/var/tmp"))
        for name in ("repo", "cache", "tree", "out", "stash", "key", "count", "saved"):
            setattr(self, name, os.path.join(self.top, name))
        self.fill()
        # OpenSSL leaks some bytes of its own where memory fails it.
        write(self.top + "/theirs", b"leak:libcrypto.so\n")
        self.env = dict(os.environ, HOLDFAST_CACHE_DIR=self.cache, ASAN_OPTIONS=ASAN,
                        LSAN_OPTIONS=f"suppressions={self.top}/theirs:print_suppressions=0")
        for name in ("HOLDFAST_PASSPHRASE", "HOLDFAST_PASSPHRASE_FILE", "HOLDFAST_CONFIG"):
            self.env.pop(name, None)
        os.mkdir(self.top + "/1")
        self.first = snap(self.tree)
        self.ok("init")
        # Not in one second with the next: then their names would have fractions.
        self.ok("backup", "--source", SOURCE, "--time", "2026-01-01 00:00:00Z", self.tree)
        self.first_path = f"sources/{SOURCE}/2026-01-01T00-00-00Z"
        self.change()
        self.second = snap(self.tree)
        self.save()

    def fill(self):
        os.makedirs(self.tree + "/a/b")
        write(self.tree + "/a/one", b"one\n" * 100)
        write(self.tree + "/a/b/two", noise("two", 3000))
        os.symlink("a/one", self.tree + "/link")
        write(self.tree + "/large", noise("large", 700000))
        for i in range(30):
            write(f"{self.tree}/a/b/{i}", noise(i, i * 211))

    def change(self):
        write(self.tree + "/a/one", b"changed\n")
        os.unlink(self.tree + "/a/b/7")
        os.mkdir(self.tree + "/new")
        write(self.tree + "/new/file", noise("new", 100000))
        with open(self.tree + "/large", "r+b") as file:
            file.seek(350000)
            file.write(b"in the middle")

    def save(self):
        shutil.copytree(self.repo, self.saved + "/repo")
        shutil.copytree(self.cache, self.saved + "/cache")

    def reset(self, cache=True):
        self.clear()
        shutil.copytree(self.saved + "/repo", self.repo)
        if cache:
            shutil.copytree(self.saved + "/cache", self.cache)

    def clear(self):
        for path in (self.repo, self.cache, self.out, self.stash):
            shutil.rmtree(path, ignore_errors=True)
        os.mkdir(self.stash)

    def run(self, *args, **env):
        command = [HOLDFAST, "-q", "-j", "2", "-r", self.repo, "--key-file", self.key, *args]
        done = subprocess.run(command, env=dict(self.env, **env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                              check=False)
        err = done.stderr.decode(errors="replace")
        # The sanitizer can't begin a thread without memory; that is its own end, not the program's.
        if "HF_FAIL_ALLOC" in env and "Sanitizer: CHECK failed" in err:
            return 1, "", err
        if "Sanitizer" in err or "runtime error" in err:
            raise Failed(f"{args[0]}: {err[-3000:]}")
        return done.returncode, done.stdout.decode(errors="replace"), err

    def ok(self, *args, **env):
        status, out, err = self.run(*args, **env)
        if status:
            raise Failed(f"{' '.join(args)}: status {status}: {out[-400:]} {err[-600:]}")
        return out

    def restore(self, path, want, what):
        shutil.rmtree(self.out, ignore_errors=True)
        self.ok("restore", path, self.out)
        same(want, self.out, what)

    def forget_cache(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def whole(self, committed):
        """No manual step: all is as if the fault had not been, or had been before the start."""
        # A kill between two copies of one object is told, and mended by the next backup.
        status, out, err = self.run("check")
        if status and any("second copy: it is missing" not in line for line in out.splitlines()):
            raise Failed(f"check: status {status}: {out[-600:]} {err[-600:]}")
        self.restore(self.first_path, self.first, "the earlier snapshot")
        if committed:
            self.restore("latest/" + SOURCE, self.second, "the snapshot that was reported done")
        self.ok("backup", "--source", SOURCE, self.tree)
        self.restore("latest/" + SOURCE, self.second, "the next snapshot")
        self.ok("check", "--read-data")


class Campaign:
    def __init__(self):
        self.failures = 0
        self.points = 0
        self.lines = []

    def chosen(self, total):
        if BIG or total <= POINTS:
            return range(1, total + 1)
        step = total / POINTS
        return sorted({1 + int(step * i + SEED * 7919 % max(1, int(step))) for i in range(POINTS)})

    def series(self, name, total, attempt):
        """attempt(k) returns the status that the program ended with, or raises Failed."""
        ends = collections.Counter()
        for k in self.chosen(total):
            self.points += 1
            try:
                ends[attempt(k)] += 1
            except (Failed, subprocess.TimeoutExpired) as err:
                self.failures += 1
                ends["FAILED"] += 1
                print(f"FAILED: {name}, call {k} of {total}: {err}", flush=True)
                if self.failures >= MOST_FAILURES:
                    break
        said = ", ".join(f"status {end}: {n}" for end, n in sorted(ends.items(), key=str))
        self.lines.append(f"{name}: {sum(ends.values())} of {total} calls; {said}")
        print(self.lines[-1], flush=True)

    def end(self):
        print(f"{self.points} points, {self.failures} failed, HF_TEST_SEED={SEED}")
        return 1 if self.failures else 0


def count(place, preload, *args, **env):
    place.ok(*args, LD_PRELOAD=preload, HF_COUNT_FILE=place.count, **env)
    with open(place.count, encoding="ascii") as file:
        return int(file.read())


def expect(status, allowed, err):
    if status not in allowed:
        raise Failed(f"status {status}: {err[-1500:]}")


def backup_with(place, k, allowed, env):
    place.reset()
    status, _, err = place.run("backup", "--source", SOURCE, place.tree, **env)
    expect(status, allowed, err)
    if k % 2:
        place.forget_cache()
    place.whole(committed=status == 0)
    return status


def init_with(place, allowed, env):
    """A second init either works, or says that there is one, which then opens."""
    place.clear()
    key, place.key = place.key, place.top + "/new-key"
    try:
        if os.path.exists(place.key):
            os.unlink(place.key)
        status, _, err = place.run("init", **env)
        expect(status, allowed, err)
        again, _, said = place.run("init")
        if again and "already" not in said or again == 0 and status == 0:
            raise Failed(f"init ended with {status}, the next with {again}: {said[-600:]}")
        place.ok("backup", "--source", SOURCE, place.tree)
        place.restore("latest/" + SOURCE, place.second, "the first snapshot")
        place.ok("check", "--read-data")
    finally:
        place.key = key
    return status


def restore_with(place, allowed, env):
    place.reset()
    status, _, err = place.run("restore", place.first_path, place.out, **env)
    expect(status, allowed, err)
    if status == 0:
        same(place.first, place.out, "a restore that was reported done")
    place.ok("restore", "--overwrite", place.first_path, place.out)
    same(place.first, place.out, "the restore after it")
    return status


def check_with(place, allowed, env):
    place.reset()
    status, _, err = place.run("check", "--read-data", **env)
    expect(status, allowed, err)
    place.ok("check")
    return status


def memory(campaign):
    place = Place()
    preload = PRELOADS + "/preload_memory.so"
    # Memory that is short is no damage (4); what could not be restored for it is named (3).
    allowed = (0, 1, 3)
    attempts = {
        "backup": (("backup", "--source", SOURCE, place.tree),
                   lambda k, env: backup_with(place, k, allowed, env)),
        "init": (("init",), lambda k, env: init_with(place, allowed, env)),
        "restore": (("restore", place.first_path, place.out),
                    lambda k, env: restore_with(place, allowed, env)),
        "check": (("check", "--read-data"), lambda k, env: check_with(place, allowed, env)),
    }
    for name, (args, attempt) in attempts.items():
        if name == "init":
            place.clear()
        else:
            place.reset()
        total = count(place, preload, *args)
        for after in ("", "+"):
            def one(k):
                return attempt(k, {"LD_PRELOAD": preload, "HF_FAIL_ALLOC": f"{k}{after}"})
            what = "all allocations from one on fail" if after else "one allocation fails"
            campaign.series(f"{name}, {what}", total, one)
    return place


def disk_env(place, what, k, **more):
    return dict(LD_PRELOAD=PRELOADS + "/preload_disk.so", HF_DISK_UNDER=place.top,
                HF_DISK_STASH=place.stash, HF_DISK=f"{what}:{k}", **more)


def disk(campaign):
    place = Place()
    preload = PRELOADS + "/preload_disk.so"
    # A disk that can't be read may be called damage; files that can't be read are named.
    allowed = (0, 1, 3, 4)
    series = [("backup", what, after, more) for what, after, more in (
        ("eio", "", {}), ("eio", "+", {}), ("enospc", "", {}), ("enospc", "+", {}),
        ("eintr", "", {}), ("short", "", {}), ("kill", "", {}),
        ("eio", "", {"HF_DISK_READS": "1"}), ("short", "+", {"HF_DISK_READS": "1"}))]
    series += [("init", what, after, {}) for what, after in (
        ("eio", ""), ("enospc", "+"), ("kill", ""))]
    series += [("restore", what, after, more) for what, after, more in (
        ("eio", "", {}), ("enospc", "+", {}), ("kill", "", {}),
        ("eio", "", {"HF_DISK_READS": "1"}))]
    for name, what, after, more in series:
        args = {"backup": ("backup", "--source", SOURCE, place.tree), "init": ("init",),
                "restore": ("restore", place.first_path, place.out)}[name]
        if name == "init":
            place.clear()
        else:
            place.reset()
        key = place.key
        place.key = place.top + "/counted-key" if name == "init" else key
        total = count(place, preload, *args, HF_DISK_UNDER=place.top, **more)
        if name == "init":
            os.unlink(place.key)
        place.key = key
        good = allowed + ((-9,) if what == "kill" else ())

        def one(k):
            env = disk_env(place, what, f"{k}{after}", **more)
            if name == "backup":
                return backup_with(place, k, good, env)
            return (init_with if name == "init" else restore_with)(place, good, env)
        campaign.series(f"{name}, {what}{after}{' with reads' if more else ''}", total, one)
    return place


def power(campaign):
    place = Place()
    preload = PRELOADS + "/preload_disk.so"
    for seed in range(4 if BIG else 2):
        place.reset()
        total = count(place, preload, "backup", "--source", SOURCE, place.tree,
                      HF_DISK_UNDER=place.top)

        # One more than there are: the power fails behind the end.
        def backup(k):
            return backup_with(place, k, (0, -9), disk_env(place, "power", f"{k}:{seed}"))
        campaign.series(f"backup, power lost, seed {seed}", total + 1, backup)

        place.clear()
        key, place.key = place.key, place.top + "/counted-key"
        total = count(place, preload, "init", HF_DISK_UNDER=place.top)
        os.unlink(place.key)
        place.key = key

        def init(k):
            return init_with(place, (0, -9), disk_env(place, "power", f"{k}:{seed}"))
        campaign.series(f"init, power lost, seed {seed}", total + 1, init)
    # The last point of each series, whatever was sampled: success was reported, then it was dark.
    for seed in range(4):
        campaign.series(f"backup done, then power lost, seed {seed}", 1, lambda k: backup_with(
            place, seed, (0,), disk_env(place, "power", f"1000000:{seed}")))
        campaign.series(f"init done, then power lost, seed {seed}", 1, lambda k: init_with(
            place, (0,), disk_env(place, "power", f"1000000:{seed}")))
    return place


def main():
    campaigns = {"memory": memory, "disk": disk, "power": power}
    if len(sys.argv) != 2 or sys.argv[1] not in campaigns:
        print(__doc__)
        return 2
    if not os.path.exists(PRELOADS + "/preload_disk.so"):
        print("SKIP: the preloaded libraries were not built")
        return 77
    campaign = Campaign()
    place = campaigns[sys.argv[1]](campaign)
    status = campaign.end()
    if not os.environ.get("HF_KEEP"):
        shutil.rmtree(place.top, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
