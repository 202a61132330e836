/*
 * Segments of a checkpoint as objects: sorted rows, written in one pass and read block by block
 * (docs/format.md section 6). One thread for each.
 */
#ifndef HF_REPO_SEGMENT_H
#define HF_REPO_SEGMENT_H

#include "backend/repo/repo.h"

#include "backend/format/checkpoint.h"

struct hf_segment_refs {
	struct hf_segment_ref *at;
	size_t n, cap;
};
void hf_segment_refs_release(struct hf_segment_refs *refs);

/* ---- writing ---- */

struct hf_segment_writer;
/* Memory: one object of at most about 16 MB. */
struct hf_segment_writer *hf_segment_writer_new(
	struct hf_repo *repo, enum hf_segment_kind kind, uint8_t level);
void hf_segment_writer_free(struct hf_segment_writer *writer);
HF_OWNABLE(hf_segment_writer)
/* Removes what it stored since its last end: nothing names it. Best effort. */
void hf_segment_writer_undo(struct hf_segment_writer *writer);
/* The same of what it stored before. */
void hf_segment_remove(struct hf_repo *repo, const struct hf_segment_ref *ref);
/* Keys ascend; a row is in the form that the kind's blocks have. Not for chunks. */
hf_err hf_segment_write(
	struct hf_segment_writer *writer, const struct hf_id *key, struct hf_span row);
/* Ids ascend; copies of one chunk come one after the other, in any order. */
hf_err hf_segment_write_chunk(
	struct hf_segment_writer *writer, const struct hf_id *pack, const struct hf_row *row);
/* Stores what is open; adds what was stored to refs. */
hf_err hf_segment_writer_end(struct hf_segment_writer *writer, struct hf_segment_refs *refs);

/* ---- reading ---- */

struct hf_segment_reader;
/*
 * Reads its table, of whichever copy has one: a writer's key can seal such a copy, too.
 * HF_NOT_FOUND: it is gone, a newer checkpoint stands.
 */
hf_err hf_segment_open(
	struct hf_repo *repo, const struct hf_segment_ref *ref, struct hf_segment_reader **out);
/* Reads all of it, of a copy whose digest is the name that the checkpoint has. */
hf_err hf_segment_open_whole(
	struct hf_repo *repo, const struct hf_segment_ref *ref, struct hf_segment_reader **out);
/* Of its name and its table: equal for one that was opened whole, so are the rows of its blocks. */
void hf_segment_digest(const struct hf_segment_reader *reader, struct hf_id *digest);
void hf_segment_reader_free(struct hf_segment_reader *reader);
HF_OWNABLE(hf_segment_reader)
const struct hf_segment *hf_segment_table(const struct hf_segment_reader *reader);
/* Block i, in the reader's own memory until the next one is read. */
hf_err hf_segment_block(struct hf_segment_reader *reader, size_t i, struct hf_span *rows);
/* The blocks that may have the key: [*from, *to). */
void hf_segment_find(
	const struct hf_segment_reader *reader, const struct hf_id *key, size_t *from, size_t *to);

#endif
