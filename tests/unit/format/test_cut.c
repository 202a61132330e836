#include "backend/format/cut.h"

#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "tests/lib/test.h"
#include "tests/lib/vectors.h"

#define MIB (1u << 20)

static void fill_random(struct hf_buf *out, size_t len, uint64_t seed)
{
	for (size_t done = 0; done < len; done += sizeof(uint64_t)) {
		const uint64_t word = hf_test_random(&seed);

		hf_buf_add(out, &word, sizeof(word));
	}
	out->len = len;
}

static void make_gear(struct hf_gear *gear, uint64_t seed)
{
	HF_RELEASED(hf_buf) bytes = {0};

	fill_random(&bytes, HF_GEAR_LEN, seed);
	hf_gear_init(gear, bytes.at);
}

/* All lengths at once, as one who holds the whole content sees them. */
static void cut_whole(
	const struct hf_cutter *cutter, struct hf_span content, struct hf_buf *lengths)
{
	while (content.len) {
		const uint32_t len = (uint32_t)hf_cutter_next(cutter, content, true);

		ck_assert_uint_ge(len, 1);
		ck_assert_uint_le(len, content.len);
		hf_buf_add(lengths, &len, sizeof(len));
		content = hf_span(content.at + len, content.len - len);
	}
}

/* The rule as the head of cut.c states it: no state from one place to the next. */
static bool ends_at(const struct hf_cutter *cutter, const uint8_t *at, size_t n)
{
	const int bits = __builtin_ctz(cutter->normal) + (n < cutter->normal ? 2 : -2);
	uint64_t fp = 0;

	for (size_t back = 0; back < 64 && back < n; back++)
		fp += cutter->gear->table[at[n - 1 - back]] << back;
	return fp >> (64 - bits) == 0;
}

static size_t reference(const struct hf_cutter *cutter, struct hf_span content)
{
	const size_t end = HF_MIN(content.len, (size_t)cutter->max);

	for (size_t n = cutter->min; n < end; n++) {
		if (ends_at(cutter, content.at, n))
			return n;
	}
	return end;
}

START_TEST(the_cuts_are_those_of_the_rule)
{
	const struct hf_cutter shapes[] = {{.min = 64, .normal = 256, .max = 1024},
		{.min = 1, .normal = 8, .max = 9}, {.min = 63, .normal = 64, .max = 65},
		{.min = 65, .normal = 128, .max = 4096},
		{.min = 2048, .normal = 8192, .max = 65536},
		{.min = 8191, .normal = 8192, .max = 8193},
		{.min = 7, .normal = 1024, .max = 1025}};
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_gear gear;
	uint64_t seed = hf_test_seed();

	make_gear(&gear, seed);
	fill_random(&bytes, MIB / 4, seed + 1);
	memset(bytes.at + 100000, 0, 50000); /* a run in which every window is the same */
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct hf_cutter cutter = shapes[i];
		struct hf_span content = hf_buf_span(&bytes);

		cutter.gear = &gear;
		while (content.len) {
			const size_t len = hf_cutter_next(&cutter, content, true);

			ck_assert_uint_eq(len, reference(&cutter, content));
			content = hf_span(content.at + len, content.len - len);
		}
	}
}
END_TEST

static void add_stream(struct hf_buf *out, struct hf_span seed, uint64_t first, uint64_t n)
{
	HF_OWNED(hf_sha256) sha = hf_sha256_new();

	for (uint64_t i = first; i < first + n; i++) {
		uint8_t number[8];
		struct hf_id digest;

		for (size_t j = 0; j < sizeof(number); j++)
			number[j] = (uint8_t)(i >> 8 * j);
		hf_sha256_add(sha, seed);
		hf_sha256_add(sha, hf_span(number, sizeof(number)));
		hf_sha256_end(sha, &digest);
		hf_buf_add(out, digest.bytes, sizeof(digest.bytes));
	}
}

static void check_vector(const struct hf_vector *vector)
{
	const struct hf_cutter shape = {
		.min = (uint32_t)atoi(vector->text[2]),
		.normal = (uint32_t)atoi(vector->text[3]),
		.max = (uint32_t)atoi(vector->text[4]),
	};
	struct hf_cutter cutter = shape;
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_buf) content = {0};
	HF_RELEASED(hf_buf) lengths = {0};
	struct hf_gear gear;

	add_stream(&bytes, vector->bytes[0], 0, HF_GEAR_LEN / HF_ID_LEN);
	add_stream(&content, vector->bytes[0], HF_GEAR_LEN / HF_ID_LEN,
		(uint64_t)atoi(vector->text[1]));
	hf_gear_init(&gear, bytes.at);
	cutter.gear = &gear;
	cut_whole(&cutter, hf_buf_span(&content), &lengths);

	/* lengths are u32 in memory: little-endian where the tests run */
	ck_assert(hf_span_equal(hf_buf_span(&lengths), vector->bytes[5]));
}

START_TEST(the_cuts_are_those_that_another_program_finds)
{
	hf_vectors_each("cut.txt", 6, check_vector);
}
END_TEST

START_TEST(the_cuts_do_not_hang_on_the_pieces_in_which_the_content_comes)
{
	HF_RELEASED(hf_buf) content = {0};
	struct hf_gear gear;
	const struct hf_cutter cutters[] = {{&gear, 512, 2048, 8192}, {NULL, 512, 2048, 8192}};
	uint64_t random = hf_test_seed();

	make_gear(&gear, random);
	fill_random(&content, MIB / 2, random + 1);
	for (size_t i = 0; i < ARRAY_LEN(cutters); i++) {
		size_t begin = 0, there = 0, more;

		while (begin < content.len) {
			const struct hf_span all = hf_span(content.at + begin, content.len - begin);
			const bool last = there == content.len;
			const size_t len = hf_cutter_next(
				&cutters[i], hf_span(content.at + begin, there - begin), last);

			if (len == 0) { /* nothing is certain yet: some more comes */
				ck_assert(!last && there - begin < cutters[i].max);
				more = 1 + hf_test_random(&random) % 700;
				there += HF_MIN(content.len - there, more);
				continue;
			}
			ck_assert_uint_eq(len, hf_cutter_next(&cutters[i], all, true));
			begin += len;
		}
	}
}
END_TEST

START_TEST(lengths_keep_their_bounds_and_their_middle)
{
	HF_RELEASED(hf_buf) content = {0};
	HF_RELEASED(hf_buf) lengths = {0};
	struct hf_gear gear;
	const struct hf_cutter cutter = {&gear, 4096, 16384, 65536};
	uint64_t seed = hf_test_seed();
	uint32_t len;
	size_t n;

	make_gear(&gear, seed);
	fill_random(&content, 16 * MIB, seed + 1);
	cut_whole(&cutter, hf_buf_span(&content), &lengths);

	n = lengths.len / sizeof(len);
	for (size_t i = 0; i + 1 < n; i++) {
		memcpy(&len, lengths.at + i * sizeof(len), sizeof(len));
		ck_assert_uint_ge(len, cutter.min);
		ck_assert_uint_le(len, cutter.max);
	}
	ck_assert_uint_ge(content.len / n, cutter.normal * 3 / 4);
	ck_assert_uint_le(content.len / n, cutter.normal * 3 / 2);
}
END_TEST

static void remember(const struct hf_cutter *cutter, struct hf_span content, struct hf_map *chunks,
	size_t *known)
{
	while (content.len) {
		const size_t len = hf_cutter_next(cutter, content, true);
		struct hf_id id;
		bool fresh;

		hf_sha256(hf_span(content.at, len), &id);
		hf_map_put(chunks, &id, &fresh);
		if (!fresh)
			*known += len;
		content = hf_span(content.at + len, content.len - len);
	}
}

START_TEST(after_insertions_almost_all_chunks_are_the_same)
{
	HF_RELEASED(hf_buf) before = {0};
	HF_RELEASED(hf_buf) after = {0};
	HF_RELEASED(hf_map) chunks = {0};
	struct hf_gear gear;
	const struct hf_cutter cutter = {&gear, 4096, 16384, 65536};
	uint64_t seed = hf_test_seed();
	size_t known = 0;

	make_gear(&gear, seed);
	fill_random(&before, 8 * MIB, seed + 1);
	hf_buf_add(&after, "first", 5);
	hf_buf_add(&after, before.at, 3000001);
	hf_buf_add(&after, "middle", 6);
	hf_buf_add(&after, before.at + 3000001, 3000002);
	hf_buf_add(&after, before.at + 6000100, before.len - 6000100); /* and a hundred are gone */

	remember(&cutter, hf_buf_span(&before), &chunks, &known);
	ck_assert_uint_eq(known, 0);
	remember(&cutter, hf_buf_span(&after), &chunks, &known);

	ck_assert_uint_ge(known, after.len / 100 * 95);
}
END_TEST

START_TEST(another_key_cuts_elsewhere)
{
	HF_RELEASED(hf_buf) content = {0};
	HF_RELEASED(hf_buf) ours = {0};
	HF_RELEASED(hf_buf) theirs = {0};
	struct hf_gear one, two;
	const struct hf_cutter first = {&one, 4096, 16384, 65536},
			       second = {&two, 4096, 16384, 65536};
	uint64_t seed = hf_test_seed();

	make_gear(&one, seed + 1);
	make_gear(&two, seed + 2);
	fill_random(&content, MIB, seed);
	cut_whole(&first, hf_buf_span(&content), &ours);
	cut_whole(&second, hf_buf_span(&content), &theirs);

	ck_assert(!hf_span_equal(hf_buf_span(&ours), hf_buf_span(&theirs)));
}
END_TEST

START_TEST(a_short_content_is_one_chunk_and_an_empty_one_is_none)
{
	struct hf_gear gear;
	const struct hf_cutter cutters[] = {{&gear, 512, 2048, 8192}, {NULL, 512, 2048, 8192}};
	const uint8_t content[512] = {1};

	make_gear(&gear, hf_test_seed());
	for (size_t i = 0; i < ARRAY_LEN(cutters); i++) {
		ck_assert_uint_eq(hf_cutter_next(&cutters[i], hf_span(NULL, 0), true), 0);
		ck_assert_uint_eq(hf_cutter_next(&cutters[i], hf_span(NULL, 0), false), 0);
		for (size_t len = 1; len < sizeof(content); len++) {
			const struct hf_span part = hf_span(content, len);

			ck_assert_uint_eq(hf_cutter_next(&cutters[i], part, true), len);
			ck_assert_uint_eq(hf_cutter_next(&cutters[i], part, false), 0);
		}
	}
}
END_TEST

START_TEST(without_a_gear_every_chunk_is_normal)
{
	const struct hf_cutter cutter = {NULL, 8, 4096, 8192};
	HF_FREED uint8_t *content = hf_calloc(1, 10000);

	ck_assert_uint_eq(hf_cutter_next(&cutter, hf_span(content, 10000), false), 4096);
	ck_assert_uint_eq(hf_cutter_next(&cutter, hf_span(content, 4096), false), 4096);
	ck_assert_uint_eq(hf_cutter_next(&cutter, hf_span(content, 4095), false), 0);
	ck_assert_uint_eq(hf_cutter_next(&cutter, hf_span(content, 4095), true), 4095);
}
END_TEST

HF_TEST_MAIN("cut", the_cuts_are_those_of_the_rule, the_cuts_are_those_that_another_program_finds,
	the_cuts_do_not_hang_on_the_pieces_in_which_the_content_comes,
	lengths_keep_their_bounds_and_their_middle, after_insertions_almost_all_chunks_are_the_same,
	another_key_cuts_elsewhere, a_short_content_is_one_chunk_and_an_empty_one_is_none,
	without_a_gear_every_chunk_is_normal)
