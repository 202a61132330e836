/* A check beside those who write: what has its second copy a moment later is no damage. */
#include "backend/repo/halves.h"

#include <string.h>

#include "backend/repo/catalog.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

static struct hf_small small;

static void publish(struct hf_repo *repo, unsigned number)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, 4096);

	hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	ck_ok(hf_writer_publish(writer));
}

static void setup(void)
{
	hf_small_init(&small, 2);
	publish(small.repo, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static hf_err note_name(void *arg, const struct hf_object *object)
{
	snprintf(arg, HF_COMMIT_NAME_LEN + 1, "%s", object->name);
	return NULL;
}

/* The last one by name. */
static void newest_in(const char *folder, char name[HF_COMMIT_NAME_LEN + 1])
{
	ck_ok(hf_store_list(hf_repo_store(small.repo), folder, "", note_name, name));
}

static hf_err note_unknown(void *arg, const struct hf_object *object)
{
	bool has;

	HF_TRY(hf_catalog_has_commit(hf_repo_catalog(small.repo), object->name, &has));
	return has ? NULL : note_name(arg, object);
}

struct told {
	struct hf_check_result result;
	char object[HF_COMMIT_NAME_LEN + 1], text[256]; /* of the last that is no damage, or is */
};

static void note(void *arg, const struct hf_finding *finding)
{
	struct told *told = arg;

	snprintf(told->object, sizeof(told->object), "%s", finding->object);
	snprintf(told->text, sizeof(told->text), "%s", finding->text);
}

static struct told check(void)
{
	struct told told = {0};
	const struct hf_check_options options = {.read_data = true, .found = note, .arg = &told};

	ck_ok(hf_check_objects(small.repo, &options, &told.result));
	return told;
}

/* A writer that is slow: its second copy comes between the check's first look and its second. */
struct slow {
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_buf bytes;
	unsigned looks; /* at either copy */
	unsigned late;  /* looks that are too early for it; 0: two */
	bool came, hurt;
};

static struct hf_error *come_late(void *arg, enum hf_store_call call, const char *name)
{
	struct slow *slow = arg;

	if (call != HF_CALL_STAT || slow->came || strcmp(name, slow->name) != 0)
		return NULL;
	if (++slow->looks <= (slow->late ? slow->late : 2))
		return NULL;
	slow->came = true;
	ck_ok(hf_store_mend(hf_repo_store(small.repo), slow->name, 1, hf_buf_span(&slow->bytes)));
	return NULL;
}

static struct told check_beside(struct slow *slow)
{
	newest_in("commits/", slow->name);
	hf_buf_add_span(&slow->bytes, hf_buf_span(hf_mem_at(small.mem, slow->name, 0)));
	if (slow->hurt)
		slow->bytes.at[80] ^= 1;
	hf_mem_lose(small.mem, slow->name, 1);
	hf_mem_hook(small.mem, come_late, slow);
	struct told told = check();

	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert(slow->came);
	hf_buf_release(&slow->bytes);
	return told;
}

START_TEST(a_second_copy_that_comes_while_a_check_runs_is_no_finding)
{
	struct slow slow = {0};
	const struct told told = check_beside(&slow);

	ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
	ck_assert_uint_eq(told.result.notes, 0);
}
END_TEST

START_TEST(a_writer_that_is_between_its_two_copies_all_the_while_is_waited_for)
{
	struct slow slow = {.late = 6};
	const struct told told = check_beside(&slow);

	ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
	ck_assert_uint_eq(told.result.notes, 0);
}
END_TEST

START_TEST(one_that_comes_and_is_bad_is_a_finding)
{
	struct slow slow = {.hurt = true};
	const struct told told = check_beside(&slow);

	ck_assert_uint_eq(told.result.findings, 1);
	ck_assert_str_eq(told.object, slow.name);
	ck_assert_ptr_nonnull(strstr(told.text, "second copy"));
}
END_TEST

START_TEST(one_that_does_not_come_is_a_finding_where_the_catalog_knew_the_object)
{
	char name[HF_COMMIT_NAME_LEN + 1];

	newest_in(_i ? "keyring/" : "commits/", name);
	hf_mem_lose(small.mem, name, 1);
	const struct told told = check();

	ck_assert_uint_eq(told.result.findings, 1);
	ck_assert_str_eq(told.object, name);
	ck_assert_str_eq(told.text, "second copy: it is missing");
}
END_TEST

/* Its writer is still at it, and the check was too quick for two looks to be far apart. */
START_TEST(a_commit_that_came_after_the_last_sync_may_lack_its_second_copy)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	char name[HF_COMMIT_NAME_LEN + 1];

	publish(other, 2);
	ck_ok(hf_store_list(hf_repo_store(small.repo), "commits/", "", note_unknown, name));
	hf_mem_lose(small.mem, name, 1);
	const struct told told = check();

	ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
	ck_assert_uint_ge(told.result.notes, 1);
}
END_TEST

START_TEST(a_keyring_that_came_after_the_last_sync_may_lack_its_second_copy)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	char name[HF_COMMIT_NAME_LEN + 1];

	ck_ok(hf_repo_rotate(other));
	newest_in("keyring/", name);
	hf_mem_lose(small.mem, name, 1);
	const struct told told = check();

	ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
	ck_assert_uint_eq(told.result.notes, 1);
	ck_assert_str_eq(told.object, name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("halves");
	TCase *tests = hf_test_case(suite, "halves");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_second_copy_that_comes_while_a_check_runs_is_no_finding);
	tcase_add_test(tests, a_writer_that_is_between_its_two_copies_all_the_while_is_waited_for);
	tcase_add_test(tests, one_that_comes_and_is_bad_is_a_finding);
	tcase_add_loop_test(
		tests, one_that_does_not_come_is_a_finding_where_the_catalog_knew_the_object, 0, 2);
	tcase_add_test(tests, a_commit_that_came_after_the_last_sync_may_lack_its_second_copy);
	tcase_add_test(tests, a_keyring_that_came_after_the_last_sync_may_lack_its_second_copy);
	return hf_test_run_suite(suite);
}
