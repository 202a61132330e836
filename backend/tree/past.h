/*
 * What earlier snapshots of the source know: the newest unfinished run's, then the newest finished
 * one. Looked at in step with the walk, directory by directory. What can't be read any more counts
 * as not there (and is told in the log): its files are read anew. One thread.
 */
#ifndef HF_TREE_PAST_H
#define HF_TREE_PAST_H

#include "backend/base/map.h"
#include "backend/repo/history.h"
#include "backend/tree/dir.h"

#define HF_PAST_SNAPSHOTS 2

struct hf_past {
	struct hf_reader *reader;
	struct hf_arena arena;
	size_t n;
	struct hf_entry roots[HF_PAST_SNAPSHOTS];
	bool unfinished[HF_PAST_SNAPSHOTS];
	bool finished;                  /* there is one, and it is the last */
	struct hf_snapshot_info parent; /* that one */
	struct hf_map reopen;           /* shared chunks to be left: files in them are opened */
	struct hf_map used;             /* bytes of shared chunks that this snapshot takes over */
	struct hf_id last;              /* the last of them */
	uint64_t *last_used;
	uint32_t bundle_below; /* files below this lie in shared chunks */
};
/* Neither source nor snapshot need be there. */
hf_err hf_past_open(struct hf_past *past, struct hf_repo *repo, const char *source);
void hf_past_release(struct hf_past *past);

/* Does the error say that what is stored can't be read any more? */
bool hf_past_lost(const struct hf_error *err);

/* One directory as it was, in one snapshot. */
struct hf_past_place {
	struct hf_dir *dir;
	struct hf_dir_cursor cursor;
	const struct hf_entry *own;       /* its entry; lives as long as the place above stays */
	const struct hf_dir_block *block; /* of own; NULL: a root */
	uint64_t number;                  /* of own in its directory */
	const struct hf_entry *next;      /* the name that was reached */
	uint64_t passed;                  /* how many before it */
	bool ended;
	bool unfinished; /* of a snapshot that nobody looked at: what it names may be gone */
};
struct hf_past_dir {
	struct hf_past_place places[HF_PAST_SNAPSHOTS]; /* the first is what a draft begins with */
	size_t n;
};
/* The directory `name` of above (NULL: the root), which the walk has just reached. */
hf_err hf_past_enter(struct hf_past *past, struct hf_past_dir *above, struct hf_span name,
	struct hf_past_dir *out);
void hf_past_leave(struct hf_past_dir *dir);

/* An entry as it was. */
struct hf_found {
	const struct hf_entry
		*entry; /* NULL: none; else it lives until the next find in its directory */
	const struct hf_dir_block *block;
	uint64_t number; /* in the first place's directory; UINT64_MAX: of another */
	bool unfinished;
};
/* now: what stands there. An earlier entry that is like it, or else any of that name. */
hf_err hf_past_find(struct hf_past *past, struct hf_past_dir *dir, const struct hf_entry *now,
	struct hf_found *out);
/* Can stat tell no difference, and is all there? */
bool hf_past_same(const struct hf_entry *now, const struct hf_entry *then);
/* Is its content to be written again? */
bool hf_past_leaves(const struct hf_past *past, const struct hf_entry *then);
/* The entry is taken over. */
void hf_past_use(struct hf_past *past, const struct hf_entry *then);
/* Shared chunks of which less than half is used: ids, one after the other, sorted. */
hf_err hf_past_half_used(struct hf_past *past, struct hf_repo *repo, struct hf_buf *out);

#endif
