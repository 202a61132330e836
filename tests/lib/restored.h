/* A restore under test: a stored tree, a folder to restore to and one outside of it, and what was
 * told. */
#ifndef HF_TESTS_LIB_RESTORED_H
#define HF_TESTS_LIB_RESTORED_H

#include "backend/tree/restore.h"
#include "tests/lib/stored_tree.h"

struct hf_restored {
	struct hf_stored_tree tree;
	char *area; /* holds "to", the target, and "outside" */
	char *to, *outside;
	struct hf_restore how; /* its failed() notes in `told` */
	struct hf_progress progress;
	struct hf_buf told; /* "path: kind\n" of each, sorted by nothing */
};

void hf_restored_init(struct hf_restored *restored, unsigned workers);
void hf_restored_end(struct hf_restored *restored);
bool hf_restored_told(struct hf_restored *restored, const char *path, enum hf_error_kind kind);

/* Below the target. */
struct stat hf_restored_stat(struct hf_restored *restored, const char *path);
bool hf_restored_there(struct hf_restored *restored, const char *path);
void hf_restored_is(struct hf_restored *restored, const char *path, struct hf_span content);
/* Puts something there before. */
void hf_restored_put(const char *dir, const char *path, const char *content);
/* Names in a folder, but "." and "..". */
size_t hf_restored_count(const char *dir);

/* By another way than the restore went: nothing differs. */
void hf_restored_check_same(struct hf_restored *it, const struct hf_entry *root);
/* Of the arena of the tree: random bytes, and a number as a name. */
struct hf_span hf_restored_bytes(struct hf_restored *it, size_t len);
const char *hf_restored_number(struct hf_restored *it, size_t n);

/* One of nlink names of one file. */
void hf_restored_make_linked(struct hf_entry *entry, uint8_t id, uint64_t nlink);

#endif
