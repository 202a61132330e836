#!/usr/bin/env python3
"""Writes the malformed directories, extents, page maps, records, commits and names of this folder,
and a few good ones into tests/fuzz/corpus: each malformed file is a good one with one defect.
Written from docs/format.md, apart from the program's own printers. Run by hand when a form changes.
"""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, '..', 'fuzz', 'corpus')


def var(n):
    out = b''
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def sized(b):
    b = b.encode() if isinstance(b, str) else b
    return var(len(b)) + b


def time(seconds, ns=0):
    return var(seconds * 2 if seconds >= 0 else -seconds * 2 - 1) + var(ns)


def many(items):
    return var(len(items)) + b''.join(items)


ID = bytes(range(1, 33))
PIECE = var(10) + var(1) + var(5)  # 10 bytes of the first id, from 5
HOLE = var(10) + var(0)
OWNER = var(0) + var(0) + sized('root') + sized('root')


def bad(form, defect, content):
    with open(os.path.join(HERE, f'{form}-{defect}.bin'), 'wb') as file:
        file.write(content)


def good(form, name, content):
    os.makedirs(os.path.join(CORPUS, form), exist_ok=True)
    with open(os.path.join(CORPUS, form, 'good-' + name), 'wb') as file:
        file.write(content)


# ---- directories ----

def block(*entries, ids=(ID,), owners=(OWNER,), sets=(), secrets=()):
    return many(ids) + many(owners) + many(sets) + many(secrets) + many(entries)


def entry(name, flags=1, mode=0o644, rest=None, shared=0, owner=0, xattrs=0, mtime=time(5, 6)):
    if rest is None:
        rest = var(10) + many([PIECE])
    return (var(shared) + sized(name) + var(flags) + var(mode) + var(owner) + var(xattrs) + mtime +
            time(-7) + rest)


SECRET = many([PIECE])
PRINT = bytes(16)
FILE = var(10) + many([PIECE])
good('dir_block', 'two-files', block(entry('a'), entry('b', rest=var(20) + many([PIECE, HOLE]))))
good('dir_block', 'shared-names', block(entry('name1'), entry('2', shared=4), entry('x', shared=5)))
good('dir_block', 'types', block(
    entry('a', 2, rest=var(3) + many([PIECE])), entry('b', 3, rest=sized('../t')),
    entry('c', 4, rest=var(1) + var(3)), entry('d', 5, rest=var(8) + var(0)), entry('e', 6, rest=b''),
    entry('f', 7, rest=b'')))
good('dir_block', 'all-flags', block(
    entry('a', 0x1f1, xattrs=1, rest=var(1 << 30) + bytes(8) + var(2) + many([PIECE]) + var(5) +
          var(0) + PRINT + many([PIECE])),
    sets=[many([sized('user.a') + sized('v'), sized('user.b') + sized('')])], secrets=[SECRET]))
good('dir_block', 'root', block(entry('', 2, rest=var(3) + many([PIECE]))))

for defect, name in (('name-slash', 'a/b'), ('name-nul', 'a\0b'), ('name-dot', '.'),
                     ('name-dotdot', '..'), ('name-too-long', 'n' * 1025)):
    bad('dir_block', defect, block(entry(name)))
bad('dir_block', 'name-empty', block(entry('a'), entry('')))
bad('dir_block', 'name-twice', block(entry('a'), entry('a')))
bad('dir_block', 'name-out-of-order', block(entry('b'), entry('a')))
bad('dir_block', 'name-shares-too-little', block(entry('ab'), entry('ac')))
bad('dir_block', 'name-shares-what-is-not-there', block(entry('ab'), entry('c', shared=3)))
bad('dir_block', 'first-name-shares', block(entry('ab', shared=1)))
bad('dir_block', 'type-zero', block(entry('a', 0, rest=b'')))
bad('dir_block', 'type-unknown', block(entry('a', 8, rest=b'')))
bad('dir_block', 'flag-unknown', block(entry('a', 0x201)))
bad('dir_block', 'mode-too-large', block(entry('a', mode=0o10000)))
bad('dir_block', 'owner-not-there', block(entry('a', owner=1)))
bad('dir_block', 'xattrs-not-there', block(entry('a', xattrs=1)))
bad('dir_block', 'id-not-there', block(entry('a', rest=var(10) + many([var(10) + var(2) + var(0)]))))
bad('dir_block', 'secret-not-there', block(entry('a', 0x41, rest=FILE + var(1) + PRINT),
                                           secrets=[SECRET]))
bad('dir_block', 'secret-empty', block(entry('a', 0x41, rest=FILE + var(0) + PRINT),
                                       secrets=[many([])]))
bad('dir_block', 'secret-hole', block(entry('a', 0x41, rest=FILE + var(0) + PRINT),
                                      secrets=[many([HOLE])]))
bad('dir_block', 'size-not-extents', block(entry('a', rest=var(11) + many([PIECE]))))
bad('dir_block', 'size-wraps', block(entry(
    'a', rest=var(10) + many([var((1 << 63) - 1) + var(0)] * 2 + [var(12) + var(0)]))))
bad('dir_block', 'extent-empty', block(entry('a', rest=var(0) + many([var(0) + var(0)]))))
bad('dir_block', 'extent-beyond-chunk', block(entry(
    'a', rest=var(10) + many([var(10) + var(1) + var((4 << 20) - 9)]))))
bad('dir_block', 'extents-too-many', block(entry('a', rest=var(650) + many([PIECE] * 65))))
bad('dir_block', 'extents-file-hole', block(entry('a', 0x21, rest=var(99) + many([HOLE]) + var(0))))
bad('dir_block', 'extents-file-empty', block(entry('a', 0x21, rest=var(99) + many([]) + var(0))))
bad('dir_block', 'extents-file-more-holes-than-bytes', block(entry(
    'a', 0x21, rest=var(99) + many([PIECE]) + var(100))))
bad('dir_block', 'extents-count-huge', block(entry('a', rest=var(10) + var(1 << 40))))
bad('dir_block', 'directory-hole', block(entry('a', 2, rest=var(3) + many([HOLE]))))
bad('dir_block', 'directory-without-bytes', block(entry('a', 2, rest=var(3) + many([]))))
bad('dir_block', 'directory-linked', block(entry(
    'a', 0x12, rest=var(3) + bytes(8) + var(2) + many([PIECE]))))
bad('dir_block', 'link-without-target', block(entry('a', 3, rest=sized(''))))
bad('dir_block', 'link-target-nul', block(entry('a', 3, rest=sized('a\0'))))
bad('dir_block', 'link-target-too-long', block(entry('a', 3, rest=sized('t' * 4097))))
bad('dir_block', 'fifo-incomplete', block(entry('a', 0x106, rest=b'')))
bad('dir_block', 'link-count-zero', block(entry('a', 0x16, rest=bytes(8) + var(0))))
bad('dir_block', 'device-too-large', block(entry('a', 4, rest=var(1 << 32) + var(0))))
bad('dir_block', 'page-map-empty', block(entry('a', 0x81, rest=FILE + many([]))))
bad('dir_block', 'page-map-hole', block(entry('a', 0x81, rest=FILE + many([HOLE]))))
bad('dir_block', 'page-map-of-a-directory', block(entry(
    'a', 0x82, rest=var(3) + many([PIECE]) + many([PIECE]))))
bad('dir_block', 'time-nanoseconds', block(entry('a', mtime=var(0) + var(10**9))))
bad('dir_block', 'time-too-far', block(entry('a', mtime=time(1 << 33))))
bad('dir_block', 'xattrs-out-of-order', block(entry('a', xattrs=1), sets=[
    many([sized('user.b') + sized(''), sized('user.a') + sized('')])]))
bad('dir_block', 'xattrs-empty-set', block(entry('a', xattrs=1), sets=[many([])]))
bad('dir_block', 'xattr-without-name', block(entry('a', xattrs=1), sets=[
    many([sized('') + sized('v')])]))
bad('dir_block', 'xattr-name-nul', block(entry('a', xattrs=1), sets=[
    many([sized('user.\0') + sized('v')])]))
bad('dir_block', 'xattr-value-too-long', block(entry('a', xattrs=1), sets=[
    many([sized('user.a') + sized(bytes(65537))])]))
bad('dir_block', 'xattrs-too-many', block(entry('a', xattrs=1), sets=[
    many([sized('user.%04d' % i) + sized('') for i in range(257)])]))
bad('dir_block', 'owner-name-nul', block(entry('a'), owners=[var(0) * 2 + sized('r\0') + sized('')]))
bad('dir_block', 'owner-too-large', block(entry('a'), owners=[var(1 << 32) + var(0) + sized('') * 2]))
bad('dir_block', 'no-entry', block())
bad('dir_block', 'entries-too-many', block(*[entry('%c' % (48 + i)) for i in range(65)]))
bad('dir_block', 'one-byte-more', block(entry('a')) + b'\0')
bad('dir_block', 'cut-short', block(entry('a'))[:-1])
bad('dir_block', 'number-too-long', block(entry('a', rest=b'\x8a\x00' + many([PIECE]))))
bad('dir_block', 'ids-huge', var(1 << 60) + block(entry('a'))[1:])


# ---- indexes ----

def index(*rows, size=100, length=None):
    body = many(rows)
    return bytes(size) + body + struct.pack('<I', len(body) if length is None else length)


def row(key, offset):
    return sized(key) + var(offset) if isinstance(key, str) else var(key) + var(offset)


for form, keys in (('dir_index', ('a', 'b', 'c')), ('extents_index', (0, 1000, 2000))):
    good(form, 'three-blocks', index(row(keys[0], 0), row(keys[1], 40), row(keys[2], 70)))
    bad(form, 'first-not-at-zero', index(row(keys[0], 1), row(keys[1], 40)))
    bad(form, 'block-empty', index(row(keys[0], 0), row(keys[1], 40), row(keys[2], 40)))
    bad(form, 'block-before-the-last', index(row(keys[0], 0), row(keys[1], 40), row(keys[2], 30)))
    bad(form, 'block-behind-the-end', index(row(keys[0], 0), row(keys[1], 100)))
    bad(form, 'keys-out-of-order', index(row(keys[0], 0), row(keys[2], 40), row(keys[1], 70)))
    bad(form, 'key-twice', index(row(keys[0], 0), row(keys[1], 40), row(keys[1], 70)))
    bad(form, 'no-rows', index())
    bad(form, 'no-blocks', index(row(keys[0], 0), size=0))
    bad(form, 'length-zero', index(row(keys[0], 0), length=0))
    bad(form, 'length-beyond', index(row(keys[0], 0), length=1 << 31))
    bad(form, 'length-short', index(row(keys[0], 0), length=2))
    bad(form, 'rows-huge', bytes(100) + var(1 << 50) + struct.pack('<I', len(var(1 << 50))))
bad('dir_index', 'key-slash', index(row('a/b', 0)))
bad('dir_index', 'key-empty', index(row('', 0)))
bad('extents_index', 'first-offset-not-zero', index(row(1, 0)))
bad('extents_index', 'offset-too-far', index(row(0, 0), row((1 << 62) + 1, 50)))


# ---- extents and page maps ----

def extents(*pieces, ids=(ID,)):
    return many(ids) + many(pieces)


good('extents', 'two', extents(PIECE, HOLE))
bad('extents', 'none', extents())
bad('extents', 'too-many', extents(*[PIECE] * 257))
bad('extents', 'ref-not-there', extents(var(10) + var(2) + var(0)))
bad('extents', 'empty-piece', extents(var(0) + var(1) + var(0)))
bad('extents', 'beyond-chunk', extents(var((4 << 20) + 1) + var(1) + var(0)))
bad('extents', 'sum-too-large', extents(*[var(1 << 61) + var(0)] * 3))
bad('extents', 'ids-cut-short', var(2) + ID)
bad('extents', 'one-byte-more', extents(PIECE) + b'\0')

good('page_map', 'two', struct.pack('<IQ', 8192, 2) + bytes(range(32)))
good('page_map', 'none', struct.pack('<IQ', 4096, 0))
bad('page_map', 'page-size-zero', struct.pack('<IQ', 0, 1) + bytes(16))
bad('page_map', 'page-size-odd', struct.pack('<IQ', 8191, 1) + bytes(16))
bad('page_map', 'page-too-large', struct.pack('<IQ', 8 << 20, 1) + bytes(16))
bad('page_map', 'pages-missing', struct.pack('<IQ', 8192, 2) + bytes(31))
bad('page_map', 'pages-too-many', struct.pack('<IQ', 8192, 1) + bytes(32))
bad('page_map', 'pages-overflow', struct.pack('<IQ', 8192, (1 << 60) + 1) + bytes(16))


# ---- records ----

def record(kind, body, length=None):
    return var(kind) + var(len(body) if length is None else length) + body


EXTENTS = extents(PIECE)
NONE = extents(ids=())
ROOT = block(entry('', 2, rest=var(3) + many([PIECE])))


def pairs(*items):
    return many([sized(k) + sized(v) for k, v in items])


def snapshot(source='files/h-etc', root=ROOT, labels=pairs(), values=pairs(), paths=('/etc',),
             reopen=NONE, moment=time(9)):
    return (bytes(16) + sized(source) + moment + time(8) + time(9, 5) + sized(root) + var(1) +
            var(10) + var(2) + var(0) + sized('h') + sized('root') + many([sized(p) for p in paths]) +
            labels + var(0) + bytes(16) + reopen + values)


def journal(source='pg/main', name='000000010000000000000001', size=10, flag=0, pieces=EXTENTS):
    return (sized(source) + sized(name) + time(1) + time(2) + var(size) + bytes([flag]) + pieces +
            pairs(('segno', '1')))


def header(kind=1, features=0):
    return b'HOLDFAST' + struct.pack('<BBHIQQ', 1, kind, 0, 1, features, 0) + bytes(32)


def pack(kind=1, features=0, size=200, table=many([ID + var(20) + var(36)])):
    return ID + var(size) + header(kind, features) + table


def tombstone(snapshots=(bytes(16),), source='', names=()):
    return many(snapshots) + sized(source) + many([sized(n) for n in names])


def result(kind=1, outcome=0):
    return (bytes([kind]) + sized('pg/main') + time(1) + time(2) + var(3) + var(4) +
            bytes([outcome]) + sized('fine'))


RECORDS = {
    'pack': record(1, pack()),
    'snapshot': record(2, snapshot(labels=pairs(('a', '1'), ('b', '2')), values=pairs(('v', b'\0')))),
    'unfinished': record(3, b'\2' + snapshot()),
    'unfinished-journal': record(3, b'\4' + journal()),
    'journal': record(4, journal()),
    'tombstone': record(5, tombstone(source='pg/main', names=('x', 'y'))),
    'announce': record(6, time(5) + many([ID]) + many([ID, ID])),
    'wanted': record(7, ID + ID),
    'substitute': record(8, ID + var(5) + var(10) + EXTENTS),
    'proven': record(9, time(5) + b'\1' + many([ID])),
    'tier': record(10, b'\3' + many([ID])),
    'result': record(11, result()),
    'origin': record(12, ID + struct.pack('<I', 7) + time(5)),
    'relies': record(13, many([ID]) + EXTENTS),
}
for name, content in RECORDS.items():
    good('record', name, content)

bad('record', 'kind-zero', record(0, b''))
bad('record', 'kind-unknown', record(14, b''))
bad('record', 'length-beyond', record(7, ID + ID, 65))
bad('record', 'one-byte-more', record(7, ID + ID + b'\0'))
bad('record', 'one-byte-less', record(7, ID + ID[:-1]))
bad('record', 'too-long', record(6, time(5) + many([ID] * 2047) + many([ID])))
bad('record', 'pack-of-a-checkpoint', record(1, pack(kind=4)))
bad('record', 'pack-feature-unknown', record(1, pack(features=1 << 63)))
bad('record', 'pack-too-large', record(1, pack(size=(1 << 30) + 1)))
bad('record', 'pack-smaller-than-its-chunks', record(1, pack(size=99)))
bad('record', 'pack-rows-huge', record(1, pack(table=var(1 << 55))))
for defect, source in (('unknown', 'mysql/a'), ('part-missing', 'pg'), ('part-empty', 'pg/'),
                       ('part-too-many', 'pg/a/b'), ('dotdot', 'pg/..'), ('pv-one-part', 'pv/a'),
                       ('control', 'pg/a\n'), ('not-utf8', b'pg/\xff')):
    bad('record', 'source-' + defect, record(2, snapshot(source=source)))
bad('record', 'root-missing', record(2, snapshot(root=b'')))
bad('record', 'root-twice', record(2, snapshot(root=block(entry('a'), entry('b')))))
bad('record', 'root-dotdot', record(2, snapshot(root=block(entry('..')))))
bad('record', 'labels-out-of-order', record(2, snapshot(labels=pairs(('b', ''), ('a', '')))))
bad('record', 'label-twice', record(2, snapshot(labels=pairs(('a', ''), ('a', '')))))
bad('record', 'label-without-key', record(2, snapshot(labels=pairs(('', 'v')))))
bad('record', 'label-key-too-long', record(2, snapshot(labels=pairs(('k' * 65, 'v')))))
bad('record', 'label-value-too-long', record(2, snapshot(labels=pairs(('k', 'v' * 257)))))
bad('record', 'label-value-nul', record(2, snapshot(labels=pairs(('k', '\0')))))
bad('record', 'labels-too-many', record(2, snapshot(
    labels=pairs(*[('%03d' % i, '') for i in range(65)]))))
bad('record', 'value-too-long', record(2, snapshot(values=pairs(('k', bytes(4097))))))
bad('record', 'path-empty', record(2, snapshot(paths=('',))))
bad('record', 'path-too-long', record(2, snapshot(paths=('p' * 4097,))))
bad('record', 'reopen-hole', record(2, snapshot(reopen=extents(HOLE))))
bad('record', 'moment-too-far', record(2, snapshot(moment=time(1 << 33))))
bad('record', 'unfinished-of-nothing', record(3, b'\5' + snapshot()))
bad('record', 'journal-size', record(4, journal(size=11)))
bad('record', 'journal-without-name', record(4, journal(name='')))
bad('record', 'journal-name-too-long', record(4, journal(name='n' * 1025)))
bad('record', 'journal-flag', record(4, journal(flag=2)))
bad('record', 'journal-extents-file-empty', record(4, journal(flag=1, pieces=NONE)))
bad('record', 'tombstone-of-nothing', record(5, tombstone(())))
bad('record', 'tombstone-names-of-no-source', record(5, tombstone(names=('a',))))
bad('record', 'tombstone-source', record(5, tombstone(source='x')))
bad('record', 'substitute-length', record(8, ID + var(5) + var(11) + EXTENTS))
bad('record', 'substitute-empty', record(8, ID + var(5) + var(0) + NONE))
bad('record', 'substitute-beyond-chunk', record(8, ID + var(4 << 20) + var(10) + EXTENTS))
bad('record', 'proven-depth', record(9, time(5) + b'\3' + many([ID])))
bad('record', 'tier-unknown', record(10, b'\4' + many([ID])))
bad('record', 'result-kind', record(11, result(kind=3)))
bad('record', 'result-outcome', record(11, result(outcome=2)))
bad('record', 'relies-hole', record(13, many([ID]) + extents(HOLE)))
bad('record', 'ids-huge', record(10, b'\0' + var(1 << 58)))


# ---- commits and names ----

def commit(*records, when=time(1000)):
    return (struct.pack('<I', 3) + when + bytes(16) + struct.pack('<II', 1, 2) + ID +
            b''.join(records))


good('commit', 'all-records', commit(*RECORDS.values()))
good('commit', 'no-record', commit())
bad('commit', 'time-fraction', commit(when=time(1000, 1)))
bad('commit', 'record-cut-short', commit(RECORDS['wanted'][:-1]))
bad('commit', 'record-unknown', commit(RECORDS['wanted'], record(99, b'')))
bad('commit', 'cut-short', commit()[:-1])

for name, source in (('pg', 'pg/main'), ('pv', 'pv/ns/claim'), ('utf8', 'files/höhe €'),
                     ('dots', 'files/...'), ('longest', 'files/' + 'f' * 250)):
    good('source', name, source.encode())
for defect, source in (
        ('empty', ''), ('kind-unknown', 'mysql/a'), ('kind-alone', 'pg'), ('part-empty', 'pg/'),
        ('part-too-many', 'pg/a/b'), ('part-missing', 'pv/a'), ('part-empty-inside', 'pv//a'),
        ('dot', 'pg/.'), ('dotdot', 'pv/../a'), ('slash-first', '/pg/a'), ('newline', 'pg/a\n'),
        ('escape', 'pg/\x1b[2J'), ('delete', 'pg/\x7f'), ('c1-control', 'pg/\x9b'),
        ('nul', 'pg/a\0'), ('too-long', 'files/' + 'f' * 251), ('upper-case', 'PG/a')):
    bad('source', defect, source.encode())
bad('source', 'not-utf8', b'pg/\xff')
bad('source', 'surrogate', b'pg/\xed\xa0\x80')
bad('source', 'overlong', b'pg/\xc0\xaf')
bad('source', 'cut-utf8', b'pg/\xe2\x82')
bad('source', 'right-to-left', 'pg/\u202etxt'.encode())
bad('source', 'line-separator', 'pg/\u2028'.encode())

HEX = ID.hex()
good('object_name', 'commit', f'commits/20261124T100000Z-{HEX}'.encode())
good('object_name', 'pack', f'packs/01/{HEX}'.encode())
good('object_name', 'keyring', b'keyring/0000000001')
for defect, name in (
        ('commit-upper-case', f'commits/20261124T100000Z-{HEX.upper()}'),
        ('commit-no-such-day', f'commits/20261324T100000Z-{HEX}'),
        ('commit-short-id', f'commits/20261124T100000Z-{HEX[:-1]}'),
        ('commit-more', f'commits/20261124T100000Z-{HEX}.'),
        ('commit-space', f'commits/20261124T10000 Z-{HEX}'),
        ('pack-other-folder', f'packs/02/{HEX}'), ('pack-flat', f'packs/{HEX}'),
        ('number-zero', 'keyring/0000000000'), ('number-short', 'keyring/1'),
        ('number-too-large', 'keyring/4294967296'), ('number-sign', 'keyring/+000000001'),
        ('no-folder', '0000000001'), ('empty', '')):
    bad('object_name', defect, name.encode())
