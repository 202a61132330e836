"""§9 Who wins, §10 Reading without a catalog."""

import bisect
import collections
import os
import time

from stranger.encodings import (
    Bad, BlockFile, Cursor, Extent, MIB, SIZE_MAX, ZERO_ID, hmac_sha256, length_of, need)
from stranger.objects import (
    CHECKPOINT, COMMIT, COMMIT_NAME, CONTENT, Header, Row, SEGMENT, open_chunk)
from stranger.keyring import open_keyring
from stranger.records import (
    Checkpoint, Commit, JOURNAL, OF_CHUNKS, OF_PACKS, OF_RECORDS, Origin, PACK, Pack, SNAPSHOT,
    SUBSTITUTE, Segment, TOMBSTONE, has_right)
from stranger.directories import DIRECTORY, Fingerprint, REGULAR, take_directory_block

Place = collections.namedtuple("Place", "object header row")  # object: its name


class Repository:
    """Keys, the state by the newest checkpoint and the commits since, and chunks by id."""

    def __init__(self, store, secret, way, slot_name):
        self.store = store
        self.keyring, self.slot, self.keys = open_keyring(store, secret, way, slot_name)
        self.packs = {}        # pack id: Pack; rows None where only a segment knows the pack
        self.places = collections.defaultdict(list)
        self.records = []      # (kind, value, Origin), those that count
        self.cache, self.cached = collections.OrderedDict(), 0
        commits = self.load_commits()
        self.checkpoint = self.load_checkpoint()
        self.contained = set()
        self.take_checkpoint()
        for name, commit in commits:
            self.take_commit(name, commit)
        self.index_packs()
        self.settle()

    # Commits and the checkpoint

    def load_commits(self):
        commits = []
        for name in self.store.list("commits"):
            def parse(data, name=name):
                commit = Commit(self.keys, data, name)
                commit.check(self.keyring)
                return commit
            try:
                need(COMMIT_NAME.match(name), f"{name}: a name out of form")
                commits.append((name, self.store.whole(name, parse, SIZE_MAX[COMMIT])))
            except Bad as err:
                self.store.report(str(err))
        return commits

    def load_checkpoint(self):
        for name in reversed(self.store.list("checkpoints")):
            def parse(data, name=name):
                checkpoint = Checkpoint(self.keys, data, int(name.partition("/")[2]))
                checkpoint.check(self.keyring)
                return checkpoint
            try:
                return self.store.whole(name, parse, SIZE_MAX[CHECKPOINT])
            except Bad as err:
                self.store.report(str(err))
        raise Bad("no checkpoint verifies, so the store is not known")

    def take_checkpoint(self):
        chunks = []
        for ref in self.checkpoint.segments:
            name = meta_name(ref.id)
            try:
                segment = self.store.whole(
                    name, lambda data: Segment(self.keys, data, ref), SIZE_MAX[SEGMENT])
            except Bad as err:
                self.store.report(str(err))
                continue
            if ref.what == OF_CHUNKS:
                chunks.append(segment)
            elif ref.what == OF_PACKS:
                for key, size, header, *_ in segment.content:
                    self.packs[key] = Pack(key, size, header, None)
            elif ref.what == OF_RECORDS:
                self.records += segment.content
            else:
                self.contained.update(segment.content)
        self.records += self.checkpoint.records
        for segment in chunks:
            for key, index, offset, stored, plain in segment.content:
                pack = self.packs.get(segment.packs[index])
                if pack:
                    self.add_place(pack_name(pack), pack, Row(key, plain, stored, offset))

    def counts(self, commit):
        slot = self.keyring.slots[commit.slot]
        if commit.store_id != self.checkpoint.store_id:
            return False
        if commit.object_id in self.contained:
            return True
        if commit.time < self.checkpoint.cutoff or commit.time > time.time_ns() + 86400 * 10**9:
            return False
        return slot.live or commit.object_id in slot.commits

    def take_commit(self, name, commit):
        counts, slot = self.counts(commit), self.keyring.slots[commit.slot]
        origin = Origin(commit.object_id, commit.slot, commit.time)
        if commit.rows:
            own = Pack(commit.object_id, None, commit.header, commit.rows)
            for row in commit.rows:
                self.add_place(name, own, row)
        for kind, value, _ in commit.records:
            if kind == PACK:
                self.packs[value.id] = value   # readable, whoever named it: ids tell what is right
            elif counts and has_right(slot, kind, value):
                self.records.append((kind, value, origin))

    def index_packs(self):
        for pack in self.packs.values():
            for row in pack.rows or ():
                self.add_place(pack_name(pack), pack, row)

    def add_place(self, name, pack, row):
        if row.id != ZERO_ID and pack.id not in self.checkpoint.swept:
            place = Place(name, pack.header, row)
            if place not in self.places[row.id]:
                self.places[row.id].append(place)

    def settle(self):
        self.snapshots, dead, dead_sources, newest = {}, set(), set(), {}
        self.journal, self.substitutes = [], collections.defaultdict(list)
        for kind, value, origin in sorted(self.records, key=lambda r: (r[2].seen, r[2].commit)):
            if kind == SNAPSHOT:
                self.snapshots.setdefault(value.id, value)
            elif kind == JOURNAL:
                self.journal.append(value)
            elif kind == TOMBSTONE:
                dead.update(value.snapshots)
                if value.source and not value.names:
                    dead_sources.add(value.source)
            elif kind == SUBSTITUTE:
                self.substitutes[value.lost].append(value)
        for snapshot in self.snapshots.values():
            key = (snapshot.moment, snapshot.id)
            newest[snapshot.source] = max(newest.get(snapshot.source, key), key)
        self.snapshots = {
            i: s for i, s in self.snapshots.items()
            if s.source not in dead_sources and (i not in dead or newest[s.source][1] == i)}

    def by_age(self):
        return sorted(self.snapshots.values(), key=lambda s: (s.moment, s.id))

    def choose(self, which):
        found = [s for s in self.by_age() if which is None or s.source == os.fsencode(which)]
        if found:
            return found[-1]
        found = [s for s in self.by_age() if s.id.hex().startswith(which or "")]
        need(len(found) == 1, f"{which or 'anything'}: {len(found)} snapshots of that id or source")
        return found[0]

    # Chunks and what consists of them

    def chunk(self, chunk_id, meta):
        """Its plain bytes, from the first copy that is good."""
        if (chunk_id, meta) in self.cache:
            self.cache.move_to_end((chunk_id, meta))
            return self.cache[chunk_id, meta]
        failures = []
        for place in self.places.get(chunk_id, ()):
            try:
                plain = self.chunk_at(place, meta)
            except Bad as err:
                failures.append(f"chunk {chunk_id.hex()} in {err}")
                continue
            for failure in failures:
                self.store.report(failure + " (another copy is good)")
            self.cache[chunk_id, meta] = plain
            self.cached += len(plain)
            while self.cached > 128 * MIB:
                self.cached -= len(self.cache.popitem(last=False)[1])
            return plain
        raise Bad("; ".join(failures) or f"chunk {chunk_id.hex()} is nowhere")

    def chunk_at(self, place, meta):
        def use(file):
            header = Header(file.read(64))
            need(header.data == place.header.data, "its header is not what its record says")
            file.seek(place.row.offset)
            sealed = file.read(place.row.stored)
            need(len(sealed) == place.row.stored, "it ends too early")
            plain = open_chunk(self.keys, header, place.row, sealed)
            key = self.keys.meta_id_key if meta else self.keys.id_key
            need(hmac_sha256(key, plain) == place.row.id, "a chunk is not what its id says")
            return plain
        return self.store.try_each(place.object, use)

    def chunk_range(self, extent, meta, depth=0):
        try:
            plain = self.chunk(extent.chunk, meta)
        except Bad:
            if meta or depth > 8 or extent.chunk not in self.substitutes:
                raise
            return self.substituted(extent, depth)
        need(extent.offset + extent.length <= len(plain), "an extent beyond its chunk")
        return plain[extent.offset:extent.offset + extent.length]

    def substituted(self, extent, depth):
        """What stands in for a range of a lost chunk; the fingerprint tells whether it is right."""
        data = b""
        while len(data) < extent.length:
            at = extent.offset + len(data)
            fit = [s for s in self.substitutes[extent.chunk]
                   if s.offset <= at < s.offset + s.length]
            need(fit, f"chunk {extent.chunk.hex()} is lost, and nothing stands in for a part of it")
            skip, most = at - fit[0].offset, extent.length - len(data)
            for _, part in self.parts(fit[0].extents, skip, most, False, depth + 1):
                data += part
        return data

    def parts(self, extents, offset, length, meta, depth=0):
        """(where, bytes) of a range of what the extents describe; holes as zeros."""
        starts = [0]
        for extent in extents:
            starts.append(starts[-1] + extent.length)
        end = min(offset + length, starts[-1])
        i = bisect.bisect_right(starts, offset) - 1
        while offset < end:
            extent, skip = extents[i], offset - starts[i]
            length = min(extent.length - skip, end - offset)
            part = Extent(length, extent.chunk, extent.offset + skip)
            hole = part.chunk is None
            yield offset, bytes(length) if hole else self.chunk_range(part, meta, depth)
            offset, i = offset + length, i + 1

    def meta_bytes(self, extents, offset=0, length=1 << 62):
        return b"".join(data for _, data in self.parts(extents, offset, length, True))

    def block_file(self, extents, take_key):
        return BlockFile(extents, lambda at, n: self.meta_bytes(extents, at, n), take_key)

    def direct_extents(self, entry):
        """The extents that are the content, read from the file of extents if there is one."""
        if not entry.indirect:
            return entry.extents
        extents, file, total = [], self.block_file(entry.extents, Cursor.var), 0
        is_directory = getattr(entry, "type", REGULAR) == DIRECTORY
        for offset, cursor in file.each():
            need(offset == total, "a block of extents that begins elsewhere")
            block = cursor.extents(256, not is_directory)
            cursor.end()
            need(block, "an empty block of extents")
            total += length_of(block)
            extents += block
        need(is_directory or total == entry.size, "extents of another length than the file")
        return extents

    def entries(self, directory):
        """The entries of a directory, block by block."""
        if not directory.size:
            return
        file = self.block_file(self.direct_extents(directory), lambda c: c.bytes(1024))
        last, n = b"", 0
        for first, cursor in file.each():
            entries = take_directory_block(cursor)
            need(entries[0].name == first, "a block's first name is another")
            for entry in entries:
                need(entry.name > last, "names do not ascend")
                need(b"/" not in entry.name and b"\0" not in entry.name
                     and entry.name not in (b".", b".."), "a name that is none")
                last, n = entry.name, n + 1
                yield entry
        need(n == directory.size, "not so many names as the directory says")

    def root(self, snapshot):
        entries = take_directory_block(Cursor(snapshot.root))
        need(len(entries) == 1, "a root is one entry")
        return entries[0]

    def content(self, entry):
        """(offset, bytes) of a file but its holes; at the end its fingerprint is compared."""
        fingerprint = None
        if getattr(entry, "fingerprint", None):
            fingerprint = Fingerprint(self.keys.open_secret(self.meta_bytes(entry.fingerprint[0])))
        offset = 0
        for extent in self.direct_extents(entry):
            if extent.chunk is not None:
                data = self.chunk_range(extent, False)
                if fingerprint:
                    fingerprint.data(offset, data)
                yield offset, data
            offset += extent.length
        if fingerprint:
            need(fingerprint.end(entry.size) == entry.fingerprint[1], "the fingerprint is another")


def meta_name(object_id):
    return f"meta/{object_id.hex()[:2]}/{object_id.hex()}"


def pack_name(pack):
    folder = "packs" if pack.header.kind == CONTENT else "meta"
    return f"{folder}/{pack.id.hex()[:2]}/{pack.id.hex()}"
