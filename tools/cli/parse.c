#include "tools/cli/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "backend/base/text.h"
#include "backend/base/time.h"

/* Farther away than this a name was not meant. */
#define NEAR 3u

void hf_list_add(struct hf_list *list, const char *word)
{
	list->at = hf_grow(list->at, &list->cap, list->n + 1, sizeof(*list->at));
	list->at[list->n++] = word;
}

/* ---- options ---- */

const struct hf_option *hf_option_named(
	const struct hf_option *options, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
			return &options[i];
	}
	return NULL;
}

const struct hf_option *hf_option_lettered(const struct hf_option *options, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].letter == letter)
			return &options[i];
	}
	return NULL;
}

bool hf_option_takes_word(const struct hf_option *option)
{
	return option->type != HF_OPTION_FLAG && option->type != HF_OPTION_SHARE;
}

static hf_err set_number(const char *value, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 10);
	return *value < '0' || *value > '9' || *end || errno
		? hf_error_new(HF_INVALID, "\"%s\" is not a number", value)
		: NULL;
}

static hf_err set_size(const char *value, uint64_t *out)
{
	return hf_size_parse(value, out) && *out > 0
		? NULL
		: hf_error_new(HF_INVALID, "\"%s\" is not a size; hint: 4096, 256M, 1.5G", value);
}

/* value NULL: all of it. */
static hf_err set_share(const char *value, uint64_t *out)
{
	char *end;

	if (!value)
		value = "100%";
	*out = strtoul(value, &end, 10);
	return *value < '0' || *value > '9' || strcmp(end, "%") != 0 || *out < 1 || *out > 100
		? hf_error_new(HF_INVALID, "\"%s\" is not a share; hint: 1%% to 100%%", value)
		: NULL;
}

hf_err hf_option_set(const struct hf_option *option, void *base, const char *value)
{
	void *at = (char *)base + option->offset;

	switch (option->type) {
	case HF_OPTION_FLAG:
		*(bool *)at = true;
		return NULL;
	case HF_OPTION_SHARE:
		return set_share(value, at);
	case HF_OPTION_TEXT:
		*(const char **)at = value;
		return NULL;
	case HF_OPTION_LIST:
		hf_list_add(at, value);
		return NULL;
	case HF_OPTION_NUMBER:
		return set_number(value, at);
	case HF_OPTION_SIZE:
		return set_size(value, at);
	case HF_OPTION_TIME:
		return hf_time_parse(value, hf_time_now(), at, NULL);
	case HF_OPTION_DURATION:
		return hf_duration_parse(value, at);
	}
	return hf_error_new(HF_BUG, "it has no type");
}

bool hf_option_is_set(const struct hf_option *option, const void *base)
{
	const void *at = (const char *)base + option->offset;

	switch (option->type) {
	case HF_OPTION_FLAG:
		return *(const bool *)at;
	case HF_OPTION_TEXT:
		return *(const char *const *)at != NULL;
	case HF_OPTION_LIST:
		return ((const struct hf_list *)at)->n > 0;
	case HF_OPTION_SHARE:
	case HF_OPTION_NUMBER:
	case HF_OPTION_SIZE:
	case HF_OPTION_TIME:
	case HF_OPTION_DURATION:
		return *(const int64_t *)at != 0;
	}
	return false;
}

/* ---- what was meant ---- */

struct nearest {
	const char *wanted, *name; /* name NULL: nothing is near */
	unsigned distance;
};

static void consider(struct nearest *nearest, const char *name)
{
	const unsigned distance = hf_text_distance(nearest->wanted, name);

	if (distance < nearest->distance) {
		nearest->distance = distance;
		nearest->name = name;
	}
}

static void consider_options(struct nearest *nearest, const struct hf_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++)
		consider(nearest, options[i].name);
}

static hf_err unknown_option(const struct hf_parsed *parsed, const char *name)
{
	struct nearest nearest = {.wanted = name, .distance = NEAR};
	const struct hf_command *command = parsed->command;
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	consider_options(&nearest, globals, n);
	if (command)
		consider_options(&nearest, command->options, command->n_options);
	if (nearest.name)
		return hf_error_new(HF_INVALID, "there is no option --%s; did you mean --%s?", name,
			nearest.name);
	return hf_error_new(HF_INVALID, "there is no option --%s; hint: `holdfast %s%s--help`",
		name, command ? command->name : "", command ? " " : "");
}

/* "key" alone: say what can follow. */
static bool begins_a_name(const char *word, struct hf_buf *names)
{
	const size_t len = strlen(word);

	for (size_t i = 0; hf_commands[i]; i++) {
		const char *name = hf_commands[i]->name;

		if (strncmp(name, word, len) == 0 && name[len] == ' ')
			hf_buf_printf(names, "%sholdfast %s", names->len ? ", " : "", name);
	}
	return names->len > 0;
}

static hf_err unknown_command(const struct hf_list *words)
{
	struct nearest nearest = {.distance = NEAR};
	HF_RELEASED(hf_buf) names = {0};

	if (words->n == 0)
		return hf_error_new(HF_INVALID, "no command; hint: `holdfast --help` lists them");
	if (begins_a_name(words->at[0], &names))
		return hf_error_new(HF_INVALID, "\"%s\" wants another word; hint: %s", words->at[0],
			hf_buf_text(&names));
	nearest.wanted = words->at[0];
	for (size_t i = 0; hf_commands[i]; i++)
		consider(&nearest, hf_commands[i]->name);
	if (nearest.name)
		return hf_error_new(HF_INVALID, "there is no command \"%s\"; did you mean \"%s\"?",
			words->at[0], nearest.name);
	return hf_error_new(HF_INVALID,
		"there is no command \"%s\"; hint: `holdfast --help` lists them", words->at[0]);
}

/* ---- words ---- */

/* The words that are left to read. */
struct reading {
	struct hf_parsed *parsed;
	char **at, **end;
};

/* An option, and the struct that it writes to: the command's own first. */
struct found {
	const struct hf_option *option;
	void *base;
};

static struct found find_long(const struct hf_parsed *parsed, const char *name, size_t len)
{
	const struct hf_command *command = parsed->command;
	const struct hf_option *own =
		command ? hf_option_named(command->options, command->n_options, name, len) : NULL;
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	if (own)
		return (struct found){own, parsed->options};
	return (struct found){hf_option_named(globals, n, name, len), parsed->cli};
}

static struct found find_letter(const struct hf_parsed *parsed, char letter)
{
	const struct hf_command *command = parsed->command;
	const struct hf_option *own =
		command ? hf_option_lettered(command->options, command->n_options, letter) : NULL;
	size_t n;
	const struct hf_option *globals = hf_global_options(&n);

	if (own)
		return (struct found){own, parsed->options};
	return (struct found){hf_option_lettered(globals, n, letter), parsed->cli};
}

static hf_err set_value(const struct found *found, const char *value)
{
	struct hf_error *err = hf_option_set(found->option, found->base, value);

	return hf_error_in(err, "--%s", found->option->name);
}

/* attached: the value that stands with the option; NULL: it is the next word. */
static hf_err take_value(struct reading *reading, const struct found *found, const char *attached)
{
	const struct hf_option *option = found->option;

	if (attached)
		return set_value(found, attached);
	if (reading->at == reading->end)
		return hf_error_new(
			HF_INVALID, "--%s needs a value: %s", option->name, option->argument);
	return set_value(found, *reading->at++);
}

static hf_err take_long(struct reading *reading, const char *name)
{
	const char *equals = strchr(name, '=');
	const size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct found found = find_long(reading->parsed, name, len);

	if (!found.option) {
		HF_FREED char *bare = hf_strndup(name, len);

		return unknown_option(reading->parsed, bare);
	}
	if (hf_option_takes_word(found.option))
		return take_value(reading, &found, equals ? equals + 1 : NULL);
	if (found.option->type == HF_OPTION_SHARE)
		return set_value(&found, equals ? equals + 1 : NULL);
	return equals ? hf_error_new(HF_INVALID, "--%s takes no value", found.option->name)
		      : set_value(&found, NULL);
}

/* "-lv", "-j4", "-j 4" */
static hf_err take_letters(struct reading *reading, const char *letters)
{
	for (; *letters; letters++) {
		const struct found found = find_letter(reading->parsed, *letters);

		if (!found.option)
			return hf_error_new(HF_INVALID, "there is no option -%c", *letters);
		if (hf_option_takes_word(found.option))
			return take_value(reading, &found, letters[1] ? letters + 1 : NULL);
		HF_TRY(set_value(&found, NULL));
	}
	return NULL;
}

/* The command's words come first among what is no option, so its options are known once they are
 * read. */
static void take_word(struct hf_parsed *parsed, const char *word)
{
	size_t used;

	hf_list_add(&parsed->words, word);
	if (parsed->command)
		return;
	parsed->command = hf_command_named(parsed->words.at, parsed->words.n, &used);
	if (parsed->command) {
		parsed->options = hf_calloc(1, HF_MAX(parsed->command->options_size, 1));
		parsed->words.n = 0;
	}
}

hf_err hf_parse(int argc, char **argv, struct hf_cli *cli, struct hf_parsed *out)
{
	struct reading reading = {out, argv + HF_MIN(argc, 1), argv + argc};
	struct hf_error *err = NULL;
	bool only_words = false;

	*out = (struct hf_parsed){.cli = cli};
	while (!err && reading.at < reading.end) {
		const char *word = *reading.at++;

		if (only_words || word[0] != '-' || !word[1])
			take_word(out, word);
		else if (strcmp(word, "--") == 0)
			only_words = true;
		else if (word[1] == '-')
			err = take_long(&reading, word + 2);
		else
			err = take_letters(&reading, word + 1);
	}
	if (!err || out->command || out->words.n == 0)
		return err;
	hf_error_free(err); /* an unknown command's options are unknown because it is */
	return unknown_command(&out->words);
}

hf_err hf_parsed_check(const struct hf_parsed *parsed)
{
	const struct hf_command *command = parsed->command;

	if (!command)
		return unknown_command(&parsed->words);
	for (size_t i = 0; command->summary && i < parsed->words.n; i++)
		/* An empty view path is the top of the view. */
		if (!*parsed->words.at[i] &&
			(i ? command->rest : command->first) != HF_OPERAND_VIEW)
			return hf_error_new(HF_INVALID,
				"an operand is empty; hint: a variable of a script may not be set");
	if (parsed->words.n >= command->least && parsed->words.n <= command->most)
		return NULL;
	return hf_error_new(HF_INVALID, "%s; usage: holdfast %s [OPTION…]%s%s",
		parsed->words.n < command->least ? "an operand is missing" : "too many operands",
		command->name, *command->operands ? " " : "", command->operands);
}

static void release_lists(const struct hf_command *command, void *options)
{
	for (size_t i = 0; i < command->n_options; i++) {
		const struct hf_option *option = &command->options[i];

		if (option->type == HF_OPTION_LIST)
			free(((struct hf_list *)((char *)options + option->offset))->at);
	}
}

void hf_parsed_release(struct hf_parsed *parsed)
{
	if (parsed->command)
		release_lists(parsed->command, parsed->options);
	free(parsed->words.at);
	free(parsed->options);
	*parsed = (struct hf_parsed){0};
}

/* ---- commands ---- */

/* How many of the words are the command's name; 0: they don't begin with it. */
static size_t count_name(const char *name, const char *const *words, size_t n)
{
	for (size_t used = 0; used < n;) {
		const size_t len = strcspn(name, " ");

		if (strlen(words[used]) != len || memcmp(words[used], name, len) != 0)
			return 0;
		used++;
		if (!name[len])
			return used;
		name += len + 1;
	}
	return 0;
}

const struct hf_command *hf_command_named(const char *const *words, size_t n, size_t *used)
{
	const struct hf_command *best = NULL;

	*used = 0;
	for (size_t i = 0; hf_commands[i]; i++) {
		const size_t took = count_name(hf_commands[i]->name, words, n);

		if (took > *used) {
			*used = took;
			best = hf_commands[i];
		}
	}
	return best;
}
