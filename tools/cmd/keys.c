/* key add, key list */
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "tools/cli/cli.h"
#include "tools/cli/output.h"
#include "tools/cmd/commands.h"

struct add {
	const char *rights, *sources, *new_key_file, *new_key_command, *new_passphrase_file;
};

#define OPTION(name, type, argument, field, help) \
	{ \
		name, 0, type, argument, offsetof(struct add, field), help \
	}
static const struct hf_option add_options[] = {
	OPTION("rights", HF_OPTION_TEXT, "LIST", rights,
		"of write, read, maintain, admin (default: all)"),
	OPTION("sources", HF_OPTION_TEXT, "GLOBS", sources, "only these sources: 'pg/*,files/h-*'"),
	OPTION("new-key-file", HF_OPTION_TEXT, "FILE", new_key_file,
		"what unlocks the new slot: a file of at least 32 random bytes that is there"),
	OPTION("new-key-command", HF_OPTION_TEXT, "COMMAND", new_key_command,
		"or the random bytes that this command prints"),
	OPTION("new-passphrase-file", HF_OPTION_TEXT, "FILE", new_passphrase_file,
		"or the first line of this file; without any of these, asks"),
};
#undef OPTION

static const char *const right_names[] = {"write", "read", "maintain", "admin"};

static hf_err parse_rights(const char *text, uint32_t *rights)
{
	*rights = 0;
	if (!text)
		*rights = HF_ALL_RIGHTS;
	while (text && *text) {
		const size_t len = strcspn(text, ",");
		size_t i = 0;

		while (i < 4 &&
			(strlen(right_names[i]) != len || memcmp(right_names[i], text, len) != 0))
			i++;
		if (i == 4)
			return hf_error_new(HF_INVALID,
				"\"%.*s\" is no right; hint: write, read, maintain, admin",
				(int)len, text);
		*rights |= 1u << i;
		text += len + (text[len] == ',');
	}
	return *rights ? NULL : hf_error_new(HF_INVALID, "a slot without rights is of no use");
}

static hf_err new_unlock(const struct add *add, struct hf_cli_unlock *out)
{
	if (add->new_key_file)
		return hf_cli_read_key_file(add->new_key_file, out);
	if (add->new_key_command)
		return hf_cli_run_key_command(add->new_key_command, out);
	if (add->new_passphrase_file)
		return hf_cli_read_passphrase_file(add->new_passphrase_file, out);
	return hf_cli_ask_passphrase("Passphrase of the new slot: ", true, out);
}

static hf_err run_add(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct add *add = options;
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	HF_FREED char *patterns = hf_strdup(add->sources ? add->sources : "");
	const char *sources[HF_MAX_LABELS];
	struct hf_slot_wish wish = {.name = operands->at[0], .sources = sources};
	struct hf_repo *repo;

	HF_TRY(parse_rights(add->rights, &wish.rights));
	for (char *at = strtok(patterns, ","); at && wish.n_sources < ARRAY_LEN(sources);
		at = strtok(NULL, ","))
		sources[wish.n_sources++] = at;
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(new_unlock(add, &unlock));
	HF_TRY(hf_repo_add_slot(repo, &wish, &unlock.unlock));
	hf_log(HF_INFO, "added a slot", "name", wish.name, NULL);
	return NULL;
}

static const char *const add_examples[] = {
	"head -c 32 /dev/urandom > writer.key",
	"a new key",
	"holdfast key add --rights write --new-key-file writer.key writer",
	"let it add backups, and read none",
	"holdfast key add --new-key-command 'pass show holdfast' laptop",
	"a slot whose key another program keeps",
	NULL,
};

const struct hf_command hf_command_key_add = {
	.name = "key add",
	.operands = "NAME",
	.least = 1,
	.most = 1,
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "add a way to unlock the repository, and say what it may do",
	.description = "Adds a slot to the keyring. `write` adds backups and can't decrypt any; "
		       "`read` decrypts; "
		       "`maintain` forgets and prunes; `admin` changes the keyring and has all "
		       "other rights. "
		       "Needs a key with `admin`.",
	.examples = add_examples,
	.options = add_options,
	.n_options = ARRAY_LEN(add_options),
	.options_size = sizeof(struct add),
	.page = "holdfast-key",
	.run = run_add,
};

static void show_rights(uint32_t rights, struct hf_buf *out)
{
	for (int i = 0; i < 4; i++) {
		if (rights & (1u << i))
			hf_buf_printf(out, "%s%s", out->len ? "," : "", right_names[i]);
	}
}

static void show_sources(const struct hf_slot *slot, struct hf_buf *out)
{
	for (size_t i = 0; i < slot->n_sources; i++)
		hf_buf_printf(out, "%s%.*s", i ? "," : "", (int)slot->sources[i].len,
			(const char *)slot->sources[i].at);
	if (slot->n_sources == 0)
		hf_buf_printf(out, "all");
}

static hf_err run_list(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	static const char *const titles[] = {
		">#", "name", "unlocked by", "rights", "sources", "state", NULL};
	static const char *const ways[] = {"?", "passphrase", "key file", "command"};
	struct hf_repo *repo;

	(void)options;
	(void)operands;
	HF_TRY(hf_cli_repo(cli, &repo));
	const struct hf_keyring *keyring = hf_repo_keyring(repo);
	struct hf_table_out *table = cli->json ? NULL : hf_table_new(titles);

	for (size_t i = 0; i < keyring->n_slots; i++) {
		const struct hf_slot *slot = &keyring->slots[i];
		HF_RELEASED(hf_buf) rights = {0}, sources = {0};
		HF_FREED char *number = hf_format("%u", slot->n);
		HF_FREED char *name = hf_strndup((const char *)slot->name.at, slot->name.len);
		const char *way = ways[slot->unlock < 4 ? slot->unlock : 0];
		const char *state = slot->revoked    ? "revoked"
			: slot == hf_repo_slot(repo) ? "in use"
						     : "";

		show_rights(slot->rights, &rights);
		show_sources(slot, &sources);
		if (cli->json) {
			json_t *line = json_pack("{s:i, s:s, s:s, s:b}", "slot", (int)slot->n,
				"unlock", way, "rights", hf_buf_text(&rights), "revoked",
				slot->revoked);

			hf_json_set_text(line, "name", name);
			hf_json_set_text(line, "sources", hf_buf_text(&sources));
			hf_json_line(line);
			continue;
		}
		hf_table_cell(table, number);
		hf_table_cell(table, name);
		hf_table_cell(table, way);
		hf_table_cell(table, hf_buf_text(&rights));
		hf_table_cell(table, hf_buf_text(&sources));
		hf_table_cell(table, state);
	}
	if (table)
		hf_table_show(table);
	return NULL;
}

static const char *const list_examples[] = {
	"holdfast key list",
	"who can do what?",
	NULL,
};

const struct hf_command hf_command_key_list = {
	.name = "key list",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "show the keyring's slots",
	.description = "Shows each slot of the keyring: what unlocks it, what it may do, and for "
		       "which sources.",
	.examples = list_examples,
	.page = "holdfast-key",
	.run = run_list,
};
