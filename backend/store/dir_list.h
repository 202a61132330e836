/* Listing a store in a directory: both copies, one directory after the other, each sorted. */
#ifndef HF_STORE_DIR_LIST_H
#define HF_STORE_DIR_LIST_H

#include "backend/store/store.h"

/* names: without sizes and times. */
hf_err hf_dir_list(const char *root, const char *prefix, const char *after, bool names,
	hf_object_fn *each, void *arg);

/* Removes temporary files that were last written before that, as the file system dates them. */
hf_err hf_dir_tidy(const char *root, int64_t before);

#endif
