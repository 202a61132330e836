#include "backend/format/commit.h"

#include <stdio.h>

#include "backend/base/time.h"
#include "tests/lib/entries.h"
#include "tests/lib/test.h"

static struct hf_extent piece = {.chunk = {{1}}, .length = 10, .offset = 5};
static struct hf_id ids[] = {{{1}}, {{2}}, {{3}}};
static struct hf_span texts[] = {
	{(const uint8_t *)"one", 3}, {(const uint8_t *)"three", 5}, {(const uint8_t *)"two", 3}};
static struct hf_pair some_pairs[] = {{{(const uint8_t *)"a", 1}, {(const uint8_t *)"", 0}},
	{{(const uint8_t *)"b", 1}, {(const uint8_t *)"value", 5}}};
static struct hf_row rows[] = {{.id = {{9}}, .offset = 64, .stored = 36, .plain = 20},
	{.id = {{8}}, .offset = 100, .stored = 50, .plain = 1000}};
static uint8_t snapshots[2][HF_SNAPSHOT_ID_LEN] = {{1}, {2}};

#define EXTENTS ((struct hf_extents){.at = &piece, .n = 1})
#define IDS(count) ((struct hf_ids){.at = ids, .n = (count)})
#define PAIRS ((struct hf_pairs){.at = some_pairs, .n = 2})

static struct hf_span root_entry(struct hf_arena *arena)
{
	HF_RELEASED(hf_buf) out = {0};
	const struct hf_entry root = {.type = HF_DIR, .mode = 0755, .size = 3, .extents = EXTENTS};

	hf_entry_print_alone(&root, &out);
	return hf_arena_span(arena, hf_buf_span(&out));
}

static struct hf_snapshot a_snapshot(struct hf_arena *arena)
{
	return (struct hf_snapshot){.run = {7},
		.source = hf_span_str("pv/workspace/claim"),
		.moment = 5 * HF_NS_PER_S + 1,
		.started = -1,
		.ended = 6 * HF_NS_PER_S,
		.root = root_entry(arena),
		.files = 1,
		.bytes = UINT64_C(1) << 50,
		.entries = 3,
		.failed = 4,
		.host = hf_span_str("host"),
		.user = hf_span_str("user"),
		.paths = texts,
		.n_paths = 3,
		.labels = PAIRS,
		.values = PAIRS,
		.ttl = INT64_MAX,
		.parent = {5},
		.reopen = EXTENTS};
}

static const struct hf_journal a_journal = {.source = {(const uint8_t *)"pg/main", 7},
	.name = {(const uint8_t *)"000000010000000000000001", 24},
	.from = 1,
	.to = 2,
	.size = 10,
	.extents = {.at = &piece, .n = 1},
	.values = {.at = some_pairs, .n = 2}};

/* One of each kind; kinds + 1: an unfinished journal entry. */
#define SAMPLES (HF_RECORD_RELIES + 1)
static struct hf_record sample(unsigned kind, struct hf_arena *arena)
{
	struct hf_record record = {.kind = (enum hf_record_kind)kind};

	switch (kind) {
	case HF_RECORD_PACK:
		record.pack = (struct hf_pack_record){.id = {{4}},
			.size = 200,
			.header = {.kind = HF_META_PACK, .epoch = 3, .public_value = {6}},
			.table = {.rows = rows, .n = 2}};
		break;
	case HF_RECORD_SNAPSHOT:
		record.snapshot = a_snapshot(arena);
		break;
	case HF_RECORD_UNFINISHED:
		record.of = HF_RECORD_SNAPSHOT;
		record.snapshot = a_snapshot(arena);
		break;
	case HF_RECORD_JOURNAL:
		record.journal = a_journal;
		break;
	case HF_RECORD_TOMBSTONE:
		record.tombstone = (struct hf_tombstone){.snapshots = snapshots,
			.n_snapshots = 2,
			.source = hf_span_str("redis/cache"),
			.names = texts,
			.n_names = 3};
		break;
	case HF_RECORD_ANNOUNCE:
		record.announce =
			(struct hf_announce){.cutoff = 9, .packs = IDS(3), .supplied = IDS(1)};
		break;
	case HF_RECORD_WANTED:
		record.wanted = (struct hf_wanted){.chunk = ids[0], .pack = ids[1]};
		break;
	case HF_RECORD_SUBSTITUTE:
		record.substitute = (struct hf_substitute){
			.lost = ids[2], .offset = 1, .length = 10, .extents = EXTENTS};
		break;
	case HF_RECORD_PROVEN:
		record.proven = (struct hf_proven){.time = 8, .depth = 2, .packs = IDS(2)};
		break;
	case HF_RECORD_TIER:
		record.tiering = (struct hf_tiering){.tier = HF_ARCHIVE, .packs = IDS(2)};
		break;
	case HF_RECORD_RESULT:
		record.result = (struct hf_result){.kind = 2,
			.source = hf_span_str("files/a"),
			.moment = 1,
			.started = 2,
			.took = 3,
			.objective = 4,
			.outcome = 1,
			.text = hf_span_str("pg_verifybackup failed")};
		break;
	case HF_RECORD_ORIGIN:
		record.origin = (struct hf_origin){.commit = ids[1], .slot = 12, .seen = 77};
		break;
	case HF_RECORD_RELIES:
		record.relies = (struct hf_relies){.packs = IDS(3), .file = EXTENTS};
		break;
	default:
		record.kind = HF_RECORD_UNFINISHED;
		record.of = HF_RECORD_JOURNAL;
		record.journal = a_journal;
	}
	return record;
}

static struct hf_error *parse(struct hf_span bytes, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_wire wire = hf_wire(bytes);

	hf_record_parse(&wire, arena, out);
	return hf_wire_end(&wire, "record");
}

/* Own memory of exactly this size, so that a read beyond is seen. */
static struct hf_error *parse_copy(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_FREED uint8_t *copy = hf_alloc(bytes.len);
	struct hf_record record;

	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	return parse(hf_span(copy, bytes.len), &arena, &record);
}

START_TEST(every_kind_is_parsed_and_prints_the_same)
{
	for (unsigned kind = 1; kind <= SAMPLES; kind++) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) first = {0};
		HF_RELEASED(hf_buf) second = {0};
		const struct hf_record record = sample(kind, &arena);
		struct hf_record parsed;

		hf_record_print(&record, &first);
		ck_ok(parse(hf_buf_span(&first), &arena, &parsed));
		ck_assert_int_eq(parsed.kind, record.kind);
		ck_assert_int_eq(parsed.of, record.of);
		ck_assert_ptr_eq(parsed.body.at + parsed.body.len, first.at + first.len);
		hf_record_print(&parsed, &second);
		ck_assert(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
	}
}
END_TEST

START_TEST(every_kind_cut_short_anywhere_is_refused)
{
	for (unsigned kind = 1; kind <= SAMPLES; kind++) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) out = {0};
		const struct hf_record record = sample(kind, &arena);

		hf_record_print(&record, &out);
		for (size_t len = 0; len < out.len; len++)
			ck_fails(HF_CORRUPT, parse_copy(hf_span(out.at, len)));
	}
}
END_TEST

START_TEST(a_flipped_bit_anywhere_never_reads_beyond)
{
	for (unsigned kind = 1; kind <= SAMPLES; kind++) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) out = {0};
		const struct hf_record record = sample(kind, &arena);

		hf_record_print(&record, &out);
		for (size_t bit = 0; bit < out.len * 8; bit++) {
			out.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			hf_error_free(parse_copy(hf_buf_span(&out))); /* it must only come back */
			out.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
}
END_TEST

START_TEST(a_snapshot_comes_back_field_by_field)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	const struct hf_record record = sample(HF_RECORD_SNAPSHOT, &arena);
	const struct hf_snapshot *wanted = &record.snapshot, *got;
	struct hf_record parsed;

	hf_record_print(&record, &out);
	ck_ok(parse(hf_buf_span(&out), &arena, &parsed));
	got = &parsed.snapshot;
	ck_assert_mem_eq(got->run, wanted->run, HF_RUN_LEN);
	ck_assert(hf_span_equal(got->source, wanted->source));
	ck_assert_int_eq(got->moment, wanted->moment);
	ck_assert_int_eq(got->started, wanted->started);
	ck_assert_int_eq(got->ended, wanted->ended);
	ck_assert(hf_span_equal(got->root, wanted->root));
	ck_assert_uint_eq(got->files, wanted->files);
	ck_assert_uint_eq(got->bytes, wanted->bytes);
	ck_assert_uint_eq(got->entries, wanted->entries);
	ck_assert_uint_eq(got->failed, wanted->failed);
	ck_assert(hf_span_equal(got->host, wanted->host));
	ck_assert(hf_span_equal(got->user, wanted->user));
	ck_assert_uint_eq(got->n_paths, 3);
	ck_assert(hf_span_equal(got->paths[1], wanted->paths[1]));
	ck_assert_uint_eq(got->labels.n, 2);
	ck_assert(hf_span_equal(got->labels.at[1].value, hf_span_str("value")));
	ck_assert_int_eq(got->ttl, wanted->ttl);
	ck_assert_mem_eq(got->parent, wanted->parent, HF_SNAPSHOT_ID_LEN);
	ck_assert(hf_test_extents_equal(&got->reopen, &wanted->reopen));
}
END_TEST

/* What one change of a good snapshot gives. */
static struct hf_error *parse_snapshot(
	void (*change)(struct hf_snapshot *snapshot, size_t n), size_t n)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_record record = sample(HF_RECORD_SNAPSHOT, &arena), parsed;

	change(&record.snapshot, n);
	hf_record_print(&record, &out);
	return parse(hf_buf_span(&out), &arena, &parsed);
}

static uint8_t long_text[HF_MAX_RECORD];
static struct hf_pair many_pairs[HF_MAX_VALUES + 1];
static char keys[HF_MAX_VALUES + 1][8];

static void with_host(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->host = hf_span(long_text, n);
}
static void with_path(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->paths[0] = hf_span(long_text, n);
}
static void with_label_key(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->labels.at[1].key = hf_span(long_text, n);
}
static void with_label_value(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->labels.at[1].value = hf_span(long_text, n);
}
static void with_value(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->labels.n = 0;
	snapshot->values.at[1].value = hf_span(long_text, n);
}
static void with_labels(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->labels = (struct hf_pairs){.at = many_pairs, .n = n};
}
static void with_values(struct hf_snapshot *snapshot, size_t n)
{
	snapshot->values = (struct hf_pairs){.at = many_pairs, .n = n};
}

START_TEST(limits_hold_at_and_break_beyond)
{
	static const struct {
		void (*change)(struct hf_snapshot *snapshot, size_t n);
		size_t most;
	} cases[] = {{with_host, HF_MAX_TEXT}, {with_path, HF_MAX_TEXT},
		{with_label_key, HF_MAX_LABEL_KEY}, {with_label_value, HF_MAX_LABEL_VALUE},
		{with_value, HF_MAX_VALUE}, {with_labels, HF_MAX_LABELS},
		{with_values, HF_MAX_VALUES}};
	const size_t i = (size_t)_i;

	memset(long_text, 'x', sizeof(long_text));
	for (size_t k = 0; k < ARRAY_LEN(many_pairs); k++) {
		snprintf(keys[k], sizeof(keys[k]), "k%03zu", k);
		many_pairs[k] = (struct hf_pair){.key = hf_span_str(keys[k])};
	}
	ck_ok(parse_snapshot(cases[i].change, cases[i].most));
	ck_fails(HF_CORRUPT, parse_snapshot(cases[i].change, cases[i].most + 1));
}
END_TEST

START_TEST(a_record_longer_than_its_limit_is_refused)
{
	HF_RELEASED(hf_buf) out = {0};
	const size_t over = HF_MAX_RECORD / HF_ID_LEN;
	struct hf_record record = {.kind = HF_RECORD_TIER};

	record.tiering.packs.at = hf_calloc(over, HF_ID_LEN);
	record.tiering.packs.n = over - 1;
	hf_record_print(&record, &out);
	ck_ok(parse_copy(hf_buf_span(&out)));

	record.tiering.packs.n = over;
	hf_buf_clear(&out);
	hf_record_print(&record, &out);
	ck_fails(HF_CORRUPT, parse_copy(hf_buf_span(&out)));
	free(record.tiering.packs.at);
}
END_TEST

/* Many tiny directories: what a writer puts into one pack must be readable in one record. */
START_TEST(the_record_of_a_pack_of_the_most_chunks_is_readable)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_record record = sample(HF_RECORD_PACK, &arena);
	const uint32_t size = HF_MAX_PACK / (HF_PACK_ROWS + 1);

	record.pack.size = HF_MAX_PACK;
	record.pack.table.n = HF_PACK_ROWS;
	record.pack.table.rows = hf_calloc(HF_PACK_ROWS, sizeof(struct hf_row));
	for (size_t i = 0; i < HF_PACK_ROWS; i++) {
		record.pack.table.rows[i] =
			(struct hf_row){.id = {{1}}, .stored = size, .plain = HF_MAX_CHUNK};
	}
	hf_record_print(&record, &out);
	ck_assert_uint_gt(out.len, HF_MAX_RECORD);
	ck_ok(parse_copy(hf_buf_span(&out)));
	ck_ok(hf_record_check(hf_buf_span(&out)));
	free(record.pack.table.rows);
}
END_TEST

START_TEST(a_record_that_nobody_could_read_is_found_before_it_is_written)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) good = {0};
	HF_RELEASED(hf_buf) bad = {0};
	struct hf_record record = sample(HF_RECORD_SNAPSHOT, &arena);

	hf_record_print(&record, &good);
	record.snapshot.labels.at[1].key = record.snapshot.labels.at[0].key;
	hf_record_print(&record, &bad);

	ck_ok(hf_record_check(hf_buf_span(&good)));
	ck_fails(HF_INVALID, hf_record_check(hf_buf_span(&bad)));
}
END_TEST

START_TEST(a_journal_entry_may_have_a_file_of_extents)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_record record = {.kind = HF_RECORD_JOURNAL, .journal = a_journal}, parsed;

	record.journal.size = UINT64_C(1) << 42;
	record.journal.extents_file = true;
	hf_record_print(&record, &out);
	ck_ok(parse(hf_buf_span(&out), &arena, &parsed));
	ck_assert(parsed.journal.extents_file);
	ck_assert_uint_eq(parsed.journal.size, UINT64_C(1) << 42);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("record");
	TCase *tests = hf_test_case(suite, "record");

	tcase_add_test(tests, every_kind_is_parsed_and_prints_the_same);
	tcase_add_test(tests, every_kind_cut_short_anywhere_is_refused);
	tcase_add_test(tests, a_flipped_bit_anywhere_never_reads_beyond);
	tcase_add_test(tests, a_snapshot_comes_back_field_by_field);
	tcase_add_loop_test(tests, limits_hold_at_and_break_beyond, 0, 7);
	tcase_add_test(tests, a_record_longer_than_its_limit_is_refused);
	tcase_add_test(tests, the_record_of_a_pack_of_the_most_chunks_is_readable);
	tcase_add_test(tests, a_record_that_nobody_could_read_is_found_before_it_is_written);
	tcase_add_test(tests, a_journal_entry_may_have_a_file_of_extents);
	return hf_test_run_suite(suite);
}
