/* A feed becomes a snapshot: what comes back, what is not done twice, what is told. */
#include "backend/tree/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
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

START_TEST(what_was_backed_up_comes_back)
{
	struct hf_tree_run run = {.workers = (unsigned)_i};
	const unsigned files = hf_tree_zoo(dir);

	hf_tree_files(dir, "many/f", 300, 0, 20000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	restored_same(small.repo);
	ck_assert_uint_eq(run.result.files, files + 300);
	ck_assert_uint_eq(run.result.new_files, files + 300);
	ck_assert_uint_eq(run.result.dirs, 5);
	ck_assert_uint_eq(run.result.others, 2);
}
END_TEST

START_TEST(another_machine_reads_the_snapshot)
{
	struct hf_tree_run run = {.workers = 2};

	hf_tree_zoo(dir);
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	HF_OWNED(hf_repo) other = hf_small_open(&small);

	restored_same(other);
}
END_TEST

START_TEST(an_unchanged_tree_opens_nothing_and_adds_no_pack)
{
	struct hf_tree_run run = {.workers = (unsigned)_i};
	size_t packs, metas;

	hf_tree_zoo(dir);
	hf_tree_files(dir, "many/f", 300, 0, 20000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	packs = hf_mem_count(small.mem, "packs/");
	metas = hf_mem_count(small.mem, "meta/");
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 0);
	ck_assert_uint_eq(run.result.new_files + run.result.changed_files, 0);
	ck_assert_uint_eq(run.result.unchanged_files, run.result.files);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), packs);
	ck_assert_uint_eq(hf_mem_count(small.mem, "meta/"), metas);
	restored_same(small.repo);
}
END_TEST

START_TEST(only_what_changed_is_opened)
{
	struct hf_tree_run run = {.workers = 2};

	hf_tree_zoo(dir);
	hf_tree_files(dir, "a/f", 100, 0, 20000);
	hf_tree_files(dir, "b/f", 100, 0, 20000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	hf_tree_text(dir, "a/f00050", "changed");
	hf_tree_text(dir, "b/a new one", "new");
	hf_tree_dir(dir, "c/empty");
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 2);
	ck_assert_uint_eq(run.result.changed_files, 1);
	ck_assert_uint_eq(run.result.new_files, 1);
	restored_same(small.repo);
}
END_TEST

START_TEST(what_was_removed_is_gone)
{
	struct hf_tree_run run = {.workers = 2};
	struct hf_entry entry;

	hf_tree_files(dir, "a/f", 100, 0, 2000);
	hf_tree_files(dir, "b/f", 3, 0, 2000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	HF_FREED char *first = hf_test_path(dir, "a/f00000");
	HF_FREED char *last = hf_test_path(dir, "a/f00099");

	ck_assert_int_eq(unlink(first), 0);
	ck_assert_int_eq(unlink(last), 0);
	hf_test_dir_free(hf_test_path(dir, "b"));
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 0);
	ck_assert_ptr_null(hf_tree_find(small.repo, "a/f00000", &entry));
	restored_same(small.repo);
}
END_TEST

/* Names of all packs, one after the other: names are digests of what is in them. */
static struct hf_error *add_name(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s\n", object->name);
	return NULL;
}

static void objects_of(unsigned workers, const char *tree, struct hf_buf *out)
{
	const uint8_t seed[32] = {7};
	struct hf_tree_run run = {.workers = workers};
	struct hf_small other;

	hf_time_set(INT64_C(1795514400) * HF_NS_PER_S); /* a pack repeats the snapshot's record */
	hf_random_seed(seed);
	hf_small_init(&other, 1);
	ck_ok(hf_tree_backup(other.repo, tree, &run));
	run.force = true;
	ck_ok(hf_tree_backup(other.repo, tree, &run));
	ck_ok(hf_store_list(hf_repo_store(other.repo), "packs/", "", add_name, out));
	ck_ok(hf_store_list(hf_repo_store(other.repo), "meta/", "", add_name, out));
	hf_small_end(&other);
	hf_random_seed(NULL);
	hf_time_set(0);
}

START_TEST(any_number_of_workers_gives_the_same_objects)
{
	HF_RELEASED(hf_buf) alone = {0};
	const unsigned workers[] = {1, 3, 8};

	hf_tree_zoo(dir);
	hf_tree_files(dir, "small/f", 1500, 0, 9000);
	hf_tree_files(dir, "middle/d", 40, 100000, 900000);
	for (unsigned i = 0; i < 60; i++) {
		HF_FREED char *name = hf_format("deep/%u/%u/%u/f", i % 3, i % 7, i);

		hf_tree_files(dir, name, 5, 0, 3000);
	}
	objects_of(0, dir, &alone);

	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		HF_RELEASED(hf_buf) together = {0};

		objects_of(workers[i], dir, &together);
		ck_assert_str_eq(hf_buf_text(&alone), hf_buf_text(&together));
	}
}
END_TEST

START_TEST(one_more_small_file_moves_few_chunks)
{
	struct hf_tree_run run = {.workers = 2};
	uint64_t first, second;

	hf_tree_files(dir, "a/f", 4000, 1000, 8000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	first = hf_mem_bytes(small.mem, "packs/");
	hf_tree_text(dir, "a/f00100-inserted", "one more, near the beginning");
	hf_tree_touch(dir);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	second = hf_mem_bytes(small.mem, "packs/") - first;

	ck_assert_uint_eq(run.watch.opened, 4001);
	ck_assert_msg(second * 3 < first, "%llu, then %llu more", (unsigned long long)first,
		(unsigned long long)second);
	restored_same(small.repo);
}
END_TEST

START_TEST(equal_small_files_are_stored_once)
{
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_tree_run run = {.workers = 2};
	uint64_t state = hf_test_seed();

	while (bytes.len < 50000)
		hf_put_u64(&bytes, hf_test_random(&state));
	for (unsigned i = 0; i < 100; i++) {
		HF_FREED char *name = hf_format("d%u/f%u", i % 5, i);

		hf_tree_write(dir, name, hf_buf_span(&bytes));
	}
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_lt(hf_mem_bytes(small.mem, "packs/"), 200000);
	restored_same(small.repo);
}
END_TEST

static struct hf_error *unlink_before(void *arg, const char *path)
{
	const char *name = arg;

	if (strcmp(path, name) == 0) {
		HF_FREED char *whole = hf_test_path(dir, path);

		ck_assert_int_eq(unlink(whole), 0);
	}
	return NULL;
}

START_TEST(a_file_that_vanishes_is_told_and_the_rest_is_kept)
{
	char name[] = "a/f00007";
	struct hf_tree_run run = {.workers = 2, .watch = {.before = unlink_before, .arg = name}};

	hf_tree_files(dir, "a/f", 20, 0, 2000);
	ck_fails(HF_PARTIAL, hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.failed, 1);
	ck_assert_str_eq(run.last_failed, name);
	ck_assert_uint_eq(run.result.failed, 1);
	ck_assert_uint_eq(run.result.files, 19);
	restored_same(small.repo);
}
END_TEST

static void append_while_reading(void *arg, const char *path)
{
	if (strcmp(path, arg) == 0) {
		HF_FREED char *whole = hf_test_path(dir, path);
		HF_FD fd = open(whole, O_WRONLY | O_APPEND | O_CLOEXEC);

		ck_assert_int_eq(write(fd, "more", 4), 4);
	}
}

START_TEST(a_file_that_changes_is_told_and_read_again_next_time)
{
	static const char *const names[] = {"a/f00007", "large"};
	char name[20];
	struct hf_tree_run run = {
		.workers = 2, .watch = {.reading = append_while_reading, .arg = name}};
	HF_RELEASED(hf_buf) large = hf_small_bytes(1, 2 << 20);
	struct hf_entry entry;

	snprintf(name, sizeof(name), "%s", names[_i]);
	hf_tree_files(dir, "a/f", 20, 1000, 2000);
	hf_tree_write(dir, "large", hf_buf_span(&large));
	ck_fails(HF_PARTIAL, hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.changed, 1);
	ck_assert_uint_eq(run.failed, 0);
	HF_FREED void *first = hf_tree_find(small.repo, name, &entry);

	ck_assert_ptr_nonnull(first);
	ck_assert(entry.incomplete);
	run.watch.reading = NULL;
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 1);
	HF_FREED void *second = hf_tree_find(small.repo, name, &entry);

	ck_assert(!entry.incomplete);
	restored_same(small.repo);
}
END_TEST

START_TEST(a_file_in_the_place_of_another_is_found_by_its_inode)
{
	struct hf_tree_run run = {.workers = 1};

	hf_tree_files(dir, "a/f", 20, 1000, 2000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	run.watch.inode_shift = 1000000;
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 20);

	/* On a machine that knows no inodes they are not compared. */
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	run.watch.inode_shift = 2000000;
	ck_ok(hf_tree_backup(other, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
}
END_TEST

START_TEST(all_names_of_one_file_are_one_file)
{
	struct hf_tree_run run = {.workers = 2};
	struct hf_entry one, two, three;

	hf_tree_text(dir, "b/one", "several names");
	hf_tree_text(dir, "c", "something else");
	HF_FREED char *first = hf_test_path(dir, "b/one");
	HF_FREED char *second = hf_test_path(dir, "b/two");
	HF_FREED char *third = hf_test_path(dir, "a");

	ck_assert_int_eq(link(first, second), 0);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 2);
	HF_FREED void *a = hf_tree_find(small.repo, "b/one", &one);
	HF_FREED void *b = hf_tree_find(small.repo, "b/two", &two);

	ck_assert(one.linked && two.linked);
	ck_assert_mem_eq(one.link_id, two.link_id, HF_LINK_ID_LEN);
	ck_assert_uint_eq(one.nlink, 2);

	/* A third name in front of them: the link count changed, so all are read (once). */
	ck_assert_int_eq(link(first, third), 0);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 1);
	HF_FREED void *c = hf_tree_find(small.repo, "b/two", &two);
	HF_FREED void *d = hf_tree_find(small.repo, "a", &three);

	ck_assert_mem_eq(two.link_id, three.link_id, HF_LINK_ID_LEN);
	ck_assert_uint_eq(three.nlink, 3);

	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
	restored_same(small.repo);
}
END_TEST

START_TEST(a_later_name_is_read_when_the_first_one_vanishes)
{
	char name[] = "a";
	struct hf_tree_run run = {.workers = 2, .watch = {.before = unlink_before, .arg = name}};
	HF_FREED char *first = hf_test_path(dir, "a");
	HF_FREED char *second = hf_test_path(dir, "b");

	hf_tree_text(dir, "a", "several names");
	ck_assert_int_eq(link(first, second), 0);
	ck_fails(HF_PARTIAL, hf_tree_backup(small.repo, dir, &run));

	restored_same(small.repo);
}
END_TEST

START_TEST(a_dry_run_counts_and_stores_nothing)
{
	struct hf_tree_run run = {.workers = 2, .dry_run = true};
	const size_t commits = hf_mem_count(small.mem, "commits/");
	const unsigned files = hf_tree_zoo(dir);

	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.result.files, files);
	ck_assert_uint_gt(run.result.read_bytes, 3u << 20);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 0);
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
}
END_TEST

START_TEST(forced_it_opens_everything)
{
	struct hf_tree_run run = {.workers = 2};

	hf_tree_files(dir, "a/f", 20, 1000, 2000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	run.force = true;
	ck_ok(hf_tree_backup(small.repo, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 20);
	restored_same(small.repo);
}
END_TEST

START_TEST(a_directory_whose_own_metadata_changed_keeps_its_bytes)
{
	struct hf_tree_run run = {.workers = 2};
	struct hf_entry before, after;

	hf_tree_files(dir, "a/b/f", 20, 1000, 2000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	HF_FREED void *one = hf_tree_find(small.repo, "a/b", &before);
	HF_FREED char *path = hf_test_path(dir, "a/b");

	ck_assert_int_eq(chmod(path, 01700), 0);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	HF_FREED void *two = hf_tree_find(small.repo, "a/b", &after);

	ck_assert_uint_eq(run.watch.opened, 0);
	ck_assert_uint_eq(after.mode, 01700);
	ck_assert_uint_eq(after.size, before.size);
	ck_assert(hf_id_equal(&after.extents.at[0].chunk, &before.extents.at[0].chunk));
	ck_assert_uint_eq(after.extents.at[0].offset, before.extents.at[0].offset);
	restored_same(small.repo);
}
END_TEST

START_TEST(shared_chunks_that_are_hardly_used_are_left)
{
	struct hf_tree_run run = {.workers = 2};

	/* One bundle; then only two of its files stay. */
	hf_tree_files(dir, "a/f", 30, 10000, 20000);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	for (unsigned i = 0; i < 28; i++) {
		HF_FREED char *name = hf_format("%s/a/f%05u", dir, i);

		ck_assert_int_eq(unlink(name), 0);
	}
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);

	/* The next backup reads and writes them again, and then there is peace. */
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 2);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
	restored_same(small.repo);
}
END_TEST

START_TEST(a_file_of_many_extents_comes_back)
{
	HF_RELEASED(hf_buf) large = {0};
	struct hf_tree_run run = {.workers = 2};
	uint64_t state = hf_test_seed();
	struct hf_entry entry;

	while (large.len < 40u << 20)
		hf_put_u64(&large, hf_test_random(&state));
	hf_tree_write(dir, "a/large", hf_buf_span(&large));
	hf_tree_text(dir, "b", "behind it");
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	HF_FREED void *own = hf_tree_find(small.repo, "a/large", &entry);

	ck_assert(entry.extents_file);
	restored_same(small.repo);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
	restored_same(small.repo);
}
END_TEST

static void pipe_into(const char *bytes, size_t len, uint64_t *size)
{
	HF_OWNED(hf_feed) feed = NULL;
	struct hf_backup_result result;
	struct hf_snapshot about = {.source = hf_span_str("files/test")};
	struct hf_backup backup = {.repo = small.repo, .about = &about, .workers = 2};
	struct hf_entry entry;
	FILE *file = tmpfile();

	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	rewind(file);
	ck_ok(hf_pipe_open(fileno(file), "dump.sql", &feed));
	backup.feed = feed;
	ck_ok(hf_backup_run(&backup, &result));
	fclose(file);
	HF_FREED void *own = hf_tree_find(small.repo, "dump.sql", &entry);

	ck_assert_ptr_nonnull(own);
	*size = entry.size;
}

START_TEST(what_comes_through_a_pipe_is_kept_whatever_its_length)
{
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(5, 5000000);
	uint64_t size;

	pipe_into("", 0, &size);
	ck_assert_uint_eq(size, 0);
	pipe_into("123", 3, &size);
	ck_assert_uint_eq(size, 3);
	pipe_into((const char *)bytes.at, bytes.len, &size);
	ck_assert_uint_eq(size, bytes.len);

	char *back = hf_tree_restore(small.repo);
	HF_FREED char *path = hf_test_path(back, "dump.sql");
	HF_RELEASED(hf_buf) got = {0};

	ck_ok(hf_file_read(path, 10 << 20, &got));
	ck_assert(hf_span_equal(hf_buf_span(&bytes), hf_buf_span(&got)));
	hf_test_dir_free(back);
}
END_TEST

START_TEST(what_changed_within_the_clocks_grain_is_read_again)
{
	struct hf_tree_run run = {.workers = 2};

	/* Written "now": a second write in the same tick would leave no trace in stat. */
	hf_tree_files(dir, "f", 3, 100, 200);
	hf_time_set(hf_time_now() - 2 * HF_NS_PER_S);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	hf_time_set(0);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 3);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
}
END_TEST

START_TEST(a_bad_source_is_refused)
{
	struct hf_tree_run run = {.source = "files"};

	ck_fails(HF_INVALID, hf_tree_backup(small.repo, dir, &run));
}
END_TEST

START_TEST(a_key_that_may_not_write_is_refused)
{
	struct hf_tree_run run = {.workers = 1};
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);

	ck_fails(HF_DENIED, hf_tree_backup(reader, dir, &run));
}
END_TEST

START_TEST(a_key_that_only_writes_makes_incremental_backups)
{
	struct hf_tree_run run = {.workers = 1};
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);

	hf_tree_zoo(dir);
	ck_ok(hf_tree_backup(writer, dir, &run));
	hf_tree_text(dir, "one more", "x");
	ck_ok(hf_tree_backup(writer, dir, &run));

	ck_assert_uint_eq(run.watch.opened, 1);
	ck_ok(hf_repo_sync(small.repo, NULL));
	restored_same(small.repo);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backup");
	TCase *tests = hf_test_case(suite, "backup");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, what_was_backed_up_comes_back, 0, 4);
	tcase_add_test(tests, another_machine_reads_the_snapshot);
	tcase_add_loop_test(tests, an_unchanged_tree_opens_nothing_and_adds_no_pack, 0, 3);
	tcase_add_test(tests, only_what_changed_is_opened);
	tcase_add_test(tests, what_was_removed_is_gone);
	tcase_add_test(tests, any_number_of_workers_gives_the_same_objects);
	tcase_add_test(tests, one_more_small_file_moves_few_chunks);
	tcase_add_test(tests, equal_small_files_are_stored_once);
	tcase_add_test(tests, a_file_that_vanishes_is_told_and_the_rest_is_kept);
	tcase_add_loop_test(tests, a_file_that_changes_is_told_and_read_again_next_time, 0, 2);
	tcase_add_test(tests, a_file_in_the_place_of_another_is_found_by_its_inode);
	tcase_add_test(tests, all_names_of_one_file_are_one_file);
	tcase_add_test(tests, a_later_name_is_read_when_the_first_one_vanishes);
	tcase_add_test(tests, a_dry_run_counts_and_stores_nothing);
	tcase_add_test(tests, forced_it_opens_everything);
	tcase_add_test(tests, a_directory_whose_own_metadata_changed_keeps_its_bytes);
	tcase_add_test(tests, shared_chunks_that_are_hardly_used_are_left);
	tcase_add_test(tests, a_file_of_many_extents_comes_back);
	tcase_add_test(tests, what_comes_through_a_pipe_is_kept_whatever_its_length);
	tcase_add_test(tests, what_changed_within_the_clocks_grain_is_read_again);
	tcase_add_test(tests, a_bad_source_is_refused);
	tcase_add_test(tests, a_key_that_may_not_write_is_refused);
	tcase_add_test(tests, a_key_that_only_writes_makes_incremental_backups);
	return hf_test_run_suite(suite);
}
