#!/usr/bin/env python3
"""Writes the known answers of the primitives (see README.md). Run by hand: scrypt takes six minutes."""

import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = os.path.dirname(os.path.abspath(__file__))


def same(name, got, published):
    if got != bytes.fromhex(published):
        raise SystemExit(f"{name}: computed {got.hex()}, published {published}")


def write(name, comment, cases):
    with open(os.path.join(HERE, name + ".txt"), "w") as out:
        out.write("".join(f"# {line}\n" for line in comment.splitlines()))
        for case in cases:
            fields = [str(f) if isinstance(f, int) else f.hex() or "-" for f in case]
            out.write(" ".join(fields) + "\n")


def pattern(n):
    """Bytes without a short period, the same everywhere."""
    return bytes((i * i + (i >> 3)) & 0xFF for i in range(n))


def sha256_cases():
    published = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ]
    for message, digest in published:
        same("sha256", hashlib.sha256(message).digest(), digest)
    messages = [m for m, _ in published] + [pattern(n) for n in (1, 55, 56, 63, 64, 65, 127, 128, 1000)]
    return [(m, hashlib.sha256(m).digest()) for m in messages]


def hmac_cases():
    """Keys are padded with zeros to a block, so a shorter key is the same as one padded to 32 bytes."""
    published = [
        (b"\x0b" * 20, b"Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (bytes(range(1, 26)), b"\xcd" * 50,
         "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    ]
    for key, message, mac in published:
        same("hmac", hmac.new(key, message, "sha256").digest(), mac)
    pairs = [(k.ljust(32, b"\0"), m) for k, m, _ in published]
    pairs += [(pattern(32), pattern(n)) for n in (0, 1, 63, 64, 65, 4096)]
    return [(k, m, hmac.new(k, m, "sha256").digest()) for k, m in pairs]


def hkdf(salt, ikm, info, length):
    prk = hmac.new(salt, ikm, "sha256").digest()
    out, block = b"", b""
    for i in range((length + 31) // 32):
        block = hmac.new(prk, block + info + bytes([i + 1]), "sha256").digest()
        out += block
    return out[:length]


def hkdf_cases():
    """repository, label, ikm, context, output; the label as bytes."""
    same("hkdf", hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42),
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    same("hkdf", hkdf(bytes(range(0x60, 0xB0)), bytes(range(0x50)), bytes(range(0xB0, 0x100)), 82),
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
         "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87")
    cases = []
    repository = bytes(range(0xA0, 0xB0))
    for label, ikm, context, length in [
            (b"id", pattern(32), b"", 32), (b"meta-id", pattern(32), b"", 32),
            (b"gear", pattern(32), b"", 2048), (b"x", pattern(32), pattern(32), 32),
            (b"content", pattern(32), pattern(96), 32), (b"last", pattern(32), pattern(64), 64)]:
        info = b"holdfast 1 " + label + b"\0" + context
        out = hkdf(repository, ikm, info, length)
        if out != HKDF(hashes.SHA256(), length, repository, info).derive(ikm):
            raise SystemExit("hkdf: two computations differ")
        cases.append((repository, label, ikm, context, out))
    return cases


def salsa20_8(block):
    x = list(block)

    def quarter(a, b, c, d):
        for to, p, q, n in ((b, a, d, 7), (c, b, a, 9), (d, c, b, 13), (a, d, c, 18)):
            s = (x[p] + x[q]) & 0xFFFFFFFF
            x[to] ^= ((s << n) | (s >> (32 - n))) & 0xFFFFFFFF

    for _ in range(4):
        for rows in ((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
                     (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)):
            quarter(*rows)
    return [(a + b) & 0xFFFFFFFF for a, b in zip(x, block)]


def block_mix(b, r):
    x = b[-16:]
    out = []
    for i in range(2 * r):
        x = salsa20_8([p ^ q for p, q in zip(x, b[16 * i:16 * i + 16])])
        out.append(x)
    return sum(out[0::2] + out[1::2], [])


def scrypt(passphrase, salt, log2n, r, p):
    """RFC 7914 in plain Python: hashlib's is OpenSSL, which is what is tested."""
    size = 128 * r
    blocks = hashlib.pbkdf2_hmac("sha256", passphrase, salt, 1, p * size)
    mixed = b""
    for i in range(p):
        x = list(struct.unpack(f"<{32 * r}I", blocks[i * size:(i + 1) * size]))
        v = []
        for _ in range(1 << log2n):
            v.append(x)
            x = block_mix(x, r)
        for _ in range(1 << log2n):
            j = x[16 * (2 * r - 1)] & ((1 << log2n) - 1)
            x = block_mix([a ^ b for a, b in zip(x, v[j])], r)
        mixed += struct.pack(f"<{32 * r}I", *x)
    return hashlib.pbkdf2_hmac("sha256", passphrase, mixed, 1, 64)


def scrypt_cases():
    """The published cases lie below the floor of limits.h, or (log2 N 20) need 1 GiB."""
    same("scrypt", scrypt(b"", b"", 4, 1, 1),
         "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
         "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906")
    return [(log2n, r, p, w, s, scrypt(w, s, log2n, r, p)) for log2n, r, p, w, s in [
        (15, 8, 1, b"correct horse", pattern(32)), (16, 8, 2, b"", pattern(32))]]


def x25519_cases():
    """secret, point, agreement; a public key is the agreement with the point 9 (RFC 7748, 5.2 and 6.1)."""
    nine = b"\x09" + bytes(31)
    published = [(bytes.fromhex(k), bytes.fromhex(u), out) for k, u, out in [
        ("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
        ("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"),
        ("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", nine.hex(),
         "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
        ("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", nine.hex(),
         "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
        ("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
         "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"),
        ("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
         "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
         "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")]]
    cases = []
    for k, u, out in published:
        agreed = x25519.X25519PrivateKey.from_private_bytes(k).exchange(
            x25519.X25519PublicKey.from_public_bytes(u))
        same("x25519", agreed, out)
        cases.append((k, u, agreed))
    return cases


def ed25519_cases():
    """seed, public key, message, signature: RFC 8032 section 7.1."""
    published = [
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
         "1cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
         "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
         "984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    cases = []
    for seed, public, message, signature in published:
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        same("ed25519 public", raw, public)
        same("ed25519", key.sign(bytes.fromhex(message)), signature)
        cases.append(tuple(bytes.fromhex(f) for f in (seed, public, message, signature)))
    return cases


LAST = 2**64 - 1


def nonce(place):
    return b"\xff" * 12 if place == LAST else place.to_bytes(12, "big")


def seal_cases():
    """place, key, bound, plain, sealed. Cases 13 and 14 of the GCM specification have the nonce 0."""
    k = bytes.fromhex("feffe9928665731c6d6a8f9467308308") * 2
    plain = bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                          "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
    same("gcm 16", AESGCM(k).encrypt(bytes.fromhex("cafebabefacedbaddecaf888"), plain,
                                     bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")),
         "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
         "56828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b")
    zero = AESGCM(bytes(32))
    same("gcm 13", zero.encrypt(bytes(12), b"", b""), "530f8afbc74536b9a963b4f1c4cb738b")
    same("gcm 14", zero.encrypt(bytes(12), bytes(16), b""),
         "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    cases = []
    for place, key, bound, text in [
            (0, bytes(32), b"", b""), (0, bytes(32), b"", bytes(16)), (64, k, b"", plain),
            (64, k, pattern(116), plain), (0x0102030405060708, k, pattern(116), pattern(257)),
            (LAST - 1, k, b"bound", b"plain"), (LAST, k, pattern(80), pattern(1000)),
            (LAST, k, b"only bound", b"")]:
        cases.append((place, key, bound, text, AESGCM(key).encrypt(nonce(place), text, bound)))
    return cases


def stream(seed, first, n):
    return b"".join(hashlib.sha256(seed + struct.pack("<Q", first + i)).digest() for i in range(n))


def cut(gear, content, low, normal, high):
    """The rule as it is written, without a rolling hash."""
    bits = normal.bit_length() - 1
    lengths = []
    while content:
        n = min(low, len(content))
        while n < min(high, len(content)):
            fp = sum(gear[b] << i for i, b in enumerate(content[:n][:-65:-1])) & (2**64 - 1)
            if fp >> (64 - (bits + 2 if n < normal else bits - 2)) == 0:
                break
            n += 1
        lengths.append(n)
        content = content[n:]
    return lengths


def cut_cases():
    """Gear and content are SHA-256 of the seed and a u64 that counts: 64 digests, then the content's."""
    cases = []
    for seed, n, (low, normal, high) in [(b"one", 8192, (512, 2048, 8192)), (b"two", 4096, (32, 256, 512)),
                                         (b"three", 8192, (2048, 16384, 65536))]:
        gear = struct.unpack("<256Q", stream(seed, 0, 64))
        lengths = cut(gear, stream(seed, 64, n), low, normal, high)
        cases.append((seed, n, low, normal, high, struct.pack(f"<{len(lengths)}I", *lengths)))
    return cases


def main():
    write("sha256", "message, digest", sha256_cases())
    write("hmac", "key of 32 bytes, message, HMAC-SHA-256", hmac_cases())
    write("hkdf", "repository id, label, ikm, context, output of HK(label, ikm, context)", hkdf_cases())
    write("scrypt", "log2 N, r, p, passphrase, salt, 64 bytes", scrypt_cases())
    write("x25519", "secret, point, agreement", x25519_cases())
    write("ed25519", "seed, public key, message, signature", ed25519_cases())
    write("cut", "seed, digests of content, min, normal, max, lengths (u32)\n"
          "gear and content: SHA-256(seed, u64 that counts), 64 digests and then the content's", cut_cases())
    write("seal", "place (2^64 - 1: the last section), key, bound, plain, sealed", seal_cases())


if __name__ == "__main__":
    main()
