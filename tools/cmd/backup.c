/* backup: a file system, or a pipe, becomes a snapshot */
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/limits.h"
#include "backend/tree/backup.h"
#include "backend/tree/branch.h"
#include "backend/tree/walk.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"
#include "tools/cmd/totals.h"

/* Prunes that get in the way of one backup are rare; more than two in a row are none. */
#define TRIES 3

struct backup {
	struct hf_list exclude, exclude_from, label;
	bool exclude_caches, one_file_system, use_stdin, dry_run, force;
	const char *source, *name;
	int64_t time, ttl;
};

#define OPTION(name, letter, type, argument, field, help) \
	{ \
		name, letter, type, argument, offsetof(struct backup, field), help \
	}
static const struct hf_option backup_options[] = {
	OPTION("source", 's', HF_OPTION_TEXT, "NAME", source,
		"what it is called: files/<name>, pv/<namespace>/<claim>, … (default: from host "
		"and path)"),
	OPTION("label", 'l', HF_OPTION_LIST, "KEY=VALUE", label, "a label; may be repeated"),
	OPTION("exclude", 'e', HF_OPTION_LIST, "PATTERN", exclude,
		"leave out what matches, as in gitignore; /… is also an absolute path"),
	OPTION("exclude-from", 0, HF_OPTION_LIST, "FILE", exclude_from, "patterns, one a line"),
	OPTION("exclude-caches", 0, HF_OPTION_FLAG, NULL, exclude_caches,
		"leave out directories with a CACHEDIR.TAG"),
	OPTION("one-file-system", 'x', HF_OPTION_FLAG, NULL, one_file_system,
		"don't go into other file systems"),
	OPTION("stdin", 0, HF_OPTION_FLAG, NULL, use_stdin, "back up standard input, as one file"),
	OPTION("name", 0, HF_OPTION_TEXT, "NAME", name, "the name of that file"),
	OPTION("time", 0, HF_OPTION_TIME, "TIME", time,
		"the moment that the content stands for (default: the end)"),
	OPTION("ttl", 0, HF_OPTION_DURATION, "DURATION", ttl, "forget may drop it after this long"),
	OPTION("force", 'f', HF_OPTION_FLAG, NULL, force, "read every file, changed or not"),
	OPTION("dry-run", 'n', HF_OPTION_FLAG, NULL, dry_run, "read and count, store nothing"),
};
#undef OPTION

/* What one run needs beside its options; pointers into it stand in the snapshot record. */
struct backup_run {
	const struct backup *options;
	struct hf_cli *cli;
	struct hf_exclude *exclude;
	char *source, *user;
	char host[256];
	char **real; /* absolute paths */
	size_t n_real;
	struct hf_span *paths;
	struct hf_pair labels[HF_MAX_LABELS];
	size_t n_labels;
	struct hf_snapshot about;
};

static void run_release(struct backup_run *run)
{
	hf_exclude_free(run->exclude);
	free(run->source);
	free(run->user);
	for (size_t i = 0; i < run->n_real; i++)
		free(run->real[i]);
	free(run->real);
	free(run->paths);
}

static void show_failure(void *arg, const char *path, const struct hf_error *err, bool changed)
{
	const struct backup_run *run = arg;

	hf_show_failure(run->cli->json, changed ? "changed" : "failed", HF_WARN,
		changed ? "changed while it was read" : "not backed up", path, err);
}

static int by_key(const void *a, const void *b)
{
	return hf_span_compare(((const struct hf_pair *)a)->key, ((const struct hf_pair *)b)->key);
}

static bool is_dots(const char *name, size_t len)
{
	return len <= 2 && strncmp(name, "..", len) == 0;
}

static hf_err read_labels(struct backup_run *run)
{
	const struct hf_list *list = &run->options->label;

	for (size_t i = 0; i < list->n; i++) {
		const char *equals = strchr(list->at[i], '=');

		if (!equals || equals == list->at[i] || !equals[1])
			return hf_error_new(
				HF_INVALID, "a label is KEY=VALUE, not \"%s\"", list->at[i]);
		if (i == HF_MAX_LABELS || equals - list->at[i] > HF_MAX_LABEL_KEY ||
			strlen(equals + 1) > HF_MAX_LABEL_VALUE || strchr(list->at[i], '/'))
			return hf_error_new(HF_INVALID,
				"label \"%s\": at most %d labels, keys of %d and values of %d "
				"bytes, without '/'",
				list->at[i], HF_MAX_LABELS, HF_MAX_LABEL_KEY, HF_MAX_LABEL_VALUE);
		if (is_dots(list->at[i], (size_t)(equals - list->at[i])) ||
			is_dots(equals + 1, strlen(equals + 1)))
			return hf_error_new(HF_INVALID,
				"label \"%s\": keys and values are names in the mount, which . and "
				".. can't be",
				list->at[i]);
		run->labels[i] = (struct hf_pair){
			.key = hf_span(list->at[i], (size_t)(equals - list->at[i])),
			.value = hf_span_str(equals + 1)};
	}
	qsort(run->labels, list->n, sizeof(run->labels[0]), by_key);
	for (size_t i = 1; i < list->n; i++) {
		if (hf_span_equal(run->labels[i - 1].key, run->labels[i].key))
			return hf_error_new(HF_INVALID, "label \"%.*s\" is given twice",
				(int)run->labels[i].key.len, (const char *)run->labels[i].key.at);
	}
	run->n_labels = list->n;
	return NULL;
}

static hf_err read_excludes(struct backup_run *run)
{
	const struct backup *options = run->options;

	run->exclude = hf_exclude_new();
	for (size_t i = 0; i < options->exclude_from.n; i++)
		HF_TRY(hf_exclude_add_file(run->exclude, options->exclude_from.at[i]));
	for (size_t i = 0; i < options->exclude.n; i++)
		HF_TRY(hf_exclude_add(run->exclude, options->exclude.at[i]));
	return NULL;
}

/* One that is not there stays among the paths: the walk names it, and the rest is backed up. */
static hf_err read_paths(struct backup_run *run, const struct hf_operands *operands)
{
	size_t len = 0;

	run->real = hf_calloc(operands->n, sizeof(*run->real));
	run->paths = hf_calloc(operands->n, sizeof(*run->paths));
	for (size_t i = 0; i < operands->n; i++) {
		hf_error_free(hf_branch_path(operands->at[i], &run->real[i])); /* see above */
		run->paths[run->n_real++] = hf_span_str(run->real[i]);
		len += strlen(run->real[i]) + 2;
	}
	if (len > HF_MAX_PATHS)
		return hf_error_new(HF_INVALID,
			"%zu paths are too many for one snapshot; hint: back up the directory in "
			"which they stand, and --exclude what is not wanted",
			operands->n);
	return NULL;
}

static hf_err name_source(struct backup_run *run)
{
	const struct backup *options = run->options;

	run->source = options->source
		? hf_cli_source(options->source)
		: hf_cli_default_source(run->n_real ? run->real[0] : options->name);
	if (!hf_source_valid(hf_span_str(run->source)))
		return hf_error_new(HF_INVALID,
			"\"%s\" is no source name; hint: files/<name>, pg/<cluster>, redis/<name>, "
			"velero/<schedule>, "
			"pv/<namespace>/<claim>, bucket/<name>",
			run->source);
	return NULL;
}

static void describe(struct backup_run *run)
{
	const struct passwd *user = getpwuid(getuid());

	gethostname(run->host, sizeof(run->host) - 1);
	run->user = user ? hf_strdup(user->pw_name) : hf_format("%u", getuid());
	run->about = (struct hf_snapshot){
		.source = hf_span_str(run->source),
		.moment = run->options->time,
		.host = hf_span_str(run->host),
		.user = hf_span_str(run->user),
		.paths = run->paths,
		.n_paths = run->n_real,
		.labels = {run->labels, run->n_labels},
		.ttl = run->options->ttl,
	};
}

/* Without --source the name came from host and path; a source that held others needs to be named.
 */
static hf_err refuse_other(struct backup_run *run, struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info newest;
	struct hf_error *err;

	if (run->options->source)
		return NULL;
	HF_TRY(hf_repo_sync(repo, NULL));
	err = hf_history_at(repo, run->source, INT64_MAX, &arena, &newest);
	if (err && hf_error_kind(err) == HF_NOT_FOUND) {
		hf_error_free(err); /* the source is new */
		return NULL;
	}
	HF_TRY(err);
	bool same = hf_span_equal(newest.snapshot.host, run->about.host) &&
		newest.snapshot.n_paths == run->about.n_paths;

	for (size_t i = 0; same && i < run->about.n_paths; i++)
		same = hf_span_equal(newest.snapshot.paths[i], run->about.paths[i]);
	return same ? NULL
		    : hf_error_new(HF_INVALID,
			      "source %s holds other paths or another host's; hint: --source %s if "
			      "it shall hold these",
			      run->source, run->source);
}

/* --time may have put it behind another. */
static void show_place(
	const struct backup_run *run, struct hf_repo *repo, const struct hf_backup_result *result)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info newest = {0};
	char id[2 * HF_SNAPSHOT_ID_LEN + 1], time[HF_TIME_TEXT];
	/* The backup's last look has just read the state. */
	struct hf_error *err = hf_history_at(repo, run->source, INT64_MAX, &arena, &newest);

	hf_hex(hf_span(result->id, HF_SNAPSHOT_ID_LEN), id);
	if (!err && memcmp(newest.id, result->id, HF_SNAPSHOT_ID_LEN) != 0)
		printf("  id %.8s; latest/%s is another's, of %s\n", id, run->source,
			hf_time_name(newest.snapshot.moment, false, time));
	else
		printf("  latest/%s (id %.8s)\n", run->source, id);
	hf_error_free(err); /* the backup is done, and that it is the newest is likely */
}

static void show_result(
	struct backup_run *run, struct hf_repo *repo, const struct hf_backup_result *result)
{
	char id[2 * HF_SNAPSHOT_ID_LEN + 1], bytes[HF_SIZE_TEXT], stored[HF_SIZE_TEXT],
		took[HF_TIME_TEXT];

	hf_hex(hf_span(result->id, HF_SNAPSHOT_ID_LEN), id);
	if (run->cli->json) {
		json_t *line = json_pack(
			"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type",
			"summary", "snapshot", id, "source", run->source, "files",
			(json_int_t)result->files, "dirs", (json_int_t)result->dirs, "others",
			(json_int_t)result->others, "bytes", (json_int_t)result->bytes, "new_files",
			(json_int_t)result->new_files, "changed_files",
			(json_int_t)result->changed_files, "unchanged_files",
			(json_int_t)result->unchanged_files, "read_bytes",
			(json_int_t)result->read_bytes, "stored_bytes",
			(json_int_t)result->stored_bytes, "failed", (json_int_t)result->failed);

		hf_json_set_time(line, "started", result->started);
		hf_json_set_time(line, "ended", result->ended);
		json_object_set_new(line, "dry_run", json_boolean(run->options->dry_run));
		hf_json_line(line);
		return;
	}
	if (run->cli->quiet)
		return;
	printf("%s%s\n", run->options->dry_run ? "would make a snapshot of " : "snapshot of ",
		run->source);
	printf("  %llu files (%llu new, %llu changed), %llu directories, %s\n",
		(unsigned long long)result->files, (unsigned long long)result->new_files,
		(unsigned long long)result->changed_files, (unsigned long long)result->dirs,
		hf_size_text(result->bytes, bytes));
	printf("  read %s, ", hf_size_text(result->read_bytes, bytes));
	printf("stored %s, in %s\n", hf_size_text(result->stored_bytes, stored),
		hf_duration_text(result->ended - result->started, took));
	if (!run->options->dry_run)
		show_place(run, repo, result);
}

static struct hf_walk_options walk_of(
	const struct backup_run *run, const struct hf_operands *operands)
{
	return (struct hf_walk_options){
		.paths = operands->at,
		.n_paths = operands->n,
		.exclude = run->exclude,
		.one_file_system = run->options->one_file_system,
		.exclude_caches = run->options->exclude_caches,
		.stop = &run->cli->stop,
	};
}

static hf_err open_feed(
	const struct backup_run *run, const struct hf_walk_options *walk, struct hf_feed **out)
{
	return run->options->use_stdin ? hf_pipe_open(STDIN_FILENO, run->options->name, out)
				       : hf_walk_open(walk, out);
}

/* The backup, with its progress shown. */
static hf_err run_shown(const struct backup_run *run, const struct hf_walk_options *walk,
	struct hf_backup *backup, struct hf_backup_result *result)
{
	struct hf_progress progress = {0};
	struct hf_painter *painter = hf_cli_painter(run->cli, "backing up", &progress);
	struct hf_totals *totals =
		painter && !run->options->use_stdin ? hf_totals_start(walk, &progress) : NULL;

	backup->progress = &progress;
	struct hf_error *err = hf_backup_run(backup, result);

	hf_totals_stop(totals);
	hf_painter_stop(painter);
	return err;
}

static hf_err prepare(struct backup_run *run, const struct hf_operands *operands)
{
	if (run->options->use_stdin != (operands->n == 0))
		return hf_error_new(HF_INVALID,
			run->options->use_stdin
				? "--stdin takes no PATH"
				: "what shall be backed up? hint: holdfast backup PATH");
	if (run->options->time > hf_time_now())
		hf_log(HF_WARN,
			"that time is still to come: until then no later backup is in latest/",
			NULL);
	if (run->options->use_stdin != (run->options->name != NULL))
		return hf_error_new(HF_INVALID, "--stdin and --name go together");
	HF_TRY(read_labels(run));
	HF_TRY(read_excludes(run));
	HF_TRY(read_paths(run, operands));
	HF_TRY(name_source(run));
	describe(run);
	return NULL;
}

/* One try. HF_TRANSIENT: what it relied on was pruned meanwhile. */
static hf_err try_backup(struct backup_run *run, struct hf_repo *repo,
	const struct hf_walk_options *walk, struct hf_backup_result *result)
{
	HF_OWNED(hf_feed) feed = NULL;

	HF_TRY(open_feed(run, walk, &feed));
	struct hf_backup backup = {
		.repo = repo,
		.feed = feed,
		.about = &run->about,
		.workers = hf_cli_workers(run->cli),
		.dry_run = run->options->dry_run,
		.force = run->options->force,
		.stream = run->options->use_stdin,
		.stop = &run->cli->stop,
		.failed = show_failure,
		.arg = run,
	};

	return run_shown(run, walk, &backup, result);
}

static hf_err run_backup(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	__attribute__((cleanup(run_release))) struct backup_run run = {
		.options = options, .cli = cli};
	struct hf_backup_result result = {0};
	struct hf_error *err = NULL;
	struct hf_repo *repo;

	HF_TRY(prepare(&run, operands));
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_need(repo, HF_WRITE, run.source));
	HF_TRY(refuse_other(&run, repo));
	const struct hf_walk_options walk = walk_of(&run, operands);

	for (int i = 0; i < TRIES; i++) {
		err = try_backup(&run, repo, &walk, &result);
		/* A pipe can't be read twice. */
		if (!err || hf_error_kind(err) != HF_TRANSIENT || run.options->use_stdin ||
			i == TRIES - 1)
			break;
		hf_log(HF_WARN, "the backup begins anew", "why", hf_error_text(err), NULL);
		hf_error_free(err); /* told; what was stored is found again */
	}
	if (err && hf_error_kind(err) == HF_TRANSIENT)
		err = hf_error_in(err, "nothing is backed up yet, run it again");
	if (!err || hf_error_kind(err) == HF_PARTIAL)
		show_result(&run, repo, &result);
	return err;
}

static const char *const examples[] = {
	"holdfast backup /etc",
	"back up a directory; the next run of the same reads what changed only",
	"holdfast backup --source pv/shop/data --label workspace-id=ws-42 /mnt/claims/data",
	"name the source, and label it so that it is found in labels/workspace-id/ws-42",
	"pg_dump -Fc shop | holdfast backup --stdin --name shop.dump --source files/shop-dump",
	"back up what a command prints",
	"holdfast backup -x --exclude '*.tmp' --exclude-caches /home /srv",
	"several paths in one snapshot, each under its absolute path",
	NULL,
};

const struct hf_command hf_command_backup = {
	.name = "backup",
	.operands = "PATH…",
	.most = SIZE_MAX,
	.summary = "back up files and directories",
	.description = "Makes a snapshot. A snapshot of one directory shows what is in that "
		       "directory; one of several paths "
		       "shows each under its absolute path. A PATH that links to a directory is "
		       "followed.\n\n"
		       "Files whose size, times and inode are those of the newest snapshot of the "
		       "same source are not "
		       "opened. What changes while it is read, vanishes or can't be read is named "
		       "and counted; the rest is "
		       "kept, and the exit status is 3.\n\n"
		       "Killed at any moment, the next run goes on and uses what is there already.",
	.examples = examples,
	.options = backup_options,
	.n_options = ARRAY_LEN(backup_options),
	.options_size = sizeof(struct backup),
	.page = "holdfast-backup",
	.run = run_backup,
};
