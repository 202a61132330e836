/*
 * A store's clock that goes years ahead, or back: what was backed up under the right one is never
 * lost, whoever prunes meanwhile and knows nothing else.
 */
#include "backend/base/time.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "backend/repo/prune.h"
#include "backend/tree/mark.h"
#include "tests/lib/test.h"
#include "tests/lib/trees.h"

#define DAY (24 * 3600 * HF_NS_PER_S)
#define YEARS (10 * 365 * DAY)

static struct hf_small small;
static char *dir;

static void backup(struct hf_repo *repo, const char *text)
{
	struct hf_tree_run run = {0};

	hf_tree_text(dir, "file", text);
	ck_ok(hf_tree_backup(repo, dir, &run));
}

static void setup(void)
{
	hf_small_init(&small, 1);
	dir = hf_test_dir();
	backup(small.repo, "under the right clock");
}

static void teardown(void)
{
	hf_small_end(&small);
	hf_test_dir_free(dir);
}

/* The whole of it, again and again, without waiting; by a machine that comes with nothing. */
static void prune_often(void)
{
	HF_OWNED(hf_repo) repo = hf_small_open(&small);

	for (unsigned i = 0; i < 4; i++) {
		HF_OWNED(hf_reader) reader = NULL;
		struct hf_prune_result result;

		ck_ok(hf_reader_open(repo, 1 << 20, 0, &reader));
		HF_OWNED(hf_marker) marker = hf_marker_new(reader, NULL, NULL);
		const struct hf_prune_options options = {
			.grace = 0, .mark = hf_mark_live, .arg = marker};
		struct hf_error *err = hf_prune_run(repo, &options, &result);

		if (err)
			printf("prune: %s\n", hf_error_text(err));
		hf_error_free(err); /* it may refuse; what it must not do is lose */
	}
}

static void all_is_there(void)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	char *back = hf_tree_restore(fresh);

	hf_tree_same(dir, back);
	hf_test_dir_free(back);
}

START_TEST(a_clock_that_went_back_years_lets_no_prune_take_what_is_live)
{
	hf_mem_shift(small.mem, -YEARS);
	prune_often();
	hf_mem_shift(small.mem, 0);
	all_is_there();
}
END_TEST

START_TEST(a_clock_that_is_years_ahead_lets_no_prune_take_what_is_live)
{
	hf_mem_shift(small.mem, YEARS);
	prune_often();
	hf_mem_shift(small.mem, 0);
	all_is_there();
	prune_often();
	all_is_there();
}
END_TEST

/* The checkpoint's cutoff is ahead then, and nobody dates before it. */
START_TEST(after_a_prune_under_a_clock_years_ahead_backups_count)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots shown;

	hf_mem_shift(small.mem, YEARS);
	prune_often();
	hf_mem_shift(small.mem, 0);
	backup(small.repo, "under the right clock again");
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_ok(hf_history_snapshots(fresh, "files/test", &arena, &shown));
	ck_assert_uint_eq(shown.n, 2);
	all_is_there();
}
END_TEST

START_TEST(a_backup_under_a_clock_that_went_back_is_kept)
{
	hf_mem_shift(small.mem, -YEARS);
	backup(small.repo, "under one that went back");
	hf_mem_shift(small.mem, 0);
	all_is_there();
	prune_often();
	all_is_there();
}
END_TEST

static size_t count_shown(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots shown;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_snapshots(repo, "files/test", &arena, &shown));
	return shown.n;
}

/* It is dated ahead, and counts from its date on, to the machine that made it as to any other. */
START_TEST(a_backup_under_a_clock_years_ahead_is_there_when_its_time_comes)
{
	hf_mem_shift(small.mem, YEARS);
	backup(small.repo, "under one years ahead");
	ck_assert_uint_eq(count_shown(small.repo), 2);
	hf_mem_shift(small.mem, 0);
	ck_assert_uint_eq(count_shown(small.repo), 1);
	prune_often();
	hf_mem_shift(small.mem, YEARS);
	all_is_there();
	ck_assert_uint_eq(count_shown(small.repo), 2);
}
END_TEST

/* Or it would be the newest for years, and what is backed up now could be forgotten for it. */
START_TEST(what_is_dated_ahead_is_not_the_newest_and_takes_no_place)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info ahead, newest;

	hf_mem_shift(small.mem, YEARS);
	backup(small.repo, "under one years ahead");
	ck_ok(hf_history_at(small.repo, "files/test", INT64_MAX, &arena, &ahead));
	ck_ok(hf_forget(small.repo, &ahead.id, 1));
	hf_mem_shift(small.mem, 0);
	backup(small.repo, "under the right one again");
	ck_assert_uint_eq(count_shown(small.repo), 2);
	ck_ok(hf_history_at(small.repo, "files/test", INT64_MAX, &arena, &newest));
	ck_assert_mem_ne(newest.id, ahead.id, sizeof(newest.id));
	/* The newest that counts stays, whatever is said of it. */
	ck_ok(hf_forget(small.repo, &newest.id, 1));
	ck_assert_uint_eq(count_shown(small.repo), 2);
	all_is_there();
}
END_TEST

START_TEST(who_had_a_clock_ahead_is_no_thief)
{
	int64_t late;

	hf_mem_shift(small.mem, YEARS);
	ck_ok(hf_repo_sync(small.repo, NULL));
	hf_mem_shift(small.mem, 0);
	for (unsigned i = 0; i < 3; i++)
		backup(small.repo, "under the right one again");
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_catalog_fact(hf_repo_catalog(small.repo), "late", &late));
	ck_assert_int_eq(late, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tests = hf_test_case(suite, "clock");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_clock_that_went_back_years_lets_no_prune_take_what_is_live);
	tcase_add_test(tests, a_clock_that_is_years_ahead_lets_no_prune_take_what_is_live);
	tcase_add_test(tests, after_a_prune_under_a_clock_years_ahead_backups_count);
	tcase_add_test(tests, a_backup_under_a_clock_that_went_back_is_kept);
	tcase_add_test(tests, a_backup_under_a_clock_years_ahead_is_there_when_its_time_comes);
	tcase_add_test(tests, who_had_a_clock_ahead_is_no_thief);
	tcase_add_test(tests, what_is_dated_ahead_is_not_the_newest_and_takes_no_place);
	return hf_test_run_suite(suite);
}
