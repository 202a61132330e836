/* What a session that was cut off leaves to the next one. */
#include "backend/repo/diary.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "backend/format/limits.h"
#include "backend/repo/catalog.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CHUNKS 48
#define CHUNK ((size_t)1 << 20)

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* A session that sends more than a pack, and ends before it publishes. */
static void cut_off(struct hf_id *first)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

	for (unsigned i = 0; i < CHUNKS; i++) {
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(i, CHUNK);
		const struct hf_id id = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));

		if (i == 0)
			*first = id;
	}
	ck_ok(hf_writer_drain(writer));
}

/* How many there are; path (NULL ok): of one of them. */
static size_t diaries(struct hf_buf *path)
{
	DIR *dir = opendir(hf_repo_cache_dir(small.repo));
	size_t n = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *item = readdir(dir); item; item = readdir(dir)) {
		if (strncmp(item->d_name, "sent-", 5) != 0)
			continue;
		if (n++ == 0 && path)
			hf_buf_printf(path, "%s/%s", hf_repo_cache_dir(small.repo), item->d_name);
	}
	closedir(dir);
	return n;
}

static struct hf_buf record_of(uint8_t byte)
{
	struct hf_record record = {.kind = HF_RECORD_PACK};
	struct hf_buf printed = {0};

	record.pack.header.kind = HF_CONTENT_PACK;
	record.pack.size = 4096;
	memset(&record.pack.id, byte, sizeof(record.pack.id));
	hf_record_print(&record, &printed);
	return printed;
}

struct left {
	unsigned records, commits;
};

static struct hf_error *count_record(void *arg, struct hf_span record)
{
	(void)record;
	((struct left *)arg)->records++;
	return NULL;
}

static struct hf_error *count_commit(void *arg)
{
	((struct left *)arg)->commits++;
	return NULL;
}

START_TEST(the_next_session_commits_the_packs_of_one_that_was_cut_off)
{
	struct hf_id first;

	cut_off(&first);
	ck_assert(!hf_small_stored(hf_repo_catalog(small.repo), &first));

	HF_OWNED(hf_writer) next = hf_small_writer(small.repo);
	HF_OWNED(hf_repo) another_machine = hf_small_open(&small);

	ck_assert(hf_small_stored(hf_repo_catalog(small.repo), &first));
	ck_assert(hf_small_stored(hf_repo_catalog(another_machine), &first));
	ck_assert_uint_eq(diaries(NULL), 1);
}
END_TEST

START_TEST(a_session_that_published_leaves_nothing)
{
	struct hf_writer *writer = hf_small_writer(small.repo);

	hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("some content"));
	ck_ok(hf_writer_publish(writer));
	hf_writer_free(writer);

	ck_assert_uint_eq(diaries(NULL), 0);
}
END_TEST

START_TEST(a_pack_that_did_not_arrive_is_not_taken_over)
{
	struct hf_diary *diary = hf_diary_begin(small.repo);
	HF_RELEASED(hf_buf) record = record_of(7);
	struct left left = {0};

	hf_diary_write(diary, hf_buf_span(&record));
	hf_diary_free(diary);
	ck_ok(hf_diary_adopt(small.repo, count_record, count_commit, &left));

	ck_assert_uint_eq(left.records, 0);
	ck_assert_uint_eq(left.commits, 1);
	ck_assert_uint_eq(diaries(NULL), 0);
}
END_TEST

START_TEST(the_diary_of_who_lives_is_left_alone)
{
	HF_OWNED(hf_diary) diary = hf_diary_begin(small.repo);
	HF_RELEASED(hf_buf) record = record_of(7);
	struct left left = {0};

	hf_diary_write(diary, hf_buf_span(&record));
	ck_ok(hf_diary_adopt(small.repo, count_record, count_commit, &left));

	ck_assert_uint_eq(left.commits, 0);
	ck_assert_uint_eq(diaries(NULL), 1);
	hf_diary_clear(diary);
}
END_TEST

/* Each cut of a diary: what is whole before it counts, what is torn does not, and nothing fails. */
START_TEST(a_torn_diary_does_no_harm)
{
	HF_RELEASED(hf_buf) record = record_of(7);
	const size_t item = 4 + sizeof(struct hf_id) + record.len;

	for (size_t cut = 0; cut <= 2 * item; cut++) {
		HF_RELEASED(hf_buf) path = {0};
		struct hf_diary *diary = hf_diary_begin(small.repo);
		struct left left = {0};

		hf_diary_write(diary, hf_buf_span(&record));
		hf_diary_write(diary, hf_buf_span(&record));
		hf_diary_free(diary);
		ck_assert_uint_eq(diaries(&path), 1);
		ck_assert_int_eq(truncate(hf_buf_text(&path), (off_t)cut), 0);
		ck_ok(hf_diary_adopt(small.repo, count_record, count_commit, &left));
		ck_assert_uint_eq(left.commits, 1);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("diary");
	TCase *tests = hf_test_case(suite, "diary");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_next_session_commits_the_packs_of_one_that_was_cut_off);
	tcase_add_test(tests, a_session_that_published_leaves_nothing);
	tcase_add_test(tests, a_pack_that_did_not_arrive_is_not_taken_over);
	tcase_add_test(tests, the_diary_of_who_lives_is_left_alone);
	tcase_add_test(tests, a_torn_diary_does_no_harm);
	return hf_test_run_suite(suite);
}
