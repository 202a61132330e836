/* The printer of the index that stands behind the blocks of a directory or of a file of extents. */
#ifndef HF_FORMAT_BLOCK_INDEX_H
#define HF_FORMAT_BLOCK_INDEX_H

#include "backend/format/entry.h"

#define HF_INDEX_TAIL_LEN 4 /* the index's length, behind it */

/* rows: n × (first key, var offset of the block). */
void hf_block_index_print(size_t n, struct hf_span rows, struct hf_buf *out);

#endif
