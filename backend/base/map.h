/*
 * A hash map from 32-byte ids, which are uniform already and so their own hash, to a number or a
 * pointer. One thread.
 */
#ifndef HF_BASE_MAP_H
#define HF_BASE_MAP_H

#include "backend/base/id.h"
#include <stddef.h>

union hf_map_value {
	void *pointer;
	uint64_t number;
};

struct hf_map {
	struct hf_map_slot *slots;
	size_t n, cap;
};

/* The value's place, or NULL; dies at the next put. */
union hf_map_value *hf_map_get(const struct hf_map *map, const struct hf_id *id);
/* Its place, made (zero) if absent; *fresh tells which (NULL ok). Dies at the next put. */
union hf_map_value *hf_map_put(struct hf_map *map, const struct hf_id *id, bool *fresh);
/* Calls each; the order is arbitrary. The map must not change meanwhile. */
void hf_map_each(const struct hf_map *map,
	void (*each)(void *arg, const struct hf_id *id, union hf_map_value *value), void *arg);
void hf_map_release(struct hf_map *map);

#endif
