/*
 * Files with several names, in one run: the first that is found is read, the others take what it
 * found. One thread.
 */
#ifndef HF_TREE_LINKS_H
#define HF_TREE_LINKS_H

#include "backend/base/map.h"
#include "backend/tree/puts.h"

enum hf_link_state { HF_LINK_READING, HF_LINK_READ, HF_LINK_FAILED };

struct hf_link {
	enum hf_link_state state;
	bool kept;   /* from an earlier snapshot, as it is */
	bool sealed; /* its fingerprint is by this run's secret */
	uint8_t id[HF_LINK_ID_LEN];
	struct hf_entry entry;     /* once read; of the first name */
	void *own;                 /* entry's memory */
	struct hf_pieces *content; /* NULL: entry's extents as they are */
};
struct hf_links {
	struct hf_puts *puts;
	struct hf_map map;
};
/* fresh: the first name, which is at path. */
struct hf_link *hf_links_get(
	struct hf_links *links, uint64_t device, uint64_t inode, const char *path, bool *fresh);
void hf_link_set(struct hf_link *link, const struct hf_entry *entry, struct hf_pieces *content);
void hf_links_release(struct hf_links *links);

#endif
