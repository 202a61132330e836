/*
 * AES-256-GCM as Holdfast uses it: one key for one object, the nonce is the place in it (an
 * object's key seals once). A context is bound to one key and one thread.
 */
#ifndef HF_FORMAT_SEAL_H
#define HF_FORMAT_SEAL_H

#include "backend/format/key.h"

#define HF_TAG_LEN 16
#define HF_NONCE_LAST UINT64_MAX /* the last section: all 96 bits one */

struct hf_sealer;
struct hf_sealer *hf_sealer_new(const struct hf_key *key);
void hf_sealer_free(struct hf_sealer *sealer); /* wipes */
HF_OWNABLE(hf_sealer)

/* The nonce is `place`, 96 bits big-endian. In place is fine; the tag stands at to + plain.len. */
void hf_seal(struct hf_sealer *sealer, uint64_t place, struct hf_span bound, struct hf_span plain,
	uint8_t *to);
/*
 * sealed is ciphertext and tag; writes sealed.len - 16 bytes. HF_CORRUPT: tag mismatch; `to` is
 * then wiped.
 */
hf_err hf_unseal(struct hf_sealer *sealer, uint64_t place, struct hf_span bound,
	struct hf_span sealed, uint8_t *to);

#endif
