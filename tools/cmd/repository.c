/* init, stats */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/segments_read.h"
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

/* ---- stats ---- */

/* By when every byte should have been read again. */
#define PROOF_DAYS 30

static void show_count(const char *what, uint64_t n, uint64_t bytes)
{
	char text[HF_SIZE_TEXT];

	printf("%-18s %12llu  %s\n", what, (unsigned long long)n, hf_size_text(bytes, text));
}

static void show_proofs(const struct hf_proofs *proofs)
{
	char time[HF_TIME_TEXT];

	printf("%-18s %12s\n", "longest unproven",
		proofs->oldest ? hf_time_table(proofs->oldest, time) : "-");
	show_count("never proven", proofs->never_packs, proofs->never_bytes);
	show_count("unproven for 30 d", proofs->old_packs, proofs->old_bytes);
}

static void show_stats(const struct hf_catalog_counts *counts, const struct hf_proofs *proofs)
{
	printf("%-18s %12llu\n", "snapshots", (unsigned long long)counts->snapshots);
	printf("%-18s %12llu\n", "commits", (unsigned long long)counts->commits);
	show_count("content packs", counts->packs[HF_CONTENT_PACK],
		counts->pack_bytes[HF_CONTENT_PACK]);
	show_count("metadata packs", counts->packs[HF_META_PACK], counts->pack_bytes[HF_META_PACK]);
	show_count("chunks, stored", counts->chunks, counts->stored_bytes);
	show_count("chunks, plain", counts->chunks, counts->plain_bytes);
	if (counts->stored_bytes)
		printf("%-18s %12.2f\n", "compression",
			(double)counts->plain_bytes / (double)counts->stored_bytes);
	show_proofs(proofs);
}

static json_t *json_of_stats(const struct hf_catalog_counts *counts, const struct hf_proofs *proofs)
{
	json_t *line = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"snapshots", (json_int_t)counts->snapshots, "commits", (json_int_t)counts->commits,
		"content_packs", (json_int_t)counts->packs[HF_CONTENT_PACK], "content_bytes",
		(json_int_t)counts->pack_bytes[HF_CONTENT_PACK], "meta_packs",
		(json_int_t)counts->packs[HF_META_PACK], "meta_bytes",
		(json_int_t)counts->pack_bytes[HF_META_PACK], "chunks", (json_int_t)counts->chunks,
		"plain_bytes", (json_int_t)counts->plain_bytes, "stored_bytes",
		(json_int_t)counts->stored_bytes, "never_proven_bytes",
		(json_int_t)proofs->never_bytes, "unproven_30d_bytes",
		(json_int_t)proofs->old_bytes);

	if (proofs->oldest)
		hf_json_set_time(line, "longest_unproven", proofs->oldest);
	return line;
}

struct stats {
	bool why;
};

static const struct hf_option stats_options[] = {
	{"why", 0, HF_OPTION_FLAG, NULL, offsetof(struct stats, why),
		"also what the bytes are kept for (reads all directories)"},
};

static hf_err run_stats(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct hf_catalog_counts counts;
	struct hf_proofs proofs;
	struct hf_repo *repo;
	const struct stats *stats = options;
	int64_t now;

	(void)operands;
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_sync(repo, NULL));
	HF_TRY(hf_segments_read(repo));
	HF_TRY(hf_catalog_counts(hf_repo_catalog(repo), &counts));
	HF_TRY(hf_store_now(hf_repo_store(repo), &now));
	HF_TRY(hf_catalog_proofs(
		hf_repo_catalog(repo), now - PROOF_DAYS * 24 * 3600 * HF_NS_PER_S, &proofs));
	if (cli->json)
		hf_json_line(json_of_stats(&counts, &proofs));
	else
		show_stats(&counts, &proofs);
	return stats->why ? hf_prune_why(cli) : NULL;
}

static const char *const stats_examples[] = {
	"holdfast stats",
	"how large is it, and how much does compression save?",
	"holdfast stats --why",
	"what is kept for snapshots, what is waste, what waits to go?",
	NULL,
};

const struct hf_command hf_command_stats = {
	.name = "stats",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "show how much is stored",
	.description = "Shows how many snapshots, packs and chunks there are, and how large they "
		       "are before and after compression. Then what is known of the packs: since "
		       "when the one that was left alone longest was neither written nor read by "
		       "`check --read-data`, what nobody has read since it was written, and what "
		       "was neither written nor read for 30 days.",
	.examples = stats_examples,
	.options = stats_options,
	.n_options = ARRAY_LEN(stats_options),
	.options_size = sizeof(struct stats),
	.page = "holdfast-repository",
	.run = run_stats,
};
