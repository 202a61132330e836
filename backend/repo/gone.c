/*
 * What the store does not show any more although it was there: commits that the catalog has, and
 * keyrings and checkpoints that commits say their writers knew. And what was not there when it says
 * it was. Only told, loudly: reading goes on with what is known, and a thief could say anything.
 */
#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/repo/state.h"

#define LATE (3600 * HF_NS_PER_S)

struct commits {
	int64_t from;
	char (*names)[HF_COMMIT_NAME_LEN + 1]; /* that the catalog has */
	size_t n, cap;
	struct hf_map listed; /* by id */
};
static void commits_release(struct commits *commits)
{
	free(commits->names);
	hf_map_release(&commits->listed);
}

static hf_err note_known(void *arg, const char *name)
{
	struct commits *commits = arg;
	struct hf_id id;
	int64_t time;

	HF_TRY(hf_commit_name_parse(name, &time, &id));
	if (time < commits->from)
		return NULL;
	commits->names =
		hf_grow(commits->names, &commits->cap, commits->n + 1, sizeof(*commits->names));
	snprintf(commits->names[commits->n++], sizeof(*commits->names), "%s", name);
	return NULL;
}

static hf_err note_listed(void *arg, const struct hf_object *object)
{
	struct commits *commits = arg;
	struct hf_id id;
	int64_t time;
	struct hf_error *err = hf_commit_name_parse(object->name, &time, &id);

	if (err)
		hf_error_free(err); /* no commit: not what we look for */
	else
		hf_map_put(&commits->listed, &id, NULL);
	return NULL;
}

/* A sweep takes only what a checkpoint contains that stood before: so that is read last. */
hf_err hf_gone_commits(struct hf_repo *repo)
{
	__attribute__((cleanup(commits_release))) struct commits commits = {.from = repo->cutoff};
	const char *first = NULL;
	size_t gone = 0;
	bool found;

	HF_TRY(hf_error_in(hf_catalog_each_commit(repo->catalog, note_known, &commits),
		"the catalog in %s, a cache that can be deleted",
		repo->cache_dir ? repo->cache_dir : "memory"));
	HF_TRY(hf_commits_since(repo->store, commits.from, note_listed, &commits));
	HF_TRY(hf_checkpoint_load(repo, &found));
	for (size_t i = 0; i < commits.n; i++) {
		struct hf_id id;
		int64_t time;

		HF_TRY(hf_commit_name_parse(commits.names[i], &time, &id));
		if (time < repo->cutoff || hf_map_get(&commits.listed, &id))
			continue;
		if (gone++ == 0)
			first = commits.names[i];
	}
	if (gone > repo->gone) {
		HF_FREED char *count = hf_format("%zu", gone);

		hf_log(HF_ERROR,
			"commits that were here are gone, and no checkpoint says why: somebody "
			"deleted them, or the store was rolled back",
			"commits", count, "first", first, NULL);
	}
	repo->gone = gone;
	return NULL;
}

/*
 * A commit that is dated long before a listing that lacked it: dated back, so as to be the first of
 * a period, or put by a machine that was asleep.
 */
static hf_err judge_date(struct hf_repo *repo, const struct hf_commit *commit)
{
	int64_t listed, late;

	HF_TRY(hf_catalog_fact(repo->catalog, "listed", &listed));
	/* After a clock went back, nothing can be told of dates. */
	if (commit->time > listed - LATE || repo->listing < listed)
		return NULL;
	HF_FREED char *slot = hf_format("%u", commit->slot);
	char date[HF_TIME_TEXT];

	hf_log(HF_WARN, "a commit came long after its date; hint: is its key in wrong hands?",
		"date", hf_time_table(commit->time, date), "slot", slot, NULL);
	HF_TRY(hf_catalog_fact(repo->catalog, "late", &late));
	return hf_catalog_set(repo->catalog, "late", late + 1);
}

hf_err hf_gone_weigh(struct hf_repo *repo, const struct hf_commit *commit)
{
	HF_TRY(judge_date(repo, commit));
	HF_TRY(hf_catalog_raise(repo->catalog, "claimed keyring", commit->keyring));
	return hf_catalog_raise(repo->catalog, "claimed checkpoint", commit->checkpoint);
}

static hf_err read_claim(struct hf_repo *repo, const char *fact, uint32_t *n)
{
	int64_t value;

	HF_TRY(hf_catalog_fact(repo->catalog, fact, &value));
	*n = (uint32_t)value;
	return NULL;
}

static void tell(const char *what, uint32_t claimed, uint32_t shown)
{
	HF_FREED char *missing = hf_format("%s %u", what, claimed);
	HF_FREED char *newest = hf_format("%u", shown);

	hf_log(HF_ERROR,
		"a commit's writer knew what the store does not show: the store was rolled back, "
		"or that writer's key is in wrong hands",
		"missing", missing, "newest", newest, NULL);
}

hf_err hf_gone_heads(struct hf_repo *repo)
{
	const uint32_t keyring = repo->claimed_keyring, checkpoint = repo->claimed_checkpoint;
	int64_t listed;

	HF_TRY(read_claim(repo, "claimed keyring", &repo->claimed_keyring));
	HF_TRY(read_claim(repo, "claimed checkpoint", &repo->claimed_checkpoint));
	/* It may have come after we looked, and before the commit. */
	if (repo->claimed_keyring > hf_repo_keyring(repo)->n)
		HF_TRY(hf_keys_refresh(repo));
	if (repo->claimed_keyring > HF_MAX(hf_repo_keyring(repo)->n, keyring))
		tell("keyring", repo->claimed_keyring, hf_repo_keyring(repo)->n);
	if (repo->claimed_checkpoint > HF_MAX(repo->checkpoint, checkpoint))
		tell("checkpoint", repo->claimed_checkpoint, repo->checkpoint);
	/* What comes from here on was not there then. Not noted each time: to who asks whether
	 * anything changed, a change is a change. */
	HF_TRY(hf_catalog_fact(repo->catalog, "listed", &listed));
	return repo->listing - listed > LATE / 2 || repo->listing < listed
		? hf_catalog_set(repo->catalog, "listed", repo->listing)
		: NULL;
}
