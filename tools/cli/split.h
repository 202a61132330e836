/* A command in one string, as its words. No shell: nothing is expanded, nothing runs. */
#ifndef HF_CLI_SPLIT_H
#define HF_CLI_SPLIT_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

/* For exec: at[n] is NULL. The words lie in text. */
struct hf_split {
	const char **at;
	size_t n, cap;
	char *text;
};

/*
 * Words end at blanks; 'single' and "double" quotes keep them, and \ keeps the next character, but
 * in single quotes. HF_INVALID: a quote that does not end, or no word.
 */
hf_err hf_split(const char *command, struct hf_split *out);
void hf_split_release(struct hf_split *split);

#endif
