/* Each call: is it hit, do it, is it hit late. */
#include "tests/lib/fault_store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct fault_store {
	struct hf_store store;
	struct hf_fault *fault;
};

static struct hf_fault *fault_of(struct hf_store *store)
{
	return ((struct fault_store *)store)->fault;
}

static hf_err strike(struct hf_fault *fault, const char *name)
{
	if (fault->act == HF_FAULT_KILL)
		fault->kill(fault->arg);
	if (fault->act != HF_FAULT_FAIL)
		return NULL;
	return hf_error_new(fault->kind ? fault->kind : HF_SYSTEM, "%s: fault at call %u", name,
		atomic_load(&fault->count));
}

static hf_err before(struct hf_fault *fault, enum hf_store_call call, const char *name, bool *hit)
{
	unsigned count;

	*hit = false;
	if (atomic_load(&fault->gone))
		return hf_error_new(HF_SYSTEM, "%s: the store has vanished", name);
	if (fault->calls && !(fault->calls & call))
		return NULL;
	if (fault->prefix && strncmp(name, fault->prefix, strlen(fault->prefix)) != 0)
		return NULL;
	count = atomic_fetch_add(&fault->count, 1) + 1;
	*hit = fault->at && count >= fault->at && count - fault->at < HF_MAX(fault->times, 1);
	return *hit && !fault->late ? strike(fault, name) : NULL;
}

static hf_err behind(struct hf_fault *fault, const char *name, bool hit, struct hf_error *err)
{
	if (err || !hit || !fault->late)
		return err;
	return strike(fault, name);
}

static hf_err put(struct hf_store *store, const char *name, struct hf_span bytes)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_PUT, name, &hit));
	return behind(fault, name, hit, hf_store_put(store->inner, name, bytes));
}

static hf_err get(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out)
{
	struct hf_fault *fault = fault_of(store);
	const size_t start = out->len;
	bool hit;

	HF_TRY(before(fault, HF_CALL_GET, name, &hit));
	HF_TRY(hf_store_get(store->inner, name, copy, from, len, out));
	if (hit && fault->act == HF_FAULT_FLIP && len > 0) {
		const uint64_t bit = fault->bit % ((uint64_t)len * CHAR_BIT);

		out->at[start + bit / CHAR_BIT] ^= (uint8_t)(1u << bit % CHAR_BIT);
	}
	if (hit && fault->act == HF_FAULT_CUT)
		out->len = start + len / 2;
	return behind(fault, name, hit, NULL);
}

static hf_err stat_object(struct hf_store *store, const char *name, unsigned copy, uint64_t *size)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_STAT, name, &hit));
	return behind(fault, name, hit, hf_store_stat(store->inner, name, copy, size));
}

static hf_err list(struct hf_store *store, const char *prefix, const char *after, bool names,
	hf_object_fn *each, void *arg)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_LIST, prefix, &hit));
	return behind(fault, prefix, hit,
		names ? hf_store_names(store->inner, prefix, after, each, arg)
		      : hf_store_list(store->inner, prefix, after, each, arg));
}

static hf_err remove_object(struct hf_store *store, const char *name)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_REMOVE, name, &hit));
	return behind(fault, name, hit, hf_store_remove(store->inner, name));
}

static hf_err mend(struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_MEND, name, &hit));
	return behind(fault, name, hit, hf_store_mend(store->inner, name, copy, bytes));
}

static hf_err tidy(struct hf_store *store)
{
	return hf_store_tidy(store->inner);
}

static hf_err now(struct hf_store *store, int64_t *now)
{
	struct hf_fault *fault = fault_of(store);
	bool hit;

	HF_TRY(before(fault, HF_CALL_NOW, "clock", &hit));
	return behind(fault, "clock", hit, hf_store_now(store->inner, now));
}

static unsigned copies(struct hf_store *store, const char *name)
{
	return hf_store_copies(store->inner, name);
}

static void close_fault(struct hf_store *store)
{
	free(store);
}

static const struct hf_store_ops ops = {
	.scheme = "fault",
	.put = put,
	.get = get,
	.stat = stat_object,
	.list = list,
	.remove = remove_object,
	.mend = mend,
	.tidy = tidy,
	.now = now,
	.copies = copies,
	.close = close_fault,
};

hf_err hf_fault_store_open(struct hf_store *inner, struct hf_fault *fault, struct hf_store **out)
{
	struct fault_store *fault_store = hf_calloc(1, sizeof(*fault_store));

	fault_store->store.ops = &ops;
	fault_store->store.inner = inner;
	fault_store->fault = fault;
	*out = &fault_store->store;
	return NULL;
}
