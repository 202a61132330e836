/*
 * Opening a keyring. Nothing in it is believed until the root key from inside the unlocked slot has
 * verified it: a store could plant slots. So the commitment is compared before anything is opened
 * (GCM alone would let one planted slot try thousands of passphrases), and few slots are tried.
 */
#include "backend/format/keyring.h"

#include "backend/format/limits.h"
#include "backend/format/slot.h"

#define MAX_NAMED_SLOTS 8

static bool may_fit(const struct hf_slot *slot, const struct hf_unlock *unlock)
{
	return slot->unlock == unlock->kind &&
		(!unlock->slot || hf_span_equal(slot->name, hf_span_str(unlock->slot)));
}

static struct hf_span secret_of(const struct hf_unlock *unlock)
{
	return hf_span(unlock->secret->at, unlock->secret->len);
}

struct search {
	const struct hf_keyring *keyring;
	const struct hf_unlock *unlock;
	unsigned left; /* how many passphrase slots may still be tried */
};

/* The first slot that the secret fits; NULL: none. The lock is then what opens it. */
static hf_err find(struct search *search, bool revoked, const struct hf_slot **found,
	struct hf_slot_lock *lock)
{
	const struct hf_keyring *keyring = search->keyring;

	for (size_t i = 0; i < keyring->n_slots && search->left; i++) {
		const struct hf_slot *slot = &keyring->slots[i];

		if (slot->revoked != revoked || !may_fit(slot, search->unlock))
			continue;
		search->left -= slot->unlock == HF_PASSPHRASE;
		HF_TRY(hf_slot_lock_derive(
			slot, keyring->repository, secret_of(search->unlock), lock));
		if (hf_equal_secret(lock->commitment, slot->commitment, sizeof(lock->commitment))) {
			*found = slot;
			return NULL;
		}
	}
	return NULL;
}

/* ---- what the slot's private part vouches for ---- */

static hf_err judge_keyring(const struct hf_keyring *keyring, const struct hf_slot_secrets *secrets)
{
	if (!hf_keyring_verify(keyring, secrets->root_public))
		return hf_error_new(
			HF_CORRUPT, "keyring %u: not signed by this slot's root key", keyring->n);
	if (memcmp(keyring->root_public, secrets->root_public, sizeof(keyring->root_public)) != 0 ||
		memcmp(keyring->repository, secrets->repository, sizeof(keyring->repository)) != 0)
		return hf_error_new(HF_CORRUPT, "keyring %u: of another repository", keyring->n);
	return NULL;
}

static hf_err judge_slot(const struct hf_slot *slot, const struct hf_slot_secrets *secrets)
{
	uint8_t sign_public[32], box_public[32];

	hf_ed25519_public(&secrets->sign_seed, sign_public);
	hf_x25519_public(&secrets->box, box_public);
	if (memcmp(sign_public, slot->sign_public, sizeof(sign_public)) != 0 ||
		memcmp(box_public, slot->box_public, sizeof(box_public)) != 0)
		return hf_error_new(HF_CORRUPT, "slot %u: its keys don't fit", slot->n);
	if (slot->revoked)
		return hf_error_new(HF_DENIED, "slot %u (%.*s) was revoked", slot->n,
			(int)slot->name.len, (const char *)slot->name.at);
	return NULL;
}

/* Who can't read can't tell whether C fits; but a C that agrees on zeros would seal to everybody.
 */
static hf_err judge_content_key(const struct hf_epoch_keys *epoch, const struct hf_key *box)
{
	HF_RELEASED(hf_key) agreed = {0};
	uint8_t content_public[32];

	HF_TRY(hf_error_in(
		hf_x25519(box, epoch->content_public, &agreed), "epoch %u", epoch->epoch));
	if (!epoch->reads)
		return NULL;
	hf_x25519_public(&epoch->content, content_public);
	if (memcmp(content_public, epoch->content_public, sizeof(content_public)) != 0)
		return hf_error_new(
			HF_CORRUPT, "epoch %u: its content key doesn't fit", epoch->epoch);
	return NULL;
}

static hf_err open_epochs(const struct hf_keyring *keyring, const struct hf_slot *slot,
	struct hf_slot_secrets *secrets)
{
	secrets->n_epochs = keyring->n_epochs;
	secrets->epochs = hf_calloc(keyring->n_epochs, sizeof(*secrets->epochs));
	for (size_t i = 0; i < keyring->n_epochs; i++) {
		struct hf_epoch_keys *epoch = &secrets->epochs[i];

		epoch->epoch = keyring->epochs[i].n;
		memcpy(epoch->repository, keyring->repository, sizeof(epoch->repository));
		memcpy(epoch->content_public, keyring->epochs[i].content_public,
			sizeof(epoch->content_public));
	}
	HF_TRY(hf_slot_open_grant(slot, secrets));
	for (size_t i = keyring->n_epochs; i-- > 0;) {
		HF_TRY(judge_content_key(&secrets->epochs[i], &secrets->box));
		if (i > 0)
			HF_TRY(hf_epoch_unchain(
				&keyring->epochs[i], &secrets->epochs[i], &secrets->epochs[i - 1]));
	}
	return NULL;
}

static hf_err judge_root(const struct hf_slot_secrets *secrets)
{
	uint8_t root_public[32];

	if (!secrets->has_root)
		return NULL;
	hf_ed25519_public(&secrets->root_seed, root_public);
	if (memcmp(root_public, secrets->root_public, sizeof(root_public)) != 0)
		return hf_error_new(HF_CORRUPT, "the granted root key doesn't fit");
	return NULL;
}

/* secrets: with the private part. */
static hf_err admit(const struct hf_keyring *keyring, const struct hf_slot *slot,
	struct hf_slot_secrets *secrets)
{
	HF_TRY(judge_keyring(keyring, secrets));
	HF_TRY(judge_slot(slot, secrets));
	HF_TRY(open_epochs(keyring, slot, secrets));
	return judge_root(secrets);
}

static void hand_over(struct hf_slot_secrets *from, struct hf_slot_secrets *out)
{
	*out = *from;
	hf_wipe(from, sizeof(*from));
}

const char *hf_unlock_text(unsigned kind)
{
	static const char *const ways[] = {"?", "passphrase", "key file", "command"};

	return ways[kind < ARRAY_LEN(ways) ? kind : 0];
}

/* Which slots there are is not secret, and not believed: it is a hint to whoever took a wrong key.
 */
static hf_err nothing_fits(const struct hf_keyring *keyring, const struct search *search)
{
	const struct hf_unlock *unlock = search->unlock;
	HF_RELEASED(hf_buf) slots = {0};
	bool named = false;

	for (size_t i = 0; i < keyring->n_slots; i++) {
		const struct hf_slot *slot = &keyring->slots[i];

		named |= may_fit(slot, unlock);
		if (i < MAX_NAMED_SLOTS)
			hf_buf_printf(&slots, "%s%.*s (%s%s)", i ? ", " : "", (int)slot->name.len,
				(const char *)slot->name.at, slot->revoked ? "revoked " : "",
				hf_unlock_text(slot->unlock));
	}
	const char *more = keyring->n_slots > MAX_NAMED_SLOTS ? ", …" : "";

	if (unlock->slot && !named)
		return hf_error_new(HF_NO_KEY,
			"there is no slot %s that a %s unlocks; hint: the slots are %s%s",
			unlock->slot, hf_unlock_text(unlock->kind), hf_buf_text(&slots), more);
	if (search->left == 0)
		return hf_error_new(HF_NO_KEY,
			"none of the first %d slots with a passphrase fits; hint: name the slot, "
			"with --slot",
			HF_MAX_PASSPHRASE_SLOTS);
	return hf_error_new(HF_NO_KEY, "no slot fits this %s; hint: the slots are %s%s",
		hf_unlock_text(unlock->kind), hf_buf_text(&slots), more);
}

hf_err hf_keyring_unlock(const struct hf_keyring *keyring, const struct hf_unlock *unlock,
	const struct hf_slot **slot, struct hf_slot_secrets *out)
{
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	HF_RELEASED(hf_slot_lock) lock = {0};
	struct search search = {keyring, unlock, HF_MAX_PASSPHRASE_SLOTS};
	const struct hf_slot *found = NULL;

	if (unlock->kind != HF_PASSPHRASE && unlock->secret->len < HF_MIN_KEY_FILE)
		return hf_error_new(HF_INVALID, "a key of %zu bytes; it needs at least %d",
			unlock->secret->len, HF_MIN_KEY_FILE);
	HF_TRY(find(&search, false, &found, &lock));
	if (!found)
		HF_TRY(find(&search, true, &found, &lock));
	if (!found)
		return nothing_fits(keyring, &search);
	HF_TRY(hf_slot_unwrap(found, &lock, &secrets));
	HF_TRY(admit(keyring, found, &secrets));
	*slot = found;
	hand_over(&secrets, out);
	return NULL;
}

hf_err hf_keyring_follow(const struct hf_keyring *keyring, const struct hf_slot_secrets *known,
	const struct hf_slot **slot, struct hf_slot_secrets *out)
{
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	uint8_t sign_public[32];

	secrets.sign_seed = known->sign_seed;
	secrets.box = known->box;
	memcpy(secrets.root_public, known->root_public, sizeof(secrets.root_public));
	memcpy(secrets.repository, known->repository, sizeof(secrets.repository));
	hf_ed25519_public(&known->sign_seed, sign_public);
	for (size_t i = 0; i < keyring->n_slots; i++) {
		const struct hf_slot *found = &keyring->slots[i];

		if (memcmp(found->sign_public, sign_public, sizeof(sign_public)) != 0)
			continue;
		HF_TRY(admit(keyring, found, &secrets));
		*slot = found;
		hand_over(&secrets, out);
		return NULL;
	}
	return hf_error_new(HF_NO_KEY, "keyring %u has no slot of this key", keyring->n);
}
