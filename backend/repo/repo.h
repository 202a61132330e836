/*
 * An open repository: a store, an unlocked slot, the keyring that counts, the catalog. Opening
 * reads the keyring only; hf_repo_sync() brings the catalog up to what the store lists. Any thread
 * may read; one thread at a time syncs (it locks itself).
 */
#ifndef HF_REPO_REPO_H
#define HF_REPO_REPO_H

#include "backend/format/commit.h"
#include "backend/format/cut.h"
#include "backend/format/keyring.h"
#include "backend/store/store.h"

struct hf_repo;
struct hf_catalog;

struct hf_repo_options {
	const char *cache_dir; /* where catalogs live; NULL: hf_repo_default_cache() */
	uint32_t at_least;     /* the least keyring number to accept */
};

/*
 * $HOLDFAST_CACHE_DIR, $XDG_CACHE_HOME/holdfast, ~/.cache/holdfast, /var/cache/holdfast for root.
 * Free it. NULL: none, then a catalog is kept in memory.
 */
char *hf_repo_default_cache(void);

void hf_settings_default(struct hf_settings *settings);
/*
 * Makes keyring 1 (one slot, all rights) and checkpoint 1. HF_EXISTS: there is a repository
 * already.
 */
hf_err hf_repo_init(struct hf_store *store, const struct hf_settings *settings, const char *slot,
	const struct hf_unlock *unlock);
/* Takes the store on success. HF_NOT_FOUND: no repository there; HF_NO_KEY; HF_DENIED: revoked. */
hf_err hf_repo_open(struct hf_store *store, const struct hf_unlock *unlock,
	const struct hf_repo_options *options, struct hf_repo **out);
void hf_repo_free(struct hf_repo *repo);
HF_OWNABLE(hf_repo)

/* Lists, gets and verifies what the catalog lacks. changed (NULL ok): something new came. */
hf_err hf_repo_sync(struct hf_repo *repo, bool *changed);
/* The same for who is about to write: supplies the second copies that a killed writer left out. */
hf_err hf_repo_sync_to_write(struct hf_repo *repo);
/*
 * Readers go on without what a newer program wrote; whoever is about to add or remove anything asks
 * here, after a sync. HF_UNSUPPORTED, with the object's name, when the last one met such a thing.
 */
hf_err hf_repo_understood(struct hf_repo *repo);

/* HF_DENIED, with the slot's name and rights, unless the slot may. source NULL: any. */
hf_err hf_repo_need(const struct hf_repo *repo, enum hf_right right, const char *source);
bool hf_repo_may(const struct hf_repo *repo, enum hf_right right);
bool hf_repo_may_source(
	const struct hf_repo *repo, const char *source); /* is it one of the slot's? */

struct hf_store *hf_repo_store(const struct hf_repo *repo);
struct hf_catalog *hf_repo_catalog(const struct hf_repo *repo);
const struct hf_keyring *hf_repo_keyring(const struct hf_repo *repo);
const struct hf_slot *hf_repo_slot(const struct hf_repo *repo);
const struct hf_slot_secrets *hf_repo_secrets(const struct hf_repo *repo);
const struct hf_settings *hf_repo_settings(const struct hf_repo *repo);
const struct hf_gear *hf_repo_gear(const struct hf_repo *repo); /* write, read, admin */
const struct hf_key *hf_repo_id_key(const struct hf_repo *repo, enum hf_id_key which);
const struct hf_epoch_keys *hf_repo_epoch(
	const struct hf_repo *repo, uint32_t epoch); /* NULL: not had */
const struct hf_epoch_keys *hf_repo_newest_epoch(const struct hf_repo *repo);
const uint8_t *hf_repo_store_id(const struct hf_repo *repo); /* HF_STORE_ID_LEN */
const char *hf_repo_cache_dir(
	const struct hf_repo *repo); /* this repository's own folder in the cache */

/* Adds a slot: publishes keyring n+1. HF_DENIED without admin. */
hf_err hf_repo_add_slot(
	struct hf_repo *repo, const struct hf_slot_wish *wish, const struct hf_unlock *unlock);

/* A new epoch: keyring n+1. Long-running writers use it from their next commit on. */
hf_err hf_repo_rotate(struct hf_repo *repo);
/*
 * Ends a slot: no grant, a new epoch, and only those of its commits count that are known now and
 * not dated after distrust_after (INT64_MAX: all known ones). Of a slot that is revoked already
 * fewer may count, until a checkpoint contains them. HF_NOT_FOUND; HF_INVALID: it is in use, or
 * revoked already.
 */
hf_err hf_repo_revoke(struct hf_repo *repo, const char *name, int64_t distrust_after);

#endif
