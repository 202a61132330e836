/* key add, key list, key revoke, key rotate */
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
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
	OPTION("sources", HF_OPTION_TEXT, "GLOBS", sources,
		"add to and forget of these sources only, and prune none: 'pg/*,files/h-*'"),
	OPTION("new-key-file", HF_OPTION_TEXT, "FILE", new_key_file,
		"what unlocks the new slot: a file of at least 32 random bytes that is there"),
	OPTION("new-key-command", HF_OPTION_TEXT, "COMMAND", new_key_command,
		"or the random bytes that this command prints"),
	OPTION("new-passphrase-file", HF_OPTION_TEXT, "FILE", new_passphrase_file,
		"or the first line of this file; without any of these, asks"),
};
#undef OPTION

static const char *const right_names[] = {"write", "read", "maintain", "admin"};

/* The next of a list with commas, without the blanks around it; *at NULL behind the last one.
 * Changes the list. */
static char *next_of(char **at)
{
	char *item = strsep(at, ",");
	size_t len;

	item += strspn(item, " ");
	len = strlen(item);
	while (len > 0 && item[len - 1] == ' ')
		item[--len] = 0;
	return item;
}

static hf_err parse_rights(const char *text, uint32_t *rights)
{
	HF_FREED char *list = text ? hf_strdup(text) : NULL;

	*rights = text ? 0 : HF_ALL_RIGHTS;
	for (char *at = list; at;) {
		const char *name = next_of(&at);
		size_t i = 0;

		while (i < ARRAY_LEN(right_names) && strcmp(right_names[i], name) != 0)
			i++;
		if (i == ARRAY_LEN(right_names))
			return hf_error_new(HF_INVALID,
				"--rights: \"%s\" is no right; hint: write, read, maintain, admin",
				name);
		*rights |= 1u << i;
	}
	return NULL;
}

/* An empty list must not become "all": it may be a variable that was not set. */
static hf_err judge_pattern(const char *pattern)
{
	if (!*pattern)
		return hf_error_new(HF_INVALID,
			"--sources: an empty pattern; hint: without --sources it is all");
	if (!hf_source_glob_valid(pattern))
		return hf_error_new(HF_INVALID,
			"--sources: no source's name is like \"%s\"; hint: the kind is a part of "
			"it: 'files/h-*', 'pg/*', 'pv/*/*'",
			pattern);
	return NULL;
}

static hf_err parse_sources(
	char *list, struct hf_slot_wish *wish, const char **sources, size_t most)
{
	wish->sources = sources;
	for (char *at = list; at && wish->n_sources < most;) {
		sources[wish->n_sources] = next_of(&at);
		HF_TRY(judge_pattern(sources[wish->n_sources++]));
	}
	/* It must not look as if it were limited. */
	if (list && (wish->rights & HF_ADMIN || !(wish->rights & (HF_WRITE | HF_MAINTAIN))))
		return hf_error_new(HF_INVALID,
			"--sources limits what `write` adds to and `maintain` forgets of, not what "
			"`read` and `admin` may; hint: `--rights write`");
	return NULL;
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

/* The keyring that is in force now; name NULL: no slot's change. */
static void json_change(const struct hf_repo *repo, const char *type, const char *name)
{
	const struct hf_keyring *keyring = hf_repo_keyring(repo);
	json_t *line = json_pack("{s:s, s:i, s:i}", "type", type, "keyring", (int)keyring->n,
		"epochs", (int)keyring->n_epochs);

	if (name)
		hf_json_set_bytes(line, "name", hf_span_str(name));
	hf_json_line(line);
}

static hf_err run_add(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct add *add = options;
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	HF_FREED char *patterns = add->sources ? hf_strdup(add->sources) : NULL;
	const char *sources[HF_MAX_PATTERNS + 1]; /* one too many is refused where it is added */
	struct hf_slot_wish wish = {.name = operands->at[0]};
	struct hf_repo *repo;

	HF_TRY(parse_rights(add->rights, &wish.rights));
	HF_TRY(parse_sources(patterns, &wish, sources, ARRAY_LEN(sources)));
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(new_unlock(add, &unlock));
	HF_TRY(hf_repo_add_slot(repo, &wish, &unlock.unlock));
	if (cli->json)
		json_change(repo, "added", wish.name);
	else
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
		       "other rights. `--sources` limits `write` and `maintain`; who may read, "
		       "reads all. "
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

static const char *state_of(const struct hf_repo *repo, const struct hf_slot *slot)
{
	if (slot->revoked)
		return "revoked";
	return slot == hf_repo_slot(repo) ? "in use" : "";
}

/* What a revocation says besides. */
static void add_revocation(json_t *line, const struct hf_slot *slot)
{
	if (!slot->revoked)
		return;
	hf_json_set_time(line, "revoked_at", slot->revoked_at);
	json_object_set_new(
		line, "last_checkpoint", json_integer((json_int_t)slot->last_checkpoint));
	json_object_set_new(line, "commits_that_count", json_integer((json_int_t)slot->n_counts));
}

static void list_slot(
	const struct hf_repo *repo, const struct hf_slot *slot, struct hf_table_out *table)
{
	HF_RELEASED(hf_buf) rights = {0}, sources = {0};
	const struct hf_keyring *keyring = hf_repo_keyring(repo);
	HF_FREED char *number = hf_format("%u", slot->n);
	HF_FREED char *name = hf_strndup((const char *)slot->name.at, slot->name.len);
	const char *way = hf_unlock_text(slot->unlock);
	char when[HF_TIME_TEXT] = "";

	show_rights(slot->rights, &rights);
	if (!table) {
		json_t *line = json_pack("{s:i, s:s, s:s, s:b, s:i, s:i}", "slot", (int)slot->n,
			"unlock", way, "rights", hf_buf_text(&rights), "revoked", slot->revoked,
			"keyring", (int)keyring->n, "epochs", (int)keyring->n_epochs);

		hf_json_set_bytes(line, "name", slot->name);
		hf_json_set_list(line, "sources", slot->sources, slot->n_sources);
		add_revocation(line, slot);
		hf_json_line(line);
		return;
	}
	show_sources(slot, &sources);
	if (slot->revoked)
		hf_time_table(slot->revoked_at, when);
	HF_FREED char *state = hf_format("%s%s%s", state_of(repo, slot), *when ? " " : "", when);

	hf_table_cell(table, number);
	hf_table_cell(table, name);
	hf_table_cell(table, way);
	hf_table_cell(table, hf_buf_text(&rights));
	hf_table_cell(table, hf_buf_text(&sources));
	hf_table_cell(table, state);
}

static hf_err run_list(struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	static const char *const titles[] = {
		">#", "name", "unlocked by", "rights", "sources", "state", NULL};
	struct hf_repo *repo;

	(void)options;
	(void)operands;
	HF_TRY(hf_cli_repo(cli, &repo));
	const struct hf_keyring *keyring = hf_repo_keyring(repo);
	struct hf_table_out *table = cli->json ? NULL : hf_table_new(titles);

	for (size_t i = 0; i < keyring->n_slots; i++)
		list_slot(repo, &keyring->slots[i], table);
	if (table) {
		hf_table_show(table);
		printf("\nkeyring %u, %zu epoch%s\n", keyring->n, keyring->n_epochs,
			keyring->n_epochs == 1 ? "" : "s");
	}
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
		       "which sources. The last line has the keyring's number, which "
		       "`--at-least` takes, and how many epochs of keys there are.",
	.examples = list_examples,
	.page = "holdfast-key",
	.run = run_list,
};

/* ---- revoke, rotate ---- */

struct revoke {
	const char *distrust_after; /* a time's text, so that even 1970 is not "not given" */
};

static const struct hf_option revoke_options[] = {
	{"distrust-after", 0, HF_OPTION_TEXT, "TIME", offsetof(struct revoke, distrust_after),
		"what it added after this does not count either"},
};

static hf_err run_revoke(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	const struct revoke *revoke = options;
	int64_t distrust_after = INT64_MAX;
	struct hf_repo *repo;

	if (revoke->distrust_after)
		HF_TRY(hf_error_in(
			hf_time_parse(revoke->distrust_after, hf_time_now(), &distrust_after, NULL),
			"--distrust-after"));
	if (revoke->distrust_after && distrust_after > hf_time_now())
		return hf_error_new(HF_INVALID,
			"--distrust-after: that is yet to come; hint: leave it out, and what was "
			"added until now counts");
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(hf_repo_revoke(repo, operands->at[0], distrust_after));
	HF_FREED char *keyring = hf_format("%u", hf_repo_keyring(repo)->n);

	if (cli->json)
		json_change(repo, "revoked", operands->at[0]);
	else
		hf_log(HF_INFO, "revoked a slot", "name", operands->at[0], "keyring", keyring,
			NULL);
	return NULL;
}

static const char *const revoke_examples[] = {
	"holdfast key revoke laptop",
	"a key that is needed no more",
	"holdfast key revoke --distrust-after '2026-11-20 08:00' laptop",
	"it was stolen in that night",
	NULL,
};

const struct hf_command hf_command_key_revoke = {
	.name = "key revoke",
	.operands = "NAME",
	.least = 1,
	.most = 1,
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "end a slot: it adds nothing and reads nothing new",
	.description =
		"Publishes a keyring in which the slot is revoked, and begins a new epoch of "
		"keys, which the slot does not get. What it read before it may have kept. "
		"What it added until now still counts (but for what `--distrust-after` "
		"excludes), what it adds from now on does not, however it is dated. "
		"Needs a key with `admin`, and not the one that is revoked.",
	.examples = revoke_examples,
	.options = revoke_options,
	.n_options = ARRAY_LEN(revoke_options),
	.options_size = sizeof(struct revoke),
	.page = "holdfast-key",
	.run = run_revoke,
};

static hf_err run_rotate(
	struct hf_cli *cli, const void *options, const struct hf_operands *operands)
{
	struct hf_repo *repo;

	(void)options;
	(void)operands;
	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(hf_repo_rotate(repo));
	HF_FREED char *keyring = hf_format("%u", hf_repo_keyring(repo)->n);
	HF_FREED char *epoch = hf_format("%zu", hf_repo_keyring(repo)->n_epochs);

	if (cli->json)
		json_change(repo, "rotated", NULL);
	else
		hf_log(HF_INFO, "began a new epoch", "epoch", epoch, "keyring", keyring, NULL);
	return NULL;
}

static const char *const rotate_examples[] = {
	"holdfast key rotate",
	"seal what comes from now on under new keys",
	NULL,
};

const struct hf_command hf_command_key_rotate = {
	.name = "key rotate",
	.operands = "",
	.first = HF_OPERAND_NONE,
	.rest = HF_OPERAND_NONE,
	.summary = "begin a new epoch of keys",
	.description =
		"Publishes a keyring with new metadata and content keys. What is there stays "
		"readable, and is not sealed anew; running backups go over to the new keys "
		"with their next commit. `key revoke` does this too. Needs a key with "
		"`admin`.",
	.examples = rotate_examples,
	.page = "holdfast-key",
	.run = run_rotate,
};
