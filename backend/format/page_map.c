/* Page maps: the fingerprints of a page file's pages, one after the other. */
#include "backend/format/entry.h"

#define FINGERPRINT_LEN 16
#define LEAST_PAGE 512

static bool is_page_size(uint32_t size)
{
	return size >= LEAST_PAGE && size <= HF_MAX_CHUNK && (size & (size - 1)) == 0;
}

void hf_page_map_print(const struct hf_page_map *map, struct hf_buf *out)
{
	hf_put_u32(out, map->page);
	hf_put_u64(out, map->pages);
	hf_buf_add(out, map->fingerprints, map->pages * FINGERPRINT_LEN);
}

hf_err hf_page_map_parse(struct hf_span bytes, struct hf_page_map *out)
{
	struct hf_wire wire = hf_wire(bytes);
	const uint32_t page = hf_wire_u32(&wire);
	const uint64_t pages = hf_wire_u64(&wire);

	if (!is_page_size(page) || pages > wire.rest.len / FINGERPRINT_LEN) {
		hf_wire_fail(&wire);
		return hf_wire_end(&wire, "page map");
	}
	*out = (struct hf_page_map){.page = page,
		.pages = pages,
		.fingerprints = hf_wire_bytes(&wire, pages * FINGERPRINT_LEN).at};
	return hf_wire_end(&wire, "page map");
}
