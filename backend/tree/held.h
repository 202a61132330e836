/* Bytes of a file where they lie decoded in the reader's cache: to be sent on without a copy. */
#ifndef HF_TREE_HELD_H
#define HF_TREE_HELD_H

#include "backend/tree/content.h"

#define HF_MAX_HELD 64
struct hf_held {
	size_t n;
	struct hf_span bytes[HF_MAX_HELD];
	const struct hf_chunk *chunks[HF_MAX_HELD];
};

/*
 * Holds all of [from, from + len) of a regular file's content; nothing (n 0) where it lies in too
 * many pieces or in holes, or is lost: that is to be read. Release what is held. Any thread.
 */
hf_err hf_held_take(struct hf_reader *reader, struct hf_content *content, uint64_t from,
	uint64_t len, struct hf_held *held);
void hf_held_release(struct hf_held *held);

#endif
