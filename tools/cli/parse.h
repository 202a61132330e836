/*
 * What the words of a command line say, by the tables of the commands. Pure: no environment, no
 * output. What is wrong is HF_INVALID, and names what was nearest.
 */
#ifndef HF_CLI_PARSE_H
#define HF_CLI_PARSE_H

#include "tools/cli/command.h"

struct hf_parsed {
	struct hf_cli *cli;               /* where the global options go */
	const struct hf_command *command; /* NULL: none was named */
	void *options;                    /* the command's own */
	struct hf_list words;             /* its operands; what was said instead of a command */
};

/* Options may stand anywhere behind the command, the global ones before it too. */
hf_err hf_parse(int argc, char **argv, struct hf_cli *cli, struct hf_parsed *out);
/* Is a command named, and has it as many operands as it takes? Not asked for --help. */
hf_err hf_parsed_check(const struct hf_parsed *parsed);
void hf_parsed_release(struct hf_parsed *parsed);

/* Does a value follow as a word of its own? Not to a flag, nor to a share, whose value stands with
 * it. */
bool hf_option_takes_word(const struct hf_option *option);
/* Writes the value to where the option's field is in base; NULL for a flag. The error does not say
 * whose value it is. */
hf_err hf_option_set(const struct hf_option *option, void *base, const char *value);
/* Zero, as a number, is not set. */
bool hf_option_is_set(const struct hf_option *option, const void *base);
/* The option of that name (len bytes) or letter; NULL: none. */
const struct hf_option *hf_option_named(
	const struct hf_option *options, size_t n, const char *name, size_t len);
const struct hf_option *hf_option_lettered(const struct hf_option *options, size_t n, char letter);

void hf_list_add(struct hf_list *list, const char *word);

#endif
