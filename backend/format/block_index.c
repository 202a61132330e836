/* The index behind the blocks of a directory or of a file of extents. */
#include "backend/format/block_index.h"

#include "backend/format/dir_block.h"

#define MIN_ROW_LEN 2 /* stored bytes of a row: a key and an offset */

void hf_block_index_print(size_t n, struct hf_span rows, struct hf_buf *out)
{
	const size_t start = out->len;

	hf_put_var(out, n);
	hf_buf_add_span(out, rows);
	hf_put_u32(out, (uint32_t)(out->len - start));
}

hf_err hf_block_index_len(struct hf_span last4, uint64_t size, uint32_t *len)
{
	struct hf_wire wire = hf_wire(last4);

	*len = hf_wire_u32(&wire);
	if (*len == 0 || *len > HF_MAX_INDEX || size <= HF_INDEX_TAIL_LEN ||
		*len >= size - HF_INDEX_TAIL_LEN)
		hf_wire_fail(&wire);
	return hf_wire_end(&wire, "length of an index");
}

static bool name_follows(const struct hf_block *block, const struct hf_block *before)
{
	return !hf_name_problem(block->first_name) &&
		(!before || hf_span_compare(before->first_name, block->first_name) < 0);
}

static bool offset_follows(const struct hf_block *block, const struct hf_block *before)
{
	if (!before)
		return block->first_offset == 0;
	return before->first_offset < block->first_offset && block->first_offset <= HF_MAX_EXTENT;
}

/* Blocks follow each other without a gap, none longer than a reader must take. */
static bool place_follows(const struct hf_block *block, struct hf_block *before, uint64_t end)
{
	if (!before)
		return block->from == 0 && end > 0;
	before->to = block->from;
	return before->from < block->from && block->from < end &&
		block->from - before->from <= HF_MAX_BLOCK;
}

static void parse_rows(struct hf_wire *wire, bool named, uint64_t end, struct hf_block_index *out)
{
	for (size_t i = 0; i < out->n; i++) {
		struct hf_block *block = &out->blocks[i], *before = i ? block - 1 : NULL;
		bool follows;

		*block = (struct hf_block){.to = end};
		if (named)
			block->first_name = hf_wire_sized(wire, HF_MAX_NAME);
		else
			block->first_offset = hf_wire_var(wire);
		block->from = hf_wire_var(wire);
		follows = named ? name_follows(block, before) : offset_follows(block, before);
		if (wire->bad || !follows || !place_follows(block, before, end)) {
			hf_wire_fail(wire);
			return;
		}
	}
	if (out->n && end - out->blocks[out->n - 1].from > HF_MAX_BLOCK)
		hf_wire_fail(wire);
}

static hf_err parse_index(struct hf_span bytes, uint64_t size, bool named, struct hf_arena *arena,
	struct hf_block_index *out)
{
	struct hf_wire wire = hf_wire(bytes);
	const uint64_t behind = (uint64_t)bytes.len + HF_INDEX_TAIL_LEN;

	*out = (struct hf_block_index){.n = hf_wire_count(&wire, MIN_ROW_LEN, UINT32_MAX)};
	if (out->n == 0 || bytes.len > HF_MAX_INDEX || size <= behind) {
		hf_wire_fail(&wire);
		return hf_wire_end(&wire, "index of blocks");
	}
	out->blocks = hf_arena_alloc(arena, out->n * sizeof(*out->blocks));
	parse_rows(&wire, named, size - behind, out);
	return hf_wire_end(&wire, "index of blocks");
}

hf_err hf_dir_index_parse(
	struct hf_span bytes, uint64_t size, struct hf_arena *arena, struct hf_block_index *out)
{
	return parse_index(bytes, size, true, arena, out);
}

hf_err hf_extents_index_parse(
	struct hf_span bytes, uint64_t size, struct hf_arena *arena, struct hf_block_index *out)
{
	return parse_index(bytes, size, false, arena, out);
}

size_t hf_dir_index_find(const struct hf_block_index *index, struct hf_span name)
{
	size_t low = 0, high = index->n; /* blocks before low begin at or before the name */

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (hf_span_compare(index->blocks[middle].first_name, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : index->n;
}
