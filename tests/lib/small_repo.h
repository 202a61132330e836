/*
 * A repository in memory, small enough to hurt every byte of it: some chunks, a tree, two snapshots
 * that share a directory. What fails here fails the test.
 */
#ifndef HF_TESTS_LIB_SMALL_REPO_H
#define HF_TESTS_LIB_SMALL_REPO_H

#include "backend/format/entry.h"
#include "backend/repo/repo.h"
#include "backend/repo/writer.h"
#include "tests/lib/mem_store.h"

struct hf_small {
	struct hf_mem *mem;
	char *dir; /* for catalogs */
	struct hf_repo *repo;
	unsigned opened;
};

/* copies: of all but packs/. */
void hf_small_init(struct hf_small *small, unsigned copies);
void hf_small_init_with(
	struct hf_small *small, unsigned copies, const struct hf_settings *settings);
void hf_small_end(struct hf_small *small);
/* Another machine: the same store, the first key, an empty catalog. Synced. Free it before the end.
 */
struct hf_repo *hf_small_open(struct hf_small *small);
/* The same with the key of another slot, which is added with these rights. */
struct hf_repo *hf_small_open_as(struct hf_small *small, uint32_t rights);
/* The same, limited to one source. */
struct hf_repo *hf_small_open_limited(struct hf_small *small, uint32_t rights, const char *source);
/* To the repository that `as` has open, with a key file of these bytes. */
hf_err hf_small_add_slot(struct hf_repo *as, const char *name, uint32_t rights, const char *key);
/* The first key on a machine with that cache directory: opens and syncs, where that succeeds. */
hf_err hf_small_try(struct hf_small *small, const char *cache, struct hf_repo **out);

struct hf_writer *hf_small_writer(struct hf_repo *repo);
/* Puts a copy of the bytes; its id. */
struct hf_id hf_small_put(struct hf_writer *writer, enum hf_object_kind kind, struct hf_span bytes);
/* Would a writer take the chunk for stored? */
bool hf_small_stored(struct hf_catalog *catalog, const struct hf_id *chunk);
/* len bytes that are the number's own, about half of them compressible. */
struct hf_buf hf_small_bytes(unsigned number, size_t len);

/* A regular file of one extent; the name is borrowed. Release its extents. */
struct hf_entry hf_small_file(const char *name, const struct hf_id *chunk, size_t len);
/* Stores a directory of the entries (sorted by name); its own entry. Release its extents. */
struct hf_entry hf_small_dir(
	struct hf_writer *writer, const char *name, const struct hf_entry *entries, size_t n);
/* Adds a finished snapshot of that root. */
void hf_small_snapshot(
	struct hf_writer *writer, const char *source, int64_t moment, const struct hf_entry *root);

#endif
