/*
 * The writing side of container.h. One growing buffer holds the object as it will be stored: room
 * for the header, then each chunk with 16 bytes behind it for its tag, so that sealing is in place
 * and the finished object is handed on without a copy. Each chunk is hashed right after it was
 * sealed, while it is still in the processor's cache.
 */
#include "backend/format/container.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/format/bound.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"

struct hf_builder {
	enum hf_object_kind kind;
	struct hf_buf object;
	struct hf_table table;
	size_t rows_len; /* bytes of the table's rows as printed */
};

struct hf_builder *hf_builder_new(enum hf_object_kind kind)
{
	struct hf_builder *builder = hf_calloc(1, sizeof(*builder));

	builder->kind = kind;
	memset(hf_buf_grow(&builder->object, HF_HEADER_LEN), 0, HF_HEADER_LEN);
	return builder;
}

void hf_builder_free(struct hf_builder *builder)
{
	if (!builder)
		return;
	hf_table_release(&builder->table);
	hf_buf_release(&builder->object);
	free(builder);
}

/* What no reader would take must not be written: a session that dies publishes nothing. */
static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "holdfast: bug: an object with %s\n", what);
	abort();
}

static size_t row_len(uint32_t plain, size_t stored)
{
	return HF_ID_LEN + hf_var_len(plain) + hf_var_len(stored);
}

static uint8_t *add_row(
	struct hf_builder *builder, const struct hf_id *id, uint32_t plain, size_t len)
{
	struct hf_table *table = &builder->table;

	must(plain > 0 && plain <= HF_MAX_CHUNK && len > 0 && len <= plain, "an impossible chunk");
	must(builder->object.len + len + HF_TAG_LEN <= HF_MAX_PACK, "too many chunks");
	table->rows = hf_grow(table->rows, &table->cap, table->n + 1, sizeof(*table->rows));
	table->rows[table->n++] = (struct hf_row){
		.id = *id,
		.offset = (uint32_t)builder->object.len,
		.stored = (uint32_t)len + HF_TAG_LEN,
		.plain = plain,
	};
	builder->rows_len += row_len(plain, len + HF_TAG_LEN);
	return hf_buf_grow(&builder->object, len + HF_TAG_LEN);
}

void hf_builder_add(struct hf_builder *builder, const struct hf_id *id, uint32_t plain_len,
	struct hf_span bytes)
{
	must(!hf_id_is_zero(id), "a chunk without an id");
	memcpy(add_row(builder, id, plain_len, bytes.len), bytes.at, bytes.len);
}

size_t hf_builder_size(const struct hf_builder *builder)
{
	return builder->object.len + builder->rows_len;
}

const struct hf_table *hf_builder_table(const struct hf_builder *builder)
{
	return &builder->table;
}

/* ---- padding ---- */

uint64_t hf_padme(uint64_t len)
{
	unsigned e, s;
	uint64_t mask;

	if (len < 2)
		return len;
	e = 63u - (unsigned)__builtin_clzll(len);
	s = 32u - (unsigned)__builtin_clz(e);
	mask = (UINT64_C(1) << (e - s)) - 1;
	return (len + mask) & ~mask;
}

/* n chunks of zeros: all but the last of `each` bytes. */
struct padding {
	size_t n;
	uint32_t each, last;
};

static uint64_t padding_cost(uint32_t plain)
{
	return row_len(plain, plain + HF_TAG_LEN) + plain + HF_TAG_LEN;
}

/*
 * Chunks of zeros that weigh exactly `gap`, with their rows. false: there are none, for gap is less
 * than the smallest weighs, or falls where a length gets a byte more.
 */
static bool fill(uint64_t gap, size_t rows, struct padding *out)
{
	const uint64_t least = padding_cost(1);
	size_t n = gap / (HF_MAX_CHUNK / 2) + 1;
	uint32_t each = n > 1 ? (uint32_t)(gap / n - least) : 0;
	uint64_t others = hf_var_len(rows + n) - hf_var_len(rows);

	if (n > 1)
		others += (n - 1) * padding_cost(each);
	for (uint64_t lengths = 2; lengths <= 8; lengths++) {
		uint64_t fixed = others + HF_ID_LEN + HF_TAG_LEN + lengths;

		if (gap <= fixed || padding_cost((uint32_t)(gap - fixed)) != gap - others)
			continue;
		*out = (struct padding){.n = n, .each = each, .last = (uint32_t)(gap - fixed)};
		return true;
	}
	return false;
}

/* rest: what will stand behind the chunks, without the rows. */
static void pad(struct hf_builder *builder, uint64_t rest)
{
	static const struct hf_id none;
	uint64_t size = hf_builder_size(builder) + hf_var_len(builder->table.n) + rest;
	struct padding padding = {0};

	for (uint64_t target = hf_padme(size); target != size; target = hf_padme(target + 1))
		if (fill(target - size, builder->table.n, &padding))
			break;
	for (size_t i = 1; i <= padding.n; i++) {
		uint32_t plain = i < padding.n ? padding.each : padding.last;

		memset(add_row(builder, &none, plain, plain), 0, plain);
	}
}

/* ---- sealing ---- */

/* SHA-256(chunk ids | plain last section): with it even repeated random numbers give another key.
 */
static void digest_contents(const struct hf_table *table, struct hf_span last, struct hf_id *out)
{
	HF_OWNED(hf_sha256) sha = hf_sha256_new();

	for (size_t i = 0; i < table->n; i++)
		hf_sha256_add(sha, hf_span(table->rows[i].id.bytes, HF_ID_LEN));
	hf_sha256_add(sha, last);
	hf_sha256_end(sha, out);
}

/* Makes the header's public value and the object's keys. */
static void make_keys(const struct hf_sealing *sealing, const struct hf_id *contents,
	struct hf_header *header, struct hf_object_keys *out)
{
	HF_RELEASED(hf_key) fresh = {0}, agreed = {0};
	const struct hf_epoch_keys *keys = sealing->keys;
	bool for_readers = hf_kind_for_readers(header->kind);
	const struct hf_derive derive = {
		.repository = keys->repository,
		.label = for_readers ? "x" : "salt",
		.ikm = hf_span(sealing->random, sizeof(sealing->random)),
		.context = hf_span(contents->bytes, HF_ID_LEN),
	};
	uint8_t printed[HF_HEADER_LEN];

	hf_derive(&derive, fresh.bytes, HF_KEY_LEN);
	if (for_readers)
		hf_x25519_public(&fresh, header->public_value);
	else
		memcpy(header->public_value, fresh.bytes, HF_KEY_LEN);
	hf_header_print(header, printed);
	hf_key_of_metadata(keys, for_readers ? "last" : "meta", printed, &out->last);
	if (for_readers) {
		HF_OWNED(hf_error) err = hf_x25519(&fresh, keys->content_public, &agreed);

		/* hf_keyring_unlock() refuses a keyring with such a key. */
		must(!err, "a content key that is no point");
		hf_key_of_content(keys, &agreed, printed, &out->chunks);
	} else {
		out->chunks = out->last;
	}
}

/* Seals the chunks in place, and feeds header and chunks to sha. */
static void seal_chunks(struct hf_builder *builder, const uint8_t *repository,
	const struct hf_key *key, struct hf_sha256 *sha)
{
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(key);
	uint8_t *object = builder->object.at;

	hf_sha256_add(sha, hf_span(object, HF_HEADER_LEN));
	for (size_t i = 0; i < builder->table.n; i++) {
		const struct hf_row *row = &builder->table.rows[i];
		const struct hf_chunk_place place = {repository, object, row};
		uint8_t *at = object + row->offset;
		struct hf_bound bound;

		hf_bound_chunk(&place, &bound);
		hf_seal(sealer, row->offset, hf_bound_span(&bound),
			hf_span(at, row->stored - HF_TAG_LEN), at);
		hf_sha256_add(sha, hf_span(at, row->stored));
	}
}

/* Appends the signature to the plain last section, which begins at `from`. */
static void sign(struct hf_builder *builder, const struct hf_sealing *sealing, size_t from)
{
	HF_RELEASED(hf_buf) message = {0};
	struct hf_buf *object = &builder->object;
	uint8_t signature[HF_SIGNATURE_LEN];
	struct hf_signed what = {
		.keys = sealing->keys,
		.signing = sealing->signing,
		.kind = (uint8_t)builder->kind,
	};

	hf_sha256(hf_span(object->at, from), &what.chunks);
	hf_sha256(hf_span(object->at + from, object->len - from), &what.last);
	hf_signed_print(&what, &message);
	hf_ed25519_sign(sealing->signing->seed, hf_buf_span(&message), signature);
	hf_buf_add(object, signature, sizeof(signature));
}

/* The plain last section stands from `from` to the end; seals it and ends the object. */
static void seal_last(struct hf_builder *builder, const struct hf_sealing *sealing,
	const struct hf_key *key, size_t from)
{
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(key);
	struct hf_buf *object = &builder->object;
	size_t len = object->len - from;
	struct hf_bound bound;

	must(len <= HF_MAX_LAST_SECTION, "too long a last section");
	hf_buf_grow(object, HF_TAG_LEN);
	hf_bound_last(sealing->keys->repository, object->at, &bound);
	hf_seal(sealer, HF_NONCE_LAST, hf_bound_span(&bound), hf_span(object->at + from, len),
		object->at + from);
	hf_put_u32(object, (uint32_t)(len + HF_TAG_LEN));
	if (builder->kind == HF_CHECKPOINT) {
		struct hf_id digest;

		hf_sha256(hf_buf_span(object), &digest);
		hf_put_id(object, &digest);
	}
	must(object->len <= hf_kind_max_size((uint8_t)builder->kind), "too many bytes");
}

static void hand_over(struct hf_builder *builder, struct hf_buf *out)
{
	if (out->len) {
		hf_buf_add_span(out, hf_buf_span(&builder->object));
		return;
	}
	hf_buf_release(out);
	*out = hf_buf_steal(&builder->object);
}

void hf_builder_seal(struct hf_builder *builder, const struct hf_sealing *sealing,
	struct hf_buf *out, struct hf_header *header, struct hf_id *id)
{
	HF_RELEASED(hf_object_keys) keys = {0};
	HF_OWNED(hf_sha256) sha = hf_sha256_new();
	struct hf_header made = {.kind = (uint8_t)builder->kind, .epoch = sealing->keys->epoch};
	size_t behind = HF_TAG_LEN + HF_TAIL_LEN + (sealing->signing ? HF_SIGNATURE_LEN : 0u);
	size_t from;
	struct hf_id digest;

	must(hf_kind_signed(made.kind, sealing->body.len) == !!sealing->signing,
		"or without a signature");
	if (sealing->pad)
		pad(builder, sealing->body.len + behind);
	from = builder->object.len;
	hf_table_print(&builder->table, &builder->object);
	hf_buf_add_span(&builder->object, sealing->body);
	digest_contents(&builder->table,
		hf_span(builder->object.at + from, builder->object.len - from), &digest);
	make_keys(sealing, &digest, &made, &keys);
	hf_header_print(&made, builder->object.at);
	seal_chunks(builder, sealing->keys->repository, &keys.chunks, sha);
	if (sealing->signing)
		sign(builder, sealing, from);
	seal_last(builder, sealing, &keys.last, from);
	hf_sha256_add(sha, hf_span(builder->object.at + from, builder->object.len - from));
	hf_sha256_end(sha, &digest);
	hand_over(builder, out);
	if (header)
		*header = made;
	if (id)
		*id = digest;
}
