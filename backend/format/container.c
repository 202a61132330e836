#include "backend/format/container.h"

#include <stdlib.h>

#include "backend/format/bound.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"
#include "backend/format/zip.h"

static const char magic[8] = {'H', 'O', 'L', 'D', 'F', 'A', 'S', 'T'};

/* ---- header ---- */

static void put_le(uint8_t *at, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

void hf_header_print(const struct hf_header *header, uint8_t out[HF_HEADER_LEN])
{
	memset(out, 0, HF_HEADER_LEN);
	memcpy(out, magic, sizeof(magic));
	out[8] = HF_FORMAT_VERSION;
	out[9] = header->kind;
	put_le(out + 12, header->epoch, sizeof(header->epoch));
	put_le(out + 16, header->features, sizeof(header->features));
	memcpy(out + 32, header->public_value, sizeof(header->public_value));
}

static hf_err judge_version(uint8_t version)
{
	if (version == 0)
		return hf_error_new(HF_CORRUPT, "header: version 0");
	if (version > HF_FORMAT_VERSION)
		return hf_error_new(HF_UNSUPPORTED,
			"header: format version %u is newer than this program; hint: update "
			"holdfast",
			version);
	return NULL;
}

hf_err hf_header_parse(struct hf_span bytes, struct hf_header *out)
{
	struct hf_wire wire = hf_wire(bytes);
	struct hf_header header = {0};
	uint64_t reserved;

	if (bytes.len < HF_HEADER_LEN || memcmp(bytes.at, magic, sizeof(magic)) != 0)
		return hf_error_new(HF_CORRUPT, "header: no Holdfast object");
	hf_wire_bytes(&wire, sizeof(magic));
	HF_TRY(judge_version(hf_wire_u8(&wire)));
	header.kind = hf_wire_u8(&wire);
	reserved = hf_wire_u16(&wire);
	header.epoch = hf_wire_u32(&wire);
	header.features = hf_wire_u64(&wire);
	reserved |= hf_wire_u64(&wire);
	hf_wire_copy(&wire, header.public_value, sizeof(header.public_value));
	if (header.features & ~HF_KNOWN_FEATURES)
		return hf_error_new(HF_UNSUPPORTED,
			"header: features %#llx are newer than this program; hint: update holdfast",
			(unsigned long long)(header.features & ~HF_KNOWN_FEATURES));
	if (header.kind < HF_CONTENT_PACK || header.kind > HF_SEGMENT || reserved || !header.epoch)
		return hf_error_new(HF_CORRUPT, "header: impossible fields");
	*out = header;
	return NULL;
}

/* ---- table ---- */

void hf_table_release(struct hf_table *table)
{
	free(table->rows);
	*table = (struct hf_table){0};
}

void hf_table_print(const struct hf_table *table, struct hf_buf *out)
{
	hf_put_var(out, table->n);
	for (size_t i = 0; i < table->n; i++) {
		hf_put_id(out, &table->rows[i].id);
		hf_put_var(out, table->rows[i].plain);
		hf_put_var(out, table->rows[i].stored);
	}
}

/* Padding stands behind all chunks, and no chunk is larger than it is plain. */
static bool row_possible(const struct hf_row *row, bool padding_before)
{
	bool padding = hf_id_is_zero(&row->id);

	if (row->plain == 0 || row->stored <= HF_TAG_LEN)
		return false;
	if (padding)
		return row->stored == row->plain + HF_TAG_LEN;
	return !padding_before && row->stored <= row->plain + HF_TAG_LEN;
}

void hf_table_parse(struct hf_wire *wire, uint32_t first, struct hf_table *out)
{
	size_t n = hf_wire_count(wire, HF_ID_LEN + 2, HF_MAX_LAST_SECTION / HF_ID_LEN);
	HF_RELEASED(hf_table) table = {.cap = n, .n = n};
	uint64_t offset = first;
	bool padding = false;

	table.rows = hf_calloc(n, sizeof(*table.rows));
	for (size_t i = 0; i < n && !wire->bad; i++) {
		struct hf_row *row = &table.rows[i];

		hf_wire_copy(wire, row->id.bytes, HF_ID_LEN);
		row->plain = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
		row->stored = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK + HF_TAG_LEN);
		row->offset = (uint32_t)offset;
		offset += row->stored;
		if (!row_possible(row, padding) || offset > HF_MAX_PACK)
			hf_wire_fail(wire);
		padding = hf_id_is_zero(&row->id);
	}
	if (wire->bad)
		return;
	*out = table;
	table = (struct hf_table){0};
}

/* ---- keys ---- */

void hf_epoch_keys_release(struct hf_epoch_keys *keys)
{
	hf_wipe(keys, sizeof(*keys));
}

void hf_object_keys_release(struct hf_object_keys *keys)
{
	hf_wipe(keys, sizeof(*keys));
}

static hf_err derive_content(const struct hf_header *header, const uint8_t *printed,
	const struct hf_epoch_keys *keys, struct hf_key *out)
{
	HF_RELEASED(hf_key) agreed = {0};

	HF_TRY(hf_x25519(&keys->content, header->public_value, &agreed));
	hf_key_of_content(keys, &agreed, printed, out);
	return NULL;
}

hf_err hf_object_keys_derive(const struct hf_header *header, const struct hf_epoch_keys *keys,
	struct hf_object_keys *out)
{
	HF_RELEASED(hf_object_keys) made = {0};
	uint8_t printed[HF_HEADER_LEN];

	if (header->epoch != keys->epoch)
		return hf_error_new(HF_DENIED, "sealed in epoch %u, the keys are those of epoch %u",
			header->epoch, keys->epoch);
	hf_header_print(header, printed);
	if (!hf_kind_for_readers(header->kind)) {
		hf_key_of_metadata(keys, "meta", printed, &made.last);
		made.chunks = made.last;
		made.reads = true;
	} else {
		hf_key_of_metadata(keys, "last", printed, &made.last);
		made.reads = keys->reads;
		if (made.reads)
			HF_TRY(derive_content(header, printed, keys, &made.chunks));
	}
	*out = made;
	return NULL;
}

/* ---- the last section ---- */

void hf_last_release(struct hf_last *last)
{
	hf_table_release(&last->table);
	hf_buf_release(&last->plain);
	*last = (struct hf_last){0};
}

/* What stands behind the sealed last section. */
static size_t tail_len(uint8_t kind)
{
	return HF_TAIL_LEN + (kind == HF_CHECKPOINT ? HF_CHECKPOINT_DIGEST_LEN : 0u);
}

hf_err hf_last_end_len(enum hf_object_kind kind, struct hf_span end, uint64_t size, size_t *need)
{
	size_t tail = tail_len((uint8_t)kind);
	struct hf_wire wire;
	uint32_t stored;

	if (size > hf_kind_max_size((uint8_t)kind) || size < HF_HEADER_LEN + HF_TAG_LEN + 1 + tail)
		return hf_error_new(
			HF_CORRUPT, "a size of %llu bytes can't be", (unsigned long long)size);
	if (end.len < tail || end.len > size)
		return hf_error_new(HF_INVALID, "%zu bytes are no end of an object", end.len);
	wire = hf_wire(hf_span(end.at + end.len - tail, HF_TAIL_LEN));
	stored = hf_wire_u32(&wire);
	if (stored <= HF_TAG_LEN || stored > HF_MAX_LAST_SECTION + HF_TAG_LEN ||
		stored > size - HF_HEADER_LEN - tail)
		return hf_error_new(HF_CORRUPT, "last section: a length of %u can't be", stored);
	*need = stored + tail;
	return NULL;
}

static hf_err unseal_last(
	struct hf_span sealed, const struct hf_epoch_keys *keys, struct hf_last *last)
{
	HF_RELEASED(hf_object_keys) object = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	uint8_t header[HF_HEADER_LEN];
	struct hf_bound bound;

	HF_TRY(hf_object_keys_derive(&last->header, keys, &object));
	hf_header_print(&last->header, header);
	hf_bound_last(keys->repository, header, &bound);
	sealer = hf_sealer_new(&object.last);
	return hf_error_in(hf_unseal(sealer, HF_NONCE_LAST, hf_bound_span(&bound), sealed,
				   hf_buf_grow(&last->plain, sealed.len - HF_TAG_LEN)),
		"last section");
}

/* Table, body, signature; the table must describe exactly the bytes before the last section. */
static hf_err split_last(struct hf_last *last)
{
	struct hf_wire wire = hf_wire(hf_buf_span(&last->plain));
	uint64_t end = HF_HEADER_LEN;

	hf_table_parse(&wire, HF_HEADER_LEN, &last->table);
	if (wire.bad)
		return hf_error_new(HF_CORRUPT, "last section: bad table");
	if (last->table.n) {
		const struct hf_row *row = &last->table.rows[last->table.n - 1];

		end = (uint64_t)row->offset + row->stored;
	}
	if (end != last->chunks_end)
		return hf_error_new(HF_CORRUPT, "table: its chunks end at %llu, not at %u",
			(unsigned long long)end, last->chunks_end);
	last->body = wire.rest;
	if (!hf_kind_signed(last->header.kind, last->body.len))
		return NULL;
	if (last->body.len < HF_SIGNATURE_LEN)
		return hf_error_new(HF_CORRUPT, "last section: no signature");
	last->body.len -= HF_SIGNATURE_LEN;
	memcpy(last->signature, last->body.at + last->body.len, HF_SIGNATURE_LEN);
	return NULL;
}

hf_err hf_last_open_end(struct hf_span header, struct hf_span end, uint64_t size,
	const struct hf_epoch_keys *keys, struct hf_last *out)
{
	HF_RELEASED(hf_last) last = {0};
	size_t need, tail;

	HF_TRY(hf_header_parse(header, &last.header));
	HF_TRY(hf_last_end_len((enum hf_object_kind)last.header.kind, end, size, &need));
	if (need > end.len)
		return hf_error_new(HF_INVALID, "last section: %zu bytes of %zu", end.len, need);
	tail = tail_len(last.header.kind);
	last.chunks_end = (uint32_t)(size - need);
	HF_TRY(unseal_last(hf_span(end.at + end.len - need, need - tail), keys, &last));
	HF_TRY(split_last(&last));
	*out = last;
	last = (struct hf_last){0};
	return NULL;
}

/* A checkpoint's name is its number, not its digest: so it carries that itself. */
static hf_err judge_digest(struct hf_span object)
{
	struct hf_id digest;

	if (object.len < HF_CHECKPOINT_DIGEST_LEN)
		return hf_error_new(HF_CORRUPT, "checkpoint: truncated");
	object.len -= HF_CHECKPOINT_DIGEST_LEN;
	hf_sha256(object, &digest);
	if (memcmp(digest.bytes, object.at + object.len, HF_CHECKPOINT_DIGEST_LEN) != 0)
		return hf_error_new(HF_CORRUPT, "checkpoint: its digest doesn't fit");
	return NULL;
}

hf_err hf_last_open(struct hf_span object, const struct hf_epoch_keys *keys, struct hf_last *out)
{
	struct hf_header header = {0};

	HF_TRY(hf_header_parse(object, &header));
	if (header.kind == HF_CHECKPOINT)
		HF_TRY(judge_digest(object));
	return hf_last_open_end(object, object, object.len, keys, out);
}

hf_err hf_last_verify(struct hf_span object, const struct hf_last *last,
	const struct hf_epoch_keys *keys, const struct hf_signing *signing,
	const uint8_t public_key[32])
{
	HF_RELEASED(hf_buf) message = {0};
	struct hf_signed what = {.keys = keys, .signing = signing, .kind = last->header.kind};

	if (!hf_kind_signed(last->header.kind, last->body.len) || last->chunks_end > object.len)
		return hf_error_new(HF_CORRUPT, "no signed object");
	hf_sha256(hf_span(object.at, last->chunks_end), &what.chunks);
	hf_sha256(hf_span(last->plain.at, last->plain.len - HF_SIGNATURE_LEN), &what.last);
	hf_signed_print(&what, &message);
	if (!hf_ed25519_verify(public_key, hf_buf_span(&message), last->signature))
		return hf_error_new(HF_CORRUPT, "slot %u did not sign this", signing->slot);
	return NULL;
}

/* ---- chunks ---- */

hf_err hf_chunk_open(struct hf_sealer *sealer, struct hf_zip *zip,
	const struct hf_chunk_place *place, struct hf_buf *sealed, uint8_t *plain)
{
	const struct hf_row *row = place->row;
	bool as_is = row->stored == row->plain + HF_TAG_LEN;
	struct hf_bound bound;

	if (sealed->len != row->stored || row->stored <= HF_TAG_LEN)
		return hf_error_new(HF_CORRUPT, "chunk at %u: %zu bytes instead of %u", row->offset,
			sealed->len, row->stored);
	hf_bound_chunk(place, &bound);
	HF_TRY(hf_error_in(hf_unseal(sealer, row->offset, hf_bound_span(&bound),
				   hf_buf_span(sealed), as_is ? plain : sealed->at),
		"chunk at %u", row->offset));
	if (as_is)
		return NULL;
	return hf_error_in(hf_zip_unpack(zip, hf_span(sealed->at, row->stored - HF_TAG_LEN), plain,
				   row->plain),
		"chunk at %u", row->offset);
}
