/*
 * Decoded chunks, kept while there is room. A chunk that is not there is claimed by the first who
 * asks; all who ask meanwhile wait for that one decode. What failed is told to who waited, and
 * forgotten. Knows nothing of stores. Any thread; nothing is decoded or freed under a lock.
 */
#ifndef HF_REPO_CACHE_H
#define HF_REPO_CACHE_H

#include "backend/repo/reader.h"

struct hf_cache;
struct hf_claim;

struct hf_cache_key {
	enum hf_object_kind kind;
	struct hf_id id;
};

/* limit: bytes of decoded chunks, without those in use. */
struct hf_cache *hf_cache_new(size_t limit);
/* Nobody may hold a chunk of it any more. */
void hf_cache_free(struct hf_cache *cache);
HF_OWNABLE(hf_cache)

/*
 * Exactly one of: a chunk (give it back with hf_chunk_unref()); a claim, which the caller must
 * settle or fail; the error of who decoded it just now.
 */
hf_err hf_cache_get(struct hf_cache *cache, const struct hf_cache_key *key,
	const struct hf_chunk **chunk, struct hf_claim **claim);
/* To decode ahead: NULL when it is there or under way. Never waits. */
struct hf_claim *hf_cache_claim(struct hf_cache *cache, const struct hf_cache_key *key);
bool hf_cache_has(struct hf_cache *cache, const struct hf_cache_key *key);

/* Takes bytes (of hf_alloc). chunk NULL: decoded ahead, nobody asked for it yet. */
void hf_cache_settle(
	struct hf_claim *claim, uint8_t *bytes, size_t len, const struct hf_chunk **chunk);
void hf_cache_fail(struct hf_claim *claim, const struct hf_error *err);

struct hf_cache_counts {
	size_t chunks, bytes; /* there now, used or not */
	uint64_t hits, misses, evicted;
};
void hf_cache_count(struct hf_cache *cache, struct hf_cache_counts *out);

#endif
