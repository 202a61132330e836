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

/* It is dated ahead, and counts from its date on: until then the machine that made it shows it. */
START_TEST(a_backup_under_a_clock_years_ahead_is_there_when_its_time_comes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots shown;

	hf_mem_shift(small.mem, YEARS);
	backup(small.repo, "under one years ahead");
	hf_mem_shift(small.mem, 0);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_history_snapshots(small.repo, "files/test", &arena, &shown));
	ck_assert_uint_eq(shown.n, 2);
	hf_mem_shift(small.mem, YEARS);
	all_is_there();
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
	return hf_test_run_suite(suite);
}
