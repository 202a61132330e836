/*
 * Completion: the shells call `holdfast __complete WORD…` and show what it prints. View paths are
 * completed only where no passphrase would be asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/base/text.h"
#include "tools/cli/cli.h"
#include "tools/cli/parse.h"

/* What the words say so far. Unlike in parsing, what is wrong is passed over. */
struct typed {
	struct hf_cli *cli;
	const struct hf_command *command;
	size_t used;                    /* words that are the command's name */
	struct hf_list plain;           /* words that are no options, without the last */
	const struct hf_option *option; /* whose value comes next */
	bool only_words;                /* behind -- */
};

static bool is_global(const struct hf_option *option)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	return option >= globals && option < globals + n;
}

static const struct hf_option *find_long(const struct typed *typed, const char *name)
{
	const struct hf_command *command = typed->command;
	const size_t len = strcspn(name, "=");
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);
	const struct hf_option *own =
		command ? hf_option_named(command->options, command->n_options, name, len) : NULL;

	return own ? own : hf_option_named(globals, n, name, len);
}

static const struct hf_option *find_letter(const struct typed *typed, char letter)
{
	const struct hf_command *command = typed->command;
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);
	const struct hf_option *own =
		command ? hf_option_lettered(command->options, command->n_options, letter) : NULL;

	return own ? own : hf_option_lettered(globals, n, letter);
}

/* Only the global ones say which repository and which key. */
static void set_global(struct hf_cli *cli, const struct hf_option *option, const char *value)
{
	if (is_global(option))
		hf_error_free(hf_option_set(option, cli, value)); /* completion is best effort */
}

/* attached: what stands behind the option in its own word, NULL: nothing. */
static void read_option(struct typed *typed, const struct hf_option *option, const char *attached)
{
	if (!option || !hf_option_takes_word(option))
		return;
	if (attached)
		set_global(typed->cli, option, attached);
	else
		typed->option = option;
}

static void read_letters(struct typed *typed, const char *letters)
{
	for (; *letters; letters++) {
		const struct hf_option *option = find_letter(typed, *letters);

		if (option && hf_option_takes_word(option)) {
			read_option(typed, option, letters[1] ? letters + 1 : NULL);
			return;
		}
	}
}

static void read_word(struct typed *typed, const char *word)
{
	const char *equals = strchr(word, '=');

	if (typed->option) {
		set_global(typed->cli, typed->option, word);
		typed->option = NULL;
	} else if (typed->only_words || word[0] != '-' || !word[1]) {
		hf_list_add(&typed->plain, word);
		typed->command = hf_command_named(typed->plain.at, typed->plain.n, &typed->used);
	} else if (strcmp(word, "--") == 0) {
		typed->only_words = true;
	} else if (word[1] == '-') {
		read_option(typed, find_long(typed, word + 2), equals ? equals + 1 : NULL);
	} else {
		read_letters(typed, word + 1);
	}
}

/* ---- offers ---- */

static void offer(const char *candidate, const char *prefix, FILE *to)
{
	if (hf_text_begins(candidate, prefix))
		fprintf(to, "%s\n", candidate);
}

static void offer_options(const struct hf_option *options, size_t n, const char *prefix, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		HF_FREED char *dashed = hf_format("--%s", options[i].name);

		offer(dashed, prefix, to);
	}
}

/* Files are the shell's business. */
static void offer_files(FILE *to)
{
	fputs(":files\n", to);
}

/* Names of the configuration; a file's, where none of them begins so. */
static void offer_repositories(const struct hf_config *config, const char *prefix, FILE *to)
{
	bool any = false;

	for (size_t i = 0; i < config->n_repositories; i++) {
		const char *name = config->repositories[i].name;

		any |= hf_text_begins(name, prefix);
		offer(name, prefix, to);
	}
	if (!any)
		offer_files(to);
}

static void offer_value(
	const struct hf_cli *cli, const struct hf_option *option, const char *prefix, FILE *to)
{
	static const char *const files[] = {"FILE", "DIR"};
	const char *at = option->argument;

	if (strcmp(at, "URL") == 0)
		offer_repositories(&cli->config, prefix, to);

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (strcmp(at, files[i]) == 0)
			offer_files(to);
	}
	/* "text|json": one of these words */
	while (strchr(option->argument, '|') && *at) {
		const size_t len = strcspn(at, "|");
		HF_FREED char *word = hf_strndup(at, len);

		offer(word, prefix, to);
		at += len + (at[len] == '|');
	}
}

/* The first words of the commands, each once; or the second ones of those that begin with first. */
static void offer_commands(const char *first, const char *prefix, FILE *to)
{
	const char *before = "";
	size_t before_len = 0;

	for (size_t i = 0; hf_commands[i]; i++) {
		const char *name = hf_commands[i]->name;
		const size_t len = strcspn(name, " ");
		HF_FREED char *word = hf_strndup(name, len);
		const bool again = len == before_len && memcmp(name, before, len) == 0;

		before = name;
		before_len = len;
		if (!hf_commands[i]->summary)
			continue;
		if (!first && !again)
			offer(word, prefix, to);
		else if (first && name[len] && strcmp(word, first) == 0)
			offer(name + len + 1, prefix, to);
	}
}

struct offer_view {
	const char *dir, *prefix;
	FILE *to;
};

static bool offer_name(void *arg, const struct hf_listed *listed)
{
	struct offer_view *view = arg;
	struct hf_attr attr;
	const size_t len = strlen(view->prefix);

	if (listed->name.len < len || memcmp(listed->name.at, view->prefix, len) != 0)
		return true;
	/* A candidate is a line: a name of several can't be offered. */
	if (memchr(listed->name.at, '\n', listed->name.len))
		return true;
	HF_NODE_REF node = hf_listed_node(listed);
	struct hf_error *err = hf_node_attr(node, &attr);
	const bool dir = !err && attr.type == HF_DIR;

	hf_error_free(err); /* completion is best effort */
	fprintf(view->to, "%s%.*s%s\n", view->dir, (int)listed->name.len,
		(const char *)listed->name.at, dir ? "/" : "");
	return true;
}

static void offer_view_path(struct hf_cli *cli, const char *path, FILE *to)
{
	const char *slash = strrchr(path, '/');
	HF_FREED char *dir = hf_strndup(path, slash ? (size_t)(slash + 1 - path) : 0);
	struct offer_view view = {dir, slash ? slash + 1 : path, to};
	HF_NODE_REF node = NULL;

	for (size_t i = 0; i < cli->n_chosen; i++) {
		if (!hf_cli_key_given(hf_cli_key(cli, &cli->chosen[i])))
			return;
	}
	struct hf_error *err = hf_cli_node(cli, dir, &node);

	if (!err)
		err = hf_node_list(node, 0, offer_name, &view);
	hf_error_free(err); /* completion is best effort */
}

static void offer_operand(const struct typed *typed, const char *last, FILE *to)
{
	const struct hf_command *command = typed->command;
	const size_t n = typed->plain.n - typed->used;
	const enum hf_operand_kind kind = n == 0 ? command->first : command->rest;

	if (n >= command->most || kind == HF_OPERAND_NONE)
		return;
	/* What may be either is a local one if it begins so. */
	const bool local = n > 0 && strstr(command->operands, "|DIR") && last[0] == '.';

	if (kind == HF_OPERAND_VIEW && !local)
		offer_view_path(typed->cli, last, to);
	else
		offer_files(to);
}

static void offer_last(const struct typed *typed, const char *last, FILE *to)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	if (typed->option) {
		offer_value(typed->cli, typed->option, last, to);
	} else if (last[0] == '-' && !typed->only_words) {
		if (typed->command)
			offer_options(typed->command->options, typed->command->n_options, last, to);
		offer_options(globals, n, last, to);
	} else if (typed->command) {
		offer_operand(typed, last, to);
	} else if (typed->plain.n < 2) {
		offer_commands(typed->plain.n ? typed->plain.at[0] : NULL, last, to);
	}
}

void hf_complete(struct hf_cli *cli, const char *const *words, size_t n, FILE *to)
{
	struct typed typed = {.cli = cli};

	for (size_t i = 0; i + 1 < n; i++)
		read_word(&typed, words[i]);
	hf_error_free(hf_cli_configure(cli)); /* completion is best effort */
	offer_last(&typed, n ? words[n - 1] : "", to);
	free(typed.plain.at);
}
