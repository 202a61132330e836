/* What every command gets: the global options, and ways to open what they name. One thread. */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"
#include "backend/repo/repo.h"
#include "fs/view/root.h"
#include "tools/cli/command.h"
#include "tools/cli/config.h"

/* A repository that this run is about. */
struct hf_cli_repository {
	char *name; /* unique: the file's, or the end of the url */
	const char *url;
	const struct hf_config_repository *file; /* NULL: the configuration does not have it */
	/* opened on demand */
	struct hf_repo *repo;
	struct hf_reader *reader;
};

struct hf_cli {
	/* global options */
	struct hf_list repositories; /* urls, and names of the configuration */
	struct hf_cli_key key;
	const char *config_file, *slot, *cache_dir, *log_format;
	uint64_t at_least;
	uint64_t jobs; /* workers; 0: as many as processors */
	bool json, quiet, verbose, help, version;

	struct hf_stop stop; /* raised by SIGINT and SIGTERM */
	struct hf_config config;
	struct hf_arena texts;
	const char **from; /* of each global option; see hf_cli_from() */
	struct hf_cli_repository *chosen;
	size_t n_chosen;
	struct hf_view *view; /* made on demand */
	bool unattended;      /* nobody is there who could be asked for a passphrase */
};

void hf_cli_close(struct hf_cli *cli);
unsigned hf_cli_workers(const struct hf_cli *cli);

/* Shows progress unless --quiet; NULL where nobody would see it. */
struct hf_painter *hf_cli_painter(
	const struct hf_cli *cli, const char *verb, struct hf_progress *progress);

/* The one that is chosen, not opened; HF_INVALID: none, or several. */
hf_err hf_cli_one(struct hf_cli *cli, struct hf_cli_repository **out);
/* The one repository, opened, not synced. */
hf_err hf_cli_repo(struct hf_cli *cli, struct hf_repo **out);
/* A reader on the one repository, synced. */
hf_err hf_cli_reader(struct hf_cli *cli, size_t cache_bytes, struct hf_reader **out);
/* Unless it is open already. Of several, an error names the one. */
hf_err hf_cli_open(struct hf_cli *cli, struct hf_cli_repository *repository);
/* Adds it to the view, opened and synced; cache_bytes is its own. */
hf_err hf_cli_show(struct hf_cli *cli, struct hf_cli_repository *repository, size_t cache_bytes);
/* cli->view for all that are chosen, without any of them yet. HF_INVALID: none is chosen. */
hf_err hf_cli_view_new(struct hf_cli *cli, const struct hf_view_options *options);
/* The view with all of them, synced. */
hf_err hf_cli_view(struct hf_cli *cli, struct hf_view **out);
/* A node by its view path. */
hf_err hf_cli_node(struct hf_cli *cli, const char *path, struct hf_node **out);
/* The same; if it is a symbolic link, where that leads. */
hf_err hf_cli_followed(struct hf_cli *cli, const char *path, struct hf_node **out);
#define HF_CLI_CACHE ((size_t)128 << 20)

/* ---- settings.c ---- */
/* Sets what no option said from the environment and the configuration file, and chooses. */
hf_err hf_cli_configure(struct hf_cli *cli);
/* Where a global option has its value from: "option", a variable, "FILE:LINE", "default"; NULL: it
 * has none. */
const char *hf_cli_from(const struct hf_cli *cli, const char *option);
/* "FILE:LINE"; lives as long as cli. */
const char *hf_cli_place(struct hf_cli *cli, const struct hf_config_entry *entry);
/* What unlocks it. Nothing is given: a passphrase is asked for. */
const struct hf_cli_key *hf_cli_key(
	const struct hf_cli *cli, const struct hf_cli_repository *repository);

/* ---- secrets.c ---- */
/* What unlocks: a key file, a command, a passphrase's file or variable, or a prompt on the
 * terminal. */
struct hf_cli_unlock {
	struct hf_secret secret;
	struct hf_unlock unlock;
};
void hf_cli_unlock_release(struct hf_cli_unlock *unlock);
/* fresh: for a new slot: asks twice, and makes a key file that is not there. */
hf_err hf_cli_unlock(const struct hf_cli *cli, const struct hf_cli_repository *repository,
	bool fresh, struct hf_cli_unlock *out);
hf_err hf_cli_read_key_file(const char *path, struct hf_cli_unlock *out);
/* The command's words are split as a shell would, but no shell runs: quotes and \ only. */
hf_err hf_cli_run_key_command(const char *command, struct hf_cli_unlock *out);
hf_err hf_cli_read_passphrase_file(const char *path, struct hf_cli_unlock *out);
hf_err hf_cli_ask_passphrase(const char *prompt, bool twice, struct hf_cli_unlock *out);

/* A source as --source says it: "h-etc" is "files/h-etc". */
char *hf_cli_source(const char *name);
/* "files/<host>-srv-data" for /srv/data. */
char *hf_cli_default_source(const char *path);

#endif
