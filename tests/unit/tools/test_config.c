#include "tools/cli/config.h"

#include <sys/stat.h>

#include "tests/lib/test.h"
#include "tools/cli/cli.h"
#include "tools/cli/parse.h"

static void config_release(struct hf_config *config)
{
	hf_config_release(config);
}
#define CONFIG __attribute__((cleanup(config_release))) struct hf_config

static hf_err parse(const char *text, struct hf_config *out)
{
	return hf_config_parse(hf_span_str(text), "/home/me", out);
}

START_TEST(a_file_says_repositories_and_settings)
{
	CONFIG config;

	ck_ok(parse(
		"# comment\n"
		"repositories:\n"
		"  - url: /backup/platform/\n"
		"    key-file: ~/keys/platform\n"
		"    at-least: 3\n"
		"  - {name: tenant-a, url: 'file:///backup/a', key-command: pass show a, slot: x}\n"
		"cache-dir: \"/var/cache/hf\"\n"
		"jobs: 4\n"
		"log-format: json\n",
		&config));

	ck_assert_uint_eq(config.n_repositories, 2);
	const struct hf_config_repository *one = &config.repositories[0];
	const struct hf_config_repository *two = &config.repositories[1];

	ck_assert_str_eq(one->name, "platform");
	ck_assert_str_eq(one->url, "/backup/platform/");
	ck_assert_str_eq(one->key.file, "/home/me/keys/platform");
	ck_assert_uint_eq(one->at_least, 3);
	ck_assert_uint_eq(hf_config_entry(&one->entries, "at-least")->line, 5);
	ck_assert_ptr_null(hf_config_entry(&one->entries, "slot"));
	ck_assert_str_eq(two->name, "tenant-a");
	ck_assert_str_eq(two->key.command, "pass show a");
	ck_assert_str_eq(two->slot, "x");
	ck_assert_uint_eq(config.global.n, 3);
	ck_assert_str_eq(hf_config_entry(&config.global, "cache-dir")->value, "/var/cache/hf");
	ck_assert_uint_eq(hf_config_entry(&config.global, "jobs")->line, 8);
}
END_TEST

static const char *const empty[] = {
	"", "\n", "# nothing\n", "---\n", "---\n...\n", "{}", "repositories: []"};

START_TEST(a_file_may_say_nothing)
{
	CONFIG config;

	ck_ok(parse(empty[_i], &config));

	ck_assert_uint_eq(config.n_repositories + config.global.n, 0);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{"jobs: 4\njbos: 5\n",
		"line 2: there is no setting \"jbos\"; hint: there are cache-dir, jobs, "
		"log-format, repositories"},
	{"key-file: /k\n", "line 1: there is no setting \"key-file\"; hint:"},
	{"repositories:\n- url: /r\n  passphrase: secret\n",
		"line 3: there is no setting \"passphrase\" of a repository; hint: there are name, "
		"url,"},
	{"jobs: 4\n\njobs: 5\n", "line 3: jobs stands in line 1 already"},
	{"repositories: []\nrepositories: []\n", "line 2: repositories stands there already"},
	{"repositories:\n- url: /r\n  url: /s\n", "line 3: url stands in line 2 already"},
	{"jobs: many\n", "line 1: jobs: \"many\" is not a number"},
	{"jobs:\n", "jobs wants a value"},
	{"jobs: [4]\n", "line 1: jobs wants a value"},
	{"jobs: \"\"\n", "line 1: jobs wants a value"},
	{"cache-dir: cache\n", "line 1: cache-dir: \"cache\" must begin with / or ~/"},
	{"cache-dir: ~you/cache\n", "must begin with / or ~/"},
	{"cache-dir: \"/a\\0b\"\n", "line 1: cache-dir wants a value"},
	{"repositories:\n- url: repo\n", "line 2: url: \"repo\" must begin with"},
	{"repositories:\n- url: /r\n  key-file: s3://k\n", "line 3: key-file: \"s3://k\" must"},
	{"repositories:\n- name: a\n", "line 2: the repository wants a url"},
	{"repositories:\n- url: /a b\n", "line 2: the repository wants a name"},
	{"repositories:\n- url: /\n", "line 2: the repository wants a name"},
	{"repositories:\n- url: /r\n  name: a/b\n", "name: \"a/b\": letters, digits"},
	{"repositories:\n- url: /r\n  name: a@b\n", "name: \"a@b\": letters, digits"},
	{"repositories:\n- url: /r\n  name: -r\n", "name: \"-r\": letters, digits"},
	{"repositories:\n- url: /r\n  name: ..\n", "name: \"..\": letters, digits"},
	{"repositories:\n- url: /r\n- url: /s/r\n", "line 3: two repositories are called \"r\""},
	{"repositories:\n- {url: /r, key-file: /k, key-command: k}\n",
		"line 2: one of key-file, key-command"},
	{"repositories:\n- url: /r\n  at-least: -1\n", "line 3: at-least: \"-1\" is not"},
	{"repositories: /r\n", "line 1: repositories is a list"},
	{"repositories:\n- /r\n", "line 2: a repository is a mapping"},
	{"repositories:\n- url: {a: b}\n", "line 2: url wants a value"},
	{"- jobs\n", "line 1: here a setting is wanted"},
	{"jobs\n", "line 1: here a setting is wanted"},
	{"[jobs]: 4\n", "line 1: here a setting's name is wanted"},
	{"jobs: &n 4\n", "line 1: tags, anchors and aliases"},
	{"jobs: !!int 4\n", "line 1: tags, anchors and aliases"},
	{"a: *n\n", "line 1"},
	{"jobs: 4\n---\njobs: 5\n", "line 2: a second document"},
	{"jobs: 4\n\tcache-dir: /c\n", "line 2"},
	{"jobs: \"4\n", "line 2"},
	{"jobs: \xff\n", "byte 6"},
};

START_TEST(what_is_wrong_is_told_with_its_line)
{
	CONFIG config;

	ck_fails_with(HF_INVALID, bad[_i].why, parse(bad[_i].text, &config));
}
END_TEST

START_TEST(without_a_home_a_tilde_is_an_error)
{
	CONFIG config;

	ck_fails_with(HF_INVALID, "no HOME",
		hf_config_parse(hf_span_str("cache-dir: ~/c\n"), NULL, &config));
}
END_TEST

START_TEST(there_are_bounds)
{
	CONFIG config;
	HF_RELEASED(hf_buf) text = {0};

	hf_buf_printf(&text, "repositories:\n");
	for (unsigned i = 0; i <= HF_CONFIG_REPOSITORIES; i++)
		hf_buf_printf(&text, "- url: /r%u\n", i);
	ck_fails_with(HF_INVALID, "line 1026: these are too many repositories",
		hf_config_parse(hf_buf_span(&text), NULL, &config));
	hf_config_release(&config);
	while (text.len <= HF_CONFIG_MAX)
		hf_buf_printf(&text, "# comment\n");
	ck_fails_with(HF_INVALID, "too long", hf_config_parse(hf_buf_span(&text), NULL, &config));
}
END_TEST

/* ---- what then holds ---- */

static void cli_close(struct hf_cli *cli)
{
	hf_cli_close(cli);
}
#define CLI __attribute__((cleanup(cli_close))) struct hf_cli

static char *dir, *path;

static void set_up(void)
{
	static const char *const variables[] = {"HOLDFAST_REPOSITORY", "HOLDFAST_KEY_FILE",
		"HOLDFAST_KEY_COMMAND", "HOLDFAST_PASSPHRASE_FILE", "HOLDFAST_PASSPHRASE",
		"HOLDFAST_CACHE_DIR", "HOLDFAST_CONFIG", "XDG_CONFIG_HOME"};

	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		unsetenv(variables[i]);
	dir = hf_test_dir();
	path = hf_test_path(dir, "config.yaml");
	FILE *file = fopen(path, "we");

	fputs("cache-dir: /file/cache\n"
	      "jobs: 3\n"
	      "repositories:\n"
	      "- {name: a, url: /backup/a, key-file: /file/a.key}\n"
	      "- {name: b, url: /backup/b}\n",
		file);
	fclose(file);
	setenv("HOLDFAST_CONFIG", path, 1);
}

static void tear_down(void)
{
	free(path);
	hf_test_dir_free(dir);
}

START_TEST(an_option_goes_before_a_variable_and_a_variable_before_the_file)
{
	CLI cli = {.jobs = 1};

	setenv("HOLDFAST_CACHE_DIR", "/variable/cache", 1);
	ck_ok(hf_cli_configure(&cli));

	ck_assert_uint_eq(cli.jobs, 1);
	ck_assert_str_eq(hf_cli_from(&cli, "jobs"), "option");
	ck_assert_str_eq(cli.cache_dir, "/variable/cache");
	ck_assert_str_eq(hf_cli_from(&cli, "cache-dir"), "HOLDFAST_CACHE_DIR");
	ck_assert_str_eq(hf_cli_from(&cli, "config"), "HOLDFAST_CONFIG");
	ck_assert_ptr_null(hf_cli_from(&cli, "slot"));
}
END_TEST

START_TEST(the_file_says_what_nobody_else_does)
{
	CLI cli = {0};
	HF_FREED char *place = hf_format("%s:1", path);

	ck_ok(hf_cli_configure(&cli));

	ck_assert_str_eq(cli.cache_dir, "/file/cache");
	ck_assert_str_eq(hf_cli_from(&cli, "cache-dir"), place);
	ck_assert_uint_eq(cli.n_chosen, 2);
	ck_assert_str_eq(cli.chosen[1].name, "b");
	ck_assert_str_eq(hf_cli_key(&cli, &cli.chosen[0])->file, "/file/a.key");
	ck_assert(!hf_cli_key_given(hf_cli_key(&cli, &cli.chosen[1])));
}
END_TEST

START_TEST(a_key_of_option_or_variable_is_for_all)
{
	CLI cli = {0};

	setenv("HOLDFAST_KEY_FILE", "/variable/key", 1);
	setenv("HOLDFAST_PASSPHRASE", "secret", 1);
	ck_ok(hf_cli_configure(&cli));

	for (size_t i = 0; i < 2; i++)
		ck_assert_str_eq(hf_cli_key(&cli, &cli.chosen[i])->file, "/variable/key");
	ck_assert_ptr_null(cli.key.passphrase);
}
END_TEST

/* -r …, the names that come of it, and the url of the last */
static const struct {
	const char *wanted[3], *names[3], *url;
} choices[] = {
	{{"b"}, {"b"}, "/backup/b"},
	{{"/backup/a"}, {"a"}, "/backup/a"},
	{{"b", "a"}, {"b", "a"}, "/backup/a"},
	{{"/else/where/"}, {"where"}, "/else/where/"},
	{{"./c"}, {"c"}, "./c"},
	{{"/x@y"}, {"x-y"}, "/x@y"},
	{{"/"}, {"-"}, "/"},
	{{"a", "/else/a"}, {"a", "else-a"}, "/else/a"},
	{{"/1/r", "/2/r"}, {"1-r", "2-r"}, "/2/r"},
};

START_TEST(r_is_a_name_or_a_place)
{
	CLI cli = {0};

	for (size_t i = 0; i < 3 && choices[_i].wanted[i]; i++)
		hf_list_add(&cli.repositories, choices[_i].wanted[i]);
	ck_ok(hf_cli_configure(&cli));

	ck_assert_uint_eq(cli.n_chosen, cli.repositories.n);
	for (size_t i = 0; i < cli.n_chosen; i++)
		ck_assert_str_eq(cli.chosen[i].name, choices[_i].names[i]);
	ck_assert_str_eq(cli.chosen[cli.n_chosen - 1].url, choices[_i].url);
}
END_TEST

static const struct {
	const char *wanted[2];
	enum hf_error_kind kind;
	const char *why;
} wrong_choices[] = {
	{{"c"}, HF_NOT_FOUND, "has no repository \"c\"; hint: it has a, b; ./c is a directory"},
	{{"a", "a"}, HF_INVALID, "repository a is named twice"},
	{{"a", "/backup/a"}, HF_INVALID, "repository /backup/a is named twice"},
	{{"/1/2/r", "/1-2/r"}, HF_INVALID, "two repositories would be called 1-2-r"},
};

START_TEST(a_name_that_is_none_or_is_said_twice_is_refused)
{
	CLI cli = {0};

	for (size_t i = 0; i < 2 && wrong_choices[_i].wanted[i]; i++)
		hf_list_add(&cli.repositories, wrong_choices[_i].wanted[i]);
	ck_fails_with(wrong_choices[_i].kind, wrong_choices[_i].why, hf_cli_configure(&cli));
}
END_TEST

START_TEST(a_command_for_one_says_which_there_are)
{
	CLI cli = {0};
	struct hf_cli_repository *one;

	ck_ok(hf_cli_configure(&cli));

	ck_fails_with(HF_INVALID, "there are 2: a, b; hint: -r a", hf_cli_one(&cli, &one));
}
END_TEST

START_TEST(a_file_that_anyone_may_write_to_is_refused)
{
	CLI cli = {0};

	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_fails_with(HF_INVALID, "chmod o-w", hf_cli_configure(&cli));
}
END_TEST

START_TEST(the_users_own_file_is_found)
{
	CLI cli = {0};
	HF_FREED char *folder = hf_test_path(dir, "holdfast");

	ck_assert_int_eq(mkdir(folder, 0700), 0);
	HF_FREED char *moved = hf_test_path(folder, "config.yaml");

	ck_assert_int_eq(rename(path, moved), 0);
	unsetenv("HOLDFAST_CONFIG");
	setenv("XDG_CONFIG_HOME", dir, 1);
	ck_ok(hf_cli_configure(&cli));

	ck_assert_str_eq(cli.config_file, moved);
	ck_assert_str_eq(hf_cli_from(&cli, "config"), "default");
}
END_TEST

START_TEST(a_file_that_is_named_must_be_there)
{
	CLI cli = {.config_file = "/nowhere/config.yaml"};

	ck_fails_with(HF_NOT_FOUND, "configuration file /nowhere/config.yaml: No such file",
		hf_cli_configure(&cli));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tests = hf_test_case(suite, "file");
	TCase *holds = hf_test_case(suite, "what holds");

	tcase_add_test(tests, a_file_says_repositories_and_settings);
	tcase_add_loop_test(tests, a_file_may_say_nothing, 0, ARRAY_LEN(empty));
	tcase_add_loop_test(tests, what_is_wrong_is_told_with_its_line, 0, ARRAY_LEN(bad));
	tcase_add_test(tests, without_a_home_a_tilde_is_an_error);
	tcase_add_test(tests, there_are_bounds);
	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(holds, set_up, tear_down);
	tcase_add_test(holds, an_option_goes_before_a_variable_and_a_variable_before_the_file);
	tcase_add_test(holds, the_file_says_what_nobody_else_does);
	tcase_add_test(holds, a_key_of_option_or_variable_is_for_all);
	tcase_add_loop_test(holds, r_is_a_name_or_a_place, 0, ARRAY_LEN(choices));
	tcase_add_loop_test(holds, a_name_that_is_none_or_is_said_twice_is_refused, 0,
		ARRAY_LEN(wrong_choices));
	tcase_add_test(holds, a_command_for_one_says_which_there_are);
	tcase_add_test(holds, a_file_that_anyone_may_write_to_is_refused);
	tcase_add_test(holds, the_users_own_file_is_found);
	tcase_add_test(holds, a_file_that_is_named_must_be_there);
	suite_add_tcase(suite, holds);
	return hf_test_run_suite(suite);
}
