/*
 * The keyring: which slots exist, what each may do, the keys sealed to them, and the repository's
 * fixed settings, all under the root's signature (docs/format.md section 4). Pure but for
 * randomness.
 */
#ifndef HF_FORMAT_KEYRING_H
#define HF_FORMAT_KEYRING_H

#include "backend/format/container.h"

enum hf_right { HF_WRITE = 1, HF_READ = 2, HF_MAINTAIN = 4, HF_ADMIN = 8 };
#define HF_ALL_RIGHTS 15u

enum hf_unlock_kind { HF_PASSPHRASE = 1, HF_KEY_FILE = 2, HF_COMMAND_KEY = 3 };
const char *hf_unlock_text(unsigned kind); /* "passphrase"; "?": none that is known */

/* How the private part of a slot is wrapped. secret: passphrase, key file or what a command gave.
 */
struct hf_unlock {
	enum hf_unlock_kind kind;
	struct hf_secret *secret;
	const char *slot;      /* NULL: any that fits */
	struct hf_scrypt cost; /* when made; log2n 0: the default */
};

struct hf_settings {
	int64_t grace;  /* ns */
	uint8_t cutter; /* 1: FastCDC over a keyed gear */
	uint32_t cut_min, cut_normal, cut_max;
	uint32_t bundle_below;  /* files smaller than this share chunks … */
	uint32_t bundle_normal; /* … of about this size */
};

struct hf_wrapped_key {
	uint8_t bytes[HF_KEY_LEN + HF_TAG_LEN];
};

struct hf_epoch {
	uint32_t n; /* from 1, each one more */
	int64_t since;
	uint8_t content_public[32];
	struct hf_wrapped_key older_metadata,
		older_content; /* n-1's, under this one's; zero for n = 1 */
};

struct hf_slot {
	uint32_t n;
	struct hf_span name;
	uint32_t rights;
	struct hf_span *sources; /* patterns; n 0: all */
	size_t n_sources;
	uint8_t sign_public[32], box_public[32];
	uint8_t unlock; /* enum hf_unlock_kind */
	struct hf_scrypt cost;
	struct hf_span hint;
	uint8_t salt[32], commitment[32];
	struct hf_span wrapped; /* GCM(signing seed, box private, root public, repository id) */
	struct hf_span grant;   /* y·G, GCM(M_e [, R][, c_e][, root seed]) */
	bool revoked;
	int64_t revoked_at;
	uint32_t last_checkpoint; /* of a revoked slot: its last that counts */
	struct hf_id *counts; /* of a revoked slot: its commits since the checkpoint that count */
	size_t n_counts;
};

/* Parsed: points into the arena and the bytes. */
struct hf_keyring {
	uint32_t n;
	uint64_t features;
	uint8_t repository[HF_REPO_ID_LEN];
	uint8_t root_public[32];
	struct hf_settings settings;
	struct hf_epoch *epochs;
	size_t n_epochs;
	struct hf_slot *slots;
	size_t n_slots;
	struct hf_span signed_bytes; /* when parsed */
	uint8_t signature[HF_SIGNATURE_LEN];
};
/* Checks the digest and all bounds; not the signature. HF_CORRUPT, HF_UNSUPPORTED. */
hf_err hf_keyring_parse(struct hf_span bytes, struct hf_arena *arena, struct hf_keyring *out);
/* Signs with the root's seed. */
void hf_keyring_print(
	const struct hf_keyring *keyring, const struct hf_key *root_seed, struct hf_buf *out);
bool hf_keyring_verify(const struct hf_keyring *keyring, const uint8_t root_public[32]);

/* What an unlocked slot holds. Wiped by its release. */
struct hf_slot_secrets {
	struct hf_key sign_seed, box;
	uint8_t root_public[32];
	uint8_t repository[HF_REPO_ID_LEN];
	bool has_root, has_ids; /* admin; write, read, admin */
	struct hf_key root_seed;
	struct hf_key ids;            /* R */
	struct hf_epoch_keys *epochs; /* [n_epochs], newest last */
	size_t n_epochs;
};
void hf_slot_secrets_release(struct hf_slot_secrets *secrets);

/*
 * Steps 2-6 of section 4: tries the slots that could fit, verifies the keyring with the root that
 * the slot holds, opens the grant and walks the epochs. HF_NO_KEY: no slot fits; HF_DENIED:
 * revoked; HF_CORRUPT: the slot's root did not sign this keyring.
 */
hf_err hf_keyring_unlock(const struct hf_keyring *keyring, const struct hf_unlock *unlock,
	const struct hf_slot **slot, struct hf_slot_secrets *out);
/* The same with the secrets of the slot already at hand (a newer keyring of the same repository).
 */
hf_err hf_keyring_follow(const struct hf_keyring *keyring, const struct hf_slot_secrets *known,
	const struct hf_slot **slot, struct hf_slot_secrets *out);

/* A first keyring (n 1, one epoch, no slots) and its secrets (root, R, epoch 1). */
void hf_keyring_make(const struct hf_settings *settings, int64_t now, struct hf_arena *arena,
	struct hf_keyring *out, struct hf_slot_secrets *secrets);
/* Adds a slot. admin: the secrets of an admin's slot, or those of hf_keyring_make. HF_INVALID. */
struct hf_slot_wish {
	const char *name;
	uint32_t rights;
	const char *const *sources;
	size_t n_sources;
	const char *hint;
};
hf_err hf_keyring_add_slot(struct hf_keyring *keyring, struct hf_arena *arena,
	const struct hf_slot_secrets *admin, const struct hf_slot_wish *wish,
	const struct hf_unlock *unlock);
/*
 * A new epoch: new M and C, the older ones chained, every slot that is not revoked granted anew.
 * None of these changes keyring->n: who publishes the keyring counts it up.
 */
hf_err hf_keyring_add_epoch(struct hf_keyring *keyring, struct hf_arena *arena,
	struct hf_slot_secrets *admin, int64_t now);

/* Derived once from R: id key, meta-id key, page key, gear. */
enum hf_id_key { HF_CONTENT_ID, HF_META_ID, HF_PAGE_ID };
void hf_id_key_derive(
	const struct hf_slot_secrets *secrets, enum hf_id_key which, struct hf_key *out);
void hf_gear_derive(const struct hf_slot_secrets *secrets, uint8_t out[2048]);

/* The secret of fingerprints: sealed to the epoch's readers, 84 bytes inside a meta chunk. */
#define HF_SEALED_SECRET_LEN 84
hf_err hf_fingerprint_secret_seal(const struct hf_epoch_keys *keys, const struct hf_key *secret,
	uint8_t out[HF_SEALED_SECRET_LEN]);
/* epochs: a reader's; finds the one that is named. HF_CORRUPT, HF_DENIED. */
hf_err hf_fingerprint_secret_open(
	const struct hf_slot_secrets *reader, struct hf_span sealed, struct hf_key *out);

#endif
