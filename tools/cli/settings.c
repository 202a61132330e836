/*
 * Which value of a setting holds: an option's, else a variable's, else the configuration file's.
 * A key that an option or a variable gives is for every repository.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "tools/cli/cli.h"
#include "tools/cli/parse.h"

#define OF_SYSTEM "/etc/holdfast/config.yaml"

/* Whatever is set and was not before, is so from here. */
static void note(struct hf_cli *cli, const char *from)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	for (size_t i = 0; i < n; i++) {
		if (!cli->from[i] && hf_option_is_set(&globals[i], cli))
			cli->from[i] = from;
	}
}

const char *hf_cli_from(const struct hf_cli *cli, const char *option)
{
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);
	const struct hf_option *named = hf_option_named(globals, n, option, strlen(option));

	return named && cli->from ? cli->from[named - globals] : NULL;
}

/* ---- the environment ---- */

/* One key is enough: an option for one leaves no room for another's variable. */
static bool is_given(const struct hf_cli *cli, const struct hf_option *option)
{
	const bool of_key = option->offset >= offsetof(struct hf_cli, key) &&
		option->offset < offsetof(struct hf_cli, key) + sizeof(cli->key);

	return of_key ? hf_cli_key_given(&cli->key) : hf_option_is_set(option, cli);
}

static hf_err read_environment(struct hf_cli *cli)
{
	const char *passphrase = getenv("HOLDFAST_PASSPHRASE");
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	for (size_t i = 0; i < n; i++) {
		const struct hf_option *option = &globals[i];
		const char *value = option->variable ? getenv(option->variable) : NULL;

		if (!value || !*value || is_given(cli, option))
			continue;
		HF_TRY(hf_error_in(hf_option_set(option, cli, value), "%s", option->variable));
		note(cli, option->variable);
	}
	if (passphrase && *passphrase && !hf_cli_key_given(&cli->key))
		cli->key.passphrase = passphrase;
	return NULL;
}

/* ---- the file ---- */

static char *of_user(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (dir && *dir)
		return hf_format("%s/holdfast/config.yaml", dir);
	return home && *home ? hf_format("%s/.config/holdfast/config.yaml", home) : NULL;
}

/* One file is read, not both: what holds is what stands in it. NULL: there is none. */
static char *find_file(void)
{
	HF_FREED char *own = of_user();

	if (own && access(own, R_OK) == 0)
		return HF_STEAL(own);
	return access(OF_SYSTEM, R_OK) == 0 ? hf_strdup(OF_SYSTEM) : NULL;
}

static hf_err read_file(const char *path, struct hf_config *config)
{
	HF_RELEASED(hf_buf) text = {0};
	struct stat st;

	if (stat(path, &st) != 0)
		return hf_error_sys("configuration file %s", path);
	if (S_ISREG(st.st_mode) && st.st_mode & S_IWOTH)
		return hf_error_new(HF_INVALID,
			"configuration file %s: anyone may write to it, and it can name commands "
			"to "
			"run; hint: chmod o-w %s",
			path, path);
	HF_TRY(hf_error_in(hf_file_read(path, HF_CONFIG_MAX, &text), "configuration file"));
	return hf_error_in(hf_config_parse(hf_buf_span(&text), getenv("HOME"), config), "%s", path);
}

const char *hf_cli_place(struct hf_cli *cli, const struct hf_config_entry *entry)
{
	HF_FREED char *place = hf_format("%s:%u", cli->config_file, entry->line);

	return hf_arena_str(&cli->config.texts, place, strlen(place));
}

/* The parser has tried each of the values already. */
static hf_err use_global(struct hf_cli *cli, const struct hf_config_entry *entry)
{
	if (hf_option_is_set(entry->option, cli))
		return NULL;
	HF_TRY(hf_option_set(entry->option, cli, entry->value));
	note(cli, hf_cli_place(cli, entry));
	return NULL;
}

static hf_err use_file(struct hf_cli *cli)
{
	if (!cli->config_file) {
		HF_FREED char *found = find_file();

		if (!found)
			return NULL;
		cli->config_file = hf_arena_str(&cli->texts, found, strlen(found));
		note(cli, "default");
	}
	HF_TRY(read_file(cli->config_file, &cli->config));
	hf_log(HF_DEBUG, "read the configuration", "file", cli->config_file, NULL);
	for (size_t i = 0; i < cli->config.global.n; i++)
		HF_TRY(use_global(cli, &cli->config.global.at[i]));
	return NULL;
}

/* ---- the repositories ---- */

/* By name, or by the very url that the file has for it. */
static const struct hf_config_repository *find_repository(
	const struct hf_config *config, const char *wanted)
{
	for (size_t i = 0; i < config->n_repositories; i++) {
		if (strcmp(config->repositories[i].name, wanted) == 0)
			return &config->repositories[i];
	}
	for (size_t i = 0; i < config->n_repositories; i++) {
		if (strcmp(config->repositories[i].url, wanted) == 0)
			return &config->repositories[i];
	}
	return NULL;
}

/* The last part of a path; the whole of it, as one word, where that would name two. */
static char *name_of(const char *url, bool whole)
{
	size_t end = strlen(url), begin = 0;

	while (end > 1 && url[end - 1] == '/')
		end--;
	for (size_t i = 0; !whole && i + 1 < end; i++) {
		if (url[i] == '/')
			begin = i + 1;
	}
	while (begin + 1 < end && url[begin] == '/')
		begin++;
	char *name = hf_strndup(url + begin, end - begin);

	for (char *at = name; *at; at++) {
		if (*at == '/' || *at == '@')
			*at = '-';
	}
	return name;
}

static hf_err choose(struct hf_cli *cli, const char *wanted)
{
	const struct hf_config_repository *file = find_repository(&cli->config, wanted);
	struct hf_cli_repository *one = &cli->chosen[cli->n_chosen];

	/* A name that was mistyped must not become a new directory here. */
	if (!file && cli->config.n_repositories > 0 && !strchr(wanted, '/')) {
		HF_RELEASED(hf_buf) names = {0};

		for (size_t i = 0; i < cli->config.n_repositories; i++)
			hf_buf_printf(
				&names, "%s%s", i ? ", " : "", cli->config.repositories[i].name);
		return hf_error_new(HF_NOT_FOUND,
			"%s has no repository \"%s\"; hint: it has %s; ./%s is a directory",
			cli->config_file, wanted, hf_buf_text(&names), wanted);
	}
	for (size_t i = 0; i < cli->n_chosen; i++) {
		if (strcmp(cli->chosen[i].url, file ? file->url : wanted) == 0 &&
			cli->chosen[i].file == file)
			return hf_error_new(HF_INVALID, "repository %s is named twice", wanted);
	}
	one->file = file;
	one->url = file ? file->url : wanted;
	one->name = file ? hf_strdup(file->name) : name_of(wanted, false);
	cli->n_chosen++;
	return NULL;
}

static bool is_unique(const struct hf_cli *cli, size_t i)
{
	for (size_t k = 0; k < cli->n_chosen; k++) {
		if (k != i && strcmp(cli->chosen[k].name, cli->chosen[i].name) == 0)
			return false;
	}
	return true;
}

static void rename_apart(struct hf_cli *cli)
{
	char **names = hf_calloc(cli->n_chosen, sizeof(*names));

	for (size_t i = 0; i < cli->n_chosen; i++) {
		if (!cli->chosen[i].file && !is_unique(cli, i))
			names[i] = name_of(cli->chosen[i].url, true);
	}
	for (size_t i = 0; i < cli->n_chosen; i++) {
		if (names[i]) {
			free(cli->chosen[i].name);
			cli->chosen[i].name = names[i];
		}
	}
	free(names);
}

static hf_err choose_all(struct hf_cli *cli)
{
	const struct hf_config *config = &cli->config;
	const size_t n = cli->repositories.n ? cli->repositories.n : config->n_repositories;

	cli->chosen = hf_calloc(n, sizeof(*cli->chosen));
	for (size_t i = 0; i < n; i++)
		HF_TRY(choose(cli,
			cli->repositories.n ? cli->repositories.at[i]
					    : config->repositories[i].name));
	rename_apart(cli);
	for (size_t i = 0; i < n; i++) {
		if (!is_unique(cli, i))
			return hf_error_new(HF_INVALID,
				"two repositories would be called %s; hint: name them in a "
				"configuration file",
				cli->chosen[i].name);
	}
	return NULL;
}

hf_err hf_cli_configure(struct hf_cli *cli)
{
	size_t n;

	(void)hf_global_options(&n);
	cli->from = hf_calloc(n, sizeof(*cli->from));
	HF_TRY(hf_cli_key_check(&cli->key));
	note(cli, "option");
	HF_TRY(read_environment(cli));
	HF_TRY(use_file(cli));
	return choose_all(cli);
}

/* ---- keys ---- */

const struct hf_cli_key *hf_cli_key(
	const struct hf_cli *cli, const struct hf_cli_repository *repository)
{
	return repository->file && !hf_cli_key_given(&cli->key) ? &repository->file->key
								: &cli->key;
}
