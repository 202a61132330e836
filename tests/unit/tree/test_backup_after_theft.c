/*
 * A thief with a writer's key adds a snapshot of an honest source: every name and time as the last
 * honest one has them, and a content of his own. What the source's next backups make of that.
 */
#include "backend/base/time.h"
#include "backend/repo/history.h"
#include "backend/tree/dir.h"
#include "backend/tree/entry_copy.h"
#include "tests/lib/test.h"
#include "tests/lib/trees.h"

#define FALSE "nobody ever wrote this"

static struct hf_small small;
static struct hf_repo *thief;
static char *dir;
static int64_t theft;

static void setup(void)
{
	struct hf_tree_run run = {0};

	hf_small_init(&small, 1);
	dir = hf_test_dir();
	hf_tree_text(dir, "file", "what somebody did write");
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	thief = hf_small_open_as(&small, HF_WRITE);
	ck_ok(hf_store_now(hf_repo_store(thief), &theft));
	hf_time_set(theft + 60 * HF_NS_PER_S);
}

static void teardown(void)
{
	hf_repo_free(thief);
	hf_small_end(&small);
	hf_test_dir_free(dir);
}

/* A file of these bytes that is else as the honest snapshot has it. A writer's key reads that. */
static void add_false_snapshot(bool finished, size_t size)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_OWNED(hf_writer) writer = hf_small_writer(thief);
	struct hf_record record = {.kind = finished ? HF_RECORD_SNAPSHOT : HF_RECORD_UNFINISHED,
		.of = HF_RECORD_SNAPSHOT};
	struct hf_snapshot_info info;
	struct hf_entry root, file, false_root;
	HF_RELEASED(hf_buf) bytes = {0}, form = {0};
	struct hf_extent extent = {.length = size};

	ck_ok(hf_history_at(thief, "files/test", INT64_MAX, &arena, &info));
	HF_FREED void *own = hf_tree_find(thief, "file", &file);

	ck_assert_ptr_nonnull(own);
	ck_ok(hf_entry_parse_alone(info.snapshot.root, &arena, &root));
	while (bytes.len < size)
		hf_buf_add_span(&bytes, hf_span_str(FALSE));
	extent.chunk = hf_small_put(writer, HF_CONTENT_PACK, hf_span(bytes.at, size));
	file.extents = (struct hf_extents){0};
	hf_extents_add(&file.extents, &extent);
	false_root = hf_small_dir(writer, "", &file, 1);
	root.extents = false_root.extents;
	hf_entry_print_alone(&root, &form);
	record.snapshot = info.snapshot;
	record.snapshot.root = hf_buf_span(&form);
	record.snapshot.moment += 3600 * HF_NS_PER_S;
	record.snapshot.started += 3600 * HF_NS_PER_S;
	record.snapshot.ended += 3600 * HF_NS_PER_S;
	hf_random(record.snapshot.run, sizeof(record.snapshot.run));
	ck_ok(hf_writer_add(writer, &record));
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&file.extents);
	hf_extents_release(&false_root.extents);
}

static size_t file_size(void)
{
	struct hf_entry file;
	HF_FREED void *own = hf_tree_find(small.repo, "file", &file);

	ck_assert_ptr_nonnull(own);
	return file.size;
}

static void restored_same(void)
{
	char *back = hf_tree_restore(small.repo);

	hf_tree_same(dir, back);
	hf_test_dir_free(back);
}

/* finished or not: what is void is nobody's parent, and so is not shown as its content. */
START_TEST(after_a_revocation_no_backup_takes_its_parent_from_the_thief)
{
	struct hf_tree_run run = {0};

	add_false_snapshot(_i, file_size());
	ck_ok(hf_repo_revoke(small.repo, "rights-1", theft));
	hf_time_set(theft + 2 * 3600 * HF_NS_PER_S);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 0);
	ck_assert_uint_eq(run.result.unchanged_files, 1);
	restored_same();
}
END_TEST

/* Before it is found out, a false parent can't be told from an honest one, but all can be read. */
START_TEST(a_forced_backup_heals_what_a_false_parent_said)
{
	struct hf_tree_run run = {.force = true};

	add_false_snapshot(_i, file_size());
	hf_time_set(theft + 2 * 3600 * HF_NS_PER_S);
	ck_ok(hf_tree_backup(small.repo, dir, &run));
	ck_assert_uint_eq(run.watch.opened, 1);
	restored_same();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backup_after_theft");
	TCase *tests = hf_test_case(suite, "backup_after_theft");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(
		tests, after_a_revocation_no_backup_takes_its_parent_from_the_thief, 0, 2);
	tcase_add_loop_test(tests, a_forced_backup_heals_what_a_false_parent_said, 0, 2);
	return hf_test_run_suite(suite);
}
