#include "backend/format/bound.h"

#include "backend/format/limits.h"
#include "backend/format/wire.h"

bool hf_kind_for_readers(uint8_t kind)
{
	return kind == HF_CONTENT_PACK || kind == HF_COMMIT;
}

bool hf_kind_signed(uint8_t kind, size_t behind)
{
	switch (kind) {
	case HF_COMMIT:
	case HF_CHECKPOINT:
		return true;
	case HF_CONTENT_PACK:
	case HF_META_PACK:
		return behind > 0;
	default:
		return false;
	}
}

uint64_t hf_kind_max_size(uint8_t kind)
{
	switch (kind) {
	case HF_COMMIT:
		return HF_MAX_COMMIT;
	case HF_CHECKPOINT:
		return HF_MAX_CHECKPOINT;
	default:
		return HF_MAX_PACK;
	}
}

static void put(struct hf_bound *bound, const void *bytes, size_t len)
{
	memcpy(bound->bytes + bound->len, bytes, len);
	bound->len += len;
}

void hf_bound_last(const uint8_t *repository, const uint8_t *header, struct hf_bound *out)
{
	out->len = 0;
	put(out, repository, HF_REPO_ID_LEN);
	put(out, header, HF_HEADER_LEN);
}

void hf_bound_chunk(const struct hf_chunk_place *place, struct hf_bound *out)
{
	uint32_t plain = place->row->plain;
	const uint8_t len[] = {(uint8_t)plain, (uint8_t)(plain >> 8), (uint8_t)(plain >> 16),
		(uint8_t)(plain >> 24)};

	hf_bound_last(place->repository, place->header, out);
	put(out, place->row->id.bytes, HF_ID_LEN);
	put(out, len, sizeof(len));
}

void hf_key_of_content(const struct hf_epoch_keys *keys, const struct hf_key *agreed,
	const uint8_t *header, struct hf_key *out)
{
	uint8_t context[HF_HEADER_LEN + sizeof(keys->content_public)];
	const struct hf_derive derive = {
		.repository = keys->repository,
		.label = "content",
		.ikm = hf_span(agreed->bytes, HF_KEY_LEN),
		.context = hf_span(context, sizeof(context)),
	};

	memcpy(context, header, HF_HEADER_LEN);
	memcpy(context + HF_HEADER_LEN, keys->content_public, sizeof(keys->content_public));
	hf_derive(&derive, out->bytes, HF_KEY_LEN);
}

void hf_key_of_metadata(const struct hf_epoch_keys *keys, const char *label, const uint8_t *header,
	struct hf_key *out)
{
	const struct hf_derive derive = {
		.repository = keys->repository,
		.label = label,
		.ikm = hf_span(keys->metadata.bytes, HF_KEY_LEN),
		.context = hf_span(header, HF_HEADER_LEN),
	};

	hf_derive(&derive, out->bytes, HF_KEY_LEN);
}

void hf_signed_print(const struct hf_signed *what, struct hf_buf *out)
{
	hf_buf_add(out, what->signing->domain, strlen(what->signing->domain) + 1);
	hf_buf_add(out, what->keys->repository, HF_REPO_ID_LEN);
	hf_put_u32(out, what->keys->epoch);
	hf_put_u32(out, what->signing->slot);
	hf_put_id(out, &what->chunks);
	hf_put_id(out, &what->last);
	if (what->kind == HF_CHECKPOINT)
		hf_put_u32(out, what->signing->n);
}
