/*
 * What differs: between two stored trees (equal directories are passed over by their extents), or
 * between a stored tree and a local one, by metadata and fingerprints, without reading a content
 * pack.
 */
#ifndef HF_TREE_COMPARE_H
#define HF_TREE_COMPARE_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"

enum hf_difference {
	HF_ADDED = 'A',
	HF_REMOVED = 'R',
	HF_CHANGED = 'M',
	HF_TYPE_CHANGED = 'T',
	HF_META_CHANGED = 'U'
};

struct hf_compare {
	struct hf_reader *reader;
	bool metadata; /* report entries whose content is the same but mode, owner, times or xattrs
	                  are not */
	const struct hf_stop *stop;
	struct hf_progress *progress;
	/* path: below the two roots. a or b is NULL where only the other has it. */
	hf_err (*each)(void *arg, enum hf_difference what, const char *path,
		const struct hf_entry *a, const struct hf_entry *b);
	/* Of hf_compare_local: what could not be compared. The rest is; NULL: it ends there.
	 * Caller's thread. */
	void (*failed)(void *arg, const char *path, const struct hf_error *err);
	void *arg;
};
hf_err hf_compare_trees(
	const struct hf_compare *compare, const struct hf_entry *a, const struct hf_entry *b);
/*
 * Entries that carry no fingerprint are read from the repository. Times of directories are not
 * compared.
 */
hf_err hf_compare_local(
	const struct hf_compare *compare, const struct hf_entry *a, const char *path);

#endif
