/*
 * A command is a table: parsing, --help, completion and the man page all read the same one. An
 * option writes into the command's own options struct, at an offset, as its type says.
 */
#ifndef HF_CLI_COMMAND_H
#define HF_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "backend/base/error.h"

struct hf_cli;

enum hf_option_type {
	HF_OPTION_FLAG,     /* bool */
	HF_OPTION_SHARE,    /* uint64_t: "--name=5%", or alone: 100 */
	HF_OPTION_TEXT,     /* const char * */
	HF_OPTION_LIST,     /* struct hf_list: may be repeated */
	HF_OPTION_NUMBER,   /* uint64_t */
	HF_OPTION_SIZE,     /* uint64_t: "256M" */
	HF_OPTION_TIME,     /* int64_t ns */
	HF_OPTION_DURATION, /* int64_t ns */
};

struct hf_list {
	const char **at;
	size_t n, cap;
};

struct hf_option {
	const char *name; /* without the dashes */
	char letter;      /* 0: none */
	enum hf_option_type type;
	const char *argument; /* "PATH"; NULL for a flag; "[=N%]" for a share */
	size_t offset;
	const char *help;
	const char *variable; /* of the environment, for when the option is not given; NULL: none */
	bool in_file;         /* a configuration file may say it, for when neither is given */
};

/* What an operand is, for completion. */
enum hf_operand_kind { HF_OPERAND_FILE, HF_OPERAND_DIR, HF_OPERAND_VIEW, HF_OPERAND_NONE };

struct hf_operands {
	const char *const *at;
	size_t n;
};

struct hf_command {
	const char *name;     /* "backup", "key add" */
	const char *operands; /* as shown: "PATH…" */
	size_t least, most;   /* how many operands; most SIZE_MAX: any number */
	enum hf_operand_kind first, rest;
	const char *summary;
	const char *description;     /* paragraphs, a blank line between */
	const char *const *examples; /* command, what it does, …, NULL */
	const struct hf_option *options;
	size_t n_options;
	size_t options_size;
	const char *page; /* the man page it stands in: "holdfast-backup" */
	hf_err (*run)(struct hf_cli *cli, const void *options, const struct hf_operands *operands);
};

/* All of them, in the order of --help; ends with NULL. */
extern const struct hf_command *const hf_commands[];

/* Runs what argv says. The exit status. */
int hf_command_main(int argc, char **argv);

void hf_command_help(const struct hf_command *command, FILE *to);
void hf_program_help(FILE *to);
/* The page in roff: "holdfast" or one of the commands' pages. false: no such page. */
bool hf_man_print(const char *page, FILE *to);
/* Candidates for the last of the words, a line each. */
void hf_complete(struct hf_cli *cli, const char *const *words, size_t n, FILE *to);
const struct hf_option *hf_global_options(size_t *n);
/* The command that words[0…] begin with (the longest name wins); *used: how many words it took. */
const struct hf_command *hf_command_named(const char *const *words, size_t n, size_t *used);

#endif
