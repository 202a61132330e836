#include "backend/format/extents.h"

#include "tests/lib/entries.h"
#include "tests/lib/test.h"

static const struct hf_extent piece = {.chunk = {{1}}, .length = 10, .offset = 5};

START_TEST(a_piece_that_goes_on_is_merged_into_the_last)
{
	HF_RELEASED(hf_extents) extents = {0};

	hf_extents_add(&extents, &piece);
	hf_extents_add(&extents, &(struct hf_extent){.chunk = {{1}}, .length = 7, .offset = 15});
	ck_assert_uint_eq(extents.n, 1);
	ck_assert_uint_eq(extents.at[0].length, 17);

	hf_extents_add(&extents, &(struct hf_extent){.chunk = {{1}}, .length = 1, .offset = 23});
	hf_extents_add(&extents, &(struct hf_extent){.chunk = {{2}}, .length = 1, .offset = 24});
	ck_assert_uint_eq(extents.n, 3);

	hf_extents_add(&extents, &(struct hf_extent){.length = 1000});
	hf_extents_add(&extents, &(struct hf_extent){.length = 1000});
	hf_extents_add(&extents, &(struct hf_extent){.chunk = {{3}}});
	ck_assert_uint_eq(extents.n, 4);
	ck_assert_uint_eq(hf_extents_length(&extents), 2019);
}
END_TEST

START_TEST(what_is_printed_is_parsed_and_prints_the_same)
{
	uint64_t state = hf_test_seed();

	for (size_t n = 0; n < 300; n = n * 2 + 1) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) out = {0};
		HF_RELEASED(hf_buf) again = {0};
		struct hf_extents extents = hf_test_extents(&state, n, true, &arena), parsed;
		struct hf_wire wire;

		hf_extents_print(&extents, &out);
		wire = hf_wire(hf_buf_span(&out));
		hf_extents_parse(&wire, &arena, &parsed);
		ck_ok(hf_wire_end(&wire, "extents"));
		ck_assert(hf_test_extents_equal(&extents, &parsed));
		hf_extents_print(&parsed, &again);
		ck_assert(hf_span_equal(hf_buf_span(&out), hf_buf_span(&again)));
	}
}
END_TEST

static void open_index(struct hf_span file, struct hf_arena *arena, struct hf_block_index *index)
{
	uint32_t len;

	ck_ok(hf_block_index_len(hf_span(file.at + file.len - 4, 4), file.len, &len));
	ck_ok(hf_extents_index_parse(
		hf_span(file.at + file.len - 4 - len, len), file.len, arena, index));
}

START_TEST(a_file_of_extents_is_read_back_block_by_block)
{
	uint64_t state = hf_test_seed();

	for (size_t n = 1; n < 5000; n = n * 3) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) file = {0};
		HF_RELEASED(hf_extents) all = {0};
		const struct hf_extents extents = hf_test_extents(&state, n, true, &arena);
		struct hf_block_index index;
		uint64_t offset = 0;

		hf_extents_file_print(&extents, &file);
		open_index(hf_buf_span(&file), &arena, &index);
		for (size_t i = 0; i < index.n; i++) {
			const struct hf_block *block = &index.blocks[i];
			struct hf_extents part;

			ck_assert_uint_eq(block->first_offset, offset);
			ck_ok(hf_extents_block_parse(
				hf_span(file.at + block->from, block->to - block->from), &arena,
				&part));
			offset += hf_extents_length(&part);
			for (size_t k = 0; k < part.n; k++) {
				all.at = hf_grow(all.at, &all.cap, all.n + 1, sizeof(*all.at));
				all.at[all.n++] = part.at[k];
			}
		}
		ck_assert(hf_test_extents_equal(&extents, &all));
	}
}
END_TEST

/* Real ids are uniform; the last n of them are the same in both files. */
static struct hf_extents uniform(uint64_t seed, size_t from, size_t to, struct hf_arena *arena)
{
	struct hf_extents extents = {.n = to - from};

	extents.at = hf_arena_alloc(arena, extents.n * sizeof(*extents.at));
	for (size_t i = from; i < to; i++) {
		uint64_t state = seed + i, word = hf_test_random(&state);
		struct hf_extent *extent = &extents.at[i - from];

		*extent = (struct hf_extent){.length = 1000};
		memcpy(extent->chunk.bytes, &word, sizeof(word));
	}
	return extents;
}

START_TEST(one_extent_less_in_front_leaves_most_blocks_as_they_are)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) with = {0};
	HF_RELEASED(hf_buf) without = {0};
	const struct hf_extents a = uniform(1, 0, 20000, &arena), b = uniform(1, 1, 20000, &arena);
	struct hf_block_index index;
	unsigned same = 0;

	hf_extents_file_print(&a, &with);
	hf_extents_file_print(&b, &without);
	open_index(hf_buf_span(&without), &arena, &index);
	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];

		same += memmem(with.at, with.len, without.at + block->from,
				block->to - block->from) != NULL;
	}
	ck_assert_uint_gt(same, index.n * 3 / 4);
}
END_TEST

START_TEST(no_extents_are_no_file)
{
	HF_RELEASED(hf_buf) file = {0};

	hf_extents_file_print(&(struct hf_extents){0}, &file);
	ck_assert_uint_eq(file.len, 0);
}
END_TEST

START_TEST(extents_keep_within_their_limits)
{
	const struct hf_extent longest = {.chunk = {{1}}, .length = HF_MAX_CHUNK};
	const struct hf_extent hole = {.length = HF_MAX_EXTENT};
	struct hf_extent at[2] = {longest, hole};
	struct hf_extents extents = {.at = at, .n = 1};

	ck_assert_ptr_null(hf_extents_problem(&extents, false));
	at[0].offset = 1;
	ck_assert_ptr_nonnull(hf_extents_problem(&extents, false));
	at[0] = hole;
	ck_assert_ptr_null(hf_extents_problem(&extents, true));
	ck_assert_ptr_nonnull(hf_extents_problem(&extents, false));
	extents.n = 2; /* together beyond 2^62 */
	ck_assert_ptr_nonnull(hf_extents_problem(&extents, true));
}
END_TEST

START_TEST(an_index_length_must_leave_room_for_a_block)
{
	static const struct {
		uint8_t last4[4];
		uint64_t size;
		bool good;
	} cases[] = {
		{{3, 0, 0, 0}, 8, true},
		{{3, 0, 0, 0}, 7, false},
		{{0, 0, 0, 0}, 100, false},
		{{0, 0, 0, 4}, UINT64_MAX, true},
		{{1, 0, 0, 4}, UINT64_MAX, false},
		{{255, 255, 255, 255}, 100, false},
		{{1, 0, 0, 0}, 3, false},
		{{1, 0, 0, 0}, 0, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct hf_span last4 = hf_span(cases[i].last4, 4);
		uint32_t len;

		if (cases[i].good)
			ck_ok(hf_block_index_len(last4, cases[i].size, &len));
		else
			ck_fails(HF_CORRUPT, hf_block_index_len(last4, cases[i].size, &len));
	}
}
END_TEST

START_TEST(a_block_longer_than_its_limit_is_refused_by_its_index)
{
	static const uint8_t one[] = {1, 0, 0};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_block_index index;
	const uint64_t most = HF_MAX_BLOCK + sizeof(one) + 4;

	ck_ok(hf_extents_index_parse(hf_span(one, sizeof(one)), most, &arena, &index));
	ck_fails(HF_CORRUPT,
		hf_extents_index_parse(hf_span(one, sizeof(one)), most + 1, &arena, &index));
}
END_TEST

START_TEST(page_maps_are_read_where_they_lie)
{
	static const uint8_t prints[32] = {1, 2, 3};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_page_map map = {.page = 8192, .pages = 2, .fingerprints = prints}, parsed;

	hf_page_map_print(&map, &out);
	ck_assert_uint_eq(out.len, 4 + 8 + 32);
	ck_ok(hf_page_map_parse(hf_buf_span(&out), &parsed));
	ck_assert_uint_eq(parsed.page, 8192);
	ck_assert_uint_eq(parsed.pages, 2);
	ck_assert_ptr_eq(parsed.fingerprints, out.at + 12);
	ck_fails(HF_CORRUPT, hf_page_map_parse(hf_span(out.at, out.len - 1), &parsed));
}
END_TEST

HF_TEST_MAIN("extents", a_piece_that_goes_on_is_merged_into_the_last,
	what_is_printed_is_parsed_and_prints_the_same,
	a_file_of_extents_is_read_back_block_by_block,
	one_extent_less_in_front_leaves_most_blocks_as_they_are, no_extents_are_no_file,
	extents_keep_within_their_limits, an_index_length_must_leave_room_for_a_block,
	a_block_longer_than_its_limit_is_refused_by_its_index, page_maps_are_read_where_they_lie)
