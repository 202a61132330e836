/*
 * Directories as stored: a file of blocks of sorted entries, then an index of the blocks, so that a
 * look-up among 100,000 names decodes one block (docs/format.md section 7). A block carries its own
 * tables (chunk ids, owners, xattr sets, secrets), so it can be read alone. Files of more than
 * HF_INLINE_EXTENTS extents keep them in a file of the same shape. Pure.
 */
#ifndef HF_FORMAT_ENTRY_H
#define HF_FORMAT_ENTRY_H

#include "backend/base/buf.h"
#include "backend/base/error.h"
#include "backend/base/id.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"

/* The only pointer to content in the repository: a piece of a chunk, or a hole. */
struct hf_extent {
	struct hf_id chunk; /* zero: a hole */
	uint64_t length;    /* > 0 */
	uint32_t offset;    /* in the chunk's plain bytes */
};
static inline bool hf_extent_is_hole(const struct hf_extent *extent)
{
	return hf_id_is_zero(&extent->chunk);
}
struct hf_extents {
	struct hf_extent *at; /* borrowed from the arena of a parse, or owned by who grew it */
	size_t n, cap;
};
uint64_t hf_extents_length(const struct hf_extents *extents); /* the sum */
/* Appends; a piece that goes on where the last one ends is merged into it. Owned arrays only. */
void hf_extents_add(struct hf_extents *extents, const struct hf_extent *extent);
void hf_extents_release(struct hf_extents *extents); /* owned arrays only */
/* The form `extents` of section 1, with its own ids: for records. Parse allocates in the arena. */
void hf_extents_print(const struct hf_extents *extents, struct hf_buf *out);
void hf_extents_parse(struct hf_wire *wire, struct hf_arena *arena, struct hf_extents *out);

enum hf_type { HF_REG = 1, HF_DIR, HF_LNK, HF_CHR, HF_BLK, HF_FIFO, HF_SOCK };

struct hf_xattr {
	struct hf_span name, value; /* name with its namespace: "user.mime_type" */
};

#define HF_FINGERPRINT_LEN 16
#define HF_LINK_ID_LEN 8

/*
 * One name of a directory. All pointers are borrowed: from the caller when printed, from the arena
 * when parsed.
 */
struct hf_entry {
	struct hf_span name; /* 1-1024 bytes, no '/', no NUL, not "." or ".."; empty only for a
	                        snapshot's root */
	enum hf_type type;
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	struct hf_span user, group; /* names; empty: not known */
	int64_t mtime, ctime;
	uint64_t size; /* bytes; of a directory: how many names */
	uint32_t rdev_major, rdev_minor;
	struct hf_span target; /* of a symbolic link */
	bool linked;           /* one of several names of one file */
	uint8_t link_id[HF_LINK_ID_LEN];
	uint64_t nlink;
	const struct hf_xattr *xattrs; /* sorted by name; ACLs are xattrs */
	size_t n_xattrs;
	struct hf_extents extents; /* content; of a directory: its own bytes, in meta */
	bool extents_file;         /* extents are those of a file of extents, in meta */
	uint64_t hole_bytes;       /* with extents_file: how much of a file's size is holes */
	bool fingerprinted;
	uint8_t fingerprint[HF_FINGERPRINT_LEN];
	struct hf_extents secret;   /* where the fingerprint's sealed secret lies, in meta */
	struct hf_extents page_map; /* n 0: none; in meta */
	bool incomplete; /* an unfinished directory, or a file that changed while it was read */
};

/* ---- a directory, built from entries in bytewise order of their names ---- */

struct hf_dir_builder;
struct hf_dir_builder *hf_dir_builder_new(void);
void hf_dir_builder_free(struct hf_dir_builder *builder);
HF_OWNABLE(hf_dir_builder)
/*
 * Copies all that it keeps. HF_INVALID: not greater than the last name, or nothing a reader would
 * take.
 */
hf_err hf_dir_builder_add(struct hf_dir_builder *builder, const struct hf_entry *entry);
size_t hf_dir_builder_count(const struct hf_dir_builder *builder);
/* Appends the directory's bytes (none for an empty one); the builder is empty after. */
void hf_dir_builder_finish(struct hf_dir_builder *builder, struct hf_buf *out);

/* A block of exactly one entry: how a snapshot record carries its root. */
void hf_entry_print_alone(const struct hf_entry *entry, struct hf_buf *out);
hf_err hf_entry_parse_alone(struct hf_span bytes, struct hf_arena *arena, struct hf_entry *out);

/* ---- reading ---- */

/* The index of a block file: where each block begins, by its first key. Points into `bytes`. */
struct hf_block {
	struct hf_span first_name; /* directories */
	uint64_t first_offset;     /* files of extents: file offset */
	uint64_t from, to;         /* bytes of the file */
};
struct hf_block_index {
	struct hf_block *blocks; /* in the arena */
	size_t n;
};
/* The index's length, from the last 4 bytes of a block file of `size` bytes. HF_CORRUPT. */
hf_err hf_block_index_len(struct hf_span last4, uint64_t size, uint32_t *len);
/* bytes: the index itself, without the last 4 bytes. size: of the whole file. */
hf_err hf_dir_index_parse(
	struct hf_span bytes, uint64_t size, struct hf_arena *arena, struct hf_block_index *out);
/* Which block would hold the name; n when before the first. */
size_t hf_dir_index_find(const struct hf_block_index *index, struct hf_span name);
/*
 * The entries of one block, all borrowed from the arena (which copies what it needs of bytes). A
 * NUL stands behind each name, target, owner's name and xattr's name.
 */
hf_err hf_dir_block_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_entry **entries, size_t *n);

/* ---- files of extents ---- */
void hf_extents_file_print(const struct hf_extents *extents, struct hf_buf *out);
hf_err hf_extents_index_parse(
	struct hf_span bytes, uint64_t size, struct hf_arena *arena, struct hf_block_index *out);
hf_err hf_extents_block_parse(struct hf_span block, struct hf_arena *arena, struct hf_extents *out);

/* ---- page maps: fingerprints of a page file's pages ---- */
struct hf_page_map {
	uint32_t page; /* bytes: 4096, 8192, … */
	uint64_t pages;
	const uint8_t *fingerprints; /* 16 × pages; zeros for a page of zeros */
};
void hf_page_map_print(const struct hf_page_map *map, struct hf_buf *out);
hf_err hf_page_map_parse(struct hf_span bytes, struct hf_page_map *out); /* points into bytes */

#endif
