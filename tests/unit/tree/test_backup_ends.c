/* Backups that are stopped, killed or failed in the middle, and trees of unusual shape. */
#include "backend/tree/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "tests/lib/fault_store.h"
#include "tests/lib/test.h"
#include "tests/lib/trees.h"

static struct hf_small small;
static char *dir;

static void setup(void)
{
	hf_small_init(&small, 1);
	dir = hf_test_dir();
}

static void teardown(void)
{
	hf_small_end(&small);
	hf_test_dir_free(dir);
}

static void restored_same(struct hf_repo *repo)
{
	char *back = hf_tree_restore(repo);

	hf_tree_same(dir, back);
	hf_test_dir_free(back);
}

/* Files that don't compress, no two alike: what is stored is what they are. */
static void make_files(const char *name, unsigned n, size_t len)
{
	uint64_t state = hf_test_seed();

	for (const char *at = name; *at; at++)
		state = state * 31 + (uint8_t)*at;
	for (unsigned i = 0; i < n; i++) {
		HF_FREED char *one = hf_format("%s%04u", name, i);
		HF_RELEASED(hf_buf) bytes = {0};

		while (bytes.len < len)
			hf_put_u64(&bytes, hf_test_random(&state));
		hf_tree_write(dir, one, hf_buf_span(&bytes));
	}
}

static struct hf_error *add_name(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s\n", object->name);
	return NULL;
}

START_TEST(a_stopped_backup_is_gone_on_with)
{
	struct hf_tree_run run = {.workers = (unsigned)_i, .publish_bytes = 4 << 20};
	uint64_t before, after;

	make_files("a/b/f", 200, 60000);
	make_files("c/f", 200, 60000);
	make_files("d", 200, 60000);
	run.watch.fail_after = 500;
	ck_fails(HF_CANCELLED, hf_tree_backup(small.repo, dir, &run));
	before = hf_mem_bytes(small.mem, "packs/");
	ck_assert_uint_gt(before, 8 << 20);

	/* The next run, on a machine that knows nothing but what is published. */
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	struct hf_tree_run next = {.workers = (unsigned)_i};

	ck_ok(hf_tree_backup(other, dir, &next));
	after = hf_mem_bytes(small.mem, "packs/");

	/* What was under way when it was stopped (six chunks, six batches) is read again. */
	ck_assert_uint_lt(next.watch.opened, 550);
	ck_assert_uint_gt(next.result.unchanged_files, 50);
	ck_assert_uint_lt(after, 600 * 60000 + (12 << 20));
	restored_same(other);

	ck_ok(hf_tree_backup(other, dir, &next));
	ck_assert_uint_eq(next.watch.opened, 0);
}
END_TEST

START_TEST(a_stopped_incremental_backup_keeps_what_the_finished_one_knows)
{
	struct hf_tree_run run = {.workers = 2};

	make_files("a/f", 100, 30000);
	make_files("z/f", 100, 30000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	make_files("a/g", 200, 60000);
	make_files("b/g", 200, 60000);
	run.publish_bytes = 2 << 20;
	run.watch.fail_after = 390;
	ck_fails(HF_CANCELLED, hf_tree_backup(small.repo, dir, &run));

	struct hf_tree_run next = {.workers = 2};

	ck_ok(hf_tree_backup(small.repo, dir, &next));
	ck_assert_uint_lt(next.watch.opened, 400);
	ck_assert_uint_gt(next.result.unchanged_files, 200);
	restored_same(small.repo);
}
END_TEST

START_TEST(publishing_in_between_changes_nothing_of_the_snapshot)
{
	struct hf_tree_run run = {.workers = 2, .publish_bytes = 1 << 20};
	HF_RELEASED(hf_buf) large = hf_small_bytes(3, 20 << 20);

	hf_tree_zoo(dir);
	hf_tree_files(dir, "a/b/f", 500, 0, 40000);
	hf_tree_files(dir, "a/f", 500, 0, 40000);
	hf_tree_write(dir, "a/large", hf_buf_span(&large));
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_gt(hf_mem_count(small.mem, "commits/"), 5);
	restored_same(small.repo);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
}
END_TEST

START_TEST(a_directory_of_100000_names_is_kept)
{
	struct hf_tree_run run = {.workers = 2};
	struct hf_entry entry;
	HF_FREED char *many = hf_test_path(dir, "many");

	hf_tree_dir(dir, "many");
	HF_FD fd = open(many, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < 100000; i++) {
		char name[20];

		snprintf(name, sizeof(name), "n%u", i);
		HF_FD made = openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		ck_assert_int_ge(made, 0);
		if (i % 1000 == 0)
			ck_assert_int_eq(write(made, name, strlen(name)), (ssize_t)strlen(name));
	}
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	HF_FREED void *dir_own = hf_tree_find(small.repo, "many", &entry);

	ck_assert_uint_eq(entry.size, 100000);
	HF_FREED void *own = hf_tree_find(small.repo, "many/n77000", &entry);

	ck_assert_ptr_nonnull(own);
	ck_assert_uint_eq(entry.size, 6);
	const uint64_t meta = hf_mem_bytes(small.mem, "meta/");

	/* One more name costs a few chunks of it, not all. */
	hf_tree_text(dir, "many/n5", "not empty any more");
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 1);
	ck_assert_uint_lt(hf_mem_bytes(small.mem, "meta/") - meta, meta / 2);
}
END_TEST

#define LEVELS 1000
/* Each name long enough that the whole is far longer than PATH_MAX. */
static const char level_name[] = "a rather long name";

START_TEST(a_tree_a_thousand_levels_deep_is_kept)
{
	struct hf_tree_run run = {.workers = 2};
	HF_RELEASED(hf_buf) path = {0};
	struct hf_entry entry;
	HF_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (unsigned i = 0; i < LEVELS; i++) {
		ck_assert_int_eq(mkdirat(fd, level_name, 0755), 0);
		const int next = openat(fd, level_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = next;
		hf_buf_printf(&path, "%s/", level_name);
	}
	HF_FD made = openat(fd, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	ck_assert_int_eq(write(made, "deep", 4), 4);
	hf_buf_printf(&path, "f");
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.result.dirs, LEVELS + 1);
	HF_FREED void *own = hf_tree_find(small.repo, hf_buf_text(&path), &entry);

	ck_assert_ptr_nonnull(own);
	ck_assert_uint_eq(entry.size, 4);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
}
END_TEST

START_TEST(a_parent_that_lost_its_directories_costs_time_not_the_backup)
{
	struct hf_tree_run run = {.workers = 2};
	HF_RELEASED(hf_buf) names = {0};

	make_files("a/b/f", 20, 20000);
	hf_tree_text(dir, "c", "something");
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_ok(hf_store_list(hf_repo_store(small.repo), "meta/", "", add_name, &names));
	for (char *name = strtok(hf_buf_text(&names), "\n"); name; name = strtok(NULL, "\n"))
		hf_mem_lose(small.mem, name, 0);
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	hf_log_setup(HF_ERROR, HF_LOG_TEXT);
	ck_ok(hf_tree_backup(other, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 21);
	restored_same(other);
}
END_TEST

/* ---- every call of the store fails once ---- */

static struct hf_repo *open_faulty(struct hf_fault *fault)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	HF_FREED char *cache = hf_format("%s/%u", small.dir, small.opened++);
	const struct hf_repo_options options = {.cache_dir = cache};
	struct hf_store *inner, *store;
	struct hf_repo *repo;

	hf_secret_set(&secret, hf_span_str("the key of the first slot, which has all the rights"));
	ck_ok(hf_mem_store_open(small.mem, &inner));
	ck_ok(hf_fault_store_open(inner, fault, &store));
	ck_ok(hf_repo_open(store, &unlock, &options, &repo));
	ck_ok(hf_repo_sync(repo, NULL));
	return repo;
}

/* What is shown must be whole: the last finished snapshot, or the tree as it is now. */
static void shows_whole(char **before, unsigned at)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	char *back = hf_tree_restore(fresh);
	HF_FREED char *path = hf_test_path(back, "run");
	HF_FREED char *want = hf_format("%u", at);
	HF_RELEASED(hf_buf) got = {0};
	struct hf_error *err = hf_file_read(path, 100, &got);

	hf_error_free(err); /* the first snapshot has no such file */
	if (strcmp(hf_buf_text(&got), want) == 0) {
		hf_tree_same(dir, back);
		hf_test_dir_free(*before);
		*before = back;
	} else {
		hf_tree_same(*before, back);
		hf_test_dir_free(back);
	}
}

/* One backup whose at-th call fails. False: it has fewer calls, and succeeded. */
static bool fails_at(struct hf_tree_run *run, unsigned at, char **before)
{
	struct hf_fault fault = {.kind = at % 2 ? HF_SYSTEM : HF_TRANSIENT};
	struct hf_repo *repo = open_faulty(&fault);
	HF_FREED char *text = hf_format("%u", at);
	HF_FREED char *name = hf_format("b/d/h%u-", at);
	struct hf_error *err;
	bool failed;

	/* There is always something to store. */
	make_files(name, 2, 30000 + at);
	hf_tree_text(dir, "run", text);
	atomic_store(&fault.count, 0);
	fault.at = at;
	err = hf_tree_backup(repo, dir, run);
	failed = atomic_load(&fault.count) >= at;
	if (!failed)
		ck_ok(err);
	else
		hf_error_free(err); /* what counts is what it leaves behind */
	fault.at = 0;
	shows_whole(before, at);
	if (at % 3 == 0) {
		ck_ok(hf_tree_backup(repo, dir, run));
		shows_whole(before, at);
	}
	hf_repo_free(repo);
	return failed;
}

START_TEST(whatever_call_fails_the_old_snapshot_reads_and_the_next_run_succeeds)
{
	struct hf_tree_run run = {.workers = _i ? 2 : 0, .publish_bytes = 300000};
	char *before;
	unsigned at = 1;

	make_files("a/f", 20, 20000);
	make_files("b/c/f", 20, 20000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	before = hf_tree_restore(small.repo);
	make_files("b/d/g", 30, 30000);

	while (fails_at(&run, at, &before))
		ck_assert_uint_lt(++at, 500);
	ck_assert_uint_gt(at, 5);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	restored_same(fresh);
	hf_test_dir_free(before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backup ends");
	TCase *tests = hf_test_case(suite, "backup ends");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, a_stopped_backup_is_gone_on_with, 0, 3);
	tcase_add_test(tests, a_stopped_incremental_backup_keeps_what_the_finished_one_knows);
	tcase_add_test(tests, publishing_in_between_changes_nothing_of_the_snapshot);
	tcase_add_test(tests, a_directory_of_100000_names_is_kept);
	tcase_add_test(tests, a_tree_a_thousand_levels_deep_is_kept);
	tcase_add_test(tests, a_parent_that_lost_its_directories_costs_time_not_the_backup);
	tcase_add_loop_test(
		tests, whatever_call_fails_the_old_snapshot_reads_and_the_next_run_succeeds, 0, 2);
	return hf_test_run_suite(suite);
}
