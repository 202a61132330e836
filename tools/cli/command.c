/* The program from its first word to its exit status. */
#include "tools/cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/talk.h"
#include "tools/cli/cli.h"
#include "tools/cli/parse.h"

#define GLOBAL(name, letter, type, argument, field, help, variable) \
	{ \
		name, letter, type, argument, offsetof(struct hf_cli, field), help, variable \
	}

/* One that may stand in a configuration file too. */
#define SETTING(name, letter, type, argument, field, help, variable) \
	{ \
		name, letter, type, argument, offsetof(struct hf_cli, field), help, variable, true \
	}

static const struct hf_option globals[] = {
	GLOBAL("repository", 'r', HF_OPTION_LIST, "URL", repositories,
		"the repository: a directory, or a name of the configuration file; may be "
		"repeated",
		"HOLDFAST_REPOSITORY"),
	GLOBAL("config", 0, HF_OPTION_TEXT, "FILE", config_file,
		"the configuration file (default: ~/.config/holdfast/config.yaml, else "
		"/etc/holdfast/config.yaml)",
		"HOLDFAST_CONFIG"),
	GLOBAL("key-file", 0, HF_OPTION_TEXT, "FILE", key.file,
		"unlock with this file of random bytes", "HOLDFAST_KEY_FILE"),
	GLOBAL("key-command", 0, HF_OPTION_TEXT, "COMMAND", key.command,
		"unlock with the random bytes that this command prints; it runs without a shell",
		"HOLDFAST_KEY_COMMAND"),
	GLOBAL("passphrase-file", 0, HF_OPTION_TEXT, "FILE", key.passphrase_file,
		"unlock with the first line of this file", "HOLDFAST_PASSPHRASE_FILE"),
	GLOBAL("slot", 0, HF_OPTION_TEXT, "NAME", slot, "try this slot of the keyring only", NULL),
	SETTING("cache-dir", 0, HF_OPTION_TEXT, "DIR", cache_dir,
		"where the catalogs lie (default: ~/.cache/holdfast)", "HOLDFAST_CACHE_DIR"),
	GLOBAL("at-least", 0, HF_OPTION_NUMBER, "N", at_least,
		"refuse a keyring older than number N: for machines that have no cache", NULL),
	SETTING("jobs", 'j', HF_OPTION_NUMBER, "N", jobs,
		"threads to work with (default: as many as processors)", NULL),
	GLOBAL("json", 0, HF_OPTION_FLAG, NULL, json, "one JSON object a line on standard output",
		NULL),
	SETTING("log-format", 0, HF_OPTION_TEXT, "text|json", log_format,
		"the form of messages on standard error", NULL),
	GLOBAL("quiet", 'q', HF_OPTION_FLAG, NULL, quiet,
		"no progress and no summary; only warnings and errors", NULL),
	GLOBAL("verbose", 'v', HF_OPTION_FLAG, NULL, verbose, "more messages", NULL),
	GLOBAL("help", 'h', HF_OPTION_FLAG, NULL, help, "this help, or a command's", NULL),
	GLOBAL("version", 0, HF_OPTION_FLAG, NULL, version, "the version", NULL),
};

const struct hf_option *hf_global_options(size_t *n)
{
	*n = ARRAY_LEN(globals);
	return globals;
}

/* ---- before ---- */

static struct hf_stop *stop_now;

/* The first signal asks to end in good order; the second ends at once. */
static void on_signal(int number)
{
	if (atomic_exchange(&stop_now->raised, 1))
		_exit(128 + number);
}

static void catch_signals(struct hf_cli *cli)
{
	struct sigaction action = {.sa_handler = on_signal};

	stop_now = &cli->stop;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * A stream that the caller closed is opened the wrong way round: no file of ours gets its number,
 * and using it fails as it should.
 */
static void hold_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	}
}

static hf_err set_up_log(const struct hf_cli *cli)
{
	const enum hf_level level = cli->verbose ? HF_DEBUG : cli->quiet ? HF_WARN : HF_INFO;
	const char *format = cli->log_format ? cli->log_format : "text";
	const bool json = strcmp(format, "json") == 0;

	if (!json && strcmp(format, "text") != 0)
		return hf_error_new(HF_INVALID, "log-format is text or json, not \"%s\"", format);
	hf_log_setup(level, json ? HF_LOG_JSON : HF_LOG_TEXT);
	return NULL;
}

/* What the shells and the build call needs no configuration, and must not stumble over one. */
static bool is_hidden(const struct hf_command *command)
{
	return command->summary == NULL;
}

/* ---- the run ---- */

static void show_help(const struct hf_command *command)
{
	if (command)
		hf_command_help(command, stdout);
	else
		hf_program_help(stdout);
}

static hf_err run(struct hf_parsed *parsed, int argc, char **argv, struct hf_cli *cli)
{
	struct hf_error *err = hf_parse(argc, argv, cli, parsed);
	struct hf_error *unusable = set_up_log(cli); /* also for what is said of the rest */

	if (err)
		hf_error_free(unusable); /* the first one says enough */
	HF_TRY(err ? err : unusable);
	if (cli->version) {
		printf("holdfast %s\n", HF_VERSION);
		return NULL;
	}
	if (cli->help) {
		show_help(parsed->command);
		return NULL;
	}
	HF_TRY(hf_parsed_check(parsed));
	if (!is_hidden(parsed->command)) {
		HF_TRY(hf_cli_configure(cli));
		HF_TRY(hf_error_in(set_up_log(cli), "the configuration"));
	}
	const struct hf_operands operands = {parsed->words.at, parsed->words.n};

	return parsed->command->run(cli, parsed->options, &operands);
}

/* ---- after ---- */

static bool nobody_reads(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

/* Whoever read our output has enough: ends as a program does that never heard of SIGPIPE. */
static void end_by_pipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	raise(SIGPIPE);
}

/* Differences were printed as they were found, and are what was asked for. */
static enum hf_level level_of(const struct hf_error *err)
{
	switch (hf_error_kind(err)) {
	case HF_DIFFERS:
		return HF_INFO;
	case HF_PARTIAL:
		return HF_WARN;
	default:
		return HF_ERROR;
	}
}

static hf_err flush_result(void)
{
	if (fflush(stdout) != 0)
		return hf_error_sys("writing the result");
	if (!ferror(stdout))
		return NULL;
	/* It failed before, and why has been forgotten; but a pipe that broke is broken still. */
	errno = nobody_reads() ? EPIPE : EIO;
	return hf_error_sys("writing the result");
}

/* Takes both. What could not be written was not told, so it matters more than what it says. */
static struct hf_error *worse_of(struct hf_error *err, struct hf_error *writing)
{
	if (writing && err && level_of(err) == HF_ERROR && hf_error_kind(err) != HF_CANCELLED) {
		hf_error_free(writing); /* the command failed by itself */
		return err;
	}
	if (writing)
		hf_error_free(err); /* see above */
	return writing ? writing : err;
}

int hf_command_main(int argc, char **argv)
{
	struct hf_cli cli = {0};
	struct hf_parsed parsed = {0};
	int status = 0;

	hold_streams();
	catch_signals(&cli);
	struct hf_error *err = run(&parsed, argc, argv, &cli);

	err = worse_of(err, flush_result());
	hf_cli_close(&cli);
	if (err && (hf_error_errno(err) == EPIPE || ferror(stdout)) && nobody_reads())
		end_by_pipe();
	if (err) {
		status = hf_error_exit_status(err);
		hf_log(level_of(err), hf_error_text(err), NULL);
		hf_error_free(err); /* told above */
	}
	hf_parsed_release(&parsed);
	return status;
}
