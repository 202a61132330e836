"""§5 Commits, §6 Checkpoints and segments."""

import collections
import datetime
import re

from stranger.encodings import (
    Bad, Cursor, LEVEL_MAX, PACK_RECORD_MAX, RECORDS_MAX, RECORD_MAX, SEGMENTS_MAX, SIZE_MAX,
    SNAPSHOT_MAX, ZERO_ID, check_signature, length_of, need, sha256, u32)
from stranger.objects import (
    CHECKPOINT, COMMIT, COMMIT_NAME, CONTENT, Container, Header, META, SEGMENT, take_table)
from stranger.keyring import MAINTAIN, READ, WRITE

(PACK, SNAPSHOT, UNFINISHED, JOURNAL, TOMBSTONE, ANNOUNCE, WANTED, SUBSTITUTE, PROVEN, TIER, RESULT,
 ORIGIN, RELIES) = range(1, 14)

Origin = collections.namedtuple("Origin", "commit slot seen")
Pack = collections.namedtuple("Pack", "id size header rows")
Journal = collections.namedtuple("Journal", "source name begin size indirect extents")
Tombstone = collections.namedtuple("Tombstone", "snapshots source names")
Substitute = collections.namedtuple("Substitute", "lost offset length extents")

FORBIDDEN_IN_SOURCES = re.compile(
    "[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
SOURCE_KINDS = {"pg": 1, "redis": 1, "velero": 1, "pv": 2, "bucket": 1, "files": 1}


def take_source(cursor, may_be_empty=False):
    text = cursor.str(256, 0 if may_be_empty else 1)
    try:
        kind, *parts = text.decode("utf-8").split("/")
    except UnicodeDecodeError as err:
        raise Bad("a source that is not UTF-8") from err
    if text:
        need(SOURCE_KINDS.get(kind) == len(parts), "a source of an unknown kind")
    for part in parts:
        need(1 <= len(part.encode()) <= 255 and part not in (".", ".."), "a bad part in a source")
        need(not FORBIDDEN_IN_SOURCES.search(part), "a forbidden character in a source")
    return text


class Snapshot:
    def __init__(self, body):
        self.id = sha256(body)[:16]
        cursor = Cursor(body)
        self.run = cursor.raw(16)
        self.source = take_source(cursor)
        self.moment, self.started, self.ended = cursor.time(), cursor.time(), cursor.time()
        self.root = cursor.bytes()
        self.files, self.size, self.names, self.unreadable = [cursor.var() for _ in range(4)]
        self.host, self.user = cursor.str(4096), cursor.str(4096)
        self.paths = cursor.strs(4096)
        self.labels = cursor.pairs(64, 64, 256)
        need(not any(0 in value for value in self.labels.values()), "a NUL in a label")
        cursor.var()
        self.parent = cursor.raw(16)
        self.underused = cursor.extents(holes=False)
        self.values = cursor.pairs(64, 64, 4096)
        cursor.end()


def parse_pack(cursor):
    object_id, size, header = cursor.id(), cursor.var(), Header(cursor.raw(64))
    need(header.kind in (CONTENT, META), "a pack of a wrong kind")
    rows, end = take_table(cursor)
    need(end <= size <= SIZE_MAX[header.kind], "a pack that is too small for its chunks")
    return Pack(object_id, size, header, rows)


def parse_journal(cursor):
    source, name = take_source(cursor), cursor.str(1024, 1)
    begin, _, size, indirect = cursor.time(), cursor.time(), cursor.var(), cursor.one_of(0, 1)
    extents = cursor.extents(holes=not indirect)
    if indirect:
        need(size and extents, "an empty file of extents")
    else:
        need(length_of(extents) == size, "extents of another length")
    cursor.pairs(64, 64, 4096)
    return Journal(source, name, begin, size, indirect, extents)


def parse_tombstone(cursor):
    snapshots = [cursor.raw(16) for _ in range(cursor.count())]
    tombstone = Tombstone(snapshots, take_source(cursor, True), cursor.strs(1024))
    need(snapshots or tombstone.source, "a tombstone for nothing")
    need(tombstone.source or not tombstone.names, "names without a source")
    return tombstone


def parse_substitute(cursor):
    lost, offset, length = cursor.id(), cursor.var(), cursor.var()
    extents = cursor.extents()
    need(length > 0 and length_of(extents) == length, "a substitute of another length")
    return Substitute(lost, offset, length, extents)


def parse_result(cursor):
    cursor.one_of(1, 2)
    source = take_source(cursor)
    cursor.time(), cursor.time(), cursor.var(), cursor.var(), cursor.one_of(0, 1), cursor.str(4096)
    return source


def parse_unfinished(cursor):
    return PARSERS[cursor.one_of(SNAPSHOT, JOURNAL)](cursor)


PARSERS = {
    PACK: parse_pack, SNAPSHOT: lambda c: Snapshot(c.raw(c.left())), UNFINISHED: parse_unfinished,
    JOURNAL: parse_journal, TOMBSTONE: parse_tombstone,
    ANNOUNCE: lambda c: (c.time(), c.ids(), c.ids()), WANTED: lambda c: (c.id(), c.id()),
    SUBSTITUTE: parse_substitute, PROVEN: lambda c: (c.time(), c.one_of(1, 2), c.ids()),
    TIER: lambda c: (c.one_of(0, 1, 2, 3), c.ids()), RESULT: parse_result,
    ORIGIN: lambda c: Origin(c.id(), c.u32(), c.time()),
    RELIES: lambda c: (c.ids(), c.extents(holes=False))}


def take_records(cursor, allowed=range(1, 14)):
    """[(kind, value, origin or None)] to the end; an origin goes with the record behind it."""
    records, origin = [], None
    while cursor.left():
        kind = cursor.var()
        most = {PACK: PACK_RECORD_MAX, SNAPSHOT: SNAPSHOT_MAX, UNFINISHED: SNAPSHOT_MAX}
        body = cursor.bytes(most.get(kind, RECORD_MAX))
        need(kind in allowed, f"a record of kind {kind}, which is unknown or does not belong here")
        cursor_of_body = Cursor(body)
        value = PARSERS[kind](cursor_of_body)
        cursor_of_body.end()
        if kind == ORIGIN:
            need(origin is None, "an origin behind an origin")
            origin = value
            continue
        records.append((kind, value, origin))
        origin = None
        need(len(records) <= RECORDS_MAX, "too many records")
    need(origin is None, "an origin of nothing")
    return records


def has_right(slot, kind, value):
    right = {PACK: WRITE | MAINTAIN, SNAPSHOT: WRITE, UNFINISHED: WRITE, JOURNAL: WRITE,
             TOMBSTONE: MAINTAIN, ANNOUNCE: MAINTAIN, WANTED: READ, SUBSTITUTE: WRITE,
             TIER: MAINTAIN, RESULT: READ, RELIES: WRITE | MAINTAIN,
             PROVEN: READ | MAINTAIN if kind == PROVEN and value[1] == 1 else READ}[kind]
    source = value if kind == RESULT else getattr(value, "source", b"")
    return bool(slot.rights & right) and (not source or slot.may_write(source))


def check_signer(signed, keyring, domain):
    need(signed.slot in keyring.slots, f"slot {signed.slot} is not in the keyring")
    message = (domain + keyring.repository + u32(signed.header.epoch) + u32(signed.slot)
               + signed.hashes)
    check_signature(keyring.slots[signed.slot].signing, signed.signature, message)


class PackObject(Container):
    """With what it completes, if it says so; a segment says nothing of the kind."""

    def __init__(self, keys, data, kind):
        super().__init__(keys, data, kind)
        self.slot, self.records = None, []
        if kind != SEGMENT and self.signature:
            cursor = Cursor(self.body)
            self.slot, self.store_id = cursor.u32(), cursor.raw(16)
            self.records = take_records(cursor, (SNAPSHOT, UNFINISHED, JOURNAL))

    def check(self, keyring):
        if self.slot is not None:
            check_signer(self, keyring, b"holdfast pack 1\0")


class Commit(Container):
    def __init__(self, keys, data, name):
        super().__init__(keys, data, COMMIT)
        match = COMMIT_NAME.match(name)
        need(match[2] == self.object_id.hex(), "its digest is not its name")
        need(sum(row.plain for row in self.rows if row.id != ZERO_ID) <= 64 << 10,
             "too much content in a commit")
        cursor = Cursor(self.body)
        self.slot, self.time, self.store_id = cursor.u32(), cursor.time(), cursor.raw(16)
        self.keyring, self.checkpoint = cursor.u32(), (cursor.u32(), cursor.id())
        named = datetime.datetime.strptime(match[1], "%Y%m%dT%H%M%SZ")
        named = named.replace(tzinfo=datetime.timezone.utc)
        need(self.time == int(named.timestamp()) * 10**9, "its time is not that of its name")
        self.records = take_records(cursor)

    def check(self, keyring):
        check_signer(self, keyring, b"holdfast commit 1\0")


SegmentRef = collections.namedtuple("SegmentRef", "what level id size rows first last")
OF_CHUNKS, OF_PACKS, OF_RECORDS, OF_COMMITS = 1, 2, 3, 4


class Checkpoint(Container):
    def __init__(self, keys, data, number):
        super().__init__(keys, data, CHECKPOINT)
        need(not self.rows, "a checkpoint with chunks")
        cursor = Cursor(self.body)
        self.slot, self.store_id, self.number = cursor.u32(), cursor.raw(16), cursor.u32()
        need(self.number == number, "its number is not that of its name")
        self.before = cursor.id()
        need((self.before == ZERO_ID) == (number == 1), "the id of the checkpoint before")
        self.cutoff, self.keyring = cursor.time(), cursor.u32()
        for _ in range(cursor.count()):
            cursor.id(), cursor.id(), cursor.one_of(0, 1)
        self.swept = set(cursor.ids())
        self.segments = [self.take_segment(cursor) for _ in range(cursor.count(SEGMENTS_MAX))]
        self.records = take_records(cursor, range(TOMBSTONE, ORIGIN + 1))
        need(all(origin for _, _, origin in self.records), "a record without its origin")

    @staticmethod
    def take_segment(cursor):
        ref = SegmentRef(cursor.u8(), cursor.u8(), cursor.id(), cursor.var(), cursor.var(),
                         cursor.id(), cursor.id())
        need(1 <= ref.what <= 4 and ref.level <= LEVEL_MAX, "a segment of an unknown kind")
        need(ref.rows > 0 and ref.first <= ref.last, "an empty segment")
        return ref

    def check(self, keyring):
        need(self.slot in keyring.slots, f"slot {self.slot} is not in the keyring")
        slot = keyring.slots[self.slot]
        need(slot.rights & MAINTAIN and not slot.patterns, f"slot {self.slot} may not maintain all")
        need(slot.live or self.number <= slot.last_checkpoint, f"slot {self.slot} is revoked")
        message = (b"holdfast checkpoint 1\0" + keyring.repository + u32(self.header.epoch)
                   + u32(self.slot) + self.hashes + u32(self.number))
        check_signature(slot.signing, self.signature, message)


class Segment(Container):
    """The rows of a segment, as tuples."""

    def __init__(self, keys, data, ref):
        super().__init__(keys, data, SEGMENT)
        need(self.object_id == ref.id, "its digest is not its name")
        need(len(data) == ref.size, "another size than the checkpoint says")
        cursor = Cursor(self.body)
        need(cursor.u8() == ref.what, "another kind than the checkpoint says")
        firsts = [cursor.id() for _ in range(cursor.count())]
        self.packs = cursor.ids() if ref.what == OF_CHUNKS else []
        cursor.end()
        blocks = [row for row in self.rows if row.id != ZERO_ID]
        need(len(firsts) == len(blocks), "not one first key for each block")
        self.content, last = [], (b"",)
        for first, block in zip(firsts, blocks):
            plain = self.open_row(keys, block)
            need(sha256(plain) == block.id, "a block is not what its id says")
            rows = list(self.take_rows(ref.what, Cursor(plain)))
            need(rows and rows[0][0][0] == first, "a block's first key is another")
            for order, row in rows:
                need(last <= order, "rows do not ascend")
                last = order
                self.content.append(row)
        need(len(self.content) == ref.rows, "not so many rows as the checkpoint says")
        need(firsts[0] == ref.first and last[0] == ref.last, "keys of a wrong range")

    def take_rows(self, what, cursor):
        """Of each row: by what it is ordered (the key first), and the row."""
        if what == OF_RECORDS:
            allowed = (SNAPSHOT, UNFINISHED, JOURNAL, ORIGIN)
            for kind, value, origin in take_records(cursor, allowed):
                need(origin, "a record without its origin")
                moment = value.begin if isinstance(value, Journal) else value.moment
                key = sha256(value.source)[:24] + (moment + (1 << 63)).to_bytes(8, "big")
                yield (key,), (kind, value, origin)
            return
        n = 0
        while cursor.left():
            n += 1
            key = cursor.id()
            if what == OF_CHUNKS:
                row = key, cursor.u32(), cursor.u32(), cursor.u32(), cursor.u32()
                need(row[1] < len(self.packs), "a pack that is not in the list")
                yield row[:3], row
            elif what == OF_PACKS:
                size, header, tier = cursor.var(), Header(cursor.raw(64)), cursor.u8()
                slot, seen, proven, depth = cursor.u32(), cursor.time(), cursor.time(), cursor.u8()
                need(tier <= 3 and depth <= 2, "a row of a pack")
                yield (key,), (key, size, header, slot, seen, proven)
            else:
                yield (key,), key
        need(what == OF_COMMITS or n <= 1024, "too many rows in a block")
