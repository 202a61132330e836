/*
 * Many ids, sorted and each once, in bounded memory: what does not fit goes to a file without a
 * name. Add them all, then take them in order. One thread.
 */
#ifndef HF_BASE_ID_SORT_H
#define HF_BASE_ID_SORT_H

#include <stddef.h>

#include "backend/base/error.h"
#include "backend/base/id.h"

struct hf_id_sort;
/* dir: where a file may lie; NULL: /tmp. most: ids kept in memory (32 bytes each). */
struct hf_id_sort *hf_id_sort_new(const char *dir, size_t most);
void hf_id_sort_free(struct hf_id_sort *sort);
HF_OWNABLE(hf_id_sort)

hf_err hf_id_sort_add(struct hf_id_sort *sort, const struct hf_id *id);
/* Begins at the first one; more may be added after that, before the next begin. */
hf_err hf_id_sort_begin(struct hf_id_sort *sort);
/* *more false: there are no more. */
hf_err hf_id_sort_next(struct hf_id_sort *sort, struct hf_id *out, bool *more);

#endif
