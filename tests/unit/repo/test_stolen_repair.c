/*
 * Packs that somebody put into the store with a key that may not do what they say: a repair, which
 * may do all, must say none of it for him. And what it says itself must be true.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/catalog.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "tests/lib/forged.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)
#define HOME "files/home"
#define BOTH 3u

static struct hf_small small;
static uint8_t newest[HF_SNAPSHOT_ID_LEN];

static void setup(void)
{
	hf_small_init(&small, 1);
	ck_ok(hf_numbered_backup(small.repo, HOME, MOMENT, BOTH, newest));
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* All that is there is what was there, for whoever comes. */
static void expect_nothing_said(void)
{
	const hf_files files[] = {BOTH};
	struct hf_rebuilt rebuilt;

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_numbered_rebuild(small.repo, &rebuilt));
	ck_assert_uint_eq(rebuilt.records, 0);
	hf_numbered_expect(&small, NULL, files, 1);
}

START_TEST(a_tombstone_in_a_pack_hides_nothing)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_RELEASED(hf_buf) printed = {0};
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];
	struct hf_record tombstone = {.kind = HF_RECORD_TOMBSTONE,
		.tombstone = {.snapshots = ids, .n_snapshots = 1, .source = hf_span_str(HOME)}};

	memcpy(ids[0], newest, sizeof(newest));
	hf_record_print(&tombstone, &printed);
	hf_forged_pack_put(&(struct hf_forged_pack){.as = thief, .records = hf_buf_span(&printed)});
	expect_nothing_said();
}
END_TEST

START_TEST(a_snapshot_that_its_slot_could_not_add_stays_out)
{
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);
	HF_OWNED(hf_repo) maintainer = hf_small_open_as(&small, HF_MAINTAIN);
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	HF_RELEASED(hf_buf) forged = hf_forged_snapshot("files/evil", MOMENT);

	hf_forged_pack_put(&(struct hf_forged_pack){.as = reader, .records = hf_buf_span(&forged)});
	hf_forged_pack_put(
		&(struct hf_forged_pack){.as = maintainer, .records = hf_buf_span(&forged)});
	/* In another slot's name: the first one's, which may do all. */
	hf_forged_pack_put(
		&(struct hf_forged_pack){.as = writer, .slot = 1, .records = hf_buf_span(&forged)});
	hf_forged_pack_put(&(struct hf_forged_pack){
		.as = writer, .elsewhere = true, .records = hf_buf_span(&forged)});
	expect_nothing_said();
}
END_TEST

START_TEST(a_revoked_slot_says_nothing_through_a_pack)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_RELEASED(hf_buf) forged = hf_forged_snapshot("files/evil", MOMENT);

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	hf_forged_pack_put(&(struct hf_forged_pack){.as = thief, .records = hf_buf_span(&forged)});
	expect_nothing_said();
}
END_TEST

/* The control: what the slot could have committed comes back. */
START_TEST(a_snapshot_that_its_slot_may_add_comes_back)
{
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	HF_RELEASED(hf_buf) forged = hf_forged_snapshot("files/own", MOMENT);
	struct hf_rebuilt rebuilt;

	hf_forged_pack_put(&(struct hf_forged_pack){.as = writer, .records = hf_buf_span(&forged)});
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_numbered_rebuild(small.repo, &rebuilt));
	ck_assert_uint_eq(rebuilt.records, 1);
	ck_assert_uint_eq(rebuilt.packs, 1);
}
END_TEST

static struct hf_error *claim(void *arg, const struct hf_location *place)
{
	hf_forged_pack_put(&(struct hf_forged_pack){.as = arg, .chunk = &place->row.id});
	return NULL;
}

/* Named by who repairs, it would stand in for the true ones, which would be pruned. */
START_TEST(a_pack_that_claims_chunks_of_others_is_not_named)
{
	const hf_files files[] = {BOTH};
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	struct hf_rebuilt rebuilt;

	ck_ok(hf_catalog_each_place(hf_repo_catalog(thief), claim, thief));
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_numbered_rebuild(small.repo, &rebuilt));
	ck_assert_uint_eq(rebuilt.packs, 0);
	ck_assert_uint_ge(rebuilt.left, 3);
	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		ck_ok(hf_numbered_prune(small.repo, 0, NULL));
	}
	hf_numbered_expect(&small, NULL, files, 1);
}
END_TEST

/* A pack of names came, one of content did not: the disk was full. */
START_TEST(a_snapshot_that_lacks_a_chunk_is_not_finished)
{
	const struct hf_extent lost = {.chunk = {{9}}, .length = 100};
	HF_RELEASED(hf_extents) extents = {0};
	HF_RELEASED(hf_buf) form = {0}, printed = {0};
	struct hf_entry root = {.name = hf_span_str(""), .type = HF_DIR, .mode = 0755};
	struct hf_record record = {.kind = HF_RECORD_UNFINISHED, .of = HF_RECORD_SNAPSHOT};
	uint64_t unended;

	hf_extents_add(&extents, &lost);
	root.extents = extents;
	root.size = 1;
	hf_entry_print_alone(&root, &form);
	record.snapshot = (struct hf_snapshot){
		.run = {7},
		.source = hf_span_str(HOME),
		.moment = MOMENT + HF_NS_PER_S,
		.root = hf_buf_span(&form),
	};
	hf_record_print(&record, &printed);
	hf_forged_pack_put(
		&(struct hf_forged_pack){.as = small.repo, .records = hf_buf_span(&printed)});
	expect_nothing_said();
	ck_ok(hf_numbered_unended(small.repo, &unended));
	ck_assert_uint_eq(unended, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stolen_repair");
	TCase *tests = hf_test_case(suite, "stolen_repair");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_tombstone_in_a_pack_hides_nothing);
	tcase_add_test(tests, a_snapshot_that_its_slot_could_not_add_stays_out);
	tcase_add_test(tests, a_revoked_slot_says_nothing_through_a_pack);
	tcase_add_test(tests, a_snapshot_that_its_slot_may_add_comes_back);
	tcase_add_test(tests, a_pack_that_claims_chunks_of_others_is_not_named);
	tcase_add_test(tests, a_snapshot_that_lacks_a_chunk_is_not_finished);
	return hf_test_run_suite(suite);
}
