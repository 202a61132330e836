/* The names of one local directory, in bytewise order. One thread. */
#ifndef HF_TREE_LISTING_H
#define HF_TREE_LISTING_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

struct hf_name {
	uint64_t key; /* its first 8 bytes: settles most comparisons */
	uint32_t at;  /* in text */
	uint16_t len;
	uint8_t type; /* of struct dirent; DT_UNKNOWN: only stat tells */
};
struct hf_listing {
	struct hf_buf text;
	struct hf_name *names;
	size_t n, cap;
};

void hf_listing_clear(struct hf_listing *listing); /* keeps the memory */
void hf_listing_release(struct hf_listing *listing);
void hf_listing_add(struct hf_listing *listing, const char *name, uint8_t type); /* at the end */
/* All that the directory has, sorted. */
hf_err hf_listing_read(struct hf_listing *listing, int fd);
/* Only CACHEDIR.TAG, if the directory has one that says that all else can be made again. */
void hf_listing_drop_cache(struct hf_listing *listing, int fd);

static inline const char *hf_listing_text(
	const struct hf_listing *listing, const struct hf_name *name)
{
	return (const char *)listing->text.at + name->at;
}

#endif
