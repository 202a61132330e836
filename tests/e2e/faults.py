#!/usr/bin/env python3
"""Runs the program while memory or the disk fails at one chosen call, for many calls; after each,
the repository must be whole, the earlier snapshots must read, and the next backup must succeed.

    faults.py memory|disk|power [COMMAND…]

HOLDFAST is the program, HF_PRELOADS the directory of preload_memory.so and preload_disk.so. Of each
command (fault_scenes.py has them) HF_POINTS calls (default 2) are tried, spread evenly over all its
series from a place that HF_TEST_SEED moves; with HF_BIG=1 each call of each series, but of
allocations the first and the last on each way (call stack) to one; HF_BIG=all: those all too. HF_SERIES: a
part of their names, of those only. HF_WORKERS (default 2) are at it at once. HF_UNJUDGED=1: only the
run itself is looked at, with a program that has sanitizers: for crashes and leaks at many calls. The
last lines tell what was tried.
"""
import collections
import concurrent.futures
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import zlib

from fault_scenes import SCENES, Failed, Place

PRELOADS = os.path.realpath(os.environ.get("HF_PRELOADS", "."))
BIG = bool(os.environ.get("HF_BIG"))
EVERY_WAY = BIG and os.environ["HF_BIG"] != "all"
POINTS = int(os.environ.get("HF_POINTS", "2"))
ONLY = os.environ.get("HF_SERIES", "")
SEED = int(os.environ.get("HF_TEST_SEED", "1"))
WORKERS = int(os.environ.get("HF_WORKERS", "2"))
UNJUDGED = bool(os.environ.get("HF_UNJUDGED"))
MOST_FAILURES = 10
MEMORY = PRELOADS + "/preload_memory.so"
DISK = PRELOADS + "/preload_disk.so"


class Series:
    """One kind of fault in one command: env(place, k) makes it at call k of 1 to total."""

    def __init__(self, name, env, good, total, calls=None):
        self.name, self.env, self.good, self.total = name, env, good, total
        self.calls = calls or range(1, total + 1)
        self.ends = collections.Counter()
        self.shapes = set()


class Stage:
    """A scene with as many places as there are workers, all in the same state."""

    def __init__(self, scene):
        self.scene = scene
        # The catalog on a disk would be most of the time.
        base = os.environ.get("HF_E2E_DIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.top = tempfile.mkdtemp(prefix="holdfast-faults.", dir=base)
        self.first = self.prepare(self.top + "/0")
        self.unchanged = set()  # k % 2 of points that left all as it was, and had their verdict
        self.free = queue.Queue()
        self.free.put(self.first)
        for i in range(1, WORKERS):
            self.free.put(self.first.twin(f"{self.top}/{i}"))

    def prepare(self, top, tries=9):
        """Which files share a chunk depends on the key: not with each is there something to do."""
        os.mkdir(top)
        place = Place(top)
        self.scene.prepare(place)
        place.save()
        try:
            self.scene.counted(place, place.ok(*self.scene.args(place)))
        except Failed:
            if tries == 1:
                raise
            shutil.rmtree(top)
            return self.prepare(top, tries - 1)
        place.reset()
        return place

    def count(self, preload, **env):
        place = self.first
        place.reset()
        out = place.ok(*self.scene.args(place), LD_PRELOAD=preload, HF_DISK_UNDER=place.top,
                       HF_COUNT_FILE=place.count, **env)
        self.scene.counted(place, out)
        place.reset()
        with open(place.count, encoding="ascii") as file:
            return [int(line) for line in file]

    def end(self):
        if os.environ.get("HF_KEEP"):
            print(f"kept: {self.top}")
        else:
            shutil.rmtree(self.top, ignore_errors=True)


def attempt(stage, series, k):
    """One point: what the run ended with. A state that was judged already is not judged again."""
    place = stage.free.get()
    try:
        was = place.digest()
        status, _, place.said = place.run(*stage.scene.args(place), **series.env(place, k))
        if status not in series.good:
            raise Failed(f"status {status}: {place.said[-1500:]}")
        if UNJUDGED:
            return f"status {status}"
        unchanged = status != 0 and place.digest() == was
        if unchanged and k % 2 in stage.unchanged:
            return f"status {status} and nothing changed"
        shape = (status, k % 2, place.shape())
        stage.scene.judge(place, k, status, brief=shape in series.shapes and k % 8 != 0)
        series.shapes.add(shape)
        if unchanged:
            stage.unchanged.add(k % 2)
        return f"status {status}{' and nothing changed' if unchanged else ''}"
    finally:
        place.reset()
        stage.free.put(place)


class Campaign:
    def __init__(self, names):
        self.names = names
        self.points = self.failures = 0
        self.lock = threading.Lock()

    def scenes(self):
        for scene in SCENES:
            if scene.name not in self.names if self.names else not BIG and scene.seldom:
                continue
            stage = Stage(scene)
            try:
                yield stage
            finally:
                stage.end()

    @staticmethod
    def spread(name, calls, share):
        if BIG or len(calls) <= share:
            return calls
        step = len(calls) / share
        # Not the same place in each command.
        first = zlib.crc32(f"{SEED} {name}".encode()) % max(1, int(step))
        return [calls[first + int(step * i)] for i in range(share)]

    def run(self, stage, all_series, share=POINTS):
        def one(call):
            series, k = call
            if self.failures >= MOST_FAILURES:
                return
            try:
                end = attempt(stage, series, k)
            except (Failed, subprocess.TimeoutExpired) as err:
                end = "FAILED"
                print(f"FAILED: {series.name}, call {k} of {series.total}: {err}", flush=True)
            with self.lock:
                self.points += 1
                self.failures += end == "FAILED"
                series.ends[end] += 1
        calls = self.spread(stage.scene.name, [(series, k) for series in all_series if ONLY in series.name
                             for k in series.calls], share)
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            # A mistake of ours is not a finding: it ends the campaign.
            collections.deque(workers.map(one, calls), 0)
        for series in all_series:
            if series.ends:
                said = ", ".join(f"{end}: {n}" for end, n in sorted(series.ends.items()))
                print(f"{series.name}: {sum(series.ends.values())} of {series.total} calls; {said}",
                      flush=True)

    def end(self):
        print(f"{self.points} points, {self.failures} failed, HF_TEST_SEED={SEED}")
        return 1 if self.failures or not self.points else 0


def memory(campaign):
    # Memory that is short is no damage (4); what could not be restored for it is named (3).
    good = (0, 1, 3)
    for stage in campaign.scenes():
        total, *ways = stage.count(MEMORY, **({"HF_WAYS": "1"} if EVERY_WAY else {}))
        calls = sorted(set(ways)) if EVERY_WAY else None

        def series(after, said):
            return Series(f"{stage.scene.name}, {said}", lambda place, k: {
                "LD_PRELOAD": MEMORY, "HF_FAIL_ALLOC": f"{k}{after}"}, good, total, calls)
        campaign.run(stage, [series("", "one allocation fails"),
                             series("+", "all allocations from one on fail")])


def disk_env(place, what, more):
    return dict(LD_PRELOAD=DISK, HF_DISK_UNDER=place.top, HF_DISK_STASH=place.stash, HF_DISK=what,
                **more)


def disk(campaign):
    reads = {"HF_DISK_READS": "1"}
    for stage in campaign.scenes():
        totals = {True: stage.count(DISK, **reads)[0], False: stage.count(DISK)[0]}

        def series(what, after="", more={}):
            # A disk that can't be read may be called damage; files that can't be read are named.
            good = (0, 1, 3, 4) + ((-9,) if what == "kill" else ()) + \
                (stage.scene.good if more else ())
            said = f"{stage.scene.name}, {what}{after}{' with reads' if more else ''}"
            return Series(said, lambda place, k: disk_env(place, f"{what}:{k}{after}", more), good,
                          totals[bool(more)])
        campaign.run(stage, [
            series("kill"), series("eio", more=reads), series("enospc", "+"), series("eio", "+"),
            series("short"), series("short", "+", reads), series("eintr")])


def power(campaign):
    for stage in campaign.scenes():
        if stage.scene.name in ("restore", "check"):
            continue  # the one promises nothing of what it writes, the other writes nothing new
        total = stage.count(DISK)[0]

        # One more than there are: the power fails behind the end.
        def series(seed, after=""):
            return Series(f"{stage.scene.name}, power lost{after}, seed {seed}",
                          lambda place, k: disk_env(
                              place, f"power:{k if not after else 1000000}:{seed}", {}),
                          (0,) if after else (0, -9), 1 if after else total + 1)
        campaign.run(stage, [series(seed) for seed in range(4 if BIG else 2)], max(1, POINTS - 1))
        # Whatever was sampled: success was reported, then it was dark.
        seeds = range(4) if BIG else (SEED % 2,)
        campaign.run(stage, [series(seed, " after the end") for seed in seeds], len(seeds))


def main():
    campaigns = {"memory": memory, "disk": disk, "power": power}
    names = sys.argv[2:]
    if len(sys.argv) < 2 or sys.argv[1] not in campaigns or \
            not set(names) <= {scene.name for scene in SCENES}:
        print(__doc__)
        return 2
    if not os.path.exists(DISK):
        print("SKIP: the preloaded libraries were not built")
        return 77
    campaign = Campaign(names)
    try:
        campaigns[sys.argv[1]](campaign)
    except Failed as err:
        print(f"FAILED without a fault: {err}")
        return 1
    return campaign.end()


if __name__ == "__main__":
    sys.exit(main())
