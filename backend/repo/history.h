/*
 * A source's past: its snapshots in order, the newest at or before a time. Read from the catalog as
 * last synced. Everything returned lives in the caller's arena. Any thread.
 */
#ifndef HF_REPO_HISTORY_H
#define HF_REPO_HISTORY_H

#include "backend/repo/repo.h"

struct hf_snapshot_info {
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	struct hf_snapshot snapshot; /* parsed */
	bool finished;
	uint32_t slot;
	int64_t seen;
};
struct hf_snapshots {
	struct hf_snapshot_info *at; /* ascending by moment, then seen, then id */
	size_t n;
};

/* source NULL: of all. Finished ones only, tombstoned ones not. */
hf_err hf_history_snapshots(
	struct hf_repo *repo, const char *source, struct hf_arena *arena, struct hf_snapshots *out);
/* Only moments and ids (snapshot.root etc. are empty): cheap with 10,000 snapshots. */
hf_err hf_history_moments(
	struct hf_repo *repo, const char *source, struct hf_arena *arena, struct hf_snapshots *out);
/* HF_NOT_FOUND: none at or before. INT64_MAX: the newest. */
hf_err hf_history_at(struct hf_repo *repo, const char *source, int64_t time, struct hf_arena *arena,
	struct hf_snapshot_info *out);
/* By id or a prefix of its hex (at least 4 digits). HF_NOT_FOUND, HF_INVALID: ambiguous. */
hf_err hf_history_by_id(struct hf_repo *repo, const char *hex, struct hf_arena *arena,
	struct hf_snapshot_info *out);
/*
 * The newest unfinished one of a source that no finished one of its run has ended; found false:
 * none.
 */
hf_err hf_history_unfinished(struct hf_repo *repo, const char *source, struct hf_arena *arena,
	struct hf_snapshot_info *out, bool *found);

/* What keeps alive what it uses: finished ones, and unfinished ones seen since. */
hf_err hf_history_live(struct hf_repo *repo, int64_t unfinished_since, struct hf_arena *arena,
	struct hf_snapshots *out);

struct hf_names {
	struct hf_span *at; /* sorted; each with a NUL behind */
	size_t n;
};
hf_err hf_history_sources(struct hf_repo *repo, struct hf_arena *arena, struct hf_names *out);
/* Label keys; or, with a key, its values. */
hf_err hf_history_labels(
	struct hf_repo *repo, const char *key, struct hf_arena *arena, struct hf_names *out);
hf_err hf_history_labelled(struct hf_repo *repo, const char *key, const char *value,
	struct hf_arena *arena, struct hf_snapshots *out);
/* A number that changes whenever the answers above may: what views watch. */
uint64_t hf_history_version(struct hf_repo *repo);

#endif
