#!/usr/bin/env python3
"""Flips sampled bits of a repository's objects, one at a time: flip_bits.py PROGRAM TREE VIEWPATH DIR

After each flip `check --read-data` must end with 4, and a restore must either give what was backed up
or say that it can't. The places: both ends of each object, its header, and others by a seed.
"""
import os
import random
import shutil
import subprocess
import sys

SEED = int(os.environ.get("HF_TEST_SEED", "1"))
SAMPLES = int(os.environ.get("SAMPLES", "100"))
# What may be said of damage; never 0, never a crash.
TOLD = (1, 3, 4, 5, 6)


def objects_of(repository):
    for folder, _, names in os.walk(repository):
        for name in names:
            yield os.path.join(folder, name)


def places(repository, rng):
    """Every kind of object first and last byte, then as many others as asked."""
    paths = sorted(objects_of(repository))
    by_kind = {}
    for path in paths:
        kind = os.path.relpath(path, repository).split(os.sep)
        kind = "/".join(kind[:2] if kind[0] == "twin" else kind[:1])
        by_kind.setdefault(kind, []).append(path)
    for kind, some in sorted(by_kind.items()):
        path = rng.choice(some)
        for at in (0, 9, os.path.getsize(path) - 1):
            yield kind, path, at, rng.randrange(8)
    kinds = sorted(by_kind)
    for i in range(SAMPLES):
        kind = kinds[i % len(kinds)]
        path = rng.choice(by_kind[kind])
        yield kind, path, rng.randrange(os.path.getsize(path)), rng.randrange(8)


def flip(path, at, bit):
    os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def same(tree, back):
    """Whether all that was restored is what was backed up."""
    for folder, _, names in os.walk(back):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as got:
                with open(os.path.join(tree, os.path.relpath(path, back)), "rb") as wanted:
                    if got.read() != wanted.read():
                        return False
    return True


def main(program, tree, view_path, work):
    repository = os.environ["HOLDFAST_REPOSITORY"]
    rng = random.Random(SEED)
    os.mkdir(work)
    bad = []
    seen = {}
    for kind, path, at, bit in list(places(repository, rng)):
        flip(path, at, bit)
        # A catalog of its own each time: what one machine has cached must not hide damage.
        cache = os.path.join(work, "cache")
        back = os.path.join(work, "back")
        status, said = run(program, "--cache-dir", cache, "check", "--read-data")
        # A keyring that no longer verifies may also fit no key, or be none.
        if status != 4 and not ("keyring" in kind and status in TOLD):
            bad.append(f"check ended with {status}: {kind} byte {at} bit {bit}: {said[-300:]}")
        status, said = run(program, "--cache-dir", cache, "restore", view_path, back)
        if status not in (0, *TOLD):
            bad.append(f"restore ended with {status}: {kind} byte {at} bit {bit}: {said[-600:]}")
        if not same(tree, back):
            bad.append(f"wrong bytes restored: {kind} byte {at} bit {bit}")
        if status == 0 and len(list(objects_of(back))) != len(list(objects_of(tree))):
            bad.append(f"a restore that calls itself whole is not: {kind} byte {at} bit {bit}")
        flip(path, at, bit)
        shutil.rmtree(work)
        os.mkdir(work)
        seen[kind] = seen.get(kind, 0) + 1
    print("\n".join(bad[:20]))
    print("seed", SEED, "flips", seen, len(bad), "bad")
    return 1 if bad or not seen else 0


sys.exit(main(*sys.argv[1:5]))
