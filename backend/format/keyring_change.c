/* A keyring's first form, its slots and epochs: what only an admin does. */
#include "backend/format/keyring.h"

#include <stdlib.h>

#include "backend/base/text.h"
#include "backend/format/limits.h"
#include "backend/format/slot.h"

static const struct hf_scrypt default_cost = {16, HF_SCRYPT_R, 1};

/* ---- epochs ---- */

/* Fresh keys, and the epoch's public side. */
static void make_epoch(const struct hf_keyring *keyring, uint32_t n, int64_t now,
	struct hf_epoch *epoch, struct hf_epoch_keys *keys)
{
	*epoch = (struct hf_epoch){.n = n, .since = now};
	*keys = (struct hf_epoch_keys){.epoch = n, .reads = true};
	memcpy(keys->repository, keyring->repository, sizeof(keys->repository));
	hf_random(keys->metadata.bytes, HF_KEY_LEN);
	hf_random(keys->content.bytes, HF_KEY_LEN);
	hf_x25519_public(&keys->content, keys->content_public);
	memcpy(epoch->content_public, keys->content_public, sizeof(epoch->content_public));
}

void hf_keyring_make(const struct hf_settings *settings, int64_t now, struct hf_arena *arena,
	struct hf_keyring *out, struct hf_slot_secrets *secrets)
{
	struct hf_keyring keyring = {.n = 1, .settings = *settings, .n_epochs = 1};
	struct hf_slot_secrets made = {.has_root = true, .has_ids = true, .n_epochs = 1};

	hf_random(keyring.repository, sizeof(keyring.repository));
	hf_random(made.root_seed.bytes, HF_KEY_LEN);
	hf_random(made.ids.bytes, HF_KEY_LEN);
	hf_ed25519_public(&made.root_seed, keyring.root_public);
	memcpy(made.root_public, keyring.root_public, sizeof(made.root_public));
	memcpy(made.repository, keyring.repository, sizeof(made.repository));
	keyring.epochs = hf_arena_alloc(arena, sizeof(*keyring.epochs));
	made.epochs = hf_calloc(1, sizeof(*made.epochs));
	make_epoch(&keyring, 1, now, keyring.epochs, made.epochs);
	*out = keyring;
	*secrets = made;
	hf_wipe(&made, sizeof(made));
}

static void append_epoch(struct hf_keyring *keyring, struct hf_arena *arena,
	struct hf_slot_secrets *admin, int64_t now)
{
	size_t n = keyring->n_epochs;
	struct hf_epoch *epochs = hf_arena_alloc(arena, (n + 1) * sizeof(*epochs));
	struct hf_epoch_keys *keys = hf_calloc(n + 1, sizeof(*keys));

	memcpy(epochs, keyring->epochs, n * sizeof(*epochs));
	memcpy(keys, admin->epochs, n * sizeof(*keys));
	make_epoch(keyring, (uint32_t)n + 1, now, &epochs[n], &keys[n]);
	hf_epoch_chain(&keys[n], &keys[n - 1], &epochs[n]);
	hf_wipe(admin->epochs, n * sizeof(*keys));
	free(admin->epochs);
	admin->epochs = keys;
	admin->n_epochs = n + 1;
	keyring->epochs = epochs;
	keyring->n_epochs = n + 1;
}

hf_err hf_keyring_add_epoch(struct hf_keyring *keyring, struct hf_arena *arena,
	struct hf_slot_secrets *admin, int64_t now)
{
	if (!admin->has_root)
		return hf_error_new(HF_DENIED, "only an admin makes an epoch");
	if (keyring->n_epochs >= HF_MAX_EPOCHS)
		return hf_error_new(HF_INVALID, "the keyring has %d epochs already", HF_MAX_EPOCHS);
	append_epoch(keyring, arena, admin, now);
	for (size_t i = 0; i < keyring->n_slots; i++) {
		if (!keyring->slots[i].revoked)
			HF_TRY(hf_slot_grant(&keyring->slots[i], admin, arena));
		else
			keyring->slots[i].grant = hf_span(NULL, 0);
	}
	return NULL;
}

/* ---- slots ---- */

static hf_err judge_wish(const struct hf_keyring *keyring, const struct hf_slot_wish *wish)
{
	struct hf_span name = hf_span_str(wish->name);

	if (!name.len || name.len > HF_MAX_SLOT_NAME || !hf_utf8_valid(name))
		return hf_error_new(
			HF_INVALID, "a slot's name has 1 to %d bytes of UTF-8", HF_MAX_SLOT_NAME);
	if (!wish->rights || wish->rights & ~HF_ALL_RIGHTS)
		return hf_error_new(HF_INVALID, "slot %s: no such rights", wish->name);
	if (wish->n_sources > HF_MAX_PATTERNS)
		return hf_error_new(
			HF_INVALID, "slot %s: more than %d sources", wish->name, HF_MAX_PATTERNS);
	for (size_t i = 0; i < wish->n_sources; i++)
		if (!*wish->sources[i] || strlen(wish->sources[i]) > HF_MAX_SOURCE)
			return hf_error_new(HF_INVALID, "slot %s: a source has 1 to %d bytes",
				wish->name, HF_MAX_SOURCE);
	if (wish->hint && strlen(wish->hint) > HF_MAX_HINT)
		return hf_error_new(HF_INVALID, "slot %s: hint too long", wish->name);
	for (size_t i = 0; i < keyring->n_slots; i++)
		if (!keyring->slots[i].revoked && hf_span_equal(keyring->slots[i].name, name))
			return hf_error_new(HF_INVALID, "there is a slot %s already", wish->name);
	if (keyring->n_slots >= HF_MAX_SLOTS)
		return hf_error_new(HF_INVALID, "the keyring has %d slots already", HF_MAX_SLOTS);
	return NULL;
}

static hf_err judge_unlock(const struct hf_unlock *unlock)
{
	if (unlock->kind < HF_PASSPHRASE || unlock->kind > HF_COMMAND_KEY)
		return hf_error_new(HF_INVALID, "no such way to unlock");
	if (unlock->kind == HF_PASSPHRASE && !unlock->secret->len)
		return hf_error_new(HF_INVALID, "the passphrase is empty");
	if (unlock->kind != HF_PASSPHRASE && unlock->secret->len < HF_MIN_KEY_FILE)
		return hf_error_new(HF_INVALID, "a key of %zu bytes; it needs at least %d",
			unlock->secret->len, HF_MIN_KEY_FILE);
	return NULL;
}

static struct hf_span keep(struct hf_arena *arena, const char *text)
{
	return text ? hf_arena_span(arena, hf_span_str(text)) : hf_span(NULL, 0);
}

static void fill_slot(const struct hf_slot_wish *wish, const struct hf_unlock *unlock,
	struct hf_arena *arena, struct hf_slot *slot)
{
	slot->name = keep(arena, wish->name);
	slot->rights = wish->rights & HF_ADMIN ? HF_ALL_RIGHTS : wish->rights;
	slot->n_sources = wish->n_sources;
	slot->sources = hf_arena_alloc(arena, wish->n_sources * sizeof(*slot->sources));
	for (size_t i = 0; i < wish->n_sources; i++)
		slot->sources[i] = keep(arena, wish->sources[i]);
	slot->unlock = (uint8_t)unlock->kind;
	if (unlock->kind == HF_PASSPHRASE)
		slot->cost = unlock->cost.log2n ? unlock->cost : default_cost;
	if (unlock->kind == HF_COMMAND_KEY)
		slot->hint = keep(arena, wish->hint);
}

/* The slot's own keys, wrapped. The commitment must stand before: the private part is bound to it.
 */
static hf_err lock_slot(struct hf_slot *slot, const struct hf_slot_secrets *admin,
	const struct hf_unlock *unlock, struct hf_arena *arena)
{
	HF_RELEASED(hf_slot_secrets) own = {0};
	HF_RELEASED(hf_slot_lock) lock = {0};
	uint8_t *wrapped = hf_arena_alloc(arena, HF_WRAPPED_LEN);

	hf_random(own.sign_seed.bytes, HF_KEY_LEN);
	hf_random(own.box.bytes, HF_KEY_LEN);
	hf_random(slot->salt, sizeof(slot->salt));
	memcpy(own.root_public, admin->root_public, sizeof(own.root_public));
	memcpy(own.repository, admin->repository, sizeof(own.repository));
	hf_ed25519_public(&own.sign_seed, slot->sign_public);
	hf_x25519_public(&own.box, slot->box_public);
	HF_TRY(hf_slot_lock_derive(
		slot, admin->repository, hf_span(unlock->secret->at, unlock->secret->len), &lock));
	memcpy(slot->commitment, lock.commitment, sizeof(slot->commitment));
	hf_slot_wrap(slot, &lock, &own, wrapped);
	slot->wrapped = hf_span(wrapped, HF_WRAPPED_LEN);
	return NULL;
}

hf_err hf_keyring_add_slot(struct hf_keyring *keyring, struct hf_arena *arena,
	const struct hf_slot_secrets *admin, const struct hf_slot_wish *wish,
	const struct hf_unlock *unlock)
{
	size_t n = keyring->n_slots;
	struct hf_slot slot = {.n = n ? keyring->slots[n - 1].n + 1 : 1}, *slots;

	if (!admin->has_root)
		return hf_error_new(HF_DENIED, "only an admin adds a slot");
	HF_TRY(judge_wish(keyring, wish));
	HF_TRY(judge_unlock(unlock));
	fill_slot(wish, unlock, arena, &slot);
	HF_TRY(lock_slot(&slot, admin, unlock, arena));
	HF_TRY(hf_slot_grant(&slot, admin, arena));
	slots = hf_arena_alloc(arena, (n + 1) * sizeof(*slots));
	if (n)
		memcpy(slots, keyring->slots, n * sizeof(*slots));
	slots[n] = slot;
	keyring->slots = slots;
	keyring->n_slots = n + 1;
	return NULL;
}
