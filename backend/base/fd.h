/* Whole reads and writes, files that are there whole or not at all, owned descriptors. Any thread.
 */
#ifndef HF_BASE_FD_H
#define HF_BASE_FD_H

#include <sys/types.h>

#include "backend/base/buf.h"
#include "backend/base/error.h"

#define HF_FD __attribute__((cleanup(hf_fd_close_at))) int
void hf_fd_close_at(int *fd); /* closes what is >= 0; keeps errno */

/* Up to len bytes, fewer only at the end of the file; EINTR is repeated. */
hf_err hf_fd_read(int fd, void *at, size_t len, size_t *got);
hf_err hf_fd_pread(int fd, void *at, size_t len, off_t from, size_t *got);
hf_err hf_fd_write(int fd, const void *bytes, size_t len);
hf_err hf_fd_pwrite(int fd, const void *bytes, size_t len, off_t to);
/* The whole file at path, at most max bytes (HF_INVALID beyond). Appends. */
hf_err hf_file_read(const char *path, size_t max, struct hf_buf *out);
/* Writes path whole and atomically (temporary name, fsync, rename, fsync of the directory). */
hf_err hf_file_replace(const char *path, struct hf_span bytes, mode_t mode);
/* The same, create-only: HF_EXISTS if there is something at path. */
hf_err hf_file_make(const char *path, struct hf_span bytes, mode_t mode);
hf_err hf_dir_make_all(const char *path, mode_t mode); /* mkdir -p */
bool hf_dir_is_empty(const char *path);                /* also where it can't be listed */

#endif
