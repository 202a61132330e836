#!/usr/bin/env python3
"""The malformed keyrings, last sections, checkpoints and segments of this folder, and a few good
ones, as entries.py does it. A keyring is without its digest; a last section stands behind its kind
(from 0) and the u16 length of the chunks; a segment's form behind one byte: 0 body, 1 chunk rows,
2 pack rows."""
import struct

from entries import ID, bad, good, header, many, record, sized, time, var


def u32(*numbers):
    return struct.pack(f'<{len(numbers)}I', *numbers)


def key(first):
    return bytes([first]) + bytes(31)


# ---- keyrings ----

SETTINGS = dict(grace=7 * 86400, cutter=1, least=16 << 10, normal=64 << 10, largest=256 << 10,
                below=64 << 10, bundle=256 << 10)


def settings(**changed):
    s = SETTINGS | changed
    return var(s['grace']) + bytes([s['cutter']]) + b''.join(
        var(s[name]) for name in ('least', 'normal', 'largest', 'below', 'bundle'))


def epoch(n=1):
    return u32(n) + time(1000) + bytes(32) + bytes(96)


LIVE, REVOKED = b'\0', b'\1'


def slot(n=1, name='a', rights=8, sources=(), unlock=b'\2', end=None, wrapped=bytes(128)):
    keys = 1 + bool(rights & 11) + bool(rights & 10) + bool(rights & 8)
    if end is None:
        end = LIVE + sized(bytes(48 + 32 * keys))
    return (u32(n) + sized(name) + u32(rights) + many([sized(s) for s in sources]) + bytes(64) +
            unlock + bytes(64) + wrapped + end)


def revoked(ids=(ID,), at=time(5)):
    return REVOKED + at + u32(3) + many(ids)


def keyring(slots=(slot(),), epochs=(epoch(),), rest=None, magic=b'HOLDFKEY\1', features=bytes(8)):
    return (magic + features + u32(1) + bytes(16) + bytes(32) +
            (settings() if rest is None else rest) + many(epochs) + many(slots) + bytes(64))


def scrypt(log2n, r, p):
    return bytes([1, log2n, r, p])


good('keyring', 'one-slot', keyring())
good('keyring', 'without-slots', keyring(slots=()))
good('keyring', 'each-way-to-unlock', keyring([
    slot(1, unlock=scrypt(16, 8, 1)), slot(2, rights=2, sources=['pg/*', 'files/**']),
    slot(3, rights=4, unlock=b'\3' + sized('hint')), slot(7, rights=3, end=revoked())],
    [epoch(1), epoch(2)]))
bad('keyring', 'magic', keyring(magic=b'HOLDFKEX\1'))
bad('keyring', 'version-zero', keyring(magic=b'HOLDFKEY\0'))
bad('keyring', 'cut-short', keyring()[:-1])
bad('keyring', 'byte-more', keyring()[:-64] + b'\0' + bytes(64))
bad('keyring', 'without-epochs', keyring(epochs=()))
bad('keyring', 'epoch-zero', keyring(epochs=[epoch(0)]))
bad('keyring', 'epoch-missing', keyring(epochs=[epoch(1), epoch(3)]))
bad('keyring', 'epochs-beyond-limit', keyring(epochs=[epoch(n + 1) for n in range(4097)]))
bad('keyring', 'slots-huge', keyring()[:-64 - len(slot()) - 1] + var(1 << 40) + bytes(64))
for name, changed in (
        ('grace', dict(grace=(1 << 33) + 1)), ('least-zero', dict(least=0)),
        ('least-is-normal', dict(least=64 << 10)), ('normal-odd', dict(normal=65 << 10)),
        ('largest-is-normal', dict(largest=64 << 10)), ('largest', dict(largest=(4 << 20) + 1)),
        ('bundle-zero', dict(bundle=0))):
    bad('keyring', 'settings-' + name, keyring(rest=settings(**changed)))
for name, one in (
        ('number-zero', slot(0)), ('name-empty', slot(name='')), ('name-long', slot(name='n' * 65)),
        ('name-nul', slot(name='a\0')), ('without-rights', slot(rights=0)),
        ('right-unknown', slot(rights=16)), ('source-empty', slot(sources=[''])),
        ('source-long', slot(sources=['s' * 257])), ('sources-many', slot(sources=['s'] * 257)),
        ('unlock-zero', slot(unlock=b'\0')), ('unlock-unknown', slot(unlock=b'\4')),
        ('scrypt-cheap', slot(unlock=scrypt(14, 8, 1))),
        ('scrypt-dear', slot(unlock=scrypt(21, 8, 1))), ('scrypt-r', slot(unlock=scrypt(15, 9, 1))),
        ('scrypt-p-zero', slot(unlock=scrypt(15, 8, 0))),
        ('scrypt-p', slot(unlock=scrypt(15, 8, 5))),
        ('hint-long', slot(unlock=b'\3' + sized('h' * 4097))),
        ('wrapped-short', slot(wrapped=bytes(127))), ('state-unknown', slot(end=b'\2')),
        ('grant-short', slot(end=LIVE + sized(bytes(48 + 96)))),
        ('grant-for-more-rights', slot(rights=1, end=LIVE + sized(bytes(48 + 96)))),
        ('revoked-time', slot(end=revoked(at=time(1 << 40)))),
        ('revoked-ids-huge', slot(end=REVOKED + time(5) + u32(3) + var(1 << 50)))):
    bad('keyring', 'slot-' + name, keyring([one]))
bad('keyring', 'slots-out-of-order', keyring([slot(2), slot(1)]))
bad('keyring', 'slot-twice', keyring([slot(1), slot(1)]))

# ---- last sections ----


def row(first=1, plain=10, stored=26):
    return key(first) + var(plain) + var(stored)


def section(rows, chunks=None, kind=2, rest=b'', n=None):
    if chunks is None:
        chunks = sum(stored for _, _, stored in rows)
    table = many([row(*r) for r in rows])
    if n is not None:
        table = n + b''.join(row(*r) for r in rows)
    return bytes([kind - 1]) + struct.pack('<H', chunks) + table + rest


ROWS = [(1, 10, 26), (2, 4000, 100), (0, 5, 21)]
for kind in range(1, 6):
    end = bytes(64) if kind in (3, 4) else b''
    good('container', f'kind-{kind}', section(ROWS, kind=kind, rest=b'body' + end))
good('container', 'without-chunks', section([]))
bad('container', 'chunks-more', section(ROWS, chunks=148))
bad('container', 'chunks-fewer', section(ROWS, chunks=146))
bad('container', 'chunks-without-rows', section([], chunks=26))
bad('container', 'rows-huge', section(ROWS, n=var(1 << 60)))
bad('container', 'rows-more-than-said', section(ROWS, n=var(2)))
bad('container', 'rows-fewer-than-said', section(ROWS, n=var(4)))
bad('container', 'count-not-shortest', section(ROWS, n=b'\x83\0'))
bad('container', 'row-of-nothing', section([(1, 0, 16)]))
bad('container', 'row-without-tag', section([(1, 10, 15)]))
bad('container', 'row-only-tag', section([(1, 10, 16)]))
bad('container', 'row-grew', section([(1, 10, 27)]))
bad('container', 'row-too-large', section([(1, (4 << 20) + 1, 100)]))
bad('container', 'padding-compressed', section([(0, 10, 25)]))
bad('container', 'padding-before-chunk', section([(0, 10, 26), (1, 10, 26)]))
bad('container', 'signature-cut-short', section([], kind=3, rest=bytes(62)))

# ---- checkpoints ----

ORIGIN = record(12, ID + u32(7) + time(5))
WANTED = record(7, ID + ID)
TOMBSTONE = record(5, var(1) + bytes(16) + sized('') + many(()))


def segment_ref(what=1, level=0, size=5000, rows=7, first=key(1), last=key(2)):
    return bytes([what, level]) + ID + var(size) + var(rows) + first + last


def checkpoint(n=2, previous=ID, settled=(), swept=(), segments=(), records=()):
    return (u32(1) + bytes(16) + u32(n) + previous + time(1000) + u32(1) + many(settled) +
            many(swept) + many(segments) + b''.join(records))


good('checkpoint', 'first', checkpoint(1, bytes(32)))
good('checkpoint', 'full', checkpoint(
    settled=[ID + ID + b'\1', ID + key(3) + b'\0'], swept=[ID, key(3)],
    segments=[segment_ref(), segment_ref(4, 32, 1 << 30, 1, key(5), key(5))],
    records=[ORIGIN, TOMBSTONE, ORIGIN, WANTED]))
for name, body in (
        ('number-zero', checkpoint(0)), ('first-with-previous', checkpoint(1)),
        ('second-without-previous', checkpoint(2, bytes(32))),
        ('settled-neither', checkpoint(settled=[ID + ID + b'\2'])),
        ('segment-unknown', checkpoint(segments=[segment_ref(5)])),
        ('segment-zero', checkpoint(segments=[segment_ref(0)])),
        ('segment-level', checkpoint(segments=[segment_ref(level=33)])),
        ('segment-size', checkpoint(segments=[segment_ref(size=(1 << 30) + 1)])),
        ('segment-without-rows', checkpoint(segments=[segment_ref(rows=0)])),
        ('segment-keys-descend', checkpoint(segments=[segment_ref(first=key(3))])),
        ('segments-many', checkpoint(segments=[segment_ref()] * 4097)),
        ('record-without-origin', checkpoint(records=[WANTED])),
        ('origin-alone', checkpoint(records=[ORIGIN])),
        ('origin-twice', checkpoint(records=[ORIGIN, ORIGIN, WANTED])),
        ('record-of-a-backup', checkpoint(records=[ORIGIN, record(13, many(()) + many(()) + var(0))])),
        ('record-cut-short', checkpoint(records=[ORIGIN, WANTED[:-1]])),
        ('cut-short', checkpoint()[:-1])):
    bad('checkpoint', name, body)

# ---- segments ----


def segment(what=1, first=(key(1), key(1), key(2)), packs=(ID,)):
    return bytes([0, what]) + many(first) + (many(packs) if what == 1 else b'')


def chunk_row(first=1, pack=0, offset=64, stored=26, plain=10):
    return key(first) + u32(pack, offset, stored, plain)


def pack_row(first=1, size=1000, head=None, tier=1, depth=2):
    return (key(first) + var(size) + (header() if head is None else head) + bytes([tier]) + u32(3) +
            time(5) + time(6) + bytes([depth]))


CHUNKS, PACKS = b'\1', b'\2'
for what in range(1, 5):
    good('segment', f'what-{what}', segment(what))
good('segment', 'chunk-rows', CHUNKS + chunk_row() + chunk_row(offset=90) + chunk_row(1, 1) +
     chunk_row(2, 0, 64, 20, 4 << 20))
good('segment', 'pack-rows', PACKS + pack_row() + pack_row(2, depth=0))
for name, form in (
        ('what-zero', segment(0)), ('what-unknown', segment(5)),
        ('keys-descend', segment(2, (key(2), key(1)))), ('cut-short', segment()[:-1]),
        ('packs-where-none-are', segment(2) + many([ID])), ('packs-missing', segment()[:-33]),
        ('chunk-of-padding', CHUNKS + chunk_row(0)), ('chunk-in-header', CHUNKS + chunk_row(offset=63)),
        ('chunk-grew', CHUNKS + chunk_row(stored=27)), ('chunk-only-tag', CHUNKS + chunk_row(stored=16)),
        ('chunk-too-large', CHUNKS + chunk_row(plain=(4 << 20) + 1)),
        ('chunk-beyond-pack', CHUNKS + chunk_row(offset=(1 << 30) - 25)),
        ('chunk-offset-wraps', CHUNKS + chunk_row(offset=0xffffffff)),
        ('chunk-rows-descend', CHUNKS + chunk_row(2) + chunk_row(1)),
        ('chunk-row-twice', CHUNKS + chunk_row() * 2),
        ('chunk-rows-many', CHUNKS + b''.join(chunk_row(1, n) for n in range(1025))),
        ('chunk-row-cut-short', CHUNKS + chunk_row() + chunk_row(2)[:-1]),
        ('pack-smaller-than-header', PACKS + pack_row(size=63)),
        ('pack-too-large', PACKS + pack_row(size=(1 << 30) + 1)),
        ('pack-tier', PACKS + pack_row(tier=4)), ('pack-depth', PACKS + pack_row(depth=3)),
        ('pack-header', PACKS + pack_row(head=bytes(64))),
        ('pack-rows-descend', PACKS + pack_row(2) + pack_row(1)),
        ('pack-row-twice', PACKS + pack_row() * 2),
        ('pack-row-cut-short', PACKS + pack_row()[:-1])):
    bad('segment', name, form)
