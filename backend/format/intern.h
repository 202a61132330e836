/*
 * Byte strings, each kept once and numbered by its first use: the tables of a block while it is
 * built. Zero-initialise; one thread. What equal calls put in is equal byte for byte.
 */
#ifndef HF_FORMAT_INTERN_H
#define HF_FORMAT_INTERN_H

#include "backend/base/buf.h"

struct hf_interned {
	uint64_t hash;
	size_t from, len; /* in bytes */
};

struct hf_intern {
	struct hf_buf bytes; /* all strings, one behind the other: the table as it is stored */
	struct hf_interned *items;
	size_t n, cap;
	uint32_t *slots; /* item + 1, or 0; a power of two of them */
	size_t n_slots;
};

/* The string's number, counted from 0. Copies what is new. */
uint32_t hf_intern_add(struct hf_intern *intern, struct hf_span string);
void hf_intern_clear(struct hf_intern *intern); /* empty, keeps the memory */
void hf_intern_release(struct hf_intern *intern);
/* var n, then the strings as they are: each says itself where it ends. */
void hf_intern_print(const struct hf_intern *intern, struct hf_buf *out);

#endif
