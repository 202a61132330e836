/*
 * From a chunk's id to its plain bytes, without a cache: finds its copies, reads, unseals, unzips,
 * computes the id again. Keeps what is dear to make: keys of packs (an X25519 agreement is 40 µs),
 * ciphers, zstd contexts, buffers; all of them bounded. Any thread.
 */
#ifndef HF_REPO_OPENER_H
#define HF_REPO_OPENER_H

#include "backend/repo/catalog.h"
#include "backend/repo/repo.h"

struct hf_opener;

/* The repository must outlive it. */
struct hf_opener *hf_opener_new(struct hf_repo *repo);
void hf_opener_free(struct hf_opener *opener);
HF_OWNABLE(hf_opener)

/*
 * From the first copy that is good; *bytes is of hf_alloc. HF_CORRUPT: every copy is bad or gone,
 * and the text names pack and chunk; HF_DENIED: no key; what the store says, unchanged, when it is
 * away.
 */
hf_err hf_opener_chunk(struct hf_opener *opener, enum hf_object_kind kind, const struct hf_id *id,
	uint8_t **bytes, size_t *len);
/* One place only: sealed holds the stored bytes of the pack's row, and is used up. HF_CORRUPT. */
hf_err hf_opener_unseal(struct hf_opener *opener, const struct hf_location *place,
	enum hf_object_kind kind, struct hf_buf *sealed, uint8_t *plain);

/*
 * The chunk at this place as it is compressed (or plain, if that is as long), after its id was
 * computed again. Appends.
 */
hf_err hf_opener_frame(struct hf_opener *opener, const struct hf_location *place,
	enum hf_object_kind kind, struct hf_buf *out);

#endif
