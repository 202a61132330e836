/* A repair overwrites a bad copy by what must have stood there, and nothing else. */
#include "backend/repo/mend.h"

#include "backend/format/hash.h"
#include "backend/repo/check.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CHUNK ((size_t)20 << 10)

static struct hf_small small;

struct objects {
	char names[32][128];
	size_t n;
};
static struct objects objects;

static struct hf_error *add_object(void *arg, const struct hf_object *object)
{
	(void)arg;
	ck_assert_uint_lt(objects.n, ARRAY_LEN(objects.names));
	snprintf(objects.names[objects.n++], sizeof(objects.names[0]), "%s", object->name);
	return NULL;
}

static void setup(void)
{
	static const char *const folders[] = {"keyring/", "checkpoints/", "commits/", "meta/"};

	hf_small_init(&small, 2);
	objects.n = 0;
	{
		HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(1, CHUNK);

		hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
		hf_small_put(writer, HF_META_PACK, hf_buf_span(&bytes));
		ck_ok(hf_writer_publish(writer));
	}
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		ck_ok(hf_store_list(hf_repo_store(small.repo), folders[i], "", add_object, NULL));
	ck_assert_uint_eq(objects.n, 4);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static struct hf_check_result repair(bool read_data)
{
	const struct hf_check_options options = {.repair = true, .read_data = read_data};
	struct hf_check_result result;

	ck_ok(hf_check_objects(small.repo, &options, &result));
	return result;
}

static struct hf_buf *at(size_t object, unsigned copy)
{
	return hf_mem_at(small.mem, objects.names[object], copy);
}

static void expect_mended(const struct hf_buf *whole, size_t object)
{
	const struct hf_check_result first = repair(object % 2), second = repair(false);

	ck_assert_msg(first.mended == 1 && first.findings == 0, "%s: %llu mended, %llu found",
		objects.names[object], (unsigned long long)first.mended,
		(unsigned long long)first.findings);
	ck_assert_uint_eq(second.mended + second.findings, 0);
	for (unsigned copy = 0; copy < 2; copy++)
		ck_assert(hf_span_equal(hf_buf_span(at(object, copy)), hf_buf_span(whole)));
}

START_TEST(either_copy_comes_back_from_the_other)
{
	for (size_t object = 0; object < objects.n; object++) {
		for (unsigned copy = 0; copy < 2; copy++) {
			HF_RELEASED(hf_buf) whole = {0};

			hf_buf_add_span(&whole, hf_buf_span(at(object, copy)));
			at(object, copy)->at[whole.len / 2] ^= 4;
			expect_mended(&whole, object);
			at(object, copy)->len -= 3;
			expect_mended(&whole, object);
			hf_mem_lose(small.mem, objects.names[object], copy);
			expect_mended(&whole, object);
		}
	}
}
END_TEST

START_TEST(two_bad_copies_are_both_left_as_they_are)
{
	for (size_t object = 0; object < objects.n; object++) {
		HF_RELEASED(hf_buf) whole = {0}, first = {0}, second = {0};

		hf_buf_add_span(&whole, hf_buf_span(at(object, 0)));
		at(object, 0)->at[whole.len / 2] ^= 4;
		at(object, 1)->at[whole.len / 3] ^= 8;
		hf_buf_add_span(&first, hf_buf_span(at(object, 0)));
		hf_buf_add_span(&second, hf_buf_span(at(object, 1)));
		const struct hf_check_result result = repair(true);

		ck_assert_uint_eq(result.mended, 0);
		ck_assert_uint_ge(result.findings, 2);
		ck_assert(hf_span_equal(hf_buf_span(at(object, 0)), hf_buf_span(&first)));
		ck_assert(hf_span_equal(hf_buf_span(at(object, 1)), hf_buf_span(&second)));
		hf_buf_clear(at(object, 0));
		hf_buf_add_span(at(object, 0), hf_buf_span(&whole));
		hf_buf_clear(at(object, 1));
		hf_buf_add_span(at(object, 1), hf_buf_span(&whole));
	}
}
END_TEST

START_TEST(without_repair_nothing_is_written)
{
	const struct hf_check_options options = {0};
	struct hf_check_result result;

	hf_mem_lose(small.mem, objects.names[2], 1);
	ck_ok(hf_check_objects(small.repo, &options, &result));
	ck_assert_uint_eq(result.findings, 1);
	ck_assert_ptr_null(at(2, 1));
}
END_TEST

static struct hf_error *no_mends(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	(void)name;
	return call == HF_CALL_MEND ? hf_error_new(HF_SYSTEM, "Read-only file system") : NULL;
}

START_TEST(where_nothing_can_be_written_it_is_a_finding)
{
	hf_mem_lose(small.mem, objects.names[2], 1);
	hf_mem_hook(small.mem, no_mends, NULL);
	const struct hf_check_result result = repair(false);

	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(result.mended, 0);
	ck_assert_uint_eq(result.findings, 1);
}
END_TEST

/* Bytes that became bad between the look and the writing are no cure. */
START_TEST(only_what_the_name_vouches_for_is_written)
{
	const bool bad[HF_MEND_COPIES] = {false, true};
	bool mended[HF_MEND_COPIES] = {false};
	struct hf_id id;
	int64_t time;

	at(2, 0)->at[100] ^= 1;
	ck_ok(hf_commit_name_parse(objects.names[2], &time, &id));
	ck_ok(hf_mend(hf_repo_store(small.repo), objects.names[2], &id, bad, mended));
	ck_assert(!mended[0] && !mended[1]);
	at(0, 0)->at[100] ^= 1;
	ck_ok(hf_mend(hf_repo_store(small.repo), objects.names[0], NULL, bad, mended));
	ck_assert(!mended[0] && !mended[1]);
}
END_TEST

START_TEST(what_is_no_object_of_ours_gets_no_second_copy)
{
	const struct hf_span junk = hf_span_str("nothing that Holdfast wrote");
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;

	hf_sha256(junk, &id);
	hf_commit_name(INT64_C(1795514400000000000), &id, name);
	ck_ok(hf_store_put(hf_repo_store(small.repo), name, junk));
	hf_mem_lose(small.mem, name, 1);
	repair(true);
	ck_assert_ptr_nonnull(hf_mem_at(small.mem, name, 0));
	ck_assert_ptr_null(hf_mem_at(small.mem, name, 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mend");
	TCase *tests = hf_test_case(suite, "mend");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, either_copy_comes_back_from_the_other);
	tcase_add_test(tests, two_bad_copies_are_both_left_as_they_are);
	tcase_add_test(tests, without_repair_nothing_is_written);
	tcase_add_test(tests, where_nothing_can_be_written_it_is_a_finding);
	tcase_add_test(tests, only_what_the_name_vouches_for_is_written);
	tcase_add_test(tests, what_is_no_object_of_ours_gets_no_second_copy);
	return hf_test_run_suite(suite);
}
