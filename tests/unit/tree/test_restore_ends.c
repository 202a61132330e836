/* How a restore ends that can't go on: no half file, no half tree that is called whole. */
#include "backend/tree/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/tree/compare.h"
#include "tests/lib/restored.h"
#include "tests/lib/test.h"

static struct hf_restored it;
static const unsigned workers[] = {0, 3};

static void setup_with(unsigned n)
{
	hf_restored_init(&it, n);
}

static struct hf_stop stop;

static struct hf_error *stop_at_get(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	(void)name;
	if (call == HF_CALL_GET)
		atomic_store(&stop.raised, 1);
	return NULL;
}

START_TEST(an_interrupted_restore_leaves_no_half_file)
{
	struct hf_entry entries[300], root;

	setup_with(workers[_i]);
	entries[0] = hf_stored_file(
		&it.tree, hf_restored_number(&it, 0), hf_restored_bytes(&it, 20 << 20));
	for (size_t i = 1; i < ARRAY_LEN(entries); i++)
		entries[i] = hf_stored_file(
			&it.tree, hf_restored_number(&it, i), hf_restored_bytes(&it, 70000));
	hf_restored_make_linked(&entries[0], 1, 2);
	entries[5] = entries[0];
	entries[5].name = hf_span_str(hf_restored_number(&it, 5));
	root = hf_stored_dir(&it.tree, "", entries, ARRAY_LEN(entries));
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	it.how.stop = &stop;
	hf_mem_hook(it.tree.mem, stop_at_get, NULL);
	/* The first get is of the directory itself; the next ones are of what workers write. */
	ck_fails(HF_CANCELLED, hf_restore_run(&it.how, &root));
	atomic_store(&stop.raised, 0);
	ck_fails(HF_CANCELLED, hf_restore_run(&it.how, &root));
	ck_assert(!hf_restored_there(&it, hf_restored_number(&it, 0)));
	for (size_t i = 1; i < ARRAY_LEN(entries); i++)
		if (hf_restored_there(&it, hf_restored_number(&it, i)))
			ck_assert_int_eq(
				hf_restored_stat(&it, hf_restored_number(&it, i)).st_size, 70000);
	ck_assert_str_eq(hf_buf_text(&it.told), "");
	hf_restored_end(&it);
}
END_TEST

/* The fail_at-th get fails, and all after it. */
static atomic_uint gets;
static unsigned fail_at;

static struct hf_error *fail_gets(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	if (call != HF_CALL_GET || atomic_fetch_add(&gets, 1) < fail_at)
		return NULL;
	return hf_error_new(HF_TRANSIENT, "%s: the store is away", name);
}

static void check_whole(const struct hf_span *contents, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (hf_restored_there(&it, hf_restored_number(&it, i)))
			hf_restored_is(&it, hf_restored_number(&it, i), contents[i]);
}

START_TEST(whichever_read_fails_no_half_file_is_left_and_no_half_tree_is_called_whole)
{
	struct hf_span contents[40];
	struct hf_entry entries[ARRAY_LEN(contents)], root;
	struct hf_error *err;
	bool whole = false;

	setup_with(workers[_i]);
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		contents[i] = hf_restored_bytes(&it, i == 7 ? 9 << 20 : 70000);
		entries[i] = hf_stored_file(&it.tree, hf_restored_number(&it, i), contents[i]);
	}
	root = hf_stored_dir(&it.tree, "", entries, ARRAY_LEN(entries));
	it.how.overwrite = true;
	hf_mem_hook(it.tree.mem, fail_gets, NULL);
	for (unsigned k = 0; !whole; k++) {
		fail_at = UINT_MAX;
		hf_stored_publish(&it.tree); /* a reader that has nothing decoded */
		it.how.reader = it.tree.reader;
		atomic_store(&gets, 0);
		fail_at = k;
		err = hf_restore_run(&it.how, &root);
		whole = err == NULL;
		ck_assert(whole || hf_error_kind(err) == HF_PARTIAL);
		hf_error_free(err);
		check_whole(contents, ARRAY_LEN(contents));
	}
	ck_assert_uint_gt(fail_at, 3);
	ck_assert_uint_eq(hf_restored_count(it.to), ARRAY_LEN(entries));
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_full_disk_ends_it_with_one_clear_error)
{
	struct hf_entry entries[100], root;

	setup_with(workers[_i]);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mkdir(it.to, 0700) < 0 || mount("none", it.to, "tmpfs", 0, "size=1m") < 0) {
		hf_restored_end(&it);
		return; /* not for this user */
	}
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		entries[i] = hf_stored_file(
			&it.tree, hf_restored_number(&it, i), hf_restored_bytes(&it, 70000));
	root = hf_stored_dir(&it.tree, "", entries, ARRAY_LEN(entries));
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	ck_fails_with(HF_SYSTEM, "No space left", hf_restore_run(&it.how, &root));
	ck_assert_str_eq(hf_buf_text(&it.told), "");
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		if (hf_restored_there(&it, hf_restored_number(&it, i)))
			ck_assert_int_eq(
				hf_restored_stat(&it, hf_restored_number(&it, i)).st_size, 70000);
	umount(it.to);
	hf_restored_end(&it);
}
END_TEST
int main(void)
{
	Suite *suite = suite_create("restore_ends");
	TCase *tests = hf_test_case(suite, "restore_ends");

	tcase_add_loop_test(tests, an_interrupted_restore_leaves_no_half_file, 0, 2);
	tcase_add_loop_test(tests,
		whichever_read_fails_no_half_file_is_left_and_no_half_tree_is_called_whole, 0, 2);
	tcase_add_loop_test(tests, a_full_disk_ends_it_with_one_clear_error, 0, 2);
	return hf_test_run_suite(suite);
}
