"""§7 Directories."""

import hmac

from stranger.encodings import EXTENTS_OF_BLOCK, MIB, length_of, need

REGULAR, DIRECTORY, SYMLINK, CHARACTER, BLOCK, FIFO, SOCKET = range(1, 8)
LINKS, INDIRECT, FINGERPRINT, PAGE_MAP, INCOMPLETE = 0x10, 0x20, 0x40, 0x80, 0x100
PIECE, U32_MAX = MIB, (1 << 32) - 1

def take_attributes(cursor):
    attributes, last = {}, b""
    n = cursor.count(256)
    need(n > 0, "an empty set of attributes")
    for _ in range(n):
        name = cursor.str(1024, 1)
        need(name > last, "attributes do not ascend")
        attributes[name], last = cursor.bytes(64 << 10), name
    return attributes


class Entry:
    """One name of a directory. What it has not is None."""

    def __init__(self, cursor, before, tables):
        ids, owners, sets, secrets = tables
        shared = cursor.var(len(before))
        rest = cursor.bytes(1024)
        self.name = before[:shared] + rest
        need(len(self.name) <= 1024, "a name too long")
        need(before[shared:shared + 1] != rest[:1] or not rest, "a name that shares more")
        flags = cursor.var(0x1FF)
        self.type, self.indirect, self.incomplete = flags & 15, flags & INDIRECT, flags & INCOMPLETE
        need(REGULAR <= self.type <= SOCKET, "an entry of an unknown type")
        has_content = self.type in (REGULAR, DIRECTORY)
        need(has_content or not flags & (INDIRECT | INCOMPLETE), "a bit for what has content")
        need(self.type == REGULAR or not flags & (FINGERPRINT | PAGE_MAP), "a bit for files")
        need(self.type != DIRECTORY or not flags & LINKS, "a directory with links")
        self.mode = cursor.var(0o7777)
        self.owner = owners[cursor.var(len(owners) - 1)]
        attributes = cursor.var(len(sets))
        self.attributes = sets[attributes - 1] if attributes else {}
        self.mtime, self.ctime = cursor.time(), cursor.time()
        self.size = cursor.var() if has_content else None
        self.target = cursor.str(4096, 1) if self.type == SYMLINK else None
        if self.type in (CHARACTER, BLOCK):
            self.device = cursor.var(U32_MAX), cursor.var(U32_MAX)
        self.link = cursor.raw(8) if flags & LINKS else None
        need(self.link is None or cursor.var() > 0, "a link without links")
        self.extents, self.fingerprint, self.page_map = [], None, None
        if has_content:
            in_meta = self.indirect or self.type == DIRECTORY
            self.extents = cursor.extents_over(ids, holes=not in_meta)
            self.check_extents()
        if self.type == REGULAR and self.indirect:
            need(cursor.var() <= self.size, "more holes than bytes")
        if flags & FINGERPRINT:
            secret = secrets[cursor.var(len(secrets) - 1)]
            self.fingerprint = secret, cursor.raw(16)
        if flags & PAGE_MAP:
            self.page_map = cursor.extents_over(ids, holes=False)
            need(self.page_map, "an empty page map")

    def check_extents(self):
        need(not self.indirect or self.extents, "an empty file of extents")
        if self.type == DIRECTORY:
            need(bool(self.size) == bool(self.extents), "a directory that is empty or not")
        elif not self.indirect:
            need(len(self.extents) <= 64, "too many extents for an entry")
            need(length_of(self.extents) == self.size, "extents of another length than the file")


def take_directory_block(cursor):
    ids = cursor.ids()
    owners = [(cursor.var(U32_MAX), cursor.var(U32_MAX), cursor.str(1024), cursor.str(1024))
              for _ in range(cursor.count(64))]
    sets = [take_attributes(cursor) for _ in range(cursor.count(64))]
    secrets = [cursor.extents_over(ids, holes=False) for _ in range(cursor.count(64))]
    entries, name = [], b""
    for _ in range(cursor.count(64)):
        entry = Entry(cursor, name, (ids, owners, sets, secrets))
        need(not entries or entry.name > name, "names do not ascend")
        entries.append(entry)
        name = entry.name
    need(entries, "a block without entries")
    need(sum(len(e.extents) for e in entries) <= EXTENTS_OF_BLOCK, "too many extents in a block")
    cursor.end()
    return entries


class Fingerprint:
    """Over data that comes in order; what is skipped is zeros."""

    def __init__(self, secret):
        self.mac = hmac.new(secret, digestmod="sha256")
        self.piece, self.number = bytearray(PIECE), 0

    def data(self, offset, data):
        while data:
            if offset // PIECE != self.number:
                self.flush(PIECE)
                self.number = offset // PIECE
            at = offset % PIECE
            part = data[:PIECE - at]
            self.piece[at:at + len(part)] = part
            offset, data = offset + len(part), data[len(part):]

    def flush(self, length):
        if self.piece.count(0) != PIECE:
            self.mac.update(self.number.to_bytes(8, "little") + self.piece[:length])
            self.piece = bytearray(PIECE)

    def end(self, size):
        self.flush(min(PIECE, size - self.number * PIECE))
        self.mac.update(size.to_bytes(8, "little"))
        return self.mac.digest()[:16]
