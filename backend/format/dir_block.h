/*
 * One block of a directory: its tables, then up to HF_BLOCK_ENTRIES entries that refer to them.
 * Here is how one is filled; how one is read stands in entry.h. What may be in it is judged in one
 * place for both, so that nothing is written that no reader takes.
 */
#ifndef HF_FORMAT_DIR_BLOCK_H
#define HF_FORMAT_DIR_BLOCK_H

#include "backend/format/extents.h"

/* What no reader would take; NULL when nothing. alone: a snapshot's root, which may have no name.
 */
const char *hf_entry_problem(const struct hf_entry *entry, bool alone);
const char *hf_name_problem(struct hf_span name);
const char *hf_xattrs_problem(const struct hf_xattr *xattrs, size_t n);

/* A block that is being filled. Zero-initialise. */
struct hf_dir_block_writer {
	struct hf_intern ids, owners, xattrs, secrets;
	struct hf_buf entries, scratch;
	struct hf_buf last; /* the last entry's name; stays when a block ends */
	size_t n;
};
void hf_dir_block_writer_add(struct hf_dir_block_writer *writer, const struct hf_entry *entry);
size_t hf_dir_block_writer_size(
	const struct hf_dir_block_writer *writer); /* stored bytes, nearly */
/* Appends the block; the writer is ready for the next. */
void hf_dir_block_writer_end(struct hf_dir_block_writer *writer, struct hf_buf *out);
void hf_dir_block_writer_release(struct hf_dir_block_writer *writer);

/* The stored flags: the type in the low bits, then these. */
enum {
	HF_FLAG_TYPE = 0x0f,
	HF_FLAG_LINKED = 0x10,
	HF_FLAG_EXTENTS_FILE = 0x20,
	HF_FLAG_FINGERPRINT = 0x40,
	HF_FLAG_PAGE_MAP = 0x80,
	HF_FLAG_INCOMPLETE = 0x100,
	HF_FLAGS = 0x1ff,
};

#endif
