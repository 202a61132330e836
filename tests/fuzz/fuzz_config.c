/* The configuration file, with a home and without one. */
#include "tests/fuzz/fuzz.h"
#include "tools/cli/config.h"

static void check_repository(const struct hf_config *config, size_t i)
{
	const struct hf_config_repository *repository = &config->repositories[i];
	const struct hf_cli_key *key = &repository->key;

	FUZZ_ASSERT(repository->url && (*repository->url == '/' || strstr(repository->url, "://")));
	FUZZ_ASSERT(hf_config_name_valid(repository->name));
	FUZZ_ASSERT(
		(key->file != NULL) + (key->command != NULL) + (key->passphrase_file != NULL) <= 1);
	FUZZ_ASSERT(!key->passphrase && (!key->file || *key->file == '/'));
	for (size_t k = 0; k < i; k++)
		FUZZ_ASSERT(strcmp(config->repositories[k].name, repository->name) != 0);
	for (size_t k = 0; k < repository->entries.n; k++)
		FUZZ_ASSERT(*repository->entries.at[k].value && repository->entries.at[k].line > 0);
}

static int parse(struct hf_span text, const char *home)
{
	struct hf_config config;
	const int good = fuzz_good(hf_config_parse(text, home, &config));

	for (size_t i = 0; good && i < config.n_repositories; i++)
		check_repository(&config, i);
	for (size_t i = 0; good && i < config.global.n; i++)
		FUZZ_ASSERT(config.global.at[i].option->in_file && *config.global.at[i].value);
	hf_config_release(&config);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct hf_span text = hf_span(bytes, len);

	/* Who has a home can say no less. */
	if (parse(text, NULL))
		FUZZ_ASSERT(parse(text, "/home/me"));
	else
		parse(text, "/home/me");
	return 0;
}
