/*
 * The keyed fingerprint of a whole content, streaming: HMAC(F; for each 1 MiB of the file that is
 * not all zero its number as u64 and its bytes; then the size as u64), cut to 16 bytes
 * (docs/format.md section 7). The size stands last, so that it need not be known first; a hole
 * costs nothing. One thread.
 */
#ifndef HF_TREE_FINGERPRINT_H
#define HF_TREE_FINGERPRINT_H

#include "backend/format/entry.h"
#include "backend/format/key.h"
#include "backend/repo/reader.h"

struct hf_fingerprint;
struct hf_fingerprint *hf_fingerprint_new(const struct hf_key *secret);
void hf_fingerprint_free(struct hf_fingerprint *fingerprint);
HF_OWNABLE(hf_fingerprint)
/* Bytes in order from offset 0; a hole is skipped by count. */
void hf_fingerprint_add(struct hf_fingerprint *fingerprint, struct hf_span bytes);
void hf_fingerprint_skip(struct hf_fingerprint *fingerprint, uint64_t zeros);
/* And ready for the next content. */
void hf_fingerprint_end(struct hf_fingerprint *fingerprint, uint8_t out[HF_FINGERPRINT_LEN]);

/* The secret of a fingerprint, from where an entry says that it lies. HF_DENIED: only readers. */
hf_err hf_fingerprint_secret_read(
	struct hf_reader *reader, const struct hf_extents *extents, struct hf_key *secret);

#endif
