/*
 * What a driver or a decorator implements; users call the checked wrappers of store.h. A decorator
 * (retry; in tests: fault) names its inner store in `inner`, calls the wrappers on it, and passes
 * on what it does not change. Errors get the store's url and the object's name in the wrappers,
 * once.
 */
#ifndef HF_STORE_DRIVER_H
#define HF_STORE_DRIVER_H

#include "backend/store/store.h"

#define HF_OBJECT_NAME_MAX 255
#define HF_STORE_TOPS 5

/* NULL: not possible here (HF_UNSUPPORTED; copies: 1). Names and copies were checked before. */
struct hf_store_ops {
	const char *scheme;
	hf_err (*put)(struct hf_store *store, const char *name, struct hf_span bytes);
	/* Exactly len bytes; the object's real size is compared before anything is allocated. */
	hf_err (*get)(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
		size_t len, struct hf_buf *out);
	hf_err (*stat)(struct hf_store *store, const char *name, unsigned copy, uint64_t *size);
	/*
	 * May show more than was asked for (names that are none, before `after`), but in order.
	 * names: nobody will look at sizes and times.
	 */
	hf_err (*list)(struct hf_store *store, const char *prefix, const char *after, bool names,
		hf_object_fn *each, void *arg);
	hf_err (*remove)(struct hf_store *store, const char *name);
	hf_err (*mend)(
		struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes);
	hf_err (*tidy)(struct hf_store *store); /* NULL: nothing is ever left */
	hf_err (*now)(struct hf_store *store, int64_t *now);
	unsigned (*copies)(struct hf_store *store, const char *name);
	void (*close)(struct hf_store *store); /* frees the struct too */
};

/* The first member of each driver's and decorator's struct. */
struct hf_store {
	const struct hf_store_ops *ops;
	char *url; /* owned; freed by hf_store_free() before close. NULL in a decorator */
	struct hf_store *inner; /* a decorator's, owned; freed by hf_store_free() before close */
};

/* The first parts of all names, sorted: what a driver needs to look into. */
extern const char *const hf_store_tops[HF_STORE_TOPS];
/* Two or three parts of printable ASCII, the first of hf_store_tops, none beginning with a dot. */
bool hf_store_name_valid(const char *name);

/* create: makes the directories. Else HF_NOT_FOUND when there is no repository at path. */
hf_err hf_store_dir_open(const char *path, bool create, struct hf_store **out);

#endif
