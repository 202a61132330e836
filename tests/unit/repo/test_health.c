/* Marks of bad copies: who may make them, what they change for writers and readers, how they end.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/reader.h"
#include "backend/repo/wanted.h"
#include "tests/lib/forged.h"
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

static struct hf_id publish(struct hf_repo *repo, enum hf_object_kind kind, const char *text)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	struct hf_id id = hf_small_put(writer, kind, hf_span_str(text));

	ck_ok(hf_writer_publish(writer));
	return id;
}

static size_t places_of(struct hf_repo *repo, const struct hf_id *chunk, struct hf_pack *first)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(repo), chunk, places, &n));
	if (n > 0)
		ck_ok(hf_catalog_pack(hf_repo_catalog(repo), places[0].pack, first));
	return n;
}

static struct hf_wanted copy_of(struct hf_repo *repo, const struct hf_id *chunk)
{
	struct hf_pack pack;

	ck_assert_uint_gt(places_of(repo, chunk, &pack), 0);
	return (struct hf_wanted){.chunk = *chunk, .pack = pack.id};
}

static void mark(struct hf_repo *repo, const struct hf_id *chunk)
{
	const struct hf_wanted copy = copy_of(repo, chunk);

	ck_ok(hf_repo_mark_wanted(repo, &copy, 1));
}

struct wanted {
	struct hf_id at[8];
	size_t n;
};

static struct hf_error *note_wanted(void *arg, const struct hf_id *id)
{
	struct wanted *wanted = arg;

	ck_assert_uint_lt(wanted->n, ARRAY_LEN(wanted->at));
	wanted->at[wanted->n++] = *id;
	return NULL;
}

static struct wanted wanted_in(struct hf_catalog *catalog)
{
	struct wanted wanted = {0};

	ck_ok(hf_catalog_each_wanted(catalog, note_wanted, &wanted));
	return wanted;
}

static bool is_wanted(struct hf_repo *repo, const struct hf_id *chunk)
{
	const struct wanted wanted = wanted_in(hf_repo_catalog(repo));
	const bool stored = hf_small_stored(hf_repo_catalog(repo), chunk);
	bool found = false;

	for (size_t i = 0; i < wanted.n; i++)
		found |= hf_id_equal(&wanted.at[i], chunk);
	/* The two questions have one answer for what was ever stored. */
	ck_assert_int_ne(found, stored);
	return found;
}

static void hurt(struct hf_repo *repo, const struct hf_id *chunk)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_pack pack;

	places_of(repo, chunk, &pack);
	hf_pack_object_name(&pack, name);
	hf_mem_at(small.mem, name, 0)->at[HF_HEADER_LEN + 3] ^= 1;
}

/* ---- what a mark changes ---- */

START_TEST(a_marked_chunk_is_stored_anew_by_who_has_its_bytes_and_then_reads)
{
	const struct hf_id chunk = publish(small.repo, HF_CONTENT_PACK, "it will be lost");
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF read = NULL;
	struct hf_pack pack;

	hurt(small.repo, &chunk);
	mark(small.repo, &chunk);
	ck_assert(is_wanted(small.repo, &chunk));
	publish(small.repo, HF_CONTENT_PACK, "it will be lost");
	ck_assert(!is_wanted(small.repo, &chunk));
	ck_assert_uint_eq(places_of(small.repo, &chunk, &pack), 2);
	ck_ok(hf_reader_open(small.repo, 1 << 20, 0, &reader));
	ck_ok(hf_reader_get(reader, HF_CONTENT_PACK, &chunk, &read));
	ck_assert_mem_eq(read->at, "it will be lost", read->len);
}
END_TEST

START_TEST(a_marked_copy_is_the_last_that_readers_try_and_is_tried)
{
	const struct hf_id chunk = publish(small.repo, HF_CONTENT_PACK, "it is fine");
	const struct hf_wanted first = copy_of(small.repo, &chunk);
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF read = NULL;

	mark(small.repo, &chunk);
	ck_ok(hf_reader_open(small.repo, 1 << 20, 0, &reader));
	ck_ok(hf_reader_get(reader, HF_CONTENT_PACK, &chunk, &read));
	publish(small.repo, HF_CONTENT_PACK, "it is fine");
	const struct hf_wanted now = copy_of(small.repo, &chunk);

	ck_assert(!hf_id_equal(&now.pack, &first.pack));
	/* Marked as well, it is no worse than the other: and now all are. */
	mark(small.repo, &chunk);
	ck_assert(is_wanted(small.repo, &chunk));
}
END_TEST

START_TEST(only_the_marked_chunk_of_a_pack_is_wanted)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	const struct hf_id one = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("one"));
	const struct hf_id two = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("two"));
	const struct hf_id dir = hf_small_put(writer, HF_META_PACK, hf_span_str("one"));

	ck_ok(hf_writer_publish(writer));
	mark(small.repo, &one);
	mark(small.repo, &dir);
	ck_assert(is_wanted(small.repo, &one));
	ck_assert(is_wanted(small.repo, &dir));
	ck_assert(!is_wanted(small.repo, &two));
}
END_TEST

START_TEST(what_is_marked_already_is_not_published_again)
{
	const struct hf_id one = publish(small.repo, HF_CONTENT_PACK, "one");
	const struct hf_id two = publish(small.repo, HF_CONTENT_PACK, "two");
	const struct hf_wanted copies[] = {copy_of(small.repo, &one), copy_of(small.repo, &two)};
	const size_t before = hf_mem_count(small.mem, "commits/");

	mark(small.repo, &one);
	ck_ok(hf_repo_mark_wanted(small.repo, copies, 1));
	ck_ok(hf_repo_mark_wanted(small.repo, copies, 0));
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), before + 1);
	ck_ok(hf_repo_mark_wanted(small.repo, copies, 2));
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), before + 2);
	ck_assert(is_wanted(small.repo, &two));
}
END_TEST

/* ---- any order ---- */

static void add_pack(struct hf_catalog *catalog, unsigned number, const struct hf_id *chunk)
{
	struct hf_pack pack = {.id = {{(uint8_t)number}}, .kind = HF_CONTENT_PACK, .size = 1000};
	struct hf_row row = {.id = *chunk, .offset = 64, .stored = 100, .plain = 200};
	const struct hf_table table = {.rows = &row, .n = 1};
	int64_t n;

	ck_ok(hf_catalog_add_pack(catalog, &pack, &table, &n));
}

static void add_mark(struct hf_catalog *catalog, unsigned number, const struct hf_id *chunk)
{
	HF_RELEASED(hf_buf) body = {0};
	const struct hf_id pack = {{(uint8_t)number}};
	const struct hf_seen seen = {.slot = 1, .time = number, .commit = {{(uint8_t)number}}};

	hf_buf_add(&body, chunk, HF_ID_LEN);
	hf_buf_add(&body, &pack, HF_ID_LEN);
	const struct hf_record record = {.kind = HF_RECORD_WANTED, .body = hf_buf_span(&body)};

	ck_ok(hf_catalog_add_record(catalog, &record, &seen));
}

START_TEST(marks_and_packs_may_come_in_any_order)
{
	const struct hf_id chunk = {{9}};
	/* Two packs, each with the chunk, and a mark of the first; in all orders. */
	static const char *const orders[] = {"abm", "amb", "bam", "bma", "mab", "mba"};

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		HF_OWNED(hf_catalog) catalog = NULL;
		struct hf_location places[HF_MAX_LOCATIONS];
		struct hf_pack first;
		size_t n;

		ck_ok(hf_catalog_open(NULL, &catalog));
		for (const char *at = orders[i]; *at; at++) {
			if (*at == 'm')
				add_mark(catalog, 1, &chunk);
			else
				add_pack(catalog, *at == 'a' ? 1 : 2, &chunk);
		}
		ck_assert(hf_small_stored(catalog, &chunk));
		ck_assert_uint_eq(wanted_in(catalog).n, 0);
		ck_ok(hf_catalog_find(catalog, &chunk, places, &n));
		ck_assert_uint_eq(n, 2);
		ck_ok(hf_catalog_pack(catalog, places[0].pack, &first));
		ck_assert_uint_eq(first.id.bytes[0], 2);
		add_mark(catalog, 2, &chunk);
		ck_assert(!hf_small_stored(catalog, &chunk));
		ck_assert_uint_eq(wanted_in(catalog).n, 1);
	}
}
END_TEST

static void add_substitute(
	struct hf_catalog *catalog, uint8_t lost, uint32_t offset, int64_t time, uint8_t instead)
{
	struct hf_extent extent = {.chunk = {{instead}}, .length = 10};
	struct hf_record record = {.kind = HF_RECORD_SUBSTITUTE,
		.substitute = {.lost = {{lost}}, .offset = offset, .length = 10}};
	const struct hf_seen seen = {.slot = 1, .time = time};
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) printed = {0};

	record.substitute.extents = (struct hf_extents){.at = &extent, .n = 1};
	hf_record_print(&record, &printed);
	struct hf_wire wire = hf_wire(hf_buf_span(&printed));

	hf_record_parse(&wire, &arena, &record);
	ck_ok(hf_catalog_add_record(catalog, &record, &seen));
}

START_TEST(a_pack_that_was_decoded_later_has_no_bad_copy)
{
	static const struct {
		int64_t seen, time;
		uint8_t depth;
		bool sound;
	} proofs[] = {
		{.seen = 3, .time = 3, .depth = 2, .sound = true},
		{.seen = 3, .time = 3, .depth = 1}, /* nothing was decoded */
		{.seen = 1, .time = 3, .depth = 2}, /* published before */
		{.seen = 3, .time = 1, .depth = 2}, /* read before */
	};
	const struct hf_id chunk = {{9}};

	for (size_t i = 0; i < 2 * ARRAY_LEN(proofs); i++) {
		HF_OWNED(hf_catalog) catalog = NULL;
		struct hf_id pack = {{2}};
		const size_t k = i / 2;
		const struct hf_record record = {.kind = HF_RECORD_PROVEN,
			.proven = {.time = proofs[k].time,
				.depth = proofs[k].depth,
				.packs = {.at = &pack, .n = 1}}};
		const struct hf_seen seen = {.slot = 1, .time = proofs[k].seen};
		int64_t copy;

		ck_ok(hf_catalog_open(NULL, &catalog));
		if (i % 2)
			ck_ok(hf_catalog_add_proven(catalog, &record, &seen));
		add_pack(catalog, 2, &chunk);
		add_mark(catalog, 2, &chunk);
		if (i % 2 == 0)
			ck_ok(hf_catalog_add_proven(catalog, &record, &seen));
		ck_ok(hf_catalog_safe_copy(catalog, &chunk, &copy));
		ck_assert_int_eq(copy != 0, proofs[k].sound);
		ck_assert_uint_eq(wanted_in(catalog).n, proofs[k].sound ? 0 : 1);
	}
}
END_TEST

static void expect_substitutes(
	struct hf_catalog *catalog, const struct hf_extent *lost, uint32_t slot, size_t wanted)
{
	size_t n;

	ck_ok(hf_catalog_count_substitutes(catalog, lost, slot, &n));
	ck_assert_uint_eq(n, wanted);
}

START_TEST(substitutes_are_found_by_their_range_in_order_of_origin)
{
	/* Offsets whose vars have one, two and three bytes. */
	static const uint32_t offsets[] = {0, 1, 127, 128, 129, 16384, 2097152};
	HF_OWNED(hf_catalog) catalog = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_extent lost = {.chunk = {{1}}, .length = 10};
	struct hf_extents instead;

	ck_ok(hf_catalog_open(NULL, &catalog));
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		add_substitute(catalog, 1, offsets[i], 300, 3);
		add_substitute(catalog, 1, offsets[i], 100, 1);
		add_substitute(catalog, 2, offsets[i], 50, 9);
		add_substitute(catalog, 1, offsets[i], 200, 2);
	}
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		lost.offset = offsets[i];
		expect_substitutes(catalog, &lost, 0, 3);
		expect_substitutes(catalog, &lost, 1, 3);
		expect_substitutes(catalog, &lost, 2, 0);
		for (size_t k = 0; k < 3; k++) {
			ck_ok(hf_catalog_substitute(catalog, &lost, k, &arena, &instead));
			ck_assert_uint_eq(instead.n, 1);
			ck_assert_uint_eq(instead.at[0].length, 10);
			ck_assert_uint_eq(instead.at[0].chunk.bytes[0], k + 1);
		}
		ck_fails(HF_NOT_FOUND, hf_catalog_substitute(catalog, &lost, 3, &arena, &instead));
	}
	lost.length = 11;
	expect_substitutes(catalog, &lost, 0, 0);
	lost.chunk.bytes[0] = 3;
	expect_substitutes(catalog, &lost, 0, 0);
}
END_TEST

/* ---- who may ---- */

START_TEST(who_may_not_read_may_not_mark)
{
	const struct hf_id chunk = publish(small.repo, HF_CONTENT_PACK, "one");
	const struct hf_wanted copy = copy_of(small.repo, &chunk);
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	const struct hf_record record = {.kind = HF_RECORD_WANTED, .wanted = copy};
	HF_RELEASED(hf_buf) printed = {0};

	ck_fails(HF_DENIED, hf_repo_mark_wanted(writer, &copy, 1));
	hf_record_print(&record, &printed);
	const struct hf_forged_commit forged = {.as = writer, .records = hf_buf_span(&printed)};

	hf_forged_commit_put(&forged);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert(!is_wanted(small.repo, &chunk));
}
END_TEST

START_TEST(a_mark_reaches_other_machines_and_ends_with_its_slot)
{
	const struct hf_id chunk = publish(small.repo, HF_CONTENT_PACK, "one");
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_READ);
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	mark(thief, &chunk);
	ck_ok(hf_repo_sync(other, NULL));
	ck_assert(is_wanted(other, &chunk));
	ck_ok(hf_repo_revoke(small.repo, "rights-2", 0));
	ck_ok(hf_repo_sync(other, NULL));
	ck_assert(!is_wanted(other, &chunk));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("health");
	TCase *tests = hf_test_case(suite, "health");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_marked_chunk_is_stored_anew_by_who_has_its_bytes_and_then_reads);
	tcase_add_test(tests, a_marked_copy_is_the_last_that_readers_try_and_is_tried);
	tcase_add_test(tests, only_the_marked_chunk_of_a_pack_is_wanted);
	tcase_add_test(tests, what_is_marked_already_is_not_published_again);
	tcase_add_test(tests, marks_and_packs_may_come_in_any_order);
	tcase_add_test(tests, a_pack_that_was_decoded_later_has_no_bad_copy);
	tcase_add_test(tests, substitutes_are_found_by_their_range_in_order_of_origin);
	tcase_add_test(tests, who_may_not_read_may_not_mark);
	tcase_add_test(tests, a_mark_reaches_other_machines_and_ends_with_its_slot);
	return hf_test_run_suite(suite);
}
