/* Opening a store by its URL, and the checked calls through which everyone uses it. */
#include "backend/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/text.h"
#include "backend/store/driver.h"

const char *const hf_store_tops[HF_STORE_TOPS] = {
	"checkpoints", "commits", "keyring", "meta", "packs"};

static bool top_valid(const char *part, size_t len)
{
	for (size_t i = 0; i < HF_STORE_TOPS; i++)
		if (strlen(hf_store_tops[i]) == len && memcmp(hf_store_tops[i], part, len) == 0)
			return true;
	return false;
}

/* A dot would begin "..", a driver's temporary names, and what file systems hide. */
static bool part_valid(const char *part, size_t len)
{
	if (len == 0 || part[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (part[i] <= ' ' || part[i] > '~')
			return false;
	return true;
}

bool hf_store_name_valid(const char *name)
{
	size_t parts = 0, len;

	if (strlen(name) > HF_OBJECT_NAME_MAX)
		return false;
	for (const char *part = name;; part += len + 1) {
		len = strcspn(part, "/");
		if (!part_valid(part, len) || (parts == 0 && !top_valid(part, len)))
			return false;
		parts++;
		if (part[len] == '\0')
			return parts == 2 || parts == 3;
	}
}

static hf_err check_name(const char *name)
{
	if (hf_store_name_valid(name))
		return NULL;
	return hf_error_new(HF_INVALID, "not a name for an object");
}

static hf_err unsupported(const struct hf_store *store)
{
	return hf_error_new(HF_UNSUPPORTED, "a %s store can't do that", store->ops->scheme);
}

/* The one place that says which object of which store; a decorator's inner store has said it. */
static hf_err in_store(const struct hf_store *store, const char *name, struct hf_error *err)
{
	if (!err || store->inner)
		return err;
	return hf_error_in(err, "%s: %s", store->url, name);
}

static size_t scheme_len(const char *url)
{
	size_t len = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	return strncmp(url + len, "://", 3) == 0 ? len : 0;
}

hf_err hf_store_open(const char *url, bool create, struct hf_store **out)
{
	size_t len = scheme_len(url);

	if (url[0] == '\0')
		return hf_error_new(HF_INVALID, "the store's URL is empty");
	if (len == 0)
		return hf_store_dir_open(url, create, out);
	if (strncmp(url, "file:///", 8) == 0)
		return hf_store_dir_open(url + 7, create, out);
	if (strncmp(url, "file://", 7) == 0)
		return hf_error_new(HF_INVALID, "%s: not absolute; hint: file:///path", url);
	return hf_error_new(HF_INVALID, "%s: no such kind of store; hint: file:///path", url);
}

void hf_store_free(struct hf_store *store)
{
	if (!store)
		return;
	hf_store_free(store->inner);
	free(store->url);
	store->ops->close(store);
}

static hf_err put_object(struct hf_store *store, const char *name, struct hf_span bytes)
{
	HF_TRY(check_name(name));
	return store->ops->put ? store->ops->put(store, name, bytes) : unsupported(store);
}

hf_err hf_store_put(struct hf_store *store, const char *name, struct hf_span bytes)
{
	return in_store(store, name, put_object(store, name, bytes));
}

static hf_err check_copy(struct hf_store *store, const char *name, unsigned copy)
{
	HF_TRY(check_name(name));
	if (copy < hf_store_copies(store, name))
		return NULL;
	return hf_error_new(HF_NOT_FOUND, "there is no copy %u of it", copy);
}

static hf_err get_range(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out)
{
	const size_t before = out->len;
	struct hf_error *err;

	HF_TRY(check_copy(store, name, copy));
	if (!store->ops->get)
		return unsupported(store);
	err = store->ops->get(store, name, copy, from, len, out);
	if (!err && out->len - before != len)
		err = hf_error_new(HF_CORRUPT, "gave %zu bytes of %zu", out->len - before, len);
	if (err)
		out->len = before;
	return err;
}

hf_err hf_store_get(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out)
{
	return in_store(store, name, get_range(store, name, copy, from, len, out));
}

static hf_err stat_object(struct hf_store *store, const char *name, unsigned copy, uint64_t *size)
{
	HF_TRY(check_copy(store, name, copy));
	return store->ops->stat ? store->ops->stat(store, name, copy, size) : unsupported(store);
}

hf_err hf_store_stat(struct hf_store *store, const char *name, unsigned copy, uint64_t *size)
{
	return in_store(store, name, stat_object(store, name, copy, size));
}

static hf_err get_all(
	struct hf_store *store, const char *name, unsigned copy, size_t max, struct hf_buf *out)
{
	uint64_t size;

	HF_TRY(stat_object(store, name, copy, &size));
	if (size > max)
		return hf_error_new(HF_CORRUPT, "%llu bytes, more than the %zu it may have",
			(unsigned long long)size, max);
	return get_range(store, name, copy, 0, (size_t)size, out);
}

hf_err hf_store_get_all(
	struct hf_store *store, const char *name, unsigned copy, size_t max, struct hf_buf *out)
{
	return in_store(store, name, get_all(store, name, copy, max, out));
}

/* What lies between a driver's listing and the caller: order and names come from outside. */
struct listing {
	const char *prefix, *after;
	bool names;
	hf_object_fn *each;
	void *arg;
	struct hf_buf last;      /* the name before, with its NUL */
	struct hf_error *failed; /* the caller's own error: not the store's to explain */
};

static hf_err show(void *arg, const struct hf_object *object)
{
	struct listing *listing = arg;
	const char *name = object->name;

	if (!hf_store_name_valid(name) || strcmp(name, listing->after) <= 0 ||
		!hf_text_begins(name, listing->prefix))
		return NULL;
	if (listing->last.len > 0 && strcmp((const char *)listing->last.at, name) >= 0)
		return hf_error_new(HF_CORRUPT, "listed out of order: %s", name);
	hf_buf_clear(&listing->last);
	hf_buf_add(&listing->last, name, strlen(name) + 1);
	const struct hf_object bare = {.name = name};

	listing->failed = listing->each(listing->arg, listing->names ? &bare : object);
	return listing->failed;
}

static hf_err list(struct hf_store *store, struct listing *listing)
{
	struct hf_error *err;

	err = store->ops->list ? store->ops->list(store, listing->prefix, listing->after,
					 listing->names, show, listing)
			       : unsupported(store);
	hf_buf_release(&listing->last);
	return err && err == listing->failed ? err : in_store(store, listing->prefix, err);
}

hf_err hf_store_list(struct hf_store *store, const char *prefix, const char *after,
	hf_object_fn *each, void *arg)
{
	struct listing listing = {prefix, after, false, each, arg, {0}, NULL};

	return list(store, &listing);
}

hf_err hf_store_names(struct hf_store *store, const char *prefix, const char *after,
	hf_object_fn *each, void *arg)
{
	struct listing listing = {prefix, after, true, each, arg, {0}, NULL};

	return list(store, &listing);
}

static hf_err remove_object(struct hf_store *store, const char *name)
{
	HF_TRY(check_name(name));
	return store->ops->remove ? store->ops->remove(store, name) : unsupported(store);
}

hf_err hf_store_remove(struct hf_store *store, const char *name)
{
	return in_store(store, name, remove_object(store, name));
}

static hf_err mend_object(
	struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes)
{
	HF_TRY(check_copy(store, name, copy));
	return store->ops->mend ? store->ops->mend(store, name, copy, bytes) : unsupported(store);
}

hf_err hf_store_mend(struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes)
{
	return in_store(store, name, mend_object(store, name, copy, bytes));
}

hf_err hf_store_tidy(struct hf_store *store)
{
	return store->ops->tidy ? in_store(store, "temporary files", store->ops->tidy(store))
				: NULL;
}

hf_err hf_store_now(struct hf_store *store, int64_t *now)
{
	return in_store(
		store, "clock", store->ops->now ? store->ops->now(store, now) : unsupported(store));
}

unsigned hf_store_copies(struct hf_store *store, const char *name)
{
	return store->ops->copies ? store->ops->copies(store, name) : 1;
}

const char *hf_store_url(struct hf_store *store)
{
	while (store->inner)
		store = store->inner;
	return store->url;
}
