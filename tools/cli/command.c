#include "tools/cli/command.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "tools/cli/cli.h"

#define GLOBAL(name, letter, type, argument, field, help) \
	{ \
		name, letter, type, argument, offsetof(struct hf_cli, field), help \
	}

static const struct hf_option globals[] = {
	GLOBAL("repository", 'r', HF_OPTION_LIST, "URL", repositories,
		"the repository: a directory; may be repeated (HOLDFAST_REPOSITORY)"),
	GLOBAL("key-file", 0, HF_OPTION_TEXT, "FILE", key_file,
		"unlock with this file of random bytes (HOLDFAST_KEY_FILE)"),
	GLOBAL("passphrase-file", 0, HF_OPTION_TEXT, "FILE", passphrase_file,
		"unlock with the first line of this file (HOLDFAST_PASSPHRASE_FILE, "
		"HOLDFAST_PASSPHRASE)"),
	GLOBAL("slot", 0, HF_OPTION_TEXT, "NAME", slot, "try this slot of the keyring only"),
	GLOBAL("cache-dir", 0, HF_OPTION_TEXT, "DIR", cache_dir,
		"where the catalogs lie (HOLDFAST_CACHE_DIR; ~/.cache/holdfast)"),
	GLOBAL("at-least", 0, HF_OPTION_NUMBER, "N", at_least,
		"refuse a keyring older than number N: for machines that have no cache"),
	GLOBAL("jobs", 'j', HF_OPTION_NUMBER, "N", jobs,
		"threads to work with (as many as processors)"),
	GLOBAL("json", 0, HF_OPTION_FLAG, NULL, json, "one JSON object a line on standard output"),
	GLOBAL("log-format", 0, HF_OPTION_TEXT, "text|json", log_format,
		"the form of messages on standard error"),
	GLOBAL("quiet", 'q', HF_OPTION_FLAG, NULL, quiet, "only warnings and errors"),
	GLOBAL("verbose", 'v', HF_OPTION_FLAG, NULL, verbose, "more messages"),
	GLOBAL("help", 'h', HF_OPTION_FLAG, NULL, help, "this help, or a command's"),
	GLOBAL("version", 0, HF_OPTION_FLAG, NULL, version, "the version"),
};

const struct hf_option *hf_global_options(size_t *n)
{
	*n = ARRAY_LEN(globals);
	return globals;
}

/* ---- parsing ---- */

/* Where options go: the global struct, and the command's. */
struct parse {
	struct hf_cli *cli;
	const struct hf_command *command;
	void *options;
	struct hf_list words; /* what is no option */
};

static const struct hf_option *find_long(
	const struct hf_option *options, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return &options[i];
	}
	return NULL;
}

static const struct hf_option *find_letter(const struct hf_option *options, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].letter == letter)
			return &options[i];
	}
	return NULL;
}

static void add_word(struct hf_list *list, const char *word)
{
	list->at = hf_grow(list->at, &list->cap, list->n + 1, sizeof(*list->at));
	list->at[list->n++] = word;
}

static hf_err set_number(const struct hf_option *option, const char *value, uint64_t *out)
{
	char *end;

	*out = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end)
		return hf_error_new(
			HF_INVALID, "--%s takes a number, not \"%s\"", option->name, value);
	return NULL;
}

static hf_err set_option(const struct hf_option *option, void *base, const char *value)
{
	void *at = (char *)base + option->offset;

	switch (option->type) {
	case HF_OPTION_FLAG:
		*(bool *)at = true;
		return NULL;
	case HF_OPTION_TEXT:
		*(const char **)at = value;
		return NULL;
	case HF_OPTION_LIST:
		add_word(at, value);
		return NULL;
	case HF_OPTION_NUMBER:
		return set_number(option, value, at);
	case HF_OPTION_SIZE:
		return hf_size_parse(value, at)
			? NULL
			: hf_error_new(HF_INVALID, "--%s takes a size like 256M, not \"%s\"",
				  option->name, value);
	case HF_OPTION_TIME:
		return hf_time_parse(value, hf_time_now(), at, NULL);
	case HF_OPTION_DURATION:
		return hf_duration_parse(value, at);
	}
	return hf_error_new(HF_BUG, "option --%s has no type", option->name);
}

static hf_err unknown_option(const struct parse *parse, const char *name)
{
	const char *best = NULL;
	unsigned least = 3;

	for (int own = 0; own < 2; own++) {
		const struct hf_option *options =
			own && parse->command ? parse->command->options : globals;
		const size_t n =
			own ? (parse->command ? parse->command->n_options : 0) : ARRAY_LEN(globals);

		for (size_t i = 0; i < n; i++) {
			const unsigned distance = hf_text_distance(name, options[i].name);

			if (distance < least) {
				least = distance;
				best = options[i].name;
			}
		}
	}
	return hf_error_new(HF_INVALID, "there is no option --%s%s%s%s", name,
		best ? "; did you mean --" : "", best ? best : "", best ? "?" : "");
}

static hf_err take_long(struct parse *parse, char **argv, int argc, int *i)
{
	const char *name = argv[*i] + 2;
	const char *equals = strchr(name, '=');
	const size_t len = equals ? (size_t)(equals - name) : strlen(name);
	void *base = parse->options;
	const struct hf_option *option = parse->command
		? find_long(parse->command->options, parse->command->n_options, name, len)
		: NULL;

	if (!option) {
		option = find_long(globals, ARRAY_LEN(globals), name, len);
		base = parse->cli;
	}
	if (!option) {
		HF_FREED char *bare = hf_strndup(name, len);

		return unknown_option(parse, bare);
	}
	if (option->type == HF_OPTION_FLAG)
		return equals ? hf_error_new(HF_INVALID, "--%s takes no value", option->name)
			      : set_option(option, base, NULL);
	if (equals)
		return set_option(option, base, equals + 1);
	if (*i + 1 >= argc)
		return hf_error_new(
			HF_INVALID, "--%s needs a value: %s", option->name, option->argument);
	return set_option(option, base, argv[++*i]);
}

static hf_err take_letters(struct parse *parse, char **argv, int argc, int *i)
{
	for (const char *at = argv[*i] + 1; *at; at++) {
		void *base = parse->options;
		const struct hf_option *option = parse->command
			? find_letter(parse->command->options, parse->command->n_options, *at)
			: NULL;

		if (!option) {
			option = find_letter(globals, ARRAY_LEN(globals), *at);
			base = parse->cli;
		}
		if (!option)
			return hf_error_new(HF_INVALID, "there is no option -%c", *at);
		if (option->type == HF_OPTION_FLAG) {
			HF_TRY(set_option(option, base, NULL));
			continue;
		}
		if (at[1])
			return set_option(option, base, at + 1);
		if (*i + 1 >= argc)
			return hf_error_new(
				HF_INVALID, "-%c needs a value: %s", *at, option->argument);
		return set_option(option, base, argv[++*i]);
	}
	return NULL;
}

/* The command's words come first among what is no option, so its options are known once they are
 * read. */
static hf_err find_command(struct parse *parse, const char *word)
{
	size_t used;

	add_word(&parse->words, word);
	const struct hf_command *command = hf_command_named(parse->words.at, parse->words.n, &used);

	if (command && used == parse->words.n && !parse->command) {
		parse->command = command;
		parse->options = hf_calloc(1, HF_MAX(command->options_size, 1));
		parse->words.n = 0;
	}
	return NULL;
}

static hf_err parse_all(struct parse *parse, int argc, char **argv)
{
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];

		if (!only_words && strcmp(word, "--") == 0)
			only_words = true;
		else if (!only_words && strncmp(word, "--", 2) == 0)
			HF_TRY(take_long(parse, argv, argc, &i));
		else if (!only_words && word[0] == '-' && word[1])
			HF_TRY(take_letters(parse, argv, argc, &i));
		else if (parse->command)
			add_word(&parse->words, word);
		else
			HF_TRY(find_command(parse, word));
	}
	return NULL;
}

const struct hf_command *hf_command_named(const char *const *words, size_t n, size_t *used)
{
	for (size_t take = HF_MIN(n, 2); take > 0; take--) {
		HF_FREED char *name =
			take == 2 ? hf_format("%s %s", words[0], words[1]) : hf_strdup(words[0]);

		for (size_t i = 0; hf_commands[i]; i++) {
			if (strcmp(hf_commands[i]->name, name) == 0) {
				*used = take;
				return hf_commands[i];
			}
		}
	}
	return NULL;
}

static hf_err unknown_command(const struct hf_list *words)
{
	const char *best = NULL;
	unsigned least = 3;

	if (words->n == 0)
		return hf_error_new(HF_INVALID, "no command; hint: `holdfast --help` lists them");
	for (size_t i = 0; hf_commands[i]; i++) {
		const unsigned distance = hf_text_distance(words->at[0], hf_commands[i]->name);

		if (distance < least) {
			least = distance;
			best = hf_commands[i]->name;
		}
	}
	return hf_error_new(HF_INVALID, "there is no command \"%s\"%s%s%s", words->at[0],
		best ? "; did you mean \"" : "; hint: `holdfast --help` lists them",
		best ? best : "", best ? "\"?" : "");
}

/* ---- running ---- */

static struct hf_stop *stop_now;

/* The first signal asks to end in good order; the second ends at once. */
static void on_signal(int number)
{
	if (atomic_exchange(&stop_now->raised, 1))
		_exit(128 + number);
}

static void catch_signals(struct hf_cli *cli)
{
	struct sigaction action = {.sa_handler = on_signal};

	stop_now = &cli->stop;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void from_environment(struct hf_cli *cli)
{
	const char *url = getenv("HOLDFAST_REPOSITORY");

	if (cli->repositories.n == 0 && url && *url)
		add_word(&cli->repositories, url);
	if (!cli->key_file && !cli->passphrase_file) {
		cli->key_file = getenv("HOLDFAST_KEY_FILE");
		if (cli->key_file && !*cli->key_file)
			cli->key_file = NULL;
	}
}

static hf_err set_up(struct hf_cli *cli)
{
	const enum hf_level level = cli->verbose ? HF_DEBUG : cli->quiet ? HF_WARN : HF_INFO;

	if (cli->log_format && strcmp(cli->log_format, "json") != 0 &&
		strcmp(cli->log_format, "text") != 0)
		return hf_error_new(
			HF_INVALID, "--log-format is text or json, not \"%s\"", cli->log_format);
	hf_log_setup(level,
		cli->log_format && strcmp(cli->log_format, "json") == 0 ? HF_LOG_JSON
									: HF_LOG_TEXT);
	from_environment(cli);
	return NULL;
}

static hf_err check_operands(const struct hf_command *command, size_t n)
{
	if (n < command->least)
		return hf_error_new(HF_INVALID, "usage: holdfast %s [OPTION…] %s", command->name,
			command->operands);
	if (n > command->most)
		return hf_error_new(HF_INVALID,
			"too many operands; usage: holdfast %s [OPTION…] %s", command->name,
			command->operands);
	return NULL;
}

static hf_err run(struct parse *parse, int argc, char **argv)
{
	HF_TRY(parse_all(parse, argc, argv));
	HF_TRY(set_up(parse->cli));
	if (parse->cli->version) {
		printf("holdfast %s\n", HF_VERSION);
		return NULL;
	}
	if (parse->cli->help) {
		if (parse->command)
			hf_command_help(parse->command, stdout);
		else
			hf_program_help(stdout);
		return NULL;
	}
	if (!parse->command)
		return unknown_command(&parse->words);
	const struct hf_operands operands = {parse->words.at, parse->words.n};

	HF_TRY(check_operands(parse->command, operands.n));
	return parse->command->run(parse->cli, parse->options, &operands);
}

int hf_command_main(int argc, char **argv)
{
	struct hf_cli cli = {0};
	struct parse parse = {.cli = &cli};
	int status = 0;

	catch_signals(&cli);
	struct hf_error *err = run(&parse, argc, argv);

	if (!err && (fflush(stdout) != 0 || ferror(stdout)))
		err = hf_error_sys("writing the result");
	if (err) {
		status = hf_error_exit_status(err);
		/* What was partial or differs has been shown already, name by name. */
		hf_log(HF_ERROR, hf_error_text(err), NULL);
		hf_error_free(err); /* told above */
	}
	hf_cli_close(&cli);
	free(cli.repositories.at);
	free(parse.words.at);
	free(parse.options);
	return status;
}
