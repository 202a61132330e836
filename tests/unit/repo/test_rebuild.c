/* Commits that are gone in every copy: what packs and the catalog know of them comes back. */
#include "backend/repo/rebuild.h"

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)
#define CHUNK ((size_t)20 << 10)

static struct hf_small small;
static struct hf_id chunk;

/* A file in a directory, as a snapshot of its own. */
static void back_up(const char *source, int64_t moment, unsigned number)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, CHUNK);
	struct hf_entry file, root;

	chunk = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	file = hf_small_file("a", &chunk, CHUNK);
	root = hf_small_dir(writer, "", &file, 1);
	hf_small_snapshot(writer, source, moment, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&file.extents);
	hf_extents_release(&root.extents);
}

static void setup(void)
{
	hf_small_init(&small, 2);
	back_up("files/one", MOMENT, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static struct hf_error *lose(void *arg, const struct hf_object *object)
{
	struct hf_buf *names = arg;

	hf_buf_add(names, object->name, strlen(object->name) + 1);
	return NULL;
}

static void lose_commits(void)
{
	HF_RELEASED(hf_buf) names = {0};

	ck_ok(hf_store_list(hf_repo_store(small.repo), "commits/", "", lose, &names));
	ck_assert_uint_gt(names.len, 0);
	for (size_t at = 0; at < names.len; at += strlen((char *)names.at + at) + 1) {
		hf_mem_lose(small.mem, (char *)names.at + at, 0);
		hf_mem_lose(small.mem, (char *)names.at + at, 1);
	}
}

static struct hf_rebuilt rebuild(struct hf_repo *repo)
{
	struct hf_rebuilt rebuilt;

	ck_ok(hf_numbered_rebuild(repo, &rebuilt));
	return rebuilt;
}

static size_t snapshots_of(struct hf_repo *repo, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_history_snapshots(repo, source, &arena, &snapshots));
	return snapshots.n;
}

/* As whoever comes from now on sees it: that many snapshots, all that is there is well. */
static void expect_whole(const char *source, size_t n)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	struct hf_repo *const repos[] = {small.repo, fresh};

	ck_ok(hf_repo_sync(small.repo, NULL));
	for (size_t i = 0; i < ARRAY_LEN(repos); i++) {
		const struct hf_check_options options = {.read_data = true};
		struct hf_check_result result;
		HF_OWNED(hf_reader) reader = NULL;
		HF_CHUNK_REF bytes = NULL;

		ck_assert_uint_eq(snapshots_of(repos[i], source), n);
		ck_ok(hf_check_objects(repos[i], &options, &result));
		ck_assert_uint_eq(result.findings, 0);
		ck_ok(hf_reader_open(repos[i], 1 << 20, 0, &reader));
		ck_ok(hf_reader_get(reader, HF_CONTENT_PACK, &chunk, &bytes));
	}
}

START_TEST(a_whole_repository_is_left_as_it_is)
{
	const size_t commits = hf_mem_count(small.mem, "commits/");
	const struct hf_rebuilt rebuilt = rebuild(small.repo);

	ck_assert_uint_eq(rebuilt.commits_lost + rebuilt.packs + rebuilt.records + rebuilt.left, 0);
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
	expect_whole("files/one", 1);
}
END_TEST

START_TEST(a_machine_that_knew_nothing_finds_all_in_the_packs)
{
	lose_commits();
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_of(other, NULL), 0);
	const struct hf_rebuilt rebuilt = rebuild(other);

	ck_assert_uint_eq(rebuilt.packs, 2);
	ck_assert_uint_eq(rebuilt.records, 1);
	ck_assert_uint_eq(snapshots_of(other, "files/one"), 1);
	rebuild(small.repo);
	expect_whole("files/one", 1);
}
END_TEST

START_TEST(what_no_pack_repeats_comes_from_the_catalog)
{
	/* The same content again: no pack is needed, so none tells of it. */
	back_up("files/two", MOMENT + HF_NS_PER_S, 1);
	lose_commits();
	const struct hf_rebuilt rebuilt = rebuild(small.repo);

	ck_assert_uint_eq(rebuilt.commits_lost, 2);
	ck_assert_uint_eq(rebuilt.packs, 2);
	ck_assert_uint_eq(rebuilt.records, 2);
	expect_whole("files/two", 1);
	expect_whole("files/one", 1);
}
END_TEST

static void add(struct hf_writer *writer, struct hf_record *record, enum hf_record_kind kind)
{
	record->kind = kind;
	record->of = HF_RECORD_SNAPSHOT;
	ck_ok(hf_writer_add(writer, record));
	ck_ok(hf_writer_publish(writer));
}

/* As a backup does it: first all that is in it, then, after a look, that it is finished. */
START_TEST(a_snapshot_that_lost_its_last_commit_alone_is_finished_again)
{
	HF_RELEASED(hf_buf) before = {0}, after = {0}, form = {0};
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(3, CHUNK);
	struct hf_entry file, root;
	uint64_t unended;

	chunk = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	file = hf_small_file("a", &chunk, CHUNK);
	root = hf_small_dir(writer, "", &file, 1);
	hf_entry_print_alone(&root, &form);
	struct hf_record record = {.snapshot = {.source = hf_span_str("files/two"),
					   .moment = MOMENT,
					   .started = MOMENT,
					   .ended = MOMENT,
					   .root = hf_buf_span(&form)}};

	add(writer, &record, HF_RECORD_UNFINISHED);
	ck_ok(hf_store_list(hf_repo_store(small.repo), "commits/", "", lose, &before));
	add(writer, &record, HF_RECORD_SNAPSHOT);
	ck_ok(hf_store_list(hf_repo_store(small.repo), "commits/", "", lose, &after));
	for (size_t at = 0; at < after.len; at += strlen((char *)after.at + at) + 1) {
		const char *name = (char *)after.at + at;

		if (memmem(before.at, before.len, name, strlen(name)))
			continue;
		hf_mem_lose(small.mem, name, 0);
		hf_mem_lose(small.mem, name, 1);
	}
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_of(other, "files/two"), 0);
	ck_ok(hf_numbered_unended(other, &unended));
	ck_assert_uint_eq(unended, 1);
	ck_assert_uint_eq(rebuild(other).records, 1);
	ck_assert_uint_eq(snapshots_of(other, "files/two"), 1);
	ck_ok(hf_numbered_unended(other, &unended));
	ck_assert_uint_eq(unended, 0);
	ck_assert_uint_eq(rebuild(other).records, 0);
	rebuild(small.repo);
	expect_whole("files/two", 1);
	hf_extents_release(&file.extents);
	hf_extents_release(&root.extents);
}
END_TEST

static void forget_first(void)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	back_up("files/one", MOMENT + HF_NS_PER_S, 2);
	ck_ok(hf_history_snapshots(small.repo, "files/one", &arena, &snapshots));
	ck_assert_uint_eq(snapshots.n, 2);
	ck_ok(hf_forget(small.repo, &snapshots.at[0].id, 1));
	ck_assert_uint_eq(snapshots_of(small.repo, "files/one"), 1);
}

START_TEST(what_was_forgotten_stays_so_where_the_catalog_knows)
{
	forget_first();
	lose_commits();
	rebuild(small.repo);
	expect_whole("files/one", 1);
}
END_TEST

START_TEST(what_was_forgotten_may_come_back_where_nobody_knows)
{
	forget_first();
	lose_commits();
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	rebuild(other);
	rebuild(small.repo);
	ck_assert_uint_eq(snapshots_of(other, "files/one"), 2);
}
END_TEST

START_TEST(a_pack_that_is_hurt_is_left)
{
	struct hf_pack pack;
	char name[HF_COMMIT_NAME_LEN + 1];

	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 1, &pack));
	hf_pack_object_name(&pack, name);
	hf_mem_at(small.mem, name, 0)->at[HF_HEADER_LEN] ^= 1;
	if (pack.kind == HF_META_PACK)
		hf_mem_at(small.mem, name, 1)->at[HF_HEADER_LEN] ^= 1;
	lose_commits();
	const struct hf_rebuilt rebuilt = rebuild(small.repo);

	ck_assert_uint_eq(rebuilt.packs, 1);
	ck_assert_uint_eq(rebuilt.left, 1);
}
END_TEST

START_TEST(who_may_not_write_makes_nothing)
{
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);
	struct hf_rebuilt rebuilt;

	ck_ok(hf_numbered_rebuild(reader, &rebuilt));
	lose_commits();
	ck_fails(HF_DENIED, hf_numbered_rebuild(reader, &rebuilt));
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), 0);
	ck_assert_uint_eq(snapshots_of(reader, "files/one"), 1);
}
END_TEST

START_TEST(what_this_key_may_not_say_again_stays_in_the_catalog)
{
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);

	forget_first();
	ck_ok(hf_repo_sync(writer, NULL));
	lose_commits();
	ck_assert_uint_eq(rebuild(writer).left, 1); /* the tombstone */
	ck_assert_uint_eq(snapshots_of(writer, "files/one"), 1);
}
END_TEST

START_TEST(what_the_catalog_has_and_the_store_denies_goes)
{
	const struct hf_table none = {0};
	const struct hf_pack pack = {.id = {{7}}, .kind = HF_CONTENT_PACK, .size = 100};
	const struct hf_check_options options = {0};
	struct hf_check_result result;
	int64_t n;

	ck_ok(hf_catalog_add_pack(hf_repo_catalog(small.repo), &pack, &none, &n));
	ck_ok(hf_check_objects(small.repo, &options, &result));
	ck_assert_uint_eq(result.findings, 1);
	rebuild(small.repo);
	expect_whole("files/one", 1);
}
END_TEST

/* Numbers of packs are kept by who reads meanwhile: none may come to mean another pack. */
START_TEST(no_number_of_a_pack_is_given_twice)
{
	struct hf_pack before, after;

	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 1, &before));
	rebuild(small.repo);
	ck_fails(HF_NOT_FOUND, hf_catalog_pack(hf_repo_catalog(small.repo), 1, &after));
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 3, &after));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rebuild");
	TCase *tests = hf_test_case(suite, "rebuild");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_whole_repository_is_left_as_it_is);
	tcase_add_test(tests, a_machine_that_knew_nothing_finds_all_in_the_packs);
	tcase_add_test(tests, what_no_pack_repeats_comes_from_the_catalog);
	tcase_add_test(tests, a_snapshot_that_lost_its_last_commit_alone_is_finished_again);
	tcase_add_test(tests, what_was_forgotten_stays_so_where_the_catalog_knows);
	tcase_add_test(tests, what_was_forgotten_may_come_back_where_nobody_knows);
	tcase_add_test(tests, a_pack_that_is_hurt_is_left);
	tcase_add_test(tests, who_may_not_write_makes_nothing);
	tcase_add_test(tests, what_this_key_may_not_say_again_stays_in_the_catalog);
	tcase_add_test(tests, what_the_catalog_has_and_the_store_denies_goes);
	tcase_add_test(tests, no_number_of_a_pack_is_given_twice);
	return hf_test_run_suite(suite);
}
