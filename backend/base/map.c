/*
 * Open addressing with linear probing, at most three quarters full. Behind the slots stands one
 * byte for each that tells whether it is taken, because every id, zero too, is a valid key.
 */
#include "backend/base/map.h"

#include <stdlib.h>

#include "backend/base/buf.h"

#define FIRST_BITS 4u

struct hf_map_slot {
	struct hf_id id;
	union hf_map_value value;
};

static uint8_t *taken_of(const struct hf_map *map)
{
	return (uint8_t *)(map->slots + map->cap);
}

/*
 * Which eight bytes of the id are the hash depends on the size of the map: if it did not, pouring
 * one map into a smaller one would fill that from its front, and take quadratic time.
 */
static size_t home_of(const struct hf_map *map, const struct hf_id *id)
{
	unsigned bits = (unsigned)__builtin_ctzll(map->cap);
	uint64_t hash;

	memcpy(&hash, id->bytes + bits * 5 % (HF_ID_LEN - sizeof(hash) + 1), sizeof(hash));
	return (size_t)hash & (map->cap - 1);
}

/* Where the id is, or where it belongs. The map has slots and is never full. */
static size_t find(const struct hf_map *map, const struct hf_id *id)
{
	const uint8_t *taken = taken_of(map);
	size_t i = home_of(map, id);

	while (taken[i] && !hf_id_equal(&map->slots[i].id, id))
		i = (i + 1) & (map->cap - 1);
	return i;
}

static void grow(struct hf_map *map)
{
	size_t cap = map->cap ? map->cap * 2 : (size_t)1 << FIRST_BITS;
	struct hf_map larger = {
		.slots = hf_calloc(cap, sizeof(struct hf_map_slot) + 1), .n = map->n, .cap = cap};

	for (size_t i = 0; i < map->cap; i++) {
		size_t to;

		if (!taken_of(map)[i])
			continue;
		to = find(&larger, &map->slots[i].id);
		larger.slots[to] = map->slots[i];
		taken_of(&larger)[to] = 1;
	}
	free(map->slots);
	*map = larger;
}

union hf_map_value *hf_map_get(const struct hf_map *map, const struct hf_id *id)
{
	size_t i;

	if (!map->n)
		return NULL;
	i = find(map, id);
	return taken_of(map)[i] ? &map->slots[i].value : NULL;
}

union hf_map_value *hf_map_put(struct hf_map *map, const struct hf_id *id, bool *fresh)
{
	union hf_map_value *value = hf_map_get(map, id);
	size_t i;

	if (fresh)
		*fresh = !value;
	if (value)
		return value;

	if ((map->n + 1) > map->cap - map->cap / 4)
		grow(map);
	i = find(map, id);
	map->slots[i].id = *id;
	taken_of(map)[i] = 1;
	map->n++;
	return &map->slots[i].value;
}

void hf_map_each(const struct hf_map *map,
	void (*each)(void *arg, const struct hf_id *id, union hf_map_value *value), void *arg)
{
	for (size_t i = 0; i < map->cap; i++)
		if (taken_of(map)[i])
			each(arg, &map->slots[i].id, &map->slots[i].value);
}

void hf_map_release(struct hf_map *map)
{
	free(map->slots);
	*map = (struct hf_map){0};
}
