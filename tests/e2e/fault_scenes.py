"""What faults.py runs with faults: commands, each with where it begins and what must be after it."""
import collections
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

HOLDFAST = os.path.realpath(os.environ["HOLDFAST"])
SOURCE = "files/t"
# Of what the sanitizers say about a preloaded library that is not theirs.
ASAN = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
# Days of January, whose snapshots are asked for by their times: that of the backup after a fault,
# and one whose time is when it was made, the latest of all.
NEXT = 28
TODAY = 0


class Failed(Exception):
    pass


def noise(seed, n):
    return hashlib.shake_128(str(seed).encode()).digest(n)


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files_of(path, also_dirs=False):
    return [os.path.join(top, name) for top, dirs, names in os.walk(path)
            for name in names + (dirs if also_dirs else [])]


def snap(path):
    """All that two trees are compared by."""
    found = {}
    for top, dirs, files in os.walk(path):
        for name in dirs + files:
            full = os.path.join(top, name)
            st = os.lstat(full)
            what = (stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode))
            if stat.S_ISREG(st.st_mode):
                what += (st.st_mtime_ns, read(full))
            elif stat.S_ISLNK(st.st_mode):
                what += (os.readlink(full),)
            found[os.path.relpath(full, path)] = what
    return found


def same(want, path, what, but=()):
    """but: paths that may be missing, with all below them; `""` is the top."""
    got = snap(path)
    names = sorted(n for n in set(want) | set(got) if want.get(n) != got.get(n) and not (
        n not in got and any(n == b or b == "" or n.startswith(b + "/") for b in but)))
    if names:
        raise Failed(f"{what}: {len(names)} differ: {names[:3]}")


class Place:
    """A repository, what is backed up to it, its keys and its cache, in a directory."""

    def __init__(self, top):
        self.top = top
        self.trees = {}  # day of January: what its snapshot must show
        self.said = ""   # by the run with a fault
        for name in ("repo", "cache", "tree", "out", "stash", "key", "new", "count", "saved"):
            setattr(self, name, os.path.join(top, name))
        self.state = (self.repo, self.cache, self.out, self.new)
        self.env = dict(os.environ, HOLDFAST_CACHE_DIR=self.cache, ASAN_OPTIONS=ASAN,
                        LSAN_OPTIONS=f"suppressions={top}/theirs:print_suppressions=0")
        for name in ("HOLDFAST_PASSPHRASE", "HOLDFAST_PASSPHRASE_FILE", "HOLDFAST_CONFIG"):
            self.env.pop(name, None)

    def begin(self):
        # OpenSSL leaks some bytes of its own where memory fails it.
        write(self.top + "/theirs", b"leak:libcrypto.so\n")
        os.makedirs(self.tree + "/a/b")
        write(self.tree + "/a/one", b"one\n" * 100)
        write(self.tree + "/a/b/two", noise("two", 3000))
        os.symlink("a/one", self.tree + "/link")
        write(self.tree + "/large", noise("large", 50000))
        for i in range(3):
            write(f"{self.tree}/a/b/{i}", noise(i, i * 211))

    def twin(self, top):
        shutil.copytree(self.top, top, symlinks=True)
        place = Place(top)
        place.trees = dict(self.trees)
        return place

    def save(self):
        os.mkdir(self.saved)
        for path in self.state:
            if os.path.isdir(path):
                shutil.copytree(path, f"{self.saved}/{os.path.basename(path)}")
        self.reset()

    def reset(self):
        for path in (*self.state, self.stash):
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        for name in os.listdir(self.saved):
            shutil.copytree(f"{self.saved}/{name}", f"{self.top}/{name}")
        os.mkdir(self.stash)

    def forget_cache(self):
        shutil.rmtree(self.cache, ignore_errors=True)

    def digest(self):
        """Of each byte that the program keeps."""
        digest = hashlib.sha256()
        for part in self.state:
            for path in sorted([part] if os.path.isfile(part) else files_of(part, True)):
                digest.update(path.encode() + b"\0")
                if os.path.islink(path):
                    digest.update(os.readlink(path).encode())
                elif not os.path.isdir(path):
                    digest.update(hashlib.sha256(read(path)).digest())
        return digest.digest()

    def shape(self):
        """Which objects and catalogs there are, as far as no random name tells them apart."""
        return tuple(sorted(
            (os.path.relpath(os.path.dirname(path), self.top).rstrip("0123456789abcdef"),
             os.path.getsize(path))
            for part in (self.repo, self.cache) for path in files_of(part)))

    def run(self, *args, key=None, **env):
        command = [HOLDFAST, "-q", "-j", "2", "-r", self.repo, "--key-file", key or self.key]
        # Leaks are looked for where there is a fault, and cost as much as the run.
        if not env:
            env = {"ASAN_OPTIONS": ASAN + ":detect_leaks=0"}
        if key:
            env["HOLDFAST_CACHE_DIR"] = f"{self.cache}/{os.path.basename(key)}"
        done = subprocess.run(command + list(args), env=dict(self.env, **env),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300, check=False)
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

    def backup_args(self, day):
        if day == TODAY:
            return ("backup", "--source", SOURCE, self.tree)
        return ("backup", "--source", SOURCE, "--time", f"2026-01-{day:02} 00:00:00Z", self.tree)

    def backup(self, day):
        self.trees[day] = snap(self.tree)
        self.ok(*self.backup_args(day))

    def restore_args(self, day):
        of = f"sources/{SOURCE}/2026-01-{day:02}T00-00-00Z" if day else f"latest/{SOURCE}"
        return ("restore", of, self.out)

    def restore(self, day, but=(), **env):
        shutil.rmtree(self.out, ignore_errors=True)
        self.ok(*self.restore_args(day), **env)
        same(self.trees[day], self.out, f"the snapshot of day {day}", but)

    def shown(self):
        moments = [json.loads(line)["moment"] for line in self.ok("snapshots", "--json").split("\n")
                   if line]
        return collections.Counter(
            int(moment[8:10]) if moment.startswith("2026-01-") else TODAY for moment in moments)

    def check(self, ended, *options):
        status, out, err = self.run("check", *options)
        # A kill between two copies of one object is told, and mended by the next backup.
        lines = [line for line in out.splitlines()
                 if ended or "second copy: it is missing" not in line]
        if status and (ended or lines):
            raise Failed(f"check: status {status}: {out[-600:]} {err[-600:]}")


class Scene:
    """A command on a repository with snapshots; `must` are there after any end."""
    name = ""
    seldom = False  # only if it is named, or with HF_BIG=1
    must = {1}
    done = set()    # of these a run that succeeded made sure
    maybe = set()   # a run that did not may leave these or not
    good = ()       # more statuses that it may end with where the disk can't be read

    def prepare(self, place):
        raise NotImplementedError

    def args(self, place):
        raise NotImplementedError

    def counted(self, place, out):
        """It did what the series is about, when nothing failed."""

    def after(self, place):
        """Also so when it succeeded in the end."""

    def before_again(self, place):
        """Also so however it ended."""

    def again(self, place):
        place.ok(*self.args(place))

    def check(self, place, status):
        place.check(status == 0)

    def whole(self, place):
        """In the end nothing is wrong with it."""
        place.ok("check", "--read-data")

    def see(self, place, status):
        shown = place.shown()
        must = self.must | (self.done if status == 0 else set())
        may = must | (set() if status == 0 else self.maybe)
        if not must <= set(shown) <= may or max(shown.values()) > 1:
            raise Failed(f"status {status}, and the snapshots are those of {dict(shown)}")
        for day in shown:
            place.restore(day, self.may_lack(place, day))

    def may_lack(self, place, day):
        """What the run said that it could not read of what it was to back up."""
        return ()

    def judge(self, place, k, status, brief=False):
        """
        No manual step: all is as if the fault had not been, or had been before the start. brief:
        what another point left was of the same shape, and had the whole verdict.
        """
        if k % 2:
            place.forget_cache()
        if not brief:
            self.check(place, status)
            self.see(place, status)
            self.before_again(place)
        if status != 0:
            self.again(place)
        if not brief:
            self.after(place)
            place.backup(NEXT)
        self.whole(place)
        if not brief:
            place.restore(NEXT)


class Init(Scene):
    """A second init either works, or says that there is one, which then opens."""
    name = "init"

    def prepare(self, place):
        place.begin()

    def args(self, place):
        return ("--key-file", place.new, "init")

    def judge(self, place, k, status, brief=False):
        key, place.key = place.key, place.new
        try:
            again, _, said = place.run("init")
            if again and "already" not in said or again == 0 and status == 0:
                raise Failed(f"init ended with {status}, the next with {again}: {said[-600:]}")
            place.backup(NEXT)
            place.ok("check", "--read-data")
            place.restore(NEXT)
        finally:
            place.key = key


class Backup(Scene):
    name = "backup"
    done = {2}
    maybe = {2}
    good = (6,)  # nothing could be read

    def prepare(self, place):
        place.begin()
        place.ok("init")
        place.backup(1)
        write(place.tree + "/a/one", b"changed\n")
        os.unlink(place.tree + "/a/b/2")
        os.mkdir(place.tree + "/new")
        write(place.tree + "/new/file", noise("new", 10000))
        with open(place.tree + "/large", "r+b") as file:
            file.seek(25000)
            file.write(b"in the middle")
        place.trees[2] = snap(place.tree)

    def args(self, place):
        return place.backup_args(2)

    def may_lack(self, place, day):
        named = re.findall(r'not backed up path=(?:"([^"]*)"|(\S+))', place.said)
        return [a or b for a, b in named] if day == 2 else ()

    def again(self, place):
        place.backup(NEXT - 1)


class Restore(Backup):
    name = "restore"

    def args(self, place):
        return place.restore_args(1)

    def judge(self, place, k, status, brief=False):
        if status == 0:
            same(place.trees[1], place.out, "a restore that was reported done")
        place.ok("restore", "--overwrite", *place.restore_args(1)[1:])
        same(place.trees[1], place.out, "the restore after it")


class Check(Backup):
    name = "check"
    done = maybe = set()

    def args(self, place):
        return ("check", "--read-data")

    def check(self, place, status):
        """What it recorded may stand once only; it mends nothing, the next backup does."""
        place.check(False)

    def again(self, place):
        place.check(False, "--read-data")

    def whole(self, place):
        place.backup(NEXT - 1)
        super().whole(place)


class Forget(Scene):
    name = "forget"
    must = {2}
    maybe = {1}

    def prepare(self, place):
        place.begin()
        place.ok("init")
        place.backup(1)
        write(place.tree + "/new", b"new")
        place.backup(2)

    def args(self, place):
        return ("forget", "--source", SOURCE, "--keep-last", "1", "--protect", "0s")

    def after(self, place):
        if set(place.shown()) != self.must:
            raise Failed("what was forgotten is shown")


class Prune(Scene):
    """Some is announced and waits, some is dead, some half dead, and there is a checkpoint."""
    name = "prune"
    must = {3, 4}

    def forget(self, place):
        place.ok("forget", "--source", SOURCE, "--keep-last", "2", "--protect", "0s")

    def prepare(self, place):
        place.begin()
        place.ok("init", "--grace", "0s")
        os.unlink(place.tree + "/large")
        for day in (1, 2, 3):
            # In one pack, of which little lives when the day is forgotten.
            write(place.tree + "/of-its-day", noise(day, 5000))
            write(f"{place.tree}/since-{day}", noise(f"since {day}", 300))
            place.backup(day)
        self.forget(place)
        # As old as what waits must be; the catalog remembers when it saw it.
        place.forget_cache()
        for path in files_of(place.repo):
            os.utime(path, (1767225600, 1767225600))
        place.ok("prune", "--grace", "1h")
        write(place.tree + "/of-its-day", noise(4, 5000))
        place.backup(4)
        self.forget(place)

    def args(self, place):
        return ("prune", "--grace", "0s", "--json")

    def counted(self, place, out):
        found = json.loads(out)
        if not all(found[what] for what in ("deleted", "announced", "rewritten_bytes")):
            raise Failed(f"prune had too little to do: {out}")
        if len(os.listdir(place.repo + "/checkpoints")) != 1:
            raise Failed("prune made no checkpoint")

    def after(self, place):
        if set(place.shown()) != self.must:
            raise Failed("what was forgotten is shown")


class Repair(Scene):
    """Copies are lost and bad, a commit is gone in both, and nobody has a catalog."""
    name = "repair"
    must = {1, 2}
    done = {TODAY}
    maybe = {TODAY}

    def prepare(self, place):
        place.begin()
        place.ok("init", "--grace", "0s")
        for day in (1, 2, TODAY):
            write(place.tree + "/of-its-day", noise(day, 2000))
            place.backup(day)
            if day == 1:
                place.ok("prune", "--grace", "0s")
            if day == 2:
                before = os.listdir(place.repo + "/commits")
        # What packs repeat of it has another time: where the backup was when it put them.
        names = {part: sorted(os.listdir(f"{place.repo}/{part}"))
                 for part in ("commits", "checkpoints", "twin/commits", "keyring")}
        of_today = set(names["commits"]) - set(before)
        os.unlink(sorted(files_of(place.repo + "/twin/meta"))[0])
        os.unlink(f"{place.repo}/commits/{sorted(before)[0]}")
        os.unlink(f"{place.repo}/keyring/{names['keyring'][0]}")
        for name in of_today:
            os.unlink(f"{place.repo}/commits/{name}")
            os.unlink(f"{place.repo}/twin/commits/{name}")
        bad = f"{place.repo}/twin/checkpoints/{names['checkpoints'][0]}"
        os.chmod(bad, 0o600)
        with open(bad, "r+b") as file:
            file.write(b"not what it was")
        place.forget_cache()

    def args(self, place):
        return ("check", "--repair")

    def counted(self, place, out):
        if out.count(": mended") < 4 or "said again" not in out:
            raise Failed(f"repair had too little to do: {out}")

    def check(self, place, status):
        if status == 0:
            place.check(True)

    def see(self, place, status):
        """A pack that could not be read may be missing until the next repair."""
        if status == 0:
            super().see(place, status)
        for day in self.must:
            place.restore(day)

    def after(self, place):
        place.restore(TODAY)


class Keys(Scene):
    """Besides the key that has all rights there are a writer's and a reader's."""

    def __init__(self, name):
        self.name = name
        self.seldom = name != "rotate"

    def prepare(self, place):
        place.begin()
        place.ok("init")
        place.backup(1)
        for name, rights in (("writer", "write"), ("reader", "read"), ("fresh", "read")):
            write(f"{place.top}/{name}", noise(name, 32))
            if name != "fresh":
                place.ok("key", "add", "--rights", rights, "--new-key-file",
                         f"{place.top}/{name}", name)

    def args(self, place):
        return {"rotate": ("key", "rotate"), "revoke": ("key", "revoke", "writer"),
                "add": ("key", "add", "--rights", "read", "--new-key-file", place.top + "/fresh",
                        "fresh")}[self.name]

    def again(self, place):
        status, _, err = place.run(*self.args(place))
        if status and (self.name == "rotate" or "already" not in err):
            raise Failed(f"key {self.name} again: status {status}: {err[-600:]}")

    def before_again(self, place):
        place.restore(1, key=place.top + "/reader")
        # The key that comes opens all, or nothing yet.
        shutil.rmtree(place.out)
        status, _, err = place.run(*place.restore_args(1), key=place.top + "/fresh")
        if status not in ((0, 5) if self.name == "add" else (5,)):
            raise Failed(f"a key that is to come: status {status}: {err[-600:]}")
        if status == 0:
            same(place.trees[1], place.out, "what the new key reads")

    def after(self, place):
        status, _, err = place.run(*place.backup_args(NEXT - 1), key=place.top + "/writer")
        if status != (8 if self.name == "revoke" else 0):
            raise Failed(f"the writer after key {self.name}: status {status}: {err[-600:]}")
        place.restore(1, key=place.top + ("/fresh" if self.name == "add" else "/reader"))
        slots = [json.loads(line) for line in place.ok("key", "list", "--json").split("\n") if line]
        epochs = {slot["epochs"] for slot in slots}
        revoked = [slot["name"] for slot in slots if slot["revoked"]]
        if (epochs == {1}) != (self.name == "add") or \
                revoked != (["writer"] if self.name == "revoke" else []):
            raise Failed(f"key {self.name} is done, and the slots are {slots}")


SCENES = (Init(), Backup(), Restore(), Check(), Forget(), Prune(), Repair(), Keys("rotate"),
          Keys("add"), Keys("revoke"))
