#include "tools/cli/config.h"

#include <stdlib.h>
#include <yaml.h>

#include "tools/cli/cli.h"
#include "tools/cli/parse.h"

#define NAME_MAX_LEN 64

#define OPTION(name, type, argument, field, help) \
	{ \
		name, 0, type, argument, offsetof(struct hf_config_repository, field), help \
	}
static const struct hf_option of_repository[] = {
	OPTION("name", HF_OPTION_TEXT, "NAME", name,
		"what it is called, by `-r` and in the mount (default: the last part of the url)"),
	OPTION("url", HF_OPTION_TEXT, "URL", url, "where it lies: a directory"),
	OPTION("key-file", HF_OPTION_TEXT, "FILE", key.file, "unlock with this file"),
	OPTION("key-command", HF_OPTION_TEXT, "COMMAND", key.command,
		"or with what this command prints"),
	OPTION("passphrase-file", HF_OPTION_TEXT, "FILE", key.passphrase_file,
		"or with the first line of this file"),
	OPTION("slot", HF_OPTION_TEXT, "NAME", slot, "try this slot of the keyring only"),
	OPTION("at-least", HF_OPTION_NUMBER, "N", at_least, "refuse a keyring older than number N"),
};
#undef OPTION

const struct hf_option *hf_config_repository_options(size_t *n)
{
	*n = ARRAY_LEN(of_repository);
	return of_repository;
}

const struct hf_config_entry *hf_config_entry(
	const struct hf_config_entries *entries, const char *name)
{
	for (size_t i = 0; i < entries->n; i++) {
		if (strcmp(entries->at[i].option->name, name) == 0)
			return &entries->at[i];
	}
	return NULL;
}

bool hf_config_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";
	const size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && name[0] != '-' && name[0] != '.' &&
		strspn(name, letters) == len;
}

void hf_config_release(struct hf_config *config)
{
	for (size_t i = 0; i < config->n_repositories; i++)
		free(config->repositories[i].entries.at);
	free(config->repositories);
	free(config->global.at);
	hf_arena_release(&config->texts);
	*config = (struct hf_config){0};
}

/* ---- events ---- */

struct reading {
	yaml_parser_t yaml;
	yaml_event_t event;
	const char *home;
	struct hf_config *out;
};

static unsigned line_of(const struct reading *reading)
{
	return (unsigned)reading->event.start_mark.line + 1;
}

static hf_err at_line(unsigned line, struct hf_error *err)
{
	return hf_error_in(err, "line %u", line);
}

/* Here something else was expected. */
static hf_err unwanted(const struct reading *reading, const char *wanted)
{
	return at_line(line_of(reading), hf_error_new(HF_INVALID, "%s", wanted));
}

/* They would make "what does it say?" a question for a YAML expert. */
static bool is_fancy(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

static hf_err next(struct reading *reading)
{
	const yaml_parser_t *yaml = &reading->yaml;

	yaml_event_delete(&reading->event);
	if (yaml_parser_parse(&reading->yaml, &reading->event))
		return is_fancy(&reading->event)
			? unwanted(reading, "tags, anchors and aliases are not taken")
			: NULL;
	if (yaml->error == YAML_READER_ERROR)
		return hf_error_new(
			HF_INVALID, "byte %zu: %s", yaml->problem_offset, yaml->problem);
	return at_line((unsigned)yaml->problem_mark.line + 1,
		hf_error_new(HF_INVALID, "%s", yaml->problem ? yaml->problem : "no memory"));
}

/* ---- values ---- */

/* The text of the event; *text lives as long as the configuration. */
static hf_err take_text(struct reading *reading, const char *wanted, const char **text)
{
	const yaml_event_t *event = &reading->event;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.length == 0 ||
		memchr(event->data.scalar.value, 0, event->data.scalar.length))
		return unwanted(reading, wanted);
	*text = hf_arena_str(
		&reading->out->texts, event->data.scalar.value, event->data.scalar.length);
	return NULL;
}

/* What a relative path would be relative to, nobody could tell from the file. */
static hf_err take_path(struct reading *reading, const struct hf_option *option, const char **value)
{
	if (**value == '/' || (strcmp(option->argument, "URL") == 0 && strstr(*value, "://")))
		return NULL;
	if (strncmp(*value, "~/", 2) != 0)
		return at_line(line_of(reading),
			hf_error_new(HF_INVALID, "%s: \"%s\" must begin with / or ~/", option->name,
				*value));
	if (!reading->home)
		return at_line(line_of(reading),
			hf_error_new(HF_INVALID, "%s: there is no HOME that ~ could stand for",
				option->name));
	HF_FREED char *whole = hf_format("%s%s", reading->home, *value + 1);

	*value = hf_arena_str(&reading->out->texts, whole, strlen(whole));
	return NULL;
}

static bool is_path(const struct hf_option *option)
{
	static const char *const arguments[] = {"FILE", "DIR", "URL"};

	for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
		if (strcmp(option->argument, arguments[i]) == 0)
			return true;
	}
	return false;
}

static hf_err take_value(struct reading *reading, const struct hf_option *option, void *base,
	struct hf_config_entries *entries)
{
	const unsigned line = line_of(reading);
	const struct hf_config_entry *before = hf_config_entry(entries, option->name);
	HF_FREED char *wanted = hf_format("%s wants a value", option->name);
	const char *value;

	if (before)
		return at_line(line,
			hf_error_new(HF_INVALID, "%s stands in line %u already", option->name,
				before->line));
	HF_TRY(next(reading));
	HF_TRY(take_text(reading, wanted, &value));
	if (is_path(option))
		HF_TRY(take_path(reading, option, &value));
	HF_TRY(at_line(line, hf_error_in(hf_option_set(option, base, value), "%s", option->name)));
	entries->at = hf_grow(entries->at, &entries->cap, entries->n + 1, sizeof(*entries->at));
	entries->at[entries->n++] = (struct hf_config_entry){option, value, line};
	return NULL;
}

/* of: what it would be a setting of. skip: options that can't stand here. */
static hf_err unknown(const struct reading *reading, const char *name,
	const struct hf_option *options, size_t n, bool global)
{
	HF_RELEASED(hf_buf) all = {0};

	for (size_t i = 0; i < n; i++) {
		if (!global || options[i].in_file)
			hf_buf_printf(&all, "%s%s", all.len ? ", " : "", options[i].name);
	}
	return at_line(line_of(reading),
		hf_error_new(HF_INVALID, "there is no setting \"%s\"%s; hint: there are %s%s", name,
			global ? "" : " of a repository", hf_buf_text(&all),
			global ? ", repositories" : ""));
}

/* ---- repositories ---- */

/* "platform" of /backup/platform/ */
static hf_err name_by_url(struct hf_config *config, struct hf_config_repository *repository)
{
	size_t end = strlen(repository->url), begin;

	while (end > 0 && repository->url[end - 1] == '/')
		end--;
	for (begin = end; begin > 0 && repository->url[begin - 1] != '/'; begin--)
		;
	repository->name = hf_arena_str(&config->texts, repository->url + begin, end - begin);
	return hf_config_name_valid(repository->name)
		? NULL
		: hf_error_new(HF_INVALID, "the repository wants a name");
}

hf_err hf_cli_key_check(const struct hf_cli_key *key)
{
	if ((key->file != NULL) + (key->command != NULL) + (key->passphrase_file != NULL) > 1)
		return hf_error_new(
			HF_INVALID, "one of key-file, key-command and passphrase-file is enough");
	return NULL;
}

static hf_err judge_repository(struct hf_config *config, struct hf_config_repository *repository)
{
	if (!repository->url)
		return hf_error_new(HF_INVALID, "the repository wants a url");
	HF_TRY(hf_cli_key_check(&repository->key));
	if (!repository->name)
		HF_TRY(name_by_url(config, repository));
	if (!hf_config_name_valid(repository->name))
		return hf_error_new(HF_INVALID,
			"name: \"%s\": letters, digits, '.', '_' and '-' make a name",
			repository->name);
	for (const struct hf_config_repository *before = config->repositories; before < repository;
		before++) {
		if (strcmp(before->name, repository->name) == 0)
			return hf_error_new(
				HF_INVALID, "two repositories are called \"%s\"", repository->name);
	}
	return NULL;
}

static hf_err read_repository(struct reading *reading)
{
	struct hf_config *config = reading->out;
	const unsigned line = line_of(reading);

	if (reading->event.type != YAML_MAPPING_START_EVENT)
		return unwanted(reading, "a repository is a mapping, as `- url: /backup/repo`");
	if (config->n_repositories == HF_CONFIG_REPOSITORIES)
		return unwanted(reading, "these are too many repositories");
	config->repositories = hf_grow(config->repositories, &config->cap,
		config->n_repositories + 1, sizeof(*config->repositories));
	struct hf_config_repository *repository = &config->repositories[config->n_repositories++];

	*repository = (struct hf_config_repository){0};
	HF_TRY(next(reading));
	while (reading->event.type != YAML_MAPPING_END_EVENT) {
		const char *name;

		HF_TRY(take_text(reading, "here a setting's name is wanted", &name));
		const struct hf_option *option = hf_option_named(
			of_repository, ARRAY_LEN(of_repository), name, strlen(name));

		if (!option)
			return unknown(
				reading, name, of_repository, ARRAY_LEN(of_repository), false);
		HF_TRY(take_value(reading, option, repository, &repository->entries));
		HF_TRY(next(reading));
	}
	return at_line(line, judge_repository(config, repository));
}

static hf_err read_repositories(struct reading *reading)
{
	HF_TRY(next(reading));
	if (reading->event.type != YAML_SEQUENCE_START_EVENT)
		return unwanted(reading, "repositories is a list, each as `- url: /backup/repo`");
	HF_TRY(next(reading));
	while (reading->event.type != YAML_SEQUENCE_END_EVENT) {
		HF_TRY(read_repository(reading));
		HF_TRY(next(reading));
	}
	return NULL;
}

/* ---- the file ---- */

static hf_err read_global(struct reading *reading, bool *repositories)
{
	struct hf_cli judged = {0}; /* what it says goes where no option said otherwise: later */
	const struct hf_option *option;
	const char *name;
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	HF_TRY(take_text(reading, "here a setting's name is wanted", &name));
	if (strcmp(name, "repositories") == 0) {
		if (*repositories)
			return unwanted(reading, "repositories stands there already");
		*repositories = true;
		return read_repositories(reading);
	}
	option = hf_option_named(globals, n, name, strlen(name));
	if (!option || !option->in_file)
		return unknown(reading, name, globals, n, true);
	return take_value(reading, option, &judged, &reading->out->global);
}

static bool is_nothing(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0;
}

static hf_err read_document(struct reading *reading)
{
	bool repositories = false;

	HF_TRY(next(reading));
	if (is_nothing(&reading->event))
		return next(reading);
	if (reading->event.type != YAML_MAPPING_START_EVENT)
		return unwanted(reading, "here a setting is wanted, as `jobs: 4`");
	HF_TRY(next(reading));
	while (reading->event.type != YAML_MAPPING_END_EVENT) {
		HF_TRY(read_global(reading, &repositories));
		HF_TRY(next(reading));
	}
	return next(reading);
}

static hf_err read_stream(struct reading *reading)
{
	HF_TRY(next(reading)); /* its beginning */
	HF_TRY(next(reading));
	if (reading->event.type == YAML_DOCUMENT_START_EVENT) {
		HF_TRY(read_document(reading));
		HF_TRY(next(reading));
	}
	return reading->event.type == YAML_STREAM_END_EVENT
		? NULL
		: unwanted(reading, "a second document begins");
}

hf_err hf_config_parse(struct hf_span text, const char *home, struct hf_config *out)
{
	struct reading reading = {.home = home, .out = out};

	*out = (struct hf_config){0};
	if (text.len > HF_CONFIG_MAX)
		return hf_error_new(HF_INVALID, "it is too long");
	if (!yaml_parser_initialize(&reading.yaml))
		return hf_error_new(HF_SYSTEM, "no memory for YAML");
	yaml_parser_set_input_string(&reading.yaml, text.at, text.len);
	struct hf_error *err = read_stream(&reading);

	yaml_event_delete(&reading.event);
	yaml_parser_delete(&reading.yaml);
	return err;
}
