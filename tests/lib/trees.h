/*
 * Local trees to back up, a feed that is watched, and a run of a backup of it into the repository
 * of small_repo.h. The clock is set ahead, so that what a test has just written counts as settled.
 * What fails here fails the test.
 */
#ifndef HF_TESTS_LIB_TREES_H
#define HF_TESTS_LIB_TREES_H

#include "backend/tree/backup.h"
#include "backend/tree/walk.h"
#include "tests/lib/small_repo.h"

/* dir/name with these bytes; the directories above it are made. */
void hf_tree_write(const char *dir, const char *name, struct hf_span bytes);
void hf_tree_text(const char *dir, const char *name, const char *text);
void hf_tree_dir(const char *dir, const char *name);
/* n files "<name><i>" of least … most bytes, by the seed; half of them compressible. */
void hf_tree_files(const char *dir, const char *name, unsigned n, size_t least, size_t most);
/* One of everything: sizes, holes, links, types, xattrs. Returns how many regular files. */
unsigned hf_tree_zoo(const char *dir);
/* All times of all files become now: stat says that they changed. */
void hf_tree_touch(const char *dir);
void hf_tree_same(const char *a, const char *b); /* diff -r */

/* A walk of dir that counts what is opened. */
struct hf_watch {
	unsigned opened;     /* regular files */
	unsigned fail_after; /* 0: never; raises stop at this open */
	struct hf_stop stop;
	/* Before an open; NULL. An error is given instead. */
	struct hf_error *(*before)(void *arg, const char *path);
	/* Before the first read of a file; NULL. */
	void (*reading)(void *arg, const char *path);
	void *arg;
	uint64_t inode_shift; /* added to every inode */
};
struct hf_feed *hf_watch_open(struct hf_watch *watch, const char *dir);

struct hf_tree_run {
	const char *source; /* NULL: "files/test" */
	unsigned workers;
	bool dry_run, force;
	uint64_t publish_bytes;
	struct hf_watch watch;
	/* what came of it */
	struct hf_backup_result result;
	unsigned failed, changed;
	char last_failed[256];
};
hf_err hf_tree_backup(struct hf_repo *repo, const char *dir, struct hf_tree_run *run);
/* The newest snapshot's root; entry in the arena. */
void hf_tree_root(struct hf_repo *repo, struct hf_arena *arena, struct hf_entry *root);
/* The newest snapshot, restored into a new folder: hf_test_dir_free() it. */
char *hf_tree_restore(struct hf_repo *repo);
/* Looks a path up in the newest snapshot. NULL: it is not there; else entry's memory: free() it. */
void *hf_tree_find(struct hf_repo *repo, const char *path, struct hf_entry *entry);

#endif
