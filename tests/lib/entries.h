/* Directory entries by the number: every type, field and table of the stored form, from a seed. */
#ifndef HF_TESTS_LIB_ENTRIES_H
#define HF_TESTS_LIB_ENTRIES_H

#include "backend/format/entry.h"

/* A valid entry; the same state gives the same. Names ascend with `number`. Lives in the arena. */
struct hf_entry hf_test_entry(uint64_t *state, unsigned number, struct hf_arena *arena);
/* n extents of random chunks, some of them holes if `holes`; of the arena. */
struct hf_extents hf_test_extents(uint64_t *state, size_t n, bool holes, struct hf_arena *arena);

bool hf_test_extents_equal(const struct hf_extents *a, const struct hf_extents *b);
/* Compares what is stored of them. */
bool hf_test_entry_equal(const struct hf_entry *a, const struct hf_entry *b);

#endif
