#!/usr/bin/python3
"""Reads a Holdfast repository in a directory, written from docs/format.md alone.

    reader.py REPOSITORY (--key-file FILE | --passphrase-file FILE) [--slot NAME] COMMAND

    ls                          the snapshots, oldest first
    restore DEST [WHICH]        WHICH is the beginning of a snapshot's id, or a source (its newest);
                                without it the newest of all
    verify                      every byte of every object, and every snapshot's every file

It shares no line with the program, so it shows whether the document suffices. The parts in
stranger/ follow the order of the document, whose sections they name: encodings, objects, keyring,
records, directories, repository. It needs Python 3.11, and python3-cryptography and
python3-zstandard as Debian 12 has them. A passphrase is its file's first line.

The status is 0 if all was well, 1 if something was bad (each such thing is one line on the standard
error), 2 if the repository can't be opened or DEST not be made.
"""

import argparse
import contextlib
import datetime
import os
import resource
import stat
import sys

from stranger.encodings import (
    Bad, CHUNK_MAX, Cursor, DEPTH_MAX, Denied, ZERO_ID, hmac_sha256, need, sha256)
from stranger.objects import (
    COMMIT_NAME, CONTENT, Container, Header, META, META_NAME, NUMBERED_NAME, PACK_NAME, SEGMENT,
    Store)
from stranger.keyring import COMMAND, KEY_FILE, Keyring, PASSPHRASE
from stranger.records import Checkpoint, Commit, PackObject
from stranger.directories import BLOCK, CHARACTER, DIRECTORY, FIFO, REGULAR, SOCKET, SYMLINK
from stranger.repository import Repository, pack_name


def show_time(nanoseconds):
    seconds, rest = divmod(nanoseconds, 10**9)
    date = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{date.isoformat()}.{rest:09}Z"


def command_ls(repository):
    for s in repository.by_age():
        print(s.id.hex(), show_time(s.moment), os.fsdecode(s.source), s.files, s.size, sep="\t")


class Restore:
    """Makes files below a directory's descriptor, so no path is ever too long."""

    def __init__(self, repository):
        self.repository = repository
        self.links = {}   # link id: where the first of its names was made

    def run(self, entry, dest):
        top = os.path.abspath(os.fsencode(dest))
        parent = os.open(os.path.dirname(top), os.O_RDONLY | os.O_DIRECTORY)
        self.make(parent, os.path.basename(top), entry, ())

    def make(self, parent, name, entry, path):
        """path: names from DEST on."""
        if entry.incomplete:
            print(f"reader: {show_path(path)}: changed while it was read", file=sys.stderr)
        if entry.link is not None and entry.link in self.links:
            return self.make_link(parent, name, self.links[entry.link])
        if entry.type == DIRECTORY:
            os.mkdir(name, 0o700, dir_fd=parent)
            with self.opened(name, os.O_RDONLY | os.O_DIRECTORY, parent) as fd:
                if not path:
                    self.top = fd
                for child in self.each(entry, path):
                    self.make(fd, child.name, child, path + (child.name,))
        elif entry.type == REGULAR:
            self.make_file(parent, name, entry, path)
        elif entry.type == SYMLINK:
            os.symlink(entry.target, name, dir_fd=parent)
        else:
            kind = {CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK, FIFO: stat.S_IFIFO,
                    SOCKET: stat.S_IFSOCK}[entry.type]
            device = os.makedev(*entry.device) if entry.type in (CHARACTER, BLOCK) else 0
            os.mknod(name, kind | 0o600, device, dir_fd=parent)
        self.finish(parent, name, entry, path)
        if entry.link is not None:
            self.links[entry.link] = path

    @staticmethod
    @contextlib.contextmanager
    def opened(name, flags, parent):
        fd = os.open(name, flags | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        try:
            yield fd
        finally:
            os.close(fd)

    def each(self, entry, path):
        try:
            yield from self.repository.entries(entry)
        except Bad as err:
            self.repository.store.report(f"{show_path(path)}: {err}")

    def make_file(self, parent, name, entry, path):
        with self.opened(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, parent) as fd:
            os.ftruncate(fd, entry.size)
            try:
                for offset, data in self.repository.content(entry):
                    while data:
                        n = os.pwrite(fd, data, offset)
                        offset, data = offset + n, data[n:]
            except Bad as err:
                self.repository.store.report(f"{show_path(path)}: {err}")

    def make_link(self, parent, name, first):
        with contextlib.ExitStack() as stack:
            fd = self.top
            for part in first[:-1]:
                fd = stack.enter_context(self.opened(part, os.O_PATH | os.O_DIRECTORY, fd))
            os.link(first[-1], name, src_dir_fd=fd, dst_dir_fd=parent, follow_symlinks=False)

    def finish(self, parent, name, entry, path):
        """Owner first, as a change of it clears bits of the mode and capabilities; times last."""
        if os.geteuid() == 0:
            os.chown(name, *entry.owner[:2], dir_fd=parent, follow_symlinks=False)
        here = f"/proc/self/fd/{parent}/".encode() + name
        for attribute, value in entry.attributes.items():
            try:
                os.setxattr(here, attribute, value, follow_symlinks=False)
            except OSError as err:
                text = f"{show_path(path)}: attribute {os.fsdecode(attribute)}: {err.strerror}"
                self.repository.store.report(text)
        if entry.type != SYMLINK:
            os.chmod(name, entry.mode, dir_fd=parent)
        os.utime(name, ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)


def show_path(path):
    return os.fsdecode(b"/" + b"/".join(path))


class Verify:
    """Each copy of each object, and each file of each snapshot."""

    def __init__(self, repository):
        self.repository, self.store = repository, repository.store
        self.seen = set()
        self.chunks = self.files = self.objects = 0

    def run(self):
        names = {name for folder in ("keyring", "checkpoints", "commits", "packs", "meta")
                 for name in self.store.list(folder)}
        swept = self.repository.checkpoint.swept
        names.update(pack_name(p) for p in self.repository.packs.values() if p.id not in swept)
        for name in sorted(names):
            for place in self.store.places(name):
                self.attempt(os.path.relpath(place, self.store.path), self.copy, name, place)
        for snapshot in self.repository.by_age():
            self.entry(self.repository.root(snapshot), (snapshot.id.hex().encode(),))
        for journal in self.repository.journal:
            self.attempt(f"{journal.source} {journal.name}", self.read, journal)
        print(f"{self.objects} objects, {self.chunks} chunks, {self.files} files, "
              f"{len(self.store.problems)} problems")

    def attempt(self, what, check, *args):
        try:
            check(*args)
        except (Bad, OSError, ValueError) as err:
            self.store.report(f"{what}: {err}")

    def copy(self, name, place):
        with open(place, "rb") as file:
            data = file.read()
        self.objects += 1
        keys, keyring = self.repository.keys, self.repository.keyring
        numbered, commit = NUMBERED_NAME.match(name), COMMIT_NAME.match(name)
        if numbered and numbered[1] == "keyring":
            Keyring(data, int(numbered[2])).check(keyring.root)
        elif numbered:
            Checkpoint(keys, data, int(numbered[2])).check(keyring)
        elif commit:
            opened = Commit(keys, data, name)
            opened.check(keyring)
            self.check_chunks(opened)
        else:
            match = PACK_NAME.match(name) or META_NAME.match(name)
            need(match, "a name out of form")
            need(sha256(data).hex() == match[2], "its digest is not its name")
            self.check_pack(data, bytes.fromhex(match[2]),
                            (CONTENT,) if PACK_NAME.match(name) else (META, SEGMENT))

    def check_pack(self, data, pack_id, kinds):
        kind = Header(data[:64]).kind
        need(kind in kinds, "of a kind that does not belong there")
        opened = PackObject(self.repository.keys, data, kind)
        opened.check(self.repository.keyring)
        self.check_chunks(opened)
        known = self.repository.packs.get(pack_id)
        if known:
            need(known.size == len(data) and known.header.data == opened.header.data
                 and known.rows in (None, opened.rows), "not what its record says")

    def check_chunks(self, opened):
        keys = self.repository.keys
        for row in opened.rows:
            plain = opened.open_row(keys, row)
            if row.id == ZERO_ID:
                need(not any(plain), "padding that is not zeros")
                continue
            self.chunks += 1
            if opened.header.kind == SEGMENT:
                right = sha256(plain)
            else:
                meta = opened.header.kind == META
                right = hmac_sha256(keys.meta_id_key if meta else keys.id_key, plain)
            need(right == row.id, f"chunk {row.id.hex()} is not what its id says")

    def known_pack(self, data, pack):
        need(len(data) == pack.size, "another size than its record says")
        opened = Container(self.repository.keys, data, pack.header.kind)
        need(opened.header.data == pack.header.data, "another header than its record says")
        need(pack.rows is None or opened.rows == pack.rows, "another table than its record says")

    def entry(self, entry, path):
        same = (entry.type, entry.size, bool(entry.indirect), tuple(entry.extents),
                entry.fingerprint and (tuple(entry.fingerprint[0]), entry.fingerprint[1]))
        if same in self.seen:
            return
        self.seen.add(same)
        if entry.type == REGULAR:
            self.files += 1
            self.attempt(show_path(path), self.read, entry)
            if entry.page_map:
                self.attempt(show_path(path), self.page_map, entry)
        elif entry.type == DIRECTORY:
            need(len(path) <= DEPTH_MAX, "too deep")
            self.attempt(show_path(path), self.directory, entry, path)

    def directory(self, entry, path):
        for child in self.repository.entries(entry):
            self.entry(child, path + (child.name,))

    def page_map(self, entry):
        cursor = Cursor(self.repository.meta_bytes(entry.page_map))
        size, pages = cursor.u32(), cursor.u64()
        need(512 <= size <= CHUNK_MAX and size & (size - 1) == 0, "a page size out of bounds")
        data = bytearray(entry.size)
        for offset, part in self.repository.content(entry):
            data[offset:offset + len(part)] = part
        need(pages == -(-entry.size // size), "not one hash for each page")
        for i in range(pages):
            page = bytes(data[i * size:(i + 1) * size])
            right = hmac_sha256(self.repository.keys.page_key, page) if any(page) else ZERO_ID
            need(cursor.raw(16) == right[:16], f"page {i} is not what the page map says")
        cursor.end()

    def read(self, entry):
        """A file or a journal entry."""
        for _ in self.repository.content(entry):
            pass


def main():
    parser = argparse.ArgumentParser(description="Reads a Holdfast repository in a directory.")
    parser.add_argument("repository")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--key-file")
    how.add_argument("--passphrase-file")
    parser.add_argument("--slot")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("ls")
    restore = commands.add_parser("restore")
    restore.add_argument("dest")
    restore.add_argument("which", nargs="?")
    commands.add_parser("verify")
    args = parser.parse_args()
    sys.setrecursionlimit(4 * DEPTH_MAX + 1000)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    with open(args.key_file or args.passphrase_file, "rb") as file:
        secret = file.read()
    if args.passphrase_file:
        secret = secret.partition(b"\n")[0].removesuffix(b"\r")
    try:
        store = Store(args.repository)
        way = (PASSPHRASE,) if args.passphrase_file else (KEY_FILE, COMMAND)
        repository = Repository(store, secret, way, args.slot)
        if args.command == "ls":
            command_ls(repository)
        elif args.command == "restore":
            Restore(repository).run(repository.root(repository.choose(args.which)), args.dest)
        else:
            Verify(repository).run()
    except (Bad, Denied, OSError) as err:
        print(f"reader: {err}", file=sys.stderr)
        return 2
    return 1 if store.problems else 0


if __name__ == "__main__":
    sys.exit(main())
