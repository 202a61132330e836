/*
 * Content at random: extents to chunks, through the reader's cache. A content is immutable: any
 * thread. A file of extents is read block by block, so memory does not grow with the file.
 */
#ifndef HF_TREE_CONTENT_H
#define HF_TREE_CONTENT_H

#include "backend/format/entry.h"
#include "backend/repo/reader.h"

struct hf_content;

/* Of a regular file's entry, or (in meta) of a directory's. Copies what it needs of the entry. */
hf_err hf_content_open(
	struct hf_reader *reader, const struct hf_entry *entry, struct hf_content **out);
/* Of bare extents in meta: secrets, page maps. */
hf_err hf_content_open_meta(
	struct hf_reader *reader, const struct hf_extents *extents, struct hf_content **out);
void hf_content_free(struct hf_content *content);
HF_OWNABLE(hf_content)

uint64_t hf_content_size(const struct hf_content *content);
/* Fewer than len bytes only at the end. Holes read as zeros. */
hf_err hf_content_read(
	struct hf_content *content, uint64_t from, void *at, size_t len, size_t *got);
/* The whole of a small one, appended. HF_CORRUPT: larger than max. */
hf_err hf_content_read_all(struct hf_content *content, size_t max, struct hf_buf *out);
/* The first data (hole: hole) byte at or after from; the size when there is none. */
hf_err hf_content_seek(struct hf_content *content, uint64_t from, bool hole, uint64_t *found);
/* Begins to decode what [from, from + len) needs; never waits long. */
void hf_content_prefetch(struct hf_content *content, uint64_t from, uint64_t len);
/*
 * The piece around `from`: where its extent begins and ends in the file, for who wants to use all
 * that was decoded.
 */
hf_err hf_content_extent(struct hf_content *content, uint64_t from, uint64_t *begin, uint64_t *end);
/*
 * Each extent of [from, from + len) in order, holes too, cut to that range: what a restore plans
 * with.
 */
typedef struct hf_error *hf_extent_fn(void *arg, uint64_t from, const struct hf_extent *extent);
hf_err hf_content_each(
	struct hf_content *content, uint64_t from, uint64_t len, hf_extent_fn *each, void *arg);
/*
 * The bytes of [from, from + len) in order, where they lie decoded; bytes.len 0: a hole of so many
 * zeros.
 */
typedef struct hf_error *hf_piece_fn(
	void *arg, uint64_t from, struct hf_span bytes, uint64_t zeros);
hf_err hf_content_visit(
	struct hf_content *content, uint64_t from, uint64_t len, hf_piece_fn *piece, void *arg);
/* Of a block file: its index, without the last 4 bytes. Appends. HF_CORRUPT. */
hf_err hf_content_read_index(struct hf_content *content, struct hf_buf *out);

#endif
