/*
 * First what the catalog knows is laid beside what the store lists; then objects are read, many at
 * a time; at last the chunks of every pack that is not whole are sought in all their places, and
 * those that no place gives any more are lost.
 */
#include "backend/repo/check.h"

#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/check_state.h"
#include "backend/repo/segments_read.h"
#include "backend/repo/state.h"
#include "backend/repo/wanted.h"

/* ---- objects on their way through the workers ---- */

struct hf_check_job {
	struct hf_scrub scrub;
	struct hf_checking *check;
	size_t object;
};

static void job_free(void *at)
{
	struct hf_check_job *job = at;

	hf_scrub_release(&job->scrub);
	free(job);
}

static void check_release(struct hf_checking *check)
{
	for (size_t i = 0; i < check->n_held; i++)
		job_free(check->held[i]);
	free(check->held);
	hf_scrubber_free(check->scrubber);
	hf_opener_free(check->opener);
	hf_prover_free(check->prover);
	free(check->at);
	free(check->suspects);
	hf_halves_release(&check->halves);
	free(check->wanted);
	hf_map_release(&check->by_id);
	hf_map_release(&check->by_pack);
}
#define CHECK __attribute__((cleanup(check_release))) struct hf_checking

/* ---- what the catalog knows ---- */

/* The catalog's numbers are small; spread as ids are, they can be keys of the same map. */
static struct hf_id number_key(int64_t n)
{
	const uint64_t spread = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
	struct hf_id key = {{0}};

	memcpy(key.bytes, &spread, sizeof(spread));
	return key;
}

static void number(struct hf_checking *check, int64_t n, size_t at)
{
	const struct hf_id key = number_key(n);

	hf_map_put(&check->by_pack, &key, NULL)->number = at;
}

static struct hf_expected *expect(struct hf_checking *check, const struct hf_pack *pack)
{
	check->at = hf_grow(check->at, &check->cap, check->n + 1, sizeof(*check->at));
	check->at[check->n] = (struct hf_expected){.pack = *pack};
	check->n++;
	hf_map_put(&check->by_id, &pack->id, NULL)->number = check->n;
	if (pack->n)
		number(check, pack->n, check->n);
	return &check->at[check->n - 1];
}

static hf_err expect_pack(void *arg, const struct hf_pack *pack)
{
	expect(arg, pack)->known = true;
	return NULL;
}

static struct hf_expected *find_expected(const struct hf_checking *check, const struct hf_id *id)
{
	const union hf_map_value *value = hf_map_get(&check->by_id, id);

	return value ? &check->at[value->number - 1] : NULL;
}

static hf_err number_pack(void *arg, const struct hf_pack *pack)
{
	struct hf_checking *check = arg;
	const union hf_map_value *at = hf_map_get(&check->by_id, &pack->id);

	if (at)
		number(check, pack->n, at->number);
	return NULL;
}

hf_err hf_check_number_packs(struct hf_checking *check)
{
	return hf_catalog_each_pack(hf_repo_catalog(check->repo), number_pack, check);
}

static hf_err expect_commit(void *arg, const char *name)
{
	struct hf_pack pack = {.kind = HF_COMMIT};

	HF_TRY(hf_commit_name_parse(name, &pack.time, &pack.id));
	if (!find_expected(arg, &pack.id)) /* else content rides in it */
		expect(arg, &pack)->known = true;
	return NULL;
}

static hf_err expect_segment(void *arg, const struct hf_segment_ref *ref)
{
	const struct hf_pack pack = {.id = ref->object, .kind = HF_META_PACK, .size = ref->size};

	expect(arg, &pack)->known = true;
	return NULL;
}

/* ---- what the store lists ---- */

static void report_note(struct hf_checking *check, const char *object, const char *text)
{
	const struct hf_finding finding = {.object = object, .text = text, .note = true};

	hf_check_report(check, &finding);
}

static hf_err meet_object(void *arg, const struct hf_object *object)
{
	struct hf_checking *check = arg;
	struct hf_pack pack = {0};
	struct hf_error *err = hf_digest_name_parse(object->name, &pack.kind, &pack.time, &pack.id);
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_expected *expected;

	check->result->objects++;
	if (err) {
		hf_error_free(err); /* whatever it is, nothing depends on it */
		report_note(check, object->name, "this is no name that Holdfast gives");
		return NULL;
	}
	expected = find_expected(check, &pack.id);
	if (expected)
		hf_pack_object_name(&expected->pack, name);
	if (expected && strcmp(name, object->name) == 0) {
		expected->listed = true;
		expected->listed_size = object->size;
	} else if (pack.kind == HF_COMMIT && pack.time < check->repo->cutoff) {
		return NULL; /* the checkpoint says what counts of it */
	} else if (pack.kind == HF_COMMIT) {
		/* It may be damaged: its digest tells, when commits are read. */
		expected = expect(check, &pack);
		expected->listed = true;
	} else {
		check->result->unnamed++;
		report_note(check, object->name,
			"no commit names it: it is left from a backup that was cut off, or of one "
			"under way");
	}
	return NULL;
}

/* Who shares the catalog may have brought in what a newer keyring's keys are needed for. */
static hf_err look_for_keyring(struct hf_repo *repo)
{
	pthread_mutex_lock(&repo->lock);
	struct hf_error *err = hf_sync_follow_keyring(repo);

	pthread_mutex_unlock(&repo->lock);
	return err;
}

static hf_err lay_side_by_side(struct hf_checking *check)
{
	struct hf_catalog *catalog = hf_repo_catalog(check->repo);
	struct hf_store *store = hf_repo_store(check->repo);

	/* The catalog first: a commit comes after its packs, so all that it knows is there. */
	HF_TRY(hf_catalog_each_pack(catalog, expect_pack, check));
	HF_TRY(hf_catalog_each_commit(catalog, expect_commit, check));
	HF_TRY(hf_catalog_each_segment(catalog, expect_segment, check));
	HF_TRY(look_for_keyring(check->repo));
	HF_TRY(hf_store_list(store, "packs/", "", meet_object, check));
	HF_TRY(hf_store_list(store, "meta/", "", meet_object, check));
	return hf_store_list(store, "commits/", "", meet_object, check);
}

/* ---- objects that are named by their digest ---- */

static hf_err job_work(void *at)
{
	struct hf_check_job *job = at;

	return hf_scrub_run(job->check->scrubber, &job->scrub);
}

/* What a commit says of a pack against what the pack says itself. */
static bool lacks_rows(struct hf_checking *check, const struct hf_check_job *job)
{
	const struct hf_finding finding = {
		.object = job->scrub.name, .text = "its commit names chunks that it does not have"};

	if (!job->scrub.decode || job->scrub.rows >= check->at[job->object].places)
		return false;
	hf_check_report(check, &finding);
	return true;
}

/* Mends, tells; gives whether a copy is bad still. */
static bool judge_copies(struct hf_checking *check, const struct hf_check_job *job)
{
	const struct hf_scrub *scrub = &job->scrub;
	bool bad[HF_SCRUB_COPIES] = {false}, mended[HF_SCRUB_COPIES] = {false};
	bool wrong = false, broken = false;

	for (unsigned copy = 0; copy < scrub->copies; copy++) {
		wrong |= scrub->wrong[copy] != NULL;
		bad[copy] = !scrub->named[copy];
	}
	if (wrong)
		hf_check_mend(check, scrub->name, &scrub->id, bad, mended);
	for (unsigned copy = 0; copy < scrub->copies; copy++)
		broken |= scrub->wrong[copy] && !mended[copy];
	hf_check_report_copies(check,
		&(struct hf_copies){scrub->name, !check->at[job->object].known, scrub->copies,
			scrub->wrong, mended});
	return broken;
}

static bool is_whole(const struct hf_scrub *scrub)
{
	for (unsigned copy = 0; copy < scrub->copies; copy++) {
		if (scrub->wrong[copy])
			return false;
	}
	return true;
}

/* To a key that may neither read nor maintain, reading it proves nothing to others. */
static void prove(struct hf_checking *check, const struct hf_expected *expected)
{
	if (!hf_proof_counts(check->repo))
		return;
	check->result->proven_packs++;
	check->result->proven_bytes += expected->pack.size;
	hf_prover_add(check->prover, &expected->pack.id);
}

static void report_ahead(struct hf_checking *check, const char *name)
{
	const struct hf_finding finding = {.object = name,
		.text = "it is of an epoch that no keyring here has: a newer one is missing, or "
			"somebody planted it"};

	hf_check_report(check, &finding);
}

/* A commit that is what its name says, and that the catalog did not take. */
static hf_err report_unknown(struct hf_checking *check, const char *name)
{
	HF_RELEASED(hf_buf) start = {0};
	struct hf_header header;
	bool has;

	HF_TRY(hf_catalog_has_commit(hf_repo_catalog(check->repo), name, &has));
	if (has)
		return NULL;
	HF_TRY(hf_store_get(hf_repo_store(check->repo), name, 0, 0, HF_HEADER_LEN, &start));
	struct hf_error *err = hf_header_parse(hf_buf_span(&start), &header);

	if (err && hf_error_kind(err) == HF_UNSUPPORTED)
		hf_check_report_newer(check, name, hf_error_text(err));
	else if (!err && header.epoch > hf_repo_newest_epoch(check->repo)->epoch)
		report_ahead(check, name);
	else
		report_note(check, name,
			"the catalog lacks this commit: it came just now, or it does not count");
	hf_error_free(err); /* its text is the finding, or it does not count */
	return NULL;
}

static void hold(struct hf_checking *check, struct hf_check_job *job)
{
	check->held =
		hf_grow(check->held, &check->held_cap, check->n_held + 1, sizeof(*check->held));
	check->held[check->n_held++] = job;
}

static hf_err judge_job(struct hf_checking *check, const struct hf_check_job *job)
{
	struct hf_expected *expected = &check->at[job->object];

	if (is_whole(&job->scrub))
		return report_unknown(check, job->scrub.name);
	expected->broken = judge_copies(check, job);
	check->broken |= expected->broken;
	return NULL;
}

/* What is well is done with. The rest: nothing may have been let go yet that stood when we began,
 * and a commit that the catalog lacks is asked for when that has read on. */
static hf_err job_done(void *at)
{
	struct hf_check_job *job = at;
	struct hf_checking *check = job->check;
	struct hf_expected *expected = &check->at[job->object];
	const bool whole = is_whole(&job->scrub);
	struct hf_error *err = NULL;
	bool later = whole;

	check->result->bytes += job->scrub.bytes;
	if (whole && expected->known) {
		expected->broken = lacks_rows(check, job);
		check->broken |= expected->broken;
		if (expected->chosen && !expected->broken)
			prove(check, expected);
		job_free(job);
		return NULL;
	}
	if (!whole)
		err = hf_check_is_behind(check, &later);
	if (!err && later) {
		hold(check, job);
		return NULL;
	}
	if (!err)
		err = judge_job(check, job);
	job_free(job);
	return err;
}

static hf_err judge_held(struct hf_checking *check)
{
	if (check->n_held == 0)
		return NULL;
	HF_TRY(hf_check_read_again(check));
	HF_TRY(hf_check_read_segments(check));
	for (size_t i = 0; i < check->n_held; i++) {
		const struct hf_check_job *job = check->held[i];
		bool over;

		HF_TRY(hf_check_is_over(check, job->scrub.name, &over));
		if (!over)
			HF_TRY(judge_job(check, job));
	}
	return NULL;
}

static const struct hf_pool_ops job_ops = {job_work, job_done, job_free};

static struct hf_check_job *make_job(struct hf_checking *check, size_t object)
{
	const struct hf_expected *expected = &check->at[object];
	struct hf_check_job *job = hf_calloc(1, sizeof(*job));
	const bool opens = expected->pack.kind == HF_META_PACK || hf_repo_may(check->repo, HF_READ);

	job->check = check;
	job->object = object;
	job->scrub = (struct hf_scrub){
		.id = expected->pack.id,
		.size = expected->pack.size,
		.pack = expected->pack,
		.decode = expected->chosen && opens,
	};
	hf_pack_object_name(&expected->pack, job->scrub.name);
	return job;
}

static bool is_as_listed(const struct hf_expected *expected)
{
	return expected->listed && expected->listed_size == expected->pack.size;
}

/* Content packs are large: without read_data their size has to do. */
static bool is_read(const struct hf_expected *expected)
{
	return expected->chosen || expected->pack.kind != HF_CONTENT_PACK ||
		!is_as_listed(expected);
}

static void count_total(struct hf_checking *check)
{
	uint64_t total = 0;
	char name[HF_COMMIT_NAME_LEN + 1];

	if (!check->options->progress)
		return;
	for (size_t i = 0; i < check->n; i++) {
		const struct hf_expected *expected = &check->at[i];
		const uint64_t size =
			expected->pack.size ? expected->pack.size : expected->listed_size;

		hf_pack_object_name(&expected->pack, name);
		if (is_read(expected))
			total += size * hf_store_copies(hf_repo_store(check->repo), name);
	}
	atomic_store(&check->options->progress->bytes_total, total);
}

/* In the order in which they are to be read. */
struct choice {
	struct hf_proof_pack *packs;
	size_t n;
};
static void choice_release(struct choice *choice)
{
	free(choice->packs);
}
#define CHOICE __attribute__((cleanup(choice_release))) struct choice

static hf_err note_bad_pack(void *arg, int64_t pack)
{
	struct hf_expected *expected = hf_check_of_pack(arg, pack);

	if (expected)
		expected->marked = true;
	return NULL;
}

static hf_err choose(struct hf_checking *check, struct choice *out)
{
	const struct hf_check_options *options = check->options;
	size_t n = 0;

	if (!options->read_data)
		return NULL;
	HF_TRY(hf_catalog_each_bad_pack(hf_repo_catalog(check->repo), note_bad_pack, check));
	out->packs = hf_calloc(HF_MAX(check->n, 1), sizeof(*out->packs));
	for (size_t i = 0; i < check->n; i++) {
		const struct hf_pack *pack = &check->at[i].pack;

		if (pack->n)
			out->packs[n++] = (struct hf_proof_pack){.object = i,
				.proven = pack->proven,
				.seen = pack->seen,
				.size = pack->size,
				.bad = check->at[i].marked};
	}
	out->n = options->oldest || options->most ? hf_proof_choose(out->packs, n, options->most)
						  : n;
	for (size_t i = 0; i < out->n; i++)
		check->at[out->packs[i].object].chosen = true;
	return NULL;
}

static hf_err scrub_one(struct hf_checking *check, struct hf_pool *pool, size_t object)
{
	HF_TRY(hf_stop_check(check->options->stop));
	return is_read(&check->at[object]) ? hf_pool_submit(pool, make_job(check, object)) : NULL;
}

static hf_err scrub_all(struct hf_checking *check)
{
	const unsigned workers = check->options->workers;
	HF_OWNED(hf_pool) pool = NULL;
	CHOICE choice = {0};

	HF_TRY(choose(check, &choice));
	count_total(check);
	HF_TRY(hf_pool_new(&job_ops, workers, workers + 1, &pool));
	for (size_t i = 0; i < check->n; i++) {
		if (!check->at[i].chosen)
			HF_TRY(scrub_one(check, pool, i));
	}
	for (size_t i = 0; i < choice.n; i++)
		HF_TRY(scrub_one(check, pool, choice.packs[i].object));
	return hf_pool_drain(pool);
}

struct hf_expected *hf_check_of_pack(const struct hf_checking *check, int64_t pack)
{
	const struct hf_id key = number_key(pack);
	const union hf_map_value *value = hf_map_get(&check->by_pack, &key);

	return value ? &check->at[value->number - 1] : NULL;
}

static hf_err count_place(void *arg, const struct hf_location *place)
{
	struct hf_expected *expected = hf_check_of_pack(arg, place->pack);

	if (expected)
		expected->places++;
	return NULL;
}

static hf_err report_half(void *arg, const struct hf_finding *finding)
{
	struct hf_checking *check = arg;
	bool again, over;

	HF_TRY(hf_check_catch_up(check, &again));
	HF_TRY(hf_check_is_over(check, finding->object, &over));
	if (!over)
		hf_check_report(check, finding);
	return NULL;
}

static hf_err look_at_all(struct hf_checking *check)
{
	HF_TRY(scrub_all(check));
	HF_TRY(judge_held(check));
	HF_TRY(hf_check_chunks(check));
	return hf_halves_look_again(&check->halves, check->repo, report_half, check);
}

/* Those of an older checkpoint may have gone with it. */
static hf_err read_newest_segments(struct hf_checking *check)
{
	bool again = true;
	struct hf_error *err = NULL;

	while (again) {
		hf_error_free(err); /* read again */
		err = hf_segments_read(check->repo);
		if (!err || !hf_scrub_finds(check->repo, err))
			return err;
		struct hf_error *failed = hf_check_catch_up(check, &again);

		if (!failed)
			continue;
		hf_error_free(err); /* nobody knows whether it is a finding */
		return failed;
	}
	return err;
}

/* What the tables of a bad one would say of chunks is missing then, and all else is looked at. */
hf_err hf_check_read_segments(struct hf_checking *check)
{
	struct hf_error *err = read_newest_segments(check);
	char name[HF_NUMBERED_NAME_LEN + 1];

	if (!err || !hf_scrub_finds(check->repo, err))
		return err;
	hf_numbered_name("checkpoints", check->repo->checkpoint, name);
	const struct hf_finding finding = {
		.object = name, .text = hf_error_text(err), .lost = true};

	if (!check->segments_told)
		hf_check_report(check, &finding);
	check->segments_told = true;
	hf_error_free(err); /* its text is the finding */
	return NULL;
}

/* What was proven until a stop, or until the store went away, stays so. Who commits learns of newer
 * keyrings: so that comes last. */
static hf_err check_objects(struct hf_checking *check)
{
	HF_TRY(hf_check_numbers(check));
	HF_TRY(hf_check_read_segments(check));
	HF_TRY(lay_side_by_side(check));
	if (check->options->read_data)
		HF_TRY(hf_catalog_each_place(hf_repo_catalog(check->repo), count_place, check));
	struct hf_error *err = look_at_all(check);

	hf_prover_end(check->prover);
	if (!err)
		hf_check_mark_wanted(check);
	return err;
}

hf_err hf_check_objects(struct hf_repo *repo, const struct hf_check_options *options,
	struct hf_check_result *result)
{
	CHECK check = {.repo = repo, .options = options, .result = result};

	*result = (struct hf_check_result){0};
	check.opener = hf_opener_new(repo);
	check.scrubber = hf_scrubber_new(repo, check.opener, options->stop, options->progress);
	check.prover = hf_prover_new(repo);
	return check_objects(&check);
}
