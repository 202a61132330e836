/* Entries that own what they point to. Pure. */
#ifndef HF_TREE_ENTRY_COPY_H
#define HF_TREE_ENTRY_COPY_H

#include "backend/format/entry.h"

/* *to equals *from, and all that it points to lies in the block that is returned; free() it. */
void *hf_entry_copy(const struct hf_entry *from, struct hf_entry *to);

#endif
