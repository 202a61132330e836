/* Which paths of which snapshots are hurt, when chunks are lost. */
#include "backend/tree/check_tree.h"

#include <string.h>

#include "backend/repo/catalog.h"
#include "backend/repo/catalog_state.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CHUNK ((size_t)10 << 10)

static struct hf_small small;
static struct hf_id chunks[4];

static struct hf_id put(struct hf_writer *writer, unsigned number)
{
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, CHUNK);

	return hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
}

/*
 * Two snapshots: in both etc/hosts (chunk 0) and etc/ssh/config (chunk 1); in the first `old`
 * (chunk 2), in the second `new` (chunk 3).
 */
static void setup(void)
{
	hf_small_init(&small, 2);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

	for (unsigned i = 0; i < ARRAY_LEN(chunks); i++)
		chunks[i] = put(writer, i);
	struct hf_entry config = hf_small_file("config", &chunks[1], CHUNK);
	struct hf_entry etc[] = {
		hf_small_file("hosts", &chunks[0], CHUNK), hf_small_dir(writer, "ssh", &config, 1)};
	struct hf_entry first[] = {
		hf_small_dir(writer, "etc", etc, 2), hf_small_file("old", &chunks[2], CHUNK)};
	struct hf_entry second[] = {first[0], hf_small_file("new", &chunks[3], CHUNK)};
	struct hf_entry roots[] = {
		hf_small_dir(writer, "", first, 2), hf_small_dir(writer, "", second, 2)};

	hf_small_snapshot(writer, "files/here", 100, &roots[0]);
	hf_small_snapshot(writer, "files/here", 200, &roots[1]);
	ck_ok(hf_writer_publish(writer));

	hf_extents_release(&config.extents);
	for (size_t i = 0; i < 2; i++) {
		hf_extents_release(&etc[i].extents);
		hf_extents_release(&first[i].extents);
		hf_extents_release(&roots[i].extents);
	}
	hf_extents_release(&second[1].extents);
}

static void teardown(void)
{
	hf_small_end(&small);
}

struct told {
	struct hf_check_tree_result result;
	struct hf_buf lines; /* "<moment> <path>\n" of each damage */
};

static void told_release(struct told *told)
{
	hf_buf_release(&told->lines);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static void note(void *arg, const struct hf_tree_damage *damage)
{
	struct told *told = arg;

	hf_buf_printf(&told->lines, "%lld %s\n", (long long)damage->snapshot->snapshot.moment,
		damage->path);
}

static void check_with(const struct hf_map *lost, uint64_t most, struct told *told)
{
	struct hf_reader *reader;

	ck_ok(hf_reader_open(small.repo, 1 << 20, 0, &reader));
	const struct hf_check_tree check = {
		.reader = reader, .lost = lost, .most = most, .damaged = note, .arg = told};
	struct hf_error *err = hf_check_trees(&check, &told->result);

	hf_reader_free(reader);
	ck_ok(err);
}

START_TEST(whole_snapshots_are_walked_and_nothing_is_told)
{
	TOLD told = {0};

	check_with(NULL, 0, &told);
	ck_assert_uint_eq(told.result.snapshots, 2);
	/* etc with its three once, old, and etc and new */
	ck_assert_uint_eq(told.result.entries, 7);
	ck_assert_uint_eq(told.result.hurt_paths, 0);
	ck_assert_uint_eq(told.lines.len, 0);
}
END_TEST

START_TEST(a_lost_chunk_names_each_snapshot_and_path_that_needs_it)
{
	HF_RELEASED(hf_map) lost = {0};
	TOLD told = {0};

	hf_map_put(&lost, &chunks[1], NULL)->number = 1;
	check_with(&lost, 0, &told);
	ck_assert_str_eq(hf_buf_text(&told.lines), "100 etc/ssh/config\n200 etc/ssh/config\n");
	ck_assert_uint_eq(told.result.hurt_snapshots, 2);
	ck_assert_uint_eq(told.result.hurt_paths, 2);
}
END_TEST

START_TEST(a_snapshot_that_does_not_need_a_lost_chunk_is_not_named)
{
	HF_RELEASED(hf_map) lost = {0};
	TOLD told = {0};

	hf_map_put(&lost, &chunks[3], NULL)->number = 1;
	check_with(&lost, 0, &told);
	ck_assert_str_eq(hf_buf_text(&told.lines), "200 new\n");
	ck_assert_uint_eq(told.result.hurt_snapshots, 1);
}
END_TEST

START_TEST(a_chunk_that_is_in_no_pack_is_counted_once)
{
	struct hf_catalog *catalog = hf_repo_catalog(small.repo);
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_pack pack;
	TOLD told = {0};
	size_t n;

	ck_ok(hf_catalog_find(catalog, &chunks[1], places, &n));
	ck_assert_uint_eq(n, 1);
	ck_ok(hf_catalog_pack(catalog, places[0].pack, &pack));
	ck_ok(hf_catalog_add_swept(catalog, &(struct hf_ids){.at = &pack.id, .n = 1}));
	check_with(NULL, 0, &told);
	ck_assert_uint_eq(told.result.absent_chunks, ARRAY_LEN(chunks));
	ck_assert_uint_eq(told.result.hurt_snapshots, 2);
}
END_TEST

START_TEST(what_is_told_is_bounded_and_what_is_hurt_is_counted)
{
	HF_RELEASED(hf_map) lost = {0};
	TOLD told = {0};

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
		hf_map_put(&lost, &chunks[i], NULL)->number = 1;
	check_with(&lost, 1, &told);
	ck_assert_str_eq(hf_buf_text(&told.lines), "100 etc/hosts\n");
	ck_assert_uint_eq(told.result.hurt_snapshots, 2);
}
END_TEST

/* The chunk of the directory that holds `name` in the first snapshot: its pack's bytes there. */
static void hurt_meta(unsigned copy)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_location places[HF_MAX_LOCATIONS];
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_snapshots snapshots;
	struct hf_entry root;
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_history_snapshots(small.repo, NULL, &arena, &snapshots));
	ck_ok(hf_entry_parse_alone(snapshots.at[0].snapshot.root, &arena, &root));
	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &root.extents.at[0].chunk, places, &n));
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &pack));
	hf_pack_object_name(&pack, name);
	hf_mem_at(small.mem, name, copy)->at[places[0].row.offset + 4] ^= 1;
}

START_TEST(a_directory_that_cannot_be_read_is_told_by_its_path)
{
	TOLD told = {0};

	hurt_meta(0);
	hurt_meta(1);
	check_with(NULL, 0, &told);
	ck_assert_str_eq(hf_buf_text(&told.lines), "100 \n");
	ck_assert_uint_eq(told.result.hurt_snapshots, 1);
}
END_TEST

START_TEST(a_directory_with_one_good_copy_is_whole)
{
	TOLD told = {0};

	hurt_meta(0);
	check_with(NULL, 0, &told);
	ck_assert_uint_eq(told.result.hurt_paths, 0);
}
END_TEST

START_TEST(a_chunk_that_no_pack_has_is_told)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	const struct hf_id nowhere = {{7}};
	struct hf_entry file = hf_small_file("file", &nowhere, CHUNK);
	struct hf_entry beyond = hf_small_file("more", &chunks[0], CHUNK + 1);
	struct hf_entry both[] = {file, beyond};
	struct hf_entry root = hf_small_dir(writer, "", both, 2);
	TOLD told = {0};

	hf_small_snapshot(writer, "files/other", 50, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&file.extents);
	hf_extents_release(&beyond.extents);
	hf_extents_release(&root.extents);

	check_with(NULL, 0, &told);
	ck_assert_str_eq(hf_buf_text(&told.lines), "50 file\n50 more\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check_tree");
	TCase *tests = hf_test_case(suite, "check_tree");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, whole_snapshots_are_walked_and_nothing_is_told);
	tcase_add_test(tests, a_lost_chunk_names_each_snapshot_and_path_that_needs_it);
	tcase_add_test(tests, a_snapshot_that_does_not_need_a_lost_chunk_is_not_named);
	tcase_add_test(tests, a_chunk_that_is_in_no_pack_is_counted_once);
	tcase_add_test(tests, what_is_told_is_bounded_and_what_is_hurt_is_counted);
	tcase_add_test(tests, a_directory_that_cannot_be_read_is_told_by_its_path);
	tcase_add_test(tests, a_directory_with_one_good_copy_is_whole);
	tcase_add_test(tests, a_chunk_that_no_pack_has_is_told);
	return hf_test_run_suite(suite);
}
