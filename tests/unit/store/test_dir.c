/* The store in a directory: disks that go and come back, second copies, strangers' files. */
#include "backend/store/dir.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
#include "tests/lib/test.h"

struct at {
	char *dir, *root, *away;
	struct hf_store *store;
};

static struct at begin(void)
{
	struct at at = {.dir = hf_test_dir()};

	at.root = hf_test_path(at.dir, "store");
	at.away = hf_test_path(at.dir, "away");
	ck_ok(hf_store_open(at.root, true, &at.store));
	return at;
}

static void at_release(struct at *at)
{
	hf_store_free(at->store);
	hf_test_dir_free(at->dir);
	free(at->root);
	free(at->away);
}

static void put_text(struct hf_store *store, const char *name, const char *text)
{
	ck_ok(hf_store_put(store, name, hf_span_str(text)));
}

static void holds(struct hf_store *store, const char *name, unsigned copy, const char *want)
{
	HF_RELEASED(hf_buf) got = {0};

	ck_ok(hf_store_get_all(store, name, copy, 4096, &got));
	ck_assert_str_eq(hf_buf_text(&got), want);
}

static struct hf_error *note(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s ", object->name);
	return NULL;
}

static void lists(struct hf_store *store, const char *prefix, const char *want)
{
	HF_RELEASED(hf_buf) got = {0};

	ck_ok(hf_store_list(store, prefix, "", note, &got));
	ck_assert_str_eq(hf_buf_text(&got), want);
}

/* Writes, or removes (text NULL), behind the store's back. */
static void tamper(const struct at *at, const char *path, const char *text)
{
	HF_FREED char *whole = hf_test_path(at->root, path);

	unlink(whole);
	if (text)
		ck_ok(hf_file_replace(whole, hf_span_str(text), 0444));
}

static void every_call_says_vanished(struct hf_store *store)
{
	HF_RELEASED(hf_buf) got = {0};
	uint64_t size;

	ck_fails_with(HF_SYSTEM, "vanished", hf_store_get(store, "packs/ab/y", 0, 0, 1, &got));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_get(store, "commits/x", 1, 0, 1, &got));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_stat(store, "packs/ab/x", 0, &size));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_list(store, "packs/", "", note, &got));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_list(store, "", "", note, &got));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_remove(store, "packs/ab/x"));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_put(store, "packs/ab/z", hf_span_str("z")));
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_put(store, "commits/z", hf_span_str("z")));
	ck_fails_with(
		HF_SYSTEM, "vanished", hf_store_mend(store, "meta/ab/z", 0, hf_span_str("z")));
	ck_assert_uint_eq(got.len, 0);
}

/* 0: nothing is at its path. 1: the empty mount point is. */
START_TEST(a_store_that_vanishes_says_so_and_works_when_it_is_back)
{
	HF_RELEASED(at) at = begin();

	put_text(at.store, "packs/ab/x", "read before");
	put_text(at.store, "packs/ab/y", "not read before");
	put_text(at.store, "commits/x", "c");
	holds(at.store, "packs/ab/x", 0, "read before");
	ck_assert_int_eq(rename(at.root, at.away), 0);
	if (_i == 1)
		ck_assert_int_eq(mkdir(at.root, 0700), 0);

	every_call_says_vanished(at.store);

	/* Nothing was made in the mount point, or this would be refused. */
	ck_assert_int_eq(rename(at.away, at.root), 0);
	holds(at.store, "packs/ab/y", 0, "not read before");
	holds(at.store, "packs/ab/x", 0, "read before");
	lists(at.store, "", "commits/x packs/ab/x packs/ab/y ");
	put_text(at.store, "meta/cd/x", "new");
	holds(at.store, "meta/cd/x", 1, "new");
}
END_TEST

START_TEST(a_store_that_has_vanished_has_no_clock)
{
	HF_RELEASED(at) at = begin();
	int64_t now;

	ck_assert_int_eq(rename(at.root, at.away), 0);
	ck_fails_with(HF_SYSTEM, "vanished", hf_store_now(at.store, &now));
	ck_assert_int_eq(rename(at.away, at.root), 0);
	ck_ok(hf_store_now(at.store, &now));
}
END_TEST

START_TEST(an_open_pack_that_went_with_its_disk_is_read_from_the_disk_that_came_back)
{
	HF_RELEASED(at) at = begin();

	put_text(at.store, "packs/ab/x", "short");
	holds(at.store, "packs/ab/x", 0, "short");
	/* Another file at the same path; the old one, still open, can't answer. */
	tamper(&at, "packs/ab/x", "what is there now");
	HF_RELEASED(hf_buf) got = {0};
	ck_ok(hf_store_get(at.store, "packs/ab/x", 0, 8, 9, &got));
	ck_assert_str_eq(hf_buf_text(&got), "there now");
}
END_TEST

START_TEST(when_the_second_copies_vanish_reading_goes_on_and_writing_fails)
{
	HF_RELEASED(at) at = begin();
	HF_FREED char *twin = hf_test_path(at.root, "twin");
	HF_RELEASED(hf_buf) got = {0};

	put_text(at.store, "commits/x", "c");
	ck_assert_int_eq(rename(twin, at.away), 0);
	ck_assert_int_eq(mkdir(twin, 0700), 0);
	holds(at.store, "commits/x", 0, "c");
	lists(at.store, "", "commits/x ");
	ck_fails_with(HF_SYSTEM, "mkdir -p", hf_store_get(at.store, "commits/x", 1, 0, 1, &got));
	ck_fails_with(HF_SYSTEM, "mkdir -p", hf_store_put(at.store, "commits/y", hf_span_str("y")));

	/* Back again: who repeats the put completes it. */
	ck_assert_int_eq(rename(at.away, twin), 0);
	ck_fails(HF_EXISTS, hf_store_put(at.store, "commits/y", hf_span_str("y")));
	holds(at.store, "commits/y", 1, "y");
}
END_TEST

START_TEST(an_object_is_there_when_either_copy_is)
{
	static const char *const lost[] = {"commits/x", "twin/commits/x"};
	HF_RELEASED(at) at = begin();

	put_text(at.store, "commits/w", "w");
	put_text(at.store, "commits/x", "mine");
	put_text(at.store, "commits/y", "y");
	for (unsigned copy = 0; copy < 2; copy++) {
		uint64_t size;

		tamper(&at, lost[copy], NULL);
		lists(at.store, "commits/", "commits/w commits/x commits/y ");
		ck_fails(HF_NOT_FOUND, hf_store_stat(at.store, "commits/x", copy, &size));
		holds(at.store, "commits/x", !copy, "mine");

		/* Others' bytes don't get the name, nor the place of the lost copy. */
		ck_fails(HF_EXISTS, hf_store_put(at.store, "commits/x", hf_span_str("hers")));
		ck_fails(HF_NOT_FOUND, hf_store_stat(at.store, "commits/x", copy, &size));
		/* The same bytes do. */
		ck_fails(HF_EXISTS, hf_store_put(at.store, "commits/x", hf_span_str("mine")));
		holds(at.store, "commits/x", copy, "mine");
	}
	ck_ok(hf_store_remove(at.store, "commits/x"));
	lists(at.store, "commits/", "commits/w commits/y ");
}
END_TEST

/* From now on the process may open so many files more. */
static void leave_descriptors(unsigned more)
{
	const int next = dup(0);
	struct rlimit limit;

	ck_assert_int_ge(next, 0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)next + more;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(too_few_descriptors_for_the_second_copies_are_no_empty_listing)
{
	HF_RELEASED(at) at = begin();
	HF_RELEASED(hf_buf) names = {0};
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	put_text(at.store, "keyring/0000000001", "the only copy is the second");
	tamper(&at, "keyring/0000000001", NULL);
	for (unsigned more = 0; more < 2; more++) {
		leave_descriptors(more);
		ck_fails(HF_LOCAL, hf_store_list(at.store, "keyring/", "", note, &names));
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	lists(at.store, "keyring/", "keyring/0000000001 ");
}
END_TEST

START_TEST(a_hurt_copy_is_mended_from_the_other)
{
	HF_RELEASED(at) at = begin();

	put_text(at.store, "meta/ab/x", "good");
	tamper(&at, "meta/ab/x", "b");
	holds(at.store, "meta/ab/x", 0, "b");
	ck_ok(hf_store_mend(at.store, "meta/ab/x", 0, hf_span_str("good")));
	holds(at.store, "meta/ab/x", 0, "good");
	holds(at.store, "meta/ab/x", 1, "good");
}
END_TEST

START_TEST(files_that_are_no_objects_are_not_listed)
{
	HF_RELEASED(at) at = begin();
	HF_FREED char *directory = hf_test_path(at.root, "commits/directory");
	HF_FREED char *deep = hf_test_path(at.root, "meta/ab/cd/ef");
	HF_FREED char *lost = hf_test_path(at.root, "lost+found");
	HF_FREED char *loop = hf_test_path(at.root, "packs/loop");

	put_text(at.store, "commits/x", "x");
	tamper(&at, "commits/.tmp-0123456789abcdef", "half");
	tamper(&at, "commits/.nfs0001", "removed");
	tamper(&at, "commits/Desktop\xc3\xa4", "?");
	tamper(&at, "commits/with space", "?");
	tamper(&at, "README", "?");
	ck_ok(hf_dir_make_all(directory, 0700));
	ck_ok(hf_dir_make_all(deep, 0700));
	ck_ok(hf_dir_make_all(lost, 0700));
	ck_assert_int_eq(symlink(".", loop), 0);
	lists(at.store, "commits/", "commits/x ");
	HF_RELEASED(hf_buf) got = {0};
	ck_ok(hf_store_list(at.store, "", "", note, &got));
	ck_assert_ptr_null(strstr(hf_buf_text(&got), "tmp"));
	ck_assert_ptr_null(strstr(hf_buf_text(&got), "README"));
	ck_fails(HF_CORRUPT, hf_store_get(at.store, "commits/directory", 0, 0, 1, &got));
}
END_TEST

START_TEST(packs_can_lie_on_another_disk_behind_a_link)
{
	HF_RELEASED(at) at = begin();
	HF_FREED char *packs = hf_test_path(at.root, "packs");

	put_text(at.store, "packs/ab/x", "x");
	ck_assert_int_eq(rename(packs, at.away), 0);
	ck_assert_int_eq(symlink(at.away, packs), 0);
	put_text(at.store, "packs/cd/y", "y");
	holds(at.store, "packs/ab/x", 0, "x");
	lists(at.store, "packs/", "packs/ab/x packs/cd/y ");
}
END_TEST

START_TEST(a_path_without_a_repository_is_not_found)
{
	HF_FREED char *dir = hf_test_dir();
	HF_FREED char *absent = hf_test_path(dir, "absent");
	HF_FREED char *file = hf_test_path(dir, "file");
	HF_OWNED(hf_store) store = NULL;

	ck_ok(hf_file_replace(file, hf_span_str("x"), 0600));
	ck_fails_with(HF_NOT_FOUND, "no repository here", hf_store_open(dir, false, &store));
	ck_fails_with(HF_NOT_FOUND, "no repository here", hf_store_open(absent, false, &store));
	ck_fails_with(HF_NOT_FOUND, "no repository here", hf_store_open(file, false, &store));
	ck_fails(HF_SYSTEM, hf_error_as(hf_store_open(file, true, &store), HF_SYSTEM));
	ck_assert_ptr_null(store);
	hf_test_dir_free(HF_STEAL(dir));
}
END_TEST

START_TEST(a_store_opened_by_a_relative_path_stays_where_it_is)
{
	HF_RELEASED(at) at = begin();
	HF_OWNED(hf_store) store = NULL;

	put_text(at.store, "packs/ab/x", "x");
	ck_assert_int_eq(chdir(at.dir), 0);
	ck_ok(hf_store_open("store//", false, &store));
	ck_assert_str_eq(hf_store_url(store), at.root);
	ck_assert_int_eq(chdir("/"), 0);
	holds(store, "packs/ab/x", 0, "x");
}
END_TEST

static mode_t mode_of(const struct at *at, const char *path)
{
	HF_FREED char *whole = hf_test_path(at->root, path);
	struct stat st;

	ck_assert_int_eq(stat(whole, &st), 0);
	return st.st_mode & 07777;
}

START_TEST(objects_are_read_only_and_the_root_is_private)
{
	umask(022);
	HF_RELEASED(at) at = begin();

	put_text(at.store, "packs/ab/x", "x");
	ck_assert_uint_eq(mode_of(&at, ""), 0700);
	ck_assert_uint_eq(mode_of(&at, "packs/ab"), 0755);
	ck_assert_uint_eq(mode_of(&at, "packs/ab/x"), 0444);
	umask(077);
	put_text(at.store, "packs/ab/y", "y");
	ck_assert_uint_eq(mode_of(&at, "packs/ab/y"), 0400);
}
END_TEST

static void *read_all_often(void *arg)
{
	for (unsigned i = 0; i < 500; i++) {
		HF_FREED char *name = hf_format("packs/ab/%u", i * 37 % 100);
		HF_FREED char *text = hf_format("object %u", i * 37 % 100);
		HF_RELEASED(hf_buf) got = {0};
		struct hf_error *err = hf_store_get(arg, name, 0, 0, strlen(text), &got);

		if (err || strcmp(hf_buf_text(&got), text) != 0)
			abort();
	}
	return NULL;
}

START_TEST(more_objects_than_stay_open_are_read_by_many_threads)
{
	HF_RELEASED(at) at = begin();
	pthread_t threads[4];

	for (unsigned i = 0; i < 100; i++) {
		HF_FREED char *name = hf_format("packs/ab/%u", i);
		HF_FREED char *text = hf_format("object %u", i);

		put_text(at.store, name, text);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all_often, at.store), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* In a mount namespace of the test's own. False: not allowed, the test is skipped and says so. */
static bool on_a_disk_of(char *dir, const char *options)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("small", dir, "tmpfs", 0, options) == 0)
		return true;
	printf("SKIP: needs root, to mount a tmpfs\n");
	hf_test_dir_free(dir);
	return false;
}

static void end_disk(char *dir)
{
	umount2(dir, MNT_DETACH);
	hf_test_dir_free(dir);
}

START_TEST(a_full_disk_is_told_and_keeps_nothing_half_written)
{
	char *dir = hf_test_dir();
	HF_FREED char *root = hf_test_path(dir, "store");
	HF_OWNED(hf_store) store = NULL;
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_buf) got = {0};
	struct hf_error *err;

	if (!on_a_disk_of(dir, "size=1m"))
		return;
	ck_ok(hf_store_open(root, true, &store));
	memset(hf_buf_grow(&bytes, 700000), 'x', 700000);
	ck_ok(hf_store_put(store, "packs/ab/fits", hf_buf_span(&bytes)));
	err = hf_store_put(store, "packs/ab/full", hf_buf_span(&bytes));
	ck_assert_int_eq(hf_error_errno(err), ENOSPC);
	ck_fails_with(HF_SYSTEM, "No space left on device", err);
	lists(store, "", "packs/ab/fits ");
	/* Had anything stayed, this would not fit. */
	bytes.len = 200000;
	ck_ok(hf_store_put(store, "packs/ab/small", hf_buf_span(&bytes)));
	ck_ok(hf_store_get_all(store, "packs/ab/small", 0, 200000, &got));
	ck_ok(hf_store_remove(store, "packs/ab/fits"));
	bytes.len = 700000;
	ck_ok(hf_store_put(store, "packs/ab/full", hf_buf_span(&bytes)));
	end_disk(dir);
}
END_TEST

START_TEST(a_store_mounted_read_only_can_be_read)
{
	char *dir = hf_test_dir();
	HF_FREED char *root = hf_test_path(dir, "store");
	HF_OWNED(hf_store) store = NULL;
	struct hf_error *err;
	int64_t now;

	if (!on_a_disk_of(dir, "size=1m"))
		return;
	ck_ok(hf_store_open(root, true, &store));
	put_text(store, "commits/x", "x");
	hf_store_free(HF_STEAL(store));
	ck_assert_int_eq(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	ck_ok(hf_store_open(root, false, &store));
	holds(store, "commits/x", 0, "x");
	lists(store, "", "commits/x ");
	ck_ok(hf_store_now(store, &now));
	err = hf_store_put(store, "commits/y", hf_span_str("y"));
	ck_assert_int_eq(hf_error_errno(err), EROFS);
	ck_fails(HF_SYSTEM, err);
	ck_fails(HF_SYSTEM, hf_store_remove(store, "commits/x"));
	end_disk(dir);
}
END_TEST

int main(void)
{
	static const TTest *const *const tests[] = {
		&a_store_that_has_vanished_has_no_clock,
		&an_open_pack_that_went_with_its_disk_is_read_from_the_disk_that_came_back,
		&when_the_second_copies_vanish_reading_goes_on_and_writing_fails,
		&an_object_is_there_when_either_copy_is,
		&too_few_descriptors_for_the_second_copies_are_no_empty_listing,
		&a_hurt_copy_is_mended_from_the_other,
		&files_that_are_no_objects_are_not_listed,
		&packs_can_lie_on_another_disk_behind_a_link,
		&a_path_without_a_repository_is_not_found,
		&a_store_opened_by_a_relative_path_stays_where_it_is,
		&objects_are_read_only_and_the_root_is_private,
		&more_objects_than_stay_open_are_read_by_many_threads,
		&a_full_disk_is_told_and_keeps_nothing_half_written,
		&a_store_mounted_read_only_can_be_read,
	};
	Suite *suite = suite_create("directory store");
	TCase *all = hf_test_case(suite, "directory store");

	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(all, *tests[i]);
	tcase_add_loop_test(all, a_store_that_vanishes_says_so_and_works_when_it_is_back, 0, 2);
	return hf_test_run_suite(suite);
}
