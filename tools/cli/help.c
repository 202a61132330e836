/* --help, from the same tables as parsing; text is broken at 80 columns, examples are not. */
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "tools/cli/command.h"
#include "tools/cli/parse.h"

#define COLUMNS 80
#define OPTION_COLUMN 30

/* Characters, not bytes. */
static size_t width(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += (text[i] & 0xc0) != 0x80;
	return n;
}

/* Words from column `at` on, broken so that the next line begins at `indent`; ends the line. */
static void print_words(const char *text, size_t at, size_t indent, FILE *to)
{
	bool first = true;

	while (*text) {
		const size_t len = strcspn(text, " \n"), wide = width(text, len);

		if (!first && at + 1 + wide > COLUMNS) {
			fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', to);
			at++;
		}
		fwrite(text, 1, len, to);
		at += wide;
		first = false;
		text += len;
		text += strspn(text, " ");
		if (*text == '\n')
			break;
	}
	fputc('\n', to);
}

/* Paragraphs stand apart by a blank line. */
static void print_text(const char *text, FILE *to)
{
	while (*text) {
		print_words(text, 0, 0, to);
		text += strcspn(text, "\n");
		for (; *text == '\n'; text++) {
			if (text[1] == '\n')
				fputc('\n', to);
		}
	}
}

static void print_option(const struct hf_option *option, FILE *to)
{
	HF_FREED char *left = hf_format("  %c%c%s --%s%s%s", option->letter ? '-' : ' ',
		option->letter ? option->letter : ' ', option->letter ? "," : " ", option->name,
		hf_option_takes_word(option) ? " " : "", option->argument ? option->argument : "");
	HF_FREED char *help = option->variable
		? hf_format("%s (%s)", option->help, option->variable)
		: hf_strdup(option->help);
	const bool fits = width(left, strlen(left)) < OPTION_COLUMN;

	if (fits)
		fprintf(to, "%-*s", OPTION_COLUMN, left);
	else
		fprintf(to, "%s\n%*s", left, OPTION_COLUMN, "");
	print_words(help, OPTION_COLUMN, OPTION_COLUMN, to);
}

static void print_options(const struct hf_option *options, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++)
		print_option(&options[i], to);
}

void hf_program_help(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_global_options(&n);

	fputs("holdfast: encrypted, versioned backups that mount as a file system\n\n"
	      "Usage: holdfast [OPTION…] COMMAND [OPTION…] [OPERAND…]\n\n"
	      "Begin:\n"
	      "  export HOLDFAST_REPOSITORY=/mnt/disk/repo HOLDFAST_KEY_FILE=~/holdfast.key\n"
	      "  holdfast init\n"
	      "  holdfast backup /home\n"
	      "  holdfast mount /mnt/past\n\n"
	      "Commands:\n",
		to);
	for (size_t i = 0; hf_commands[i]; i++) {
		if (!hf_commands[i]->summary)
			continue;
		fprintf(to, "  %-11s  ", hf_commands[i]->name);
		print_words(hf_commands[i]->summary, 15, 15, to);
	}
	fputs("\nOptions of every command:\n", to);
	print_options(options, n, to);
	fputc('\n', to);
	print_text("A view path names a thing as the mount shows it: latest/files/h-etc/ssh, "
		   "at/2026-11-24T10:00/files/h-etc, sources/…, labels/…. `man holdfast` tells "
		   "more.\n\n"
		   "`holdfast COMMAND --help` shows a command with examples.",
		to);
}

void hf_command_help(const struct hf_command *command, FILE *to)
{
	fprintf(to, "holdfast %s: %s\n\nUsage: holdfast %s [OPTION…]%s%s\n\n", command->name,
		command->summary, command->name, *command->operands ? " " : "", command->operands);
	print_text(command->description, to);
	if (command->n_options > 0) {
		fputs("\nOptions:\n", to);
		print_options(command->options, command->n_options, to);
	}
	if (command->examples)
		fputs("\nExamples:\n", to);
	for (size_t i = 0; command->examples && command->examples[i]; i += 2)
		fprintf(to, "  # %s\n  %s\n", command->examples[i + 1], command->examples[i]);
	fprintf(to, "\nOptions of every command: `holdfast --help`. Manual: `man %s`.\n",
		command->page);
}
