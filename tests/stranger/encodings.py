"""§1 Encodings, and the limits of §8 that the parsers need."""

import collections
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MIB = 1 << 20
ZERO_ID = bytes(32)

CHUNK_MAX = 4 * MIB
SIZE_MAX = {1: 1 << 30, 2: 1 << 30, 3: 8 * MIB, 4: 64 * MIB, 5: 1 << 30}
LAST_SECTION_MAX = 16 * MIB
RECORD_MAX, PACK_RECORD_MAX, SNAPSHOT_MAX, RECORDS_MAX = 64 << 10, 4 * MIB, MIB, 131072
KEYRING_MAX, SLOTS_MAX, EPOCHS_MAX, REVOKED_COMMITS_MAX = 4 * MIB, 1024, 4096, 65536
SEGMENTS_MAX, LEVEL_MAX = 4096, 32
BLOCK_MAX, INDEX_MAX = 32 * MIB, 64 * MIB
EXTENTS_OF_ONE, EXTENTS_OF_BLOCK = 16384, 98304
DEPTH_MAX = 4096
PASSPHRASES_TRIED = 16


class Bad(Exception):
    """Stored bytes are not what the document allows."""


class Denied(Exception):
    """All is as it should be, and says no."""


def need(holds, what):
    if not holds:
        raise Bad(what)


Extent = collections.namedtuple("Extent", "length chunk offset")  # chunk None: a hole


class Cursor:
    """Takes forms from the beginning of some bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def raw(self, n):
        need(n <= self.left(), "it ends too early")
        self.at += n
        return bytes(self.data[self.at - n:self.at])

    def u8(self):
        return self.raw(1)[0]

    def one_of(self, *values):
        value = self.u8()
        need(value in values, "a number of unknown meaning")
        return value

    def u16(self):
        return int.from_bytes(self.raw(2), "little")

    def u32(self):
        return int.from_bytes(self.raw(4), "little")

    def u64(self):
        return int.from_bytes(self.raw(8), "little")

    def var(self, most=(1 << 63) - 1):
        value = 0
        for i in range(9):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                need(byte or not i, "a var is not in its shortest form")
                need(value <= most, "a var is too large")
                return value
        raise Bad("a var is too long")

    def svar(self):
        value = self.var()
        return value >> 1 if value % 2 == 0 else -(value >> 1) - 1

    def count(self, most=1 << 62):
        n = self.var(most)
        need(n <= self.left(), "a count does not fit")
        return n

    def bytes(self, most=1 << 62, least=0):
        n = self.var()
        need(least <= n <= most, "bytes of a wrong length")
        return self.raw(n)

    def str(self, most=1 << 62, least=0):
        text = self.bytes(most, least)
        need(0 not in text, "a NUL in a str")
        return text

    def time(self):
        """Nanoseconds since 1970."""
        seconds, nanoseconds = self.svar(), self.var(10**9 - 1)
        need(-(1 << 33) <= seconds < 1 << 33, "a time out of bounds")
        return seconds * 10**9 + nanoseconds

    def id(self):
        return self.raw(32)

    def ids(self, most=1 << 62):
        return [self.id() for _ in range(self.count(most))]

    def strs(self, most_each, most=1 << 62):
        return [self.str(most_each, 1) for _ in range(self.count(most))]

    def pairs(self, most, key_most, value_most):
        pairs, last = {}, b""
        for _ in range(self.count(most)):
            key = self.str(key_most, 1)
            need(key > last, "pairs do not ascend")
            pairs[key], last = self.bytes(value_most), key
        return pairs

    def extents_over(self, ids, most=EXTENTS_OF_ONE, holes=True):
        extents, total = [], 0
        for _ in range(self.count(most)):
            length, ref = self.var(), self.var()
            need(length > 0 and ref <= len(ids), "a bad extent")
            need(ref or holes, "a hole in metadata")
            offset = self.var() if ref else 0
            need(not ref or offset + length <= CHUNK_MAX, "an extent beyond a chunk")
            extents.append(Extent(length, ids[ref - 1] if ref else None, offset))
            total += length
        need(total <= 1 << 62, "extents too long")
        return extents

    def extents(self, most=EXTENTS_OF_ONE, holes=True):
        return self.extents_over(self.ids(), most, holes)

    def end(self):
        need(not self.left(), "bytes are left over")


def length_of(extents):
    return sum(extent.length for extent in extents)


class BlockFile:
    """A directory or a file of extents: of a piece of metadata, its blocks."""

    def __init__(self, extents, read, take_key):
        """read(offset, length) reads the file; take_key(cursor) takes a key of the index."""
        size = length_of(extents)
        need(size >= 4, "a block file without an index")
        index_length = Cursor(read(size - 4, 4)).u32()
        need(index_length <= min(INDEX_MAX, size - 4), "an index too large")
        self.read, self.blocks = read, []
        cursor = Cursor(read(size - 4 - index_length, index_length))
        for _ in range(cursor.count()):
            self.blocks.append((take_key(cursor), cursor.var()))
        cursor.end()
        need(self.blocks and self.blocks[0][1] == 0, "the first block does not begin at 0")
        for (key, begin), (next_key, end) in zip(self.blocks, self.blocks[1:]):
            need(key < next_key and begin < end, "an index that does not ascend")
        self.ends = [begin for _, begin in self.blocks[1:]] + [size - 4 - index_length]
        need(self.blocks[-1][1] < self.ends[-1], "the last block is empty")

    def each(self):
        for (key, begin), end in zip(self.blocks, self.ends):
            need(end - begin <= BLOCK_MAX, "a block too large")
            yield key, Cursor(self.read(begin, end - begin))


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def u32(n):
    return n.to_bytes(4, "little")


def hk(repository, label, ikm, context, length=32):
    """HKDF-SHA-256 (RFC 5869) with the repository's id as salt."""
    prk = hmac_sha256(repository, ikm)
    info = b"holdfast 1 " + label.encode() + b"\0" + context
    out = block = b""
    for i in range(1, -(-length // 32) + 1):
        block = hmac_sha256(prk, block + info + bytes([i]))
        out += block
    return out[:length]


def gcm_open(key, nonce, bound, sealed):
    try:
        return AESGCM(key).decrypt(nonce.to_bytes(12, "big"), bytes(sealed), bound)
    except (InvalidTag, ValueError) as err:
        raise Bad("does not open: another key, place or content") from err


def agree(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public))
    except ValueError as err:
        raise Bad("an agreement of zeros") from err


def public_of(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519_public(private):
    return public_of(X25519PrivateKey.from_private_bytes(private))


def ed25519_public(seed):
    return public_of(Ed25519PrivateKey.from_private_bytes(seed))


def check_signature(public, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as err:
        raise Bad("the signature does not hold") from err
