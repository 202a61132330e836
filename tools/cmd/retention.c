/* forget */
#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/forget.h"
#include "backend/repo/history.h"
#include "backend/repo/retention.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

struct forget {
	struct hf_list sources;
	struct hf_retention policy;
	const char *protect;
	bool dry_run;
};

#define OPTION(name, type, argument, field, help) \
	{ \
		name, 0, type, argument, offsetof(struct forget, field), help \
	}
#define KEEP(period) \
	OPTION("keep-" #period, HF_OPTION_NUMBER, "N", policy.period, \
		"the first of each of the newest N such periods that have any")
static const struct hf_option forget_options[] = {
	{"source", 's', HF_OPTION_LIST, "NAME", offsetof(struct forget, sources),
		"of this source only; can be repeated"},
	OPTION("keep-last", HF_OPTION_NUMBER, "N", policy.last, "the newest N"),
	KEEP(hourly),
	KEEP(daily),
	KEEP(weekly),
	KEEP(monthly),
	KEEP(yearly),
	OPTION("keep-within", HF_OPTION_DURATION, "DURATION", policy.within,
		"what is not older than the newest by more"),
	OPTION("protect", HF_OPTION_TEXT, "DURATION", protect,
		"nothing younger goes by a rule (default: 7d)"),
	OPTION("dry-run", HF_OPTION_FLAG, NULL, dry_run, "only say what would go, and why"),
};
#undef KEEP
#undef OPTION

/* One run over one or all sources, or over what is named. */
struct run {
	const struct hf_cli *cli;
	const struct forget *wish;
	struct hf_retention policy;
	struct hf_repo *repo;
	struct hf_table_out *table; /* NULL: JSON */
	int64_t now;
	uint8_t (*ids)[HF_SNAPSHOT_ID_LEN]; /* to go */
	size_t n, cap, kept, floods;
	struct hf_map taken; /* those ids, padded with zeros */
};

/* false: it was named before. */
static bool add_id(struct run *run, const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	struct hf_id key = {{0}};
	bool fresh;

	memcpy(key.bytes, id, HF_SNAPSHOT_ID_LEN);
	hf_map_put(&run->taken, &key, &fresh);
	if (!fresh)
		return false;
	run->ids = hf_grow(run->ids, &run->cap, run->n + 1, sizeof(*run->ids));
	memcpy(run->ids[run->n++], id, HF_SNAPSHOT_ID_LEN);
	return true;
}

static void show(struct run *run, const struct hf_snapshot_info *info, bool keep, const char *why)
{
	char id[2 * HF_SNAPSHOT_ID_LEN + 1], time[HF_TIME_TEXT];
	const char *decision = keep ? "keep" : "forget";
	HF_RELEASED(hf_buf) source = {0};

	hf_hex(hf_span(info->id, HF_SNAPSHOT_ID_LEN), id);
	if (!run->table) {
		json_t *line = json_pack("{s:s, s:s, s:s, s:s}", "type", "snapshot", "id", id,
			"decision", decision, "reason", why);

		hf_json_set_bytes(line, "source", info->snapshot.source);
		hf_json_set_time(line, "moment", info->snapshot.moment);
		hf_json_set_time(line, "seen", info->seen);
		hf_json_line(line);
		return;
	}
	id[8] = '\0';
	hf_text_show(info->snapshot.source, &source);
	hf_table_cell(run->table, id);
	hf_table_cell(run->table, hf_time_table(info->snapshot.moment, time));
	hf_table_cell(run->table, hf_buf_text(&source));
	hf_table_cell(run->table, decision);
	hf_table_cell(run->table, why);
}

static struct hf_retained retained_of(const struct hf_snapshot_info *info)
{
	struct hf_retained one = {
		.moment = info->snapshot.moment,
		.seen = info->seen,
		.ttl = info->snapshot.ttl,
		.good = info->snapshot.failed == 0,
	};

	memcpy(one.id, info->id, sizeof(one.id));
	return one;
}

/* Only a snapshot that goes asks for the right to let it go. */
static hf_err take_decisions(struct run *run, const char *source, const struct hf_snapshots *all,
	const struct hf_decision *decisions)
{
	for (size_t i = 0; i < all->n; i++) {
		HF_RELEASED(hf_buf) why = {0};

		hf_decision_text(&decisions[i], &why);
		if (decisions[i].keep) {
			run->kept++;
		} else {
			HF_TRY(run->wish->dry_run ? NULL
						  : hf_repo_need(run->repo, HF_MAINTAIN, source));
			add_id(run, all->at[i].id);
		}
		show(run, &all->at[i], decisions[i].keep != 0, hf_buf_text(&why));
	}
	return NULL;
}

static hf_err judge_source(struct run *run, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	HF_TRY(hf_history_snapshots(run->repo, source, &arena, &all));
	if (all.n == 0)
		return hf_error_new(HF_NOT_FOUND, "%s has no snapshot", source);
	HF_FREED struct hf_retained *retained = hf_calloc(all.n, sizeof(*retained));
	HF_FREED struct hf_decision *decisions = hf_calloc(all.n, sizeof(*decisions));

	for (size_t i = 0; i < all.n; i++)
		retained[i] = retained_of(&all.at[i]);
	if (hf_retention_decide(&run->policy, retained, all.n, run->now, decisions)) {
		run->floods++;
		hf_log(HF_WARN,
			"a source got many more snapshots than usual, and no rule lets any go",
			"source", source, NULL);
	}
	return take_decisions(run, source, &all, decisions);
}

static hf_err judge_sources(struct run *run)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_names names;

	for (size_t i = 0; i < run->wish->sources.n; i++) {
		HF_FREED char *source = hf_cli_source(run->wish->sources.at[i]);

		HF_TRY(judge_source(run, source));
	}
	if (run->wish->sources.n)
		return NULL;
	HF_TRY(hf_history_sources(run->repo, &arena, &names));
	for (size_t i = 0; i < names.n; i++) {
		const char *source = (const char *)names.at[i].at;

		/* A key that is limited to some sources forgets of those. */
		if (run->wish->dry_run || hf_repo_may_source(run->repo, source))
			HF_TRY(judge_source(run, source));
	}
	return NULL;
}

/* ---- those that are named ---- */

static hf_err refuse_newest(struct run *run, const char *source, const struct hf_snapshot_info *one)
{
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_retained named = retained_of(one);
	struct hf_snapshots all;

	HF_TRY(hf_history_moments(run->repo, source, &arena, &all));
	for (size_t i = 0; i < all.n; i++) {
		const struct hf_retained other = retained_of(&all.at[i]);

		if (hf_retained_compare(&other, &named) > 0)
			return NULL;
	}
	return hf_error_new(
		HF_INVALID, "it is the newest snapshot of %s, which can't be forgotten", source);
}

static hf_err take_named(struct run *run, const char *hex)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;

	HF_TRY(hf_history_by_id(run->repo, hex, &arena, &info));
	HF_FREED char *source =
		hf_strndup((const char *)info.snapshot.source.at, info.snapshot.source.len);

	HF_TRY(hf_error_in(refuse_newest(run, source, &info), "%s", hex));
	if (!run->wish->dry_run)
		HF_TRY(hf_repo_need(run->repo, HF_MAINTAIN, source));
	if (add_id(run, info.id))
		show(run, &info, false, "named");
	return NULL;
}

static hf_err judge(struct run *run, const struct hf_operands *operands)
{
	for (size_t i = 0; i < operands->n; i++)
		HF_TRY(take_named(run, operands->at[i]));
	return operands->n ? NULL : judge_sources(run);
}

/* ---- the whole ---- */

static void show_sum(const struct run *run)
{
	if (!run->table)
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:b}", "type", "summary", "kept",
			(json_int_t)run->kept, "forgotten", (json_int_t)run->n, "floods",
			(json_int_t)run->floods, "dry_run", run->wish->dry_run));
	else if (!run->cli->quiet)
		printf("%s %zu snapshots, kept %zu\n",
			run->wish->dry_run ? "would forget" : "forgot", run->n, run->kept);
}

static hf_err judge_and_forget(struct run *run, const struct hf_operands *operands)
{
	struct hf_error *err = judge(run, operands);

	/* What did not come to an end decided nothing. */
	if (run->table && err)
		hf_table_free(run->table);
	else if (run->table)
		hf_table_show(run->table);
	HF_TRY(err);
	if (run->n && !run->wish->dry_run)
		HF_TRY(hf_forget(run->repo, run->ids, run->n));
	show_sum(run);
	return run->floods ? hf_error_new(HF_PARTIAL,
				     "%zu sources were left alone: they got many more snapshots "
				     "than usual; hint: look at them, and forget by id what is "
				     "junk",
				     run->floods)
			   : NULL;
}

static hf_err check_usage(const struct forget *wish, const struct hf_operands *operands)
{
	const struct hf_retention none = {0};

	if (operands->n &&
		(wish->sources.n || wish->protect ||
			memcmp(&wish->policy, &none, sizeof(none)) != 0))
		return hf_error_new(
			HF_INVALID, "snapshots are named: then no rule and no --source applies");
	return NULL;
}

static hf_err run_forget(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	static const char *const titles[] = {
		"id", "moment (UTC)", "source", "decision", "reason", NULL};
	const struct forget *wish = options;
	struct run run = {.cli = cli, .wish = wish, .policy = wish->policy};

	HF_TRY(check_usage(wish, operands));
	run.policy.protect = HF_PROTECT_DEFAULT;
	if (wish->protect)
		HF_TRY(hf_error_in(
			hf_duration_parse(wish->protect, &run.policy.protect), "--protect"));
	HF_TRY(hf_cli_repo(cli, &run.repo));
	if (!wish->dry_run)
		HF_TRY(hf_repo_need(run.repo, HF_MAINTAIN, NULL));
	/* Where nothing is left to forget, too: a killed one may have been between two copies. */
	HF_TRY(wish->dry_run ? hf_repo_sync(run.repo, NULL) : hf_repo_sync_to_write(run.repo));
	HF_TRY(hf_store_now(hf_repo_store(run.repo), &run.now));
	run.table = cli->json ? NULL : hf_table_new(titles);
	struct hf_error *err = judge_and_forget(&run, operands);

	free(run.ids);
	hf_map_release(&run.taken);
	return err;
}

static const char *const forget_examples[] = {
	"holdfast forget --keep-daily 7 --keep-weekly 4 --keep-monthly 12 --dry-run",
	"what would go of every source, and why the others stay",
	"holdfast forget --source files/h-etc --keep-last 10",
	"the ten newest of one source, and all that is younger than a week",
	"holdfast forget 3fa92c71",
	"this one",
	NULL,
};

const struct hf_command hf_command_forget = {
	.name = "forget",
	.operands = "[SNAPSHOT-ID…]",
	.least = 0,
	.most = SIZE_MAX,
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "let snapshots go that no rule keeps",
	.description =
		"Hides snapshots of which no rule says that they are kept, source by source, or "
		"those that are named. What each keep and each forget is for is shown; `--dry-run` "
		"shows it only. Without a rule, only those go whose own time to live is over. "
		"Needs "
		"a key with `maintain`.\n\n"
		"Rules add up. All times are those at which the repository got a snapshot, by the "
		"store's clock, and periods are of UTC. A period keeps its first snapshot. A "
		"snapshot that has a time to live of its own goes when that is over, and no rule "
		"counts it. A source's newest snapshot stays always, and by rules the newest in "
		"which everything could be read.\n\n"
		"Nothing that is younger than `--protect` goes by a rule. If a day in that time, "
		"or one of which a snapshot would go, has more than eight snapshots and four times "
		"as many as the median of such days, the source is left alone and named, and the "
		"exit status is 3: so junk can't push good backups out. `--protect 0s` takes both "
		"off.",
	.examples = forget_examples,
	.options = forget_options,
	.n_options = ARRAY_LEN(forget_options),
	.options_size = sizeof(struct forget),
	.page = "holdfast-retention",
	.run = run_forget,
};
