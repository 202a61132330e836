/* prune */
#include <stdio.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/prune.h"
#include "backend/tree/mark.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

#define TRIES 3
#define CACHE ((size_t)32 << 20)

struct prune {
	const char *grace;
	bool dry_run;
};

static const struct hf_option prune_options[] = {
	{"grace", 0, HF_OPTION_TEXT, "DURATION", offsetof(struct prune, grace),
		"how long what was announced waits (default: the repository's own)"},
	{"dry-run", 'n', HF_OPTION_FLAG, NULL, offsetof(struct prune, dry_run),
		"only say what would go, and why the rest stays"},
};

/* Why the bytes that stay, stay. */
struct reasons {
	struct hf_marker *marker;
	uint64_t needed, waste, young, unused, waiting, unnamed;
	size_t unfinished;         /* snapshots among those that need something */
	uint64_t unfinished_bytes; /* that only those need; of `needed` */
	bool finished_only;        /* they are not asked */
};

static hf_err mark(void *arg, int64_t now, struct hf_id_sort *live)
{
	struct reasons *reasons = arg;

	return hf_mark_live(reasons->marker, now, live);
}

static bool excused(void *arg, const struct hf_id *chunk)
{
	const struct reasons *reasons = arg;

	return hf_mark_excused(reasons->marker, chunk);
}

static void judged(void *arg, const struct hf_pack_use *use)
{
	struct reasons *reasons = arg;

	if (use->announced) {
		reasons->waiting += use->pack.size;
	} else if (use->young) {
		reasons->young += use->pack.size;
	} else if (use->live) {
		reasons->needed += HF_MIN(use->live, use->pack.size);
		reasons->waste += use->pack.size - HF_MIN(use->live, use->pack.size);
	} else if (use->named) {
		reasons->unused += use->pack.size;
	}
}

static void show_bytes(const char *what, uint64_t bytes)
{
	char text[HF_SIZE_TEXT];

	printf("  %-44s %s\n", what, hf_size_text(bytes, text));
}

static void show_reasons(const struct reasons *reasons)
{
	printf("what stays:\n");
	show_bytes("needed by snapshots", reasons->needed - reasons->unfinished_bytes);
	if (reasons->unfinished_bytes)
		show_bytes("needed by backups that did not finish, for 30 days",
			reasons->unfinished_bytes);
	else if (reasons->unfinished)
		printf("    (%zu of them of backups that did not finish, which the next ones go on "
		       "from, for 30 days)\n",
			reasons->unfinished);
	show_bytes("waste in packs of which something is needed", reasons->waste);
	show_bytes("unused, but too young to be given up", reasons->young);
	show_bytes("unused, to be announced by the next prune", reasons->unused);
	show_bytes("announced, and waiting", reasons->waiting);
	show_bytes("named by no commit: cut off, or under way", reasons->unnamed);
}

static void show(const struct hf_cli *cli, const struct prune *wish,
	const struct hf_prune_result *result, const struct reasons *reasons)
{
	char text[HF_SIZE_TEXT];

	if (cli->json) {
		hf_json_line(json_pack(
			"{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			"s:I}",
			"type", "summary", "dry_run", wish->dry_run, "deleted",
			(json_int_t)result->swept, "deleted_bytes", (json_int_t)result->swept_bytes,
			"announced", (json_int_t)result->announced, "announced_bytes",
			(json_int_t)result->announced_bytes, "unnamed", (json_int_t)result->left,
			"rewritten_bytes", (json_int_t)result->repacked_bytes, "needed_bytes",
			(json_int_t)reasons->needed, "wasted_bytes", (json_int_t)reasons->waste,
			"young_bytes", (json_int_t)reasons->young, "waiting_bytes",
			(json_int_t)reasons->waiting, "unnamed_bytes", (json_int_t)reasons->unnamed,
			"unfinished_snapshots", (json_int_t)reasons->unfinished, "missing_chunks",
			(json_int_t)result->missing));
		return;
	}
	if (cli->quiet)
		return;
	if (!wish->dry_run)
		printf("deleted %llu objects, %s\n", (unsigned long long)result->swept,
			hf_size_text(result->swept_bytes, text));
	printf("%s %llu packs, %s", wish->dry_run ? "would announce" : "announced",
		(unsigned long long)result->announced, hf_size_text(result->announced_bytes, text));
	if (result->left)
		printf(" (%llu that no commit names)", (unsigned long long)result->left);
	putchar('\n');
	if (result->repacked_bytes)
		printf("wrote %s anew, out of packs that were mostly waste\n",
			hf_size_text(result->repacked_bytes, text));
	show_reasons(reasons);
	if (result->missing)
		printf("%llu chunks that snapshots need are in no pack: run holdfast check\n",
			(unsigned long long)result->missing);
}

/* With its progress shown. */
static hf_err run_shown(struct hf_cli *cli, struct hf_reader *reader, struct hf_prune_options *how,
	struct hf_prune_result *result, struct reasons *reasons)
{
	struct hf_progress progress = {0};
	HF_OWNED(hf_marker) marker = hf_marker_new(reader, &cli->stop, &progress);

	reasons->marker = marker;
	if (reasons->finished_only)
		hf_mark_finished_only(marker);
	how->mark = mark;
	how->excused = excused;
	how->judged = judged;
	how->arg = reasons;
	how->stop = &cli->stop;
	how->progress = &progress;
	struct hf_painter *painter = hf_cli_painter(cli, "looking at", &progress);
	struct hf_error *err = hf_prune_run(hf_reader_repo(reader), how, result);

	hf_painter_stop(painter);
	reasons->unnamed = result->unnamed_bytes;
	reasons->unfinished = hf_mark_unfinished(marker);
	return err;
}

/* Anew where others prune, too. What an earlier try deleted is counted. */
static hf_err run_until_still(struct hf_cli *cli, struct hf_reader *reader,
	struct hf_prune_options *how, struct hf_prune_result *result, struct reasons *reasons)
{
	const struct reasons asked = *reasons;
	uint64_t swept = 0, bytes = 0;
	struct hf_error *err = NULL;

	for (int i = 0; i < TRIES; i++) {
		*reasons = asked;
		*result = (struct hf_prune_result){0};
		err = run_shown(cli, reader, how, result, reasons);
		result->swept = swept += result->swept;
		result->swept_bytes = bytes += result->swept_bytes;
		if (!err || hf_error_kind(err) != HF_TRANSIENT || i == TRIES - 1)
			break;
		hf_log(HF_INFO, "the prune begins anew", "why", hf_error_text(err), NULL);
		hf_error_free(err); /* told */
	}
	return err;
}

hf_err hf_prune_why(struct hf_cli *cli)
{
	struct hf_prune_options how = {.grace = -1, .dry_run = true};
	struct hf_prune_result result = {0};
	struct reasons reasons = {0};
	struct hf_reader *reader;

	HF_TRY(hf_cli_reader(cli, CACHE, &reader));
	HF_TRY(run_until_still(cli, reader, &how, &result, &reasons));
	if (reasons.unfinished > 0) {
		struct reasons without = {.finished_only = true};

		HF_TRY(run_until_still(cli, reader, &how, &result, &without));
		reasons.unfinished_bytes = HF_MAX(reasons.needed, without.needed) - without.needed;
	}
	if (!cli->json)
		show_reasons(&reasons);
	else
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "type",
			"retained", "needed_bytes",
			(json_int_t)(reasons.needed - reasons.unfinished_bytes), "unfinished_bytes",
			(json_int_t)reasons.unfinished_bytes, "wasted_bytes",
			(json_int_t)reasons.waste, "young_bytes", (json_int_t)reasons.young,
			"unused_bytes", (json_int_t)reasons.unused, "waiting_bytes",
			(json_int_t)reasons.waiting, "unnamed_bytes", (json_int_t)reasons.unnamed,
			"unfinished_snapshots", (json_int_t)reasons.unfinished));
	return NULL;
}

static hf_err run_prune(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct prune *wish = options;
	struct hf_prune_options how = {.grace = -1, .dry_run = wish->dry_run};
	struct hf_prune_result result = {0};
	struct reasons reasons = {0};
	struct hf_reader *reader;

	(void)operands;
	if (wish->grace)
		HF_TRY(hf_error_in(hf_duration_parse(wish->grace, &how.grace), "--grace"));
	HF_TRY(hf_cli_reader(cli, CACHE, &reader));
	struct hf_repo *repo = hf_reader_repo(reader);

	if (how.grace >= 0 && how.grace < hf_repo_settings(repo)->grace)
		hf_log(HF_WARN,
			"what is announced waits less than the repository's grace period: a mount "
			"that shows a forgotten snapshot loses it, and a backup under way may have "
			"to begin anew",
			NULL);
	struct hf_error *err = run_until_still(cli, reader, &how, &result, &reasons);

	/* Where something failed, what went before or in spite of it is gone all the same. */
	if (!err || result.swept > 0)
		show(cli, wish, &result, &reasons);
	return err;
}

static const char *const prune_examples[] = {
	"holdfast prune",
	"let go what forgotten snapshots needed; run it as often as forget",
	"holdfast prune --dry-run",
	"what would go, and why the rest stays",
	"holdfast prune --grace 0s",
	"now, without the wait",
	NULL,
};

const struct hf_command hf_command_prune = {
	.name = "prune",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "give back the space of what was forgotten",
	.description =
		"Finds packs that no snapshot needs any more, and those that a killed backup left "
		"behind, and announces that they are to go. What was announced a grace period ago "
		"(three days, unless `init --grace` said otherwise) is decided on, by a "
		"checkpoint, and deleted. So each run does both: run it as often as `forget`. "
		"Packs of which little is needed are written anew, if the key may read, before "
		"they "
		"go. On a disk without room for that all else is done, and the exit status is 1: "
		"what only has to be deleted needs room for a few small objects, and for their "
		"second copies.\n\n"
		"Backups, mounts and other prunes may run meanwhile, here or elsewhere; nothing "
		"is locked, and nothing that a snapshot needs goes, whatever dies or sleeps on the "
		"way. A backup that relied on something that went begins anew. Needs a key with "
		"`maintain`.",
	.examples = prune_examples,
	.options = prune_options,
	.n_options = ARRAY_LEN(prune_options),
	.options_size = sizeof(struct prune),
	.page = "holdfast-retention",
	.run = run_prune,
};
