/*
 * Packs that nothing needs go in three steps, without a lock (docs/format.md sections 5 and 6):
 *
 *     announce  a commit says which packs are to go, and from which date on nothing older comes
 *     settle    a checkpoint decides on what was announced long enough ago: swept, or kept
 *     sweep     what the newest checkpoint calls swept is deleted
 *
 * Whoever dies or sleeps in between leaves a repository in which nothing live is lost, and the next
 * run goes on. Nothing rests on the local catalog: hf_prune_run() reads one of its own. One thread.
 */
#ifndef HF_REPO_PRUNE_H
#define HF_REPO_PRUNE_H

#include "backend/base/id_sort.h"
#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/repo.h"

/* What a pack's bytes are for. */
struct hf_pack_use {
	struct hf_pack pack;
	uint64_t live; /* stored bytes of chunks that something needs, and that are as good here */
	uint64_t chunks; /* how many those are */
	bool named;     /* a commit or a checkpoint names it; else n, kind and size are not known */
	bool announced; /* to go */
	bool shared;    /* a chunk that something needs is said to be as good in another pack */
	bool needed;    /* announced, but has a chunk that something needs and no other pack has */
	bool repacked;  /* what lives in it goes to another pack, and it will be announced */
	bool young;     /* unused, but too young to be judged */
	bool hurt;      /* a copy in it is marked as bad */
	bool lost;      /* and something needs that very one */
};

/*
 * Adds the id of every chunk that something live needs. Called again, only what came since. now: by
 * the store, when the look began that the catalog shows: what lives by its age is judged as of
 * then.
 */
typedef struct hf_error *hf_mark_fn(void *arg, int64_t now, struct hf_id_sort *live);

struct hf_prune_options {
	int64_t grace; /* ns that what was announced waits; -1: the repository's own */
	bool dry_run;  /* looks and counts only */
	hf_mark_fn *mark;
	/* NULL ok: whether a chunk that no pack has may be missing. */
	bool (*excused)(void *arg, const struct hf_id *chunk);
	void *arg;
	/* NULL ok: every pack at the end, as it was judged. */
	void (*judged)(void *arg, const struct hf_pack_use *use);
	const struct hf_stop *stop;
	struct hf_progress *progress; /* NULL ok */
};
struct hf_prune_result {
	uint64_t swept, swept_bytes;         /* objects deleted */
	uint64_t announced, announced_bytes; /* packs to go, by this run */
	uint64_t waiting, waiting_bytes;     /* announced before, not yet due */
	uint64_t repacked_bytes;             /* of live chunks written anew */
	uint64_t left;                     /* objects that no commit names, announced among them */
	uint64_t unnamed_bytes;            /* of all that no commit names, the young ones too */
	uint64_t live_bytes, wasted_bytes; /* in packs that stay */
	uint64_t missing; /* chunks that something needs and no pack has, unexcused */
};
/*
 * All three steps, as far as they are due. HF_DENIED without `maintain`, but for a dry run. Fails
 * with HF_SYSTEM, when all else is done, where there was no room to write anything anew.
 * HF_TRANSIENT: others changed what it went by; it is worth another run, which marks all anew.
 */
hf_err hf_prune_run(struct hf_repo *repo, const struct hf_prune_options *options,
	struct hf_prune_result *result);

/* ---- the steps, each on its own ---- */

struct hf_prune;
hf_err hf_prune_begin(
	struct hf_repo *repo, const struct hf_prune_options *options, struct hf_prune **out);
void hf_prune_free(struct hf_prune *prune);
HF_OWNABLE(hf_prune)
/* Reads the state, marks and judges. */
hf_err hf_prune_judge(struct hf_prune *prune);
/* After judge; does nothing if nothing is to go and no cutoff is worth it. */
hf_err hf_prune_announce(struct hf_prune *prune);
/* Judges anew, and makes a checkpoint if an announcement is due. */
hf_err hf_prune_settle(struct hf_prune *prune);
hf_err hf_prune_sweep(struct hf_prune *prune);

#endif
