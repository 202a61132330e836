/*
 * Whoever stole a slot's key, right by right: what its secrets are, what the program refuses, and
 * which of the records that he makes by hand count.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "tests/lib/forged.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)
#define SOURCE "files/home"

static struct hf_small small;
static struct hf_id honest; /* a chunk of content */
static uint8_t older[HF_SNAPSHOT_ID_LEN], newest[HF_SNAPSHOT_ID_LEN];

static struct hf_snapshots snapshots_of(struct hf_repo *repo, struct hf_arena *arena)
{
	struct hf_snapshots snapshots;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_snapshots(repo, SOURCE, arena, &snapshots));
	return snapshots;
}

/* Two honest snapshots of one source, each of its own commit. */
static void setup(void)
{
	HF_RELEASED(hf_arena) arena = {0};

	hf_small_init(&small, 1);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_entry root = hf_small_dir(writer, "", NULL, 0);

	honest = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("what nobody else may read"));
	for (int64_t i = 0; i < 2; i++) {
		hf_small_snapshot(writer, SOURCE, MOMENT + i, &root);
		ck_ok(hf_writer_publish(writer));
	}
	hf_extents_release(&root.extents);
	const struct hf_snapshots both = snapshots_of(small.repo, &arena);

	ck_assert_uint_eq(both.n, 2);
	memcpy(older, both.at[0].id, sizeof(older));
	memcpy(newest, both.at[1].id, sizeof(newest));
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* ---- records by hand ---- */

static struct hf_buf printed(const struct hf_record *record)
{
	struct hf_buf out = {0};

	hf_record_print(record, &out);
	return out;
}

static struct hf_buf a_snapshot(void)
{
	return hf_forged_snapshot(SOURCE, MOMENT + 7);
}

/* An origin says that another slot wrote it: that counts where a maintainer says it, in a
 * checkpoint. */
static struct hf_buf a_copied_snapshot(void)
{
	HF_RELEASED(hf_buf) snapshot = a_snapshot();
	const struct hf_record origin = {
		.kind = HF_RECORD_ORIGIN, .origin = {.commit = {{1}}, .slot = 1, .seen = MOMENT}};
	struct hf_buf out = printed(&origin);

	hf_buf_add_span(&out, hf_buf_span(&snapshot));
	return out;
}

static struct hf_buf an_unfinished(void)
{
	HF_RELEASED(hf_buf) finished = a_snapshot();
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_wire wire = hf_wire(hf_buf_span(&finished));
	struct hf_record record;

	hf_record_parse(&wire, &arena, &record);
	record.of = HF_RECORD_SNAPSHOT;
	record.kind = HF_RECORD_UNFINISHED;
	return printed(&record);
}

static struct hf_buf a_tombstone(void)
{
	uint8_t ids[2][HF_SNAPSHOT_ID_LEN];
	const struct hf_record record = {
		.kind = HF_RECORD_TOMBSTONE, .tombstone = {.snapshots = ids, .n_snapshots = 2}};

	memcpy(ids[0], older, sizeof(older));
	memcpy(ids[1], newest, sizeof(newest));
	return printed(&record);
}

static struct hf_buf a_tombstone_of_the_source(void)
{
	const struct hf_record record = {
		.kind = HF_RECORD_TOMBSTONE, .tombstone = {.source = hf_span_str(SOURCE)}};

	return printed(&record);
}

static const struct hf_id false_chunk = {{99}};

static struct hf_buf a_pack(void)
{
	struct hf_row row = {.id = false_chunk, .plain = 9, .stored = 25, .offset = HF_HEADER_LEN};
	struct hf_record record = {.kind = HF_RECORD_PACK};

	record.pack = (struct hf_pack_record){
		.id = {{98}},
		.size = 4096,
		.header = {.kind = HF_CONTENT_PACK, .epoch = 1},
		.table = {.rows = &row, .n = 1},
	};
	return printed(&record);
}

/* ---- and what a client that comes with nothing makes of them ---- */

static bool shows_three(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};

	return snapshots_of(repo, &arena).n == 3;
}

static bool shows_one(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_snapshots left = snapshots_of(repo, &arena);

	return left.n == 1 && memcmp(left.at[0].id, newest, sizeof(newest)) == 0;
}

static bool shows_none(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};

	return snapshots_of(repo, &arena).n == 0;
}

static bool goes_on_with_it(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;
	bool found;

	ck_ok(hf_history_unfinished(repo, SOURCE, &arena, &info, &found));
	return found;
}

static bool has_the_chunk(struct hf_repo *repo)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(repo), &false_chunk, places, &n));
	return n > 0;
}

static const struct {
	const char *what;
	struct hf_buf (*record)(void);
	bool (*counts)(struct hf_repo *repo);
	uint32_t rights; /* that it takes: any of them */
} records[] = {
	{"a snapshot", a_snapshot, shows_three, HF_WRITE},
	{"a snapshot behind an origin", a_copied_snapshot, shows_three, HF_WRITE},
	{"an unfinished snapshot", an_unfinished, goes_on_with_it, HF_WRITE},
	{"a tombstone of all snapshots", a_tombstone, shows_one, HF_MAINTAIN},
	{"a tombstone of the source", a_tombstone_of_the_source, shows_none, HF_MAINTAIN},
	{"a pack", a_pack, has_the_chunk, HF_WRITE | HF_MAINTAIN},
};
static const uint32_t keys[] = {HF_WRITE, HF_READ, HF_MAINTAIN, HF_WRITE | HF_READ};

START_TEST(what_a_stolen_key_records_counts_if_its_rights_say_so)
{
	const uint32_t rights = keys[(size_t)_i / ARRAY_LEN(records)];
	const size_t which = (size_t)_i % ARRAY_LEN(records);
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, rights);
	HF_RELEASED(hf_buf) record = records[which].record();
	const struct hf_forged_commit forged = {.as = thief, .records = hf_buf_span(&record)};

	hf_forged_commit_put(&forged);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_msg(records[which].counts(fresh) == ((rights & records[which].rights) != 0),
		"%s by rights %u", records[which].what, rights);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert(records[which].counts(small.repo) == records[which].counts(fresh));
}
END_TEST

/* ---- what costs others time ---- */

static struct hf_error *count_looks(void *arg, enum hf_store_call call, const char *name)
{
	if (call == HF_CALL_STAT && strncmp(name, "packs/", 6) == 0)
		++*(unsigned *)arg;
	return NULL;
}

START_TEST(packs_that_nobody_has_are_looked_for_once)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	struct hf_id ids[100] = {{{0}}};
	unsigned looks = 0;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		ids[i].bytes[0] = (uint8_t)(i + 1);
	const struct hf_record relies = {
		.kind = HF_RECORD_RELIES, .relies = {.packs = {ids, ARRAY_LEN(ids)}}};
	HF_RELEASED(hf_buf) record = printed(&relies);

	hf_forged_commit_put(
		&(struct hf_forged_commit){.as = thief, .records = hf_buf_span(&record)});
	hf_mem_hook(small.mem, count_looks, &looks);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert_uint_ge(looks, ARRAY_LEN(ids));
	looks = 0;
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert_uint_eq(looks, 0);
	hf_mem_hook(small.mem, NULL, NULL);
}
END_TEST

/* ---- secrets ---- */

START_TEST(a_stolen_key_has_the_secrets_of_its_rights_alone)
{
	const uint32_t rights = keys[_i];
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, rights);
	const struct hf_slot_secrets *secrets = hf_repo_secrets(thief);
	const struct hf_key zero = {{0}};

	ck_assert(!secrets->has_root);
	ck_assert_mem_eq(secrets->root_seed.bytes, zero.bytes, HF_KEY_LEN);
	ck_assert(secrets->has_ids == ((rights & (HF_WRITE | HF_READ)) != 0));
	for (size_t i = 0; i < secrets->n_epochs; i++) {
		const bool none =
			memcmp(secrets->epochs[i].content.bytes, zero.bytes, HF_KEY_LEN) == 0;

		ck_assert(secrets->epochs[i].reads == ((rights & HF_READ) != 0));
		ck_assert(none == !(rights & HF_READ));
	}
}
END_TEST

static hf_err read_content(struct hf_repo *repo)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF chunk = NULL;

	HF_TRY(hf_reader_open(repo, 1 << 20, 0, &reader));
	return hf_reader_get(reader, HF_CONTENT_PACK, &honest, &chunk);
}

static hf_err open_fingerprints(struct hf_repo *repo)
{
	const struct hf_key secret = {{1, 2, 3}};
	uint8_t sealed[HF_SEALED_SECRET_LEN];
	struct hf_key opened;

	ck_ok(hf_fingerprint_secret_seal(hf_repo_newest_epoch(small.repo), &secret, sealed));
	return hf_fingerprint_secret_open(
		hf_repo_secrets(repo), hf_span(sealed, sizeof(sealed)), &opened);
}

static hf_err begin_a_backup(struct hf_repo *repo)
{
	const struct hf_writer_options options = {0};
	HF_OWNED(hf_writer) writer = NULL;

	return hf_writer_begin(repo, &options, &writer);
}

static hf_err forget(struct hf_repo *repo)
{
	return hf_forget(repo, &older, 1);
}

static hf_err add_a_slot(struct hf_repo *repo)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_slot_wish wish = {.name = "backdoor", .rights = HF_ALL_RIGHTS};

	hf_secret_set(&secret, hf_span_str("thirty-two bytes that the thief can remember"));
	return hf_repo_add_slot(repo, &wish, &unlock);
}

static hf_err revoke_the_owner(struct hf_repo *repo)
{
	return hf_repo_revoke(repo, "first", INT64_MAX);
}

static const struct {
	const char *what;
	hf_err (*deed)(struct hf_repo *repo);
	uint32_t rights;
} deeds[] = {
	{"read content", read_content, HF_READ},
	{"test a guess against a fingerprint", open_fingerprints, HF_READ},
	{"back up", begin_a_backup, HF_WRITE},
	{"forget", forget, HF_MAINTAIN},
	{"add a slot", add_a_slot, HF_ADMIN},
	{"revoke a slot", revoke_the_owner, HF_ADMIN},
	{"begin an epoch", hf_repo_rotate, HF_ADMIN},
};

START_TEST(a_stolen_key_does_what_its_rights_say_and_no_more)
{
	const uint32_t rights = keys[_i];
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, rights);

	for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
		struct hf_error *err = deeds[i].deed(thief);

		ck_assert_msg(
			rights & deeds[i].rights ? !err : err && hf_error_kind(err) == HF_DENIED,
			"%s with rights %u: %s", deeds[i].what, rights,
			err ? hf_error_text(err) : "done");
		hf_error_free(err); /* it is the one that was wanted */
	}
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(a_stolen_readers_key_makes_no_checkpoint)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_READ);
	HF_RELEASED(hf_arena) arena = {0};
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(thief, hf_repo_slot(thief)->n, now + 3600 * HF_NS_PER_S);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_of(fresh, &arena).n, 2);
	ck_assert_uint_eq(snapshots_of(small.repo, &arena).n, 2);
}
END_TEST

START_TEST(a_maintainers_key_of_some_sources_makes_no_checkpoint)
{
	HF_OWNED(hf_repo)
	thief = hf_small_open_limited(&small, HF_WRITE | HF_MAINTAIN, "files/other");
	HF_RELEASED(hf_arena) arena = {0};
	int64_t now;

	ck_fails(HF_DENIED, hf_numbered_prune(thief, 0, NULL));
	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(thief, hf_repo_slot(thief)->n, now + 3600 * HF_NS_PER_S);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_of(fresh, &arena).n, 2);
	ck_assert_uint_eq(snapshots_of(small.repo, &arena).n, 2);
}
END_TEST

START_TEST(a_checkpoint_that_a_revoked_maintainer_makes_does_not_count)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_MAINTAIN);
	HF_RELEASED(hf_arena) arena = {0};
	int64_t now;

	ck_ok(hf_repo_revoke(small.repo, "rights-4", INT64_MAX));
	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(thief, hf_repo_slot(thief)->n, now + 3600 * HF_NS_PER_S);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_of(fresh, &arena).n, 2);
	ck_assert_uint_eq(snapshots_of(small.repo, &arena).n, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stolen_rights");
	TCase *tests = hf_test_case(suite, "stolen_rights");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, what_a_stolen_key_records_counts_if_its_rights_say_so, 0,
		ARRAY_LEN(keys) * ARRAY_LEN(records));
	tcase_add_test(tests, packs_that_nobody_has_are_looked_for_once);
	tcase_add_loop_test(
		tests, a_stolen_key_has_the_secrets_of_its_rights_alone, 0, ARRAY_LEN(keys));
	tcase_add_loop_test(
		tests, a_stolen_key_does_what_its_rights_say_and_no_more, 0, ARRAY_LEN(keys));
	tcase_add_test(tests, a_stolen_readers_key_makes_no_checkpoint);
	tcase_add_test(tests, a_maintainers_key_of_some_sources_makes_no_checkpoint);
	tcase_add_test(tests, a_checkpoint_that_a_revoked_maintainer_makes_does_not_count);
	return hf_test_run_suite(suite);
}
