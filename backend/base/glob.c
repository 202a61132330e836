/*
 * Globs, matched as a set of places in the pattern that moves along the text: no backtracking, so
 * no pattern takes more than pattern × text steps. Most patterns have one or two places alive at a
 * time, and none after the first few bytes.
 */
#include <stdlib.h>

#include "backend/base/text.h"

enum kind {
	BYTE,
	ONE,  /* ?: a byte but '/' */
	RUN,  /* *: bytes but '/' */
	ANY,  /* **: bytes */
	SKIP, /* before the ANY of a "**" that stands as a folder: that and the '/' may be absent */
	SET,  /* [...]: a byte but '/' */
};

struct token {
	enum kind kind;
	uint8_t byte;
	struct hf_span set; /* between the brackets */
};

struct glob {
	struct token *tokens;
	size_t n;
};

/* Places in the pattern, each once. */
struct places {
	uint32_t *at;
	size_t n;
};

static uint8_t unquote(const uint8_t **at, const uint8_t *end)
{
	if (**at == '\\' && *at + 1 < end)
		++*at;
	return *(*at)++;
}

static bool set_has(struct hf_span set, uint8_t byte)
{
	const uint8_t *at = set.at, *end = set.at + set.len;
	bool negated = set.len && (*at == '!' || *at == '^');

	if (byte == '/')
		return false;
	at += negated;
	while (at < end) {
		uint8_t low = unquote(&at, end), high = low;

		if (end - at >= 2 && *at == '-') {
			at++;
			high = unquote(&at, end);
		}
		if (low <= byte && byte <= high)
			return !negated;
	}
	return negated;
}

/* The ']' that ends the set which begins at `at`, or NULL. A first ']' belongs to the set. */
static const char *set_end(const char *at)
{
	if (*at == '!' || *at == '^')
		at++;
	for (const char *first = at; *at; at++) {
		if (*at == ']' && at != first)
			return at;
		if (*at == '\\' && at[1])
			at++;
	}
	return NULL;
}

/* A run of stars; gives how many bytes it is. */
static size_t compile_stars(struct glob *glob, const char *at, bool folder_begins)
{
	size_t stars = strspn(at, "*");

	if (stars == 2 && folder_begins && at[2] == '/')
		glob->tokens[glob->n++].kind = SKIP;
	glob->tokens[glob->n++].kind = stars == 1 ? RUN : ANY;
	return stars;
}

static struct glob compile(const char *pattern)
{
	struct glob glob = {.tokens = hf_calloc(strlen(pattern) + 1, sizeof(struct token))};
	bool sets = true; /* there may be a ']' that ends one */

	for (const char *at = pattern; *at;) {
		struct token *token = &glob.tokens[glob.n];
		const char *end = *at == '[' && sets ? set_end(at + 1) : NULL;

		if (*at == '*') {
			at += compile_stars(&glob, at, at == pattern || at[-1] == '/');
			continue;
		}
		glob.n++;
		if (end) {
			token->kind = SET;
			token->set = hf_span(at + 1, (size_t)(end - at - 1));
			at = end + 1;
		} else if (*at == '?') {
			token->kind = ONE;
			at++;
		} else {
			sets = sets && *at != '[';
			at += *at == '\\' && at[1];
			token->byte = (uint8_t)*at++;
		}
	}
	return glob;
}

static void add(struct places *places, uint8_t *marks, size_t at)
{
	if (!marks[at])
		places->at[places->n++] = (uint32_t)at;
	marks[at] = 1;
}

/* Adds what can be reached without a byte: what follows a star. */
static void close_over(const struct glob *glob, struct places *places, uint8_t *marks)
{
	for (size_t i = 0; i < places->n; i++) {
		size_t at = places->at[i];

		if (at == glob->n)
			continue;
		switch (glob->tokens[at].kind) {
		case SKIP:
			add(places, marks, at + 3);
			add(places, marks, at + 1);
			break;
		case RUN:
		case ANY:
			add(places, marks, at + 1);
			break;
		case BYTE:
		case ONE:
		case SET:
			break;
		}
	}
}

/* Where the place `at` moves to with this byte; false: nowhere. */
static bool step(const struct glob *glob, size_t at, uint8_t byte, size_t *to)
{
	const struct token *token = &glob->tokens[at];

	if (at == glob->n)
		return false;
	*to = at + 1;
	switch (token->kind) {
	case BYTE:
		return byte == token->byte;
	case ONE:
		return byte != '/';
	case SET:
		return set_has(token->set, byte);
	case RUN:
		*to = at;
		return byte != '/';
	case ANY:
		*to = at;
		return true;
	case SKIP:
		return false;
	}
	return false;
}

/*
 * One byte further: from the places `now` to the places `next`. Marks are those of now, then of
 * next.
 */
static void advance(const struct glob *glob, const struct places *now, uint8_t byte,
	struct places *next, uint8_t *marks)
{
	size_t to;

	for (size_t i = 0; i < now->n; i++)
		marks[now->at[i]] = 0;
	next->n = 0;
	for (size_t i = 0; i < now->n; i++)
		if (step(glob, now->at[i], byte, &to))
			add(next, marks, to);
	close_over(glob, next, marks);
}

bool hf_glob_match(const char *pattern, struct hf_span text)
{
	struct glob glob = compile(pattern);
	size_t room = glob.n + 1;
	uint32_t *memory = hf_calloc(2 * room, sizeof(*memory));
	uint8_t *marks = hf_calloc(room, 1);
	struct places now = {.at = memory}, next = {.at = memory + room}, swapped;
	bool matched;

	add(&now, marks, 0);
	close_over(&glob, &now, marks);
	for (size_t i = 0; i < text.len && now.n; i++) {
		advance(&glob, &now, text.at[i], &next, marks);
		swapped = now;
		now = next;
		next = swapped;
	}
	matched = marks[glob.n];
	free(marks);
	free(memory);
	free(glob.tokens);
	return matched;
}
