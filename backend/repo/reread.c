/*
 * A catalog is a file that lies on somebody's disk for years: with one bit of it flipped, a pack
 * looks as if nothing needed it. So who deletes, and who says for all what there is, goes by what
 * the store says now. What only the old catalog knows must not go for that reason, though.
 */
#include <stdlib.h>
#include <string.h>

#include "backend/repo/prune_state.h"
#include "backend/repo/state.h"

/* Commits that the old catalog has and the new one lacks. */
struct lost {
	struct hf_repo *repo;
	int64_t ahead; /* what is dated then or later does not count; 0: there is none */
	size_t n;
	char first[HF_COMMIT_NAME_LEN + 1];
};

static hf_err look_for(void *arg, const char *name)
{
	struct lost *lost = arg;
	struct hf_id id;
	int64_t time;
	bool has;
	struct hf_error *err = hf_commit_name_parse(name, &time, &id);

	/* A checkpoint contains what is older. */
	if (!err && (time < lost->repo->cutoff || (lost->ahead && time >= lost->ahead)))
		return NULL;
	hf_error_free(err); /* a name that rotted is none that the store has */
	HF_TRY(hf_catalog_has_commit(lost->repo->catalog, name, &has));
	if (!has && lost->n++ == 0)
		snprintf(lost->first, sizeof(lost->first), "%s", name);
	return NULL;
}

static hf_err read_anew(struct hf_repo *repo)
{
	struct hf_catalog *old = hf_catalog_aside(repo->catalog);
	struct lost lost = {.repo = repo};

	HF_TRY(hf_repo_sync(repo, NULL));
	HF_TRY(hf_catalog_fact(old, "ahead", &lost.ahead));
	HF_TRY(hf_catalog_each_commit(old, look_for, &lost));
	if (lost.n == 0)
		return NULL;
	return hf_error_new(HF_CORRUPT,
		"%zu commits that this machine's cache knows can't be read any more, %s the first, "
		"so nothing can be given up; hint: `holdfast check --repair`",
		lost.n, lost.first);
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
