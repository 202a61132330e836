/* Second copies that a killed writer left out, written by the next who writes. */
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/repo/state.h"

#define DAY (24 * 3600 * HF_NS_PER_S)
#define SUPPLIED_DAYS 90

void hf_supply_copies(struct hf_repo *repo, const char *name, struct hf_span bytes)
{
	uint64_t size;

	for (unsigned copy = 0; copy < hf_store_copies(repo->store, name); copy++) {
		struct hf_error *err = hf_store_stat(repo->store, name, copy, &size);

		if (err && hf_error_kind(err) == HF_NOT_FOUND) {
			hf_error_free(err); /* that is what we are here for */
			err = hf_store_mend(repo->store, name, copy, bytes);
		}
		hf_error_free(err); /* check tells of a copy that is missing for longer */
	}
}

bool hf_supply_is_first(struct hf_store *store, const char *name, struct hf_span bytes)
{
	HF_RELEASED(hf_buf) found = {0};
	struct hf_error *err = hf_store_get_all(store, name, 0, HF_MAX_KEYRING, &found);

	hf_error_free(err); /* a yes was asked for, not a reason */
	return hf_span_equal(hf_buf_span(&found), bytes);
}

/* One of the two numbered heads: a copy that is the one we verified is what the other lacks. */
static void supply_head(
	struct hf_repo *repo, const char *folder, uint32_t n, const struct hf_id *digest)
{
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_id found;

	hf_numbered_name(folder, n, name);
	for (unsigned copy = 0; copy < hf_store_copies(repo->store, name); copy++) {
		HF_RELEASED(hf_buf) bytes = {0};
		struct hf_error *err =
			hf_store_get_all(repo->store, name, copy, HF_MAX_CHECKPOINT, &bytes);

		hf_sha256(hf_buf_span(&bytes), &found);
		if (!err && hf_id_equal(&found, digest))
			hf_supply_copies(repo, name, hf_buf_span(&bytes));
		hf_error_free(err); /* then it is the one to be supplied */
	}
}

void hf_supply_keyring(struct hf_repo *repo)
{
	const struct hf_keys *keys = atomic_load(&repo->keys);
	struct hf_id digest;

	hf_sha256(hf_buf_span(&keys->bytes), &digest);
	supply_head(repo, "keyring", keys->keyring.n, &digest);
}

/*
 * One that the catalog knows: who only looked may have read it first, and supplies nothing. Its
 * name vouches for its bytes; a damaged one is left to check.
 */
static hf_err supply_commit(void *arg, const struct hf_object *object)
{
	struct hf_repo *repo = arg;
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_error *err = NULL;
	struct hf_id named, found;
	uint64_t size;
	int64_t time;

	for (unsigned copy = 0; copy < 2 && !err; copy++)
		err = hf_store_stat(repo->store, object->name, copy, &size);
	if (!err)
		return NULL;
	hf_error_free(err); /* seen again below, or mended */
	err = hf_commit_name_parse(object->name, &time, &named);
	if (!err)
		err = hf_store_get_all(repo->store, object->name, 0, HF_MAX_COMMIT, &bytes);
	hf_sha256(hf_buf_span(&bytes), &found);
	if (!err && hf_id_equal(&named, &found))
		hf_supply_copies(repo, object->name, hf_buf_span(&bytes));
	hf_error_free(err); /* check tells of it */
	return NULL;
}

/* Those of the last days, so that it costs the same for any number of snapshots. */
static hf_err supply_commits(struct hf_repo *repo)
{
	int64_t now;

	if (hf_store_copies(repo->store, "commits/") < 2)
		return NULL;
	HF_TRY(hf_store_now(repo->store, &now));
	return hf_commits_since(repo->store, now - SUPPLIED_DAYS * DAY, supply_commit, repo);
}

hf_err hf_repo_sync_to_write(struct hf_repo *repo)
{
	atomic_store(&repo->mends, true);
	HF_TRY(hf_repo_sync(repo, NULL));
	HF_TRY(hf_repo_understood(repo));
	hf_supply_keyring(repo);
	supply_head(repo, "checkpoints", repo->checkpoint, &repo->checkpoint_id);
	return supply_commits(repo);
}
