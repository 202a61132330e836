/*
 * A catalog is a file that lies on somebody's disk for years: with one bit of it flipped, a pack
 * looks as if nothing needed it. So who deletes, and who says for all what there is, goes by what
 * the store says now. What only the old catalog knows must not go for that reason, though.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/repo/prune_state.h"
#include "backend/repo/state.h"

/* Commits that the old catalog had before: what others add to it meanwhile is not lost. */
struct known {
	char (*names)[HF_COMMIT_NAME_LEN + 1];
	size_t n, cap;
};
static void known_release(struct known *known)
{
	free(known->names);
}

static hf_err note_known(void *arg, const char *name)
{
	struct known *known = arg;

	known->names = hf_grow(known->names, &known->cap, known->n + 1, sizeof(*known->names));
	snprintf(known->names[known->n++], sizeof(*known->names), "%s", name);
	return NULL;
}

/* A checkpoint contains what is older than its cutoff, and what is dated ahead does not count. */
static hf_err is_lost(struct hf_repo *repo, const char *name, int64_t ahead, bool *lost)
{
	struct hf_id id;
	int64_t time;
	bool has;

	*lost = false;
	HF_TRY(hf_commit_name_parse(name, &time, &id));
	if (time < repo->cutoff || (ahead && time >= ahead))
		return NULL;
	HF_TRY(hf_catalog_has_commit(repo->catalog, name, &has));
	*lost = !has;
	return NULL;
}

static hf_err look_for(struct hf_repo *repo, const struct known *known, int64_t ahead)
{
	const char *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < known->n; i++) {
		bool lost;

		HF_TRY(is_lost(repo, known->names[i], ahead, &lost));
		if (lost && n++ == 0)
			first = known->names[i];
	}
	if (n == 0)
		return NULL;
	return hf_error_new(HF_CORRUPT,
		"%zu commits that this machine's cache knows can't be read any more, %s the first, "
		"so nothing can be given up; hint: `holdfast check --repair`",
		n, first);
}

static hf_err read_anew(struct hf_repo *repo)
{
	__attribute__((cleanup(known_release))) struct known known = {0};
	struct hf_catalog *old = hf_catalog_aside(repo->catalog);
	int64_t ahead;

	HF_TRY(hf_catalog_each_commit(old, note_known, &known));
	HF_TRY(hf_catalog_fact(old, "ahead", &ahead));
	HF_TRY(hf_repo_sync(repo, NULL));
	return look_for(repo, &known, ahead);
}

hf_err hf_prune_reread(struct hf_prune *prune)
{
	struct hf_repo *repo = prune->repo;

	HF_TRY(hf_catalog_put_aside(repo->catalog, repo->cache_dir));
	struct hf_error *err = read_anew(repo);

	if (err)
		hf_catalog_bring_back(repo->catalog);
	return err;
}
