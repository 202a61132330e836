/*
 * A checkpoint: under a maintainer's signature, what all commits up to a cutoff amount to; and the
 * segments it names: sorted tables of chunks, packs, records and commits (docs/format.md section
 * 6). Both are sealed containers (kinds 4 and 5); this is the body of the one and the blocks of the
 * other. Pure.
 */
#ifndef HF_FORMAT_CHECKPOINT_H
#define HF_FORMAT_CHECKPOINT_H

#include "backend/format/commit.h"

enum hf_segment_kind {
	HF_SEGMENT_CHUNKS = 1,
	HF_SEGMENT_PACKS,
	HF_SEGMENT_RECORDS,
	HF_SEGMENT_COMMITS
};

/* Order of rows in a segment: chunk rows by (id, pack, offset), pack rows by id, records by their
 * key. */
struct hf_segment_ref {
	enum hf_segment_kind kind;
	uint8_t level;
	struct hf_id object;
	uint64_t size, rows;
	struct hf_id first, last; /* keys: chunk id, pack id, hf_record_key(), commit id */
};
struct hf_settled {
	struct hf_id commit, pack;
	bool swept;
};

struct hf_checkpoint {
	uint32_t slot, n, keyring;
	uint8_t store[HF_STORE_ID_LEN];
	struct hf_id previous; /* SHA-256 of checkpoint n-1; zero for the first */
	int64_t cutoff;
	struct hf_settled *settled;
	size_t n_settled;
	struct hf_ids swept; /* packs, for ever */
	struct hf_segment_ref *segments;
	size_t n_segments;
	struct hf_record
		*records; /* tombstones and 5-11 that are still needed, each after its origin */
	size_t n_records;
};
void hf_checkpoint_print(const struct hf_checkpoint *checkpoint, struct hf_buf *out);
hf_err hf_checkpoint_parse(struct hf_span body, struct hf_arena *arena, struct hf_checkpoint *out);

/* Rows of a chunk segment: 48 bytes, up to HF_SEGMENT_ROWS in a block. */
struct hf_chunk_row {
	struct hf_id id;
	uint32_t pack; /* index into the segment's list of packs */
	uint32_t offset, stored, plain;
};
void hf_chunk_rows_print(const struct hf_chunk_row *rows, size_t n, struct hf_buf *out);
hf_err hf_chunk_rows_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_chunk_row **rows, size_t *n);

struct hf_pack_row {
	struct hf_id id;
	uint64_t size;
	struct hf_header header;
	enum hf_tier tier;
	uint32_t slot;
	int64_t seen, proven;
	uint8_t depth;
};
void hf_pack_rows_print(const struct hf_pack_row *rows, size_t n, struct hf_buf *out);
hf_err hf_pack_rows_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_pack_row **rows, size_t *n);

/*
 * A segment's body, behind the table of its blocks (which are its chunks; id: SHA-256 of the plain
 * block).
 */
struct hf_segment {
	enum hf_segment_kind kind;
	struct hf_id *first; /* of each block */
	size_t n_blocks;
	struct hf_ids packs; /* of a chunk segment */
};
void hf_segment_print(const struct hf_segment *segment, struct hf_buf *out);
hf_err hf_segment_parse(struct hf_span body, struct hf_arena *arena, struct hf_segment *out);

/*
 * The key of a snapshot or journal record: a source's records are together, in the order of their
 * times (moment; from).
 */
void hf_record_key(const struct hf_record *record, struct hf_id *out);

#endif
