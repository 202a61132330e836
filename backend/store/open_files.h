/*
 * Descriptors of objects that were read a moment ago, so that a random read is one pread. Objects
 * never change, so an open one stays right; who mends or removes one drops it here. Any thread; no
 * I/O happens under the lock.
 */
#ifndef HF_STORE_OPEN_FILES_H
#define HF_STORE_OPEN_FILES_H

#include <stdint.h>

#include "backend/base/macros.h"

/* Counted: closed with the last reference, so an evicted one can still be read. */
struct hf_open_file;
struct hf_open_file *hf_open_file_new(int fd, uint64_t size); /* takes fd; one reference */
int hf_open_file_fd(const struct hf_open_file *file);
uint64_t hf_open_file_size(const struct hf_open_file *file);
void hf_open_file_free(struct hf_open_file *file); /* gives up one reference; NULL ok */
HF_OWNABLE(hf_open_file)

struct hf_open_files;
struct hf_open_files *hf_open_files_new(void);
void hf_open_files_free(struct hf_open_files *files);
/* A reference of the caller's own, or NULL. */
struct hf_open_file *hf_open_files_find(struct hf_open_files *files, const char *path);
/* Keeps a reference, in place of the one that was not used for longest. */
void hf_open_files_keep(struct hf_open_files *files, const char *path, struct hf_open_file *file);
void hf_open_files_drop(struct hf_open_files *files, const char *path);

#endif
