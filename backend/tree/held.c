#include "backend/tree/held.h"

struct holding {
	struct hf_reader *reader;
	struct hf_held *held;
};

static hf_err hold_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct holding *holding = arg;
	struct hf_held *held = holding->held;
	const struct hf_chunk *chunk;

	(void)from;
	if (held->n == HF_MAX_HELD || hf_extent_is_hole(extent))
		return hf_error_new(HF_INVALID, "not to be held");
	HF_TRY(hf_reader_get(holding->reader, HF_CONTENT_PACK, &extent->chunk, &chunk));
	held->chunks[held->n] = chunk;
	held->bytes[held->n++] = hf_span(chunk->at + extent->offset, (size_t)extent->length);
	if (extent->offset > chunk->len || extent->length > chunk->len - extent->offset)
		return hf_error_new(HF_CORRUPT, "an extent beyond its chunk's end");
	return NULL;
}

hf_err hf_held_take(struct hf_reader *reader, struct hf_content *content, uint64_t from,
	uint64_t len, struct hf_held *held)
{
	struct holding holding = {.reader = reader, .held = held};

	held->n = 0;
	struct hf_error *err = hf_content_each(content, from, len, hold_extent, &holding);

	if (!err)
		return NULL;
	hf_held_release(held);
	if (hf_error_kind(err) != HF_INVALID && hf_error_kind(err) != HF_CORRUPT)
		return err;
	hf_error_free(err); /* who reads it instead meets it again, or what stands in */
	return NULL;
}

void hf_held_release(struct hf_held *held)
{
	for (size_t i = 0; i < held->n; i++)
		hf_chunk_unref(held->chunks[i]);
	held->n = 0;
}
