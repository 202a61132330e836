/* The man pages in roff, from the same tables as --help. */
#include <string.h>

#include "backend/base/buf.h"
#include "tools/cli/command.h"
#include "tools/cli/config.h"
#include "tools/cli/parse.h"

/* The number of the character at text, and its length: the tables are valid UTF-8. */
static unsigned character(const char *text, size_t *len)
{
	const unsigned char first = (unsigned char)*text;
	unsigned number;

	*len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	number = *len == 1 ? first : first & (0x7fu >> *len);
	for (size_t i = 1; i < *len; i++)
		number = number << 6 | ((unsigned char)text[i] & 0x3fu);
	return number;
}

/* What roff would take for its own is quoted, so that it can be copied from the page. */
static void print_character(unsigned c, FILE *to)
{
	if (c == '\\')
		fputs("\\e", to);
	else if (c == '-')
		fputs("\\-", to);
	else if (c == '\'')
		fputs("\\(aq", to);
	else if (c == '~')
		fputs("\\(ti", to);
	else if (c == '^')
		fputs("\\(ha", to);
	else if (c > 0x7e)
		fprintf(to, "\\[u%04X]", c);
	else
		fputc((int)c, to);
}

/* Without a new line at the end; `x` becomes bold if code is set. */
static void print_roff(const char *text, bool code, FILE *to)
{
	bool bold = false, line_start = true;

	for (size_t len; *text; text += len) {
		const unsigned c = character(text, &len);

		if (line_start && c == '.')
			fputs("\\&", to);
		line_start = c == '\n';
		if (code && c == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", to);
		} else if (c == '\n' && text[1] == '\n') {
			fputs("\n.PP", to);
		} else {
			print_character(c, to);
		}
	}
}

static void print_line(const char *text, FILE *to)
{
	print_roff(text, true, to);
	fputc('\n', to);
}

/* A term in bold, for .TP. */
static void print_term(const char *term, FILE *to)
{
	fputs(".TP\n\\fB", to);
	print_roff(term, false, to);
	fputs("\\fR", to);
}

static void print_option(const struct hf_option *option, FILE *to)
{
	fputs(".TP\n", to);
	if (option->letter)
		fprintf(to, "\\fB\\-%c\\fR, ", option->letter);
	fputs("\\fB\\-\\-", to);
	print_roff(option->name, false, to);
	fputs("\\fR", to);
	if (option->argument) {
		fputs(hf_option_takes_word(option) ? " \\fI" : "\\fI", to);
		print_roff(option->argument, false, to);
		fputs("\\fR", to);
	}
	fputc('\n', to);
	print_line(option->help, to);
	if (option->variable)
		fprintf(to, "(\\fB%s\\fR)\n", option->variable);
}

static void print_options(const struct hf_option *options, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++)
		print_option(&options[i], to);
}

static void print_usage(const struct hf_command *command, FILE *to)
{
	fprintf(to, "\\fBholdfast %s\\fR [\\fIOPTION\\fR\\[u2026]] ", command->name);
	print_line(command->operands, to);
}

static void print_examples(const struct hf_command *command, FILE *to)
{
	for (size_t i = 0; command->examples && command->examples[i]; i += 2) {
		fputs(".PP\n", to);
		print_roff(command->examples[i + 1], true, to);
		fputs(":\n.PP\n.RS 4\n.nf\n", to);
		print_roff(command->examples[i], false, to);
		fputs("\n.fi\n.RE\n", to);
	}
}

/* ---- a page of commands ---- */

static const struct hf_command *next_on_page(const char *page, size_t *i)
{
	for (; hf_commands[*i]; (*i)++) {
		const struct hf_command *command = hf_commands[*i];

		if (command->page && strcmp(command->page, page) == 0)
			return hf_commands[(*i)++];
	}
	return NULL;
}

static void print_head(const char *page, FILE *to)
{
	fputs(".TH \"", to);
	for (const char *at = page; *at; at++)
		fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, to);
	fputs("\" 1 \"\" \"holdfast " HF_VERSION "\" \"Holdfast\"\n.SH NAME\n", to);
	print_roff(page, false, to);
	fputs(" \\- ", to);
}

static bool print_command_page(const char *page, FILE *to)
{
	const struct hf_command *command;
	const char *between = "";
	size_t n = 0;

	for (size_t i = 0; (command = next_on_page(page, &i)); n++) {
		if (n == 0)
			print_head(page, to);
		fputs(between, to);
		print_roff(command->summary, true, to);
		between = "; ";
	}
	if (n == 0)
		return false;
	fputs("\n.SH SYNOPSIS\n.nf\n", to);
	for (size_t i = 0; (command = next_on_page(page, &i));)
		print_usage(command, to);
	fputs(".fi\n", to);
	for (size_t i = 0; (command = next_on_page(page, &i));) {
		fprintf(to, ".SH HOLDFAST %s\n", command->name);
		print_line(command->description, to);
		print_options(command->options, command->n_options, to);
		print_examples(command, to);
	}
	fputs(".SH SEE ALSO\n\\fBholdfast\\fR(1): options of every command, view paths, times, "
	      "environment, exit status\n",
		to);
	return true;
}

/* ---- holdfast(1) ---- */

struct term {
	const char *term, *text;
};

static const struct term view_paths[] = {
	{"latest/SOURCE/…", "the newest snapshot of each source"},
	{"sources/SOURCE/TIME/…", "every snapshot"},
	{"at/TIME/SOURCE/…", "everything as it was at that moment; any time can be typed"},
	{"labels/KEY/VALUE/TIME/SOURCE/…", "snapshots by what they were labelled with"},
};

/* What is no option's: those stand with the options. */
static const struct term variables[] = {
	{"HOLDFAST_PASSPHRASE",
		"the passphrase itself, if no key file, command or passphrase file is named. Every "
		"program that is started from here can read it: a file is better"},
	{"XDG_CACHE_HOME, XDG_CONFIG_HOME, HOME",
		"where the cache and the configuration file are, if no option or variable names "
		"them"},
	{"NO_COLOR", "set to anything: no bold type, also on a terminal"},
	{"JOURNAL_STREAM", "set by systemd: messages carry its priorities"},
};

static const struct term files[] = {
	{"~/.config/holdfast/config.yaml, /etc/holdfast/config.yaml",
		"the user's configuration file, and the system's, which is read where the user has "
		"none"},
	{"~/.cache/holdfast/REPOSITORY/catalog.sqlite",
		"the catalog of a repository. It can be removed at any time, and is made again "
		"from "
		"the repository. Root without a HOME has /var/cache/holdfast"},
	{"/usr/sbin/mount.holdfast",
		"what mount(8) calls for a line of /etc/fstab whose type is holdfast"},
	{"/usr/lib/systemd/system/holdfast-backup@.timer, holdfast-check.timer",
		"units for backups and checks by the clock; see the comments in them"},
};

static const struct term exit_statuses[] = {
	{"0", "done"},
	{"1", "failed"},
	{"2", "wrong usage"},
	{"3",
		"done, but something could not be read, or a source was left alone; each was "
		"named"},
	{"4", "the repository is damaged"},
	{"5", "no slot fits the key"},
	{"6", "no such repository, snapshot or path"},
	{"7", "the data is in a cold tier"},
	{"8", "this key may not do that"},
	{"9", "what was asked does not hold: diff found differences"},
	{"130", "interrupted"},
};

static void print_terms(const struct term *terms, size_t n, FILE *to)
{
	for (size_t i = 0; i < n; i++) {
		print_term(terms[i].term, to);
		fputc('\n', to);
		print_line(terms[i].text, to);
	}
}

static void print_commands(FILE *to)
{
	for (size_t i = 0; hf_commands[i]; i++) {
		if (!hf_commands[i]->summary)
			continue;
		print_term(hf_commands[i]->name, to);
		fputc('\n', to);
		print_roff(hf_commands[i]->summary, true, to);
		fputs("; see \\fB\\%", to); /* a page's name is not hyphenated */
		print_roff(hf_commands[i]->page, false, to);
		fputs("\\fR(1)\n", to);
	}
}

static void print_environment(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_global_options(&n);

	for (size_t i = 0; i < n; i++) {
		if (!options[i].variable)
			continue;
		print_term(options[i].variable, to);
		fputs("\nwhat \\fB\\-\\-", to);
		print_roff(options[i].name, false, to);
		fputs("\\fR says, if it is not given\n", to);
	}
	print_terms(variables, ARRAY_LEN(variables), to);
}

static void print_literal(const char *text, FILE *to)
{
	fputs(".PP\n.RS 4\n.nf\n", to);
	print_roff(text, false, to);
	fputs(".fi\n.RE\n", to);
}

/* As they stand in the file: names without dashes. */
static void print_settings(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_config_repository_options(&n);

	for (size_t i = 0; i < n; i++) {
		print_term(options[i].name, to);
		fputc('\n', to);
		print_line(options[i].help, to);
	}
	options = hf_global_options(&n);
	for (size_t i = 0; i < n; i++) {
		if (!options[i].in_file)
			continue;
		print_term(options[i].name, to);
		fputs("\nas the option \\fB\\-\\-", to);
		print_roff(options[i].name, false, to);
		fputs("\\fR; not of a repository, but of all\n", to);
	}
}

static void print_configuration(FILE *to)
{
	fputs(".SH CONFIGURATION FILE\n", to);
	print_line("One file is read: the one of `--config` or HOLDFAST_CONFIG, else the user's, "
		   "else the system's (see FILES). It is YAML. An option goes before a variable, "
		   "and a variable before the file; a key that an option or a variable gives is "
		   "for every repository. What is not known in the file is an error. `holdfast "
		   "config show` tells which value holds, and where it comes from.",
		to);
	print_literal("repositories:\n"
		      "  - name: platform\n"
		      "    url: /backup/platform\n"
		      "    key-file: /etc/holdfast/platform.key\n"
		      "  - name: tenant-a\n"
		      "    url: /backup/tenants/a\n"
		      "    key-command: pass show holdfast/tenant-a\n"
		      "cache-dir: /var/cache/holdfast\n",
		to);
	print_line(
		"Without `-r`, commands that look at the view (`mount`, `ls`, `restore`, …) take "
		"all of the "
		"repositories, and the others work if there is one; `-r tenant-a` takes that "
		"one. "
		"Where two have the same source, the view shows each as `SOURCE@NAME`; that "
		"names it always, also where it is not listed. A path begins with / or ~/.",
		to);
	print_settings(to);
}

static void print_program_page(FILE *to)
{
	size_t n;
	const struct hf_option *options = hf_global_options(&n);

	print_head("holdfast", to);
	fputs("encrypted, versioned backups that mount as a file system\n.SH SYNOPSIS\n"
	      "\\fBholdfast\\fR [\\fIOPTION\\fR\\[u2026]] \\fICOMMAND\\fR "
	      "[\\fIOPTION\\fR\\[u2026]] [\\fIOPERAND\\fR\\[u2026]]\n.SH COMMANDS\n",
		to);
	print_commands(to);
	fputs(".SH OPTIONS\n", to);
	print_options(options, n, to);
	fputs(".SH VIEW PATHS\n", to);
	print_line("The path of a thing in the mount is its name on the command line too.", to);
	print_terms(view_paths, ARRAY_LEN(view_paths), to);
	fputs(".SH TIMES\n", to);
	print_line("`2026-11-24T14:30:00Z` (RFC 3339), `2026-11-24 14:30`, `@1764000000`, "
		   "`yesterday 14:30`, `2h ago`. Without a zone they are UTC; they are shown in "
		   "UTC.",
		to);
	fputs(".SH OUTPUT\n", to);
	print_line("Results go to standard output, messages and progress to standard error. On a "
		   "terminal, what could play tricks on it is shown as `\\xNN`; a pipe gets the "
		   "bytes of names as they are. With `--json` each line of standard output is one "
		   "JSON object; docs/json.md has their keys.",
		to);
	fputs(".SH ENVIRONMENT\n", to);
	print_environment(to);
	print_configuration(to);
	fputs(".SH FILES\n", to);
	print_terms(files, ARRAY_LEN(files), to);
	fputs(".SH EXIT STATUS\n", to);
	print_terms(exit_statuses, ARRAY_LEN(exit_statuses), to);
	fputs(".SH SEE ALSO\n\\fBholdfast\\-format\\fR(5), \\fBfusermount3\\fR(1), "
	      "\\fBmount\\fR(8)\n",
		to);
}

bool hf_man_print(const char *page, FILE *to)
{
	if (strcmp(page, "holdfast") != 0)
		return print_command_page(page, to);
	print_program_page(to);
	return true;
}
