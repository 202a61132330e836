/*
 * First what the catalog knows is laid beside what the store lists; then objects are read, many at
 * a time; at last the chunks of every pack that is not whole are sought in all their places, and
 * those that no place gives any more are lost.
 */
#include "backend/repo/check.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/limits.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/halves.h"
#include "backend/repo/opener.h"
#include "backend/repo/scrub.h"
#include "backend/repo/segments_read.h"
#include "backend/repo/state.h"

/* An object that is named by its digest. */
struct expected {
	struct hf_pack pack; /* n 0: a commit without chunks */
	bool known;          /* the catalog has it */
	bool listed;         /* the store has its first copy */
	bool broken;         /* in at least one copy */
	uint64_t listed_size;
	uint64_t places; /* rows of the catalog that point here */
	uint64_t rows;   /* rows of its own table, when it was decoded */
	bool decoded;
};

/* A chunk that some pack which is not whole should have. */
struct suspect {
	struct hf_id id;
	size_t object;
};

struct check {
	struct hf_repo *repo;
	const struct hf_check_options *options;
	struct hf_check_result *result;
	struct hf_opener *opener;
	struct expected *at;
	size_t n, cap;
	struct hf_map by_id;   /* index + 1 in `at` */
	struct hf_map by_pack; /* the same, by the catalog's number */
	struct suspect *suspects;
	size_t n_suspects, suspects_cap;
	bool broken; /* any of `at` */
	struct hf_halves halves;
};

static void check_release(struct check *check)
{
	hf_opener_free(check->opener);
	free(check->at);
	free(check->suspects);
	hf_halves_release(&check->halves);
	hf_map_release(&check->by_id);
	hf_map_release(&check->by_pack);
}
#define CHECK __attribute__((cleanup(check_release))) struct check

static void report(struct check *check, const struct hf_finding *finding)
{
	if (finding->note)
		check->result->notes++;
	else if (finding->newer)
		check->result->newer++;
	else
		check->result->findings++;
	if (finding->chunk && finding->lost)
		check->result->lost_chunks++;
	if (check->options->found)
		check->options->found(check->options->arg, finding);
}

static void report_half(void *arg, const struct hf_finding *finding)
{
	report(arg, finding);
}

static const char *place_name(unsigned copy)
{
	return copy == 0 ? "first copy" : "second copy";
}

static void report_newer(struct check *check, const char *object, const char *text)
{
	const struct hf_finding finding = {.object = object, .text = text, .newer = true};

	report(check, &finding);
}

/*
 * Tells of each copy that is not good; one that is the object's only one needs no name. A second
 * copy that is missing is looked for again first.
 */
static void report_copies(
	struct check *check, const char *object, char *const *wrong, unsigned copies)
{
	unsigned bad = 0;

	if (hf_halves_are(wrong, copies)) {
		hf_halves_add(&check->halves, object);
		return;
	}
	for (unsigned copy = 0; copy < copies; copy++)
		bad += wrong[copy] != NULL;
	for (unsigned copy = 0; copy < copies; copy++) {
		struct hf_finding finding = {.object = object, .lost = bad == copies};
		HF_FREED char *text = NULL;

		if (!wrong[copy])
			continue;
		if (copies > 1)
			text = hf_format("%s: %s", place_name(copy), wrong[copy]);
		finding.text = text ? text : wrong[copy];
		report(check, &finding);
	}
}

/* ---- what the catalog knows ---- */

/* The catalog's numbers are small; spread as ids are, they can be keys of the same map. */
static struct hf_id number_key(int64_t n)
{
	const uint64_t spread = (uint64_t)n * UINT64_C(0x9e3779b97f4a7c15);
	struct hf_id key = {{0}};

	memcpy(key.bytes, &spread, sizeof(spread));
	return key;
}

static struct expected *expect(struct check *check, const struct hf_pack *pack)
{
	check->at = hf_grow(check->at, &check->cap, check->n + 1, sizeof(*check->at));
	check->at[check->n] = (struct expected){.pack = *pack};
	check->n++;
	hf_map_put(&check->by_id, &pack->id, NULL)->number = check->n;
	if (pack->n) {
		const struct hf_id key = number_key(pack->n);

		hf_map_put(&check->by_pack, &key, NULL)->number = check->n;
	}
	return &check->at[check->n - 1];
}

static hf_err expect_pack(void *arg, const struct hf_pack *pack)
{
	expect(arg, pack)->known = true;
	return NULL;
}

static struct expected *find_expected(const struct check *check, const struct hf_id *id)
{
	const union hf_map_value *value = hf_map_get(&check->by_id, id);

	return value ? &check->at[value->number - 1] : NULL;
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

static void report_note(struct check *check, const char *object, const char *text)
{
	const struct hf_finding finding = {.object = object, .text = text, .note = true};

	report(check, &finding);
}

static hf_err meet_object(void *arg, const struct hf_object *object)
{
	struct check *check = arg;
	struct hf_pack pack = {0};
	struct hf_error *err = hf_digest_name_parse(object->name, &pack.kind, &pack.time, &pack.id);
	char name[HF_COMMIT_NAME_LEN + 1];
	struct expected *expected;

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
		report_note(check, object->name,
			"no commit names it: it is left from a backup that was cut off, or of one "
			"under way");
	}
	return NULL;
}

static hf_err lay_side_by_side(struct check *check)
{
	struct hf_catalog *catalog = hf_repo_catalog(check->repo);
	struct hf_store *store = hf_repo_store(check->repo);

	/* The catalog first: a commit comes after its packs, so all that it knows is there. */
	HF_TRY(hf_catalog_each_pack(catalog, expect_pack, check));
	HF_TRY(hf_catalog_each_commit(catalog, expect_commit, check));
	HF_TRY(hf_catalog_each_segment(catalog, expect_segment, check));
	HF_TRY(hf_store_list(store, "packs/", "", meet_object, check));
	HF_TRY(hf_store_list(store, "meta/", "", meet_object, check));
	return hf_store_list(store, "commits/", "", meet_object, check);
}

/* ---- keyrings and checkpoints: named by number ---- */

static hf_err verify_keyring(struct hf_repo *repo, uint32_t n, unsigned copy)
{
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_arena) arena = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_keyring keyring;

	hf_numbered_name("keyring", n, name);
	HF_TRY(hf_store_get_all(hf_repo_store(repo), name, copy, HF_MAX_KEYRING, &bytes));
	HF_TRY(hf_keyring_parse(hf_buf_span(&bytes), &arena, &keyring));
	if (keyring.n != n)
		return hf_error_new(HF_CORRUPT, "it says that it is number %u", keyring.n);
	if (!hf_keyring_verify(&keyring, hf_repo_secrets(repo)->root_public))
		return hf_error_new(HF_CORRUPT, "the repository's root did not sign it");
	return NULL;
}

struct numbered {
	const char *folder;
	hf_err (*verify)(struct hf_repo *repo, uint32_t n, unsigned copy);
	uint32_t newest, claimed; /* that we know, that a commit knew: they must be there */
	bool all;                 /* and all before it */
};

static hf_err check_number(struct check *check, const struct numbered *numbered, uint32_t n)
{
	char name[HF_NUMBERED_NAME_LEN + 1], *wrong[HF_SCRUB_COPIES] = {NULL};
	struct hf_error *err = NULL;
	unsigned copies, newer = 0;

	hf_numbered_name(numbered->folder, n, name);
	copies = HF_MIN(hf_store_copies(hf_repo_store(check->repo), name), HF_SCRUB_COPIES);
	for (unsigned copy = 0; copy < copies && !err; copy++) {
		err = numbered->verify(check->repo, n, copy);
		if (!err || !hf_scrub_finds(check->repo, err))
			continue;
		newer += hf_error_kind(err) == HF_UNSUPPORTED;
		wrong[copy] = hf_strdup(
			hf_error_kind(err) == HF_NOT_FOUND ? HF_SCRUB_MISSING : hf_error_text(err));
		hf_error_free(err); /* its text is the finding */
		err = NULL;
	}
	check->result->objects++;
	if (newer == copies && !err)
		report_newer(check, name, wrong[0]);
	else
		report_copies(check, name, wrong, copies);
	for (unsigned copy = 0; copy < copies; copy++)
		free(wrong[copy]);
	return err;
}

static bool is_listed(const struct hf_numbers *listed, uint32_t n)
{
	for (size_t i = 0; i < listed->n; i++) {
		if (listed->at[i] == n)
			return true;
	}
	return false;
}

static hf_err check_numbered(struct check *check, const struct numbered *numbered)
{
	HF_RELEASED(hf_numbers) listed = {0};
	const uint32_t first = numbered->all ? 1 : numbered->newest;

	HF_TRY(hf_numbers_list(hf_repo_store(check->repo), numbered->folder, &listed));
	for (size_t i = 0; i < listed.n; i++)
		HF_TRY(check_number(check, numbered, listed.at[i]));
	for (uint32_t n = first; n <= numbered->newest; n++) {
		if (n && !is_listed(&listed, n))
			HF_TRY(check_number(check, numbered, n));
	}
	return numbered->claimed > numbered->newest && !is_listed(&listed, numbered->claimed)
		? check_number(check, numbered, numbered->claimed)
		: NULL;
}

static hf_err check_numbers(struct check *check)
{
	const struct numbered keyrings = {
		.folder = "keyring",
		.verify = verify_keyring,
		.newest = hf_repo_keyring(check->repo)->n,
		.claimed = check->repo->claimed_keyring,
		.all = true, /* keyrings are kept for ever */
	};
	const struct numbered checkpoints = {
		.folder = "checkpoints",
		.verify = hf_checkpoint_verify,
		.newest = check->repo->checkpoint,
		.claimed = check->repo->claimed_checkpoint,
	};

	HF_TRY(check_numbered(check, &keyrings));
	return check_numbered(check, &checkpoints);
}

/* ---- objects that are named by their digest ---- */

struct job {
	struct hf_scrub scrub;
	struct check *check;
	size_t object;
};

static hf_err job_work(void *at)
{
	struct job *job = at;

	return hf_scrub_run(&job->scrub);
}

static void job_free(void *at)
{
	struct job *job = at;

	hf_scrub_release(&job->scrub);
	free(job);
}

/* A commit that is what its name says, and that the catalog did not take. */
static hf_err report_unknown(struct check *check, const char *name)
{
	HF_RELEASED(hf_buf) start = {0};
	struct hf_header header;

	HF_TRY(hf_store_get(hf_repo_store(check->repo), name, 0, 0, HF_HEADER_LEN, &start));
	struct hf_error *err = hf_header_parse(hf_buf_span(&start), &header);

	if (err && hf_error_kind(err) == HF_UNSUPPORTED)
		report_newer(check, name, hf_error_text(err));
	else
		report_note(check, name,
			"the catalog lacks this commit: it came just now, or it does not count");
	hf_error_free(err); /* its text is the finding, or it does not count */
	return NULL;
}

static hf_err job_done(void *at)
{
	struct job *job = at;
	struct check *check = job->check;
	struct expected *expected = &check->at[job->object];
	const struct hf_scrub *scrub = &job->scrub;

	check->result->bytes += scrub->bytes;
	for (unsigned copy = 0; copy < scrub->copies; copy++)
		expected->broken |= scrub->wrong[copy] != NULL;
	check->broken |= expected->broken;
	expected->decoded = scrub->decode && !expected->broken;
	expected->rows = scrub->rows;
	report_copies(check, scrub->name, scrub->wrong, scrub->copies);
	struct hf_error *err =
		!expected->broken && !expected->known ? report_unknown(check, scrub->name) : NULL;

	job_free(job);
	return err;
}

static const struct hf_pool_ops job_ops = {job_work, job_done, job_free};

static struct job *make_job(struct check *check, size_t object)
{
	const struct hf_check_options *options = check->options;
	const struct expected *expected = &check->at[object];
	struct job *job = hf_calloc(1, sizeof(*job));
	const bool opens = expected->pack.kind == HF_META_PACK || hf_repo_may(check->repo, HF_READ);

	job->check = check;
	job->object = object;
	job->scrub = (struct hf_scrub){
		.repo = check->repo,
		.opener = check->opener,
		.stop = options->stop,
		.progress = options->progress,
		.id = expected->pack.id,
		.size = expected->pack.size,
		.pack = expected->pack,
		.decode = options->read_data && expected->pack.n && opens,
	};
	hf_pack_object_name(&expected->pack, job->scrub.name);
	return job;
}

/* Content packs are large: without read_data their size has to do. */
static void judge_listing(struct check *check, struct expected *expected)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	HF_FREED char *text = NULL;
	struct hf_finding finding = {.object = name, .lost = true};

	if (!expected->listed)
		text = hf_strdup(HF_SCRUB_MISSING);
	else if (expected->listed_size != expected->pack.size)
		text = hf_format("it has %llu bytes, not %llu",
			(unsigned long long)expected->listed_size,
			(unsigned long long)expected->pack.size);
	if (!text)
		return;
	expected->broken = true;
	check->broken = true;
	hf_pack_object_name(&expected->pack, name);
	finding.text = text;
	report(check, &finding);
}

static bool is_read(const struct check *check, const struct expected *expected)
{
	return check->options->read_data || expected->pack.kind != HF_CONTENT_PACK;
}

static void count_total(struct check *check)
{
	uint64_t total = 0;
	char name[HF_COMMIT_NAME_LEN + 1];

	if (!check->options->progress)
		return;
	for (size_t i = 0; i < check->n; i++) {
		const struct expected *expected = &check->at[i];
		const uint64_t size =
			expected->pack.size ? expected->pack.size : expected->listed_size;

		hf_pack_object_name(&expected->pack, name);
		if (is_read(check, expected))
			total += size * hf_store_copies(hf_repo_store(check->repo), name);
	}
	atomic_store(&check->options->progress->bytes_total, total);
}

static hf_err scrub_all(struct check *check)
{
	const unsigned workers = check->options->workers;
	HF_OWNED(hf_pool) pool = NULL;

	count_total(check);
	HF_TRY(hf_pool_new(&job_ops, workers, workers + 1, &pool));
	for (size_t i = 0; i < check->n; i++) {
		HF_TRY(hf_stop_check(check->options->stop));
		if (is_read(check, &check->at[i]))
			HF_TRY(hf_pool_submit(pool, make_job(check, i)));
		else
			judge_listing(check, &check->at[i]);
	}
	return hf_pool_drain(pool);
}

/* ---- chunks ---- */

static hf_err meet_place(void *arg, const struct hf_location *place)
{
	struct check *check = arg;
	const struct hf_id key = number_key(place->pack);
	const union hf_map_value *value = hf_map_get(&check->by_pack, &key);
	struct expected *expected;

	if (!value)
		return NULL; /* of a pack that came while we were looking */
	expected = &check->at[value->number - 1];
	expected->places++;
	if (!expected->broken)
		return NULL;
	check->suspects = hf_grow(check->suspects, &check->suspects_cap, check->n_suspects + 1,
		sizeof(*check->suspects));
	check->suspects[check->n_suspects++] =
		(struct suspect){.id = place->row.id, .object = (size_t)value->number - 1};
	return NULL;
}

static void report_lost(
	struct check *check, const struct suspect *suspect, const struct hf_error *err)
{
	const bool denied = hf_error_kind(err) == HF_DENIED;
	char name[HF_COMMIT_NAME_LEN + 1];
	const struct hf_finding finding = {
		.object = name,
		.text = denied ? "this key can't tell whether the chunk can still be read"
			       : hf_error_text(err),
		.chunk = &suspect->id,
		.lost = true,
	};

	hf_pack_object_name(&check->at[suspect->object].pack, name);
	report(check, &finding);
}

static hf_err try_suspect(struct check *check, const struct suspect *suspect)
{
	const enum hf_object_kind kind = check->at[suspect->object].pack.kind;
	struct hf_error *err;
	uint8_t *bytes;
	size_t len;

	HF_TRY(hf_stop_check(check->options->stop));
	err = hf_opener_chunk(check->opener, kind == HF_META_PACK ? kind : HF_CONTENT_PACK,
		&suspect->id, &bytes, &len);
	if (!err) {
		free(bytes);
		return NULL;
	}
	if (!hf_scrub_finds(check->repo, err))
		return err;
	report_lost(check, suspect, err);
	hf_error_free(err); /* its text is the finding */
	return NULL;
}

/* What a commit says of a pack against what the pack says itself. */
static bool compare_counts(struct check *check)
{
	bool differs = false;

	for (size_t i = 0; i < check->n; i++) {
		struct expected *expected = &check->at[i];
		char name[HF_COMMIT_NAME_LEN + 1];
		const struct hf_finding finding = {
			.object = name, .text = "its commit names chunks that it does not have"};

		if (!expected->decoded || expected->rows >= expected->places)
			continue;
		hf_pack_object_name(&expected->pack, name);
		report(check, &finding);
		expected->broken = differs = true;
	}
	return differs;
}

static hf_err scan_places(struct check *check)
{
	check->n_suspects = 0;
	for (size_t i = 0; i < check->n; i++)
		check->at[i].places = 0;
	return hf_catalog_each_place(hf_repo_catalog(check->repo), meet_place, check);
}

/* The scan is by id: copies of one chunk stand together. */
static hf_err check_chunks(struct check *check)
{
	if (!check->broken && !check->options->read_data)
		return NULL;
	HF_TRY(scan_places(check));
	if (compare_counts(check))
		HF_TRY(scan_places(check));
	for (size_t i = 0; i < check->n_suspects; i++) {
		const struct suspect *suspect = &check->suspects[i];

		if (i == 0 || !hf_id_equal(&suspect->id, &suspect[-1].id))
			HF_TRY(try_suspect(check, suspect));
	}
	return NULL;
}

hf_err hf_check_objects(struct hf_repo *repo, const struct hf_check_options *options,
	struct hf_check_result *result)
{
	CHECK check = {.repo = repo, .options = options, .result = result};

	*result = (struct hf_check_result){0};
	check.opener = hf_opener_new(repo);
	HF_TRY(hf_segments_read(repo));
	HF_TRY(check_numbers(&check));
	HF_TRY(lay_side_by_side(&check));
	HF_TRY(scrub_all(&check));
	HF_TRY(check_chunks(&check));
	return hf_halves_look_again(&check.halves, repo, report_half, &check);
}
