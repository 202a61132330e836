#include "backend/format/slot.h"

#include "backend/format/limits.h"
#include "backend/format/wire.h"

/* Every key below seals once, so the nonce can be fixed. */
#define PLACE 0

void hf_slot_print_public(const struct hf_slot *slot, struct hf_buf *out)
{
	hf_put_u32(out, slot->n);
	hf_put_sized(out, slot->name);
	hf_put_u32(out, slot->rights);
	hf_put_var(out, slot->n_sources);
	for (size_t i = 0; i < slot->n_sources; i++)
		hf_put_sized(out, slot->sources[i]);
	hf_buf_add(out, slot->sign_public, sizeof(slot->sign_public));
	hf_buf_add(out, slot->box_public, sizeof(slot->box_public));
	hf_put_u8(out, slot->unlock);
	if (slot->unlock == HF_PASSPHRASE) {
		hf_put_u8(out, (uint8_t)slot->cost.log2n);
		hf_put_u8(out, (uint8_t)slot->cost.r);
		hf_put_u8(out, (uint8_t)slot->cost.p);
	}
	if (slot->unlock == HF_COMMAND_KEY)
		hf_put_sized(out, slot->hint);
	hf_buf_add(out, slot->salt, sizeof(slot->salt));
	hf_buf_add(out, slot->commitment, sizeof(slot->commitment));
}

/* ---- the private part ---- */

void hf_slot_lock_release(struct hf_slot_lock *lock)
{
	hf_wipe(lock, sizeof(*lock));
}

hf_err hf_slot_lock_derive(const struct hf_slot *slot, const uint8_t *repository,
	struct hf_span secret, struct hf_slot_lock *out)
{
	struct hf_span salt = hf_span(slot->salt, sizeof(slot->salt));
	const struct hf_derive derive = {repository, "slot", secret, salt};
	uint8_t both[2 * HF_KEY_LEN];

	if (slot->unlock == HF_PASSPHRASE)
		HF_TRY(hf_scrypt(&slot->cost, secret, salt, both));
	else
		hf_derive(&derive, both, sizeof(both));
	memcpy(out->key.bytes, both, HF_KEY_LEN);
	memcpy(out->commitment, both + HF_KEY_LEN, sizeof(out->commitment));
	hf_wipe(both, sizeof(both));
	return NULL;
}

void hf_slot_wrap(const struct hf_slot *slot, const struct hf_slot_lock *lock,
	const struct hf_slot_secrets *secrets, uint8_t out[HF_WRAPPED_LEN])
{
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&lock->key);
	HF_RELEASED(hf_buf) bound = {0};
	uint8_t *at = out;

	hf_slot_print_public(slot, &bound);
	memcpy(at, secrets->sign_seed.bytes, HF_KEY_LEN);
	memcpy(at += HF_KEY_LEN, secrets->box.bytes, HF_KEY_LEN);
	memcpy(at += HF_KEY_LEN, secrets->root_public, HF_KEY_LEN);
	memcpy(at += HF_KEY_LEN, secrets->repository, HF_REPO_ID_LEN);
	hf_seal(sealer, PLACE, hf_buf_span(&bound), hf_span(out, HF_WRAPPED_LEN - HF_TAG_LEN), out);
}

hf_err hf_slot_unwrap(
	const struct hf_slot *slot, const struct hf_slot_lock *lock, struct hf_slot_secrets *out)
{
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&lock->key);
	HF_RELEASED(hf_buf) bound = {0};
	uint8_t plain[HF_WRAPPED_LEN - HF_TAG_LEN];
	struct hf_wire wire = hf_wire(hf_span(plain, sizeof(plain)));

	hf_slot_print_public(slot, &bound);
	HF_TRY(hf_error_in(hf_unseal(sealer, PLACE, hf_buf_span(&bound), slot->wrapped, plain),
		"slot %u: private part", slot->n));
	hf_wire_copy(&wire, out->sign_seed.bytes, HF_KEY_LEN);
	hf_wire_copy(&wire, out->box.bytes, HF_KEY_LEN);
	hf_wire_copy(&wire, out->root_public, sizeof(out->root_public));
	hf_wire_copy(&wire, out->repository, sizeof(out->repository));
	hf_wipe(plain, sizeof(plain));
	return hf_wire_end(&wire, "private part");
}

/* ---- grants ---- */

bool hf_rights_have_ids(uint32_t rights)
{
	return (rights & (HF_WRITE | HF_READ | HF_ADMIN)) != 0;
}

bool hf_rights_read(uint32_t rights)
{
	return (rights & (HF_READ | HF_ADMIN)) != 0;
}

static size_t granted_len(uint32_t rights)
{
	size_t n = 1u + hf_rights_have_ids(rights) + hf_rights_read(rights) + !!(rights & HF_ADMIN);

	return n * HF_KEY_LEN;
}

size_t hf_grant_len(uint32_t rights)
{
	return HF_KEY_LEN + granted_len(rights) + HF_TAG_LEN;
}

/* point: y·G, by which `agreed` came about. */
static void derive_grant_key(const struct hf_slot *slot, const struct hf_slot_secrets *secrets,
	const struct hf_key *agreed, const uint8_t *point, struct hf_key *out)
{
	HF_RELEASED(hf_buf) context = {0};
	struct hf_derive derive = {.repository = secrets->repository,
		.label = "grant",
		.ikm = hf_span(agreed->bytes, HF_KEY_LEN)};

	hf_put_u32(&context, slot->n);
	hf_put_u32(&context, (uint32_t)secrets->n_epochs);
	hf_buf_add(&context, point, HF_KEY_LEN);
	hf_buf_add(&context, slot->box_public, sizeof(slot->box_public));
	derive.context = hf_buf_span(&context);
	hf_derive(&derive, out->bytes, HF_KEY_LEN);
}

static uint8_t *put_key(uint8_t *at, const struct hf_key *key)
{
	memcpy(at, key->bytes, HF_KEY_LEN);
	return at + HF_KEY_LEN;
}

hf_err hf_slot_grant(
	struct hf_slot *slot, const struct hf_slot_secrets *admin, struct hf_arena *arena)
{
	HF_RELEASED(hf_key) fresh = {0}, agreed = {0}, key = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	const struct hf_epoch_keys *newest = &admin->epochs[admin->n_epochs - 1];
	size_t len = hf_grant_len(slot->rights);
	uint8_t *grant = hf_arena_alloc(arena, len), *plain = grant + HF_KEY_LEN, *at = plain;

	hf_random(fresh.bytes, HF_KEY_LEN);
	HF_TRY(hf_error_in(hf_x25519(&fresh, slot->box_public, &agreed), "slot %u", slot->n));
	hf_x25519_public(&fresh, grant);
	derive_grant_key(slot, admin, &agreed, grant, &key);
	at = put_key(at, &newest->metadata);
	if (hf_rights_have_ids(slot->rights))
		at = put_key(at, &admin->ids);
	if (hf_rights_read(slot->rights))
		at = put_key(at, &newest->content);
	if (slot->rights & HF_ADMIN)
		at = put_key(at, &admin->root_seed);
	sealer = hf_sealer_new(&key);
	hf_seal(sealer, PLACE, hf_span(NULL, 0), hf_span(plain, (size_t)(at - plain)), plain);
	slot->grant = hf_span(grant, len);
	return NULL;
}

hf_err hf_slot_open_grant(const struct hf_slot *slot, struct hf_slot_secrets *secrets)
{
	HF_RELEASED(hf_key) agreed = {0}, key = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	struct hf_epoch_keys *newest = &secrets->epochs[secrets->n_epochs - 1];
	size_t len = granted_len(slot->rights);
	uint8_t plain[4 * HF_KEY_LEN];
	struct hf_wire wire = hf_wire(hf_span(plain, len));

	if (slot->grant.len != hf_grant_len(slot->rights))
		return hf_error_new(HF_CORRUPT, "slot %u: a grant of another length", slot->n);
	HF_TRY(hf_error_in(hf_x25519(&secrets->box, slot->grant.at, &agreed), "grant"));
	derive_grant_key(slot, secrets, &agreed, slot->grant.at, &key);
	sealer = hf_sealer_new(&key);
	HF_TRY(hf_error_in(hf_unseal(sealer, PLACE, hf_span(NULL, 0),
				   hf_span(slot->grant.at + HF_KEY_LEN, len + HF_TAG_LEN), plain),
		"slot %u: grant", slot->n));
	hf_wire_copy(&wire, newest->metadata.bytes, HF_KEY_LEN);
	secrets->has_ids = hf_rights_have_ids(slot->rights);
	if (secrets->has_ids)
		hf_wire_copy(&wire, secrets->ids.bytes, HF_KEY_LEN);
	newest->reads = hf_rights_read(slot->rights);
	if (newest->reads)
		hf_wire_copy(&wire, newest->content.bytes, HF_KEY_LEN);
	secrets->has_root = slot->rights & HF_ADMIN;
	if (secrets->has_root)
		hf_wire_copy(&wire, secrets->root_seed.bytes, HF_KEY_LEN);
	hf_wipe(plain, sizeof(plain));
	return hf_wire_end(&wire, "grant");
}

/* ---- the chain of epochs ---- */

static struct hf_sealer *chain_sealer(
	const struct hf_epoch_keys *newer, const char *label, const struct hf_key *from)
{
	HF_RELEASED(hf_key) key = {0};
	const struct hf_derive derive = {
		.repository = newer->repository,
		.label = label,
		.ikm = hf_span(from->bytes, HF_KEY_LEN),
	};

	hf_derive(&derive, key.bytes, HF_KEY_LEN);
	return hf_sealer_new(&key);
}

/* What a link is bound to: the number of the older epoch, u32. */
static struct hf_span bind_epoch(uint32_t n, struct hf_buf *out)
{
	hf_put_u32(out, n);
	return hf_buf_span(out);
}

void hf_epoch_chain(
	const struct hf_epoch_keys *newer, const struct hf_epoch_keys *older, struct hf_epoch *out)
{
	HF_OWNED(hf_sealer) metadata = chain_sealer(newer, "chain-m", &newer->metadata);
	HF_OWNED(hf_sealer) content = chain_sealer(newer, "chain-c", &newer->content);
	HF_RELEASED(hf_buf) buf = {0};
	struct hf_span bound = bind_epoch(older->epoch, &buf);

	hf_seal(metadata, PLACE, bound, hf_span(older->metadata.bytes, HF_KEY_LEN),
		out->older_metadata.bytes);
	hf_seal(content, PLACE, bound, hf_span(older->content.bytes, HF_KEY_LEN),
		out->older_content.bytes);
}

static hf_err open_link(struct hf_sealer *sealer, struct hf_span bound,
	const struct hf_wrapped_key *link, struct hf_key *out)
{
	return hf_error_in(hf_unseal(sealer, PLACE, bound,
				   hf_span(link->bytes, sizeof(link->bytes)), out->bytes),
		"chain of epochs");
}

hf_err hf_epoch_unchain(const struct hf_epoch *epoch, const struct hf_epoch_keys *newer,
	struct hf_epoch_keys *older)
{
	HF_OWNED(hf_sealer) metadata = chain_sealer(newer, "chain-m", &newer->metadata);
	HF_OWNED(hf_sealer) content = NULL;
	HF_RELEASED(hf_buf) buf = {0};
	struct hf_span bound = bind_epoch(epoch->n - 1, &buf);

	HF_TRY(open_link(metadata, bound, &epoch->older_metadata, &older->metadata));
	older->reads = newer->reads;
	if (!newer->reads)
		return NULL;
	content = chain_sealer(newer, "chain-c", &newer->content);
	return open_link(content, bound, &epoch->older_content, &older->content);
}
