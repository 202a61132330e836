/*
 * What ties a sealed object together: how its keys follow from its header, what each sealing is
 * bound to, and what a signature covers (docs/format.md sections 2, 3 and 5). For container.c and
 * builder.c. Pure.
 */
#ifndef HF_FORMAT_BOUND_H
#define HF_FORMAT_BOUND_H

#include "backend/format/container.h"

/* Content packs and commits: the chunks are the readers', only the last section is everybody's. */
bool hf_kind_for_readers(uint8_t kind);
/* Commits and checkpoints; packs if something stands behind the table. */
bool hf_kind_signed(uint8_t kind, size_t behind);
uint64_t hf_kind_max_size(uint8_t kind);

struct hf_bound {
	uint8_t bytes[HF_REPO_ID_LEN + HF_HEADER_LEN + HF_ID_LEN + sizeof(uint32_t)];
	size_t len;
};
static inline struct hf_span hf_bound_span(const struct hf_bound *bound)
{
	return hf_span(bound->bytes, bound->len);
}
void hf_bound_last(const uint8_t *repository, const uint8_t *header, struct hf_bound *out);
void hf_bound_chunk(const struct hf_chunk_place *place, struct hf_bound *out);

/* agreed: X25519 of the object's value and the epoch's content key. header: 64 bytes. */
void hf_key_of_content(const struct hf_epoch_keys *keys, const struct hf_key *agreed,
	const uint8_t *header, struct hf_key *out);
/* label: "last" where the chunks are the readers', else "meta". */
void hf_key_of_metadata(const struct hf_epoch_keys *keys, const char *label, const uint8_t *header,
	struct hf_key *out);

struct hf_signed {
	const struct hf_epoch_keys *keys;
	const struct hf_signing *signing;
	uint8_t kind;
	struct hf_id chunks; /* SHA-256 of the header and the sealed chunks */
	struct hf_id last;   /* SHA-256 of the plain last section before the signature */
};
/* Appends the message that is signed. */
void hf_signed_print(const struct hf_signed *what, struct hf_buf *out);

#endif
