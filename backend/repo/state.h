/*
 * What repo.c, keys.c, sync.c, commit.c, checkpoints.c and check.c share of an open repository. For
 * these files only.
 */
#ifndef HF_REPO_STATE_H
#define HF_REPO_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/repo/catalog.h"
#include "backend/repo/repo.h"

/* What a signature is for: who signs and who verifies say the same. */
#define COMMIT_DOMAIN "holdfast commit 1"
#define CHECKPOINT_DOMAIN "holdfast checkpoint 1"

/*
 * A keyring as it was read, and what our slot gets from it. Kept until the repository is freed:
 * others point into it.
 */
struct hf_keys {
	struct hf_arena arena;
	struct hf_buf bytes;
	struct hf_keyring keyring;
	const struct hf_slot *slot;
	struct hf_slot_secrets secrets;
	struct hf_keys *older;
};

struct hf_repo {
	struct hf_store *store;
	_Atomic(struct hf_keys *) keys; /* the newest */
	struct hf_catalog *catalog;
	char *cache_dir;
	atomic_bool mends; /* a writer: supplies second copies that a killed one left out */
	uint32_t at_least;

	/* Set once, at opening: they never change in a repository's life. */
	uint8_t store_id[HF_STORE_ID_LEN];
	struct hf_key id_keys[3];
	struct hf_gear gear;

	pthread_mutex_t lock; /* one sync at a time; guards everything below */
	uint32_t checkpoint;  /* the newest known, with its digest and its cutoff */
	struct hf_id checkpoint_id;
	int64_t cutoff;
};

/* ---- keys.c ---- */
/* The numbers of what lies in "keyring" or "checkpoints", ascending. */
struct hf_numbers {
	const char *folder;
	uint32_t *at;
	size_t n, cap;
};
hf_err hf_numbers_list(struct hf_store *store, const char *folder, struct hf_numbers *out);
void hf_numbers_release(struct hf_numbers *numbers);

/* The highest keyring that holds, unlocked. HF_NOT_FOUND: none at all; HF_NO_KEY; HF_DENIED. */
hf_err hf_keys_load(struct hf_repo *repo, const struct hf_unlock *unlock);
/* A higher one than ours, if the store has it and the same root signed it. */
hf_err hf_keys_refresh(struct hf_repo *repo);
/* Prints and puts the keyring (its n set by the caller). HF_EXISTS: another was first. */
hf_err hf_keys_put(
	struct hf_store *store, const struct hf_keyring *keyring, const struct hf_key *root_seed);
void hf_keys_free_all(struct hf_keys *keys);
const struct hf_slot *hf_keys_slot(const struct hf_keyring *keyring, uint32_t n); /* NULL: none */
bool hf_slot_may(const struct hf_slot *slot, unsigned rights); /* any of them; admin has all */
bool hf_slot_may_source(const struct hf_slot *slot, struct hf_span source);

/* ---- checkpoints.c ---- */
hf_err hf_checkpoint_make_first(struct hf_store *store, const struct hf_keys *keys);
/*
 * Reads the newest checkpoint that holds: sets store_id, checkpoint, cutoff. found false: there is
 * none.
 */
hf_err hf_checkpoint_load(struct hf_repo *repo, bool *found);

/* One copy of a checkpoint, judged; nothing is kept. */
hf_err hf_checkpoint_verify(struct hf_repo *repo, uint32_t n, unsigned copy);

/* ---- sync.c ---- */
/* Writes the copies of an object that are missing, from good bytes; best effort. */
void hf_sync_supply_copies(struct hf_repo *repo, const char *name, struct hf_span bytes);
/* Takes a whole commit object that was verified or is our own into the catalog. */
hf_err hf_sync_apply_own(struct hf_repo *repo, const char *name, struct hf_span object);

#endif
