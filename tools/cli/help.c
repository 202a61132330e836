#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "tools/cli/command.h"

static void print_options(const struct hf_option *options, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		const struct hf_option *option = &options[i];
		HF_FREED char *left = hf_format("%c%c%s --%s%s%s", option->letter ? '-' : ' ',
			option->letter ? option->letter : ' ', option->letter ? "," : " ",
			option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");

		if (strlen(left) > 26)
			fprintf(to, "  %s\n%30s%s\n", left, "", option->help);
		else
			fprintf(to, "  %-27s %s\n", left, option->help);
	}
}

void hf_program_help(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_global_options(&n);

	fputs("holdfast: encrypted, versioned backups that mount as a file system\n\n"
	      "Usage: holdfast [OPTION…] COMMAND [OPTION…] [OPERAND…]\n\n"
	      "Begin:\n"
	      "  holdfast -r /mnt/disk/repo --key-file ~/holdfast.key init\n"
	      "  holdfast -r /mnt/disk/repo --key-file ~/holdfast.key backup /home\n"
	      "  holdfast -r /mnt/disk/repo --key-file ~/holdfast.key mount /mnt/past\n\n"
	      "Commands:\n",
		to);
	for (size_t i = 0; hf_commands[i]; i++) {
		if (hf_commands[i]->summary)
			fprintf(to, "  %-12s %s\n", hf_commands[i]->name, hf_commands[i]->summary);
	}
	fputs("\nOptions of every command:\n", to);
	print_options(options, n, to);
	fputs("\nA view path names a thing as the mount shows it: latest/files/h-etc/ssh,\n"
	      "at/2026-11-24T10:00/files/h-etc, sources/…, labels/…. See holdfast(1).\n\n"
	      "`holdfast COMMAND --help` tells more, with examples.\n",
		to);
}

void hf_command_help(const struct hf_command *command, FILE *to)
{
	fprintf(to, "holdfast %s: %s\n\nUsage: holdfast %s [OPTION…] %s\n\n%s\n", command->name,
		command->summary, command->name, command->operands, command->description);
	if (command->n_options > 0) {
		fputs("\nOptions:\n", to);
		print_options(command->options, command->n_options, to);
	}
	if (command->examples) {
		fputs("\nExamples:\n", to);
		for (size_t i = 0; command->examples[i]; i += 2)
			fprintf(to, "  # %s\n  %s\n", command->examples[i + 1],
				command->examples[i]);
	}
	fputs("\nOptions of every command: holdfast --help.\n", to);
}

/* ---- man pages ---- */

/* Text as roff: what roff would take for its own is quoted; `x` becomes bold. */
static void print_roff(const char *text, FILE *to)
{
	bool bold = false, line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", to);
		line_start = *text == '\n';
		if (*text == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", to);
		} else if (*text == '\\') {
			fputs("\\e", to);
		} else if (*text == '-') {
			fputs("\\-", to);
		} else if (*text == '\n' && text[1] == '\n') {
			fputs("\n.PP\n", to);
			text++;
		} else {
			fputc(*text, to);
		}
	}
	fputc('\n', to);
}

static void man_options(const struct hf_option *options, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		fputs(".TP\n", to);
		if (options[i].letter)
			fprintf(to, "\\fB\\-%c\\fR, ", options[i].letter);
		fputs("\\fB\\-\\-", to);
		for (const char *at = options[i].name; *at; at++)
			fprintf(to, *at == '-' ? "\\-" : "%c", *at);
		fputs("\\fR", to);
		if (options[i].argument)
			fprintf(to, " \\fI%s\\fR", options[i].argument);
		fputc('\n', to);
		print_roff(options[i].help, to);
	}
}

static void man_command(const struct hf_command *command, FILE *to)
{
	fprintf(to, ".SH HOLDFAST %s\n\\fBholdfast %s\\fR [\\fIOPTION\\fR…] %s\n.PP\n",
		command->name, command->name, command->operands);
	print_roff(command->description, to);
	man_options(command->options, command->n_options, to);
	for (size_t i = 0; command->examples && command->examples[i]; i += 2) {
		fputs(".PP\n", to);
		print_roff(command->examples[i + 1], to);
		fputs(".RS 4\n.nf\n", to);
		print_roff(command->examples[i], to);
		fputs(".fi\n.RE\n", to);
	}
}

static const char *const exit_statuses[] = {
	"0",
	"done",
	"1",
	"failed",
	"2",
	"wrong usage",
	"3",
	"done, but something could not be read; each was named",
	"4",
	"the repository is damaged",
	"5",
	"no slot fits the key",
	"6",
	"no such repository, snapshot or path",
	"7",
	"the data is in a cold tier",
	"8",
	"this key may not do that",
	"9",
	"what was asked does not hold: diff found differences",
	"130",
	"interrupted",
	NULL,
};

static void man_program(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_global_options(&n);

	fputs(".TH HOLDFAST 1 \"\" \"holdfast " HF_VERSION
	      "\"\n.SH NAME\nholdfast \\- encrypted, versioned backups "
	      "that mount as a file system\n.SH SYNOPSIS\n\\fBholdfast\\fR [\\fIOPTION\\fR…] "
	      "\\fICOMMAND\\fR "
	      "[\\fIOPTION\\fR…] [\\fIOPERAND\\fR…]\n.SH COMMANDS\n",
		to);
	for (size_t i = 0; hf_commands[i]; i++) {
		if (!hf_commands[i]->summary)
			continue;
		fprintf(to, ".TP\n\\fB%s\\fR\n", hf_commands[i]->name);
		print_roff(hf_commands[i]->summary, to);
		fprintf(to, "See \\fB%s\\fR(1).\n", hf_commands[i]->page);
	}
	fputs(".SH OPTIONS\n", to);
	man_options(options, n, to);
	fputs(".SH VIEW PATHS\nThe path of a thing in the mount is its name on the command line "
	      "too.\n"
	      ".TP\n\\fBlatest/\\fIsource\\fR/…\nthe newest snapshot of each source\n"
	      ".TP\n\\fBsources/\\fIsource\\fB/\\fItime\\fR/…\nevery snapshot\n"
	      ".TP\n\\fBat/\\fItime\\fB/\\fIsource\\fR/…\neverything as it was at that moment; any "
	      "time can be typed\n"
	      ".TP\n\\fBlabels/\\fIkey\\fB/\\fIvalue\\fB/\\fItime\\fR/…\nsnapshots by what they "
	      "were labelled with\n"
	      ".SH TIMES\nRFC 3339, \"2026\\-11\\-24 14:30\", \"@1764000000\", \"yesterday "
	      "14:30\", \"2h ago\". "
	      "Without a zone they are UTC; they are shown in UTC.\n.SH EXIT STATUS\n",
		to);
	for (size_t i = 0; exit_statuses[i]; i += 2)
		fprintf(to, ".TP\n\\fB%s\\fR\n%s\n", exit_statuses[i], exit_statuses[i + 1]);
	fputs(".SH SEE ALSO\n\\fBholdfast\\-format\\fR(5)\n", to);
}

bool hf_man_print(const char *page, FILE *to)
{
	bool any = false;

	if (strcmp(page, "holdfast") == 0) {
		man_program(to);
		return true;
	}
	for (size_t i = 0; hf_commands[i]; i++) {
		if (!hf_commands[i]->page || !hf_commands[i]->summary ||
			strcmp(hf_commands[i]->page, page) != 0)
			continue;
		if (!any) {
			fprintf(to,
				".TH \"%s\" 1 \"\" \"holdfast " HF_VERSION "\"\n.SH NAME\n%s \\- ",
				page, page);
			print_roff(hf_commands[i]->summary, to);
		}
		any = true;
		man_command(hf_commands[i], to);
	}
	if (any)
		fputs(".SH SEE ALSO\n\\fBholdfast\\fR(1): options of every command, times, exit "
		      "status\n",
			to);
	return any;
}
