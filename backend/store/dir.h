/*
 * A store in a directory. Any file system will do that has hard links or renames without replacing;
 * what it lacks beyond that (fsync of directories) is its own weakness.
 */
#ifndef HF_STORE_DIR_H
#define HF_STORE_DIR_H

#include <sys/types.h>

#include "backend/store/driver.h"

/* The calls that change the disk, as in libc; a test puts its own in front, to count and to fail.
 */
struct hf_dir_calls {
	int (*open)(
		const char *path, int flags, mode_t mode); /* of what is written, and to fsync */
	hf_err (*write)(int fd, const void *bytes, size_t len);
	int (*fsync)(int fd);
	int (*link)(const char *from, const char *to);
	int (*move)(const char *from, const char *to); /* EEXIST when `to` is there */
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*mkdir)(const char *path, mode_t mode);
};

extern const struct hf_dir_calls hf_dir_calls;

/* As hf_store_dir_open(). calls live as long as the store. */
hf_err hf_store_dir_open_with(
	const char *path, bool create, const struct hf_dir_calls *calls, struct hf_store **out);

#endif
