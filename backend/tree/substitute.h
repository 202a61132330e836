/*
 * What stands in for lost chunks of a small file. Any writer may have said so: it is believed only
 * when the fingerprint of the whole content agrees. Any thread.
 */
#ifndef HF_TREE_SUBSTITUTE_H
#define HF_TREE_SUBSTITUTE_H

#include "backend/format/entry.h"
#include "backend/repo/reader.h"

/* What an entry says of its content, kept beside it. */
struct hf_proof {
	uint8_t fingerprint[HF_FINGERPRINT_LEN];
	struct hf_extents secret; /* owned */
};
/* NULL: nothing can stand in for the entry's content; it is large, or has no fingerprint. */
struct hf_proof *hf_proof_new(const struct hf_repo *repo, const struct hf_entry *entry);
void hf_proof_free(struct hf_proof *proof);

/*
 * The whole content that these extents describe, with what stands in for those that are lost.
 * HF_CORRUPT: nothing does, or nothing that agrees.
 */
hf_err hf_substitute_read(struct hf_reader *reader, const struct hf_extents *extents,
	const struct hf_proof *proof, struct hf_buf *out);

#endif
