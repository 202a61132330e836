#!/usr/bin/env python3
"""Hurts a repository's objects, one at a time: flip_bits.py PROGRAM TREE VIEWPATH DIR

A bit flipped, an object cut at some length, gone, or in another's place: after each `check --read-data` must end with
4 and `check` alone too where it can, all files that are hurt must be named, and a restore must give all others as they
were backed up. The places: both ends of each kind of object, its header, and others by a seed.
"""
import json
import os
import random
import shutil
import subprocess
import sys

SEED = int(os.environ.get("HF_TEST_SEED", "1"))
SAMPLES = int(os.environ.get("SAMPLES", "100"))
# What may be said of damage; never 0, never a crash.
TOLD = (1, 3, 4, 5, 6)
# Beside the repository: in it, it would be an object of no name.
KEPT = os.environ["HOLDFAST_REPOSITORY"] + ".kept"


def objects_of(repository):
    for folder, _, names in os.walk(repository):
        for name in names:
            yield os.path.join(folder, name)


def by_kind(repository):
    kinds = {}
    for path in sorted(objects_of(repository)):
        parts = os.path.relpath(path, repository).split(os.sep)
        kinds.setdefault("/".join(parts[:2] if parts[0] == "twin" else parts[:1]), []).append(path)
    return kinds


class Flip:
    def __init__(self, path, at, bit):
        self.path, self.at, self.bit = path, at, bit
        self.how = f"byte {at} bit {bit}"

    def do(self):
        os.chmod(self.path, 0o600)
        with open(self.path, "r+b") as file:
            file.seek(self.at)
            byte = file.read(1)[0]
            file.seek(self.at)
            file.write(bytes([byte ^ 1 << self.bit]))

    undo = do


class Cut:
    def __init__(self, path, length):
        self.path, self.length = path, length
        self.how = f"cut to {length}"

    def do(self):
        shutil.copyfile(self.path, KEPT)
        os.chmod(self.path, 0o600)
        os.truncate(self.path, self.length)

    def undo(self):
        shutil.move(KEPT, self.path)


class Gone:
    how = "gone"

    def __init__(self, path):
        self.path = path

    def do(self):
        os.rename(self.path, KEPT)

    def undo(self):
        os.rename(KEPT, self.path)


class Swap:
    def __init__(self, path, other):
        self.path, self.other = path, other
        self.how = f"swapped with {os.path.basename(other)}"

    def do(self):
        os.rename(self.path, KEPT)
        os.rename(self.other, self.path)
        os.rename(KEPT, self.other)

    undo = do


def hurts(repository, rng):
    """(kind, hurt): each way for each kind of object, then as many flips as asked."""
    kinds = by_kind(repository)
    for kind, paths in sorted(kinds.items()):
        path = rng.choice(paths)
        size = os.path.getsize(path)
        for at in (0, size - 1):
            yield kind, Flip(path, at, rng.randrange(8))
        for length in (rng.randrange(size - 1), size - 1):
            yield kind, Cut(path, length)
        yield kind, Gone(path)
        if len(paths) > 1:
            yield kind, Swap(*rng.sample(paths, 2))
    for i in range(SAMPLES):
        kind = sorted(kinds)[i % len(kinds)]
        path = rng.choice(kinds[kind])
        yield kind, Flip(path, rng.randrange(os.path.getsize(path)), rng.randrange(8))


def run(*command):
    """The status, what it printed, and what else it said."""
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def named_in(printed):
    """The paths of the snapshots that a check called damaged, below their roots."""
    named = set()
    for line in map(json.loads, printed.splitlines()):
        if line["type"] == "damaged":
            named.add("/".join(line["path"].split("/")[4:]))
    return named


def is_named(path, named):
    return any(path == one or one == "" or path.startswith(one + "/") for one in named)


def files_of(tree):
    return {os.path.relpath(path, tree) for path in objects_of(tree)}


def same_file(a, b):
    with open(a, "rb") as one, open(b, "rb") as other:
        return one.read() == other.read()


def judge(program, tree, view_path, work, kind, hurt):
    """What is wrong with what the program says of it."""
    # A catalog of its own each time: what one machine has cached must not hide damage.
    cache = os.path.join(work, "cache")
    back = os.path.join(work, "back")
    # A keyring that no longer verifies may also fit no key, or be none.
    told = TOLD if "keyring" in kind else (4,)
    status, printed, said = run(program, "--cache-dir", cache, "--json", "check", "--read-data")
    named = named_in(printed)
    if status not in told:
        yield f"check --read-data ended with {status}: {said[-300:]}"
    # Of content packs it looks at the size alone.
    if kind != "packs" or isinstance(hurt, (Cut, Gone)):
        status, _, said = run(program, "--cache-dir", cache, "check")
        if status not in told:
            yield f"check ended with {status}: {said[-300:]}"
    status, _, said = run(program, "--cache-dir", cache, "restore", view_path, back)
    if status not in (0, *TOLD):
        yield f"restore ended with {status}: {said[-600:]}"
    for path in files_of(back):
        if not same_file(os.path.join(tree, path), os.path.join(back, path)):
            yield f"wrong bytes restored of {path}"
    lost = {path for path in files_of(tree) - files_of(back) if not is_named(path, named)}
    # Without a keyring or the only checkpoint nothing can be opened, and no path can be named.
    if lost and not (kind in ("keyring", "checkpoints") and status in (5, 6)):
        yield f"not restored, and not named by check: {sorted(lost)[:3]}"
    if status == 0 and files_of(back) != files_of(tree):
        yield "a restore that calls itself whole is not"


def main(program, tree, view_path, work):
    repository = os.environ["HOLDFAST_REPOSITORY"]
    os.mkdir(work)
    bad = []
    seen = {}
    for kind, hurt in list(hurts(repository, random.Random(SEED))):
        hurt.do()
        bad += [f"{kind} {hurt.how}: {text}" for text in judge(program, tree, view_path, work, kind, hurt)]
        hurt.undo()
        shutil.rmtree(work)
        os.mkdir(work)
        seen[kind] = seen.get(kind, 0) + 1
    print("\n".join(bad[:20]))
    print("seed", SEED, "hurts", seen, len(bad), "bad")
    return 1 if bad or not seen else 0


sys.exit(main(*sys.argv[1:5]))
