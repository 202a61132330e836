/* The tree as it stands while it is still being walked: what an unfinished snapshot shows the next
 * run. */
#include <stdlib.h>

#include "backend/tree/draft.h"

static hf_err print_block(struct hf_span block, struct hf_dir_builder *a, struct hf_dir_builder *b)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry *entries;
	size_t n;

	HF_TRY(hf_dir_block_parse(block, &arena, &entries, &n));
	for (size_t i = 0; i < n; i++) {
		HF_TRY(hf_dir_builder_add(a, &entries[i]));
		HF_TRY(hf_dir_builder_add(b, &entries[i]));
	}
	return NULL;
}

/* Adds what the bytes of a directory hold to both builders. */
static hf_err print_again(struct hf_span bytes, struct hf_dir_builder *a, struct hf_dir_builder *b)
{
	const struct hf_span last4 = {bytes.at + bytes.len - 4, 4};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_block_index index;
	uint32_t len;

	HF_TRY(hf_block_index_len(last4, bytes.len, &len));
	HF_TRY(hf_dir_index_parse(hf_span(last4.at - len, len), bytes.len, &arena, &index));
	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];
		const size_t block_len = (size_t)(block->to - block->from);

		HF_TRY(print_block(hf_span(bytes.at + block->from, block_len), a, b));
	}
	return NULL;
}

/* A builder can be printed once: what it held is given back to it, and to a second one. */
static hf_err fork_builder(struct hf_draft *draft, struct hf_dir_builder *second)
{
	HF_RELEASED(hf_buf) bytes = {0};

	if (!draft->builder || hf_dir_builder_count(draft->builder) == 0)
		return NULL;
	hf_dir_builder_finish(draft->builder, &bytes);
	return print_again(hf_buf_span(&bytes), draft->builder, second);
}

/* One open directory, with the one that is open in it (NULL: none). Its entry in the arena. */
static hf_err print_one(struct hf_draft *draft, const struct hf_entry *inner,
	struct hf_arena *arena, struct hf_entry *out)
{
	struct hf_drafts *drafts = draft->drafts;
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_pieces *pieces = NULL;

	HF_TRY(fork_builder(draft, builder));
	if (inner)
		HF_TRY(hf_dir_builder_add(builder, inner));
	*out = draft->member->entry;
	out->size = hf_dir_builder_count(builder);
	out->extents = (struct hf_extents){0};
	out->extents_file = false;
	out->incomplete = true;
	hf_dir_builder_finish(builder, &bytes);
	if (bytes.len == 0)
		return NULL;
	HF_TRY(hf_drafts_place(drafts, hf_buf_span(&bytes), &pieces));
	struct hf_error *err = hf_drafts_drain(drafts);

	hf_pieces_extents(drafts->puts, pieces, &drafts->extents);
	hf_pieces_unref(drafts->puts, pieces);
	if (!err && drafts->extents.n > HF_INLINE_EXTENTS) {
		/* 8 MiB of names in one directory: the next run looks for them in its parent. */
		out->size = 0;
		return NULL;
	}
	out->extents.n = drafts->extents.n;
	out->extents.at = hf_arena_copy(
		arena, drafts->extents.at, drafts->extents.n * sizeof(*drafts->extents.at));
	return err;
}

hf_err hf_drafts_print_open(struct hf_drafts *drafts, struct hf_draft *innermost,
	struct hf_arena *arena, struct hf_entry *root, bool *any)
{
	struct hf_entry entry;
	uint64_t before;

	*any = false;
	do {
		before = drafts->puts->made;
		HF_TRY(hf_drafts_drain(drafts));
		for (struct hf_draft *draft = innermost; draft; draft = draft->parent)
			HF_TRY(hf_draft_advance(draft, true));
		HF_TRY(hf_drafts_drain(drafts));
	} while (drafts->puts->made != before);

	/* Those that are still what they were are found in the parent snapshot. */
	for (struct hf_draft *draft = innermost; draft; draft = draft->parent) {
		if (!draft->changed)
			continue;
		HF_TRY(print_one(draft, *any ? root : NULL, arena, &entry));
		*root = entry;
		*any = true;
	}
	return NULL;
}
