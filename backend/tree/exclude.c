/*
 * Rules in the order in which they were given; the last that matches decides. What lies in a
 * directory that is left out is never asked for: the walk does not enter it.
 */
#include "backend/tree/exclude.h"

#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/base/text.h"

#define MAX_RULES_FILE (16u << 20)
#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* editors begin a file of UTF-8 with it */

struct rule {
	char *pattern; /* without '!', and without the '/' at either end */
	bool back;     /* '!': takes names back */
	bool dir;      /* "name/": directories only */
	bool anchored; /* matched against the path below the root, else against the name */
	bool absolute; /* "/name": against the absolute path too */
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

/* ---- what gitignore has and our globs lack ---- */

static const struct {
	const char *name, *members; /* as they stand in a set */
} classes[] = {
	{"alnum", "0-9A-Za-z"},
	{"alpha", "A-Za-z"},
	{"blank", " \t"},
	{"cntrl", "\x01-\x1f\x7f"},
	{"digit", "0-9"},
	{"graph", "\\!-~"},
	{"lower", "a-z"},
	{"print", " -~"},
	{"punct", "\\!-/:-@\\[-`{-~"},
	{"space", "\t-\r "},
	{"upper", "A-Z"},
	{"xdigit", "0-9A-Fa-f"},
};

/* "[:upper:]" at `at`: its length, or 0. members NULL: there is no such class. */
static size_t class_at(const char *at, const char **members)
{
	const char *end = at[0] == '[' && at[1] == ':' ? strchr(at + 2, ']') : NULL;

	*members = NULL;
	if (!end || end - at < 4 || end[-1] != ':')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (hf_span_equal(
			    hf_span_str(classes[i].name), hf_span(at + 2, (size_t)(end - at - 3))))
			*members = classes[i].members;
	return (size_t)(end + 1 - at);
}

/* The set that begins at `at`, its classes written out; gives how long it was, 0: it never ends or
 * has a class that is none. */
static size_t copy_set(const char *at, struct hf_buf *out)
{
	const char *from = at, *members;
	size_t len = 1;

	len += from[len] == '!' || from[len] == '^';
	len += from[len] == ']';
	hf_buf_add(out, from, len);
	for (at += len; *at && *at != ']'; at += len) {
		len = class_at(at, &members);
		if (len > 0 && !members)
			return 0;
		if (len > 0) {
			hf_buf_add(out, members, strlen(members));
			continue;
		}
		len = at[0] == '\\' && at[1] ? 2 : 1;
		hf_buf_add(out, at, len);
	}
	if (!*at)
		return 0;
	hf_buf_add(out, at, 1);
	return (size_t)(at + 1 - from);
}

/* Two stars cross '/' only where they stand for whole names. */
static size_t copy_stars(const char *pattern, const char *at, struct hf_buf *out)
{
	const size_t len = strspn(at, "*");
	const bool names = (at == pattern || at[-1] == '/') && (at[len] == '/' || at[len] == '\0');

	hf_buf_add(out, "**", len > 1 && names ? 2 : 1);
	return len;
}

/* The same for our globs; false: it can never match. */
static bool translate(const char *pattern, struct hf_buf *out)
{
	for (const char *at = pattern; *at;) {
		size_t len = at[0] == '\\' && at[1] ? 2 : 1;

		if (*at == '*')
			len = copy_stars(pattern, at, out);
		else if (*at == '[')
			len = copy_set(at, out);
		else
			hf_buf_add(out, at, len);
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}

hf_err hf_exclude_add(struct hf_exclude *exclude, const char *pattern)
{
	HF_RELEASED(hf_buf) translated = {0};
	struct rule rule = {.back = pattern[0] == '!'};
	const char *from = pattern + rule.back;
	size_t len = strlen(from);

	if (len > 0 && from[len - 1] == '/') {
		rule.dir = true;
		len--;
	}
	rule.anchored = memchr(from, '/', len) != NULL;
	rule.absolute = len > 0 && from[0] == '/';
	if (rule.absolute) {
		from++;
		len--;
	}
	HF_FREED char *kept = hf_strndup(from, len);

	if (has_impossible_part(kept) || !translate(kept, &translated))
		return hf_error_new(HF_INVALID, "the pattern \"%s\" can never match%s", pattern,
			strchr(kept, '[') ? "; hint: \\[ is a [ itself" : "");
	rule.plain = kept[strcspn(kept, "*?[\\")] == '\0';
	rule.pattern = hf_strdup(hf_buf_text(&translated));
	exclude->rules =
		hf_grow(exclude->rules, &exclude->cap, exclude->n + 1, sizeof(*exclude->rules));
	exclude->rules[exclude->n++] = rule;
	return NULL;
}

/* Ends the line in place; spaces at its end don't count unless quoted. */
static void end_line(char *line, size_t len)
{
	len -= len > 0 && line[len - 1] == '\r';
	while (len > 0 && line[len - 1] == ' ' && (len < 2 || line[len - 2] != '\\'))
		len--;
	line[len] = '\0';
}

hf_err hf_exclude_add_lines(struct hf_exclude *exclude, struct hf_span text, const char *what)
{
	const size_t mark = strlen(BYTE_ORDER_MARK);
	HF_FREED char *lines = hf_strndup((const char *)text.at, text.len);
	unsigned number = 0;

	if (strlen(lines) != text.len)
		return hf_error_new(HF_INVALID, "%s: patterns have no NUL bytes", what);
	for (char *line = lines + (strncmp(lines, BYTE_ORDER_MARK, mark) == 0 ? mark : 0), *next;
		line; line = next) {
		char *end = strchr(line, '\n');

		next = end ? end + 1 : NULL;
		number++;
		end_line(line, end ? (size_t)(end - line) : strlen(line));
		if (line[0] != '\0' && line[0] != '#')
			HF_TRY(hf_error_in(
				hf_exclude_add(exclude, line), "%s, line %u", what, number));
	}
	return NULL;
}

hf_err hf_exclude_add_file(struct hf_exclude *exclude, const char *path)
{
	HF_RELEASED(hf_buf) bytes = {0};

	HF_TRY(hf_error_in(hf_file_read(path, MAX_RULES_FILE, &bytes), "reading patterns"));
	return hf_exclude_add_lines(exclude, hf_buf_span(&bytes), path);
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
	return matches(rule, path) ||
		(rule->absolute && absolute && matches(rule, absolute + (absolute[0] == '/')));
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
