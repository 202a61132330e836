#include "backend/repo/proof.h"

#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/commit.h"

/* Some 16 GB of packs: what a check that is killed has read for nothing. Far below a record's
 * limit. */
#define BATCH 1000u

enum { BY_DIGEST = 1, DECODED = 2 };

struct hf_prover {
	struct hf_repo *repo;
	uint8_t depth; /* 0: it is nothing to us */
	int64_t since; /* when the first of the batch was read */
	struct hf_id ids[BATCH];
	size_t n;
};

/* ---- which ---- */

static int by_age(const void *a, const void *b)
{
	const struct hf_proof_pack *one = a, *other = b;

	if (one->bad != other->bad)
		return one->bad ? 1 : -1;
	if (one->proven != other->proven)
		return one->proven < other->proven ? -1 : 1;
	if (one->seen != other->seen)
		return one->seen < other->seen ? -1 : 1;
	return (one->object > other->object) - (one->object < other->object);
}

size_t hf_proof_choose(struct hf_proof_pack *packs, size_t n, uint64_t most)
{
	uint64_t left = most;
	size_t chosen = 0;

	if (n)
		qsort(packs, n, sizeof(*packs), by_age);
	if (most == 0)
		return n;
	for (; chosen < n && (chosen == 0 || packs[chosen].size <= left); chosen++)
		left -= HF_MIN(left, packs[chosen].size);
	return chosen;
}

/* ---- what is left behind ---- */

/* 0: what this key reads proves nothing to others. */
static uint8_t depth_of(const struct hf_repo *repo)
{
	return hf_repo_may(repo, HF_READ)        ? DECODED
		: hf_repo_may(repo, HF_MAINTAIN) ? BY_DIGEST
						 : 0;
}

struct hf_prover *hf_prover_new(struct hf_repo *repo)
{
	struct hf_prover *prover = hf_calloc(1, sizeof(*prover));

	prover->repo = repo;
	prover->depth = depth_of(repo);
	return prover;
}

bool hf_proof_counts(const struct hf_repo *repo)
{
	return depth_of(repo) != 0;
}

void hf_prover_free(struct hf_prover *prover)
{
	free(prover);
}

static hf_err put(struct hf_prover *prover)
{
	HF_RELEASED(hf_buf) printed = {0};
	const struct hf_record record = {
		.kind = HF_RECORD_PROVEN,
		.proven =
			{
				.time = prover->since,
				.depth = prover->depth,
				.packs = {prover->ids, prover->n},
			},
	};

	hf_record_print(&record, &printed);
	return hf_commit_put(prover->repo, hf_buf_span(&printed), 0, NULL);
}

/*
 * Should a checkpoint's cutoff pass the commit by before it arrives, it does not count, and its
 * packs are read again somewhat earlier than need be.
 */
void hf_prover_end(struct hf_prover *prover)
{
	struct hf_error *err = prover->n ? put(prover) : NULL;

	prover->n = 0;
	if (!err)
		return;
	hf_log(HF_WARN, "what was read can't be recorded", "why", hf_error_text(err), NULL);
	hf_error_free(err); /* told; what was found does not depend on it */
	prover->depth = 0;
}

void hf_prover_add(struct hf_prover *prover, const struct hf_id *pack)
{
	if (!prover->depth)
		return;
	if (prover->n == 0) {
		struct hf_error *err = hf_store_now(hf_repo_store(prover->repo), &prover->since);

		if (err) {
			hf_error_free(err); /* a store without a clock takes no commit either */
			return;
		}
	}
	prover->ids[prover->n++] = *pack;
	if (prover->n == BATCH)
		hf_prover_end(prover);
}
