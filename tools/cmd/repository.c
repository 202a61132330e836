/* init, check, stats */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/history.h"
#include "backend/tree/check_tree.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

/* ---- init ---- */

struct init {
	int64_t grace;
	const char *slot;
};

static const struct hf_option init_options[] = {
	{"grace", 0, HF_OPTION_DURATION, "DURATION", offsetof(struct init, grace),
		"how long what is to go stays before it goes (default: 3d)"},
	{"name", 0, HF_OPTION_TEXT, "NAME", offsetof(struct init, slot),
		"the first slot's name (default: admin)"},
};

static hf_err run_init(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct init *init = options;
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	HF_OWNED(hf_store) store = NULL;
	struct hf_settings settings;
	const char *url;

	(void)operands;
	hf_settings_default(&settings);
	if (init->grace)
		settings.grace = init->grace;
	HF_TRY(hf_cli_url(cli, &url));
	HF_TRY(hf_store_open(url, true, &store));
	HF_TRY(hf_cli_unlock(cli, true, &unlock));
	HF_TRY(hf_repo_init(store, &settings, init->slot ? init->slot : "admin", &unlock.unlock));
	if (cli->json)
		hf_json_line(json_pack(
			"{s:s, s:s}", "type", "initialized", "repository", hf_store_url(store)));
	else if (!cli->quiet)
		printf("made a repository at %s\n", hf_store_url(store));
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

static void show_finding(void *arg, const struct hf_finding *finding)
{
	const struct hf_cli *cli = arg;

	if (cli->json)
		hf_json_line(json_pack("{s:s, s:s, s:s, s:b}", "type", "finding", "object",
			finding->object ? finding->object : "", "text", finding->text, "lost",
			finding->lost));
	else
		printf("%s%s%s\n", finding->object ? finding->object : "",
			finding->object ? ": " : "", finding->text);
}

static hf_err run_check(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct check *check = options;
	struct hf_check_result result = {0};
	struct hf_progress progress = {0};
	char bytes[HF_SIZE_TEXT];
	struct hf_reader *reader;

	(void)operands;
	HF_TRY(hf_cli_reader(cli, HF_CLI_CACHE / 2, &reader));
	const struct hf_check_options how = {
		.read_data = check->read_data,
		.workers = hf_cli_workers(cli),
		.stop = &cli->stop,
		.progress = &progress,
		.found = show_finding,
		.arg = cli,
	};
	struct hf_painter *painter =
		cli->quiet ? NULL : hf_painter_start("checking", &progress, cli->json);
	struct hf_error *err = hf_check_run(reader, &how, &result);

	hf_painter_stop(painter);
	HF_TRY(err);
	if (cli->json)
		hf_json_line(json_pack("{s:s, s:I, s:I, s:I, s:I}", "type", "summary", "objects",
			(json_int_t)result.objects, "bytes", (json_int_t)result.bytes, "findings",
			(json_int_t)result.findings, "lost_chunks",
			(json_int_t)result.lost_chunks));
	else if (!cli->quiet)
		printf("%s%llu objects, %s: %s\n", check->read_data ? "read " : "looked at ",
			(unsigned long long)result.objects, hf_size_text(result.bytes, bytes),
			result.findings ? "damaged" : "all is well");
	if (result.findings)
		return hf_error_new(HF_CORRUPT,
			"the repository is damaged: %llu findings, %llu chunks lost",
			(unsigned long long)result.findings,
			(unsigned long long)result.lost_chunks);
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
		       "files that it hurts, and the exit status is 4. Nothing is changed.",
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

const struct hf_command hf_command_stats = {
	.name = "stats",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "show how much is stored",
	.description = "Shows how many snapshots, packs and chunks there are, and how large they "
		       "are before and "
		       "after compression.",
	.page = "holdfast-repository",
	.run = run_stats,
};
