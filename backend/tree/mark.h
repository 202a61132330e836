/*
 * Every chunk that a live snapshot needs: what its directories name, each directory read once
 * however many snapshots share it. Reads metadata only. One thread.
 */
#ifndef HF_TREE_MARK_H
#define HF_TREE_MARK_H

#include "backend/base/id_sort.h"
#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"

struct hf_marker;
struct hf_marker *hf_marker_new(
	struct hf_reader *reader, const struct hf_stop *stop, struct hf_progress *progress);
void hf_marker_free(struct hf_marker *marker);
HF_OWNABLE(hf_marker)

/*
 * hf_mark_fn; arg: a marker. Adds what the snapshots need that came since the last call.
 * HF_CORRUPT: a snapshot can't be read whole, so nobody knows what it needs.
 */
hf_err hf_mark_live(void *arg, int64_t now, struct hf_id_sort *live);
/* hf_prune_options.excused; arg: the marker. */
bool hf_mark_excused(void *arg, const struct hf_id *chunk);
/* What backups that did not finish need is left out from then on: only to be compared with. */
void hf_mark_finished_only(struct hf_marker *marker);
/* How many of the live snapshots are of backups that did not finish. */
size_t hf_mark_unfinished(const struct hf_marker *marker);

#endif
