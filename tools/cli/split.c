#include "tools/cli/split.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void add(struct hf_split *split, const char *word)
{
	split->at = hf_grow(split->at, &split->cap, split->n + 1, sizeof(*split->at));
	split->at[split->n++] = word;
}

/* Copies one word without its quotes to *to; gives what follows, or NULL: a quote is open. */
static const char *copy_word(const char *from, char **to)
{
	char quote = 0;

	for (; *from && (quote || !is_blank(*from)); from++) {
		if (*from == quote) {
			quote = 0;
		} else if (!quote && (*from == '\'' || *from == '"')) {
			quote = *from;
		} else {
			from += *from == '\\' && quote != '\'' && from[1];
			*(*to)++ = *from;
		}
	}
	*(*to)++ = 0;
	return quote ? NULL : from;
}

hf_err hf_split(const char *command, struct hf_split *out)
{
	/* A word and its NUL are no longer than the word and the blank behind it. */
	char *to = hf_alloc(strlen(command) + 1);

	out->text = to;
	for (;;) {
		while (is_blank(*command))
			command++;
		if (!*command)
			break;
		add(out, to);
		command = copy_word(command, &to);
		if (!command)
			return hf_error_new(HF_INVALID, "a quote does not end");
	}
	if (out->n == 0)
		return hf_error_new(HF_INVALID, "it is empty");
	add(out, NULL);
	out->n--;
	return NULL;
}

void hf_split_release(struct hf_split *split)
{
	free(split->at);
	free(split->text);
	*split = (struct hf_split){0};
}
