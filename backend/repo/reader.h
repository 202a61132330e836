/*
 * Chunks by id, decoded once for all who ask at the same time, kept while the cache has room. Any
 * thread. A copy that is bad is passed over for the next; HF_CORRUPT names the pack when all are.
 */
#ifndef HF_REPO_READER_H
#define HF_REPO_READER_H

#include "backend/repo/repo.h"

struct hf_reader;
struct hf_chunk {
	const uint8_t *at;
	size_t len;
};

/* cache_bytes: of decoded chunks. workers: threads that decode ahead; 0: none. */
hf_err hf_reader_open(
	struct hf_repo *repo, size_t cache_bytes, unsigned workers, struct hf_reader **out);
void hf_reader_free(struct hf_reader *reader);
HF_OWNABLE(hf_reader)

/*
 * kind tells the key of the id: HF_CONTENT_PACK or HF_META_PACK. Give it back with
 * hf_chunk_unref().
 */
hf_err hf_reader_get(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id,
	const struct hf_chunk **out);
void hf_chunk_unref(const struct hf_chunk *chunk); /* NULL ok */
/* Begins to decode, if it is not there and a worker is free; never waits. */
void hf_reader_prefetch(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id);
struct hf_repo *hf_reader_repo(const struct hf_reader *reader);

static inline void hf_chunk_unref_at(const struct hf_chunk **at)
{
	hf_chunk_unref(*at);
}
#define HF_CHUNK_REF __attribute__((cleanup(hf_chunk_unref_at))) const struct hf_chunk *

#endif
