/* Ids as text. */
#include "backend/base/id.h"

#include "backend/base/text.h"

const char *hf_id_hex(const struct hf_id *id, char out[HF_ID_HEX + 1])
{
	hf_hex(hf_span(id->bytes, HF_ID_LEN), out);
	return out;
}

bool hf_id_parse(const char *hex, size_t len, struct hf_id *out)
{
	return len == HF_ID_HEX && hf_unhex(hex, len, out->bytes);
}
