#include "backend/repo/commit.h"

#include "backend/base/time.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/state.h"

/* Whole seconds: that is what a commit's name can say. */
static hf_err commit_time(struct hf_repo *repo, int64_t not_before, int64_t *out)
{
	int64_t now;

	HF_TRY(hf_store_now(repo->store, &now));
	now = HF_MAX(now, not_before + HF_NS_PER_S - 1);
	*out = now - now % HF_NS_PER_S;
	return NULL;
}

/* Sessions are long: a slot may have been revoked, an epoch added, since this one was opened. */
static hf_err look_for_keyring(struct hf_repo *repo)
{
	pthread_mutex_lock(&repo->lock);
	struct hf_error *err = hf_keys_refresh(repo);

	pthread_mutex_unlock(&repo->lock);
	return err;
}

hf_err hf_commit_put(struct hf_repo *repo, struct hf_span records, int64_t not_before,
	char out[HF_COMMIT_NAME_LEN + 1])
{
	HF_TRY(look_for_keyring(repo));
	HF_TRY(hf_repo_understood(repo));
	const struct hf_keys *keys = atomic_load(&repo->keys);
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_COMMIT);
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_header header;
	int64_t announced;
	struct hf_id id;
	struct hf_commit commit = {
		.slot = keys->slot->n,
		.keyring = keys->keyring.n,
		.checkpoint = repo->checkpoint,
		.checkpoint_id = repo->checkpoint_id,
	};

	HF_TRY(hf_catalog_announced_cutoff(repo->catalog, &announced));
	not_before = HF_MAX(HF_MAX(not_before, announced), repo->cutoff);
	HF_TRY(commit_time(repo, not_before, &commit.time));
	memcpy(commit.store, repo->store_id, HF_STORE_ID_LEN);
	hf_commit_print(&commit, &body);
	hf_buf_add_span(&body, records);

	const struct hf_signing signing = {
		.domain = COMMIT_DOMAIN, .seed = &keys->secrets.sign_seed, .slot = commit.slot};
	struct hf_sealing sealing = {
		.keys = hf_repo_newest_epoch(repo),
		.body = hf_buf_span(&body),
		.signing = &signing,
		.pad = true,
	};

	hf_random(sealing.random, sizeof(sealing.random));
	hf_builder_seal(builder, &sealing, &object, &header, &id);
	hf_commit_name(commit.time, &id, name);
	struct hf_error *err = hf_store_put(repo->store, name, hf_buf_span(&object));

	if (err && hf_error_kind(err) == HF_EXISTS) {
		hf_error_free(err); /* the name is the digest: the same bytes are there */
		err = NULL;
	}
	HF_TRY(err);
	if (out)
		memcpy(out, name, sizeof(name));
	return hf_sync_apply_own(repo, name, hf_buf_span(&object));
}

hf_err hf_commit_stands(struct hf_repo *repo, const char *name, bool *stands)
{
	struct hf_id id;
	int64_t time, announced;

	HF_TRY(hf_commit_name_parse(name, &time, &id));
	HF_TRY(hf_catalog_is_contained(repo->catalog, name, stands));
	if (*stands)
		return NULL;
	HF_TRY(hf_catalog_announced_cutoff(repo->catalog, &announced));
	return time >= repo->cutoff && time >= announced
		? hf_catalog_has_commit(repo->catalog, name, stands)
		: NULL;
}
