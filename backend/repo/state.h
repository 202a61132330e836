/*
 * What repo.c, keys.c, sync.c, commit.c, checkpoints.c and check.c share of an open repository. For
 * these files only.
 */
#ifndef HF_REPO_STATE_H
#define HF_REPO_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "backend/base/map.h"
#include "backend/base/talk.h"
#include "backend/repo/catalog.h"
#include "backend/repo/repo.h"

/* What a signature is for: who signs and who verifies say the same. */
#define COMMIT_DOMAIN "holdfast commit 1"
#define CHECKPOINT_DOMAIN "holdfast checkpoint 1"
#define PACK_DOMAIN "holdfast pack 1"

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
	int64_t listing; /* the store's time before commits were listed last */
	size_t gone;     /* commits that were told of as gone */
	uint32_t claimed_keyring, claimed_checkpoint; /* the highest that a commit's writer knew */
	struct hf_error *newer; /* the first object that only a newer program can read, or NULL */
	bool newer_told, ahead_told;
	struct hf_map told; /* digests of what was told */

	pthread_mutex_t trust_lock;
	struct hf_map trusted; /* digests of segments that were read whole, see segments_read.c */
};

/* ---- repo.c ---- */
/*
 * Warns, with a reason, of the object, or if NULL of what the reason names: once, however often it
 * is met. Under the lock.
 */
void hf_repo_tell(struct hf_repo *repo, enum hf_level level, const char *what, const char *object,
	const char *why);
/* Takes err, which is HF_UNSUPPORTED and names the object; warns once. Under the lock. */
void hf_repo_note_newer(struct hf_repo *repo, struct hf_error *err);

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
/* A higher one than ours, if the store has it and the same root signed it. The catalog notes which,
 * so that a store that goes back from there is told of. */
hf_err hf_keys_refresh(struct hf_repo *repo);
/* Prints and puts the keyring (its n set by the caller). HF_EXISTS: another was first. */
hf_err hf_keys_put(
	struct hf_store *store, const struct hf_keyring *keyring, const struct hf_key *root_seed);
void hf_keys_free_all(struct hf_keys *keys);
const struct hf_slot *hf_keys_slot(const struct hf_keyring *keyring, uint32_t n); /* NULL: none */
bool hf_slot_may(const struct hf_slot *slot, unsigned rights); /* any of them; admin has all */
/* Whether its commit of this name does: of a revoked slot those that the keyring lists. */
bool hf_slot_counts(const struct hf_slot *slot, const struct hf_id *commit);
bool hf_slot_may_source(const struct hf_slot *slot, struct hf_span source);

/* ---- checkpoints.c ---- */
/* A checkpoint as it was read. Parsed things point into it. */
struct hf_opened_checkpoint {
	struct hf_buf object;
	struct hf_last last;
	struct hf_arena arena;
	struct hf_checkpoint checkpoint;
};
void hf_opened_checkpoint_release(struct hf_opened_checkpoint *opened);
/* The one that the repository knows as its newest: HF_NOT_FOUND when a newer one stands. */
hf_err hf_checkpoint_open(struct hf_repo *repo, struct hf_opened_checkpoint *out);
/* Signs, seals and puts one whose n was set. HF_EXISTS: another was first. */
hf_err hf_checkpoint_put(struct hf_repo *repo, struct hf_checkpoint *checkpoint);
hf_err hf_checkpoint_make_first(struct hf_store *store, const struct hf_keys *keys);
/*
 * Reads the newest checkpoint that holds: sets store_id, checkpoint, cutoff. found false: there is
 * none.
 */
hf_err hf_checkpoint_load(struct hf_repo *repo, bool *found);

/* One copy of a checkpoint, judged; nothing is kept. */
hf_err hf_checkpoint_verify(struct hf_repo *repo, uint32_t n, unsigned copy);

/* ---- checkpoint_follow.c ---- */
/* The catalog's fact: the number of the checkpoint whose word it has taken. */
#define HF_FACT_TAKEN "taken"
/*
 * Brings the catalog up to the newest checkpoint known. again: a commit that the catalog had was
 * passed by, so the catalog was cleared, and the commits must be read anew.
 */
hf_err hf_checkpoint_follow(struct hf_repo *repo, bool *changed, bool *again);

/* Empties the catalog: the next sync takes the checkpoint and all commits in again. */
hf_err hf_checkpoint_read_anew(struct hf_catalog *catalog);
/* The same if it is hurt, with a warning. */
hf_err hf_checkpoint_mend_catalog(struct hf_repo *repo, bool *hurt);

/* ---- relied.c ---- */
/* Packs that a commit relies on and that nobody else told of: reads their own tables. */
hf_err hf_relied_take(struct hf_repo *repo);
/* Commits differ about this pack: the catalog gets what the pack itself says. */
hf_err hf_relied_settle(struct hf_repo *repo, const struct hf_id *id);

/* ---- segments_read.c ---- */
/* Takes what the segments of packs and records say into the catalog. Inside a transaction. */
hf_err hf_segments_take_packs(struct hf_repo *repo);
hf_err hf_segments_take_records(struct hf_repo *repo);
/* Every commit that the checkpoint's segments name. */
hf_err hf_segments_commits(struct hf_repo *repo, struct hf_map *out);

/* ---- gone.c: under the lock ---- */
/* Tells of commits that the catalog has and the store lacks, unless a checkpoint contains them. */
hf_err hf_gone_commits(struct hf_repo *repo);
/* Of a new commit: is its date true, which keyring and checkpoint did its writer know? */
hf_err hf_gone_weigh(struct hf_repo *repo, const struct hf_commit *commit);
/* After a sync: tells where the store lacks those. */
hf_err hf_gone_heads(struct hf_repo *repo);

/* ---- supply.c ---- */
/* Writes the copies of an object that are missing, from good bytes; best effort. */
void hf_supply_copies(struct hf_repo *repo, const char *name, struct hf_span bytes);
/* The same of the keyring in use. */
void hf_supply_keyring(struct hf_repo *repo);
/* Is the first copy of a keyring there with these bytes? Then it is in force without the second. */
bool hf_supply_is_first(struct hf_store *store, const char *name, struct hf_span bytes);

/* ---- sync.c ---- */
/* A newer keyring, if there is one, and what it says of what the catalog has. Under the lock. */
hf_err hf_sync_follow_keyring(struct hf_repo *repo);
/* The names below commits/ of that time and later: what a checkpoint contains is not asked for. */
hf_err hf_commits_since(struct hf_store *store, int64_t time, hf_object_fn *each, void *arg);
/* Takes one record of a checkpoint in, whose origin is said. */
hf_err hf_sync_apply_stated(
	struct hf_repo *repo, const struct hf_record *record, const struct hf_seen *seen);
bool hf_slot_may_record(const struct hf_slot *slot, const struct hf_record *record);
/* Takes a whole commit object that was verified or is our own into the catalog. */
hf_err hf_sync_apply_own(struct hf_repo *repo, const char *name, struct hf_span object);

#endif
