#include "tools/cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/store/store.h"

unsigned hf_cli_workers(const struct hf_cli *cli)
{
	return cli->jobs ? (unsigned)HF_MIN(cli->jobs, 256) : hf_cpus();
}

struct hf_painter *hf_cli_painter(
	const struct hf_cli *cli, const char *verb, struct hf_progress *progress)
{
	return cli->quiet ? NULL : hf_painter_start(verb, progress, cli->json);
}

static hf_err none_is_named(void)
{
	return hf_error_new(HF_INVALID,
		"no repository is named; hint: -r DIR, HOLDFAST_REPOSITORY, or a configuration "
		"file: `holdfast config show`");
}

hf_err hf_cli_one(struct hf_cli *cli, struct hf_cli_repository **out)
{
	HF_RELEASED(hf_buf) names = {0};

	if (cli->n_chosen == 0)
		return none_is_named();
	*out = &cli->chosen[0];
	if (cli->n_chosen == 1)
		return NULL;
	for (size_t i = 0; i < cli->n_chosen; i++)
		hf_buf_printf(&names, "%s%s", i ? ", " : "", cli->chosen[i].name);
	return hf_error_new(HF_INVALID,
		"this command works on one repository, and there are %zu: %s; hint: -r %s",
		cli->n_chosen, hf_buf_text(&names),
		cli->chosen[0].file ? cli->chosen[0].name : cli->chosen[0].url);
}

static hf_err open_one(struct hf_cli *cli, struct hf_cli_repository *repository)
{
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	const uint64_t at_least =
		cli->at_least || !repository->file ? cli->at_least : repository->file->at_least;
	const struct hf_repo_options options = {
		.cache_dir = cli->cache_dir, .at_least = (uint32_t)HF_MIN(at_least, UINT32_MAX)};
	HF_OWNED(hf_store) store = NULL;

	HF_TRY(hf_store_open(repository->url, false, &store));
	HF_TRY(hf_cli_unlock(cli, repository, false, &unlock));
	HF_TRY(hf_repo_open(store, &unlock.unlock, &options, &repository->repo));
	(void)HF_STEAL(store);
	return NULL;
}

/* A variable that was set for another repository is a puzzle to who looks into the file. */
static hf_err explain(
	const struct hf_cli *cli, const struct hf_cli_repository *repository, struct hf_error *err)
{
	if (err && hf_error_kind(err) == HF_NO_KEY && repository->file &&
		hf_cli_key_given(&cli->key) && hf_cli_key_given(&repository->file->key))
		err = hf_error_in(err, "the key that an option or variable gives, not the file's");
	return cli->n_chosen > 1 ? hf_error_in(err, "repository %s", repository->name) : err;
}

hf_err hf_cli_open(struct hf_cli *cli, struct hf_cli_repository *repository)
{
	return repository->repo ? NULL : explain(cli, repository, open_one(cli, repository));
}

hf_err hf_cli_repo(struct hf_cli *cli, struct hf_repo **out)
{
	struct hf_cli_repository *one;

	HF_TRY(hf_cli_one(cli, &one));
	HF_TRY(hf_cli_open(cli, one));
	*out = one->repo;
	return NULL;
}

static hf_err open_reader(
	struct hf_cli *cli, struct hf_cli_repository *repository, size_t cache_bytes)
{
	HF_TRY(hf_cli_open(cli, repository));
	if (repository->reader)
		return NULL;
	HF_TRY(explain(cli, repository, hf_repo_sync(repository->repo, NULL)));
	return hf_reader_open(
		repository->repo, cache_bytes, hf_cli_workers(cli), &repository->reader);
}

hf_err hf_cli_reader(struct hf_cli *cli, size_t cache_bytes, struct hf_reader **out)
{
	struct hf_cli_repository *one;

	HF_TRY(hf_cli_one(cli, &one));
	HF_TRY(open_reader(cli, one, cache_bytes));
	*out = one->reader;
	return NULL;
}

hf_err hf_cli_show(struct hf_cli *cli, struct hf_cli_repository *repository, size_t cache_bytes)
{
	HF_TRY(open_reader(cli, repository, cache_bytes));
	hf_view_add(cli->view, repository->reader, repository->name);
	return NULL;
}

hf_err hf_cli_view_new(struct hf_cli *cli, const struct hf_view_options *options)
{
	if (cli->n_chosen == 0)
		return none_is_named();
	cli->view = hf_view_new(cli->n_chosen, options);
	return NULL;
}

hf_err hf_cli_view(struct hf_cli *cli, struct hf_view **out)
{
	const struct hf_view_options none = {0};

	if (!cli->view) {
		HF_TRY(hf_cli_view_new(cli, &none));
		for (size_t i = 0; i < cli->n_chosen; i++)
			HF_TRY(hf_cli_show(cli, &cli->chosen[i], HF_CLI_CACHE / cli->n_chosen));
	}
	*out = cli->view;
	return NULL;
}

hf_err hf_cli_node(struct hf_cli *cli, const char *path, struct hf_node **out)
{
	struct hf_view *view;

	HF_TRY(hf_cli_view(cli, &view));
	return hf_node_resolve(hf_view_root(view), path, out);
}

hf_err hf_cli_followed(struct hf_cli *cli, const char *path, struct hf_node **out)
{
	HF_FREED char *behind = hf_format("%s/.", path);

	return hf_cli_node(cli, behind, out);
}

void hf_cli_close(struct hf_cli *cli)
{
	hf_view_free(cli->view);
	for (size_t i = 0; i < cli->n_chosen; i++) {
		hf_reader_free(cli->chosen[i].reader);
		hf_repo_free(cli->chosen[i].repo);
		free(cli->chosen[i].name);
	}
	free(cli->chosen);
	free(cli->from);
	free(cli->repositories.at);
	hf_config_release(&cli->config);
	hf_arena_release(&cli->texts);
	*cli = (struct hf_cli){0};
}

char *hf_cli_source(const char *name)
{
	return strchr(name, '/') ? hf_strdup(name) : hf_format("files/%s", name);
}

/* '/' becomes '-'; what a source's name can't hold becomes '_'. */
char *hf_cli_default_source(const char *path)
{
	HF_RELEASED(hf_buf) name = {0};
	char host[256] = "localhost";

	gethostname(host, sizeof(host) - 1);
	hf_buf_printf(&name, "files/%s-", host);
	while (*path == '/')
		path++;
	if (!*path)
		hf_buf_printf(&name, "root");
	for (; *path && name.len < HF_MAX_SOURCE - 1; path++) {
		const unsigned char c = (unsigned char)*path;
		const bool last_slash = c == '/' && !path[1];

		if (!last_slash)
			hf_buf_printf(&name, "%c", c == '/' ? '-' : c < 0x21 || c > 0x7e ? '_' : c);
	}
	return hf_strdup(hf_buf_text(&name));
}
