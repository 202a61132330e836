/* config show: which setting holds, and who said so */
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

/* repository "": a setting of all. Secrets are never among them, only where they are. */
static void show(struct hf_table_out *table, const char *repository, const char *setting,
	const char *value, const char *from)
{
	if (table) {
		hf_table_cell(table, repository);
		hf_table_cell(table, setting);
		hf_table_cell(table, value);
		hf_table_cell(table, from);
		return;
	}
	json_t *line = json_object();

	if (*repository)
		hf_json_set_text(line, "repository", repository);
	hf_json_set_text(line, "setting", setting);
	hf_json_set_text(line, "value", value);
	hf_json_set_text(line, "from", from);
	hf_json_line(line);
}

static void show_globals(const struct hf_cli *cli, struct hf_table_out *table)
{
	HF_FREED char *jobs = hf_format("%u", hf_cli_workers(cli));
	HF_FREED char *cache = cli->cache_dir ? hf_strdup(cli->cache_dir) : hf_repo_default_cache();
	const struct {
		const char *name, *value;
	} settings[] = {
		{"config", cli->config_file ? cli->config_file : "(none)"},
		{"cache-dir", cache ? cache : "(none: in memory)"},
		{"jobs", jobs},
		{"log-format", cli->log_format ? cli->log_format : "text"},
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const char *from = hf_cli_from(cli, settings[i].name);

		show(table, "", settings[i].name, settings[i].value, from ? from : "default");
	}
}

/* One that an option or variable may say for all, the file for one. */
static const char *from_of(
	struct hf_cli *cli, const struct hf_cli_repository *one, const char *setting)
{
	const char *from = hf_cli_from(cli, setting);
	const struct hf_config_entry *entry =
		one->file ? hf_config_entry(&one->file->entries, setting) : NULL;

	return from || !entry ? from : hf_cli_place(cli, entry);
}

/* A command's words may hold what its program's own list of arguments would not show for long. */
static char *program_of(const char *command)
{
	const size_t len = strcspn(command, " \t");

	return hf_format("%.*s%s", (int)len, command, command[len] ? " …" : "");
}

static void show_key(
	struct hf_cli *cli, const struct hf_cli_repository *one, struct hf_table_out *table)
{
	const struct hf_cli_key *key = hf_cli_key(cli, one);
	HF_FREED char *program = key->command ? program_of(key->command) : NULL;
	const char *setting = key->file ? "key-file"
		: key->command          ? "key-command"
		: key->passphrase_file  ? "passphrase-file"
					: "passphrase";
	const char *value = key->file  ? key->file
		: key->command         ? program
		: key->passphrase_file ? key->passphrase_file
		: key->passphrase      ? "(set)"
				       : "(asked for)";
	const char *from = key->passphrase ? "HOLDFAST_PASSPHRASE" : from_of(cli, one, setting);

	show(table, one->name, setting, value, from ? from : "default");
}

static void show_repository(
	struct hf_cli *cli, const struct hf_cli_repository *one, struct hf_table_out *table)
{
	const uint64_t at_least = cli->at_least || !one->file ? cli->at_least : one->file->at_least;
	const char *slot = cli->slot || !one->file ? cli->slot : one->file->slot;
	const char *url_from = one->file
		? hf_cli_place(cli, hf_config_entry(&one->file->entries, "url"))
		: hf_cli_from(cli, "repository");

	show(table, one->name, "url", one->url, url_from);
	show_key(cli, one, table);
	if (slot)
		show(table, one->name, "slot", slot, from_of(cli, one, "slot"));
	if (at_least) {
		HF_FREED char *number = hf_format("%llu", (unsigned long long)at_least);

		show(table, one->name, "at-least", number, from_of(cli, one, "at-least"));
	}
}

static hf_err run_show(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	static const char *const titles[] = {"repository", "setting", "value", "from", NULL};
	struct hf_table_out *table = cli->json ? NULL : hf_table_new(titles);

	(void)options;
	(void)operands;
	show_globals(cli, table);
	for (size_t i = 0; i < cli->n_chosen; i++)
		show_repository(cli, &cli->chosen[i], table);
	if (table)
		hf_table_show(table);
	return NULL;
}

static const char *const examples[] = {
	"holdfast config show",
	"which repositories and keys would a command use now, and why?",
	"holdfast -r tenant-a config show",
	"the same for one of them",
	NULL,
};

const struct hf_command hf_command_config_show = {
	.name = "config show",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "show each setting, and where it comes from",
	.description =
		"Shows the value of each setting and where it comes from: an option, a variable of "
		"the environment, a line of the configuration file, or nobody (`default`). "
		"Nothing is opened, and no secret is shown. holdfast(1) tells what may stand in "
		"a configuration file.",
	.examples = examples,
	.page = "holdfast-config",
	.run = run_show,
};
