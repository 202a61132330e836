/* An open hash table over strings that lie in one buffer, in the order in which they came. */
#include "backend/format/intern.h"

#include <stdlib.h>

#include "backend/format/wire.h"

#define FIRST_SLOTS 64u

/* Eight bytes a step: it must only spread. A block has few strings, so nobody gains by colliding.
 */
static uint64_t hash_of(struct hf_span string)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = string.len * factor, word = 0;
	size_t i = 0;

	for (; i + sizeof(word) <= string.len; i += sizeof(word)) {
		memcpy(&word, string.at + i, sizeof(word));
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	word = 0;
	if (i < string.len)
		memcpy(&word, string.at + i, string.len - i);
	hash = (hash ^ word) * factor;
	return hash ^ hash >> 29;
}

static uint32_t *free_slot(struct hf_intern *intern, uint64_t hash)
{
	size_t at = hash & (intern->n_slots - 1);

	while (intern->slots[at])
		at = (at + 1) & (intern->n_slots - 1);
	return &intern->slots[at];
}

static void grow_slots(struct hf_intern *intern)
{
	intern->n_slots = HF_MAX(FIRST_SLOTS, intern->n_slots * 2);
	free(intern->slots);
	intern->slots = hf_calloc(intern->n_slots, sizeof(*intern->slots));
	for (size_t i = 0; i < intern->n; i++)
		*free_slot(intern, intern->items[i].hash) = (uint32_t)i + 1;
}

static bool is_item(const struct hf_intern *intern, size_t i, uint64_t hash, struct hf_span string)
{
	const struct hf_interned *item = &intern->items[i];

	return item->hash == hash &&
		hf_span_equal(hf_span(intern->bytes.at + item->from, item->len), string);
}

uint32_t hf_intern_add(struct hf_intern *intern, struct hf_span string)
{
	const uint64_t hash = hash_of(string);

	if (intern->n * 2 >= intern->n_slots)
		grow_slots(intern);
	for (size_t at = hash & (intern->n_slots - 1); intern->slots[at];
		at = (at + 1) & (intern->n_slots - 1)) {
		if (is_item(intern, intern->slots[at] - 1, hash, string))
			return intern->slots[at] - 1;
	}

	intern->items = hf_grow(intern->items, &intern->cap, intern->n + 1, sizeof(*intern->items));
	intern->items[intern->n] =
		(struct hf_interned){.hash = hash, .from = intern->bytes.len, .len = string.len};
	hf_buf_add_span(&intern->bytes, string);
	*free_slot(intern, hash) = (uint32_t)++intern->n;
	return (uint32_t)intern->n - 1;
}

void hf_intern_clear(struct hf_intern *intern)
{
	if (intern->n)
		memset(intern->slots, 0, intern->n_slots * sizeof(*intern->slots));
	hf_buf_clear(&intern->bytes);
	intern->n = 0;
}

void hf_intern_release(struct hf_intern *intern)
{
	hf_buf_release(&intern->bytes);
	free(intern->items);
	free(intern->slots);
	*intern = (struct hf_intern){0};
}

void hf_intern_print(const struct hf_intern *intern, struct hf_buf *out)
{
	hf_put_var(out, intern->n);
	hf_buf_add_span(out, hf_buf_span(&intern->bytes));
}
