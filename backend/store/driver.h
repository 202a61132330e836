/*
 * What a driver or a decorator implements; users call the checked wrappers of store.h. A decorator
 * (retry; in tests: fault, delay) takes its inner store and passes on what it does not change.
 */
#ifndef HF_STORE_DRIVER_H
#define HF_STORE_DRIVER_H

#include "backend/store/store.h"

struct hf_store_ops {
	const char *scheme;
	hf_err (*put)(struct hf_store *store, const char *name, struct hf_span bytes);
	/* len SIZE_MAX: to the end, which the wrapper bounded by stat. */
	hf_err (*get)(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
		size_t len, struct hf_buf *out);
	hf_err (*stat)(struct hf_store *store, const char *name, unsigned copy, uint64_t *size);
	hf_err (*list)(struct hf_store *store, const char *prefix, const char *after,
		hf_object_fn *each, void *arg);
	hf_err (*remove)(struct hf_store *store, const char *name);
	hf_err (*mend)(
		struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes);
	hf_err (*now)(struct hf_store *store, int64_t *now);
	unsigned (*copies)(struct hf_store *store, const char *name);
	void (*close)(struct hf_store *store); /* frees the struct too */
};

/* The first member of each driver's and decorator's struct. */
struct hf_store {
	const struct hf_store_ops *ops;
	char *url; /* owned; freed by hf_store_free() before close */
};

hf_err hf_store_dir_open(const char *path, bool create, struct hf_store **out);

#endif
