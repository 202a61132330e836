/*
 * Each shard has a table of its chunks and two lists of those that nobody holds:
 *
 *     hot    used at least once, the most recently given back first
 *     ahead  decoded ahead and not used yet, the oldest first
 *
 * When there is no room, chunks that were decoded ahead go first if they have more than their part
 * of the shard; otherwise the coldest one. So a reader that runs ahead of nobody costs the hot ones
 * at most that part. A chunk in use is on no list: dropping it would free nothing.
 */
#include "backend/repo/cache.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A shard holds at least this much, so that a few large chunks never fill it. */
#define SHARD_BYTES ((size_t)32 << 20)
#define MAX_SHARDS 16u
/* In a small cache the part for decoding ahead is half of it, up to this; else a quarter. */
#define AHEAD_BYTES ((size_t)8 << 20)
#define FIRST_BUCKETS 64u

enum state { DECODING, READY, FAILED };

/* A chunk and what the cache knows of it. It is the claim, too, while it is being decoded. */
struct hf_claim {
	struct hf_chunk chunk; /* first: hf_chunk_unref() finds the rest from it */
	struct shard *shard;
	struct hf_cache_key key;
	struct hf_claim *next; /* in its bucket; of what is to be freed */
	struct hf_claim *before, *after;
	enum state state;
	unsigned refs; /* who holds it, decodes it or waits for it */
	bool wanted;   /* somebody asked for it: not only decoded ahead */
	struct hf_error *error;
	pthread_cond_t settled;
};

struct list {
	struct hf_claim *first, *last;
};

struct shard {
	pthread_mutex_t lock; /* guards everything below, and the fields of its chunks */
	struct hf_claim **buckets;
	size_t n_buckets, n;
	struct list hot, ahead;
	size_t bytes, ahead_bytes;
	size_t limit, ahead_limit;
	uint64_t hits, misses, evicted;
};

struct hf_cache {
	size_t n_shards;
	struct shard shards[MAX_SHARDS];
};

static size_t cost(const struct hf_claim *entry)
{
	return sizeof(*entry) + entry->chunk.len;
}

/* ---- the lists of what nobody holds ---- */

static void list_push_first(struct list *list, struct hf_claim *entry)
{
	entry->before = NULL;
	entry->after = list->first;
	if (list->first)
		list->first->before = entry;
	else
		list->last = entry;
	list->first = entry;
}

static void list_push_last(struct list *list, struct hf_claim *entry)
{
	entry->after = NULL;
	entry->before = list->last;
	if (list->last)
		list->last->after = entry;
	else
		list->first = entry;
	list->last = entry;
}

static void list_remove(struct list *list, struct hf_claim *entry)
{
	if (entry->before)
		entry->before->after = entry->after;
	else
		list->first = entry->after;
	if (entry->after)
		entry->after->before = entry->before;
	else
		list->last = entry->before;
	entry->before = entry->after = NULL;
}

static void unlist(struct shard *shard, struct hf_claim *entry)
{
	if (entry->wanted) {
		list_remove(&shard->hot, entry);
		return;
	}
	list_remove(&shard->ahead, entry);
	shard->ahead_bytes -= cost(entry);
}

static void enlist(struct shard *shard, struct hf_claim *entry)
{
	if (entry->wanted) {
		list_push_first(&shard->hot, entry);
		return;
	}
	list_push_last(&shard->ahead, entry);
	shard->ahead_bytes += cost(entry);
}

/* ---- the table ---- */

static struct hf_claim **bucket_of(const struct shard *shard, const struct hf_id *id)
{
	uint64_t hash;

	memcpy(&hash, id->bytes, sizeof(hash)); /* an id is uniform already */
	return &shard->buckets[hash & (shard->n_buckets - 1)];
}

static struct hf_claim *find(const struct shard *shard, const struct hf_cache_key *key)
{
	struct hf_claim *entry = *bucket_of(shard, &key->id);

	while (entry && (entry->key.kind != key->kind || !hf_id_equal(&entry->key.id, &key->id)))
		entry = entry->next;
	return entry;
}

static void grow_table(struct shard *shard)
{
	struct hf_claim **old = shard->buckets;
	size_t n_old = shard->n_buckets;

	shard->n_buckets = n_old * 2;
	shard->buckets = hf_calloc(shard->n_buckets, sizeof(struct hf_claim *));
	for (size_t i = 0; i < n_old; i++) {
		struct hf_claim *entry = old[i], *next;

		for (; entry; entry = next) {
			struct hf_claim **bucket = bucket_of(shard, &entry->key.id);

			next = entry->next;
			entry->next = *bucket;
			*bucket = entry;
		}
	}
	free(old);
}

static void table_remove(struct shard *shard, struct hf_claim *entry)
{
	struct hf_claim **at = bucket_of(shard, &entry->key.id);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	entry->next = NULL;
	shard->n--;
}

static struct hf_claim *table_add(struct shard *shard, const struct hf_cache_key *key)
{
	struct hf_claim *entry = hf_calloc(1, sizeof(*entry)), **bucket;

	if (shard->n == shard->n_buckets)
		grow_table(shard);
	entry->shard = shard;
	entry->key = *key;
	entry->refs = 1;
	pthread_cond_init(&entry->settled, NULL);
	bucket = bucket_of(shard, &key->id);
	entry->next = *bucket;
	*bucket = entry;
	shard->n++;
	return entry;
}

/* ---- room ---- */

static struct hf_claim *coldest(const struct shard *shard)
{
	bool ahead = shard->ahead_bytes > shard->ahead_limit || !shard->hot.last;

	return ahead ? shard->ahead.first : shard->hot.last;
}

/* Takes out what there is no room for; the caller frees it without the lock. */
static struct hf_claim *evict(struct shard *shard)
{
	struct hf_claim *gone = NULL;

	while (shard->bytes > shard->limit) {
		struct hf_claim *entry = coldest(shard);

		if (!entry)
			break;
		unlist(shard, entry);
		table_remove(shard, entry);
		shard->bytes -= cost(entry);
		shard->evicted++;
		entry->next = gone;
		gone = entry;
	}
	return gone;
}

static void free_chain(struct hf_claim *entry)
{
	struct hf_claim *next;

	for (; entry; entry = next) {
		next = entry->next;
		pthread_cond_destroy(&entry->settled);
		hf_error_free(entry->error); /* who waited has a copy */
		/* The one owner of these bytes; readers see them as const. */
		free((void *)(uintptr_t)entry->chunk.at);
		free(entry);
	}
}

/* Gives up one reference. Returns what is to be freed, without the lock. */
static struct hf_claim *drop(struct shard *shard, struct hf_claim *entry)
{
	if (--entry->refs > 0)
		return NULL;
	if (entry->state == FAILED)
		return entry; /* it left the table when it failed */
	enlist(shard, entry);
	return evict(shard);
}

/* ---- what users call ---- */

struct hf_cache *hf_cache_new(size_t limit)
{
	struct hf_cache *cache = hf_calloc(1, sizeof(*cache));

	cache->n_shards = HF_MIN(HF_MAX(limit / SHARD_BYTES, 1u), MAX_SHARDS);
	for (size_t i = 0; i < cache->n_shards; i++) {
		struct shard *shard = &cache->shards[i];

		pthread_mutex_init(&shard->lock, NULL);
		shard->limit = limit / cache->n_shards;
		shard->ahead_limit =
			HF_MAX(shard->limit / 4, HF_MIN(shard->limit / 2, AHEAD_BYTES));
		shard->n_buckets = FIRST_BUCKETS;
		shard->buckets = hf_calloc(shard->n_buckets, sizeof(struct hf_claim *));
	}
	return cache;
}

void hf_cache_free(struct hf_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->n_shards; i++) {
		struct shard *shard = &cache->shards[i];

		for (size_t b = 0; b < shard->n_buckets; b++) {
			for (struct hf_claim *e = shard->buckets[b]; e; e = e->next)
				assert(e->refs == 0);
			free_chain(shard->buckets[b]);
		}
		free(shard->buckets);
		pthread_mutex_destroy(&shard->lock);
	}
	free(cache);
}

static struct shard *shard_of(struct hf_cache *cache, const struct hf_cache_key *key)
{
	return &cache->shards[key->id.bytes[HF_ID_LEN - 1] % cache->n_shards];
}

/* One more who holds it; waits while another decodes. The lock is held. */
static struct hf_error *hold(struct hf_claim *entry)
{
	if (entry->refs++ == 0)
		unlist(entry->shard, entry);
	entry->wanted = true;
	while (entry->state == DECODING)
		pthread_cond_wait(&entry->settled, &entry->shard->lock);
	return hf_error_copy(entry->error);
}

hf_err hf_cache_get(struct hf_cache *cache, const struct hf_cache_key *key,
	const struct hf_chunk **chunk, struct hf_claim **claim)
{
	struct shard *shard = shard_of(cache, key);
	struct hf_claim *entry, *gone = NULL;
	struct hf_error *err = NULL;

	*chunk = NULL;
	*claim = NULL;
	pthread_mutex_lock(&shard->lock);
	entry = find(shard, key);
	if (entry) {
		shard->hits++;
		err = hold(entry);
		if (err)
			gone = drop(shard, entry);
		else
			*chunk = &entry->chunk;
	} else {
		shard->misses++;
		*claim = table_add(shard, key);
		(*claim)->wanted = true;
	}
	pthread_mutex_unlock(&shard->lock);
	free_chain(gone);
	return err;
}

struct hf_claim *hf_cache_claim(struct hf_cache *cache, const struct hf_cache_key *key)
{
	struct shard *shard = shard_of(cache, key);
	struct hf_claim *claim = NULL;

	pthread_mutex_lock(&shard->lock);
	if (!find(shard, key))
		claim = table_add(shard, key);
	pthread_mutex_unlock(&shard->lock);
	return claim;
}

bool hf_cache_has(struct hf_cache *cache, const struct hf_cache_key *key)
{
	struct shard *shard = shard_of(cache, key);
	bool has;

	pthread_mutex_lock(&shard->lock);
	has = find(shard, key) != NULL;
	pthread_mutex_unlock(&shard->lock);
	return has;
}

void hf_cache_settle(
	struct hf_claim *claim, uint8_t *bytes, size_t len, const struct hf_chunk **chunk)
{
	struct shard *shard = claim->shard;
	struct hf_claim *gone;

	pthread_mutex_lock(&shard->lock);
	claim->chunk = (struct hf_chunk){.at = bytes, .len = len};
	claim->state = READY;
	shard->bytes += cost(claim);
	pthread_cond_broadcast(&claim->settled);
	if (chunk) {
		*chunk = &claim->chunk;
		gone = evict(shard);
	} else {
		gone = drop(shard, claim);
	}
	pthread_mutex_unlock(&shard->lock);
	free_chain(gone);
}

void hf_cache_fail(struct hf_claim *claim, const struct hf_error *err)
{
	struct shard *shard = claim->shard;
	struct hf_claim *gone;

	pthread_mutex_lock(&shard->lock);
	table_remove(shard, claim);
	claim->state = FAILED;
	claim->error = hf_error_copy(err);
	pthread_cond_broadcast(&claim->settled);
	gone = drop(shard, claim);
	pthread_mutex_unlock(&shard->lock);
	free_chain(gone);
}

void hf_chunk_unref(const struct hf_chunk *chunk)
{
	/* Every chunk that is given out is the first member of one. */
	struct hf_claim *entry = (struct hf_claim *)(uintptr_t)chunk;
	struct shard *shard;
	struct hf_claim *gone;

	if (!chunk)
		return;
	shard = entry->shard;
	pthread_mutex_lock(&shard->lock);
	gone = drop(shard, entry);
	pthread_mutex_unlock(&shard->lock);
	free_chain(gone);
}

void hf_cache_count(struct hf_cache *cache, struct hf_cache_counts *out)
{
	*out = (struct hf_cache_counts){0};
	for (size_t i = 0; i < cache->n_shards; i++) {
		struct shard *shard = &cache->shards[i];

		pthread_mutex_lock(&shard->lock);
		out->chunks += shard->n;
		out->bytes += shard->bytes;
		out->hits += shard->hits;
		out->misses += shard->misses;
		out->evicted += shard->evicted;
		pthread_mutex_unlock(&shard->lock);
	}
}
