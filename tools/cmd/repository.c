/* init, check, stats */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/history.h"
#include "backend/tree/check_tree.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

/* ---- init ---- */

struct init {
	const char *grace;
	const char *slot;
};

static const struct hf_option init_options[] = {
	{"grace", 0, HF_OPTION_TEXT, "DURATION", offsetof(struct init, grace),
		"how long what is to go stays before it goes (default: 3d)"},
	{"name", 0, HF_OPTION_TEXT, "NAME", offsetof(struct init, slot),
		"the first slot's name (default: admin)"},
};

static hf_err run_init(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct init *init = options;
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	HF_OWNED(hf_store) store = NULL;
	struct hf_cli_repository *one;
	struct hf_settings settings;

	(void)operands;
	hf_settings_default(&settings);
	if (init->grace)
		HF_TRY(hf_error_in(hf_duration_parse(init->grace, &settings.grace), "--grace"));
	HF_TRY(hf_cli_one(cli, &one));
	HF_TRY(hf_store_open(one->url, true, &store));
	HF_TRY(hf_cli_unlock(cli, one, true, &unlock));
	HF_TRY(hf_repo_init(store, &settings, init->slot ? init->slot : "admin", &unlock.unlock));
	if (cli->json) {
		json_t *line = json_pack("{s:s}", "type", "initialized");

		hf_json_set_text(line, "repository", hf_store_url(store));
		hf_json_line(line);
	} else if (!cli->quiet) {
		printf("made a repository at ");
		hf_print_name(hf_span_str(hf_store_url(store)), stdout);
		putchar('\n');
	}
	return NULL;
}

static const char *const init_examples[] = {
	"holdfast -r /mnt/disk/repo --key-file ~/holdfast.key init",
	"a repository unlocked by a key file, which is made if it is not there",
	"holdfast -r /mnt/disk/repo init",
	"one unlocked by a passphrase, which is asked for",
	NULL,
};

const struct hf_command hf_command_init = {
	.name = "init",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "make a repository",
	.description = "Makes an empty repository with one slot that may do everything. Whoever "
		       "loses the key "
		       "loses the backups: nobody can recover them.",
	.examples = init_examples,
	.options = init_options,
	.n_options = ARRAY_LEN(init_options),
	.options_size = sizeof(struct init),
	.page = "holdfast-repository",
	.run = run_init,
};

/* ---- check ---- */

struct check {
	bool read_data;
};

static const struct hf_option check_options[] = {
	{"read-data", 0, HF_OPTION_FLAG, NULL, offsetof(struct check, read_data),
		"read, decrypt and decompress everything too"},
};

/* Both halves of a check: the objects, then what the snapshots need of them. */
struct check_run {
	const struct hf_cli *cli;
	struct hf_map lost; /* chunks without a good copy */
};

/* "what: text", or the text alone */
static void print_about(const char *what, const char *text)
{
	HF_RELEASED(hf_buf) line = {0};

	hf_text_show(hf_span_str(what), &line);
	if (line.len)
		hf_buf_printf(&line, ": ");
	hf_text_show(hf_span_str(text), &line);
	hf_buf_printf(&line, "\n");
	hf_talk_print(hf_buf_span(&line));
}

static void show_finding(void *arg, const struct hf_finding *finding)
{
	struct check_run *run = arg;
	const char *object = finding->object ? finding->object : "";

	if (finding->lost && finding->chunk)
		hf_map_put(&run->lost, finding->chunk, NULL);
	if (run->cli->json) {
		const char *type = finding->note ? "note" : finding->newer ? "newer" : "finding";
		json_t *line = json_pack("{s:s, s:b}", "type", type, "lost", finding->lost);

		hf_json_set_text(line, "object", object);
		hf_json_set_text(line, "text", finding->text);
		hf_json_line(line);
	} else if (!finding->note || run->cli->verbose) {
		print_about(object, finding->text);
	}
}

static void show_damage(void *arg, const struct hf_tree_damage *damage)
{
	const struct check_run *run = arg;
	const struct hf_snapshot *snapshot = &damage->snapshot->snapshot;
	char time[HF_TIME_TEXT];
	HF_RELEASED(hf_buf) path = {0};

	hf_buf_printf(&path, "sources/");
	hf_buf_add_span(&path, snapshot->source);
	hf_buf_printf(&path, "/%s/%s", hf_time_name(snapshot->moment, false, time), damage->path);
	if (run->cli->json) {
		json_t *line = json_pack("{s:s}", "type", "damaged");

		hf_json_set_bytes(line, "path", hf_buf_span(&path));
		hf_json_set_text(line, "text", damage->text);
		hf_json_line(line);
	} else {
		print_about(hf_buf_text(&path), damage->text);
	}
}

static const char *verdict(
	const struct hf_check_result *objects, const struct hf_check_tree_result *trees)
{
	if (objects->findings || trees->hurt_paths)
		return "damaged";
	return objects->newer ? "what this holdfast can read is well" : "all is well";
}

static void show_check(const struct hf_cli *cli, const struct check *check,
	const struct hf_check_result *objects, const struct hf_check_tree_result *trees)
{
	char bytes[HF_SIZE_TEXT];

	if (cli->json)
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type",
			"summary", "objects", (json_int_t)objects->objects, "bytes",
			(json_int_t)objects->bytes, "findings", (json_int_t)objects->findings,
			"newer", (json_int_t)objects->newer, "lost_chunks",
			(json_int_t)objects->lost_chunks, "snapshots", (json_int_t)trees->snapshots,
			"hurt_snapshots", (json_int_t)trees->hurt_snapshots, "hurt_paths",
			(json_int_t)trees->hurt_paths));
	else if (!cli->quiet)
		printf("%s %llu objects, %s; %llu snapshots: %s\n",
			check->read_data ? "read" : "looked at",
			(unsigned long long)objects->objects, hf_size_text(objects->bytes, bytes),
			(unsigned long long)trees->snapshots, verdict(objects, trees));
}

static hf_err check_objects(struct check_run *run, struct hf_reader *reader, bool read_data,
	struct hf_check_result *result)
{
	struct hf_progress progress = {0};
	const struct hf_check_options how = {
		.read_data = read_data,
		.workers = hf_cli_workers(run->cli),
		.stop = &run->cli->stop,
		.progress = &progress,
		.found = show_finding,
		.arg = run,
	};
	struct hf_painter *painter = hf_cli_painter(run->cli, "checking objects", &progress);
	struct hf_error *err = hf_check_objects(hf_reader_repo(reader), &how, result);

	hf_painter_stop(painter);
	return err;
}

static hf_err check_trees(
	struct check_run *run, struct hf_reader *reader, struct hf_check_tree_result *result)
{
	struct hf_progress progress = {0};
	const struct hf_check_tree how = {
		.reader = reader,
		.lost = &run->lost,
		.stop = &run->cli->stop,
		.progress = &progress,
		.damaged = show_damage,
		.arg = run,
	};
	struct hf_painter *painter = hf_cli_painter(run->cli, "checking snapshots", &progress);
	struct hf_error *err = hf_check_trees(&how, result);

	hf_painter_stop(painter);
	return err;
}

static hf_err check_both(struct hf_cli *cli, struct check_run *run, const struct check *check,
	struct hf_check_result *objects, struct hf_check_tree_result *trees)
{
	struct hf_reader *reader;

	HF_TRY(hf_cli_reader(cli, HF_CLI_CACHE / 2, &reader));
	HF_TRY(check_objects(run, reader, check->read_data, objects));
	return check_trees(run, reader, trees);
}

static hf_err run_check(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct check *check = options;
	struct check_run run = {.cli = cli};
	struct hf_check_result objects = {0};
	struct hf_check_tree_result trees = {0};
	struct hf_error *err = check_both(cli, &run, check, &objects, &trees);

	(void)operands;
	hf_map_release(&run.lost);
	HF_TRY(err);
	show_check(cli, check, &objects, &trees);
	if (objects.findings || trees.hurt_paths)
		return hf_error_new(HF_CORRUPT,
			"the repository is damaged: %llu findings, %llu chunks lost, %llu paths "
			"hurt in %llu snapshots",
			(unsigned long long)objects.findings,
			(unsigned long long)objects.lost_chunks,
			(unsigned long long)trees.hurt_paths,
			(unsigned long long)trees.hurt_snapshots);
	if (objects.newer)
		return hf_error_new(HF_PARTIAL,
			"%llu objects could not be checked: a newer holdfast wrote them; hint: "
			"update holdfast",
			(unsigned long long)objects.newer);
	return NULL;
}

static const char *const check_examples[] = {
	"holdfast check",
	"is every object there, and every chunk that a snapshot needs?",
	"holdfast check --read-data",
	"is every byte what it was?",
	NULL,
};

const struct hf_command hf_command_check = {
	.name = "check",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "look for damage",
	.description = "Looks whether all objects are there and whole, whether second copies "
		       "agree, and whether each chunk that "
		       "a snapshot needs has a place. With --read-data every pack is read, "
		       "compared with its name, "
		       "decrypted, decompressed, and each chunk's id computed again. Damage is "
		       "named down to the "
		       "files that it hurts, and the exit status is 4. What a newer holdfast "
		       "wrote can't be checked: it is named, and without damage the exit status is "
		       "3. Nothing is changed.",
	.examples = check_examples,
	.options = check_options,
	.n_options = ARRAY_LEN(check_options),
	.options_size = sizeof(struct check),
	.page = "holdfast-repository",
	.run = run_check,
};

/* ---- stats ---- */

static void show_count(const char *what, uint64_t n, uint64_t bytes)
{
	char text[HF_SIZE_TEXT];

	printf("%-18s %12llu  %s\n", what, (unsigned long long)n, hf_size_text(bytes, text));
}

static hf_err run_stats(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct hf_catalog_counts counts;
	struct hf_repo *repo;

	(void)options;
	(void)operands;
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_sync(repo, NULL));
	HF_TRY(hf_catalog_counts(hf_repo_catalog(repo), &counts));
	if (cli->json) {
		hf_json_line(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "snapshots",
			(json_int_t)counts.snapshots, "commits", (json_int_t)counts.commits,
			"content_packs", (json_int_t)counts.packs[HF_CONTENT_PACK], "content_bytes",
			(json_int_t)counts.pack_bytes[HF_CONTENT_PACK], "meta_packs",
			(json_int_t)counts.packs[HF_META_PACK], "meta_bytes",
			(json_int_t)counts.pack_bytes[HF_META_PACK], "chunks",
			(json_int_t)counts.chunks, "plain_bytes", (json_int_t)counts.plain_bytes,
			"stored_bytes", (json_int_t)counts.stored_bytes));
		return NULL;
	}
	printf("%-18s %12llu\n", "snapshots", (unsigned long long)counts.snapshots);
	printf("%-18s %12llu\n", "commits", (unsigned long long)counts.commits);
	show_count(
		"content packs", counts.packs[HF_CONTENT_PACK], counts.pack_bytes[HF_CONTENT_PACK]);
	show_count("metadata packs", counts.packs[HF_META_PACK], counts.pack_bytes[HF_META_PACK]);
	show_count("chunks, stored", counts.chunks, counts.stored_bytes);
	show_count("chunks, plain", counts.chunks, counts.plain_bytes);
	if (counts.stored_bytes)
		printf("%-18s %12.2f\n", "compression",
			(double)counts.plain_bytes / (double)counts.stored_bytes);
	return NULL;
}

static const char *const stats_examples[] = {
	"holdfast stats",
	"how large is it, and how much does compression save?",
	NULL,
};

const struct hf_command hf_command_stats = {
	.name = "stats",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "show how much is stored",
	.description = "Shows how many snapshots, packs and chunks there are, and how large they "
		       "are before and "
		       "after compression.",
	.examples = stats_examples,
	.page = "holdfast-repository",
	.run = run_stats,
};
