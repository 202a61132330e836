/* The catalog is a cache on somebody's disk: whatever rots in it, a prune takes nothing that lives.
 */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/repo/forget.h"
#include "backend/repo/segments_read.h"
#include "tests/lib/numbered.h"
#include "tests/lib/test.h"

/* Of all places in the file, for want of time: 16 KiB of it are 130,000 bits. */
#define SAMPLE 40u
/* Bytes of each chunk's id that are tried. */
#define OF_AN_ID 3u

static struct hf_small small;

static struct {
	char *cache;
	char path[PATH_MAX]; /* of the catalog there */
	struct hf_buf catalog;
	struct hf_mem *saved;
} scene;

static void backup(const char *source, int64_t moment, hf_files files)
{
	ck_ok(hf_numbered_backup(small.repo, source, moment, files, NULL));
}

static void backup_and_forget(const char *source, int64_t moment, hf_files files)
{
	uint8_t id[1][HF_SNAPSHOT_ID_LEN];

	ck_ok(hf_numbered_backup(small.repo, source, moment, files, id[0]));
	backup(source, moment + 1, files << 4);
	ck_ok(hf_forget(small.repo, id, 1));
}

static void pass_and_prune(struct hf_repo *repo)
{
	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		/* It may refuse; what it must not do is lose. */
		hf_error_free(hf_numbered_prune(repo, -1, NULL));
	}
}

#define EXPECT() hf_numbered_expect(&small, NULL, (const hf_files[]){0x30, 0x130, 0x3000}, 3)

/* A machine with a whole catalog, of a repository of which a part stands in segments, and a part is
 * to go. */
static void setup(void)
{
	struct hf_repo *repo;

	hf_small_init(&small, 2);
	backup_and_forget("files/a", 1, 0x3);
	pass_and_prune(small.repo);
	backup("files/b", 3, 0x130);
	backup_and_forget("files/c", 4, 0x300);
	scene.cache = hf_test_path(small.dir, "kept");
	ck_ok(hf_small_try(&small, scene.cache, &repo));
	ck_ok(hf_segments_read(repo));
	snprintf(scene.path, sizeof(scene.path), "%s/catalog.sqlite", hf_repo_cache_dir(repo));
	hf_repo_free(repo);
	ck_ok(hf_file_read(scene.path, 1 << 24, &scene.catalog));
	scene.saved = hf_mem_save(small.mem);
}

static void teardown(void)
{
	hf_mem_free(scene.saved);
	hf_buf_release(&scene.catalog);
	free(scene.cache);
	hf_small_end(&small);
}

/* One that can't be used at all does no harm. */
static void prune_with(struct hf_span catalog)
{
	HF_OWNED(hf_repo) repo = NULL;
	char path[PATH_MAX + 4];

	hf_mem_go_back(small.mem, scene.saved);
	snprintf(path, sizeof(path), "%s-wal", scene.path);
	unlink(path);
	ck_ok(hf_file_replace(scene.path, catalog, 0600));
	hf_error_free(hf_small_try(&small, scene.cache, &repo));
	if (!repo)
		return;
	pass_and_prune(repo);
	hf_repo_free(HF_STEAL(repo));
	EXPECT();
	hf_mem_pass(small.mem, -12);
}

static void try_bit(size_t at, unsigned bit)
{
	printf("%zu.%u ", at, bit);
	fflush(stdout);
	scene.catalog.at[at] ^= (uint8_t)(1u << bit);
	prune_with(hf_buf_span(&scene.catalog));
	scene.catalog.at[at] ^= (uint8_t)(1u << bit);
}

struct ids {
	struct hf_id at[64];
	size_t n;
};

static struct hf_error *note_place(void *arg, const struct hf_location *place)
{
	struct ids *ids = arg;

	ck_assert_uint_lt(ids->n, ARRAY_LEN(ids->at));
	ids->at[ids->n++] = place->row.id;
	return NULL;
}

START_TEST(a_bit_of_a_chunks_id_that_flips_costs_nothing)
{
	const unsigned step = getenv("HF_BIG") ? 1 : HF_ID_LEN / OF_AN_ID;
	uint64_t state = hf_test_seed();
	struct ids ids = {.n = 0};
	size_t found = 0;

	ck_ok(hf_segments_read(small.repo));
	ck_ok(hf_catalog_each_place(hf_repo_catalog(small.repo), note_place, &ids));
	ck_assert_uint_gt(ids.n, 8);
	for (size_t i = 0; i < ids.n; i++) {
		const uint8_t *id =
			memmem(scene.catalog.at, scene.catalog.len, ids.at[i].bytes, HF_ID_LEN);

		for (unsigned byte = HF_ID_LEN; id && byte > 0; byte -= HF_MIN(byte, step))
			try_bit((size_t)(id - scene.catalog.at) + byte - 1,
				(unsigned)hf_test_random(&state) % 8);
		found += id != NULL;
	}
	ck_assert_uint_eq(found, ids.n);
}
END_TEST

START_TEST(a_bit_of_the_catalog_that_flips_costs_nothing)
{
	const bool all = getenv("HF_BIG") != NULL;
	uint64_t state = hf_test_seed();
	size_t tried = 0;

	for (size_t at = 0; all && at < scene.catalog.len; at++)
		try_bit(at, (unsigned)hf_test_random(&state) % 8);
	while (!all && tried < SAMPLE) {
		const size_t at = (size_t)hf_test_random(&state) % scene.catalog.len;

		/* What was never written is mostly never read. */
		if (!scene.catalog.at[at])
			continue;
		try_bit(at, (unsigned)hf_test_random(&state) % 8);
		tried++;
	}
}
END_TEST

struct lost {
	char commits[4][HF_COMMIT_NAME_LEN + 1];
	size_t n;
	char pack[HF_COMMIT_NAME_LEN + 1];
};

static struct hf_error *note_commit(void *arg, const char *name)
{
	struct lost *lost = arg;

	ck_assert_uint_lt(lost->n, ARRAY_LEN(lost->commits));
	snprintf(lost->commits[lost->n++], sizeof(lost->commits[0]), "%s", name);
	return NULL;
}

static struct hf_error *note_pack(void *arg, const struct hf_pack *pack)
{
	struct lost *lost = arg;

	if (pack->kind == HF_CONTENT_PACK)
		hf_pack_object_name(pack, lost->pack);
	return NULL;
}

static void spoil(const char *name)
{
	for (unsigned copy = 0; copy < (strncmp(name, "packs/", 6) == 0 ? 1 : 2); copy++) {
		struct hf_buf *bytes = hf_mem_at(small.mem, name, copy);

		bytes->at[bytes->len - 20] ^= 1;
	}
}

static struct lost one_backup(void)
{
	struct lost lost = {.n = 0};

	hf_small_init(&small, 2);
	backup("files/a", 1, 0x3);
	ck_ok(hf_catalog_each_commit(hf_repo_catalog(small.repo), note_commit, &lost));
	ck_ok(hf_catalog_each_pack(hf_repo_catalog(small.repo), note_pack, &lost));
	ck_assert(lost.n > 0 && *lost.pack);
	return lost;
}

static void lose(const char *name)
{
	hf_mem_lose(small.mem, name, 0);
	hf_mem_lose(small.mem, name, 1);
}

START_TEST(a_commit_that_the_catalog_alone_still_knows_stops_a_prune_until_it_is_said_again)
{
	const struct lost lost = one_backup();
	const size_t packs = hf_mem_count(small.mem, "packs/");
	struct hf_rebuilt rebuilt;

	spoil(lost.commits[0]);
	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		ck_fails_with(HF_CORRUPT, lost.commits[0], hf_numbered_prune(small.repo, -1, NULL));
	}
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), packs);
	ck_ok(hf_numbered_rebuild(small.repo, &rebuilt));
	ck_assert_uint_eq(rebuilt.commits_lost, 1);
	lose(lost.commits[0]);
	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		ck_ok(hf_numbered_prune(small.repo, -1, NULL));
	}
	hf_numbered_expect(&small, NULL, (const hf_files[]){0x3}, 1);
	hf_small_end(&small);
}
END_TEST

START_TEST(what_no_commit_names_stays_while_something_is_missing)
{
	const struct lost lost = one_backup();
	struct hf_prune_result result = {.missing = 0};
	struct hf_rebuilt rebuilt;
	uint64_t unnamed = 0;

	/* Of a pack that another relies on: its commits are gone, and its own table is bad. So
	 * nobody can tell what is in it. */
	backup("files/b", 2, 0x103);
	for (size_t i = 0; i < lost.n; i++)
		lose(lost.commits[i]);
	spoil(lost.pack);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		ck_ok(hf_numbered_prune(fresh, -1, &result));
		ck_assert_uint_eq(result.missing, 2);
		ck_assert_uint_eq(result.left, 0);
		unnamed += result.unnamed_bytes;
	}
	ck_assert_uint_gt(unnamed, 0);
	/* So both come back, once it can be read again. */
	spoil(lost.pack);
	ck_ok(hf_numbered_rebuild(fresh, &rebuilt));
	ck_assert_uint_ge(rebuilt.packs, 1);
	hf_repo_free(HF_STEAL(fresh));
	hf_numbered_expect(&small, NULL, (const hf_files[]){0x3, 0x103}, 2);
	hf_small_end(&small);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prune_rot");
	TCase *tests = hf_test_case(suite, "prune_rot");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_bit_of_a_chunks_id_that_flips_costs_nothing);
	tcase_add_test(tests, a_bit_of_the_catalog_that_flips_costs_nothing);
	TCase *lost = hf_test_case(suite, "lost");

	tcase_add_test(lost,
		a_commit_that_the_catalog_alone_still_knows_stops_a_prune_until_it_is_said_again);
	tcase_add_test(lost, what_no_commit_names_stays_while_something_is_missing);
	return hf_test_run_suite(suite);
}
