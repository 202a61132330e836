/*
 * The configuration file: YAML, with a list of repositories and some of the global settings. Pure:
 * what the file says, not what then holds (settings.c). What is not known, said twice, or of a form
 * that YAML has and a configuration does not need (tags, anchors, aliases) is HF_INVALID, and the
 * text begins with its line.
 */
#ifndef HF_CLI_CONFIG_H
#define HF_CLI_CONFIG_H

#include "backend/base/buf.h"
#include "tools/cli/command.h"

#define HF_CONFIG_MAX ((size_t)256 << 10) /* bytes of a file */
#define HF_CONFIG_REPOSITORIES 1024       /* of one file */

/* What unlocks a repository: the first that is there. */
struct hf_cli_key {
	const char *file, *command, *passphrase_file;
	const char *passphrase; /* the variable's; never in a file */
};
static inline bool hf_cli_key_given(const struct hf_cli_key *key)
{
	return key->file || key->command || key->passphrase_file || key->passphrase;
}

/* HF_INVALID: more than one. */
hf_err hf_cli_key_check(const struct hf_cli_key *key);

struct hf_config_entry {
	const struct hf_option *option;
	const char *value;
	unsigned line;
};
struct hf_config_entries {
	struct hf_config_entry *at;
	size_t n, cap;
};
/* NULL: the file does not say. */
const struct hf_config_entry *hf_config_entry(
	const struct hf_config_entries *entries, const char *name);

struct hf_config_repository {
	const char *name, *url; /* always there; names are unique */
	struct hf_cli_key key;
	const char *slot;
	uint64_t at_least;
	struct hf_config_entries entries;
};
struct hf_config {
	struct hf_config_entries global; /* of the global options */
	struct hf_config_repository *repositories;
	size_t n_repositories, cap;
	struct hf_arena texts; /* what all of it points into */
};

/* home: what "~/" stands for; NULL: that is an error. Release out after a failure too. */
hf_err hf_config_parse(struct hf_span text, const char *home, struct hf_config *out);
void hf_config_release(struct hf_config *config);

/* What may stand in an entry of `repositories`. */
const struct hf_option *hf_config_repository_options(size_t *n);
/* Fit for -r and for a name in the view: letters, digits, '.', '_', '-', no '-' or '.' first. */
bool hf_config_name_valid(const char *name);

#endif
