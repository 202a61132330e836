/*
 * Completion: the shells call `holdfast __complete WORD…` and show what it prints. View paths are
 * completed only where no passphrase would be asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/cli/cli.h"

static void offer(const char *candidate, const char *prefix, FILE *to)
{
	if (candidate && strncmp(candidate, prefix, strlen(prefix)) == 0)
		fprintf(to, "%s\n", candidate);
}

static void offer_options(const struct hf_option *options, size_t n, const char *prefix, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		HF_FREED char *dashed = hf_format("--%s", options[i].name);

		offer(dashed, prefix, to);
	}
}

/* The first words of the commands that begin as typed; with a first word, the second ones. */
static void offer_commands(const char *const *words, size_t n, FILE *to)
{
	for (size_t i = 0; hf_commands[i]; i++) {
		const char *name = hf_commands[i]->name;
		const char *space = strchr(name, ' ');

		if (!hf_commands[i]->summary)
			continue;
		if (n == 1) {
			HF_FREED char *first =
				space ? hf_strndup(name, (size_t)(space - name)) : hf_strdup(name);

			offer(first, words[0], to);
		} else if (space && strncmp(name, words[0], (size_t)(space - name)) == 0 &&
			!words[0][space - name]) {
			offer(space + 1, words[1], to);
		}
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
	struct hf_error *err = hf_node_attr(listed->node, &attr);
	const bool dir = !err && attr.type == HF_DIR;

	hf_error_free(err); /* completion is best effort */
	fprintf(view->to, "%s%.*s%s\n", view->dir, (int)listed->name.len,
		(const char *)listed->name.at, dir ? "/" : "");
	return true;
}

static void offer_view_path(struct hf_cli *cli, const char *typed, FILE *to)
{
	const char *slash = strrchr(typed, '/');
	HF_FREED char *dir = hf_strndup(typed, slash ? (size_t)(slash + 1 - typed) : 0);
	struct offer_view view = {dir, slash ? slash + 1 : typed, to};
	HF_NODE_REF node = NULL;

	if (cli->repositories.n == 0 || (!cli->key_file && !cli->passphrase_file))
		return;
	struct hf_error *err = hf_cli_node(cli, dir, &node);

	if (!err)
		err = hf_node_list(node, 0, offer_name, &view);
	hf_error_free(err); /* completion is best effort */
}

/* Takes what the words before say about the repository and the key. */
static void read_globals(struct hf_cli *cli, const char *const *words, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		const bool repository =
			strcmp(words[i], "-r") == 0 || strcmp(words[i], "--repository") == 0;

		if (repository && cli->repositories.n < 16) {
			struct hf_list *list = &cli->repositories;

			list->at = hf_grow(list->at, &list->cap, list->n + 1, sizeof(*list->at));
			list->at[list->n++] = words[i + 1];
		} else if (strcmp(words[i], "--key-file") == 0) {
			cli->key_file = words[i + 1];
		} else if (strcmp(words[i], "--passphrase-file") == 0) {
			cli->passphrase_file = words[i + 1];
		}
	}
}

void hf_complete(struct hf_cli *cli, const char *const *words, size_t n, FILE *to)
{
	size_t n_globals, used = 0, bare = 0;
	const struct hf_option *globals = hf_global_options(&n_globals);
	const char **plain = hf_calloc(n + 1, sizeof(*plain));
	const char *last = n ? words[n - 1] : "";

	read_globals(cli, words, n);
	for (size_t i = 0; i < n; i++) {
		const bool takes = i > 0 &&
			(strcmp(words[i - 1], "-r") == 0 ||
				strcmp(words[i - 1], "--repository") == 0 ||
				strcmp(words[i - 1], "--key-file") == 0 ||
				strcmp(words[i - 1], "--passphrase-file") == 0);

		if (words[i][0] != '-' && !takes)
			plain[bare++] = words[i];
	}
	const struct hf_command *command = hf_command_named(plain, bare, &used);

	if (last[0] == '-') {
		if (command)
			offer_options(command->options, command->n_options, last, to);
		offer_options(globals, n_globals, last, to);
	} else if (!command || used >= bare) {
		offer_commands(plain, HF_MAX(bare, 1), to);
	} else {
		const enum hf_operand_kind kind = bare == used + 1 ? command->first : command->rest;

		if (kind == HF_OPERAND_VIEW)
			offer_view_path(cli, last, to);
		else
			fputs(kind == HF_OPERAND_NONE ? "" : ":files\n", to);
	}
	free(plain);
}
