#include "backend/tree/links.h"

#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/tree/entry_copy.h"
#include "backend/tree/mix.h"

struct hf_link *hf_links_get(
	struct hf_links *links, uint64_t device, uint64_t inode, const char *path, bool *fresh)
{
	union hf_map_value *value;
	struct hf_link *link;
	struct hf_id id;

	hf_mix_key(device, inode, &id);
	value = hf_map_put(&links->map, &id, fresh);
	if (!*fresh)
		return value->pointer;
	link = hf_calloc(1, sizeof(*link));
	value->pointer = link;
	hf_sha256(hf_span_str(path), &id);
	memcpy(link->id, id.bytes, sizeof(link->id));
	return link;
}

void hf_link_set(struct hf_link *link, const struct hf_entry *entry, struct hf_pieces *content)
{
	free(link->own);
	link->own = hf_entry_copy(entry, &link->entry);
	link->content = content ? hf_pieces_ref(content) : NULL;
	link->state = HF_LINK_READ;
}

static void release(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	struct hf_links *links = arg;
	struct hf_link *link = value->pointer;

	(void)id;
	hf_pieces_unref(links->puts, link->content);
	free(link->own);
	free(link);
}

void hf_links_release(struct hf_links *links)
{
	hf_map_each(&links->map, release, links);
	hf_map_release(&links->map);
}
