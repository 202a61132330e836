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

/* The keyed fingerprint of a content, streaming (docs/format.md section 7). */
struct hf_fingerprint;
struct hf_fingerprint *hf_fingerprint_new(const struct hf_key *secret);
void hf_fingerprint_free(struct hf_fingerprint *fingerprint);
HF_OWNABLE(hf_fingerprint)
/* Bytes in order from offset 0; a hole is skipped by count. */
void hf_fingerprint_add(struct hf_fingerprint *fingerprint, struct hf_span bytes);
void hf_fingerprint_skip(struct hf_fingerprint *fingerprint, uint64_t zeros);
void hf_fingerprint_end(struct hf_fingerprint *fingerprint,
	uint8_t out[HF_FINGERPRINT_LEN]); /* and ready for the next */

#endif
