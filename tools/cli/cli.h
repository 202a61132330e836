/* What every command gets: the global options, and ways to open what they name. One thread. */
#ifndef HF_CLI_CLI_H
#define HF_CLI_CLI_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"
#include "backend/repo/repo.h"
#include "fs/view/root.h"
#include "tools/cli/command.h"

struct hf_cli {
	/* global options */
	struct hf_list repositories;
	const char *key_file, *key_command, *passphrase_file, *slot, *cache_dir, *log_format;
	uint64_t at_least;
	uint64_t jobs; /* workers; 0: as many as processors */
	bool json, quiet, verbose, help, version;

	struct hf_stop stop; /* raised by SIGINT and SIGTERM */
	/* opened on demand, freed at the end */
	struct hf_repo **repos;
	struct hf_reader **readers;
	const char **names;
	size_t n_open;
	struct hf_view *view;
};

void hf_cli_close(struct hf_cli *cli);
/* Sets what no option said from the environment. */
hf_err hf_cli_environment(struct hf_cli *cli);
unsigned hf_cli_workers(const struct hf_cli *cli);

/* Shows progress unless --quiet; NULL where nobody would see it. */
struct hf_painter *hf_cli_painter(
	const struct hf_cli *cli, const char *verb, struct hf_progress *progress);

/* The one repository that is named; HF_INVALID: none, or several. Not synced. */
hf_err hf_cli_repo(struct hf_cli *cli, struct hf_repo **out);
/* Its URL, or HF_INVALID with a hint. */
hf_err hf_cli_url(struct hf_cli *cli, const char **out);
/* A reader on the one repository, synced. */
hf_err hf_cli_reader(struct hf_cli *cli, size_t cache_bytes, struct hf_reader **out);
/* The view over all that are named, synced. cache_bytes is shared among them. */
hf_err hf_cli_view(struct hf_cli *cli, size_t cache_bytes, const struct hf_view_options *options,
	struct hf_view **out);
/* A node by its view path. */
hf_err hf_cli_node(struct hf_cli *cli, const char *path, struct hf_node **out);
#define HF_CLI_CACHE ((size_t)128 << 20)

/* ---- secrets.c ---- */
/* What unlocks: a key file, a command, a passphrase's file or variable, or a prompt on the
 * terminal. */
struct hf_cli_unlock {
	struct hf_secret secret;
	struct hf_unlock unlock;
};
void hf_cli_unlock_release(struct hf_cli_unlock *unlock);
/* fresh: for a new slot: asks twice, and makes a key file that is not there. */
hf_err hf_cli_unlock(struct hf_cli *cli, bool fresh, struct hf_cli_unlock *out);
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
