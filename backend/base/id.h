/* 32 bytes that name something: a digest of stored bytes, or a keyed one of plain bytes. */
#ifndef HF_BASE_ID_H
#define HF_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HF_ID_LEN 32
#define HF_ID_HEX (2 * HF_ID_LEN)

struct hf_id {
	uint8_t bytes[HF_ID_LEN];
};

static inline bool hf_id_equal(const struct hf_id *a, const struct hf_id *b)
{
	return memcmp(a->bytes, b->bytes, HF_ID_LEN) == 0;
}
static inline bool hf_id_is_zero(const struct hf_id *id)
{
	static const struct hf_id zero;

	return hf_id_equal(id, &zero);
}
const char *hf_id_hex(const struct hf_id *id, char out[HF_ID_HEX + 1]); /* gives out */
bool hf_id_parse(const char *hex, size_t len, struct hf_id *out);       /* lower case, 64 digits */

#endif
