/*
 * Commits of which no copy is left are made again, as far as it can be: packs repeat the snapshots
 * that they complete, and the catalog remembers what it once verified. Our own slot signs it, so
 * nothing but that vouches for a snapshot that only a pack told of, and one that was forgotten may
 * come back; what tombstones name stays hidden. Then the catalog is read anew from the store.
 */
#ifndef HF_REPO_REBUILD_H
#define HF_REPO_REBUILD_H

#include "backend/base/pool.h"
#include "backend/repo/repo.h"

struct hf_rebuilt {
	uint64_t commits_lost; /* known ones without a good copy */
	uint64_t packs;        /* that no good commit named: they are named again */
	uint64_t records;      /* snapshots and others that are said again */
	uint64_t left;         /* packs that are not whole, records that this key may not write */
};

/* How many snapshots lack only the commit that says they are finished: it is lost, or to come. */
hf_err hf_rebuild_count_unended(struct hf_repo *repo, uint64_t *n);
/*
 * Not while a backup runs: its packs look as if their commit were lost. HF_DENIED: commits are
 * lost, and without `write` they can't be made again; then the catalog stays as it is, as it does
 * while it knows something that this key may not say.
 */
hf_err hf_rebuild(struct hf_repo *repo, const struct hf_stop *stop, struct hf_rebuilt *out);

#endif
