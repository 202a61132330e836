/* The keyring's form. What its sealed parts hold: slot.c; who opens it: keyring_unlock.c. */
#include "backend/format/keyring.h"

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/slot.h"
#include "backend/format/wire.h"

#define KEYRING_VERSION 1
#define TAIL_LEN (HF_SIGNATURE_LEN + HF_ID_LEN)
#define EPOCH_LEAST (4 + 2 + 32 + 2 * (HF_KEY_LEN + HF_TAG_LEN))
#define SLOT_LEAST (4 + 2 + 4 + 1 + 64 + 1 + 64 + HF_WRAPPED_LEN + 2)

static const char magic[8] = {'H', 'O', 'L', 'D', 'F', 'K', 'E', 'Y'};
static const char domain[] = "holdfast keyring 1"; /* signed with its NUL */

enum slot_state { SLOT_LIVE = 0, SLOT_REVOKED = 1 };

/* ---- printing ---- */

static void print_settings(const struct hf_settings *settings, struct hf_buf *out)
{
	hf_put_var(out, (uint64_t)(settings->grace / HF_NS_PER_S));
	hf_put_u8(out, settings->cutter);
	hf_put_var(out, settings->cut_min);
	hf_put_var(out, settings->cut_normal);
	hf_put_var(out, settings->cut_max);
	hf_put_var(out, settings->bundle_below);
	hf_put_var(out, settings->bundle_normal);
}

static void print_epoch(const struct hf_epoch *epoch, struct hf_buf *out)
{
	hf_put_u32(out, epoch->n);
	hf_put_time(out, epoch->since);
	hf_buf_add(out, epoch->content_public, sizeof(epoch->content_public));
	hf_buf_add(out, epoch->older_metadata.bytes, sizeof(epoch->older_metadata.bytes));
	hf_buf_add(out, epoch->older_content.bytes, sizeof(epoch->older_content.bytes));
}

static void print_slot(const struct hf_slot *slot, struct hf_buf *out)
{
	hf_slot_print_public(slot, out);
	hf_buf_add_span(out, slot->wrapped);
	if (!slot->revoked) {
		hf_put_u8(out, SLOT_LIVE);
		hf_put_sized(out, slot->grant);
		return;
	}
	hf_put_u8(out, SLOT_REVOKED);
	hf_put_time(out, slot->revoked_at);
	hf_put_u32(out, slot->last_checkpoint);
	hf_put_var(out, slot->n_counts);
	for (size_t i = 0; i < slot->n_counts; i++)
		hf_put_id(out, &slot->counts[i]);
}

/* The message that the root signs. */
static void print_signed(struct hf_span bytes, struct hf_buf *out)
{
	hf_buf_add(out, domain, sizeof(domain));
	hf_buf_add_span(out, bytes);
}

void hf_keyring_print(
	const struct hf_keyring *keyring, const struct hf_key *root_seed, struct hf_buf *out)
{
	HF_RELEASED(hf_buf) bytes = {0}, message = {0};
	uint8_t signature[HF_SIGNATURE_LEN];
	struct hf_id digest;

	hf_buf_add(&bytes, magic, sizeof(magic));
	hf_put_u8(&bytes, KEYRING_VERSION);
	hf_put_u64(&bytes, keyring->features);
	hf_put_u32(&bytes, keyring->n);
	hf_buf_add(&bytes, keyring->repository, sizeof(keyring->repository));
	hf_buf_add(&bytes, keyring->root_public, sizeof(keyring->root_public));
	print_settings(&keyring->settings, &bytes);
	hf_put_var(&bytes, keyring->n_epochs);
	for (size_t i = 0; i < keyring->n_epochs; i++)
		print_epoch(&keyring->epochs[i], &bytes);
	hf_put_var(&bytes, keyring->n_slots);
	for (size_t i = 0; i < keyring->n_slots; i++)
		print_slot(&keyring->slots[i], &bytes);

	print_signed(hf_buf_span(&bytes), &message);
	hf_ed25519_sign(root_seed, hf_buf_span(&message), signature);
	hf_buf_add(&bytes, signature, sizeof(signature));
	hf_sha256(hf_buf_span(&bytes), &digest);
	hf_put_id(&bytes, &digest);
	hf_buf_add_span(out, hf_buf_span(&bytes));
}

/* ---- parsing ---- */

static bool settings_possible(const struct hf_settings *settings)
{
	uint32_t normal = settings->cut_normal;

	return settings->cut_min > 0 && settings->cut_min < normal && normal < settings->cut_max &&
		(normal & (normal - 1)) == 0 && settings->bundle_normal > 0;
}

static void parse_settings(struct hf_wire *wire, struct hf_settings *out)
{
	out->grace = (int64_t)hf_wire_var_max(wire, HF_MAX_TIME_S) * HF_NS_PER_S;
	out->cutter = hf_wire_u8(wire);
	out->cut_min = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	out->cut_normal = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	out->cut_max = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	out->bundle_below = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	out->bundle_normal = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	if (!settings_possible(out))
		hf_wire_fail(wire);
}

static void parse_epochs(struct hf_wire *wire, struct hf_arena *arena, struct hf_keyring *out)
{
	out->n_epochs = hf_wire_count(wire, EPOCH_LEAST, HF_MAX_EPOCHS);
	if (!out->n_epochs)
		hf_wire_fail(wire);
	out->epochs = hf_arena_alloc(arena, out->n_epochs * sizeof(*out->epochs));
	for (size_t i = 0; i < out->n_epochs && !wire->bad; i++) {
		struct hf_epoch *epoch = &out->epochs[i];

		epoch->n = hf_wire_u32(wire);
		epoch->since = hf_wire_time(wire);
		hf_wire_copy(wire, epoch->content_public, sizeof(epoch->content_public));
		hf_wire_copy(
			wire, epoch->older_metadata.bytes, sizeof(epoch->older_metadata.bytes));
		hf_wire_copy(wire, epoch->older_content.bytes, sizeof(epoch->older_content.bytes));
		if (epoch->n != i + 1)
			hf_wire_fail(wire);
	}
}

static void parse_sources(struct hf_wire *wire, struct hf_arena *arena, struct hf_slot *out)
{
	out->n_sources = hf_wire_count(wire, 2, HF_MAX_PATTERNS);
	out->sources = hf_arena_alloc(arena, out->n_sources * sizeof(*out->sources));
	for (size_t i = 0; i < out->n_sources; i++) {
		out->sources[i] = hf_wire_str(wire, HF_MAX_SOURCE);
		if (!out->sources[i].len)
			hf_wire_fail(wire);
	}
}

static bool cost_possible(const struct hf_scrypt *cost)
{
	return cost->log2n >= HF_MIN_SCRYPT_LOG2N && cost->log2n <= HF_MAX_SCRYPT_LOG2N &&
		cost->r == HF_SCRYPT_R && cost->p >= 1 && cost->p <= HF_MAX_SCRYPT_P;
}

static void parse_unlock(struct hf_wire *wire, struct hf_slot *out)
{
	out->unlock = hf_wire_u8(wire);
	if (out->unlock < HF_PASSPHRASE || out->unlock > HF_COMMAND_KEY)
		hf_wire_fail(wire);
	if (out->unlock == HF_PASSPHRASE) {
		out->cost.log2n = hf_wire_u8(wire);
		out->cost.r = hf_wire_u8(wire);
		out->cost.p = hf_wire_u8(wire);
		if (!cost_possible(&out->cost))
			hf_wire_fail(wire);
	}
	if (out->unlock == HF_COMMAND_KEY)
		out->hint = hf_wire_sized(wire, HF_MAX_HINT);
}

static void parse_public(struct hf_wire *wire, struct hf_arena *arena, struct hf_slot *out)
{
	out->n = hf_wire_u32(wire);
	out->name = hf_wire_str(wire, HF_MAX_SLOT_NAME);
	out->rights = hf_wire_u32(wire);
	if (!out->n || !out->name.len || !out->rights || out->rights & ~HF_ALL_RIGHTS)
		hf_wire_fail(wire);
	parse_sources(wire, arena, out);
	hf_wire_copy(wire, out->sign_public, sizeof(out->sign_public));
	hf_wire_copy(wire, out->box_public, sizeof(out->box_public));
	parse_unlock(wire, out);
	hf_wire_copy(wire, out->salt, sizeof(out->salt));
	hf_wire_copy(wire, out->commitment, sizeof(out->commitment));
}

static void parse_revocation(struct hf_wire *wire, struct hf_arena *arena, struct hf_slot *out)
{
	out->revoked = true;
	out->revoked_at = hf_wire_time(wire);
	out->last_checkpoint = hf_wire_u32(wire);
	out->n_counts = hf_wire_count(wire, HF_ID_LEN, HF_MAX_REVOKED_COMMITS);
	out->counts = hf_arena_alloc(arena, out->n_counts * sizeof(*out->counts));
	for (size_t i = 0; i < out->n_counts; i++)
		hf_wire_copy(wire, out->counts[i].bytes, HF_ID_LEN);
}

static void parse_slot(struct hf_wire *wire, struct hf_arena *arena, struct hf_slot *out)
{
	*out = (struct hf_slot){0};
	parse_public(wire, arena, out);
	out->wrapped = hf_wire_bytes(wire, HF_WRAPPED_LEN);
	switch (hf_wire_u8(wire)) {
	case SLOT_LIVE:
		out->grant = hf_wire_sized(wire, hf_grant_len(HF_ALL_RIGHTS));
		if (out->grant.len != hf_grant_len(out->rights))
			hf_wire_fail(wire);
		return;
	case SLOT_REVOKED:
		parse_revocation(wire, arena, out);
		return;
	default:
		hf_wire_fail(wire);
	}
}

static void parse_slots(struct hf_wire *wire, struct hf_arena *arena, struct hf_keyring *out)
{
	out->n_slots = hf_wire_count(wire, SLOT_LEAST, HF_MAX_SLOTS);
	out->slots = hf_arena_alloc(arena, out->n_slots * sizeof(*out->slots));
	for (size_t i = 0; i < out->n_slots && !wire->bad; i++) {
		parse_slot(wire, arena, &out->slots[i]);
		if (i && out->slots[i].n <= out->slots[i - 1].n)
			hf_wire_fail(wire);
	}
}

/* Splits off signature and digest. The version comes first: a newer one may end in another way. */
static hf_err split_tail(struct hf_span bytes, struct hf_keyring *out)
{
	struct hf_span before;
	struct hf_id digest;

	if (bytes.len > HF_MAX_KEYRING || bytes.len < sizeof(magic) + 1 + TAIL_LEN ||
		memcmp(bytes.at, magic, sizeof(magic)) != 0)
		return hf_error_new(HF_CORRUPT, "keyring: no Holdfast keyring");
	if (bytes.at[sizeof(magic)] > KEYRING_VERSION)
		return hf_error_new(HF_UNSUPPORTED,
			"keyring: version %u is newer than this program; hint: update holdfast",
			bytes.at[sizeof(magic)]);
	before = hf_span(bytes.at, bytes.len - HF_ID_LEN);
	hf_sha256(before, &digest);
	if (memcmp(digest.bytes, before.at + before.len, HF_ID_LEN) != 0)
		return hf_error_new(HF_CORRUPT, "keyring: its digest doesn't fit");
	out->signed_bytes = hf_span(bytes.at, bytes.len - TAIL_LEN);
	memcpy(out->signature, bytes.at + bytes.len - TAIL_LEN, HF_SIGNATURE_LEN);
	return NULL;
}

hf_err hf_keyring_parse(struct hf_span bytes, struct hf_arena *arena, struct hf_keyring *out)
{
	struct hf_keyring keyring = {0};
	struct hf_wire wire;

	HF_TRY(split_tail(bytes, &keyring));
	wire = hf_wire(keyring.signed_bytes);
	hf_wire_bytes(&wire, sizeof(magic));
	if (hf_wire_u8(&wire) != KEYRING_VERSION)
		hf_wire_fail(&wire);
	keyring.features = hf_wire_u64(&wire);
	if (keyring.features & ~HF_KNOWN_FEATURES)
		return hf_error_new(HF_UNSUPPORTED,
			"keyring: features %#llx are newer than this program; hint: update "
			"holdfast",
			(unsigned long long)(keyring.features & ~HF_KNOWN_FEATURES));
	keyring.n = hf_wire_u32(&wire);
	hf_wire_copy(&wire, keyring.repository, sizeof(keyring.repository));
	hf_wire_copy(&wire, keyring.root_public, sizeof(keyring.root_public));
	parse_settings(&wire, &keyring.settings);
	if (!wire.bad && keyring.settings.cutter != 1)
		return hf_error_new(HF_UNSUPPORTED, "keyring: cutter %u", keyring.settings.cutter);
	parse_epochs(&wire, arena, &keyring);
	parse_slots(&wire, arena, &keyring);
	HF_TRY(hf_wire_end(&wire, "keyring"));
	*out = keyring;
	return NULL;
}

bool hf_keyring_verify(const struct hf_keyring *keyring, const uint8_t root_public[32])
{
	HF_RELEASED(hf_buf) message = {0};

	print_signed(keyring->signed_bytes, &message);
	return hf_ed25519_verify(root_public, hf_buf_span(&message), keyring->signature);
}
