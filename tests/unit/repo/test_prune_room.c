/* Where a prune has no room to write: what it tried goes again. */
#include "backend/repo/prune.h"

#include <string.h>

#include "backend/repo/forget.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* Its disk is full from the at-th put on of what is meant. */
struct full {
	const char *prefix;
	unsigned at, count;
};

static struct hf_error *no_room(void *arg, enum hf_store_call call, const char *name)
{
	struct full *full = arg;

	if (call != HF_CALL_PUT || strncmp(name, full->prefix, strlen(full->prefix)) != 0)
		return NULL;
	return ++full->count >= full->at ? hf_error_new(HF_SYSTEM, "%s: no space left", name)
					 : NULL;
}

static size_t packs_there(void)
{
	return hf_mem_count(small.mem, "packs/") + hf_mem_count(small.mem, "meta/");
}

/* Tries with more and more room until it is enough: until then nothing may be more than before. */
static unsigned prune_in_little_room(const char *prefix)
{
	const size_t before = packs_there();
	struct hf_prune_result result;
	unsigned tries = 0;

	for (struct hf_error *err = hf_error_new(HF_BUG, "not tried"); err; tries++) {
		struct full full = {.prefix = prefix, .at = tries + 1};

		hf_error_free(err); /* of the try before */
		ck_assert_uint_lt(tries, 20);
		hf_mem_hook(small.mem, no_room, &full);
		err = hf_numbered_prune(small.repo, -1, &result);
		hf_mem_hook(small.mem, NULL, NULL);
		if (err)
			ck_assert_uint_le(packs_there(), before);
	}
	return tries;
}

/* Or the tries would eat what room there is, until none has any. */
START_TEST(a_prune_without_room_leaves_nothing_behind)
{
	uint8_t first[1][HF_SNAPSHOT_ID_LEN];

	ck_ok(hf_numbered_backup(small.repo, "files/a", 1, 0xffff, first[0]));
	ck_ok(hf_numbered_backup(small.repo, "files/a", 2, 0x0001, NULL));
	ck_ok(hf_forget(small.repo, first, 1));
	hf_mem_pass(small.mem, 4);
	ck_assert_uint_eq(prune_in_little_room("packs/"), 2);
	hf_mem_pass(small.mem, 4);
	ck_assert_uint_gt(prune_in_little_room("meta/"), 2);
	for (unsigned i = 0; i < 2; i++) {
		struct hf_prune_result result;

		hf_mem_pass(small.mem, 4);
		ck_ok(hf_numbered_prune(small.repo, -1, &result));
	}
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	hf_numbered_expect(&small, NULL, (const hf_files[]){0x0001}, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prune_room");
	TCase *tests = hf_test_case(suite, "prune_room");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_prune_without_room_leaves_nothing_behind);
	return hf_test_run_suite(suite);
}
