"""§4 Keyring."""

import collections
import hashlib
import hmac
import re

from stranger.encodings import (
    Bad, CHUNK_MAX, Cursor, Denied, EPOCHS_MAX, KEYRING_MAX, MIB, PASSPHRASES_TRIED,
    REVOKED_COMMITS_MAX, SLOTS_MAX, agree, check_signature, ed25519_public, gcm_open, hk, need,
    sha256, u32, x25519_public)
from stranger.objects import Keys, NUMBERED_NAME

WRITE, READ, MAINTAIN, ADMIN = 1, 2, 4, 8
PASSPHRASE, KEY_FILE, COMMAND = 1, 2, 3

Epoch = collections.namedtuple("Epoch", "number since public meta_before content_before")


class Slot:
    def __init__(self, cursor):
        begin = cursor.at
        self.number = cursor.u32()
        need(self.number > 0, "slot 0")
        self.name = cursor.str(64, 1).decode("utf-8")
        self.rights = cursor.u32()
        need(0 < self.rights < 16, "unknown rights")
        need(not self.rights & ADMIN or self.rights == 15, "an admin without all rights")
        self.patterns = [re.compile(glob_to_regex(p), re.DOTALL) for p in cursor.strs(256, 256)]
        self.signing, self.box = cursor.raw(32), cursor.raw(32)
        self.way = cursor.one_of(PASSPHRASE, KEY_FILE, COMMAND)
        if self.way == PASSPHRASE:
            self.cost = cursor.u8(), cursor.u8(), cursor.u8()
            log_n, r, p = self.cost
            need(15 <= log_n <= 20 and r == 8 and 1 <= p <= 4, "scrypt's cost out of bounds")
        if self.way == COMMAND:
            cursor.bytes(4096)
        self.salt, self.commitment = cursor.raw(32), cursor.raw(32)
        self.public_part = bytes(cursor.data[begin:cursor.at])
        self.private_part = cursor.raw(128)
        self.live = not cursor.one_of(0, 1)
        if self.live:
            self.grant = cursor.bytes(32 + 32 * 4 + 16)
        else:
            cursor.time()
            self.last_checkpoint = cursor.u32()
            self.commits = set(cursor.ids(REVOKED_COMMITS_MAX))

    def unlock(self, repository, secret):
        """The key of the private part, or None if the secret is another one's."""
        if self.way == PASSPHRASE:
            log_n, r, p = self.cost
            out = hashlib.scrypt(secret, salt=self.salt, n=1 << log_n, r=r, p=p, dklen=64,
                                 maxmem=(128 * r << log_n) + MIB * 16)
        else:
            out = hk(repository, "slot", secret, self.salt, 64)
        return out[:32] if hmac.compare_digest(out[32:], self.commitment) else None

    def may_write(self, source):
        return not self.patterns or any(p.fullmatch(source) for p in self.patterns)


GLOB_TOKEN = re.compile(
    rb"(?P<folders>(?:(?<=/)|^)\*\*/)|(?P<stars>\*+)|(?P<one>\?)"
    rb"|\[(?P<negated>[!^]?+)(?P<set>(?:\]|\\.|[^\]\\])(?:\\.|[^\]\\])*)\]"
    rb"|\\(?P<quoted>.)|(?P<byte>.)",
    re.DOTALL)
SET_MEMBER = re.compile(rb"\\?(.)(?:-\\?(.))?", re.DOTALL)


def glob_to_regex(pattern):
    def regex_of(token):
        if token["folders"]:
            return b"(?:.*/)?"
        if token["stars"]:
            return b"[^/]*" if len(token["stars"]) == 1 else b".*"
        if token["one"]:
            return b"[^/]"
        if not token["set"]:
            return re.escape(token["quoted"] or token["byte"])
        members = set()
        for low, high in SET_MEMBER.findall(token["set"]):
            members.update(range(low[0], (high or low)[0] + 1))
        chosen = [i for i in range(256) if (i in members) != bool(token["negated"]) and i != 0x2F]
        return b"[" + b"".join(b"\\x%02x" % i for i in chosen) + b"]" if chosen else b"(?!)"
    return b"".join(regex_of(token) for token in GLOB_TOKEN.finditer(pattern))


class Keyring:
    def __init__(self, data, number):
        need(len(data) >= 96, "too short")
        need(hmac.compare_digest(data[-32:], sha256(data[:-32])), "its digest is wrong")
        self.signed, self.signature = data[:-96], data[-96:-32]
        cursor = Cursor(self.signed)
        need(cursor.raw(8) == b"HOLDFKEY", "not a keyring")
        version = cursor.u8()
        need(version == 1, f"version {version}")
        need(cursor.u64() == 0, "requires a feature that this program does not know")
        self.number = cursor.u32()
        need(self.number == number, "its number is not that of its name")
        self.repository, self.root = cursor.raw(16), cursor.raw(32)
        self.take_settings(cursor)
        self.epochs = [self.take_epoch(cursor, i + 1) for i in range(cursor.count(EPOCHS_MAX))]
        need(self.epochs, "no epochs")
        slots = [Slot(cursor) for _ in range(cursor.count(SLOTS_MAX))]
        need(all(a.number < b.number for a, b in zip(slots, slots[1:])), "slots do not ascend")
        self.slots = {slot.number: slot for slot in slots}
        cursor.end()

    @staticmethod
    def take_settings(cursor):
        cursor.var()
        need(cursor.u8() == 1, "an unsupported cutter")
        least, normal, largest = cursor.var(), cursor.var(), cursor.var()
        need(0 < least < normal < largest <= CHUNK_MAX, "sizes of chunks")
        need(normal & (normal - 1) == 0, "the normal chunk is no power of two")
        cursor.var()
        need(cursor.var() > 0, "shared chunks of no size")

    @staticmethod
    def take_epoch(cursor, number):
        epoch = Epoch(cursor.u32(), cursor.time(), cursor.raw(32), cursor.raw(48), cursor.raw(48))
        need(epoch.number == number, "a gap in the epochs")
        if number == 1:
            need(not any(epoch.meta_before + epoch.content_before), "something before epoch 1")
        return epoch

    def open(self, secret, way, name):
        """The keys of the slot to which the secret belongs. Nothing is believed before that."""
        slots = [slot for slot in self.slots.values() if slot.way in way]
        if name is not None:
            slots = [slot for slot in slots if slot.name == name]
        slots.sort(key=lambda slot: not slot.live)
        if PASSPHRASE in way and name is None:
            slots = slots[:PASSPHRASES_TRIED]
        for slot in slots:
            key = slot.unlock(self.repository, secret)
            if key is not None:
                return self.open_slot(slot, key)
        raise Bad("no slot is unlocked by this key")

    def open_slot(self, slot, key):
        private = gcm_open(key, 0, slot.public_part, slot.private_part)
        seed, box, root, repository = private[:32], private[32:64], private[64:96], private[96:]
        need(len(private) == 112, "a private part of a wrong length")
        self.check(root)
        need(root == self.root and repository == self.repository, "of another repository")
        need(ed25519_public(seed) == slot.signing and x25519_public(box) == slot.box,
             "the slot's public keys are not those of its private ones")
        if not slot.live:
            raise Denied(f"the slot {slot.name} is revoked")
        return slot, self.open_grant(slot, box)

    def check(self, root):
        check_signature(root, self.signature, b"holdfast keyring 1\0" + self.signed)

    def open_grant(self, slot, box):
        newest = self.epochs[-1]
        keys = Keys(self.repository)
        public = slot.grant[:32]
        context = u32(slot.number) + u32(newest.number) + public + slot.box
        cursor = Cursor(gcm_open(keys.hk("grant", agree(box, public), context), 0, b"",
                                 slot.grant[32:]))
        keys.meta[newest.number] = cursor.raw(32)
        if slot.rights & (WRITE | READ | ADMIN):
            keys.set_shared(cursor.raw(32))
        if slot.rights & (READ | ADMIN):
            keys.content[newest.number] = cursor.raw(32)
        if slot.rights & ADMIN:
            need(ed25519_public(cursor.raw(32)) == self.root, "the root's seed is another's")
        cursor.end()
        self.open_epochs(keys)
        return keys

    def open_epochs(self, keys):
        for epoch in reversed(self.epochs):
            e = epoch.number
            keys.public[e] = epoch.public
            agree(bytes(31) + b"\1", epoch.public)
            if e in keys.content:
                need(x25519_public(keys.content[e]) == epoch.public, f"C of epoch {e} is another")
            if e == 1:
                break
            chain = keys.hk("chain-m", keys.meta[e])
            keys.meta[e - 1] = gcm_open(chain, 0, u32(e - 1), epoch.meta_before)
            if e in keys.content:
                chain = keys.hk("chain-c", keys.content[e])
                keys.content[e - 1] = gcm_open(chain, 0, u32(e - 1), epoch.content_before)


def open_keyring(store, secret, way, slot_name):
    """The highest that verifies, and the own slot and keys by it."""
    failures = []
    for name in reversed(store.list("keyring")):
        match = NUMBERED_NAME.match(name)
        if not match:
            continue
        def parse(data, number=int(match[2])):
            keyring = Keyring(data, number)
            return keyring, *keyring.open(secret, way, slot_name)
        try:
            opened = store.whole(name, parse, KEYRING_MAX)
        except Bad as err:
            failures.append(str(err))
            continue
        for failure in failures:
            store.report(failure)
        return opened
    raise Bad("no keyring can be opened: " + ("; ".join(failures) or "there is none"))
