/* Extents: grown by a writer, printed with a table of their ids, and as a file of their own. */
#include "backend/format/extents.h"

#include <stdlib.h>

#include "backend/format/block_index.h"

/*
 * Blocks of a file of extents end at extents whose chunk id says so, so that one more extent in
 * front moves no block but its own: an index can shift, the blocks (which know lengths only) stay
 * the same bytes and so the same chunks. About 128 extents a block.
 */
#define BLOCK_LEAST 64u
#define BLOCK_END_MASK 0x3fu

uint64_t hf_extents_length(const struct hf_extents *extents)
{
	uint64_t length = 0;

	for (size_t i = 0; i < extents->n; i++)
		length += extents->at[i].length;
	return length;
}

static bool goes_on(const struct hf_extent *last, const struct hf_extent *next)
{
	if (!hf_id_equal(&last->chunk, &next->chunk))
		return false;
	return hf_extent_is_hole(next) || last->offset + last->length == next->offset;
}

void hf_extents_add(struct hf_extents *extents, const struct hf_extent *extent)
{
	if (extent->length == 0)
		return;
	if (extents->n && goes_on(&extents->at[extents->n - 1], extent)) {
		extents->at[extents->n - 1].length += extent->length;
		return;
	}
	extents->at = hf_grow(extents->at, &extents->cap, extents->n + 1, sizeof(*extents->at));
	extents->at[extents->n++] = *extent;
}

void hf_extents_release(struct hf_extents *extents)
{
	free(extents->at);
	*extents = (struct hf_extents){0};
}

const char *hf_extents_problem(const struct hf_extents *extents, bool holes)
{
	uint64_t left = HF_MAX_EXTENT;

	for (size_t i = 0; i < extents->n; i++) {
		const struct hf_extent *extent = &extents->at[i];
		const bool hole = hf_extent_is_hole(extent);

		if (hole && !holes)
			return "a hole in metadata";
		if (extent->length == 0 || extent->length > left)
			return "an extent's length";
		if (!hole &&
			(extent->offset > HF_MAX_CHUNK ||
				extent->length > HF_MAX_CHUNK - extent->offset))
			return "an extent beyond its chunk";
		left -= extent->length;
	}
	return NULL;
}

void hf_extents_put(const struct hf_extents *extents, struct hf_intern *ids, struct hf_buf *out)
{
	hf_put_var(out, extents->n);
	for (size_t i = 0; i < extents->n; i++) {
		const struct hf_extent *extent = &extents->at[i];

		hf_put_var(out, extent->length);
		if (hf_extent_is_hole(extent)) {
			hf_put_var(out, 0);
			continue;
		}
		hf_put_var(out, hf_intern_add(ids, hf_span(extent->chunk.bytes, HF_ID_LEN)) + 1u);
		hf_put_var(out, extent->offset);
	}
}

void hf_id_table_parse(struct hf_wire *wire, struct hf_id_table *out)
{
	const size_t n = hf_wire_count(wire, HF_ID_LEN, UINT32_MAX);
	const struct hf_span bytes = hf_wire_bytes(wire, n * HF_ID_LEN);

	*out = (struct hf_id_table){.at = (const void *)bytes.at, .n = bytes.len / HF_ID_LEN};
}

void hf_extents_get(struct hf_wire *wire, const struct hf_id_table *ids, struct hf_arena *arena,
	struct hf_extents *out)
{
	const size_t n = hf_wire_count(wire, HF_MIN_EXTENT_LEN, HF_MAX_META_EXTENTS);

	*out = (struct hf_extents){.n = n};
	if (n == 0)
		return;
	out->at = hf_arena_alloc(arena, n * sizeof(*out->at));
	for (size_t i = 0; i < n; i++) {
		struct hf_extent *extent = &out->at[i];
		uint64_t ref;

		*extent = (struct hf_extent){.length = hf_wire_var(wire)};
		ref = hf_wire_var_max(wire, ids->n);
		if (ref == 0)
			continue;
		extent->chunk = ids->at[ref - 1];
		extent->offset = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	}
	if (wire->bad)
		*out = (struct hf_extents){0};
}

/* The form with a table of its own. */
static void print_pieces(const struct hf_extents *extents, struct hf_intern *ids,
	struct hf_buf *scratch, struct hf_buf *out)
{
	hf_intern_clear(ids);
	hf_buf_clear(scratch);
	hf_extents_put(extents, ids, scratch);
	hf_intern_print(ids, out);
	hf_buf_add_span(out, hf_buf_span(scratch));
}

void hf_extents_print(const struct hf_extents *extents, struct hf_buf *out)
{
	HF_RELEASED(hf_intern) ids = {0};
	HF_RELEASED(hf_buf) scratch = {0};

	print_pieces(extents, &ids, &scratch, out);
}

void hf_extents_parse(struct hf_wire *wire, struct hf_arena *arena, struct hf_extents *out)
{
	struct hf_id_table ids;

	hf_id_table_parse(wire, &ids);
	hf_extents_get(wire, &ids, arena, out);
	if (hf_extents_problem(out, true))
		hf_wire_fail(wire);
}

/* How many of the extents from `from` on are one block. */
static size_t block_length(const struct hf_extents *extents, size_t from)
{
	const size_t most = HF_MIN(extents->n - from, (size_t)HF_BLOCK_EXTENTS);

	for (size_t n = BLOCK_LEAST; n < most; n++) {
		const struct hf_extent *last = &extents->at[from + n - 1];

		if (!hf_extent_is_hole(last) && (last->chunk.bytes[0] & BLOCK_END_MASK) == 0)
			return n;
	}
	return most;
}

void hf_extents_file_print(const struct hf_extents *extents, struct hf_buf *out)
{
	HF_RELEASED(hf_intern) ids = {0};
	HF_RELEASED(hf_buf) scratch = {0};
	HF_RELEASED(hf_buf) index = {0};
	const size_t start = out->len;
	uint64_t file_offset = 0;
	size_t n_blocks = 0;

	if (extents->n == 0)
		return;
	for (size_t from = 0; from < extents->n; n_blocks++) {
		const struct hf_extents block = {
			.at = extents->at + from, .n = block_length(extents, from)};

		hf_put_var(&index, file_offset);
		hf_put_var(&index, out->len - start);
		print_pieces(&block, &ids, &scratch, out);
		file_offset += hf_extents_length(&block);
		from += block.n;
	}
	hf_block_index_print(n_blocks, hf_buf_span(&index), out);
}

hf_err hf_extents_block_parse(struct hf_span block, struct hf_arena *arena, struct hf_extents *out)
{
	struct hf_wire wire = hf_wire(block);

	hf_extents_parse(&wire, arena, out);
	if (out->n == 0 || out->n > HF_BLOCK_EXTENTS)
		hf_wire_fail(&wire);
	return hf_wire_end(&wire, "block of extents");
}
