#!/usr/bin/env python3
"""Reads a mount with many processes at once for some minutes: soak.py MINUTES [PROCESSES]

HOLDFAST is the program. Each process finds, reads whole, at random places, by mmap, by grep and by
cp, with a cache that holds a small part; each byte is compared with a digest made before. The store
vanishes and returns meanwhile: errors are fine then, wrong bytes never. At the end the daemon holds
no more descriptors than after a first pass, and never held more memory than its bound. HF_TEST_SEED.
"""
import glob
import hashlib
import mmap
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

HOLDFAST = os.path.realpath(os.environ["HOLDFAST"])
SEED = int(os.environ.get("HF_TEST_SEED", "1"))
CACHE_MIB = 8
BOUND_MIB = 256
PIECE = 64 << 10


def make_tree(top):
    digests = {}
    for i in range(60):
        folder = f"{top}/{i % 6}/{i % 10}"
        os.makedirs(folder, exist_ok=True)
        for j in range(20):
            data = hashlib.shake_128(b"%d/%d" % (i, j)).digest(i * j * 41 % 30000)
            add(digests, top, f"{folder}/{i}-{j}", data)
    for i in range(8):
        add(digests, top, f"{top}/large-{i}", hashlib.shake_128(b"%d" % i).digest(20 << 20))
    return digests


def add(digests, top, path, data):
    with open(path, "wb") as file:
        file.write(data)
    pieces = [hashlib.sha256(data[at:at + PIECE]).digest() for at in range(0, len(data), PIECE)]
    digests[os.path.relpath(path, top)] = (len(data), pieces)


class Wrong(Exception):
    pass


def judge(want, name, first, data):
    size, pieces = want[name]
    for n, at in enumerate(range(0, len(data), PIECE)):
        if hashlib.sha256(data[at:at + PIECE]).digest() != pieces[first + n]:
            raise Wrong(f"{name}: wrong bytes in piece {first + n} of {size} bytes")


def read_whole(view, want, name, _dice):
    with open(f"{view}/{name}", "rb") as file:
        data = file.read()
    if len(data) != want[name][0]:
        raise Wrong(f"{name}: {len(data)} bytes, not {want[name][0]}")
    judge(want, name, 0, data)


def read_places(view, want, name, dice):
    fd = os.open(f"{view}/{name}", os.O_RDONLY)
    try:
        for _ in range(20):
            n = dice.randrange(max(1, len(want[name][1])))
            judge(want, name, n, os.pread(fd, PIECE, n * PIECE))
    finally:
        os.close(fd)


def read_mapped(view, want, name, dice):
    # A store that vanished is SIGBUS here, so in a process of its own.
    child = os.fork()
    if child == 0:
        status = 0
        try:
            with open(f"{view}/{name}", "rb") as file:
                if want[name][0]:
                    with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
                        n = dice.randrange(len(want[name][1]))
                        judge(want, name, n, mapped[n * PIECE:(n + 1) * PIECE])
        except Wrong:
            status = 9
        except OSError:
            status = 5
        os._exit(status)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9:
        raise Wrong(f"{name}: wrong bytes by mmap")


def find_all(view, want, _name, _dice):
    failed = []
    found = set()
    for top, _, names in os.walk(view, onerror=failed.append):
        found.update(os.path.relpath(os.path.join(top, name), view) for name in names)
    if failed:
        raise failed[0]
    if found != set(want):
        raise Wrong(f"find: {len(found)} names, not {len(want)}")


def grep_one(view, _want, name, _dice):
    subprocess.run(["grep", "-c", "no such thing", f"{view}/{os.path.dirname(name) or name}", "-r"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def copy_one(view, want, name, _dice):
    with tempfile.NamedTemporaryFile(dir="/var/tmp") as copy:
        done = subprocess.run(["cp", f"{view}/{name}", copy.name], stderr=subprocess.DEVNULL,
                              check=False)
        if done.returncode == 0:
            judge(want, name, 0, copy.read())


WAYS = (read_whole, read_places, read_places, read_mapped, find_all, grep_one, copy_one)


def work(view, want, number, until, results):
    dice = random.Random(SEED * 1000 + number)
    names = sorted(want)
    done = errors = 0
    wrong = None
    while time.monotonic() < until and not wrong:
        try:
            dice.choice(WAYS)(view, want, dice.choice(names), dice)
            done += 1
        except OSError:
            errors += 1
        except Wrong as err:
            wrong = str(err)
    results.put((done, errors, wrong))


def pid_of(repository):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if repository.encode() in words and b"mount" in words:
            return int(path.split("/")[2])
    raise SystemExit("FAILED: no daemon")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status = dict(line.split(":", 1) for line in file)
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        anonymous = [line for line in file if line.startswith("Anonymous:")]
    return int(status["VmHWM"].split()[0]) // 1024, int(anonymous[0].split()[1]) // 1024


def soak(top, minutes, processes):
    repo, mnt = top + "/repo", top + "/mnt"
    os.mkdir(mnt)
    want = make_tree(top + "/tree")
    base = [HOLDFAST, "-q", "-r", repo, "--key-file", top + "/key", "--cache-dir", top + "/cache"]
    for args in (["init"], ["backup", "--source", "files/t", top + "/tree"],
                 ["mount", "--cache", f"{CACHE_MIB}M", mnt]):
        subprocess.run(base + args, check=True, stdin=subprocess.DEVNULL)
    view = mnt + "/latest/files/t"
    pid = pid_of(repo)
    find_all(view, want, None, None)
    fds = descriptors(pid)
    until = time.monotonic() + minutes * 60
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(view, want, i, until, results))
               for i in range(processes)]
    for worker in workers:
        worker.start()
    times_away = 0
    most = 0
    while time.monotonic() < until - 4:
        time.sleep(min(10, max(1, minutes * 6)))
        os.rename(repo, repo + ".away")
        time.sleep(0.3)
        os.rename(repo + ".away", repo)
        times_away += 1
        most = max(most, peak_mib(pid)[1])
    ends = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    done, errors = sum(e[0] for e in ends), sum(e[1] for e in ends)
    find_all(view, want, None, None)
    time.sleep(1)
    peak, _ = peak_mib(pid)
    left = descriptors(pid)
    print(f"{processes} processes, {minutes:g} minutes: {done} reads, {errors} errors while the "
          f"store was away ({times_away} times), peak {most} MiB of its own ({peak} MiB resident), "
          f"descriptors {fds} at first and {left} at the end, HF_TEST_SEED={SEED}")
    problems = [e[2] for e in ends if e[2]]
    if most > BOUND_MIB:
        problems.append(f"{most} MiB, more than {BOUND_MIB}")
    if left > fds + 80:  # the open files of packs are kept, at most 64
        problems.append(f"{left - fds} descriptors more than at first")
    if not done:
        problems.append("nothing was read")
    for problem in problems:
        print("FAILED: " + problem)
    return 1 if problems else 0


def main():
    minutes = float(sys.argv[1])
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else 16
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        print("SKIP: /dev/fuse is not there, or not ours to use")
        return 77
    top = tempfile.mkdtemp(prefix="holdfast-soak.", dir=os.environ.get("HF_E2E_DIR", "/var/tmp"))
    try:
        return soak(top, minutes, processes)
    finally:
        subprocess.run(["fusermount3", "-u", top + "/mnt"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
