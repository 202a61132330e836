/* Contents at random: any range of any file is what was stored, holes are zeros. */
#include "backend/tree/content.h"

#include <pthread.h>

#include "backend/tree/held.h"
#include "tests/lib/stored_tree.h"
#include "tests/lib/test.h"

static struct hf_stored_tree tree;

static void setup(void)
{
	hf_stored_init(&tree);
}

static void teardown(void)
{
	hf_stored_end(&tree);
}

/* n extents into a few chunks, every fifth a hole; `plain` gets the bytes that they stand for. */
static struct hf_extents many_extents(uint64_t *state, size_t n, struct hf_buf *plain)
{
	HF_RELEASED(hf_buf) stored = {0};
	struct hf_extents chunks, extents = {.n = n};

	for (size_t i = 0; i < 40000; i++)
		hf_put_u8(&stored, (uint8_t)hf_test_random(state));
	chunks = hf_stored_bytes(&tree, HF_CONTENT_PACK, hf_buf_span(&stored), 10000);
	extents.at = hf_arena_alloc(&tree.arena, n * sizeof(*extents.at));
	for (size_t i = 0; i < n; i++) {
		size_t chunk = hf_test_random(state) % chunks.n;
		uint32_t offset = (uint32_t)(hf_test_random(state) % 9000);
		uint64_t length = 1 + hf_test_random(state) % 900;

		extents.at[i] = (struct hf_extent){.length = length};
		if (i % 5 == 4) {
			memset(hf_buf_grow(plain, length), 0, length);
			continue;
		}
		extents.at[i].chunk = chunks.at[chunk].chunk;
		extents.at[i].offset = offset;
		hf_buf_add(plain, stored.at + chunk * 10000 + offset, length);
	}
	return extents;
}

/* Held is all of it, where no hole is in it and 64 pieces are enough; or nothing. */
static void check_held(struct hf_content *content, struct hf_span plain, uint64_t from)
{
	HF_RELEASED(hf_held) held = {0};
	size_t at = 0;
	uint64_t hole = from;

	ck_ok(hf_held_take(tree.reader, content, from, plain.len, &held));
	for (size_t i = 0; i < held.n; at += held.bytes[i++].len)
		ck_assert_int_eq(memcmp(held.bytes[i].at, plain.at + at, held.bytes[i].len), 0);
	if (plain.len > 0)
		ck_ok(hf_content_seek(content, from, true, &hole));
	ck_assert_uint_eq(at, hole >= from + plain.len ? plain.len : 0);
}

static void check_ranges(struct hf_content *content, uint64_t *state, const struct hf_buf *plain)
{
	HF_RELEASED(hf_buf) got = {0};

	ck_assert_uint_eq(hf_content_size(content), plain->len);
	hf_buf_grow(&got, plain->len + 10);
	for (int i = 0; i < 300; i++) {
		uint64_t from = hf_test_random(state) % (plain->len + 5);
		size_t len = hf_test_random(state) % 5000, n;
		size_t left = from < plain->len ? plain->len - from : 0;

		ck_ok(hf_content_read(content, from, got.at, len, &n));

		ck_assert_uint_eq(n, HF_MIN(len, left));
		ck_assert_int_eq(memcmp(got.at, plain->at + (n ? from : 0), n), 0);
		check_held(content, hf_span(plain->at + (n ? from : 0), n), from);
	}
	got.len = 0;
	ck_ok(hf_content_read_all(content, plain->len, &got));
	ck_assert(hf_span_equal(hf_buf_span(&got), hf_buf_span(plain)));
	ck_fails(HF_CORRUPT, hf_content_read_all(content, plain->len - 1, &got));
	ck_assert_uint_eq(got.len, plain->len);
}

static const size_t counts[] = {1, 2, 64, 65, 5000};

START_TEST(any_range_is_what_was_stored)
{
	uint64_t state = hf_test_seed();
	HF_RELEASED(hf_buf) plain = {0};
	struct hf_extents extents = many_extents(&state, counts[_i], &plain);
	struct hf_entry entry = hf_stored_extents(&tree, "file", &extents);
	HF_OWNED(hf_content) content = NULL;

	hf_stored_publish(&tree);
	ck_assert_int_eq(entry.extents_file, counts[_i] > HF_INLINE_EXTENTS);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	check_ranges(content, &state, &plain);
}
END_TEST

START_TEST(data_and_holes_are_found_where_they_are)
{
	uint64_t state = hf_test_seed();
	HF_RELEASED(hf_buf) plain = {0};
	struct hf_extents extents = many_extents(&state, counts[_i], &plain);
	struct hf_entry entry = hf_stored_extents(&tree, "file", &extents);
	HF_OWNED(hf_content) content = NULL;
	uint64_t at = 0, found, begin, end;

	hf_stored_publish(&tree);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	for (size_t i = 0; i < extents.n; at += extents.at[i++].length) {
		bool hole = i % 5 == 4;

		ck_ok(hf_content_seek(content, at, hole, &found));
		ck_assert_uint_eq(found, at);
		ck_ok(hf_content_extent(content, at + extents.at[i].length - 1, &begin, &end));
		ck_assert_uint_eq(begin, at);
		ck_assert_uint_eq(end, at + extents.at[i].length);
		ck_ok(hf_content_seek(content, at, !hole, &found));
		if (hole)
			ck_assert_uint_eq(found, end);
		else
			ck_assert_uint_ge(found, end);
	}
	ck_assert_uint_eq(at, plain.len);
	ck_ok(hf_content_seek(content, at + 7, false, &found));
	ck_assert_uint_eq(found, plain.len);
	ck_fails(HF_INVALID, hf_content_extent(content, at, &begin, &end));
}
END_TEST

START_TEST(neighbouring_holes_are_one)
{
	struct hf_extent at[] = {{.length = 5}, {.length = 6}, {.length = 1u << 30}};
	const struct hf_extents extents = {.at = at, .n = 3};
	struct hf_entry entry = hf_stored_extents(&tree, "file", &extents);
	HF_OWNED(hf_content) content = NULL;
	uint64_t found;

	hf_stored_publish(&tree);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	ck_ok(hf_content_seek(content, 1, false, &found));
	ck_assert_uint_eq(found, entry.size);
	ck_ok(hf_content_seek(content, 1, true, &found));
	ck_assert_uint_eq(found, 1);
}
END_TEST

START_TEST(an_empty_file_has_nothing)
{
	struct hf_entry entry = hf_stored_file(&tree, "file", hf_span_str(""));
	HF_OWNED(hf_content) content = NULL;
	char byte;
	size_t got;

	hf_stored_publish(&tree);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	ck_ok(hf_content_read(content, 0, &byte, 1, &got));
	ck_assert_uint_eq(got, 0);
}
END_TEST

START_TEST(an_extent_beyond_its_chunk_is_corrupt)
{
	struct hf_entry entry = hf_stored_file(&tree, "file", hf_span_str("short"));
	HF_OWNED(hf_content) content = NULL;
	HF_RELEASED(hf_held) held = {0};
	char bytes[10];
	size_t got;

	hf_stored_publish(&tree);
	entry.extents.at[0].length = entry.size = 6;
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	ck_fails(HF_CORRUPT, hf_content_read(content, 0, bytes, 6, &got));
	ck_ok(hf_held_take(tree.reader, content, 0, 6, &held));
	ck_assert_uint_eq(held.n, 0);
	ck_ok(hf_content_read(content, 1, bytes, 4, &got));
	ck_assert_int_eq(memcmp(bytes, "hort", 4), 0);
}
END_TEST

START_TEST(what_lies_in_too_many_pieces_is_not_held)
{
	const struct hf_extents stored =
		hf_stored_bytes(&tree, HF_CONTENT_PACK, hf_span_str("a chunk"), 7);
	struct hf_extent pieces[HF_MAX_HELD + 1];
	const struct hf_extents extents = {.at = pieces, .n = HF_MAX_HELD + 1};

	for (size_t i = 0; i < extents.n; i++)
		pieces[i] = (struct hf_extent){
			.chunk = stored.at[0].chunk, .offset = (uint32_t)(i % 7), .length = 1};
	struct hf_entry entry = hf_stored_extents(&tree, "file", &extents);
	HF_OWNED(hf_content) content = NULL;
	HF_RELEASED(hf_held) held = {0};

	hf_stored_publish(&tree);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	ck_ok(hf_held_take(tree.reader, content, 0, extents.n, &held));
	ck_assert_uint_eq(held.n, 0);
	ck_ok(hf_held_take(tree.reader, content, 0, extents.n - 1, &held));
	ck_assert_uint_eq(held.n, HF_MAX_HELD);
}
END_TEST

START_TEST(extents_that_miss_the_size_are_corrupt)
{
	struct hf_entry entry = hf_stored_file(&tree, "file", hf_span_str("content"));
	struct hf_content *content;

	hf_stored_publish(&tree);
	entry.size = 8;
	ck_fails(HF_CORRUPT, hf_content_open(tree.reader, &entry, &content));
	entry.size = 7;
	entry.extents.at[0].length = UINT64_MAX;
	ck_fails(HF_CORRUPT, hf_content_open(tree.reader, &entry, &content));
}
END_TEST

struct reading {
	struct hf_content *content;
	const struct hf_buf *plain;
	uint64_t seed;
};

static void *read_much(void *arg)
{
	struct reading *reading = arg;
	uint64_t state = reading->seed;

	check_ranges(reading->content, &state, reading->plain);
	return NULL;
}

START_TEST(many_threads_read_one_content)
{
	uint64_t state = hf_test_seed();
	HF_RELEASED(hf_buf) plain = {0};
	struct hf_extents extents = many_extents(&state, 5000, &plain);
	struct hf_entry entry = hf_stored_extents(&tree, "file", &extents);
	HF_OWNED(hf_content) content = NULL;
	struct reading readings[4];
	pthread_t threads[4];

	hf_stored_publish(&tree);
	ck_ok(hf_content_open(tree.reader, &entry, &content));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		readings[i] = (struct reading){content, &plain, state + i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_much, &readings[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("content");
	TCase *tests = hf_test_case(suite, "content");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, any_range_is_what_was_stored, 0, ARRAY_LEN(counts));
	tcase_add_loop_test(tests, data_and_holes_are_found_where_they_are, 0, ARRAY_LEN(counts));
	tcase_add_test(tests, neighbouring_holes_are_one);
	tcase_add_test(tests, an_empty_file_has_nothing);
	tcase_add_test(tests, an_extent_beyond_its_chunk_is_corrupt);
	tcase_add_test(tests, what_lies_in_too_many_pieces_is_not_held);
	tcase_add_test(tests, extents_that_miss_the_size_are_corrupt);
	tcase_add_test(tests, many_threads_read_one_content);
	return hf_test_run_suite(suite);
}
