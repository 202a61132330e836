/* Objects in a sorted array. */
#include "tests/lib/mem_store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/time.h"

struct object {
	char *name;
	int64_t time; /* of the last put */
	struct {
		bool there;
		struct hf_buf bytes;
	} copies[2];
};

struct hf_mem {
	unsigned copies;
	_Atomic int64_t shift; /* of its clock */
	hf_mem_hook_fn *hook;
	void *hook_arg;

	pthread_mutex_t lock;    /* guards everything below */
	struct object **objects; /* by name; some have no copy left */
	size_t n, cap;
};

struct mem_store {
	struct hf_store store;
	struct hf_mem *mem;
};

static struct hf_mem *mem_of(struct hf_store *store)
{
	return ((struct mem_store *)store)->mem;
}

static unsigned copies_of(const struct hf_mem *mem, const char *name)
{
	return strncmp(name, "packs/", 6) == 0 ? 1 : mem->copies;
}

static int64_t time_of(const struct hf_mem *mem)
{
	return hf_time_now() + mem->shift;
}

void hf_mem_shift(struct hf_mem *mem, int64_t shift)
{
	mem->shift = shift;
}

void hf_mem_pass(struct hf_mem *mem, int64_t days)
{
	mem->shift += days * 24 * 3600 * HF_NS_PER_S;
}

static hf_err enter(struct hf_mem *mem, enum hf_store_call call, const char *name)
{
	return mem->hook ? mem->hook(mem->hook_arg, call, name) : NULL;
}

/* Where name is, or would be. */
static size_t place_of(const struct hf_mem *mem, const char *name)
{
	size_t low = 0, high = mem->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(mem->objects[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct object *find(const struct hf_mem *mem, const char *name)
{
	const size_t at = place_of(mem, name);

	return at < mem->n && strcmp(mem->objects[at]->name, name) == 0 ? mem->objects[at] : NULL;
}

static bool is_there(const struct object *object)
{
	return object && (object->copies[0].there || object->copies[1].there);
}

static struct object *find_or_add(struct hf_mem *mem, const char *name)
{
	const size_t at = place_of(mem, name);
	struct object *object = find(mem, name);

	if (object)
		return object;
	object = hf_calloc(1, sizeof(*object));
	object->name = hf_strdup(name);
	mem->objects = hf_grow(mem->objects, &mem->cap, mem->n + 1, sizeof(*mem->objects));
	memmove(mem->objects + at + 1, mem->objects + at, (mem->n - at) * sizeof(*mem->objects));
	mem->objects[at] = object;
	mem->n++;
	return object;
}

static void fill(struct object *object, unsigned copy, struct hf_span bytes)
{
	hf_buf_clear(&object->copies[copy].bytes);
	hf_buf_add_span(&object->copies[copy].bytes, bytes);
	object->copies[copy].there = true;
}

static hf_err put(struct hf_store *store, const char *name, struct hf_span bytes)
{
	struct hf_mem *mem = mem_of(store);
	bool taken;

	HF_TRY(enter(mem, HF_CALL_PUT, name));
	pthread_mutex_lock(&mem->lock);
	taken = is_there(find(mem, name));
	for (unsigned copy = 0; !taken && copy < copies_of(mem, name); copy++)
		fill(find_or_add(mem, name), copy, bytes);
	if (!taken)
		find(mem, name)->time = time_of(mem);
	pthread_mutex_unlock(&mem->lock);
	return taken ? hf_error_new(HF_EXISTS, "there is one already") : NULL;
}

/* Under the lock. */
static hf_err read_range(
	const struct object *object, unsigned copy, uint64_t from, size_t len, struct hf_buf *out)
{
	const struct hf_buf *bytes;

	if (!object || !object->copies[copy].there)
		return hf_error_new(HF_NOT_FOUND, "no such object");
	bytes = &object->copies[copy].bytes;
	if (from > bytes->len || len > bytes->len - from)
		return hf_error_new(HF_CORRUPT, "it has %zu bytes, asked for %zu from %llu",
			bytes->len, len, (unsigned long long)from);
	if (len > 0)
		hf_buf_add(out, bytes->at + from, len);
	return NULL;
}

static hf_err get(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out)
{
	struct hf_mem *mem = mem_of(store);
	struct hf_error *err;

	HF_TRY(enter(mem, HF_CALL_GET, name));
	pthread_mutex_lock(&mem->lock);
	err = read_range(find(mem, name), copy, from, len, out);
	pthread_mutex_unlock(&mem->lock);
	return err;
}

static hf_err stat_object(struct hf_store *store, const char *name, unsigned copy, uint64_t *size)
{
	struct hf_mem *mem = mem_of(store);
	const struct object *object;
	bool there;

	HF_TRY(enter(mem, HF_CALL_STAT, name));
	pthread_mutex_lock(&mem->lock);
	object = find(mem, name);
	there = object && object->copies[copy].there;
	*size = there ? object->copies[copy].bytes.len : 0;
	pthread_mutex_unlock(&mem->lock);
	return there ? NULL : hf_error_new(HF_NOT_FOUND, "no such object");
}

/* What there is now, copied: the caller's function runs without the lock. */
static struct hf_object *snapshot(
	struct hf_mem *mem, const char *prefix, struct hf_arena *names, size_t *n)
{
	struct hf_object *objects;

	*n = 0;
	pthread_mutex_lock(&mem->lock);
	objects = hf_arena_alloc(names, (mem->n + 1) * sizeof(*objects));
	for (size_t i = place_of(mem, prefix); i < mem->n; i++) {
		const struct object *object = mem->objects[i];
		const unsigned copy = !object->copies[0].there;

		if (strncmp(object->name, prefix, strlen(prefix)) != 0)
			break;
		if (!is_there(object))
			continue;
		objects[(*n)++] = (struct hf_object){
			.name = hf_arena_str(names, object->name, strlen(object->name)),
			.size = object->copies[copy].bytes.len,
			.time = object->time,
		};
	}
	pthread_mutex_unlock(&mem->lock);
	return objects;
}

static hf_err list(struct hf_store *store, const char *prefix, const char *after, bool bare,
	hf_object_fn *each, void *arg)
{
	HF_RELEASED(hf_arena) names = {0};
	struct hf_mem *mem = mem_of(store);
	const struct hf_object *objects;
	size_t n;

	(void)bare;
	HF_TRY(enter(mem, HF_CALL_LIST, prefix));
	objects = snapshot(mem, prefix, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(objects[i].name, after) > 0)
			HF_TRY(each(arg, &objects[i]));
	return NULL;
}

static hf_err remove_object(struct hf_store *store, const char *name)
{
	struct hf_mem *mem = mem_of(store);

	HF_TRY(enter(mem, HF_CALL_REMOVE, name));
	hf_mem_lose(mem, name, 0);
	hf_mem_lose(mem, name, 1);
	return NULL;
}

static hf_err mend(struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes)
{
	struct hf_mem *mem = mem_of(store);

	HF_TRY(enter(mem, HF_CALL_MEND, name));
	pthread_mutex_lock(&mem->lock);
	fill(find_or_add(mem, name), copy, bytes);
	pthread_mutex_unlock(&mem->lock);
	return NULL;
}

static hf_err now(struct hf_store *store, int64_t *now)
{
	HF_TRY(enter(mem_of(store), HF_CALL_NOW, "clock"));
	*now = time_of(mem_of(store));
	return NULL;
}

static unsigned copies(struct hf_store *store, const char *name)
{
	return copies_of(mem_of(store), name);
}

static void close_mem(struct hf_store *store)
{
	free(store);
}

static const struct hf_store_ops ops = {
	.scheme = "memory",
	.put = put,
	.get = get,
	.stat = stat_object,
	.list = list,
	.remove = remove_object,
	.mend = mend,
	.now = now,
	.copies = copies,
	.close = close_mem,
};

struct hf_mem *hf_mem_new(unsigned copies)
{
	struct hf_mem *mem = hf_calloc(1, sizeof(*mem));

	mem->copies = copies;
	pthread_mutex_init(&mem->lock, NULL);
	return mem;
}

void hf_mem_free(struct hf_mem *mem)
{
	if (!mem)
		return;
	for (size_t i = 0; i < mem->n; i++) {
		free(mem->objects[i]->name);
		hf_buf_release(&mem->objects[i]->copies[0].bytes);
		hf_buf_release(&mem->objects[i]->copies[1].bytes);
		free(mem->objects[i]);
	}
	free(mem->objects);
	pthread_mutex_destroy(&mem->lock);
	free(mem);
}

hf_err hf_mem_store_open(struct hf_mem *mem, struct hf_store **out)
{
	struct mem_store *mem_store = hf_calloc(1, sizeof(*mem_store));

	mem_store->store.ops = &ops;
	mem_store->store.url = hf_strdup("memory");
	mem_store->mem = mem;
	*out = &mem_store->store;
	return NULL;
}

void hf_mem_hook(struct hf_mem *mem, hf_mem_hook_fn *hook, void *arg)
{
	mem->hook_arg = arg;
	mem->hook = hook;
}

size_t hf_mem_count(struct hf_mem *mem, const char *prefix)
{
	HF_RELEASED(hf_arena) names = {0};
	size_t n;

	snapshot(mem, prefix, &names, &n);
	return n;
}

uint64_t hf_mem_bytes(struct hf_mem *mem, const char *prefix)
{
	HF_RELEASED(hf_arena) names = {0};
	const struct hf_object *objects;
	uint64_t sum = 0;
	size_t n;

	objects = snapshot(mem, prefix, &names, &n);
	for (size_t i = 0; i < n; i++)
		sum += objects[i].size;
	return sum;
}

struct hf_buf *hf_mem_at(struct hf_mem *mem, const char *name, unsigned copy)
{
	struct object *object;

	pthread_mutex_lock(&mem->lock);
	object = find(mem, name);
	pthread_mutex_unlock(&mem->lock);
	return object && object->copies[copy].there ? &object->copies[copy].bytes : NULL;
}

void hf_mem_lose(struct hf_mem *mem, const char *name, unsigned copy)
{
	struct object *object;

	pthread_mutex_lock(&mem->lock);
	object = find(mem, name);
	if (object) {
		object->copies[copy].there = false;
		hf_buf_release(&object->copies[copy].bytes);
	}
	pthread_mutex_unlock(&mem->lock);
}

static void copy_all(struct hf_mem *to, const struct hf_mem *from)
{
	for (size_t i = 0; i < from->n; i++) {
		for (unsigned copy = 0; copy < 2; copy++)
			if (from->objects[i]->copies[copy].there)
				fill(find_or_add(to, from->objects[i]->name), copy,
					hf_buf_span(&from->objects[i]->copies[copy].bytes));
		if (is_there(from->objects[i]))
			find(to, from->objects[i]->name)->time = from->objects[i]->time;
	}
}

struct hf_mem *hf_mem_save(struct hf_mem *mem)
{
	struct hf_mem *saved = hf_mem_new(mem->copies);

	pthread_mutex_lock(&mem->lock);
	copy_all(saved, mem);
	pthread_mutex_unlock(&mem->lock);
	return saved;
}

void hf_mem_go_back(struct hf_mem *mem, const struct hf_mem *saved)
{
	for (size_t i = 0; i < mem->n; i++)
		for (unsigned copy = 0; copy < 2; copy++)
			hf_mem_lose(mem, mem->objects[i]->name, copy);
	pthread_mutex_lock(&mem->lock);
	copy_all(mem, saved);
	pthread_mutex_unlock(&mem->lock);
}
