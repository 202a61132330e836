/*
 * A newer program wrote to the repository. Who reads goes on with what it understands, and who adds
 * or removes does not; nothing is called damaged.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/check.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define SOURCE "files/home"
#define MOMENT INT64_C(1795514400000000000)
#define DAY (24 * 3600 * HF_NS_PER_S)
#define VERSION_AT 8
#define FEATURES_AT 16

static struct hf_small small;

static void add_snapshot(struct hf_repo *repo)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	struct hf_entry root = hf_small_dir(writer, "", NULL, 0);

	hf_small_snapshot(writer, SOURCE, MOMENT, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&root.extents);
}

static void setup(void)
{
	hf_small_init(&small, 2);
	add_snapshot(small.repo);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* ---- objects of a newer program ---- */

static struct hf_store *store(void)
{
	return hf_repo_store(small.repo);
}

static hf_err note_name(void *arg, const struct hf_object *object)
{
	snprintf(arg, HF_COMMIT_NAME_LEN + 1, "%s", object->name);
	return NULL;
}

/* A commit like the one that is there; bytes[at] says what only a newer program knows. */
static void put_newer_commit(size_t at, int64_t later, char name[HF_COMMIT_NAME_LEN + 1])
{
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_id id;
	int64_t time;

	ck_ok(hf_store_list(store(), "commits/", "", note_name, name));
	ck_ok(hf_commit_name_parse(name, &time, &id));
	ck_ok(hf_store_get_all(store(), name, 0, HF_MAX_COMMIT, &bytes));
	bytes.at[at] += 2;
	hf_sha256(hf_buf_span(&bytes), &id);
	hf_commit_name(time + later, &id, name);
	ck_ok(hf_store_put(store(), name, hf_buf_span(&bytes)));
}

static void put_newer_numbered(const char *folder, size_t at, char name[HF_NUMBERED_NAME_LEN + 1])
{
	HF_RELEASED(hf_buf) bytes = {0};

	hf_numbered_name(folder, 1, name);
	ck_ok(hf_store_get_all(store(), name, 0, HF_MAX_KEYRING, &bytes));
	bytes.at[at] += 2;
	hf_numbered_name(folder, 2, name);
	ck_ok(hf_store_put(store(), name, hf_buf_span(&bytes)));
}

static void lose(const char *name)
{
	hf_mem_lose(small.mem, name, 0);
	hf_mem_lose(small.mem, name, 1);
}

/* ---- what follows from them ---- */

static void reads(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_snapshots(repo, SOURCE, &arena, &snapshots));
	ck_assert_uint_eq(snapshots.n, 1);
}

static struct hf_error *begin(struct hf_repo *repo)
{
	const struct hf_writer_options options = {0};
	HF_OWNED(hf_writer) writer = NULL;

	return hf_writer_begin(repo, &options, &writer);
}

static struct hf_error *forget(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_history_snapshots(repo, SOURCE, &arena, &snapshots));
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	memcpy(ids[0], snapshots.at[0].id, sizeof(ids[0]));
	return hf_forget(repo, ids, 1);
}

/* One that followed all along, and one that comes with an empty catalog. */
static void only_reading_goes_on(const char *name)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	struct hf_repo *const both[] = {small.repo, fresh};
	const size_t objects = hf_mem_count(small.mem, "");

	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		reads(both[i]);
		ck_fails_with(HF_UNSUPPORTED, name, begin(both[i]));
		ck_fails_with(HF_UNSUPPORTED, "update holdfast", forget(both[i]));
		reads(both[i]);
	}
	ck_assert_uint_eq(hf_mem_count(small.mem, ""), objects);
}

static void all_goes_on(void)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	reads(small.repo);
	ck_ok(begin(small.repo));
	ck_ok(begin(fresh));
	ck_ok(hf_repo_understood(fresh));
}

struct told {
	struct hf_check_result result;
	char newer[HF_COMMIT_NAME_LEN + 1];
};

static void note(void *arg, const struct hf_finding *finding)
{
	struct told *told = arg;

	if (finding->newer)
		snprintf(told->newer, sizeof(told->newer), "%s", finding->object);
}

static void check_tells_of(const char *name)
{
	struct told told = {0};
	const struct hf_check_options options = {.read_data = true, .found = note, .arg = &told};

	ck_ok(hf_check_objects(small.repo, &options, &told.result));
	ck_assert_uint_eq(told.result.newer, 1);
	ck_assert_str_eq(told.newer, name);
	ck_assert_uint_eq(told.result.findings, 0);
}

/* ---- the tests ---- */

static const size_t places[] = {VERSION_AT, FEATURES_AT};

START_TEST(beside_a_newer_commit_is_read_only)
{
	char name[HF_COMMIT_NAME_LEN + 1];

	put_newer_commit(places[_i], 0, name);
	only_reading_goes_on(name);
	check_tells_of(name);
	lose(name);
	all_goes_on();
}
END_TEST

START_TEST(beside_a_newer_checkpoint_is_read_only)
{
	char name[HF_NUMBERED_NAME_LEN + 1];

	put_newer_numbered("checkpoints", places[_i], name);
	only_reading_goes_on(name);
	check_tells_of(name);
	lose(name);
	all_goes_on();
}
END_TEST

START_TEST(beside_a_newer_keyring_is_read_only)
{
	char name[HF_NUMBERED_NAME_LEN + 1];

	put_newer_numbered("keyring", VERSION_AT, name);
	only_reading_goes_on(name);
	check_tells_of(name);
	lose(name);
	all_goes_on();
}
END_TEST

/* Its first copy rots: the second still says that a newer program was here. */
START_TEST(a_bad_copy_does_not_hide_that_it_is_newer)
{
	char name[HF_COMMIT_NAME_LEN + 1];

	put_newer_commit(VERSION_AT, 0, name);
	hf_mem_at(small.mem, name, 0)->at[100] ^= 1;
	only_reading_goes_on(name);
}
END_TEST

/* Bits that flip in one copy of what we know are damage, and stop nobody. */
START_TEST(a_version_that_rots_in_one_copy_is_damage)
{
	struct told told = {0};
	const struct hf_check_options options = {.found = note, .arg = &told};

	hf_mem_at(small.mem, "checkpoints/0000000001", _i)->at[VERSION_AT] ^= 2;
	all_goes_on();
	ck_ok(hf_check_objects(small.repo, &options, &told.result));
	ck_assert_uint_eq(told.result.newer, 0);
	ck_assert_uint_eq(told.result.findings, 1);
}
END_TEST

/* As with every commit: what is dated so far ahead does not count. */
START_TEST(a_newer_commit_that_is_dated_far_ahead_stops_nobody)
{
	char name[HF_COMMIT_NAME_LEN + 1];

	put_newer_commit(VERSION_AT, 2 * DAY, name);
	all_goes_on();
}
END_TEST

/* The session began before the newer program came. */
START_TEST(a_session_that_meets_a_newer_commit_publishes_nothing_more)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(1, 4096);
	const size_t commits = hf_mem_count(small.mem, "commits/");
	char name[HF_COMMIT_NAME_LEN + 1];

	hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	put_newer_commit(VERSION_AT, 0, name);
	ck_ok(hf_writer_look(writer));
	ck_fails_with(HF_UNSUPPORTED, name, hf_writer_publish(writer));
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("newer");
	TCase *tests = hf_test_case(suite, "newer");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, beside_a_newer_commit_is_read_only, 0, ARRAY_LEN(places));
	tcase_add_loop_test(tests, beside_a_newer_checkpoint_is_read_only, 0, ARRAY_LEN(places));
	tcase_add_test(tests, beside_a_newer_keyring_is_read_only);
	tcase_add_test(tests, a_bad_copy_does_not_hide_that_it_is_newer);
	tcase_add_loop_test(tests, a_version_that_rots_in_one_copy_is_damage, 0, 2);
	tcase_add_test(tests, a_newer_commit_that_is_dated_far_ahead_stops_nobody);
	tcase_add_test(tests, a_session_that_meets_a_newer_commit_publishes_nothing_more);
	return hf_test_run_suite(suite);
}
