"""§2 Objects and §3 Keys."""

import collections
import hmac
import os
import re
import sys

import zstandard

from stranger.encodings import (
    Bad, CHUNK_MAX, Cursor, LAST_SECTION_MAX, ZERO_ID, agree, gcm_open, hk, need, sha256, u32)

CONTENT, META, COMMIT, CHECKPOINT, SEGMENT = 1, 2, 3, 4, 5

COMMIT_NAME = re.compile(r"commits/(\d{8}T\d{6}Z)-([0-9a-f]{64})$")
PACK_NAME = re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{62})$")
META_NAME = re.compile(r"meta/([0-9a-f]{2})/(\1[0-9a-f]{62})$")
NUMBERED_NAME = re.compile(r"(keyring|checkpoints)/(\d{10})$")


class Store:
    """A directory, in which a bad or missing object may have a good twin."""

    def __init__(self, path):
        self.path = path
        self.problems = []
        self.has_twin = os.path.isdir(os.path.join(path, "twin"))

    def report(self, what):
        if what not in self.problems:
            self.problems.append(what)
            print(f"reader: {what}", file=sys.stderr)

    def places(self, name):
        yield os.path.join(self.path, name)
        if self.has_twin and not name.startswith("packs/"):
            yield os.path.join(self.path, "twin", name)

    def list(self, folder):
        """Names below a folder, also of what only the twin has left, ascending."""
        found = set()
        for top in (self.path, os.path.join(self.path, "twin")):
            for parent, _, names in os.walk(os.path.join(top, folder)):
                found.update(os.path.relpath(os.path.join(parent, name), top) for name in names)
        return sorted(name for name in found if not os.path.basename(name).startswith("."))

    def try_each(self, name, use):
        """use(file) of the first copy for which it raises nothing; the bad ones are reported."""
        failures = []
        for place in self.places(name):
            try:
                with open(place, "rb") as file:
                    result = use(file)
            except (Bad, OSError, ValueError) as err:
                failures.append(f"{os.path.relpath(place, self.path)}: {err}")
                continue
            for failure in failures:
                self.report(failure + " (its twin is good)")
            return result
        raise Bad("; ".join(failures))

    def whole(self, name, parse, most):
        """parse(bytes) of the first copy that parses."""
        def use(file):
            data = file.read(most + 1)
            need(len(data) <= most, "larger than allowed")
            return parse(data)
        return self.try_each(name, use)


class Header:
    def __init__(self, data):
        self.data = bytes(data)
        cursor = Cursor(self.data)
        need(cursor.raw(8) == b"HOLDFAST", "not an object of Holdfast")
        version = cursor.u8()
        need(version == 1, f"version {version}")
        self.kind = cursor.u8()
        need(1 <= self.kind <= 5, f"kind {self.kind}")
        need(cursor.u16() == 0, "header: not zero at 10")
        self.epoch = cursor.u32()
        need(self.epoch >= 1, "header: epoch 0")
        self.features = cursor.u64()
        need(cursor.u64() == 0, "header: not zero at 24")
        self.public = cursor.raw(32)
        cursor.end()
        need(self.features == 0, "requires a feature that this program does not know")


Row = collections.namedtuple("Row", "id plain stored offset")


def take_table(cursor):
    rows, offset = [], 64
    for _ in range(cursor.count()):
        row = Row(cursor.id(), cursor.var(CHUNK_MAX), cursor.var(CHUNK_MAX + 16), offset)
        need(row.plain >= 1 and 16 < row.stored <= row.plain + 16, "a row with wrong lengths")
        if row.id == ZERO_ID:
            need(row.stored == row.plain + 16, "padding that is compressed")
        else:
            need(not rows or rows[-1].id != ZERO_ID, "a chunk behind padding")
        rows.append(row)
        offset += row.stored
    return rows, offset


def decompress(packed, plain_length):
    need(packed[:5] == b"\x28\xb5\x2f\xfd\0" and len(packed) > 6, "not a frame as it should be")
    window = packed[5]
    base = 1 << (10 + (window >> 3))
    need(base + (base >> 3) * (window & 7) <= CHUNK_MAX, "a window too large")
    try:
        plain = zstandard.ZstdDecompressor().decompress(
            packed, max_output_size=plain_length, allow_extra_data=False)
    except zstandard.ZstdError as err:
        raise Bad(f"does not decompress: {err}") from err
    need(len(plain) == plain_length, "another length than the table says")
    return plain


def open_chunk(keys, header, row, sealed):
    """The plain bytes; their id is for the caller to check, who knows what they should be."""
    bound = keys.repository + header.data + row.id + u32(row.plain)
    packed = gcm_open(keys.of_chunks(header), row.offset, bound, sealed)
    if row.stored == row.plain + 16:
        return packed
    return decompress(packed, row.plain)


class Container:
    """An object but a keyring, opened: header, rows, body; signed ones also signature, message."""

    def __init__(self, keys, data, kind):
        self.header = Header(data[:64])
        need(self.header.kind == kind, f"kind {self.header.kind} where {kind} belongs")
        self.object_id = sha256(data)
        if kind == CHECKPOINT:
            need(hmac.compare_digest(data[-32:], sha256(data[:-32])), "its digest is wrong")
            data = data[:-32]
        need(len(data) >= 64 + 16 + 4, "too short")
        sealed_length = Cursor(data[-4:]).u32()
        begin = len(data) - 4 - sealed_length
        need(sealed_length <= LAST_SECTION_MAX + 16 and begin >= 64, "last section: its length")
        last = gcm_open(keys.of_last_section(self.header), (1 << 96) - 1,
                        keys.repository + self.header.data, data[begin:-4])
        cursor = Cursor(last)
        self.rows, end = take_table(cursor)
        need(end == begin, "the chunks do not fill the object")
        self.chunks, self.body, self.signature = data[:begin], last[cursor.at:], None
        if kind in (COMMIT, CHECKPOINT) or (kind in (CONTENT, META) and self.body):
            need(len(self.body) >= 64, "no signature")
            self.body, self.signature = self.body[:-64], self.body[-64:]
            self.hashes = sha256(data[:begin]) + sha256(last[:-64])

    def open_row(self, keys, row):
        return open_chunk(keys, self.header, row,
                          self.chunks[row.offset:row.offset + row.stored])


class Keys:
    """What the own slot was granted."""

    def __init__(self, repository):
        self.repository = repository
        self.shared = None    # R
        self.meta = {}        # epoch: M_e
        self.content = {}     # epoch: c_e
        self.public = {}      # epoch: C_e
        self.id_key = self.meta_id_key = self.page_key = None

    def set_shared(self, shared):
        self.shared = shared
        self.id_key = self.hk("id", shared)
        self.meta_id_key = self.hk("meta-id", shared)
        self.page_key = self.hk("page", shared)

    def hk(self, label, ikm, context=b""):
        return hk(self.repository, label, ikm, context)

    def meta_of(self, epoch):
        need(epoch in self.meta, f"epoch {epoch} is not in the keyring")
        return self.meta[epoch]

    def content_of(self, epoch):
        need(epoch in self.content, f"there is no key for content of epoch {epoch}")
        return self.content[epoch]

    def of_chunks(self, header):
        if header.kind in (CONTENT, COMMIT):
            agreement = agree(self.content_of(header.epoch), header.public)
            return self.hk("content", agreement, header.data + self.public[header.epoch])
        return self.hk("meta", self.meta_of(header.epoch), header.data)

    def of_last_section(self, header):
        label = "last" if header.kind in (CONTENT, COMMIT) else "meta"
        return self.hk(label, self.meta_of(header.epoch), header.data)

    def open_secret(self, sealed):
        """F of a fingerprint."""
        need(len(sealed) == 84, "a secret has 84 bytes")
        epoch, public = Cursor(sealed).u32(), sealed[4:36]
        agreement = agree(self.content_of(epoch), public)
        key = self.hk("secret", agreement, sealed[:36] + self.public[epoch])
        return gcm_open(key, 0, b"", sealed[36:])
