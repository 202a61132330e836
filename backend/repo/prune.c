#include <stdlib.h>

#include "backend/base/time.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"
#include "backend/repo/commit.h"
#include "backend/repo/prune_state.h"
#include "backend/repo/state.h"

#define SORTED_IN_MEMORY ((size_t)1 << 20) /* ids: 32 MiB */
#define PACKS_OF_RECORD 1500u              /* a record has at most 64 KiB */
#define MOST_ANNOUNCED 100000u             /* packs of one run: their commit is at most 8 MiB */
/* A checkpoint that only moves the cutoff is worth it for so many commits. */
#define WORTH_COMMITS 100u

hf_err hf_prune_begin(
	struct hf_repo *repo, const struct hf_prune_options *options, struct hf_prune **out)
{
	HF_OWNED(hf_prune) prune = hf_calloc(1, sizeof(*prune));

	if (!options->dry_run) {
		HF_TRY(hf_repo_need(repo, HF_MAINTAIN, NULL));
		if (hf_repo_slot(repo)->n_sources > 0)
			return hf_error_new(HF_DENIED,
				"this key is limited to some sources, and a prune is of all");
	}
	prune->repo = repo;
	prune->options = *options;
	prune->grace = options->grace >= 0 ? options->grace : hf_repo_settings(repo)->grace;
	prune->live = hf_id_sort_new(hf_repo_cache_dir(repo), SORTED_IN_MEMORY);
	*out = HF_STEAL(prune);
	return NULL;
}

void hf_prune_free(struct hf_prune *prune)
{
	if (!prune)
		return;
	hf_id_sort_free(prune->live);
	hf_map_release(&prune->by_id);
	hf_error_free(prune->unmoved); /* the steps were run one by one */
	free(prune->uses);
	free(prune->by_number);
	free(prune);
}

/* ---- what no commit names ---- */

/* The repository's own grace, always: a backup may be on its way to name it. */
static bool is_left(const struct hf_prune *prune, const struct hf_object *object)
{
	return object->time <= prune->now - hf_repo_settings(prune->repo)->grace;
}

struct left {
	struct hf_prune *prune;
	struct hf_map segments;
	struct hf_id *ids;
	size_t n, cap;
};
static void left_release(struct left *left)
{
	hf_map_release(&left->segments);
	free(left->ids);
}

static hf_err meet_object(void *arg, const struct hf_object *object)
{
	struct left *left = arg;
	struct hf_id id;
	struct hf_error *err = hf_pack_name_parse(object->name, &id);
	bool swept;

	if (err) {
		hf_error_free(err); /* not ours to judge */
		return NULL;
	}
	if (hf_prune_use(left->prune, &id) || hf_map_get(&left->segments, &id))
		return NULL;
	HF_TRY(hf_catalog_is_swept(hf_repo_catalog(left->prune->repo), &id, &swept));
	if (swept)
		return NULL;
	left->prune->result.unnamed_bytes += object->size;
	/* What is missing may be in one of these. */
	if (left->prune->result.missing || !is_left(left->prune, object))
		return NULL;
	left->ids = hf_grow(left->ids, &left->cap, left->n + 1, sizeof(*left->ids));
	left->ids[left->n++] = id;
	left->prune->result.announced_bytes += object->size;
	return NULL;
}

static hf_err find_left(struct left *left)
{
	struct hf_repo *repo = left->prune->repo;
	HF_RELEASED(hf_opened_checkpoint) opened = {0};

	HF_TRY(hf_checkpoint_open(repo, &opened));
	for (size_t i = 0; i < opened.checkpoint.n_segments; i++)
		hf_map_put(&left->segments, &opened.checkpoint.segments[i].object, NULL);
	HF_TRY(hf_store_list(repo->store, "meta/", "", meet_object, left));
	return hf_store_list(repo->store, "packs/", "", meet_object, left);
}

/* ---- announcing ---- */

static hf_err count_commit(void *arg, const char *name)
{
	(void)name;
	++*(uint64_t *)arg;
	return NULL;
}

/* What may be settled: nothing dated so early can still come. */
static int64_t cutoff_of(const struct hf_prune *prune)
{
	const int64_t cutoff = prune->now - hf_repo_settings(prune->repo)->grace;

	/* Commits have whole seconds. */
	return HF_MAX(cutoff - cutoff % HF_NS_PER_S, 0);
}

static void print_announcement(int64_t cutoff, struct hf_id *packs, size_t n, struct hf_buf *out)
{
	for (size_t from = 0; from == 0 || from < n; from += PACKS_OF_RECORD) {
		const struct hf_record record = {
			.kind = HF_RECORD_ANNOUNCE,
			.announce = {.cutoff = cutoff,
				.packs = {.at = packs + from,
					.n = HF_MIN(n - from, PACKS_OF_RECORD)}},
		};

		hf_record_print(&record, out);
	}
}

static bool is_dead(const struct hf_pack_use *use)
{
	return use->named && !use->announced && use->live == 0 && !use->young;
}

/* Appends what is to go to left->ids. */
static void add_dead(struct left *left)
{
	struct hf_prune *prune = left->prune;

	for (size_t i = 0; i < prune->n && left->n < MOST_ANNOUNCED; i++) {
		struct hf_pack_use *use = &prune->uses[i];

		if (!is_dead(use) && !use->repacked)
			continue;
		left->ids = hf_grow(left->ids, &left->cap, left->n + 1, sizeof(*left->ids));
		left->ids[left->n++] = use->pack.id;
		prune->result.announced_bytes += use->pack.size;
	}
}

/* What is dead goes also where there is no room to move what lives: that makes room. */
static hf_err move_living(struct hf_prune *prune, struct hf_buf *records)
{
	struct hf_error *err = hf_prune_repack(prune, records);

	if (!err || hf_error_kind(err) != HF_SYSTEM)
		return err;
	hf_error_free(prune->unmoved); /* said again */
	prune->unmoved = hf_error_in(err, "nothing was written anew");
	prune->result.repacked_bytes = 0;
	hf_buf_clear(records);
	for (size_t i = 0; i < prune->n; i++)
		prune->uses[i].repacked = false;
	return NULL;
}

hf_err hf_prune_announce(struct hf_prune *prune)
{
	struct hf_repo *repo = prune->repo;
	__attribute__((cleanup(left_release))) struct left left = {.prune = prune};
	HF_RELEASED(hf_buf) records = {0};
	uint64_t open_commits = 0;

	HF_TRY(find_left(&left));
	left.n = HF_MIN(left.n, MOST_ANNOUNCED);
	prune->result.left = left.n;
	HF_TRY(move_living(prune, &records));
	add_dead(&left);
	prune->result.announced = left.n;
	HF_TRY(hf_catalog_each_open_commit(
		repo->catalog, cutoff_of(prune), count_commit, &open_commits));
	if (prune->options.dry_run || (left.n == 0 && open_commits < WORTH_COMMITS))
		return NULL;
	print_announcement(cutoff_of(prune), left.ids, left.n, &records);
	HF_TRY(hf_stop_check(prune->options.stop));
	return hf_commit_put(repo, hf_buf_span(&records), 0, NULL);
}

/* ---- sweeping ---- */

struct sweep {
	struct hf_prune *prune;
	struct hf_map contained; /* commits of the checkpoint */
};
static void sweep_release(struct sweep *sweep)
{
	hf_map_release(&sweep->contained);
}

static hf_err delete_object(struct sweep *sweep, const struct hf_object *object)
{
	struct hf_prune_result *result = &sweep->prune->result;

	HF_TRY(hf_stop_check(sweep->prune->options.stop));
	HF_TRY(hf_store_remove(sweep->prune->repo->store, object->name));
	result->swept++;
	result->swept_bytes += object->size;
	return NULL;
}

static hf_err sweep_pack(void *arg, const struct hf_object *object)
{
	struct sweep *sweep = arg;
	struct hf_id id;
	struct hf_error *err = hf_pack_name_parse(object->name, &id);
	bool swept;

	if (err) {
		hf_error_free(err); /* not ours to judge */
		return NULL;
	}
	HF_TRY(hf_catalog_is_swept(sweep->prune->repo->catalog, &id, &swept));
	return swept ? delete_object(sweep, object) : NULL;
}

/* One in which content rides is a pack, and stays until that is swept. */
static hf_err sweep_commit(void *arg, const struct hf_object *object)
{
	struct sweep *sweep = arg;
	struct hf_catalog *catalog = sweep->prune->repo->catalog;
	struct hf_id id;
	int64_t time, pack;
	struct hf_error *err = hf_commit_name_parse(object->name, &time, &id);

	if (err) {
		hf_error_free(err); /* not ours to judge */
		return NULL;
	}
	if (time >= sweep->prune->repo->cutoff || !hf_map_get(&sweep->contained, &id))
		return NULL;
	HF_TRY(hf_catalog_pack_number(catalog, &id, &pack));
	return pack ? NULL : delete_object(sweep, object);
}

static hf_err sweep_checkpoint(void *arg, const struct hf_object *object)
{
	struct sweep *sweep = arg;
	struct hf_error *err;
	uint32_t n;

	err = hf_numbered_name_parse("checkpoints", object->name, &n);
	if (err) {
		hf_error_free(err); /* not ours to judge */
		return NULL;
	}
	return n < sweep->prune->repo->checkpoint ? delete_object(sweep, object) : NULL;
}

hf_err hf_prune_sweep(struct hf_prune *prune)
{
	__attribute__((cleanup(sweep_release))) struct sweep sweep = {.prune = prune};
	struct hf_store *store = prune->repo->store;

	HF_TRY(hf_store_tidy(store));
	HF_TRY(hf_repo_sync(prune->repo, NULL));
	HF_TRY(hf_segments_commits(prune->repo, &sweep.contained));
	HF_TRY(hf_store_list(store, "packs/", "", sweep_pack, &sweep));
	HF_TRY(hf_store_list(store, "meta/", "", sweep_pack, &sweep));
	HF_TRY(hf_store_list(store, "commits/", "", sweep_commit, &sweep));
	return hf_store_list(store, "checkpoints/", "", sweep_checkpoint, &sweep);
}

/* ---- the whole ---- */

hf_err hf_prune_judge(struct hf_prune *prune)
{
	HF_TRY(hf_prune_look(prune));
	return hf_repo_understood(prune->repo);
}

static void count(struct hf_prune *prune)
{
	struct hf_prune_result *result = &prune->result;

	result->waiting = result->waiting_bytes = 0;
	result->live_bytes = result->wasted_bytes = 0;
	for (size_t i = 0; i < prune->n; i++) {
		const struct hf_pack_use *use = &prune->uses[i];

		if (use->announced) {
			result->waiting++;
			result->waiting_bytes += use->pack.size;
		} else if (!use->repacked) {
			result->live_bytes += use->live;
			result->wasted_bytes += use->pack.size - HF_MIN(use->pack.size, use->live);
		}
		if (prune->options.judged)
			prune->options.judged(prune->options.arg, use);
	}
}

static hf_err decide(struct hf_prune *prune)
{
	HF_TRY(hf_prune_settle(prune));
	HF_TRY(hf_prune_announce(prune));
	/* Without a wait it is due at once. */
	return hf_prune_settle(prune);
}

static hf_err look_only(struct hf_prune *prune)
{
	HF_TRY(hf_prune_judge(prune));
	HF_TRY(hf_prune_announce(prune));
	count(prune);
	return NULL;
}

static hf_err run_anew(struct hf_prune *prune)
{
	HF_TRY(hf_prune_judge(prune));
	struct hf_error *err = decide(prune);

	count(prune);
	/* What a checkpoint decided on goes, whatever failed since: a full disk has room then. */
	struct hf_error *unswept = hf_prune_sweep(prune);

	if (!err)
		return unswept ? unswept : HF_STEAL(prune->unmoved);
	hf_error_free(unswept); /* the first says more */
	return err;
}

/*
 * Takes err. What was there when the state was read may have been let go by others since, who make
 * a checkpoint before they delete.
 */
static hf_err judge_failure(struct hf_repo *repo, uint32_t before, struct hf_error *err)
{
	if (hf_error_kind(err) != HF_CORRUPT && hf_error_kind(err) != HF_NOT_FOUND)
		return err;
	hf_error_free(hf_repo_sync(repo, NULL)); /* there is one to tell already */
	return repo->checkpoint == before
		? err
		: hf_error_in(hf_error_as(err, HF_TRANSIENT), "another prune came between");
}

static hf_err run(struct hf_prune *prune)
{
	struct hf_repo *repo = prune->repo;

	HF_TRY(hf_repo_sync_to_write(repo));
	HF_TRY(hf_prune_reread(prune));
	struct hf_error *err = run_anew(prune);

	hf_catalog_bring_back(repo->catalog);
	/* Ours must know of what was decided, or it would not notice a store that goes back. */
	struct hf_error *unread = hf_repo_sync(repo, NULL);

	if (!err)
		return unread;
	hf_error_free(unread); /* the first says more */
	return err;
}

hf_err hf_prune_run(struct hf_repo *repo, const struct hf_prune_options *options,
	struct hf_prune_result *result)
{
	const uint32_t before = repo->checkpoint;
	HF_OWNED(hf_prune) prune = NULL;

	HF_TRY(hf_prune_begin(repo, options, &prune));
	struct hf_error *err = options->dry_run ? look_only(prune) : run(prune);

	*result = prune->result;
	return err ? judge_failure(repo, before, err) : NULL;
}
