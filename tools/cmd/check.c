/* check */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/history.h"
#include "backend/repo/proof.h"
#include "backend/repo/rebuild.h"
#include "backend/tree/check_tree.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

struct check {
	uint64_t share, limit; /* share 0: content is not read */
	bool oldest, repair;
};

#define OPTION(name, type, argument, field, help) \
	{ \
		name, 0, type, argument, offsetof(struct check, field), help \
	}

static const struct hf_option check_options[] = {
	OPTION("read-data", HF_OPTION_SHARE, "[=N%]", share,
		"read, decrypt and decompress everything too, or so much of it"),
	OPTION("limit", HF_OPTION_SIZE, "SIZE", limit,
		"with --read-data: read at most so much, and one pack at least"),
	OPTION("oldest", HF_OPTION_FLAG, NULL, oldest,
		"with --read-data: read first what was proven longest ago (always so with a share "
		"or a limit)"),
	OPTION("repair", HF_OPTION_FLAG, NULL, repair,
		"write bad copies anew from good ones, make lost commits again (needs the right to "
		"write), read the catalog anew; not while a backup or a prune runs"),
};

/* A finding of a lost chunk. */
struct held {
	struct hf_id chunk;
	char *object, *text;
};

/* Both halves of a check: the objects, then what the snapshots need of them. */
struct check_run {
	const struct hf_cli *cli;
	struct hf_map lost; /* chunks without a good copy */
	struct held *held;  /* what is to be said of them */
	size_t n_held, held_cap;
	uint64_t unended; /* snapshots without their last commit */
	uint64_t unread;  /* packs that a repair could not read */
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

	if (run->cli->json) {
		const char *type = finding->note ? "note"
			: finding->newer         ? "newer"
			: finding->mended        ? "mended"
						 : "finding";
		json_t *line = json_pack("{s:s, s:b}", "type", type, "lost", finding->lost);

		hf_json_set_text(line, "object", object);
		hf_json_set_text(line, "text", finding->text);
		hf_json_line(line);
	} else if (finding->mended) {
		HF_FREED char *text = hf_format("%s: mended", finding->text);

		print_about(object, text);
	} else if (!finding->note || run->cli->verbose) {
		print_about(object, finding->text);
	}
}

/* Whether a lost chunk is missed is known when the snapshots were looked at. */
static void take_finding(void *arg, const struct hf_finding *finding)
{
	struct check_run *run = arg;
	struct held *held;

	if (!finding->lost || !finding->chunk) {
		show_finding(run, finding);
		return;
	}
	hf_map_put(&run->lost, finding->chunk, NULL);
	run->held = hf_grow(run->held, &run->held_cap, run->n_held + 1, sizeof(*held));
	held = &run->held[run->n_held++];
	held->chunk = *finding->chunk;
	held->object = hf_strdup(finding->object ? finding->object : "");
	held->text = hf_strdup(finding->text);
}

/* judged: the snapshots were looked at. What none of them misses is worth a note. */
static void show_held(struct check_run *run, bool judged, struct hf_check_result *objects)
{
	for (size_t i = 0; i < run->n_held; i++) {
		struct held *held = &run->held[i];
		const bool missed =
			!judged || hf_map_get(&run->lost, &held->chunk)->number == HF_LOST_MISSED;
		HF_FREED char *text = missed
			? hf_strdup(held->text)
			: hf_format("no snapshot misses what is lost here: %s", held->text);
		const struct hf_finding finding = {.object = held->object,
			.text = text,
			.chunk = &held->chunk,
			.lost = missed,
			.note = !missed};

		show_finding(run, &finding);
		if (!missed) {
			objects->findings--;
			objects->lost_chunks--;
			objects->notes++;
		}
		free(held->object);
		free(held->text);
	}
	free(run->held);
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
	if (objects->newer)
		return "what this holdfast can read is well";
	return objects->unnamed ? "all that commits name is well" : "all is well";
}

/* Of a backup that was cut off, or of one under way; or somebody deleted commits. */
static void print_unsaid(const struct check_run *run, const struct hf_check_result *objects)
{
	if (objects->unnamed)
		printf("%llu packs are named by no commit", (unsigned long long)objects->unnamed);
	if (run->unended)
		printf("%s%llu snapshots lack their last commit", objects->unnamed ? ", " : "",
			(unsigned long long)run->unended);
	if (objects->unnamed || run->unended)
		printf(": a backup was cut off or is under way; or commits are lost, and `holdfast "
		       "check --repair` makes them again\n");
}

static void print_check(const struct check_run *run, const struct check *check,
	const struct hf_check_result *objects, const struct hf_check_tree_result *trees)
{
	char bytes[HF_SIZE_TEXT];

	printf("%s %llu objects, %s; ", check->share ? "read" : "looked at",
		(unsigned long long)objects->objects, hf_size_text(objects->bytes, bytes));
	if (check->share)
		printf("%llu packs proven, %s; ", (unsigned long long)objects->proven_packs,
			hf_size_text(objects->proven_bytes, bytes));
	printf("%llu snapshots: %s\n", (unsigned long long)trees->snapshots,
		verdict(objects, trees));
	print_unsaid(run, objects);
	if (objects->wanted_chunks)
		printf("%llu lost chunks are marked as wanted: the next backup of a source that "
		       "still has their content heals what needs them\n",
			(unsigned long long)objects->wanted_chunks);
	if (objects->lost_chunks > objects->wanted_chunks)
		printf("%llu lost chunks are not marked as wanted: `holdfast check --repair` with "
		       "a "
		       "key that may read does it, and the next backup then heals what it can\n",
			(unsigned long long)(objects->lost_chunks - objects->wanted_chunks));
}

static void show_check(const struct check_run *run, const struct check *check,
	const struct hf_check_result *objects, const struct hf_check_tree_result *trees)
{
	if (run->cli->json)
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
				       "s:I, s:I, s:I, s:I}",
			"type", "summary", "unnamed_packs", (json_int_t)objects->unnamed,
			"unended_snapshots", (json_int_t)run->unended, "objects",
			(json_int_t)objects->objects, "bytes", (json_int_t)objects->bytes,
			"findings", (json_int_t)objects->findings, "newer",
			(json_int_t)objects->newer, "mended", (json_int_t)objects->mended,
			"lost_chunks", (json_int_t)objects->lost_chunks, "wanted_chunks",
			(json_int_t)objects->wanted_chunks, "proven_packs",
			(json_int_t)objects->proven_packs, "proven_bytes",
			(json_int_t)objects->proven_bytes, "snapshots",
			(json_int_t)trees->snapshots, "hurt_snapshots",
			(json_int_t)trees->hurt_snapshots, "hurt_paths",
			(json_int_t)trees->hurt_paths));
	else if (!run->cli->quiet)
		print_check(run, check, objects, trees);
}

/* How many bytes of packs are to be read; 0: all. */
static hf_err budget(struct hf_repo *repo, const struct check *check, uint64_t *most)
{
	struct hf_catalog_counts counts;
	uint64_t all = 0;

	*most = check->limit;
	if (check->share == 100 || !check->share)
		return NULL;
	HF_TRY(hf_catalog_counts(hf_repo_catalog(repo), &counts));
	for (size_t i = 0; i < ARRAY_LEN(counts.pack_bytes); i++)
		all += counts.pack_bytes[i];
	all = HF_MAX(all / 100 * check->share + all % 100 * check->share / 100, 1);
	*most = check->limit ? HF_MIN(check->limit, all) : all;
	return NULL;
}

static hf_err check_objects(struct check_run *run, struct hf_reader *reader,
	const struct check *check, struct hf_check_result *result)
{
	struct hf_progress progress = {0};
	struct hf_check_options how = {
		.read_data = check->share > 0,
		.oldest = check->oldest,
		.repair = check->repair,
		.workers = hf_cli_workers(run->cli),
		.stop = &run->cli->stop,
		.progress = &progress,
		.found = take_finding,
		.arg = run,
	};
	HF_TRY(budget(hf_reader_repo(reader), check, &how.most));
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

static void show_rebuilt(const struct hf_cli *cli, const struct hf_rebuilt *rebuilt)
{
	HF_RELEASED(hf_buf) line = {0};

	if (cli->json) {
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "type", "rebuilt",
			"commits_lost", (json_int_t)rebuilt->commits_lost, "packs",
			(json_int_t)rebuilt->packs, "records", (json_int_t)rebuilt->records, "left",
			(json_int_t)rebuilt->left, "unread", (json_int_t)rebuilt->unread));
		return;
	}
	if (rebuilt->commits_lost)
		hf_buf_printf(&line, "%llu commits have no good copy\n",
			(unsigned long long)rebuilt->commits_lost);
	if (rebuilt->packs || rebuilt->records)
		hf_buf_printf(&line,
			"%llu packs that no commit named are named again, %llu snapshots and other "
			"records are said again; what was forgotten may have come back\n",
			(unsigned long long)rebuilt->packs, (unsigned long long)rebuilt->records);
	if (rebuilt->left)
		hf_buf_printf(&line,
			"%llu packs or records are left out: they are not whole or not true, or "
			"not for their key or this one to write\n",
			(unsigned long long)rebuilt->left);
	if (rebuilt->unread)
		hf_buf_printf(&line,
			"%llu packs that no commit names could not be read: what they tell may "
			"come "
			"back with another try\n",
			(unsigned long long)rebuilt->unread);
	if (line.len)
		hf_talk_print(hf_buf_span(&line));
}

/* Commits first: what they name is then looked at like all else. */
static hf_err rebuild(
	struct check_run *run, struct hf_reader *reader, const struct hf_rebuild_options *how)
{
	struct hf_rebuilt rebuilt;

	HF_TRY(hf_error_in(
		hf_rebuild(hf_reader_repo(reader), how, &rebuilt), "making lost commits again"));
	show_rebuilt(run->cli, &rebuilt);
	run->unread = rebuilt.unread;
	return NULL;
}

static hf_err check_both(struct hf_cli *cli, struct check_run *run, const struct check *check,
	struct hf_check_result *objects, struct hf_check_tree_result *trees)
{
	struct hf_reader *reader;

	HF_TRY(hf_cli_reader(cli, HF_CLI_CACHE / 2, &reader));
	struct hf_check_tree whole = {.reader = reader, .stop = &cli->stop};
	const struct hf_rebuild_options how = {
		.whole = hf_check_snapshot, .arg = &whole, .stop = &cli->stop};

	if (check->share && !hf_proof_counts(hf_reader_repo(reader)))
		hf_log(HF_WARN,
			"this key may neither read nor maintain: what is read is compared with its "
			"digest, not decoded, and nobody learns that it was",
			NULL);
	if (check->repair)
		HF_TRY(rebuild(run, reader, &how));
	HF_TRY(check_objects(run, reader, check, objects));
	objects->findings += run->unread;
	HF_TRY(hf_rebuild_count_unended(hf_reader_repo(reader), &how, &run->unended));
	HF_TRY(check_trees(run, reader, trees));
	/* No mark is needed for these: nobody takes them for stored. */
	objects->lost_chunks += trees->absent_chunks;
	objects->wanted_chunks += trees->absent_chunks;
	return NULL;
}

static hf_err run_check(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct check *check = options;
	struct check_run run = {.cli = cli};
	struct hf_check_result objects = {0};
	struct hf_check_tree_result trees = {0};
	struct hf_error *err;

	(void)operands;
	if (!check->share && (check->limit || check->oldest))
		return hf_error_new(HF_INVALID, "--%s says how to --read-data, which is not there",
			check->limit ? "limit" : "oldest");
	err = check_both(cli, &run, check, &objects, &trees);
	show_held(&run, err == NULL, &objects);
	hf_map_release(&run.lost);
	HF_TRY(err);
	show_check(&run, check, &objects, &trees);
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
	"holdfast check --read-data=4%",
	"each day: then every byte is read within a month",
	"holdfast check --read-data --limit 10G",
	"read what can be read in the time there is, and go on there the next time",
	"holdfast check --repair",
	"mend what has a good copy, and say what is lost",
	NULL,
};

const struct hf_command hf_command_check = {
	.name = "check",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "look for damage",
	.description =
		"Looks whether all objects are there and whole, whether second copies agree, and "
		"whether each chunk that a snapshot needs has a place. With --read-data every pack "
		"is read, compared with its name, decrypted, decompressed, and each chunk's id "
		"computed again. Damage is named down to the files that it hurts, and the exit "
		"status is 4. What a newer holdfast wrote can't be checked: it is named, and "
		"without damage the exit status is 3.\n\n"
		"What --read-data finds whole is recorded in the repository, if the key may read "
		"(or maintain: then digests alone are vouched for) and the store can be written. "
		"A share or a limit begins with what nobody has proven yet, then goes on with what "
		"was proven longest ago: run each day, it gets to every byte. `holdfast stats` "
		"shows what was left alone longest. What is lost is marked as wanted, by a key "
		"that "
		"may read: the next backup that still has it stores it again, and every snapshot "
		"that needs it is whole. Nothing else is changed.\n\n"
		"With --repair a copy that is bad is written anew from another one that is good, "
		"and from nothing else. Commits of which no copy is left are made again: packs "
		"repeat the snapshots that they complete, signed by the key that made them, and "
		"the catalog of this machine remembers what it has verified. A snapshot that only "
		"packs tell of comes back if all that it needs is there and its key still may "
		"write; one that was forgotten may come back. The catalog is read anew from the "
		"store. The exit status is 0 if all is whole then.",
	.examples = check_examples,
	.options = check_options,
	.n_options = ARRAY_LEN(check_options),
	.options_size = sizeof(struct check),
	.page = "holdfast-repository",
	.run = run_check,
};
