/* A file that a feed of local things reads from: a descriptor, its holes, what it was when opened.
 */
#ifndef HF_TREE_LOCAL_FILE_H
#define HF_TREE_LOCAL_FILE_H

#include <sys/stat.h>

#include "backend/base/error.h"
#include "backend/tree/feed.h"

/* A regular file below dirfd, not followed. HF_INVALID: it is none any more. */
hf_err hf_local_file_open(int dirfd, const char *name, struct stat *st, struct hf_feed_file **out);
struct hf_feed_file *hf_local_file_of(int fd); /* a pipe; takes fd */
int hf_local_file_fd(const struct hf_feed_file *file);
/* As in struct hf_feed_ops. */
hf_err hf_local_file_read(
	struct hf_feed_file *file, void *at, size_t len, size_t *got, uint64_t *hole);
hf_err hf_local_file_close(struct hf_feed_file *file, bool *changed);

#endif
