/*
 * Snapshots of numbered files, each with the content that its number says: whoever reads one knows
 * whether it is whole. Errors are returned, so that they fit where calls are made to fail.
 */
#ifndef HF_TESTS_LIB_NUMBERED_H
#define HF_TESTS_LIB_NUMBERED_H

#include "backend/format/entry.h"
#include "backend/repo/history.h"
#include "backend/repo/prune.h"
#include "backend/repo/reader.h"
#include "backend/repo/rebuild.h"
#include "backend/repo/writer.h"
#include "tests/lib/small_repo.h"

/* Which files: bit i is file i. */
typedef uint32_t hf_files;

/* Content and directory, without any record; release the extents of the root. */
hf_err hf_numbered_put(struct hf_writer *writer, hf_files files, struct hf_entry *root);
/* Adds a record of that root: a snapshot, or unfinished. Same run, source and moment: one id. */
struct hf_numbered_snapshot {
	uint8_t run[16];
	const char *source;
	int64_t moment;
};
hf_err hf_numbered_add(struct hf_writer *writer, const struct hf_numbered_snapshot *snapshot,
	const struct hf_entry *root, bool finished, uint8_t id[HF_SNAPSHOT_ID_LEN]);
/* A whole backup in its order: puts, unfinished, look, finished, look. */
hf_err hf_numbered_backup(struct hf_repo *repo, const char *source, int64_t moment, hf_files files,
	uint8_t id[HF_SNAPSHOT_ID_LEN]);

/* Reads all of it. HF_CORRUPT: something is not what it was. */
hf_err hf_numbered_read(
	struct hf_reader *reader, const struct hf_snapshot_info *info, hf_files *files);
/*
 * The files of every snapshot of the source (NULL: of all) that is shown, in order, read whole by
 * somebody with no catalog, are these.
 */
void hf_numbered_expect(
	struct hf_small *small, const char *source, const hf_files *files, size_t n);
/* All three steps of a prune, marking with a reader of its own. grace -1: the repository's. */
hf_err hf_numbered_prune(struct hf_repo *repo, int64_t grace, struct hf_prune_result *result);
/* With a reader of its own. unended: how many snapshots lack their end. */
hf_err hf_numbered_rebuild(struct hf_repo *repo, struct hf_rebuilt *out);
hf_err hf_numbered_unended(struct hf_repo *repo, uint64_t *unended);
/* HF_CORRUPT: a check of the objects has a finding, which is named. Notes are none. */
hf_err hf_numbered_check(struct hf_repo *repo);

#endif
