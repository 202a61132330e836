/*
 * Others forget, prune and rotate keys while a check runs. What it misses may have been let go
 * meanwhile: so nothing counts as missing before the state was read again. A sweep takes only what
 * a checkpoint lets go that stood before, so it is enough to look for a newer one.
 */
#include "backend/repo/catalog_state.h"
#include "backend/repo/check_state.h"
#include "backend/repo/state.h"

static hf_err note_highest(void *arg, const struct hf_object *object)
{
	uint32_t *highest = arg, n;
	struct hf_error *err = hf_numbered_name_parse("checkpoints", object->name, &n);

	if (err) {
		hf_error_free(err); /* something else lies there: not ours to judge */
		return NULL;
	}
	*highest = HF_MAX(*highest, n);
	return NULL;
}

static hf_err highest_listed(struct hf_checking *check, uint32_t *highest)
{
	const uint32_t known = HF_MAX(check->repo->checkpoint, check->caught_up);
	char after[HF_NUMBERED_NAME_LEN + 1];

	*highest = known;
	hf_numbered_name("checkpoints", known, after);
	return hf_store_names(
		hf_repo_store(check->repo), "checkpoints/", after, note_highest, highest);
}

hf_err hf_check_is_behind(struct hf_checking *check, bool *is)
{
	uint32_t highest;

	HF_TRY(highest_listed(check, &highest));
	*is = highest > HF_MAX(check->repo->checkpoint, check->caught_up);
	return NULL;
}

hf_err hf_check_read_again(struct hf_checking *check)
{
	uint32_t highest;

	/* One above it that can't be used is no reason to read again and again. */
	HF_TRY(highest_listed(check, &highest));
	HF_TRY(hf_repo_sync(check->repo, NULL));
	check->caught_up = highest;
	return hf_check_number_packs(check);
}

hf_err hf_check_catch_up(struct hf_checking *check, bool *again)
{
	HF_TRY(hf_check_is_behind(check, again));
	return *again ? hf_check_read_again(check) : NULL;
}

/* One in which content rides is a pack, and stays until that is swept. */
static hf_err is_contained(struct hf_repo *repo, const struct hf_pack *object, bool *is)
{
	int64_t pack;

	*is = false;
	if (object->kind != HF_COMMIT || object->time >= repo->cutoff)
		return NULL;
	HF_TRY(hf_catalog_pack_number(repo->catalog, &object->id, &pack));
	*is = pack == 0;
	return NULL;
}

hf_err hf_check_is_over(struct hf_checking *check, const char *name, bool *over)
{
	struct hf_repo *repo = check->repo;
	struct hf_pack object = {0};
	struct hf_error *err;
	uint32_t n;

	*over = false;
	err = hf_digest_name_parse(name, &object.kind, &object.time, &object.id);
	if (!err) {
		HF_TRY(hf_catalog_is_swept(repo->catalog, &object.id, over));
		return *over ? NULL : is_contained(repo, &object, over);
	}
	hf_error_free(err); /* it is of another kind */
	err = hf_numbered_name_parse("checkpoints", name, &n);
	*over = !err && n < repo->checkpoint;
	hf_error_free(err); /* a keyring: kept for ever */
	return NULL;
}
