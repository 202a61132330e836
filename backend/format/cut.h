/*
 * Where chunks end. A pure function: no state crosses a cut. FastCDC (Xia et al., USENIX ATC 2016:
 * gear hash, normalized with two masks in the high bits, min bytes skipped) over a keyed gear; or
 * fixed cuts when gear is NULL. The gear's key hides little: docs/security.md.
 */
#ifndef HF_FORMAT_CUT_H
#define HF_FORMAT_CUT_H

#include "backend/base/buf.h"

#define HF_GEAR_LEN 2048

struct hf_gear {
	uint64_t table[256];
};
void hf_gear_init(struct hf_gear *gear, const uint8_t bytes[HF_GEAR_LEN]); /* u64 little-endian */

struct hf_cutter {
	const struct hf_gear *gear; /* NULL: every chunk is `normal` bytes */
	uint32_t min, normal, max;  /* normal is a power of two; min < normal < max */
};

/* The length of the first chunk of bytes; 0: more bytes are needed to tell (never when last). */
size_t hf_cutter_next(const struct hf_cutter *cutter, struct hf_span bytes, bool last);

#endif
