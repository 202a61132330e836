/*
 * Small files share chunks. They are appended in walk order to the open bundle, which ends behind a
 * file that says so by its content, so that a file that comes or goes moves only the nearby ends:
 * the chance is its share of what is still missing to the normal size. Equal files of one session
 * are stored once. One thread.
 */
#ifndef HF_TREE_BUNDLE_H
#define HF_TREE_BUNDLE_H

#include "backend/base/map.h"
#include "backend/format/cut.h"
#include "backend/tree/puts.h"

struct hf_bundle {
	struct hf_puts *puts;
	uint32_t normal, max;
	uint64_t seed;
	struct hf_buf open;
	uint32_t ticket;    /* of the open one */
	unsigned files;     /* in it */
	struct hf_map seen; /* contents: ticket and offset */
};
/* gear: where the ends hang on, so that only who has the repository's keys can tell them. */
void hf_bundle_init(struct hf_bundle *bundle, struct hf_puts *puts, const struct hf_gear *gear,
	uint32_t normal);
void hf_bundle_release(struct hf_bundle *bundle);
/* Where the bytes will be. fingerprint: theirs, by one secret for all; NULL: not to be found again.
 */
hf_err hf_bundle_add(struct hf_bundle *bundle, struct hf_span bytes,
	const uint8_t fingerprint[HF_FINGERPRINT_LEN], struct hf_piece *out);
/* Puts what is open. */
hf_err hf_bundle_close(struct hf_bundle *bundle);

#endif
