/* Packs are lost, marked, and the source is backed up once more: what is whole again, and what not.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/history.h"
#include "backend/repo/wanted.h"
#include "backend/tree/check_tree.h"
#include "backend/tree/restore.h"
#include "tests/lib/test.h"
#include "tests/lib/trees.h"

static struct hf_small small;
static char *dir;
static struct hf_tree_run run;

static void setup(void)
{
	hf_small_init(&small, 1);
	dir = hf_test_dir();
	run = (struct hf_tree_run){.workers = 2};
}

static void teardown(void)
{
	hf_small_end(&small);
	hf_test_dir_free(dir);
}

static void back_up(void)
{
	ck_ok(hf_tree_backup(small.repo, dir, &run));
}

/* ---- losing and marking ---- */

struct loss {
	const char *folder;
	unsigned every, met; /* each so manieth pack there is lost */
	struct hf_id *packs;
	size_t n, cap;
	struct hf_wanted *copies;
	size_t n_copies, copies_cap;
};

static struct hf_error *lose_pack(void *arg, const struct hf_pack *pack)
{
	struct loss *loss = arg;
	char name[HF_COMMIT_NAME_LEN + 1];

	hf_pack_object_name(pack, name);
	if (strncmp(name, loss->folder, strlen(loss->folder)) != 0 ||
		!hf_mem_at(small.mem, name, 0))
		return NULL;
	if (loss->met++ % loss->every == 0) {
		hf_mem_lose(small.mem, name, 0);
		/* Its place in the list is the catalog's number of it. */
		loss->packs =
			hf_grow(loss->packs, &loss->cap, (size_t)pack->n + 1, sizeof(*loss->packs));
		while (loss->n <= (size_t)pack->n)
			loss->packs[loss->n++] = (struct hf_id){{0}};
		loss->packs[pack->n] = pack->id;
	}
	return NULL;
}

static struct hf_error *add_copy(void *arg, const struct hf_location *place)
{
	struct loss *loss = arg;

	if ((size_t)place->pack >= loss->n || hf_id_is_zero(&loss->packs[place->pack]))
		return NULL;
	loss->copies =
		hf_grow(loss->copies, &loss->copies_cap, loss->n_copies + 1, sizeof(*loss->copies));
	loss->copies[loss->n_copies++] =
		(struct hf_wanted){.chunk = place->row.id, .pack = loss->packs[place->pack]};
	return NULL;
}

/* Loses packs, and marks their chunks as a check that reads all does. */
static void lose(const char *folder, unsigned every)
{
	struct loss loss = {.folder = folder, .every = every};
	struct hf_catalog *catalog = hf_repo_catalog(small.repo);

	ck_ok(hf_catalog_each_pack(catalog, lose_pack, &loss));
	ck_ok(hf_catalog_each_place(catalog, add_copy, &loss));
	ck_assert_uint_gt(loss.n_copies, 0);
	ck_ok(hf_repo_mark_wanted(small.repo, loss.copies, loss.n_copies));
	free(loss.packs);
	free(loss.copies);
}

/* ---- what can be read ---- */

struct told {
	struct hf_buf paths; /* a line each */
	unsigned n;
};

static void told_release(struct told *told)
{
	hf_buf_release(&told->paths);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static void tell_failed(void *arg, const char *path, const struct hf_error *err)
{
	struct told *told = arg;

	ck_assert_msg(hf_error_kind(err) == HF_CORRUPT, "%s: %s", path, hf_error_text(err));
	told->n++;
	hf_buf_printf(&told->paths, "%s\n", path);
}

static bool tells(struct told *told, const char *path)
{
	HF_FREED char *line = hf_format("%s\n", path);

	return told->n > 0 && strstr(hf_buf_text(&told->paths), line) != NULL;
}

/* Snapshot i, as another machine restores it into a new folder. */
static char *restored(size_t i, struct told *told)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	HF_RELEASED(hf_arena) arena = {0};
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_snapshots snapshots;
	struct hf_entry root;
	char *back = hf_test_dir();
	struct hf_restore restore = {.target = back, .failed = tell_failed, .arg = told};

	ck_ok(hf_history_snapshots(other, "files/test", &arena, &snapshots));
	ck_assert_uint_lt(i, snapshots.n);
	ck_ok(hf_entry_parse_alone(snapshots.at[i].snapshot.root, &arena, &root));
	ck_ok(hf_reader_open(other, 16 << 20, 0, &reader));
	restore.reader = reader;
	struct hf_error *err = hf_restore_run(&restore, &root);

	ck_assert_int_eq(err != NULL, told->n > 0);
	hf_error_free(err); /* what it says was told */
	return back;
}

static char *copy_of(size_t i)
{
	TOLD told = {0};
	char *back = restored(i, &told);

	ck_assert_uint_eq(told.n, 0);
	return back;
}

static void whole(size_t i, const char *as)
{
	TOLD told = {0};
	char *back = restored(i, &told);

	ck_assert_msg(told.n == 0, "of snapshot %zu is lost: %s", i, hf_buf_text(&told.paths));
	hf_tree_same(as, back);
	hf_test_dir_free(back);
}

static unsigned lost_of(size_t i)
{
	TOLD told = {0};

	hf_test_dir_free(restored(i, &told));
	return told.n;
}

/* ---- what a check says ---- */

static void note_lost(void *arg, const struct hf_finding *finding)
{
	if (finding->lost && finding->chunk)
		hf_map_put(arg, finding->chunk, NULL);
}

static uint64_t hurt_paths(void)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_map lost = {0};
	const struct hf_check_options objects = {
		.read_data = true, .found = note_lost, .arg = &lost};
	struct hf_check_tree trees = {.lost = &lost};
	struct hf_check_tree_result of_trees;
	struct hf_check_result of_objects;

	ck_ok(hf_reader_open(other, 16 << 20, 0, &reader));
	trees.reader = reader;
	ck_ok(hf_check_objects(other, &objects, &of_objects));
	ck_ok(hf_check_trees(&trees, &of_trees));
	hf_map_release(&lost);
	return of_trees.hurt_paths;
}

/* ---- one more backup of what did not change ---- */

/* Many packs: each is closed after so many bytes. */
#define SMALL_PACKS (1u << 17)

static void make_tree(void)
{
	hf_tree_zoo(dir);
	hf_tree_files(dir, "many/f", 60, 0, 8000);
	hf_tree_files(dir, "some/g", 4, 100000, 300000);
	hf_tree_files(dir, "large/h", 1, 600000, 900000);
}

START_TEST(what_was_lost_is_whole_after_one_backup_of_the_unchanged_source)
{
	char *before;

	make_tree();
	run.workers = (unsigned)_i * 2;
	run.publish_bytes = SMALL_PACKS;
	back_up();
	before = copy_of(0);
	lose("packs/", _i ? 1 : 3);
	ck_assert_uint_gt(lost_of(0), 0);
	run.publish_bytes = 0;
	back_up();
	whole(0, before);
	whole(1, before);
	ck_assert_uint_eq(hurt_paths(), 0);

	/* And then there is peace. */
	back_up();
	ck_assert_uint_eq(run.watch.opened, 0);
	whole(0, before);
	whole(2, before);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(what_stood_in_can_be_lost_and_heal_too)
{
	char *before;

	make_tree();
	back_up();
	before = copy_of(0);
	for (size_t round = 1; round < 4; round++) {
		/* One that is changed, so that the chunks are not those of before. */
		hf_tree_text(dir, "many/f00000", round % 2 ? "odd" : "even");
		lose("packs/", 1);
		back_up();
	}
	TOLD told = {0};
	char *back = restored(0, &told);

	ck_assert_msg(told.n == 1, "%s", hf_buf_text(&told.paths));
	ck_assert(tells(&told, "many/f00000"));
	hf_test_dir_free(back);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(only_the_old_content_of_what_changed_since_is_lost_and_it_is_named)
{
	static const char *const changed[] = {"many/f00003", "many/f00047", "some/g00002"};
	char *before;
	TOLD told = {0};

	make_tree();
	back_up();
	before = copy_of(0);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		hf_tree_text(dir, changed[i], "it is not what it was");
	lose("packs/", 1);
	back_up();
	whole(1, dir);

	char *back = restored(0, &told);

	ck_assert_msg(told.n == ARRAY_LEN(changed), "%s", hf_buf_text(&told.paths));
	ck_assert_uint_eq(hurt_paths(), ARRAY_LEN(changed));
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		HF_FREED char *old = hf_test_path(before, changed[i]);

		ck_assert_msg(tells(&told, changed[i]), "%s", changed[i]);
		ck_assert_int_eq(unlink(old), 0);
	}
	hf_tree_same(before, back);
	hf_test_dir_free(back);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(equal_content_under_the_same_name_heals_what_lies_in_another_chunk)
{
	char *before;

	make_tree();
	back_up();
	before = copy_of(0);
	for (unsigned i = 0; i < 60; i += 3) {
		HF_FREED char *name = hf_format("%s/many/f%05u", dir, i);

		ck_assert_int_eq(utimensat(AT_FDCWD, name, NULL, 0), 0);
	}
	/* The first backup's packs alone. */
	struct loss loss = {.folder = "packs/", .every = 1};
	HF_OWNED(hf_repo) first = hf_small_open(&small);

	back_up();
	ck_assert_uint_eq(run.watch.opened, 20);
	back_up();
	ck_ok(hf_catalog_each_pack(hf_repo_catalog(first), lose_pack, &loss));
	ck_ok(hf_catalog_each_place(hf_repo_catalog(first), add_copy, &loss));
	ck_ok(hf_repo_mark_wanted(small.repo, loss.copies, loss.n_copies));
	free(loss.packs);
	free(loss.copies);
	back_up();
	/* What lies in the second's packs is not read for that. */
	ck_assert_uint_lt(run.watch.opened, run.result.files - 19);
	whole(0, before);
	whole(1, before);
	whole(2, before);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(a_backup_that_was_cut_off_heals_with_the_next)
{
	char *before;

	make_tree();
	run.publish_bytes = SMALL_PACKS;
	back_up();
	before = copy_of(0);
	lose("packs/", 1);
	run.watch.fail_after = 50;
	ck_fails(HF_CANCELLED, hf_tree_backup(small.repo, dir, &run));
	run.watch.fail_after = 0;
	atomic_store(&run.watch.stop.raised, false);
	back_up();
	whole(0, before);
	whole(1, before);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(a_key_that_only_writes_heals)
{
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	char *before;

	make_tree();
	ck_ok(hf_tree_backup(writer, dir, &run));
	ck_ok(hf_repo_sync(small.repo, NULL));
	before = copy_of(0);
	hf_tree_text(dir, "many/f00003", "so that no chunk is the same again");
	lose("packs/", 1);
	ck_ok(hf_tree_backup(writer, dir, &run));
	ck_assert_uint_eq(lost_of(0), 1);
	whole(1, dir);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(a_dry_run_says_what_would_be_read_and_supplies_nothing)
{
	make_tree();
	back_up();
	lose("packs/", 1);
	const size_t commits = hf_mem_count(small.mem, "commits/");

	run.dry_run = true;
	back_up();
	ck_assert_uint_gt(run.watch.opened, 50);
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
}
END_TEST

/* ---- metadata ---- */

START_TEST(lost_directories_are_read_anew_and_older_snapshots_lack_them)
{
	char *before;

	make_tree();
	back_up();
	before = copy_of(0);
	lose("meta/", 1);
	back_up();
	whole(1, before);
	ck_assert_uint_gt(lost_of(0), 0);
	back_up();
	ck_assert_uint_eq(run.watch.opened, 0);
	whole(2, before);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(a_lost_secret_or_list_of_extents_costs_one_reading)
{
	HF_OWNED(hf_repo) other = NULL;
	struct hf_entry entry;
	char *before;

	/* Directories and secret lie in packs of their own, for they are published apart. */
	hf_tree_files(dir, "a/f", 5, 1000, 2000);
	back_up();
	hf_tree_text(dir, "b", "its secret is another");
	back_up();
	before = copy_of(1);

	void *own = hf_tree_find(small.repo, "a/f00001", &entry);
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &entry.secret.at[0].chunk, places, &n));
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &pack));
	const struct hf_wanted secret = {.chunk = entry.secret.at[0].chunk, .pack = pack.id};

	ck_ok(hf_repo_mark_wanted(small.repo, &secret, 1));
	back_up();
	ck_assert_uint_eq(run.watch.opened, 5);
	back_up();
	ck_assert_uint_eq(run.watch.opened, 0);
	whole(3, before);
	free(own);
	hf_test_dir_free(before);
}
END_TEST

/* ---- who lies ---- */

static void lie(struct hf_repo *thief, const struct hf_entry *entry, const char *text)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(thief);
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_extent instead = {.length = entry->size};
	struct hf_record record = {.kind = HF_RECORD_SUBSTITUTE};

	while (bytes.len < entry->size)
		hf_buf_add(&bytes, text, HF_MIN(strlen(text), entry->size - bytes.len));
	instead.chunk = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	record.substitute = (struct hf_substitute){
		.lost = entry->extents.at[0].chunk,
		.offset = entry->extents.at[0].offset,
		.length = (uint32_t)entry->size,
		.extents = {.at = &instead, .n = 1},
	};
	ck_ok(hf_writer_add(writer, &record));
	ck_ok(hf_writer_publish(writer));
}

START_TEST(a_false_substitute_is_never_shown_and_keeps_the_right_one_from_nothing)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	struct hf_entry entry;
	char *before;

	hf_tree_files(dir, "f", 20, 1000, 9000);
	back_up();
	before = copy_of(0);
	void *own = hf_tree_find(small.repo, "f00007", &entry);

	hf_tree_text(dir, "f00000", "so that the chunk is not the same again");
	lose("packs/", 1);
	ck_ok(hf_repo_sync(thief, NULL));
	lie(thief, &entry, "a lie. ");
	lie(thief, &entry, "another. ");
	ck_ok(hf_repo_sync(small.repo, NULL));
	{
		TOLD told = {0};
		char *back = restored(0, &told);
		HF_FREED char *file = hf_test_path(back, "f00007");

		ck_assert(tells(&told, "f00007"));
		ck_assert_int_ne(access(file, F_OK), 0);
		hf_test_dir_free(back);
	}
	back_up();
	{
		TOLD told = {0};
		char *back = restored(0, &told);
		HF_FREED char *changed = hf_test_path(before, "f00000");

		ck_assert_msg(told.n == 1, "%s", hf_buf_text(&told.paths));
		ck_assert(tells(&told, "f00000"));
		ck_assert_int_eq(unlink(changed), 0);
		hf_tree_same(before, back);
		hf_test_dir_free(back);
	}
	free(own);
	hf_test_dir_free(before);
}
END_TEST

START_TEST(substitutes_that_stand_in_for_each_other_come_to_an_end)
{
	struct hf_record record = {.kind = HF_RECORD_SUBSTITUTE};
	struct hf_entry entry;

	hf_tree_files(dir, "f", 3, 1000, 9000);
	back_up();
	void *own = hf_tree_find(small.repo, "f00001", &entry);

	lose("packs/", 1);
	record.substitute = (struct hf_substitute){
		.lost = entry.extents.at[0].chunk,
		.offset = entry.extents.at[0].offset,
		.length = (uint32_t)entry.size,
		.extents = entry.extents,
	};
	{
		HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

		ck_ok(hf_writer_add(writer, &record));
		ck_ok(hf_writer_publish(writer));
	}
	ck_assert_uint_eq(lost_of(0), 3);
	back_up();
	ck_assert_uint_eq(lost_of(0), 0);
	free(own);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heal");
	TCase *tests = hf_test_case(suite, "heal");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(
		tests, what_was_lost_is_whole_after_one_backup_of_the_unchanged_source, 0, 2);
	tcase_add_test(tests, what_stood_in_can_be_lost_and_heal_too);
	tcase_add_test(tests, only_the_old_content_of_what_changed_since_is_lost_and_it_is_named);
	tcase_add_test(tests, equal_content_under_the_same_name_heals_what_lies_in_another_chunk);
	tcase_add_test(tests, a_backup_that_was_cut_off_heals_with_the_next);
	tcase_add_test(tests, a_key_that_only_writes_heals);
	tcase_add_test(tests, a_dry_run_says_what_would_be_read_and_supplies_nothing);
	tcase_add_test(tests, lost_directories_are_read_anew_and_older_snapshots_lack_them);
	tcase_add_test(tests, a_lost_secret_or_list_of_extents_costs_one_reading);
	tcase_add_test(
		tests, a_false_substitute_is_never_shown_and_keeps_the_right_one_from_nothing);
	tcase_add_test(tests, substitutes_that_stand_in_for_each_other_come_to_an_end);
	return hf_test_run_suite(suite);
}
