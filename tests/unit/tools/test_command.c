#include "tools/cli/command.h"

#include "backend/base/buf.h"
#include "tests/lib/test.h"
#include "tools/cli/cli.h"
#include "tools/cli/parse.h"
#include "tools/cli/split.h"

#define WORDS_MAX 12

/* A line that is parsed, and all that parsing made. */
struct line {
	struct hf_cli cli;
	struct hf_parsed parsed;
	char *words[WORDS_MAX];
	int n;
};

/* Words are parted by blanks. */
static hf_err parse(struct line *line, const char *text)
{
	char *rest = NULL, *copy = hf_strdup(text);

	*line = (struct line){0};
	line->words[line->n++] = hf_strdup("holdfast");
	for (char *at = strtok_r(copy, " ", &rest); at; at = strtok_r(NULL, " ", &rest))
		line->words[line->n++] = hf_strdup(at);
	free(copy);
	HF_TRY(hf_parse(line->n, line->words, &line->cli, &line->parsed));
	return hf_parsed_check(&line->parsed);
}

static void line_release(struct line *line)
{
	hf_parsed_release(&line->parsed);
	free(line->cli.repositories.at);
	for (int i = 0; i < line->n; i++)
		free(line->words[i]);
}
#define PARSED __attribute__((cleanup(line_release))) struct line

static const struct {
	const char *line, *command;
	size_t operands;
} good[] = {
	{"ls", "ls", 0},
	{"ls latest", "ls", 1},
	{"-r /repo ls latest", "ls", 1},
	{"ls -r /repo latest", "ls", 1},
	{"ls latest -r /repo", "ls", 1},
	{"--repository=/repo ls", "ls", 0},
	{"ls -r/repo", "ls", 0},
	{"ls -lv latest", "ls", 1},
	{"ls -lvr /repo latest", "ls", 1},
	{"ls -- -l", "ls", 1},
	{"-- ls -l", "ls", 1},
	{"ls -", "ls", 1},
	{"key add writer", "key add", 1},
	{"key list", "key list", 0},
	{"backup /a /b /c", "backup", 3},
	{"backup --exclude=a=b --exclude --time /a", "backup", 1},
	{"backup --ttl 3d --time 2026-11-24T10:00:00Z /a", "backup", 1},
	{"mount --cache 64M /mnt", "mount", 1},
	{"find latest --name=", "find", 1},
};

START_TEST(options_may_stand_anywhere_behind_the_command)
{
	PARSED line;

	ck_ok(parse(&line, good[_i].line));

	ck_assert_str_eq(line.parsed.command->name, good[_i].command);
	ck_assert_uint_eq(line.parsed.words.n, good[_i].operands);
}
END_TEST

static const struct {
	const char *line, *text;
} bad[] = {
	{"", "no command"},
	{"bakcup", "did you mean \"backup\"?"},
	{"bakcup --exclude x", "did you mean \"backup\"?"},
	{"something-else", "`holdfast --help`"},
	{"key", "holdfast key add, holdfast key list"},
	{"key --rights=write add w", "holdfast key add, holdfast key list"},
	{"key remove", "holdfast key add, holdfast key list"},
	{"ls --lnog", "there is no option --lnog; did you mean --long?"},
	{"ls --lnog=3", "did you mean --long?"},
	{"ls --repositroy /r", "did you mean --repository?"},
	{"ls --something-else", "`holdfast ls --help`"},
	{"ls -Z", "there is no option -Z"},
	{"ls -lZ", "there is no option -Z"},
	{"--exclude x backup", "there is no option --exclude"},
	{"ls --long=yes", "--long takes no value"},
	{"ls -r", "--repository needs a value: URL"},
	{"ls -lr", "--repository needs a value: URL"},
	{"ls --key-file", "--key-file needs a value: FILE"},
	{"ls --jobs x", "--jobs: \"x\" is not a number"},
	{"ls --jobs=", "--jobs: \"\" is not a number"},
	{"ls -j -1", "--jobs: \"-1\" is not a number"},
	{"ls -j 99999999999999999999999", "is not a number"},
	{"mount --cache many /m", "--cache: \"many\" is not a size"},
	{"backup --ttl soon /a", "--ttl: \"soon\""},
	{"backup --time someday /a", "--time: \"someday\""},
	{"ls a b", "too many operands; usage: holdfast ls"},
	{"check x", "too many operands; usage: holdfast check [OPTION…]"},
	{"cat", "an operand is missing; usage: holdfast cat [OPTION…] VIEWPATH…"},
	{"restore latest", "an operand is missing"},
	{"diff a b c", "too many operands"},
	{"mount", "an operand is missing"},
};

START_TEST(wrong_usage_is_named_and_what_was_meant_is_told)
{
	PARSED line;

	ck_fails_with(HF_INVALID, bad[_i].text, parse(&line, bad[_i].line));
}
END_TEST

START_TEST(global_options_go_to_the_program_and_may_be_repeated)
{
	PARSED line;

	ck_ok(parse(&line, "-r /a -j4 ls -r /b --key-command=print --json -qv"));

	ck_assert_uint_eq(line.cli.repositories.n, 2);
	ck_assert_str_eq(line.cli.repositories.at[1], "/b");
	ck_assert_uint_eq(line.cli.jobs, 4);
	ck_assert_str_eq(line.cli.key.command, "print");
	ck_assert(line.cli.json && line.cli.quiet && line.cli.verbose && !line.cli.help);
}
END_TEST

START_TEST(help_needs_no_operands)
{
	PARSED line;

	ck_fails(HF_INVALID, parse(&line, "restore --help"));
	ck_assert(line.cli.help);
	ck_assert_str_eq(line.parsed.command->name, "restore");
}
END_TEST

/* ---- what the tables say ---- */

static size_t columns(const char *line, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (line[i] & 0xc0) != 0x80;
	return n;
}

static char *printed(const struct hf_command *command)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (command)
		hf_command_help(command, to);
	else
		hf_program_help(to);
	fclose(to);
	return text;
}

static void check_columns(const struct hf_command *command)
{
	HF_FREED char *text = printed(command);

	for (const char *at = text; *at;) {
		const size_t len = strcspn(at, "\n");

		ck_assert_msg(columns(at, len) <= 100, "too long: %.*s", (int)len, at);
		ck_assert_msg(len == 0 || at[len - 1] != ' ', "blank at end: %.*s", (int)len, at);
		at += len + (at[len] != 0);
	}
}

START_TEST(help_fits_a_hundred_columns)
{
	check_columns(NULL);
	for (size_t i = 0; hf_commands[i]; i++) {
		if (hf_commands[i]->summary)
			check_columns(hf_commands[i]);
	}
}
END_TEST

static void check_options(const struct hf_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct hf_option *option = &options[i];

		ck_assert_msg(option->help && *option->help, "--%s has no help", option->name);
		ck_assert_msg((option->type == HF_OPTION_FLAG) == (option->argument == NULL),
			"--%s: its argument has no name, or none is taken", option->name);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(!option->letter || option->letter != options[k].letter,
				"-%c is there twice", option->letter);
	}
}

START_TEST(every_option_has_help_and_every_command_a_page)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	check_options(globals, n);
	for (size_t i = 0; hf_commands[i]; i++) {
		const struct hf_command *command = hf_commands[i];

		if (!command->summary)
			continue;
		check_options(command->options, command->n_options);
		ck_assert_msg(
			command->description && command->page && command->run, "%s", command->name);
		ck_assert_msg(command->examples && command->examples[0], "%s has no example",
			command->name);
	}
}
END_TEST

START_TEST(no_option_of_a_command_hides_a_global_one)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	for (size_t i = 0; hf_commands[i]; i++) {
		const struct hf_command *command = hf_commands[i];

		for (size_t k = 0; k < command->n_options; k++) {
			const char *name = command->options[k].name;
			const char letter = command->options[k].letter;

			ck_assert_msg(!hf_option_named(globals, n, name, strlen(name)), "%s --%s",
				command->name, name);
			ck_assert_msg(!letter || !hf_option_lettered(globals, n, letter), "%s -%c",
				command->name, letter);
		}
	}
}
END_TEST

/* ---- a command in one string ---- */

static const struct {
	const char *text;
	const char *words[5];
} splits[] = {
	{"cat", {"cat"}},
	{"  pass show\tholdfast ", {"pass", "show", "holdfast"}},
	{"a 'b c' \"d e\"", {"a", "b c", "d e"}},
	{"a\\ b 'c\\' \"\\\"\"", {"a b", "c\\", "\""}},
	{"a'b'\"c\" ''", {"abc", ""}},
	{"a;b $HOME `c` *", {"a;b", "$HOME", "`c`", "*"}},
};

START_TEST(a_command_is_split_without_a_shell)
{
	struct hf_split split = {0};
	size_t n = 0;

	ck_ok(hf_split(splits[_i].text, &split));

	for (; splits[_i].words[n]; n++)
		ck_assert_str_eq(split.at[n], splits[_i].words[n]);
	ck_assert_uint_eq(split.n, n);
	ck_assert_ptr_null(split.at[n]);
	hf_split_release(&split);
}
END_TEST

START_TEST(a_command_that_is_none_is_refused)
{
	static const char *const texts[] = {"", "  ", "a 'b", "a \"b\\\""};
	struct hf_split split = {0};

	ck_fails(HF_INVALID, hf_split(texts[_i], &split));
	hf_split_release(&split);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tests = hf_test_case(suite, "command");

	tcase_add_loop_test(
		tests, options_may_stand_anywhere_behind_the_command, 0, ARRAY_LEN(good));
	tcase_add_loop_test(
		tests, wrong_usage_is_named_and_what_was_meant_is_told, 0, ARRAY_LEN(bad));
	tcase_add_test(tests, global_options_go_to_the_program_and_may_be_repeated);
	tcase_add_test(tests, help_needs_no_operands);
	tcase_add_test(tests, help_fits_a_hundred_columns);
	tcase_add_test(tests, every_option_has_help_and_every_command_a_page);
	tcase_add_test(tests, no_option_of_a_command_hides_a_global_one);
	tcase_add_loop_test(tests, a_command_is_split_without_a_shell, 0, ARRAY_LEN(splits));
	tcase_add_loop_test(tests, a_command_that_is_none_is_refused, 0, 4);
	suite_add_tcase(suite, tests);
	return hf_test_run_suite(suite);
}
