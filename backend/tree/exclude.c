/*
 * Rules in the order in which they were given; the last that matches decides. What lies in a
 * directory that is left out is never asked for: the walk does not enter it.
 */
#include "backend/tree/exclude.h"

#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/base/text.h"

#define MAX_RULES_FILE (16u << 20)

struct rule {
	char *pattern; /* without '!', and without the '/' at either end */
	bool back;     /* '!': takes names back */
	bool dir;      /* "name/": directories only */
	bool anchored; /* matched against the whole path, else against the name */
	bool plain;    /* no character of it is special */
};

struct hf_exclude {
	struct rule *rules;
	size_t n, cap;
};

struct hf_exclude *hf_exclude_new(void)
{
	return hf_calloc(1, sizeof(struct hf_exclude));
}

void hf_exclude_free(struct hf_exclude *exclude)
{
	if (!exclude)
		return;
	for (size_t i = 0; i < exclude->n; i++)
		free(exclude->rules[i].pattern);
	free(exclude->rules);
	free(exclude);
}

/* A path has no empty part, no "." and no ".."; so a pattern that has one never matches. */
static bool has_impossible_part(const char *pattern)
{
	while (true) {
		const char *slash = strchr(pattern, '/');
		const size_t len = slash ? (size_t)(slash - pattern) : strlen(pattern);

		if (len == 0 || (len <= 2 && strncmp(pattern, "..", len) == 0))
			return true;
		if (!slash)
			return false;
		pattern = slash + 1;
	}
}

hf_err hf_exclude_add(struct hf_exclude *exclude, const char *pattern)
{
	struct rule rule = {.back = pattern[0] == '!'};
	const char *from = pattern + rule.back;
	size_t len = strlen(from);

	if (len > 0 && from[len - 1] == '/') {
		rule.dir = true;
		len--;
	}
	rule.anchored = memchr(from, '/', len) != NULL;
	if (len > 0 && from[0] == '/') {
		from++;
		len--;
	}
	HF_FREED char *kept = hf_strndup(from, len);

	if (has_impossible_part(kept))
		return hf_error_new(HF_INVALID, "the pattern \"%s\" can never match", pattern);
	rule.plain = kept[strcspn(kept, "*?[\\")] == '\0';
	rule.pattern = HF_STEAL(kept);
	exclude->rules =
		hf_grow(exclude->rules, &exclude->cap, exclude->n + 1, sizeof(*exclude->rules));
	exclude->rules[exclude->n++] = rule;
	return NULL;
}

/* Ends the line in place; blanks at its end don't count unless quoted. */
static char *end_line(char *line, size_t len)
{
	while (len > 0 && strchr(" \t\r", line[len - 1]) && (len < 2 || line[len - 2] != '\\'))
		len--;
	line[len] = '\0';
	return line;
}

hf_err hf_exclude_add_file(struct hf_exclude *exclude, const char *path)
{
	HF_RELEASED(hf_buf) bytes = {0};
	unsigned number = 0;

	HF_TRY(hf_error_in(hf_file_read(path, MAX_RULES_FILE, &bytes), "reading patterns"));
	for (char *line = hf_buf_text(&bytes), *next; line; line = next) {
		char *end = strchr(line, '\n');

		next = end ? end + 1 : NULL;
		number++;
		end_line(line, end ? (size_t)(end - line) : strlen(line));
		if (line[0] != '\0' && line[0] != '#')
			HF_TRY(hf_error_in(
				hf_exclude_add(exclude, line), "%s, line %u", path, number));
	}
	return NULL;
}

static bool matches(const struct rule *rule, const char *text)
{
	if (rule->plain)
		return strcmp(rule->pattern, text) == 0;
	return hf_glob_match(rule->pattern, hf_span_str(text));
}

static bool rule_matches(
	const struct rule *rule, const char *path, const char *absolute, const char *name)
{
	if (!rule->anchored)
		return matches(rule, name);
	return matches(rule, path) || (absolute && matches(rule, absolute + (absolute[0] == '/')));
}

bool hf_exclude_match(
	const struct hf_exclude *exclude, const char *path, const char *absolute, bool dir)
{
	const char *slash = strrchr(path, '/');

	for (size_t i = exclude->n; i > 0; i--) {
		const struct rule *rule = &exclude->rules[i - 1];

		if (rule->dir && !dir)
			continue;
		if (rule_matches(rule, path, absolute, slash ? slash + 1 : path))
			return !rule->back;
	}
	return false;
}
