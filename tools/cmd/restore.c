/* restore, diff: out of the repository, and the proof that it came out right */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/tree/compare.h"
#include "backend/tree/restore.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

/* ---- restore ---- */

struct restore {
	bool overwrite, dry_run, numeric, no_owners;
};

#define OPTION(name, letter, field, help) \
	{ \
		name, letter, HF_OPTION_FLAG, NULL, offsetof(struct restore, field), help \
	}
static const struct hf_option restore_options[] = {
	OPTION("overwrite", 0, overwrite, "replace what is there"),
	OPTION("numeric-owner", 0, numeric,
		"owners by number, also where this machine knows the names"),
	OPTION("no-owner", 0, no_owners,
		"everything becomes the caller's, another's files without setuid, setgid and "
		"capabilities"),
	OPTION("dry-run", 'n', dry_run, "count, write nothing"),
};
#undef OPTION

static void show_failed(void *arg, const char *path, const struct hf_error *err)
{
	const struct hf_cli *cli = arg;

	hf_show_failure(cli->json, "failed", HF_ERROR, "not restored", path, err);
}

/* The stored thing behind a view path; a computed directory holds many, and can't be restored as
 * one. */
static hf_err stored_entry(
	struct hf_cli *cli, const char *path, struct hf_node **node, const struct hf_entry **entry)
{
	HF_TRY(hf_cli_node(cli, path, node));
	*entry = hf_node_entry(*node);
	if (!*entry)
		return hf_error_new(HF_INVALID,
			"%s is a directory of the view, not of a snapshot; hint: `holdfast ls%s%s` "
			"shows what is in it",
			*path ? path : "/", *path ? " " : "", path);
	if (*path && path[strlen(path) - 1] == '/' && (*entry)->type != HF_DIR)
		return hf_error_new(HF_INVALID, "%s: it is no directory", path);
	return NULL;
}

/* A directory's contents go into the target; all else becomes target/name. */
static const char *target_name(const struct hf_entry *entry, const char *view_path)
{
	const char *slash = strrchr(view_path, '/');

	if (entry->type == HF_DIR)
		return NULL;
	return slash ? slash + 1 : view_path;
}

/* Reads the directories, which the restore will then find at hand. */
static void count_totals(const struct hf_restore *restore, const struct hf_entry *entry)
{
	struct hf_progress counted = {0};
	struct hf_restore dry = *restore;

	dry.dry_run = true;
	dry.progress = &counted;
	dry.failed = NULL;
	hf_error_free(hf_restore_run(&dry, entry)); /* the restore meets it too, and tells */
	atomic_store(&restore->progress->files_total, atomic_load(&counted.files));
	atomic_store(&restore->progress->bytes_total, atomic_load(&counted.bytes));
}

static void show_restored(
	const struct hf_cli *cli, const struct hf_restore *restore, struct hf_progress *progress)
{
	const unsigned long long files = atomic_load(&progress->files);
	char bytes[HF_SIZE_TEXT];

	if (cli->json) {
		json_t *line = json_pack("{s:s, s:I, s:I, s:I}", "type", "summary", "files",
			(json_int_t)files, "bytes", (json_int_t)atomic_load(&progress->bytes),
			"failed", (json_int_t)atomic_load(&progress->failed));

		hf_json_set_bytes(line, "target", hf_span_str(restore->target));
		json_object_set_new(line, "dry_run", json_boolean(restore->dry_run));
		hf_json_line(line);
		return;
	}
	if (cli->quiet)
		return;
	printf("%s %llu files, %s, to ", restore->dry_run ? "would restore" : "restored", files,
		hf_size_text(atomic_load(&progress->bytes), bytes));
	hf_print_name(hf_span_str(restore->target), stdout);
	putchar('\n');
}

static hf_err run_restore(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct restore *wish = options;
	struct hf_progress progress = {0};
	const struct hf_entry *entry;
	HF_NODE_REF node = NULL;
	struct hf_reader *reader;

	HF_TRY(stored_entry(cli, operands->at[0], &node, &entry));
	reader = hf_node_reader(node);
	HF_TRY(hf_repo_need(hf_reader_repo(reader), HF_READ, NULL));
	const struct hf_restore restore = {
		.reader = reader,
		.target = operands->at[1],
		.target_name = target_name(entry, operands->at[0]),
		.overwrite = wish->overwrite,
		.dry_run = wish->dry_run,
		.workers = hf_cli_workers(cli),
		.apply = {.owners = !wish->no_owners, .by_name = !wish->numeric},
		.stop = &cli->stop,
		.progress = &progress,
		.failed = show_failed,
		.arg = cli,
	};
	struct hf_painter *painter = hf_cli_painter(cli, "restoring", &progress);

	if (painter && !wish->dry_run)
		count_totals(&restore, entry);
	struct hf_error *err = hf_restore_run(&restore, entry);

	hf_painter_stop(painter);
	if (!err || hf_error_kind(err) == HF_PARTIAL || hf_error_kind(err) == HF_CORRUPT)
		show_restored(cli, &restore, &progress);
	return err;
}

static const char *const restore_examples[] = {
	"holdfast restore latest/files/h-etc /tmp/etc",
	"all of the newest snapshot into /tmp/etc",
	"holdfast restore at/2026-11-24T10:00/files/h-srv/shop /srv/shop-then",
	"one directory as it was at ten o'clock",
	"holdfast restore latest/files/h-etc/fstab /tmp",
	"one file: /tmp/fstab",
	NULL,
};

const struct hf_command hf_command_restore = {
	.name = "restore",
	.operands = "VIEWPATH DIR",
	.least = 2,
	.most = 2,
	.first = HF_OPERAND_VIEW,
	.rest = HF_OPERAND_DIR,
	.summary = "copy files out of a snapshot",
	.description =
		"Restores what VIEWPATH names into DIR, which is made if it is not there: a "
		"directory's contents go into "
		"DIR itself, a file becomes DIR/name. Owners, modes, times, xattrs, ACLs, holes "
		"and hard links come "
		"back too. What is there already stays, and is named, unless --overwrite is given: "
		"a directory keeps its owner and mode, DIR too if it holds something. "
		"Nothing is ever written outside DIR.\n\n"
		"Files that are damaged in the repository are named and left out; the rest is "
		"restored, and the exit "
		"status is 4. `holdfast diff VIEWPATH DIR` proves the copy.",
	.examples = restore_examples,
	.options = restore_options,
	.n_options = ARRAY_LEN(restore_options),
	.options_size = sizeof(struct restore),
	.page = "holdfast-restore",
	.run = run_restore,
};

/* ---- diff ---- */

struct diff {
	bool metadata;
};
static const struct hf_option diff_options[] = {
	{"metadata", 'm', HF_OPTION_FLAG, NULL, offsetof(struct diff, metadata),
		"report changed modes, owners, times and xattrs too"},
};

struct diff_run {
	struct hf_cli *cli;
	const char *top; /* what is compared itself */
	uint64_t differences, failed, damaged;
};

static void show_uncompared(void *arg, const char *path, const struct hf_error *err)
{
	struct diff_run *run = arg;

	run->failed++;
	run->damaged += hf_error_kind(err) == HF_CORRUPT;
	hf_show_failure(run->cli->json, "failed", HF_WARN, "not compared", path, err);
}

static hf_err show_difference(void *arg, enum hf_difference what, const char *path,
	const struct hf_entry *a, const struct hf_entry *b)
{
	struct diff_run *run = arg;
	const struct hf_entry *entry = b ? b : a;
	HF_RELEASED(hf_buf) line = {0};

	if (!*path)
		path = run->top;
	run->differences++;
	if (run->cli->json) {
		json_t *object = json_object();

		json_object_set_new(object, "what", json_stringn((const char[]){(char)what}, 1));
		hf_json_set_bytes(object, "path", hf_span_str(path));
		if (a)
			json_object_set_new(object, "size_a", json_integer((json_int_t)a->size));
		if (b)
			json_object_set_new(object, "size_b", json_integer((json_int_t)b->size));
		hf_json_line(object);
		return NULL;
	}
	hf_buf_printf(&line, "%c ", what);
	hf_show_name(hf_span_str(path), &line);
	hf_buf_printf(&line, "%s\n", entry && entry->type == HF_DIR ? "/" : "");
	hf_talk_print(hf_buf_span(&line));
	return hf_stdout_failed() ? hf_error_new(HF_CANCELLED, "nobody reads the differences")
				  : NULL;
}

/* What begins with one of the view's own directories is a view path; all else is a local one. */
static bool is_view_path(const char *path)
{
	static const char *const tops[] = {"latest/", "sources/", "at/", "labels/"};

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		if (hf_text_begins(path, tops[i]))
			return true;
	}
	return false;
}

/* Where a restore of the same two operands puts it. */
static char *local_of(const struct hf_entry *entry, const struct hf_operands *operands)
{
	const char *name = target_name(entry, operands->at[0]), *local = operands->at[1];
	struct stat stat_local;

	if (name && stat(local, &stat_local) == 0 && S_ISDIR(stat_local.st_mode))
		return hf_format("%s/%s", local, name);
	return hf_strdup(local);
}

static hf_err run_diff(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct diff *wish = options;
	struct diff_run run = {.cli = cli};
	HF_NODE_REF a = NULL;
	HF_NODE_REF b = NULL;
	const struct hf_entry *entry_a, *entry_b;
	struct hf_progress progress = {0};
	struct hf_reader *reader;

	HF_TRY(stored_entry(cli, operands->at[0], &a, &entry_a));
	reader = hf_node_reader(a);
	run.top = target_name(entry_a, operands->at[0]);
	run.top = run.top ? run.top : ".";
	const struct hf_compare compare = {
		.reader = reader,
		.metadata = wish->metadata,
		.stop = &cli->stop,
		.progress = &progress,
		.each = show_difference,
		.failed = show_uncompared,
		.arg = &run,
	};

	if (is_view_path(operands->at[1])) {
		HF_TRY(stored_entry(cli, operands->at[1], &b, &entry_b));
		if (hf_node_reader(b) != reader)
			return hf_error_new(HF_INVALID, "the two are in different repositories");
		HF_TRY(hf_compare_trees(&compare, entry_a, entry_b));
	} else {
		HF_TRY(hf_repo_need(hf_reader_repo(reader), HF_READ, NULL));
		HF_FREED char *local = local_of(entry_a, operands);
		struct hf_painter *painter = hf_cli_painter(cli, "comparing", &progress);
		struct hf_error *err = hf_compare_local(&compare, entry_a, local);

		hf_painter_stop(painter);
		HF_TRY(err);
	}
	if (run.damaged)
		return hf_error_new(
			HF_CORRUPT, "%llu could not be compared", (unsigned long long)run.failed);
	if (run.differences)
		return hf_error_new(
			HF_DIFFERS, "%llu differences", (unsigned long long)run.differences);
	if (run.failed)
		return hf_error_new(
			HF_PARTIAL, "%llu could not be compared", (unsigned long long)run.failed);
	return NULL;
}

static const char *const diff_examples[] = {
	"holdfast diff 'at/yesterday/files/h-etc' latest/files/h-etc",
	"what changed since yesterday?",
	"holdfast diff latest/files/h-srv /srv",
	"is the copy in /srv what was backed up?",
	NULL,
};

const struct hf_command hf_command_diff = {
	.name = "diff",
	.operands = "VIEWPATH VIEWPATH|DIR",
	.least = 2,
	.most = 2,
	.first = HF_OPERAND_VIEW,
	.rest = HF_OPERAND_VIEW,
	.summary = "compare two snapshots, or a snapshot with files",
	.description = "Prints a line for each difference: A added, R removed, M content changed, "
		       "T type changed, and with "
		       "--metadata U for a changed mode, owner, time or xattr. Exit status 9 when "
		       "there are any. What can't be compared is named; if there is no difference "
		       "beside it, the exit status is 3.\n\n"
		       "Against local files it needs the repository's metadata only: each file "
		       "carries a keyed fingerprint of its "
		       "content, so that a restored copy is proven without reading the content "
		       "again. A second operand "
		       "that begins with latest/, sources/, at/ or labels/ is a view path; write "
		       "./latest for a "
		       "local directory of that name.",
	.examples = diff_examples,
	.options = diff_options,
	.n_options = ARRAY_LEN(diff_options),
	.options_size = sizeof(struct diff),
	.page = "holdfast-look",
	.run = run_diff,
};
