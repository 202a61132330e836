/* What comparing two stored trees and comparing one with a local tree share. For these files only.
 */
#ifndef HF_TREE_COMPARE_STATE_H
#define HF_TREE_COMPARE_STATE_H

#include "backend/tree/compare.h"

/* Of entries of one type: link target, device numbers; true for all others. */
bool hf_compare_same_special(const struct hf_entry *a, const struct hf_entry *b);
/* Mode, owner and group by number, mtime, xattrs with ACLs. */
bool hf_compare_same_meta(const struct hf_entry *a, const struct hf_entry *b);
bool hf_compare_same_extents(const struct hf_extents *a, const struct hf_extents *b);

/* The path of what is looked at, as it grows and shrinks. */
size_t hf_compare_push(struct hf_buf *path, struct hf_span name); /* gives the length before */
void hf_compare_pop(struct hf_buf *path, size_t before);

#endif
