/*
 * Stored trees for tests: a repository in memory, files and directories put into it by hand, a
 * reader on it. What fails here fails the test. Entries and all they point to live as long as the
 * tree.
 */
#ifndef HF_TESTS_LIB_STORED_TREE_H
#define HF_TESTS_LIB_STORED_TREE_H

#include "backend/format/entry.h"
#include "backend/repo/reader.h"
#include "backend/repo/writer.h"
#include "tests/lib/mem_store.h"

struct hf_stored_tree {
	struct hf_mem *mem;
	char *dir; /* a folder of the test's own: catalogs are in it */
	struct hf_repo *repo;
	struct hf_writer *writer;
	struct hf_reader *reader; /* after hf_stored_publish() */
	struct hf_arena arena;
	struct hf_key secret; /* of the fingerprints */
	struct hf_extents secret_at;
};

void hf_stored_init(struct hf_stored_tree *tree);
void hf_stored_end(struct hf_stored_tree *tree);

/* Chunks of `piece` bytes; where they lie. */
struct hf_extents hf_stored_bytes(
	struct hf_stored_tree *tree, enum hf_object_kind kind, struct hf_span bytes, size_t piece);
/* A regular file of chunks of 64 KiB (from 4 MiB on: of 1 MiB), fingerprinted. Mode 0644, mtime 1
 * s, the process's owner. */
struct hf_entry hf_stored_file(
	struct hf_stored_tree *tree, const char *name, struct hf_span content);
/* The same with these extents; in a file of extents where there are more than fit inline. */
struct hf_entry hf_stored_extents(
	struct hf_stored_tree *tree, const char *name, const struct hf_extents *extents);
struct hf_entry hf_stored_link(struct hf_stored_tree *tree, const char *name, const char *target);
struct hf_entry hf_stored_special(struct hf_stored_tree *tree, const char *name, enum hf_type type);
/* A directory of entries in the order of their names. */
struct hf_entry hf_stored_dir(
	struct hf_stored_tree *tree, const char *name, const struct hf_entry *entries, size_t n);
/* A directory with these bytes, whatever they are. */
struct hf_entry hf_stored_raw_dir(
	struct hf_stored_tree *tree, const char *name, struct hf_span bytes);

/* What was put can be read from here on; may be called again. */
void hf_stored_publish(struct hf_stored_tree *tree);
/* Flips a bit of the extent's chunk, wherever it is stored. A reader that was opened before may
 * still have it decoded. */
void hf_stored_hurt(struct hf_stored_tree *tree, const struct hf_extent *extent);

#endif
