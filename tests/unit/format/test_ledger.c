/*
 * A ledger of every (key, nonce) of many sealed objects: none comes twice. Also where a machine's
 * randomness repeats (a cloned one), as long as what is sealed differs. HF_BIG=1: more.
 */
#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/container.h"
#include "backend/format/hash.h"
#include "tests/lib/test.h"

#define CHUNKS 8

static const enum hf_object_kind kinds[] = {HF_CONTENT_PACK, HF_META_PACK, HF_SEGMENT};

struct ledger {
	struct hf_map entries;
	struct hf_epoch_keys keys;
};

static void ledger_begin(struct ledger *ledger)
{
	*ledger = (struct ledger){.keys = {.epoch = 1, .reads = true}};
	hf_random(ledger->keys.metadata.bytes, sizeof(ledger->keys.metadata.bytes));
	hf_random(ledger->keys.content.bytes, sizeof(ledger->keys.content.bytes));
	hf_x25519_public(&ledger->keys.content, ledger->keys.content_public);
}

static void ledger_end(struct ledger *ledger)
{
	hf_map_release(&ledger->entries);
	hf_epoch_keys_release(&ledger->keys);
}

/* The digest of key and nonce stands for both: the ledger keeps no key. */
static void enter(struct ledger *ledger, const struct hf_key *key, uint64_t place)
{
	HF_RELEASED(hf_buf) both = {0};
	struct hf_id entry;
	bool fresh;

	hf_buf_add(&both, key->bytes, sizeof(key->bytes));
	hf_buf_add(&both, &place, sizeof(place));
	hf_sha256(hf_buf_span(&both), &entry);
	hf_map_put(&ledger->entries, &entry, &fresh);
	ck_assert_msg(fresh, "a key sealed twice at place %llu", (unsigned long long)place);
}

/* What the n-th object holds differs in one chunk's id from any other's. */
static void seal_one(
	struct ledger *ledger, enum hf_object_kind kind, uint32_t n, const uint8_t random[32])
{
	HF_OWNED(hf_builder) builder = hf_builder_new(kind);
	struct hf_sealing sealing = {.keys = &ledger->keys};
	HF_RELEASED(hf_buf) object = {0};
	HF_RELEASED(hf_last) last = {0};
	HF_RELEASED(hf_object_keys) keys = {0};
	struct hf_id id = {{0}};
	struct hf_header header;

	memcpy(id.bytes, &n, sizeof(n));
	id.bytes[31] = 1;
	for (uint8_t i = 0; i < CHUNKS; i++) {
		id.bytes[16] = i;
		hf_builder_add(builder, &id, 6, hf_span_str("chunk!"));
	}
	memcpy(sealing.random, random, sizeof(sealing.random));
	hf_builder_seal(builder, &sealing, &object, &header, NULL);
	ck_ok(hf_object_keys_derive(&header, &ledger->keys, &keys));
	ck_ok(hf_last_open(hf_buf_span(&object), &ledger->keys, &last));
	ck_assert(keys.reads);
	for (size_t i = 0; i < last.table.n; i++)
		enter(ledger, &keys.chunks, last.table.rows[i].offset);
	enter(ledger, &keys.last, HF_NONCE_LAST);
}

static uint32_t objects(void)
{
	return getenv("HF_BIG") ? 200000 : 2000;
}

START_TEST(no_key_and_nonce_come_twice_in_many_sealed_objects)
{
	struct ledger ledger;
	uint8_t random[32];

	ledger_begin(&ledger);
	for (uint32_t n = 0; n < objects(); n++) {
		hf_random(random, sizeof(random));
		seal_one(&ledger, kinds[n % ARRAY_LEN(kinds)], 0, random);
	}
	ledger_end(&ledger);
}
END_TEST

START_TEST(nor_where_the_randomness_repeats_and_what_is_sealed_differs)
{
	struct ledger ledger;
	const uint8_t random[32] = {7};

	ledger_begin(&ledger);
	for (uint32_t n = 0; n < objects(); n++)
		seal_one(&ledger, kinds[n % ARRAY_LEN(kinds)], n, random);
	ledger_end(&ledger);
}
END_TEST

HF_TEST_MAIN("ledger", no_key_and_nonce_come_twice_in_many_sealed_objects,
	nor_where_the_randomness_repeats_and_what_is_sealed_differs)
