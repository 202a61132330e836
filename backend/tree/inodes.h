/*
 * Which inode each file had in the last backup of a source: a file in the local cache, sorted, read
 * where it lies. It is not part of the repository (two clones of a volume must give the same
 * directories); without it inodes are not compared. One thread.
 */
#ifndef HF_TREE_INODES_H
#define HF_TREE_INODES_H

#include "backend/base/buf.h"

#define HF_INODE_UNKNOWN 0
/* Noted for what may have changed within the clock's grain: never equal to any. */
#define HF_INODE_DOUBTFUL UINT64_MAX

struct hf_inodes;
struct hf_inodes *hf_inodes_open(const char *cache_dir, const char *source);
void hf_inodes_free(struct hf_inodes *inodes);
HF_OWNABLE(hf_inodes)
/* key: hf_inodes_key() of a path. HF_INODE_UNKNOWN: it was not there. */
uint64_t hf_inodes_find(const struct hf_inodes *inodes, uint64_t key);
void hf_inodes_note(struct hf_inodes *inodes, uint64_t key, uint64_t inode);
/* After a finished backup: what was noted takes the place of what was. Failing is no failure. */
void hf_inodes_keep(struct hf_inodes *inodes);

/* Of a name in the directory whose key is above (0: the root). */
uint64_t hf_inodes_key(uint64_t above, struct hf_span name);

#endif
