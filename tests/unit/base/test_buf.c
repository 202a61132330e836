#include "backend/base/buf.h"

#include <stdint.h>

#include "tests/lib/test.h"

START_TEST(bytes_are_appended_in_order_through_every_growth)
{
	HF_RELEASED(hf_buf) buf = {0};

	for (unsigned i = 0; i < 10000; i++) {
		uint8_t byte = (uint8_t)i;

		hf_buf_add(&buf, &byte, 1);
	}
	memcpy(hf_buf_grow(&buf, 3), "end", 3);

	ck_assert_uint_eq(buf.len, 10003);
	for (unsigned i = 0; i < 10000; i++)
		ck_assert_uint_eq(buf.at[i], (uint8_t)i);
	ck_assert_mem_eq(buf.at + 10000, "end", 3);
}
END_TEST

START_TEST(printing_appends_and_text_ends_with_a_nul_that_does_not_count)
{
	HF_RELEASED(hf_buf) buf = {0};

	ck_assert_str_eq(hf_buf_text(&buf), "");
	hf_buf_printf(&buf, "%s-%d", "a", 1);
	hf_buf_printf(&buf, "%040d", 7);

	ck_assert_uint_eq(buf.len, 43);
	ck_assert_str_eq(hf_buf_text(&buf), "a-10000000000000000000000000000000000000007");
	ck_assert_uint_eq(buf.len, 43);
}
END_TEST

START_TEST(a_stolen_buffer_leaves_an_empty_one)
{
	struct hf_buf buf = {0}, stolen;

	hf_buf_add_span(&buf, hf_span_str("hello"));
	stolen = hf_buf_steal(&buf);

	ck_assert_ptr_null(buf.at);
	ck_assert_uint_eq(buf.len, 0);
	ck_assert(hf_span_equal(hf_buf_span(&stolen), hf_span_str("hello")));
	hf_buf_clear(&stolen);
	ck_assert_uint_eq(stolen.len, 0);
	hf_buf_release(&stolen);
	hf_buf_release(&buf);
}
END_TEST

START_TEST(nothing_is_fine_everywhere)
{
	HF_RELEASED(hf_buf) buf = {0};
	HF_RELEASED(hf_arena) arena = {0};

	hf_buf_add(&buf, NULL, 0);
	ck_assert_ptr_nonnull(hf_buf_grow(&buf, 0));
	ck_assert_ptr_nonnull(hf_arena_alloc(&arena, 0));
	ck_assert_str_eq(hf_arena_str(&arena, NULL, 0), "");
	ck_assert(hf_span_equal(hf_span(NULL, 0), hf_span_str("")));
	ck_assert_int_eq(hf_span_compare(hf_span(NULL, 0), hf_span_str("")), 0);
	free(hf_alloc(0));
	free(hf_calloc(0, 0));
}
END_TEST

START_TEST(spans_sort_bytewise_and_a_prefix_comes_first)
{
	ck_assert_int_lt(hf_span_compare(hf_span_str("ab"), hf_span_str("abc")), 0);
	ck_assert_int_gt(hf_span_compare(hf_span_str("b"), hf_span_str("abc")), 0);
	ck_assert_int_lt(hf_span_compare(hf_span_str("a"), hf_span_str("\xff")), 0);
	ck_assert_int_eq(hf_span_compare(hf_span_str("abc"), hf_span_str("abc")), 0);
	ck_assert(!hf_span_equal(hf_span_str("abc"), hf_span_str("abd")));
}
END_TEST

START_TEST(an_arena_keeps_every_piece_aligned_and_where_it_was)
{
	HF_RELEASED(hf_arena) arena = {0};
	uint32_t *pieces[2000];

	for (unsigned i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t n = i % 97 == 0 ? 100000 : 1 + i % 50;

		pieces[i] = hf_arena_alloc(&arena, n * sizeof(uint32_t));
		ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
		for (size_t k = 0; k < n; k++)
			pieces[i][k] = i;
	}

	for (unsigned i = 0; i < ARRAY_LEN(pieces); i++)
		ck_assert_uint_eq(pieces[i][i % 97 == 0 ? 99999 : i % 50], i);
	ck_assert_str_eq(hf_arena_str(&arena, "abcdef", 3), "abc");
	ck_assert(hf_span_equal(hf_arena_span(&arena, hf_span_str("xyz")), hf_span_str("xyz")));
}
END_TEST

START_TEST(an_array_grows_and_keeps_its_items)
{
	uint64_t *items = NULL;
	size_t cap = 0;

	for (size_t n = 0; n < 1000; n++) {
		items = hf_grow(items, &cap, n + 1, sizeof(*items));
		items[n] = n;
	}

	for (size_t n = 0; n < 1000; n++)
		ck_assert_uint_eq(items[n], n);
	free(items);
}
END_TEST

START_TEST(formatted_and_copied_text_is_owned)
{
	HF_FREED char *text = hf_format("%d of %s", 3, "four");
	HF_FREED char *copy = hf_strdup(text);
	HF_FREED char *part = hf_strndup(text, 1);

	ck_assert_str_eq(copy, "3 of four");
	ck_assert_str_eq(part, "3");
}
END_TEST

HF_TEST_MAIN("buf", bytes_are_appended_in_order_through_every_growth,
	printing_appends_and_text_ends_with_a_nul_that_does_not_count,
	a_stolen_buffer_leaves_an_empty_one, nothing_is_fine_everywhere,
	spans_sort_bytewise_and_a_prefix_comes_first,
	an_arena_keeps_every_piece_aligned_and_where_it_was, an_array_grows_and_keeps_its_items,
	formatted_and_copied_text_is_owned)
