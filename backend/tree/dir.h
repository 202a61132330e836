/*
 * A stored directory, read: look up a name, or go through its entries. Immutable: any thread.
 * Decoded blocks are shared and counted; entries live as long as their block.
 */
#ifndef HF_TREE_DIR_H
#define HF_TREE_DIR_H

#include "backend/format/entry.h"
#include "backend/repo/reader.h"

struct hf_dir;
struct hf_dir_block {
	struct hf_entry *entries;
	size_t n;
	/* A number for its first entry: HF_BLOCK_ENTRIES × the block's, so entry `first + j` is
	 * found again from that number alone. They rise, with gaps where a block isn't full. */
	uint64_t first;
};
const struct hf_dir_block *hf_dir_block_ref(const struct hf_dir_block *block);
void hf_dir_block_unref(const struct hf_dir_block *block); /* NULL ok */
static inline void hf_dir_block_unref_at(const struct hf_dir_block **at)
{
	hf_dir_block_unref(*at);
}
#define HF_DIR_BLOCK_REF __attribute__((cleanup(hf_dir_block_unref_at))) const struct hf_dir_block *

/* entry: of type HF_DIR. Reads the index only. */
hf_err hf_dir_open(struct hf_reader *reader, const struct hf_entry *entry, struct hf_dir **out);
void hf_dir_free(struct hf_dir *dir);
HF_OWNABLE(hf_dir)
/* Of where its bytes lie: equal ones are equal directories, whichever snapshot they stand in. */
void hf_dir_digest(const struct hf_entry *entry, struct hf_id *out);
size_t hf_dir_blocks(const struct hf_dir *dir);
/* Block i < hf_dir_blocks(). */
hf_err hf_dir_get(struct hf_dir *dir, size_t i, const struct hf_dir_block **out);
/* *block NULL: no such name. */
hf_err hf_dir_lookup(struct hf_dir *dir, struct hf_span name, const struct hf_dir_block **block,
	const struct hf_entry **entry);

/* Goes through the names in order without asking again for each block. */
struct hf_dir_cursor {
	struct hf_dir *dir;
	const struct hf_dir_block *block;
	size_t block_number, next;
};
void hf_dir_cursor_begin(struct hf_dir_cursor *cursor, struct hf_dir *dir);
/* *entry NULL: the end. It lives until the cursor moves on. */
hf_err hf_dir_cursor_next(struct hf_dir_cursor *cursor, const struct hf_entry **entry);
/*
 * Moves on to the first name >= name, for a merge with another sorted list; *entry NULL: no such
 * exact name. next() gives that first name (again). Never moves back.
 */
hf_err hf_dir_cursor_seek(
	struct hf_dir_cursor *cursor, struct hf_span name, const struct hf_entry **entry);
void hf_dir_cursor_end(struct hf_dir_cursor *cursor);

#endif
