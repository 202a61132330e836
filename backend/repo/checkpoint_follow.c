/*
 * What a newer checkpoint changes in the catalog. The catalog has followed the commits, so most of
 * what the checkpoint says is there already; what was swept goes, what settled ends, and a commit
 * that was dated before the cutoff and is not in the checkpoint no longer counts.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/state.h"

/* Commits that the catalog has, and that the checkpoint's cutoff passes by or contains. */
struct passing {
	struct hf_map contained;
	char (*names)[HF_COMMIT_NAME_LEN + 1];
	size_t n, cap;
};
static void passing_release(struct passing *passing)
{
	hf_map_release(&passing->contained);
	free(passing->names);
}

static hf_err note_open_commit(void *arg, const char *name)
{
	struct passing *passing = arg;

	passing->names =
		hf_grow(passing->names, &passing->cap, passing->n + 1, sizeof(*passing->names));
	snprintf(passing->names[passing->n++], sizeof(*passing->names), "%s", name);
	return NULL;
}

/* *late: there is one that does not count any more. */
static hf_err contain_commits(struct hf_repo *repo, bool *late)
{
	__attribute__((cleanup(passing_release))) struct passing passing = {0};

	*late = false;
	HF_TRY(hf_catalog_each_open_commit(
		repo->catalog, repo->cutoff, note_open_commit, &passing));
	if (passing.n == 0)
		return NULL;
	HF_TRY(hf_segments_commits(repo, &passing.contained));
	for (size_t i = 0; i < passing.n; i++) {
		struct hf_id id;
		int64_t time;

		HF_TRY(hf_commit_name_parse(passing.names[i], &time, &id));
		if (hf_map_get(&passing.contained, &id)) {
			HF_TRY(hf_catalog_contain(repo->catalog, passing.names[i]));
			continue;
		}
		*late = true;
		hf_log(HF_INFO, "a commit came too late for a checkpoint and does not count",
			"commit", passing.names[i], NULL);
	}
	return NULL;
}

static hf_err take_records(struct hf_repo *repo, const struct hf_checkpoint *checkpoint)
{
	for (size_t i = 0; i + 1 < checkpoint->n_records; i++) {
		const struct hf_origin *origin = &checkpoint->records[i].origin;

		if (checkpoint->records[i].kind != HF_RECORD_ORIGIN)
			continue;
		const struct hf_seen seen = {.slot = origin->slot,
			.time = origin->seen,
			.commit = origin->commit,
			.stated = true};

		HF_TRY(hf_sync_apply_stated(repo, &checkpoint->records[i + 1], &seen));
	}
	return NULL;
}

static hf_err settle(struct hf_repo *repo, const struct hf_checkpoint *checkpoint)
{
	HF_FREED struct hf_id *commits =
		hf_alloc((checkpoint->n_settled + 1) * sizeof(struct hf_id));
	const struct hf_ids ids = {.at = commits, .n = checkpoint->n_settled};

	for (size_t i = 0; i < checkpoint->n_settled; i++)
		commits[i] = checkpoint->settled[i].commit;
	return hf_catalog_settle(repo->catalog, &ids, checkpoint->cutoff);
}

static hf_err take(struct hf_repo *repo, const struct hf_checkpoint *checkpoint, bool *again)
{
	bool late;

	HF_TRY(hf_catalog_set_segments(
		repo->catalog, checkpoint->segments, checkpoint->n_segments));
	HF_TRY(contain_commits(repo, &late));
	if (late) {
		HF_TRY(hf_catalog_clear(repo->catalog));
		HF_TRY(hf_catalog_set_segments(
			repo->catalog, checkpoint->segments, checkpoint->n_segments));
		*again = true;
	}
	HF_TRY(settle(repo, checkpoint));
	HF_TRY(hf_catalog_add_swept(repo->catalog, &checkpoint->swept));
	HF_TRY(hf_segments_take_packs(repo));
	HF_TRY(hf_segments_take_records(repo));
	return take_records(repo, checkpoint);
}

static hf_err note_any(void *arg, const char *name)
{
	(void)name;
	*(bool *)arg = true;
	return NULL;
}

/*
 * Another process that shares the catalog may have taken the checkpoint in, while ours went by an
 * older cutoff and added commits that the checkpoint passes by.
 */
static hf_err is_taken(struct hf_repo *repo, bool *is)
{
	bool any = false;
	int64_t taken;

	HF_TRY(hf_catalog_fact(repo->catalog, HF_FACT_TAKEN, &taken));
	if (taken == repo->checkpoint)
		HF_TRY(hf_catalog_each_open_commit(repo->catalog, repo->cutoff, note_any, &any));
	*is = taken >= repo->checkpoint && !any;
	return NULL;
}

hf_err hf_checkpoint_follow(struct hf_repo *repo, bool *changed, bool *again)
{
	HF_RELEASED(hf_opened_checkpoint) opened = {0};
	bool taken;

	HF_TRY(is_taken(repo, &taken));
	if (taken)
		return NULL;
	HF_TRY(hf_checkpoint_open(repo, &opened));
	HF_TRY(hf_catalog_begin(repo->catalog));
	struct hf_error *err = take(repo, &opened.checkpoint, again);

	if (!err)
		err = hf_catalog_set(repo->catalog, HF_FACT_TAKEN, repo->checkpoint);
	if (!err)
		err = hf_catalog_raise(repo->catalog, "checkpoint", repo->checkpoint);
	if (err) {
		hf_catalog_cancel(repo->catalog);
		return err;
	}
	*changed = true;
	return hf_catalog_end(repo->catalog);
}

hf_err hf_checkpoint_read_anew(struct hf_catalog *catalog)
{
	HF_TRY(hf_catalog_begin(catalog));
	struct hf_error *err = hf_catalog_clear(catalog);

	if (!err)
		err = hf_catalog_set(catalog, HF_FACT_TAKEN, 0);
	if (!err)
		return hf_catalog_end(catalog);
	hf_catalog_cancel(catalog);
	return err;
}

hf_err hf_checkpoint_mend_catalog(struct hf_repo *repo, bool *hurt)
{
	*hurt = hf_catalog_hurt(repo->catalog);
	if (!*hurt)
		return NULL;
	hf_log(HF_WARN,
		"the catalog of this machine is hurt and is read anew; it knows no more what was "
		"taken from the store before",
		"cache", repo->cache_dir ? repo->cache_dir : "in memory", NULL);
	return hf_checkpoint_read_anew(repo->catalog);
}
