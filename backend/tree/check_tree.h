/*
 * Does each snapshot have all that it needs? Walks the directories of every snapshot, each
 * directory once however many snapshots share it, and looks for a place of every chunk that an
 * entry names. Reads metadata only; what reading content found is given to it as `lost`.
 */
#ifndef HF_TREE_CHECK_TREE_H
#define HF_TREE_CHECK_TREE_H

#include "backend/base/map.h"
#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"

struct hf_tree_damage {
	const struct hf_snapshot_info *snapshot;
	const char *path; /* below the snapshot's root, "" for it; dies with the call */
	const char *text; /* what is wrong */
};

#define HF_LOST_MISSED 1

struct hf_check_tree {
	struct hf_reader *reader;
	/* Chunks that no pack gives any more; NULL: none known. Those that are missed, because
	 * nothing stands in for them, get the number HF_LOST_MISSED. */
	const struct hf_map *lost;
	uint64_t most; /* paths to be told, others are only counted; 0: 1000 */
	const struct hf_stop *stop;
	struct hf_progress *progress; /* counts `files` */
	void (*damaged)(void *arg, const struct hf_tree_damage *damage);
	void *arg;
};
struct hf_check_tree_result {
	uint64_t snapshots, entries; /* entries of shared directories count once */
	uint64_t hurt_snapshots, hurt_paths;
	uint64_t
		absent_chunks; /* missed, and in no pack: who has their content stores them again */
};
/* NULL even when there is damage; an error only if checking itself failed. */
hf_err hf_check_trees(const struct hf_check_tree *check, struct hf_check_tree_result *result);
/* hf_whole_fn; arg: a check, of which `damaged` is told. Of one snapshot, whether shown or not. */
hf_err hf_check_snapshot(void *arg, const struct hf_snapshot_info *snapshot, bool *whole);

#endif
