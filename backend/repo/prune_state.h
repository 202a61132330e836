/* What prune.c, reread.c, judge.c, repack.c and settle.c share of one run. For these files only. */
#ifndef HF_REPO_PRUNE_STATE_H
#define HF_REPO_PRUNE_STATE_H

#include "backend/base/map.h"
#include "backend/repo/prune.h"
#include "backend/repo/segment.h"

struct hf_prune {
	struct hf_repo *repo;
	struct hf_prune_options options;
	struct hf_prune_result result;
	struct hf_id_sort *live;
	struct hf_error *unmoved; /* why nothing could be written anew */
	int64_t now;              /* the store's, when the last look began */
	int64_t grace;            /* of what was announced; ns */
	struct hf_pack_use *uses;
	size_t n, cap;
	struct hf_map by_id; /* index + 1 in uses */
	size_t *by_number;   /* the same, by the catalog's number */
	size_t numbers;
};

struct hf_pack_use *hf_prune_use(const struct hf_prune *prune, const struct hf_id *id);
struct hf_pack_use *hf_prune_use_of(const struct hf_prune *prune, int64_t number);

/* ---- reread.c ---- */
/*
 * Puts the catalog aside for one that is read anew from the store; bring it back. HF_CORRUPT: the
 * catalog knows of a commit that the store can't give; then it is in its place again.
 */
hf_err hf_prune_reread(struct hf_prune *prune);

/* ---- judge.c ---- */
/* Reads the state until it stands still, and judges every pack. */
hf_err hf_prune_look(struct hf_prune *prune);
/*
 * Each chunk that something needs and some pack has, in order of id, with the copies that must stay
 * while it is needed: each in a pack of hf_prune_use_of(). Counts what no pack has.
 */
typedef hf_err hf_needed_fn(void *arg, const struct hf_location *copies, size_t n);
hf_err hf_prune_each_needed(struct hf_prune *prune, hf_needed_fn *each, void *arg);

/* ---- repack.c ---- */
/*
 * Chooses packs of which little is used, and writes what lives in them anew. Appends the pack
 * records of what was written; nothing is published.
 */
hf_err hf_prune_repack(struct hf_prune *prune, struct hf_buf *records);

#endif
