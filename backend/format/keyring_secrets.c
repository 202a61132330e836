/* What follows from the secrets of an unlocked slot. */
#include "backend/format/keyring.h"

#include <stdlib.h>

#include "backend/format/wire.h"

void hf_slot_secrets_release(struct hf_slot_secrets *secrets)
{
	if (secrets->epochs)
		hf_wipe(secrets->epochs, secrets->n_epochs * sizeof(*secrets->epochs));
	free(secrets->epochs);
	hf_wipe(secrets, sizeof(*secrets));
}

static void derive_from_ids(
	const struct hf_slot_secrets *secrets, const char *label, void *out, size_t len)
{
	const struct hf_derive derive = {
		.repository = secrets->repository,
		.label = label,
		.ikm = hf_span(secrets->ids.bytes, HF_KEY_LEN),
	};

	hf_derive(&derive, out, len);
}

void hf_id_key_derive(
	const struct hf_slot_secrets *secrets, enum hf_id_key which, struct hf_key *out)
{
	static const char *const labels[] = {
		[HF_CONTENT_ID] = "id", [HF_META_ID] = "meta-id", [HF_PAGE_ID] = "page"};

	derive_from_ids(secrets, labels[which], out->bytes, HF_KEY_LEN);
}

void hf_gear_derive(const struct hf_slot_secrets *secrets, uint8_t out[2048])
{
	derive_from_ids(secrets, "gear", out, 2048);
}

/* ---- the secret of fingerprints: u32 epoch | z·G | GCM(F) ---- */

#define POINT_AT 4
#define SEALED_AT (POINT_AT + 32)

static struct hf_sealer *secret_sealer(
	const struct hf_epoch_keys *keys, const struct hf_key *agreed, const uint8_t *sealed)
{
	HF_RELEASED(hf_key) key = {0};
	uint8_t context[SEALED_AT + sizeof(keys->content_public)];
	const struct hf_derive derive = {
		.repository = keys->repository,
		.label = "secret",
		.ikm = hf_span(agreed->bytes, HF_KEY_LEN),
		.context = hf_span(context, sizeof(context)),
	};

	memcpy(context, sealed, SEALED_AT);
	memcpy(context + SEALED_AT, keys->content_public, sizeof(keys->content_public));
	hf_derive(&derive, key.bytes, HF_KEY_LEN);
	return hf_sealer_new(&key);
}

hf_err hf_fingerprint_secret_seal(const struct hf_epoch_keys *keys, const struct hf_key *secret,
	uint8_t out[HF_SEALED_SECRET_LEN])
{
	HF_RELEASED(hf_key) fresh = {0}, agreed = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	HF_RELEASED(hf_buf) head = {0};

	hf_random(fresh.bytes, HF_KEY_LEN);
	HF_TRY(hf_x25519(&fresh, keys->content_public, &agreed));
	hf_put_u32(&head, keys->epoch);
	memcpy(out, head.at, POINT_AT);
	hf_x25519_public(&fresh, out + POINT_AT);
	sealer = secret_sealer(keys, &agreed, out);
	hf_seal(sealer, 0, hf_span(NULL, 0), hf_span(secret->bytes, HF_KEY_LEN), out + SEALED_AT);
	return NULL;
}

hf_err hf_fingerprint_secret_open(
	const struct hf_slot_secrets *reader, struct hf_span sealed, struct hf_key *out)
{
	HF_RELEASED(hf_key) agreed = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	const struct hf_epoch_keys *keys;
	struct hf_wire wire = hf_wire(sealed);
	uint32_t epoch = hf_wire_u32(&wire);

	if (sealed.len != HF_SEALED_SECRET_LEN || epoch < 1 || epoch > reader->n_epochs)
		return hf_error_new(HF_CORRUPT, "fingerprint secret: bad form");
	keys = &reader->epochs[epoch - 1];
	if (!keys->reads)
		return hf_error_new(HF_DENIED, "fingerprints are for who may read");
	HF_TRY(hf_error_in(
		hf_x25519(&keys->content, sealed.at + POINT_AT, &agreed), "fingerprint secret"));
	sealer = secret_sealer(keys, &agreed, sealed.at);
	return hf_error_in(
		hf_unseal(sealer, 0, hf_span(NULL, 0),
			hf_span(sealed.at + SEALED_AT, sealed.len - SEALED_AT), out->bytes),
		"fingerprint secret");
}
