/*
 * What is sealed to one slot of a keyring: its private part, under a passphrase or a key file; the
 * keys granted to it; and the chain from an epoch's keys to the older ones (docs/format.md section
 * 3). For the keyring*.c files. Pure but for randomness.
 */
#ifndef HF_FORMAT_SLOT_H
#define HF_FORMAT_SLOT_H

#include "backend/format/keyring.h"

#define HF_WRAPPED_LEN (3 * HF_KEY_LEN + HF_REPO_ID_LEN + HF_TAG_LEN)

/* From u32 number to the commitment: what the private part is bound to. */
void hf_slot_print_public(const struct hf_slot *slot, struct hf_buf *out);

struct hf_slot_lock {
	struct hf_key key;
	uint8_t commitment[32];
};
void hf_slot_lock_release(struct hf_slot_lock *lock);
/* HF_INVALID: scrypt's costs are out of bounds. */
hf_err hf_slot_lock_derive(const struct hf_slot *slot, const uint8_t *repository,
	struct hf_span secret, struct hf_slot_lock *out);

/* The private part: sign_seed, box, root_public and repository of the secrets. */
void hf_slot_wrap(const struct hf_slot *slot, const struct hf_slot_lock *lock,
	const struct hf_slot_secrets *secrets, uint8_t out[HF_WRAPPED_LEN]);
hf_err hf_slot_unwrap(
	const struct hf_slot *slot, const struct hf_slot_lock *lock, struct hf_slot_secrets *out);

bool hf_rights_have_ids(uint32_t rights);
bool hf_rights_read(uint32_t rights);
size_t hf_grant_len(uint32_t rights);
/* Grants the newest epoch of the admin's secrets. */
hf_err hf_slot_grant(
	struct hf_slot *slot, const struct hf_slot_secrets *admin, struct hf_arena *arena);
/* secrets: with private part and room for the epochs; fills the newest, ids and root. */
hf_err hf_slot_open_grant(const struct hf_slot *slot, struct hf_slot_secrets *secrets);

/* An epoch's keys sealed under the next one's, and opened with them. */
void hf_epoch_chain(
	const struct hf_epoch_keys *newer, const struct hf_epoch_keys *older, struct hf_epoch *out);
hf_err hf_epoch_unchain(const struct hf_epoch *epoch, const struct hf_epoch_keys *newer,
	struct hf_epoch_keys *older);

#endif
