#include "backend/base/idle.h"

#include <stdlib.h>

#include "backend/base/buf.h"
#include "tests/lib/test.h"

static unsigned freed;

static void count_freed(void *thing)
{
	free(thing);
	freed++;
}

START_TEST(what_was_given_back_is_taken_again)
{
	struct hf_idle idle;
	void *thing = hf_alloc(1);

	hf_idle_init(&idle, count_freed);
	ck_assert_ptr_null(hf_idle_take(&idle));
	hf_idle_give(&idle, thing);
	ck_assert_ptr_eq(hf_idle_take(&idle), thing);
	ck_assert_ptr_null(hf_idle_take(&idle));
	hf_idle_give(&idle, thing);
	hf_idle_release(&idle);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

START_TEST(no_more_are_kept_than_threads_are_likely_to_need)
{
	struct hf_idle idle;

	hf_idle_init(&idle, count_freed);
	for (unsigned i = 0; i < HF_MOST_IDLE + 3; i++)
		hf_idle_give(&idle, hf_alloc(1));
	ck_assert_uint_eq(freed, 3);
	hf_idle_release(&idle);
	ck_assert_uint_eq(freed, HF_MOST_IDLE + 3);
}
END_TEST

HF_TEST_MAIN("idle", what_was_given_back_is_taken_again,
	no_more_are_kept_than_threads_are_likely_to_need)
