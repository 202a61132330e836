/* Patterns mean what they mean to git. */
#include "backend/tree/exclude.h"

#include <stdio.h>

#include "tests/lib/test.h"

struct sample {
	const char *patterns[4];
	const char *path;
	bool dir, excluded;
};

static const struct sample samples[] = {
	/* a name, anywhere */
	{{"*.o"}, "a.o", false, true},
	{{"*.o"}, "x/y/a.o", false, true},
	{{"*.o"}, "a.o.c", false, false},
	{{"core"}, "a/core", false, true},
	{{"core"}, "a/score", false, false},
	{{"cache[0-9]"}, "x/cache7", true, true},
	/* a path, from a root */
	{{"/build"}, "build", true, true},
	{{"/build"}, "a/build", true, false},
	{{"a/b"}, "a/b", false, true},
	{{"a/b"}, "x/a/b", false, false},
	{{"/srv/data/tmp"}, "tmp", true, true},
	{{"/srv/data/tmp"}, "a/tmp", true, false},
	{{"/srv/*/tmp"}, "tmp", true, true},
	{{"srv/data/tmp"}, "tmp", true, false},
	{{"srv/**/tmp"}, "tmp", true, false},
	{{"*/**"}, "keep", false, false},
	{{"*/**"}, "a/keep", false, true},
	{{"a/*/c"}, "a/b/c", false, true},
	{{"a/*/c"}, "a/b/b/c", false, false},
	{{"a/**/c"}, "a/b/b/c", false, true},
	{{"a/**/c"}, "a/c", false, true},
	{{"**/c"}, "c", false, true},
	{{"**/b/c"}, "a/b/c", false, true},
	{{"a/**"}, "a", true, false},
	{{"a/**"}, "a/b", false, true},
	/* directories only */
	{{"tmp/"}, "tmp", true, true},
	{{"tmp/"}, "tmp", false, false},
	{{"tmp/"}, "a/tmp", true, true},
	{{"/tmp/"}, "a/tmp", true, false},
	/* the last decides */
	{{"*.log", "!keep.log"}, "keep.log", false, false},
	{{"*.log", "!keep.log"}, "a/other.log", false, true},
	{{"!keep.log", "*.log"}, "keep.log", false, true},
	{{"*", "!*/", "!*.c"}, "a/b.c", false, false},
	{{"*", "!*/", "!*.c"}, "a/b.h", false, true},
	{{"*", "!*/", "!*.c"}, "a", true, false},
	/* quoted */
	{{"\\!name"}, "!name", false, true},
	{{"\\#name"}, "#name", false, true},
	{{"a\\*b"}, "a*b", false, true},
	{{"a\\*b"}, "axb", false, false},
	/* classes; two stars that stand for no whole names */
	{{"[[:upper:]]*"}, "Foo", false, true},
	{{"[[:upper:]]*"}, "foo", false, false},
	{{"[^[:alnum:]_]x"}, "-x", false, true},
	{{"[^[:alnum:]_]x"}, "_x", false, false},
	{{"[[:punct:]]"}, "!", false, true},
	{{"[[:punct:]]"}, "]", false, true},
	{{"[[:punct:]]"}, "a", false, false},
	{{"[a[:digit:]-]"}, "-", false, true},
	{{"[[]x"}, "[x", false, true},
	{{"[]-]x"}, "]x", false, true},
	{{"\\[x"}, "[x", false, true},
	{{"a/**.c"}, "a/b.c", false, true},
	{{"a/**.c"}, "a/b/c.c", false, false},
	{{"a/***/c"}, "a/c", false, true},
	{{NULL}, "anything", false, false},
};

START_TEST(the_last_pattern_that_matches_decides)
{
	const struct sample *sample = &samples[_i];
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();
	char absolute[100];

	snprintf(absolute, sizeof(absolute), "/srv/data/%s", sample->path);
	for (size_t i = 0; i < ARRAY_LEN(sample->patterns) && sample->patterns[i]; i++)
		ck_ok(hf_exclude_add(exclude, sample->patterns[i]));

	ck_assert_msg(
		hf_exclude_match(exclude, sample->path, absolute, sample->dir) == sample->excluded,
		"sample %d: %s", _i, sample->path);
}
END_TEST

START_TEST(a_pattern_that_never_matches_is_refused)
{
	static const char *const bad[] = {"", "/", "!", "!/", "a//b", "./a", "a/../b", "..", "//a",
		"a[b", "[", "[]", "[!]", "[[:none:]]", "[[:alpha:]"};
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_INVALID, hf_exclude_add(exclude, bad[i]));
}
END_TEST

START_TEST(a_file_of_patterns_has_comments_and_blanks)
{
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();
	char *dir = hf_test_dir(), *path = hf_test_path(dir, "rules");
	FILE *file = fopen(path, "w");

	fputs("\xef\xbb\xbf# all objects\r\n\n*.o  \n \n!keep.o\r\n\\ \ntab\t\nlast", file);
	fclose(file);
	ck_ok(hf_exclude_add_file(exclude, path));

	ck_assert(hf_exclude_match(exclude, "a.o", "/a.o", false));
	ck_assert(!hf_exclude_match(exclude, "keep.o", "/keep.o", false));
	ck_assert(hf_exclude_match(exclude, " ", "/ ", false));
	ck_assert(hf_exclude_match(exclude, "x/last", "/x/last", false));
	ck_assert(hf_exclude_match(exclude, "tab\t", "/tab\t", false));
	ck_assert(!hf_exclude_match(exclude, "tab", "/tab", false));
	ck_assert(!hf_exclude_match(exclude, "# all objects", "/# all objects", false));
	free(path);
	hf_test_dir_free(dir);
}
END_TEST

START_TEST(a_bad_line_is_named)
{
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();
	char *dir = hf_test_dir(), *path = hf_test_path(dir, "rules");
	FILE *file = fopen(path, "w");

	fputs("a\n\n!\n", file);
	fclose(file);

	ck_fails_with(HF_INVALID, "line 3", hf_exclude_add_file(exclude, path));
	file = fopen(path, "w");
	fwrite("a\0b\n", 1, 4, file);
	fclose(file);
	ck_fails_with(HF_INVALID, "NUL", hf_exclude_add_file(exclude, path));
	ck_fails(HF_NOT_FOUND, hf_exclude_add_file(exclude, "/no/such/file"));
	free(path);
	hf_test_dir_free(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exclude");
	TCase *tests = hf_test_case(suite, "exclude");

	tcase_add_loop_test(tests, the_last_pattern_that_matches_decides, 0, ARRAY_LEN(samples));
	tcase_add_test(tests, a_pattern_that_never_matches_is_refused);
	tcase_add_test(tests, a_file_of_patterns_has_comments_and_blanks);
	tcase_add_test(tests, a_bad_line_is_named);
	return hf_test_run_suite(suite);
}
