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

hf_err hf_cli_url(struct hf_cli *cli, const char **out)
{
	if (cli->repositories.n == 0)
		return hf_error_new(HF_INVALID,
			"no repository is named; hint: -r DIR, or set HOLDFAST_REPOSITORY");
	if (cli->repositories.n > 1)
		return hf_error_new(HF_INVALID,
			"this command works on one repository, but %zu are named",
			cli->repositories.n);
	*out = cli->repositories.at[0];
	return NULL;
}

static hf_err open_one(struct hf_cli *cli, const char *url, struct hf_repo **out)
{
	__attribute__((cleanup(hf_cli_unlock_release))) struct hf_cli_unlock unlock = {0};
	const struct hf_repo_options options = {.cache_dir = cli->cache_dir,
		.at_least = (uint32_t)HF_MIN(cli->at_least, UINT32_MAX)};
	HF_OWNED(hf_store) store = NULL;

	HF_TRY(hf_store_open(url, false, &store));
	HF_TRY(hf_cli_unlock(cli, false, &unlock));
	HF_TRY(hf_repo_open(store, &unlock.unlock, &options, out));
	(void)HF_STEAL(store);
	return NULL;
}

/* Opens what is named and not open yet. */
static hf_err open_all(struct hf_cli *cli)
{
	if (cli->n_open > 0)
		return NULL;
	cli->repos = hf_calloc(cli->repositories.n, sizeof(*cli->repos));
	cli->readers = hf_calloc(cli->repositories.n, sizeof(*cli->readers));
	cli->names = hf_calloc(cli->repositories.n, sizeof(*cli->names));
	for (size_t i = 0; i < cli->repositories.n; i++) {
		const char *url = cli->repositories.at[i];
		const char *slash = strrchr(url, '/');

		HF_TRY(open_one(cli, url, &cli->repos[i]));
		cli->names[i] = slash && slash[1] ? slash + 1 : url;
		cli->n_open++;
	}
	return NULL;
}

hf_err hf_cli_repo(struct hf_cli *cli, struct hf_repo **out)
{
	const char *url;

	HF_TRY(hf_cli_url(cli, &url));
	HF_TRY(open_all(cli));
	*out = cli->repos[0];
	return NULL;
}

static hf_err open_reader(struct hf_cli *cli, size_t i, size_t cache_bytes)
{
	if (cli->readers[i])
		return NULL;
	HF_TRY(hf_repo_sync(cli->repos[i], NULL));
	return hf_reader_open(cli->repos[i], cache_bytes, hf_cli_workers(cli), &cli->readers[i]);
}

hf_err hf_cli_reader(struct hf_cli *cli, size_t cache_bytes, struct hf_reader **out)
{
	struct hf_repo *repo;

	HF_TRY(hf_cli_repo(cli, &repo));
	HF_TRY(open_reader(cli, 0, cache_bytes));
	*out = cli->readers[0];
	return NULL;
}

hf_err hf_cli_view(struct hf_cli *cli, size_t cache_bytes, const struct hf_view_options *options,
	struct hf_view **out)
{
	const struct hf_view_options none = {0};

	if (cli->repositories.n == 0)
		return hf_error_new(HF_INVALID,
			"no repository is named; hint: -r DIR, or set HOLDFAST_REPOSITORY");
	HF_TRY(open_all(cli));
	for (size_t i = 0; i < cli->n_open; i++)
		HF_TRY(open_reader(cli, i, cache_bytes / cli->n_open));
	if (!cli->view)
		HF_TRY(hf_view_open(cli->readers, cli->names, cli->n_open,
			options ? options : &none, &cli->view));
	*out = cli->view;
	return NULL;
}

hf_err hf_cli_node(struct hf_cli *cli, const char *path, struct hf_node **out)
{
	struct hf_view *view;

	HF_TRY(hf_cli_view(cli, HF_CLI_CACHE, NULL, &view));
	return hf_node_resolve(hf_view_root(view), path, out);
}

void hf_cli_close(struct hf_cli *cli)
{
	hf_view_free(cli->view);
	for (size_t i = 0; i < cli->n_open; i++) {
		hf_reader_free(cli->readers[i]);
		hf_repo_free(cli->repos[i]);
	}
	free(cli->readers);
	free(cli->repos);
	free(cli->names);
	cli->view = NULL;
	cli->n_open = 0;
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
