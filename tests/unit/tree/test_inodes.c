/* The local cache of inodes: found again, replaced whole, never trusted too far. */
#include "backend/tree/inodes.h"

#include <stdio.h>

#include "tests/lib/test.h"

static char *dir;

static void setup(void)
{
	dir = hf_test_dir();
}

static void teardown(void)
{
	hf_test_dir_free(dir);
}

static uint64_t key_of(unsigned i)
{
	char name[20];

	snprintf(name, sizeof(name), "name %u", i);
	return hf_inodes_key(7, hf_span_str(name));
}

static void keep(unsigned n, uint64_t shift)
{
	HF_OWNED(hf_inodes) inodes = hf_inodes_open(dir, "files/test");

	for (unsigned i = 0; i < n; i++)
		hf_inodes_note(inodes, key_of(i), i + shift);
	hf_inodes_keep(inodes);
}

START_TEST(what_was_noted_is_found_and_nothing_else)
{
	keep(50000, 1);
	HF_OWNED(hf_inodes) inodes = hf_inodes_open(dir, "files/test");
	HF_OWNED(hf_inodes) other = hf_inodes_open(dir, "files/other");

	for (unsigned i = 0; i < 50000; i++)
		ck_assert_uint_eq(hf_inodes_find(inodes, key_of(i)), i + 1);
	for (unsigned i = 50000; i < 51000; i++)
		ck_assert_uint_eq(hf_inodes_find(inodes, key_of(i)), HF_INODE_UNKNOWN);
	ck_assert_uint_eq(hf_inodes_find(inodes, 0), HF_INODE_UNKNOWN);
	ck_assert_uint_eq(hf_inodes_find(inodes, UINT64_MAX), HF_INODE_UNKNOWN);
	ck_assert_uint_eq(hf_inodes_find(other, key_of(1)), HF_INODE_UNKNOWN);
}
END_TEST

START_TEST(the_last_finished_run_counts)
{
	keep(100, 1);
	keep(50, 1000);
	{
		HF_OWNED(hf_inodes) unfinished = hf_inodes_open(dir, "files/test");

		hf_inodes_note(unfinished, key_of(1), 5);
	}
	HF_OWNED(hf_inodes) inodes = hf_inodes_open(dir, "files/test");

	ck_assert_uint_eq(hf_inodes_find(inodes, key_of(1)), 1001);
	ck_assert_uint_eq(hf_inodes_find(inodes, key_of(70)), HF_INODE_UNKNOWN);
}
END_TEST

START_TEST(a_damaged_file_only_costs_the_comparison)
{
	HF_FREED char *find = hf_format("%s/inodes-*", dir);

	keep(1000, 1);
	HF_FREED char *script = hf_format("for f in %s; do truncate -s 777 $f; done", find);

	ck_assert_int_eq(system(script), 0);
	HF_OWNED(hf_inodes) inodes = hf_inodes_open(dir, "files/test");

	for (unsigned i = 0; i < 1000; i++)
		(void)hf_inodes_find(inodes, key_of(i));
	hf_inodes_note(inodes, key_of(1), 1);
	hf_inodes_keep(inodes);
}
END_TEST

START_TEST(a_cache_that_cannot_be_written_is_no_failure)
{
	HF_OWNED(hf_inodes) inodes = hf_inodes_open("/no/such/folder", "files/test");

	for (unsigned i = 0; i < 5000; i++)
		hf_inodes_note(inodes, key_of(i), i);
	hf_inodes_keep(inodes);
	ck_assert_uint_eq(hf_inodes_find(inodes, key_of(1)), HF_INODE_UNKNOWN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inodes");
	TCase *tests = hf_test_case(suite, "inodes");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_was_noted_is_found_and_nothing_else);
	tcase_add_test(tests, the_last_finished_run_counts);
	tcase_add_test(tests, a_damaged_file_only_costs_the_comparison);
	tcase_add_test(tests, a_cache_that_cannot_be_written_is_no_failure);
	return hf_test_run_suite(suite);
}
