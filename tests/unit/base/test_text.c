#include "backend/base/text.h"

#include <limits.h>
#include <time.h>

#include "backend/base/id.h"
#include "tests/lib/test.h"

START_TEST(hex_goes_both_ways_and_only_lower_case)
{
	char hex[9];
	uint8_t bytes[4];

	hf_hex(hf_span("\x00\x9a\xff\x10", 4), hex);
	ck_assert_str_eq(hex, "009aff10");
	ck_assert(hf_unhex(hex, 8, bytes));
	ck_assert_mem_eq(bytes, "\x00\x9a\xff\x10", 4);
	ck_assert(hf_unhex("", 0, bytes));
	ck_assert(!hf_unhex("009AFF10", 8, bytes));
	ck_assert(!hf_unhex("009", 3, bytes));
	ck_assert(!hf_unhex("0g", 2, bytes));
}
END_TEST

START_TEST(an_id_is_sixty_four_lower_case_digits)
{
	char hex[HF_ID_HEX + 1];
	struct hf_id id, back;

	memset(id.bytes, 0xa5, HF_ID_LEN);
	ck_assert(hf_id_parse(hf_id_hex(&id, hex), HF_ID_HEX, &back));
	ck_assert(hf_id_equal(&id, &back));
	ck_assert(!hf_id_is_zero(&id));
	ck_assert(!hf_id_parse(hex, HF_ID_HEX - 2, &back));
	hex[5] = 'A';
	ck_assert(!hf_id_parse(hex, HF_ID_HEX, &back));
}
END_TEST

START_TEST(base64_pads)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"\xff\xfe\xfd", "//79"},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		HF_RELEASED(hf_buf) out = {0};

		hf_base64(hf_span_str(pairs[i][0]), &out);
		ck_assert_str_eq(hf_buf_text(&out), pairs[i][1]);
	}
}
END_TEST

static const struct {
	const char *pattern, *text;
	bool matches;
} globs[] = {
	{"", "", true},
	{"", "a", false},
	{"abc", "abc", true},
	{"abc", "abcd", false},
	{"abc", "ab", false},
	{"*", "", true},
	{"*", "abc", true},
	{"*", "a/c", false},
	{"*.c", "main.c", true},
	{"*.c", "main.h", false},
	{"a*b*c", "aXXbYYc", true},
	{"a*b*c", "aXXcYYb", false},
	{"?", "a", true},
	{"?", "", false},
	{"?", "/", false},
	{"a?c", "abc", true},
	{"**", "", true},
	{"**", "a/b/c", true},
	{"**.c", "a/b.c", true},
	{"**/foo", "foo", true},
	{"**/foo", "a/b/foo", true},
	{"**/foo", "barfoo", false},
	{"a/**/b", "a/b", true},
	{"a/**/b", "a/x/y/b", true},
	{"a/**/b", "a/xb", false},
	{"a/**", "a/x/y", true},
	{"a/**", "a", false},
	{"a/**/**/b", "a/b", true},
	{"a/***/b", "a/x/y/b", true},
	{"a/***/b", "a/b", false},
	{"x**/b", "x/b", true},
	{"x**/b", "xb", false},
	{"*/b", "a/b", true},
	{"*/b", "a/a/b", false},
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[a-c]x", "bx", true},
	{"[!a-c]", "d", true},
	{"[!a-c]", "b", false},
	{"[^a-c]", "d", true},
	{"[!a]", "/", false},
	{"[/]", "/", false},
	{"[]a]", "]", true},
	{"[!]a]", "b", true},
	{"[!]a]", "]", false},
	{"[a-]", "-", true},
	{"[a-]", "b", false},
	{"[\\]x]", "]", true},
	{"[\\\\]", "\\", true},
	{"[z-a]", "m", false},
	{"[abc", "[abc", true},
	{"[abc", "a", false},
	{"[[[", "[[[", true},
	{"[]", "[]", true},
	{"\\*", "*", true},
	{"\\*", "a", false},
	{"\\a", "a", true},
	{"a\\", "a\\", true},
	{"[\xc3-\xff]*", "\xe4x", true},
	{"*\n*", "a\nb", true},
};

START_TEST(a_glob_matches_as_in_gitignore)
{
	ck_assert_msg(
		hf_glob_match(globs[_i].pattern, hf_span_str(globs[_i].text)) == globs[_i].matches,
		"%s on %s", globs[_i].pattern, globs[_i].text);
}
END_TEST

START_TEST(no_glob_is_slow)
{
	static const char *const patterns[] = {
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
		"**a**a**a**a**a**a**a**a**a**a**a**a**a**a**a**b",
		"**/**/**/**/**/**/**/**/**/**/**/**/**/**/**/**/b",
	};
	char text[20001];
	clock_t began = clock();

	for (size_t i = 0; i < 20000; i++)
		text[i] = i % 2 ? '/' : 'a';
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		ck_assert(!hf_glob_match(patterns[i], hf_span(text, 20000)));
		memset(text, 'a', 20000);
	}
	ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 20);
}
END_TEST

START_TEST(a_size_is_shown_in_three_digits)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{0, "0 B"},
		{999, "999 B"},
		{1000, "0.977 KiB"},
		{1024, "1 KiB"},
		{1536, "1.5 KiB"},
		{10240, "10 KiB"},
		{12700, "12.4 KiB"},
		{126976, "124 KiB"},
		{1023 * 1024, "0.999 MiB"},
		{1024 * 1024 - 1, "1 MiB"},
		{UINT64_C(3) << 29, "1.5 GiB"},
		{UINT64_C(1) << 62, "4 EiB"},
		{UINT64_MAX, "16 EiB"},
	};
	char out[HF_SIZE_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		ck_assert_str_eq(hf_size_text(sizes[i].bytes, out), sizes[i].text);
}
END_TEST

START_TEST(a_size_is_read_in_every_usual_spelling)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{"0", 0},
		{"4096", 4096},
		{"17B", 17},
		{"1k", 1024},
		{"256M", UINT64_C(256) << 20},
		{"1.5GiB", UINT64_C(3) << 29},
		{"1.5 GiB", UINT64_C(3) << 29},
		{"10 kb", 10240},
		{"0.001K", 1},
		{"0.000000001E", UINT64_C(1152921504)},
		{"4E", UINT64_C(1) << 62},
		{"4611686018427387904", UINT64_C(1) << 62},
	};
	uint64_t bytes;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		ck_assert_msg(hf_size_parse(sizes[i].text, &bytes), "%s", sizes[i].text);
		ck_assert_msg(bytes == sizes[i].bytes, "%s: %llu", sizes[i].text,
			(unsigned long long)bytes);
	}
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
	static const char *const bad[] = {"", "K", "-1", "+1", " 1", "1 ", "1.5", "1.5B", "1.K",
		".5K", "1.K", "1Q", "1KiBx", "1iB", "1Ki", "1  K", "0x10", "1e3", "4.1E", "5E",
		"4611686018427387905", "99999999999999999999999", "1.0000000001K"};
	uint64_t bytes;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!hf_size_parse(bad[i], &bytes), "%s", bad[i]);
}
END_TEST

START_TEST(a_shown_name_can_neither_move_the_cursor_nor_turn_the_text)
{
	static const char *const names[][2] = {
		{"plain name.txt", "plain name.txt"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xc2\x9b"
		 "0m",
			"\\xc2\\x9b0m"},
		{"\xe2\x80\xaegpj", "\\xe2\\x80\\xaegpj"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xc0\xaf", "\\xc0\\xaf"},
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		HF_RELEASED(hf_buf) out = {0};

		hf_text_show(hf_span_str(names[i][0]), &out);
		ck_assert_str_eq(hf_buf_text(&out), names[i][1]);
		ck_assert(hf_utf8_valid(hf_buf_span(&out)));
	}
}
END_TEST

START_TEST(only_the_shortest_form_of_a_real_character_is_utf8)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
		"\xf5\x80\x80\x80", "\xed\xbf\xbf", "\xe2\x82", "a\xc3"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ck_assert(hf_utf8_valid(hf_span_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert(!hf_utf8_valid(hf_span_str(bad[i])));
}
END_TEST

START_TEST(the_distance_counts_letters_added_taken_changed_or_swapped)
{
	char limit[66];

	memset(limit, 'x', 65);
	limit[65] = '\0';

	ck_assert_uint_eq(hf_text_distance("", ""), 0);
	ck_assert_uint_eq(hf_text_distance("backup", "backup"), 0);
	ck_assert_uint_eq(hf_text_distance("", "abc"), 3);
	ck_assert_uint_eq(hf_text_distance("abc", ""), 3);
	ck_assert_uint_eq(hf_text_distance("bakcup", "backup"), 1);
	ck_assert_uint_eq(hf_text_distance("kitten", "sitting"), 3);
	ck_assert_uint_eq(hf_text_distance(limit, "x"), UINT_MAX);
	ck_assert_uint_eq(hf_text_distance(limit + 1, "x"), 63);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *texts = hf_test_case(suite, "text");

	tcase_add_test(texts, hex_goes_both_ways_and_only_lower_case);
	tcase_add_test(texts, an_id_is_sixty_four_lower_case_digits);
	tcase_add_test(texts, base64_pads);
	tcase_add_loop_test(texts, a_glob_matches_as_in_gitignore, 0, (int)ARRAY_LEN(globs));
	tcase_add_test(texts, no_glob_is_slow);
	tcase_add_test(texts, a_size_is_shown_in_three_digits);
	tcase_add_test(texts, a_size_is_read_in_every_usual_spelling);
	tcase_add_test(texts, what_is_no_size_is_refused);
	tcase_add_test(texts, a_shown_name_can_neither_move_the_cursor_nor_turn_the_text);
	tcase_add_test(texts, only_the_shortest_form_of_a_real_character_is_utf8);
	tcase_add_test(texts, the_distance_counts_letters_added_taken_changed_or_swapped);
	return hf_test_run_suite(suite);
}
