#include "backend/base/error.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

START_TEST(an_error_reads_as_one_sentence_from_the_outside_in)
{
	struct hf_error *err = hf_error_new(HF_CORRUPT, "tag mismatch");

	err = hf_error_in(err, "table");
	err = hf_error_in(err, "reading pack %s", "3f");

	ck_assert_str_eq(hf_error_text(err), "reading pack 3f: table: tag mismatch");
	ck_assert_int_eq(hf_error_kind(err), HF_CORRUPT);
	hf_error_free(err);
}
END_TEST

START_TEST(a_system_error_keeps_its_errno_and_its_reason)
{
	struct hf_error *err;

	errno = ENOSPC;
	err = hf_error_in(hf_error_sys("writing %s", "x"), "backup");

	ck_assert_int_eq(hf_error_kind(err), HF_SYSTEM);
	ck_assert_int_eq(hf_error_errno(err), ENOSPC);
	ck_assert_str_eq(hf_error_text(err), "backup: writing x: No space left on device");
	hf_error_free(err);
}
END_TEST

START_TEST(a_missing_or_taken_name_has_a_kind_of_its_own)
{
	errno = ENOENT;
	ck_fails(HF_NOT_FOUND, hf_error_sys("opening"));
	errno = EEXIST;
	ck_fails(HF_EXISTS, hf_error_sys("making"));
}
END_TEST

START_TEST(short_memory_and_descriptors_are_this_machine_s)
{
	struct hf_error *err;

	errno = EMFILE;
	ck_fails(HF_LOCAL, hf_error_sys("opening"));
	errno = ENOMEM;
	err = hf_error_sys("listing");
	ck_assert_int_eq(hf_error_kind(err), HF_LOCAL);
	ck_assert_int_eq(hf_error_errno(err), ENOMEM);
	ck_assert(hf_error_may_pass(err));
	hf_error_free(err);
}
END_TEST

START_TEST(another_kind_keeps_the_text)
{
	struct hf_error *err = hf_error_as(hf_error_new(HF_NOT_FOUND, "no pack"), HF_CORRUPT);

	ck_assert_int_eq(hf_error_exit_status(err), 4);
	ck_assert_int_eq(hf_error_errno(err), EIO);
	ck_assert_str_eq(hf_error_text(err), "no pack");
	hf_error_free(err);
}
END_TEST

START_TEST(success_stays_success_under_any_context)
{
	ck_ok(hf_error_in(NULL, "reading"));
	ck_ok(hf_error_as(NULL, HF_CORRUPT));
	hf_error_free(NULL); /* nothing to free is fine */
}
END_TEST

START_TEST(every_kind_has_a_word_a_status_and_an_errno)
{
	for (int kind = HF_NOT_FOUND; kind <= HF_BUG; kind++) {
		struct hf_error *err = hf_error_new((enum hf_error_kind)kind, "x");

		ck_assert_uint_gt(strlen(hf_error_word((enum hf_error_kind)kind)), 0);
		ck_assert_int_gt(hf_error_exit_status(err), 0);
		ck_assert_int_gt(hf_error_errno(err), 0);
		hf_error_free(err);
	}
}
END_TEST

static struct hf_error *tries(struct hf_error *first, int *reached)
{
	HF_TRY(first);
	++*reached;
	return NULL;
}

START_TEST(try_returns_at_the_first_failure)
{
	int reached = 0;

	ck_fails(HF_COLD, tries(hf_error_new(HF_COLD, "cold"), &reached));
	ck_assert_int_eq(reached, 0);
	ck_ok(tries(NULL, &reached));
	ck_assert_int_eq(reached, 1);
}
END_TEST

HF_TEST_MAIN("error", an_error_reads_as_one_sentence_from_the_outside_in,
	a_system_error_keeps_its_errno_and_its_reason,
	a_missing_or_taken_name_has_a_kind_of_its_own,
	short_memory_and_descriptors_are_this_machine_s, another_kind_keeps_the_text,
	success_stays_success_under_any_context, every_kind_has_a_word_a_status_and_an_errno,
	try_returns_at_the_first_failure)
