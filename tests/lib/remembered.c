#include "tests/lib/remembered.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "backend/format/key.h"

bool __real_hf_ed25519_verify(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN]);
bool __wrap_hf_ed25519_verify(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN]);
hf_err __real_hf_x25519(const struct hf_key *secret, const uint8_t point[32], struct hf_key *out);
hf_err __wrap_hf_x25519(const struct hf_key *secret, const uint8_t point[32], struct hf_key *out);
void __real_hf_ed25519_public(const struct hf_key *seed, uint8_t out[32]);
void __wrap_hf_ed25519_public(const struct hf_key *seed, uint8_t out[32]);
void __real_hf_x25519_public(const struct hf_key *secret, uint8_t out[32]);
void __wrap_hf_x25519_public(const struct hf_key *secret, uint8_t out[32]);

void __real_hf_ed25519_sign(
	const struct hf_key *seed, struct hf_span message, uint8_t out[HF_SIGNATURE_LEN]);
void __wrap_hf_ed25519_sign(
	const struct hf_key *seed, struct hf_span message, uint8_t out[HF_SIGNATURE_LEN]);

static struct hf_map verified, given; /* by a digest of what goes in; only what succeeded */

/* ---- signatures ---- */

static struct hf_id name_signature(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN])
{
	HF_RELEASED(hf_buf) all = {0};
	struct hf_id digest;

	hf_buf_add(&all, public_key, 32);
	hf_buf_add(&all, signature, HF_SIGNATURE_LEN);
	hf_buf_add_span(&all, message);
	hf_sha256(hf_buf_span(&all), &digest);
	return digest;
}

bool __wrap_hf_ed25519_verify(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN])
{
	const struct hf_id digest = name_signature(public_key, message, signature);

	if (hf_map_get(&verified, &digest))
		return true;
	if (!__real_hf_ed25519_verify(public_key, message, signature))
		return false;
	hf_map_put(&verified, &digest, NULL);
	return true;
}

void __wrap_hf_ed25519_sign(
	const struct hf_key *seed, struct hf_span message, uint8_t out[HF_SIGNATURE_LEN])
{
	uint8_t public_key[32];

	__real_hf_ed25519_sign(seed, message, out);
	__wrap_hf_ed25519_public(seed, public_key);
	const struct hf_id digest = name_signature(public_key, message, out);

	hf_map_put(&verified, &digest, NULL);
}

/* ---- what 32 bytes a secret gives ---- */

static const uint8_t *recall(const struct hf_id *digest)
{
	const union hf_map_value *known = hf_map_get(&given, digest);

	return known ? known->pointer : NULL;
}

static void remember(const struct hf_id *digest, const uint8_t bytes[32])
{
	uint8_t *copy = hf_alloc(32);

	memcpy(copy, bytes, 32);
	hf_map_put(&given, digest, NULL)->pointer = copy;
}

static void give_public(const struct hf_key *secret, uint8_t out[32], char which,
	void (*make)(const struct hf_key *secret, uint8_t out[32]))
{
	uint8_t all[33] = {(uint8_t)which};
	struct hf_id digest;

	memcpy(all + 1, secret->bytes, 32);
	hf_sha256(hf_span(all, sizeof(all)), &digest);
	const uint8_t *known = recall(&digest);

	if (known) {
		memcpy(out, known, 32);
		return;
	}
	make(secret, out);
	remember(&digest, out);
}

void __wrap_hf_x25519_public(const struct hf_key *secret, uint8_t out[32])
{
	give_public(secret, out, 'x', __real_hf_x25519_public);
}

void __wrap_hf_ed25519_public(const struct hf_key *seed, uint8_t out[32])
{
	give_public(seed, out, 'e', __real_hf_ed25519_public);
}

/* Both sides of an agreement get the same: so it goes by the two points, in one order. */
hf_err __wrap_hf_x25519(const struct hf_key *secret, const uint8_t point[32], struct hf_key *out)
{
	uint8_t own[32], all[64];
	struct hf_id digest;

	__wrap_hf_x25519_public(secret, own);
	const bool first = memcmp(own, point, 32) < 0;

	memcpy(all, first ? own : point, 32);
	memcpy(all + 32, first ? point : own, 32);
	hf_sha256(hf_span(all, sizeof(all)), &digest);
	const uint8_t *known = recall(&digest);

	if (known) {
		memcpy(out->bytes, known, 32);
		return NULL;
	}
	HF_TRY(__real_hf_x25519(secret, point, out));
	remember(&digest, out->bytes);
	return NULL;
}

static void free_bytes(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	(void)arg;
	(void)id;
	free(value->pointer);
}

void hf_remembered_clear(void)
{
	hf_map_each(&given, free_bytes, NULL);
	hf_map_release(&given);
	hf_map_release(&verified);
}
