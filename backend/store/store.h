/*
 * Where a repository's objects lie, as names and bytes. Any thread may call anything at once.
 *
 * Promises of every store (tests/contract holds each to them):
 *  - put is atomic and create-only: an object appears whole and durable, or not at all, and nothing
 *    that exists is ever changed. HF_EXISTS when the name is taken: harmless where a name is a
 * digest.
 *  - What put has acknowledged is seen by every get, stat and list that begins later.
 *  - list gives each name that was there before it began and is not removed, once, in bytewise
 * order.
 *  - get gives exactly the bytes asked for; asking beyond the end is HF_CORRUPT, no object
 * HF_NOT_FOUND.
 *  - Only HF_TRANSIENT is worth repeating. A store that vanished gives HF_SYSTEM or HF_TRANSIENT,
 * never HF_NOT_FOUND, for an object. Names are "keyring/…", "checkpoints/…", "commits/…",
 * "packs/<xx>/…", "meta/<xx>/…": printable ASCII, no "..", no empty part. A store never sees a
 * plain-text byte.
 */
#ifndef HF_STORE_STORE_H
#define HF_STORE_STORE_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

struct hf_store;

struct hf_object {
	const char *name; /* dies with the call that shows it */
	uint64_t size;
	int64_t time; /* when it was put, by the store's clock */
};
typedef struct hf_error *hf_object_fn(void *arg, const struct hf_object *object);

/*
 * "file:///path", or a bare path. create: make what must exist before the first put (HF_EXISTS
 * never).
 */
hf_err hf_store_open(const char *url, bool create, struct hf_store **out);
void hf_store_free(struct hf_store *store);
HF_OWNABLE(hf_store)

hf_err hf_store_put(struct hf_store *store, const char *name, struct hf_span bytes);
/*
 * A store may keep a second copy of some objects (twin/ in a directory): copy 0 is the first, and
 * a reader that finds it bad asks for copy 1. HF_NOT_FOUND where there is none. Appends to out.
 */
hf_err hf_store_get(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out);
/* The whole object, which must be at most max bytes (HF_CORRUPT beyond). Appends. */
hf_err hf_store_get_all(
	struct hf_store *store, const char *name, unsigned copy, size_t max, struct hf_buf *out);
hf_err hf_store_stat(struct hf_store *store, const char *name, unsigned copy, uint64_t *size);
/* Names that begin with prefix ("packs/", "commits/2026") and are greater than after ("" : all). */
hf_err hf_store_list(struct hf_store *store, const char *prefix, const char *after,
	hf_object_fn *each, void *arg);
/* The same without sizes and times (0): spares a store in a directory a look at each file. */
hf_err hf_store_names(struct hf_store *store, const char *prefix, const char *after,
	hf_object_fn *each, void *arg);
/* All copies; HF_NOT_FOUND is not an error here. */
hf_err hf_store_remove(struct hf_store *store, const char *name);
/* Writes a copy that is missing or bad anew from good bytes: the one overwrite, by the same bytes.
 */
hf_err hf_store_mend(struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes);
/* Removes what writes that were cut off a day ago or longer have left, where a store leaves any. */
hf_err hf_store_tidy(struct hf_store *store);
/* The store's own clock, as its last answer told it plus what CLOCK_BOOTTIME counted since. */
hf_err hf_store_now(struct hf_store *store, int64_t *now);

unsigned hf_store_copies(struct hf_store *store, const char *name); /* how many it keeps: 1 or 2 */
const char *hf_store_url(struct hf_store *store); /* for messages; lives as long as the store */

#endif
