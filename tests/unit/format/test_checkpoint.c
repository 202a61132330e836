#include "backend/format/checkpoint.h"

#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "tests/lib/repo_keys.h"
#include "tests/lib/test.h"

static struct hf_id id_of(uint8_t first)
{
	return (struct hf_id){{first, 1}};
}

/* ---- one with something of each ---- */

struct sample {
	struct hf_settled settled[2];
	struct hf_id swept[2];
	struct hf_segment_ref segments[2];
	struct hf_record records[4];
	uint8_t forgotten[1][HF_SNAPSHOT_ID_LEN];
	struct hf_checkpoint checkpoint;
};

static void make_sample(struct sample *out)
{
	*out = (struct sample){
		.settled = {{id_of(1), id_of(2), true}, {id_of(1), id_of(3), false}},
		.swept = {id_of(2), id_of(9)},
		.segments = {{HF_SEGMENT_CHUNKS, 1, id_of(4), 5000, 77, id_of(5), id_of(6)},
			{HF_SEGMENT_COMMITS, 0, id_of(7), 300, 1, id_of(8), id_of(8)}},
		.forgotten = {{1, 2, 3}},
	};
	out->records[0] =
		(struct hf_record){.kind = HF_RECORD_ORIGIN, .origin = {id_of(1), 3, HF_TEST_NOW}};
	out->records[1] = (struct hf_record){.kind = HF_RECORD_TOMBSTONE,
		.tombstone = {.snapshots = out->forgotten, .n_snapshots = 1}};
	out->records[2] = out->records[0];
	out->records[3] =
		(struct hf_record){.kind = HF_RECORD_WANTED, .wanted = {id_of(5), id_of(4)}};
	out->checkpoint = (struct hf_checkpoint){
		.slot = 4,
		.n = 2,
		.keyring = 1,
		.store = {5, 5},
		.previous = id_of(1),
		.cutoff = HF_TEST_NOW,
		.settled = out->settled,
		.n_settled = 2,
		.swept = {out->swept, 2},
		.segments = out->segments,
		.n_segments = 2,
		.records = out->records,
		.n_records = 4,
	};
}

static hf_err parse(struct hf_span body)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_checkpoint checkpoint;

	return hf_checkpoint_parse(body, &arena, &checkpoint);
}

/* What is taken has one form only: it prints to the same bytes. */
static bool takes_as_it_is(struct hf_span body)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) again = {0};
	struct hf_checkpoint checkpoint;
	HF_OWNED(hf_error) err = hf_checkpoint_parse(body, &arena, &checkpoint);

	if (err) {
		ck_assert_int_eq(hf_error_kind(err), HF_CORRUPT);
		return false;
	}
	hf_checkpoint_print(&checkpoint, &again);
	ck_assert(hf_span_equal(hf_buf_span(&again), body));
	return true;
}

START_TEST(a_checkpoint_is_read_as_it_was_printed)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) body = {0};
	struct hf_checkpoint got;
	struct sample sample;

	make_sample(&sample);
	hf_checkpoint_print(&sample.checkpoint, &body);
	ck_ok(hf_checkpoint_parse(hf_buf_span(&body), &arena, &got));

	ck_assert(takes_as_it_is(hf_buf_span(&body)));
	ck_assert_int_eq(got.cutoff, HF_TEST_NOW);
	ck_assert(got.settled[0].swept && !got.settled[1].swept);
	ck_assert(hf_id_equal(&got.swept.at[1], &sample.swept[1]));
	ck_assert_int_eq(got.segments[1].kind, HF_SEGMENT_COMMITS);
	ck_assert_uint_eq(got.segments[0].rows, 77);
	ck_assert_uint_eq(got.n_records, 4);
	ck_assert_mem_eq(
		got.records[1].tombstone.snapshots[0], sample.forgotten[0], HF_SNAPSHOT_ID_LEN);
}
END_TEST

START_TEST(any_flip_or_cut_of_a_body_is_refused_or_means_what_it_says)
{
	HF_RELEASED(hf_buf) body = {0};
	struct sample sample;

	make_sample(&sample);
	hf_checkpoint_print(&sample.checkpoint, &body);
	for (size_t bit = 0; bit < body.len * 8; bit++) {
		body.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		takes_as_it_is(hf_buf_span(&body));
		body.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < body.len; len++)
		takes_as_it_is(hf_span(body.at, len));
}
END_TEST

START_TEST(only_the_first_checkpoint_has_none_before_it)
{
	HF_RELEASED(hf_buf) body = {0};
	struct hf_checkpoint first = {.slot = 1, .n = 1, .keyring = 1};

	hf_checkpoint_print(&first, &body);
	ck_ok(parse(hf_buf_span(&body)));
	first.n = 2;
	hf_buf_clear(&body);
	hf_checkpoint_print(&first, &body);
	ck_fails(HF_CORRUPT, parse(hf_buf_span(&body)));
	first.n = 0;
	hf_buf_clear(&body);
	hf_checkpoint_print(&first, &body);
	ck_fails(HF_CORRUPT, parse(hf_buf_span(&body)));
}
END_TEST

START_TEST(a_record_without_its_origin_is_refused)
{
	static const size_t orders[][4] = {{1, 0, 2, 3}, {0, 1, 3, 2}, {0, 2, 1, 3}, {1, 3, 0, 2}};
	struct sample sample, mixed;

	make_sample(&sample);
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		HF_RELEASED(hf_buf) body = {0};

		make_sample(&mixed);
		for (size_t j = 0; j < 4; j++)
			mixed.records[j] = sample.records[orders[i][j]];
		hf_checkpoint_print(&mixed.checkpoint, &body);
		ck_fails(HF_CORRUPT, parse(hf_buf_span(&body)));
	}
	sample.records[3] = (struct hf_record){.kind = HF_RECORD_RELIES};
	HF_RELEASED(hf_buf) body = {0};

	hf_checkpoint_print(&sample.checkpoint, &body);
	ck_fails(HF_CORRUPT, parse(hf_buf_span(&body)));
}
END_TEST

START_TEST(a_sealed_checkpoint_is_signed_with_its_number)
{
	HF_RELEASED(hf_test_repo_keys) keys = {0};
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CHECKPOINT);
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	HF_RELEASED(hf_last) last = {0};
	struct sample sample;
	struct hf_header header;

	hf_test_repo_keys_make(&keys);
	make_sample(&sample);
	hf_checkpoint_print(&sample.checkpoint, &body);
	const struct hf_slot_secrets *secrets = &keys.secrets[HF_TEST_MAINTAINER];
	struct hf_signing signing = {"holdfast checkpoint 1", &secrets->sign_seed,
		HF_TEST_MAINTAINER, sample.checkpoint.n};
	const struct hf_sealing sealing = {
		.keys = secrets->epochs, .body = hf_buf_span(&body), .signing = &signing};
	const uint8_t *sign_public = keys.keyring.slots[HF_TEST_MAINTAINER - 1].sign_public;
	const struct hf_epoch_keys *writer = keys.secrets[HF_TEST_WRITER].epochs;

	hf_builder_seal(builder, &sealing, &object, &header, NULL);
	ck_ok(hf_last_open(hf_buf_span(&object), writer, &last));

	ck_assert(hf_span_equal(last.body, hf_buf_span(&body)));
	ck_ok(hf_last_verify(hf_buf_span(&object), &last, writer, &signing, sign_public));
	signing.n++;
	ck_fails(HF_CORRUPT,
		hf_last_verify(hf_buf_span(&object), &last, writer, &signing, sign_public));
}
END_TEST

/* ---- chunk rows ---- */

static hf_err parse_chunks(const struct hf_chunk_row *rows, size_t n)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) block = {0};
	struct hf_chunk_row *got;
	size_t n_got;

	hf_chunk_rows_print(rows, n, &block);
	ck_assert_uint_eq(block.len, n * 48);
	HF_TRY(hf_chunk_rows_parse(hf_buf_span(&block), &arena, &got, &n_got));
	ck_assert_uint_eq(n_got, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert(hf_id_equal(&got[i].id, &rows[i].id));
		ck_assert_uint_eq(got[i].pack, rows[i].pack);
		ck_assert_uint_eq(got[i].offset, rows[i].offset);
		ck_assert_uint_eq(got[i].stored, rows[i].stored);
		ck_assert_uint_eq(got[i].plain, rows[i].plain);
	}
	return NULL;
}

START_TEST(chunk_rows_are_read_as_printed_if_they_ascend)
{
	struct hf_chunk_row rows[] = {{id_of(1), 0, 64, 26, 10}, {id_of(1), 0, 90, 26, 10},
		{id_of(1), 1, 64, 26, 10}, {id_of(2), 0, 64, 20, 4 << 20}};

	ck_ok(parse_chunks(rows, 0));
	ck_ok(parse_chunks(rows, ARRAY_LEN(rows)));
	for (size_t i = 1; i < ARRAY_LEN(rows); i++) {
		struct hf_chunk_row swapped[] = {rows[i], rows[i - 1]};
		struct hf_chunk_row twice[] = {rows[i], rows[i]};

		ck_fails(HF_CORRUPT, parse_chunks(swapped, 2));
		ck_fails(HF_CORRUPT, parse_chunks(twice, 2));
	}
}
END_TEST

START_TEST(chunk_rows_that_can_not_be_are_refused)
{
	const struct hf_chunk_row bad[] = {
		{{{0}}, 0, 64, 26, 10},
		{id_of(1), 0, 63, 26, 10},
		{id_of(1), 0, 64, 27, 10},
		{id_of(1), 0, 64, 16, 10},
		{id_of(1), 0, 64, 16, 0},
		{id_of(1), 0, 64, 26, HF_MAX_CHUNK + 1},
		{id_of(1), 0, HF_MAX_PACK - 25, 26, 10},
		{id_of(1), 0, UINT32_MAX, 26, 10},
	};
	struct hf_chunk_row *many = hf_calloc(HF_SEGMENT_ROWS + 1, sizeof(*many));

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_CORRUPT, parse_chunks(&bad[i], 1));
	for (size_t i = 0; i <= HF_SEGMENT_ROWS; i++)
		many[i] = (struct hf_chunk_row){id_of(1), (uint32_t)i, 64, 26, 10};
	ck_ok(parse_chunks(many, HF_SEGMENT_ROWS));
	ck_fails(HF_CORRUPT, parse_chunks(many, HF_SEGMENT_ROWS + 1));
	free(many);
}
END_TEST

/* ---- pack rows ---- */

static hf_err parse_packs(const struct hf_pack_row *rows, size_t n)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) block = {0}, again = {0};
	struct hf_pack_row *got;
	size_t n_got;

	hf_pack_rows_print(rows, n, &block);
	HF_TRY(hf_pack_rows_parse(hf_buf_span(&block), &arena, &got, &n_got));
	ck_assert_uint_eq(n_got, n);
	hf_pack_rows_print(got, n_got, &again);
	ck_assert(hf_span_equal(hf_buf_span(&again), hf_buf_span(&block)));
	return NULL;
}

static struct hf_pack_row pack_row(uint8_t first)
{
	return (struct hf_pack_row){
		.id = id_of(first),
		.size = 1000,
		.header = {.kind = HF_CONTENT_PACK, .epoch = 1, .public_value = {1}},
		.tier = HF_COOL,
		.slot = 2,
		.seen = HF_TEST_NOW,
		.proven = HF_TEST_NOW + 1,
		.depth = 2,
	};
}

START_TEST(pack_rows_are_read_as_printed_if_they_ascend)
{
	const struct hf_pack_row rows[] = {pack_row(1), pack_row(2), pack_row(3)};
	const struct hf_pack_row swapped[] = {pack_row(2), pack_row(1)};
	const struct hf_pack_row twice[] = {pack_row(2), pack_row(2)};

	ck_ok(parse_packs(rows, 0));
	ck_ok(parse_packs(rows, 3));
	ck_fails(HF_CORRUPT, parse_packs(swapped, 2));
	ck_fails(HF_CORRUPT, parse_packs(twice, 2));
}
END_TEST

START_TEST(pack_rows_that_can_not_be_are_refused)
{
	struct hf_pack_row bad[4];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = pack_row(1);
	bad[0].size = 63;
	bad[1].size = HF_MAX_PACK + 1;
	bad[2].tier = (enum hf_tier)4;
	bad[3].depth = 3;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_CORRUPT, parse_packs(&bad[i], 1));
	bad[0] = pack_row(1);
	bad[0].header.features = 1;
	ck_fails(HF_UNSUPPORTED, parse_packs(bad, 1));
}
END_TEST

/* ---- segments ---- */

START_TEST(a_segment_is_read_as_it_was_printed)
{
	struct hf_id first[] = {id_of(1), id_of(1), id_of(2)}, packs[] = {id_of(9), id_of(8)};
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) body = {0}, again = {0};
	struct hf_segment got, segment = {(enum hf_segment_kind)_i, first, 3, {NULL, 0}};

	if (_i == HF_SEGMENT_CHUNKS)
		segment.packs = (struct hf_ids){packs, 2};
	hf_segment_print(&segment, &body);
	ck_ok(hf_segment_parse(hf_buf_span(&body), &arena, &got));

	ck_assert_uint_eq(got.n_blocks, 3);
	ck_assert_uint_eq(got.packs.n, segment.packs.n);
	hf_segment_print(&got, &again);
	ck_assert(hf_span_equal(hf_buf_span(&again), hf_buf_span(&body)));
	for (size_t len = 0; len < body.len; len++)
		ck_fails(HF_CORRUPT, hf_segment_parse(hf_span(body.at, len), &arena, &got));
}
END_TEST

START_TEST(first_keys_out_of_order_are_refused)
{
	struct hf_id first[] = {id_of(2), id_of(1)};
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) body = {0};
	struct hf_segment got, segment = {HF_SEGMENT_PACKS, first, 2, {NULL, 0}};

	hf_segment_print(&segment, &body);
	ck_fails(HF_CORRUPT, hf_segment_parse(hf_buf_span(&body), &arena, &got));
}
END_TEST

static struct hf_id key_of(const char *source, int64_t moment, enum hf_record_kind kind)
{
	struct hf_record record = {.kind = kind, .of = HF_RECORD_SNAPSHOT};
	struct hf_id key;

	record.snapshot.source = hf_span_str(source);
	record.snapshot.moment = moment;
	hf_record_key(&record, &key);
	return key;
}

static int compare(const struct hf_id *a, const struct hf_id *b)
{
	return memcmp(a->bytes, b->bytes, HF_ID_LEN);
}

START_TEST(the_keys_of_a_sources_records_are_together_and_in_order_of_time)
{
	static const int64_t times[] = {
		-HF_TEST_NOW, -1, 0, 1, HF_TEST_NOW, HF_TEST_NOW + 1, INT64_MAX};
	struct hf_record entry = {.kind = HF_RECORD_JOURNAL,
		.journal = {.source = hf_span_str("pg/a"), .from = HF_TEST_NOW}};
	struct hf_id other = key_of("pg/b", 0, HF_RECORD_SNAPSHOT), key, low, high;

	for (size_t i = 1; i < ARRAY_LEN(times); i++) {
		low = key_of("pg/a", times[i - 1], HF_RECORD_SNAPSHOT);
		high = key_of("pg/a", times[i], HF_RECORD_UNFINISHED);
		ck_assert_int_lt(compare(&low, &high), 0);
		ck_assert((compare(&other, &low) < 0) == (compare(&other, &high) < 0));
	}
	hf_record_key(&entry, &key);
	high = key_of("pg/a", HF_TEST_NOW, HF_RECORD_SNAPSHOT);
	ck_assert(hf_id_equal(&key, &high));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checkpoint");
	TCase *all = hf_test_case(suite, "checkpoint");

	tcase_add_test(all, a_checkpoint_is_read_as_it_was_printed);
	tcase_add_test(all, any_flip_or_cut_of_a_body_is_refused_or_means_what_it_says);
	tcase_add_test(all, only_the_first_checkpoint_has_none_before_it);
	tcase_add_test(all, a_record_without_its_origin_is_refused);
	tcase_add_test(all, a_sealed_checkpoint_is_signed_with_its_number);
	tcase_add_test(all, chunk_rows_are_read_as_printed_if_they_ascend);
	tcase_add_test(all, chunk_rows_that_can_not_be_are_refused);
	tcase_add_test(all, pack_rows_are_read_as_printed_if_they_ascend);
	tcase_add_test(all, pack_rows_that_can_not_be_are_refused);
	tcase_add_loop_test(all, a_segment_is_read_as_it_was_printed, 1, HF_SEGMENT_COMMITS + 1);
	tcase_add_test(all, first_keys_out_of_order_are_refused);
	tcase_add_test(all, the_keys_of_a_sources_records_are_together_and_in_order_of_time);
	return hf_test_run_suite(suite);
}
