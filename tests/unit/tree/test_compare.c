/* What differs is told, once, in order; what does not is proven without reading a content pack. */
#include "backend/tree/compare.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "tests/lib/restored.h"
#include "tests/lib/test.h"

static struct hf_restored it;
static struct hf_buf told;
static struct hf_compare compare;
static atomic_uint content_gets;

static struct hf_error *difference(void *arg, enum hf_difference what, const char *path,
	const struct hf_entry *a, const struct hf_entry *b)
{
	ck_assert_int_eq(a == NULL, what == HF_ADDED);
	ck_assert_int_eq(b == NULL, what == HF_REMOVED);
	hf_buf_printf(arg, "%c %s\n", (char)what, path);
	return NULL;
}

static void setup(void)
{
	hf_restored_init(&it, 2);
	told = (struct hf_buf){0};
	compare = (struct hf_compare){.metadata = true, .each = difference, .arg = &told};
}

static void teardown(void)
{
	hf_buf_release(&told);
	hf_restored_end(&it);
}

static void publish(void)
{
	hf_stored_publish(&it.tree);
	it.how.reader = compare.reader = it.tree.reader;
}

static const char *trees(const struct hf_entry *a, const struct hf_entry *b)
{
	told.len = 0;
	ck_ok(hf_compare_trees(&compare, a, b));
	return hf_buf_text(&told);
}

static const char *local(const struct hf_entry *a)
{
	told.len = 0;
	ck_ok(hf_compare_local(&compare, a, it.to));
	return hf_buf_text(&told);
}

static struct hf_error *count_content(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	if (call == HF_CALL_GET && strncmp(name, "packs/", 6) == 0)
		content_gets++;
	return NULL;
}

static struct hf_span letters(char letter, size_t len)
{
	uint8_t *at = hf_arena_alloc(&it.tree.arena, len);

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(letter + i % 7 + i / 4096 % 11);
	return hf_span(at, len);
}

START_TEST(stored_trees_differ_where_they_do)
{
	struct hf_entry deep[2], a[7], b[7], from, to;

	deep[0] = hf_stored_file(&it.tree, "x", hf_span_str("x"));
	deep[1] = hf_stored_dir(&it.tree, "y", deep, 1);
	a[0] = hf_stored_file(&it.tree, "changed", hf_span_str("before"));
	a[1] = hf_stored_file(&it.tree, "dir", hf_span_str("a file"));
	a[2] = hf_stored_dir(&it.tree, "gone", deep, 2);
	a[3] = hf_stored_link(&it.tree, "link", "here");
	a[4] = hf_stored_file(&it.tree, "mode", hf_span_str("x"));
	a[5] = hf_stored_dir(&it.tree, "same", deep, 2);
	from = hf_stored_dir(&it.tree, "", a, 6);
	b[0] = hf_stored_file(&it.tree, "changed", hf_span_str("after!"));
	b[1] = hf_stored_dir(&it.tree, "dir", deep, 1);
	b[2] = hf_stored_link(&it.tree, "link", "there");
	b[3] = a[4];
	b[3].mode = 0600;
	b[4] = a[5];
	b[4].mtime++;
	b[5] = hf_stored_dir(&it.tree, "some", deep, 1);
	to = hf_stored_dir(&it.tree, "", b, 6);
	publish();

	ck_assert_str_eq(trees(&from, &to),
		"M changed\nT dir\nA dir/x\nR gone\nR gone/x\nR gone/y\nR gone/y/x\nM link\n"
		"U mode\nU same\nA some\nA some/x\n");
	ck_assert_str_eq(trees(&from, &from), "");
	compare.metadata = false;
	ck_assert_ptr_null(strchr(trees(&from, &to), 'U'));
}
END_TEST

START_TEST(a_directory_that_did_not_change_is_not_opened)
{
	struct hf_entry file = hf_stored_file(&it.tree, "file", hf_span_str("x")), a, b;

	a = hf_stored_dir(&it.tree, "", &file, 1);
	publish();
	hf_stored_hurt(&it.tree, &a.extents.at[0]);
	b = a;
	ck_assert_str_eq(trees(&a, &b), "");
}
END_TEST

/* In another backup, with another secret, the same bytes may lie elsewhere. */
START_TEST(files_of_two_backups_are_compared_by_their_bytes)
{
	struct hf_span content = letters('a', 300000);
	struct hf_entry a, b, from, to;

	a = hf_stored_file(&it.tree, "file", content);
	b = a;
	b.extents = hf_stored_bytes(&it.tree, HF_CONTENT_PACK, content, 50000);
	b.fingerprinted = false;
	b.secret = (struct hf_extents){0};
	from = hf_stored_dir(&it.tree, "", &a, 1);
	to = hf_stored_dir(&it.tree, "", &b, 1);
	publish();
	ck_assert_str_eq(trees(&from, &to), "");

	b.extents.at[5] = b.extents.at[4];
	to = hf_stored_dir(&it.tree, "", &b, 1);
	publish();
	ck_assert_str_eq(trees(&from, &to), "M file\n");
}
END_TEST

static struct hf_entry restored_tree(void)
{
	struct hf_extent parts[3] = {{.length = 3 << 20}};
	const struct hf_extents extents = {.at = parts, .n = 3};
	struct hf_entry inner[2], outer[6], root;

	inner[0] = hf_stored_file(&it.tree, "large", letters('a', 3000000));
	inner[1] = hf_stored_file(&it.tree, "small", letters('b', 3000));
	parts[1] = inner[0].extents.at[0];
	parts[2] = parts[0];
	outer[0] = hf_stored_dir(&it.tree, "dir", inner, 2);
	outer[1] = hf_stored_file(&it.tree, "empty", hf_span_str(""));
	outer[2] = hf_stored_special(&it.tree, "fifo", HF_FIFO);
	outer[3] = hf_stored_link(&it.tree, "link", "somewhere");
	outer[4] = hf_stored_extents(&it.tree, "sparse", &extents); /* no fingerprint */
	outer[5] = hf_stored_file(&it.tree, "zeros", letters('c', 9));
	root = hf_stored_dir(&it.tree, "", outer, 6);
	publish();
	ck_ok(hf_restore_run(&it.how, &root));
	return root;
}

static void overwrite(const char *path, off_t at, char byte)
{
	HF_FREED char *whole = hf_test_path(it.to, path);
	HF_FD fd = open(whole, O_WRONLY);
	const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	ck_assert_int_ge(fd, 0);
	ck_ok(hf_fd_pwrite(fd, &byte, 1, at));
	ck_assert_int_eq(futimens(fd, times), 0); /* so that nothing but the content tells */
}

START_TEST(a_restored_tree_is_proven_by_metadata_alone)
{
	struct hf_entry root = restored_tree();
	HF_FREED char *sparse = hf_test_path(it.to, "sparse");

	publish(); /* a reader that has nothing decoded */
	ck_assert_int_eq(unlink(sparse), 0);
	hf_mem_hook(it.tree.mem, count_content, NULL);
	ck_assert_str_eq(local(&root), "U \nR sparse\n"); /* the root's own time, too */
	ck_assert_uint_eq(content_gets, 0);
}
END_TEST

START_TEST(one_flipped_bit_is_found)
{
	struct hf_entry root = restored_tree();

	ck_assert_str_eq(local(&root), "");
	overwrite("dir/large", 2999999, '!');
	overwrite("sparse", 100, 1);
	ck_assert_str_eq(local(&root), "M dir/large\nM sparse\n");
	overwrite("sparse", 100, 0);
	overwrite("sparse", (3 << 20) + 17, '!');
	overwrite("dir/small", 0, '!');
	ck_assert_str_eq(local(&root), "M dir/large\nM dir/small\nM sparse\n");
}
END_TEST

START_TEST(a_local_tree_differs_where_it_does)
{
	struct hf_entry root = restored_tree();
	HF_FREED char *fifo = hf_test_path(it.to, "fifo"), *link = hf_test_path(it.to, "link"),
		      *dir = hf_test_path(it.to, "dir"), *more = hf_test_path(it.to, "more"),
		      *empty = hf_test_path(it.to, "empty"), *away = hf_test_path(it.to, "more/x"),
		      *zeros = hf_test_path(it.to, "zeros");

	ck_assert_int_eq(mkdir(more, 0700), 0);
	ck_assert_int_eq(rename(dir, away), 0);
	hf_restored_put(it.to, "dir", "a file");
	ck_assert_int_eq(unlink(fifo), 0);
	ck_assert_int_eq(mkdir(fifo, 0700), 0);
	hf_restored_put(fifo, "inside", "");
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(symlink("elsewhere", link), 0);
	ck_assert_int_eq(chmod(empty, 0600), 0);
	ck_assert_int_eq(unlink(zeros), 0);

	ck_assert_str_eq(local(&root),
		"U \nT dir\nR dir/large\nR dir/small\nU empty\nT fifo\nA fifo/inside\nM link\n"
		"A more\nA more/x\nA more/x/large\nA more/x/small\nR zeros\n");
	compare.metadata = false;
	ck_assert_ptr_null(strstr(local(&root), "U empty"));
}
END_TEST

START_TEST(a_secret_that_can_not_be_opened_leaves_the_content_to_compare)
{
	struct hf_entry file = hf_stored_file(&it.tree, "file", letters('a', 300000)), root;

	file.secret = hf_stored_bytes(&it.tree, HF_META_PACK, hf_span_str("not a secret"), 100);
	root = hf_stored_dir(&it.tree, "", &file, 1);
	publish();
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert_str_eq(local(&root), "");
	overwrite("file", 250000, '!');
	ck_assert_str_eq(local(&root), "M file\n");
}
END_TEST

START_TEST(one_file_is_compared)
{
	struct hf_entry file = hf_stored_file(&it.tree, "file", hf_span_str("content"));
	HF_FREED char *path = hf_test_path(it.to, "name");

	publish();
	it.how.target_name = "name";
	ck_ok(hf_restore_run(&it.how, &file));
	ck_ok(hf_compare_local(&compare, &file, path));
	ck_assert_str_eq(hf_buf_text(&told), "");
	overwrite("name", 3, '!');
	ck_ok(hf_compare_local(&compare, &file, path));
	ck_assert_str_eq(hf_buf_text(&told), "M \n");
	ck_fails(HF_NOT_FOUND, hf_compare_local(&compare, &file, "/no/such/place"));
}
END_TEST

static unsigned fail_at;
static atomic_uint gets;

static struct hf_error *fail_gets(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	if (call != HF_CALL_GET || atomic_fetch_add(&gets, 1) < fail_at)
		return NULL;
	return hf_error_new(HF_TRANSIENT, "%s: the store is away", name);
}

START_TEST(a_store_that_is_away_is_no_difference)
{
	struct hf_entry root = restored_tree();
	struct hf_error *err = NULL;

	hf_mem_hook(it.tree.mem, fail_gets, NULL);
	do {
		unsigned k = fail_at;

		hf_error_free(err);
		fail_at = UINT_MAX;
		publish();
		atomic_store(&gets, 0);
		fail_at = k;
		told.len = 0;
		err = hf_compare_local(&compare, &root, it.to);
		ck_assert(!err || hf_error_kind(err) == HF_TRANSIENT);
		ck_assert_str_eq(hf_buf_text(&told), "");
		fail_at++;
	} while (err);
	ck_assert_uint_gt(fail_at, 3);
}
END_TEST

START_TEST(what_can_not_be_read_is_named)
{
	struct hf_entry root = restored_tree();
	struct hf_entry *forged = &root;

	hf_stored_hurt(&it.tree, &forged->extents.at[0]);
	publish();
	ck_fails(HF_CORRUPT, hf_compare_local(&compare, &root, it.to));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare");
	TCase *tests = hf_test_case(suite, "compare");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, stored_trees_differ_where_they_do);
	tcase_add_test(tests, a_directory_that_did_not_change_is_not_opened);
	tcase_add_test(tests, files_of_two_backups_are_compared_by_their_bytes);
	tcase_add_test(tests, a_restored_tree_is_proven_by_metadata_alone);
	tcase_add_test(tests, one_flipped_bit_is_found);
	tcase_add_test(tests, a_local_tree_differs_where_it_does);
	tcase_add_test(tests, a_secret_that_can_not_be_opened_leaves_the_content_to_compare);
	tcase_add_test(tests, one_file_is_compared);
	tcase_add_test(tests, a_store_that_is_away_is_no_difference);
	tcase_add_test(tests, what_can_not_be_read_is_named);
	return hf_test_run_suite(suite);
}
