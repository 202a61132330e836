#include "backend/repo/mend.h"

#include "backend/format/container.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"

/* What somebody named by its digest, and is nothing of ours, gets no second copy. */
static bool is_ours(struct hf_span bytes)
{
	struct hf_header header;
	struct hf_error *err = hf_header_parse(bytes, &header);
	const bool ours = !err || hf_error_kind(err) == HF_UNSUPPORTED;

	hf_error_free(err); /* a yes was asked for, not a reason */
	return ours;
}

static bool is_good(const struct hf_id *id, struct hf_span bytes)
{
	struct hf_id digest;

	if (id) {
		hf_sha256(bytes, &digest);
		return hf_id_equal(&digest, id) && is_ours(bytes);
	}
	if (bytes.len < HF_ID_LEN)
		return false;
	hf_sha256(hf_span(bytes.at, bytes.len - HF_ID_LEN), &digest);
	return memcmp(digest.bytes, bytes.at + bytes.len - HF_ID_LEN, HF_ID_LEN) == 0;
}

static hf_err write_bad(struct hf_store *store, const char *name, struct hf_span good,
	const bool bad[HF_MEND_COPIES], bool mended[HF_MEND_COPIES])
{
	for (unsigned copy = 0; copy < HF_MEND_COPIES; copy++) {
		if (!bad[copy])
			continue;
		HF_TRY(hf_store_mend(store, name, copy, good));
		mended[copy] = true;
	}
	return NULL;
}

hf_err hf_mend(struct hf_store *store, const char *name, const struct hf_id *id,
	const bool bad[HF_MEND_COPIES], bool mended[HF_MEND_COPIES])
{
	const unsigned copies = HF_MIN(hf_store_copies(store, name), HF_MEND_COPIES);

	for (unsigned copy = 0; copy < copies; copy++) {
		HF_RELEASED(hf_buf) bytes = {0};
		struct hf_error *err;

		if (bad[copy])
			continue;
		err = hf_store_get_all(store, name, copy, HF_MAX_PACK, &bytes);
		if (!err && is_good(id, hf_buf_span(&bytes)))
			return write_bad(store, name, hf_buf_span(&bytes), bad, mended);
		hf_error_free(err); /* it became bad meanwhile: then there is nothing to write */
	}
	return NULL;
}
