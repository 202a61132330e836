/* Directories by block: every name is found, none that is not there; order and numbers hold. */
#include "backend/tree/dir.h"

#include <pthread.h>

#include "tests/lib/stored_tree.h"
#include "tests/lib/test.h"

static struct hf_stored_tree tree;

static void setup(void)
{
	hf_stored_init(&tree);
}

static void teardown(void)
{
	hf_stored_end(&tree);
}

/* Even numbers only, so that odd ones are not there. */
static struct hf_entry numbered_dir(size_t n)
{
	struct hf_entry *entries = hf_arena_alloc(&tree.arena, (n + 1) * sizeof(*entries));

	for (size_t i = 0; i < n; i++) {
		char name[24];

		snprintf(name, sizeof(name), "%08zu", 2 * i);
		entries[i] = hf_stored_special(
			&tree, hf_arena_str(&tree.arena, name, strlen(name)), HF_FIFO);
	}
	return hf_stored_dir(&tree, "dir", entries, n);
}

static struct hf_span number(size_t n, char out[24])
{
	snprintf(out, 24, "%08zu", n);
	return hf_span_str(out);
}

static const size_t counts[] = {0, 1, 63, 64, 65, 3000};

static void check_lookups(struct hf_dir *dir, size_t n)
{
	char text[24];

	for (size_t i = 0; i < 2 * n + 2; i++) {
		HF_DIR_BLOCK_REF block = NULL;
		const struct hf_entry *entry;

		ck_ok(hf_dir_lookup(dir, number(i, text), &block, &entry));
		ck_assert_int_eq(entry != NULL, i % 2 == 0 && i < 2 * n);
		ck_assert_int_eq(block != NULL, entry != NULL);
		if (entry)
			ck_assert(hf_span_equal(entry->name, number(i, text)));
	}
}

START_TEST(each_name_is_found_and_no_other)
{
	size_t n = counts[_i];
	struct hf_entry entry = numbered_dir(n);
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *found;
	HF_OWNED(hf_dir) dir = NULL;

	hf_stored_publish(&tree);
	ck_ok(hf_dir_open(tree.reader, &entry, &dir));
	check_lookups(dir, n);
	ck_ok(hf_dir_lookup(dir, hf_span_str(""), &block, &found));
	ck_assert_ptr_null(found);
	ck_ok(hf_dir_lookup(dir, hf_span_str("zzz"), &block, &found));
	ck_assert_ptr_null(found);
}
END_TEST

START_TEST(a_cursor_gives_all_names_in_order)
{
	size_t n = counts[_i], i;
	struct hf_entry entry = numbered_dir(n);
	struct hf_dir_cursor cursor;
	const struct hf_entry *next;
	HF_OWNED(hf_dir) dir = NULL;
	char text[24];

	hf_stored_publish(&tree);
	ck_ok(hf_dir_open(tree.reader, &entry, &dir));
	hf_dir_cursor_begin(&cursor, dir);
	for (i = 0;; i++) {
		ck_ok(hf_dir_cursor_next(&cursor, &next));
		if (!next)
			break;
		ck_assert(hf_span_equal(next->name, number(2 * i, text)));
	}
	ck_assert_uint_eq(i, n);
	ck_ok(hf_dir_cursor_next(&cursor, &next));
	ck_assert_ptr_null(next);
	hf_dir_cursor_end(&cursor);
}
END_TEST

START_TEST(a_cursor_that_seeks_forward_merges)
{
	size_t n = counts[_i];
	struct hf_entry entry = numbered_dir(n);
	struct hf_dir_cursor cursor;
	const struct hf_entry *found;
	HF_OWNED(hf_dir) dir = NULL;
	uint64_t state = hf_test_seed();
	char text[24];

	hf_stored_publish(&tree);
	ck_ok(hf_dir_open(tree.reader, &entry, &dir));
	hf_dir_cursor_begin(&cursor, dir);
	for (size_t i = 0; i < 2 * n + 3; i += hf_test_random(&state) % 200) {
		ck_ok(hf_dir_cursor_seek(&cursor, number(i, text), &found));
		ck_assert_int_eq(found != NULL, i % 2 == 0 && i < 2 * n);
		if (found)
			ck_assert(hf_span_equal(found->name, number(i, text)));
		ck_ok(hf_dir_cursor_next(&cursor, &found));
		ck_assert_int_eq(found != NULL, i < 2 * n && (i + 1) / 2 < n);
		if (found)
			ck_assert(hf_span_equal(found->name, number((i + 1) / 2 * 2, text)));
		i++; /* the cursor stands behind that one */
	}
	hf_dir_cursor_end(&cursor);
}
END_TEST

START_TEST(an_entry_is_found_by_its_number)
{
	struct hf_entry entry = numbered_dir(3000);
	HF_OWNED(hf_dir) dir = NULL;
	uint64_t last = 0;

	hf_stored_publish(&tree);
	ck_ok(hf_dir_open(tree.reader, &entry, &dir));
	for (size_t i = 0; i < hf_dir_blocks(dir); i++) {
		HF_DIR_BLOCK_REF block = NULL;

		ck_ok(hf_dir_get(dir, i, &block));
		ck_assert_uint_eq(block->first / HF_BLOCK_ENTRIES, i);
		ck_assert(i == 0 || block->first > last);
		last = block->first + block->n - 1;
		ck_assert_uint_eq(last / HF_BLOCK_ENTRIES, i);
	}
}
END_TEST

START_TEST(a_block_is_decoded_once_for_all_who_open_its_directory)
{
	struct hf_entry entry = numbered_dir(10);
	HF_OWNED(hf_dir) first = NULL;
	HF_OWNED(hf_dir) second = NULL;
	HF_DIR_BLOCK_REF a = NULL;
	HF_DIR_BLOCK_REF b = NULL;

	hf_stored_publish(&tree);
	ck_ok(hf_dir_open(tree.reader, &entry, &first));
	ck_ok(hf_dir_get(first, 0, &a));
	ck_ok(hf_dir_open(tree.reader, &entry, &second));
	ck_ok(hf_dir_get(second, 0, &b));
	ck_assert_ptr_eq(a, b);
}
END_TEST

START_TEST(only_a_directory_is_opened)
{
	struct hf_entry entry = hf_stored_file(&tree, "file", hf_span_str("content"));
	struct hf_dir *dir;

	hf_stored_publish(&tree);
	ck_fails(HF_INVALID, hf_dir_open(tree.reader, &entry, &dir));
}
END_TEST

START_TEST(bytes_that_are_no_directory_are_corrupt)
{
	uint64_t state = hf_test_seed();
	HF_RELEASED(hf_buf) bytes = {0};
	HF_OWNED(hf_dir) dir = NULL;
	struct hf_entry entry;

	for (int i = 0; i < 500; i++)
		hf_put_u8(&bytes, (uint8_t)hf_test_random(&state));
	entry = hf_stored_raw_dir(&tree, "dir", hf_buf_span(&bytes));
	hf_stored_publish(&tree);
	ck_fails(HF_CORRUPT, hf_dir_open(tree.reader, &entry, &dir));
}
END_TEST

struct looking {
	struct hf_entry entry;
	size_t n;
};

static void *look_up_all(void *arg)
{
	struct looking *looking = arg;
	HF_OWNED(hf_dir) dir = NULL;

	ck_ok(hf_dir_open(tree.reader, &looking->entry, &dir));
	check_lookups(dir, looking->n);
	return NULL;
}

START_TEST(many_threads_look_up)
{
	struct looking looking = {.entry = numbered_dir(2000), .n = 2000};
	pthread_t threads[4];

	hf_stored_publish(&tree);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, look_up_all, &looking), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dir");
	TCase *tests = hf_test_case(suite, "dir");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, each_name_is_found_and_no_other, 0, ARRAY_LEN(counts));
	tcase_add_loop_test(tests, a_cursor_gives_all_names_in_order, 0, ARRAY_LEN(counts));
	tcase_add_loop_test(tests, a_cursor_that_seeks_forward_merges, 0, ARRAY_LEN(counts));
	tcase_add_test(tests, an_entry_is_found_by_its_number);
	tcase_add_test(tests, a_block_is_decoded_once_for_all_who_open_its_directory);
	tcase_add_test(tests, only_a_directory_is_opened);
	tcase_add_test(tests, bytes_that_are_no_directory_are_corrupt);
	tcase_add_test(tests, many_threads_look_up);
	return hf_test_run_suite(suite);
}
