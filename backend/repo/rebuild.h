/*
 * Commits of which no copy is left are made again, as far as it can be: packs repeat the snapshots
 * that they complete, signed by the slot that made them and within its rights, and the catalog
 * remembers what it once verified. What only packs tell of is said as unfinished first, and as
 * finished if all that it needs is there. One that was forgotten may come back; what tombstones
 * name stays hidden. Then the catalog is read anew from the store.
 */
#ifndef HF_REPO_REBUILD_H
#define HF_REPO_REBUILD_H

#include "backend/base/pool.h"
#include "backend/repo/history.h"
#include "backend/repo/repo.h"

/* Is all there that the snapshot needs? */
typedef struct hf_error *hf_whole_fn(
	void *arg, const struct hf_snapshot_info *snapshot, bool *whole);

struct hf_rebuild_options {
	hf_whole_fn *whole;
	void *arg;
	const struct hf_stop *stop; /* NULL ok */
};

struct hf_rebuilt {
	uint64_t commits_lost; /* known ones without a good copy */
	uint64_t packs;        /* that no good commit named: they are named again */
	uint64_t records;      /* snapshots and others that are said again */
	/* Packs that are not whole or not true, records that their slot or this key may not write.
	 */
	uint64_t left;
	uint64_t unread; /* packs among them that the disk did not give: another try may say more */
};

/* How many snapshots lack only the commit that says they are finished: it is lost, or to come. */
hf_err hf_rebuild_count_unended(
	struct hf_repo *repo, const struct hf_rebuild_options *options, uint64_t *n);
/*
 * Not while a backup runs: its packs look as if their commit were lost. HF_DENIED: commits are
 * lost, and without `write` they can't be made again; then the catalog stays as it is, as it does
 * while it knows something that this key may not say.
 */
hf_err hf_rebuild(
	struct hf_repo *repo, const struct hf_rebuild_options *options, struct hf_rebuilt *out);

#endif
