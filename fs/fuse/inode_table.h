/*
 * What the kernel knows of: nodes by their keys, each with how often the kernel looked it up. The
 * kernel's number for one is its address, which stays taken for as long as the kernel or a thread
 * of ours holds it. Any thread; sharded.
 */
#ifndef HF_FUSE_INODE_TABLE_H
#define HF_FUSE_INODE_TABLE_H

#include "fs/view/node.h"

struct hf_inode {
	struct hf_node *node;
	/* Where reads went last, and up to where decoding was begun: hints, so races do no harm. */
	atomic_uint_least64_t read_end, ahead_end;
	atomic_uint_least64_t handed; /* the last piece given to the page cache: its begin + 1 */
	atomic_int_least64_t given;   /* when the kernel was last given its beginning */
	atomic_int lister;            /* the process that was given it with its directory */

	/* guarded by the shard's lock */
	uint64_t lookups;
	struct hf_inode *next;
};

struct hf_inode_table;
struct hf_inode_table *hf_inode_table_new(struct hf_node *root);
void hf_inode_table_free(struct hf_inode_table *inodes);
HF_OWNABLE(hf_inode_table)

/* The inode of a node (refs the node if it is new here), looked up once more. */
struct hf_inode *hf_inode_table_look_up(struct hf_inode_table *inodes, struct hf_node *node);
/* If the kernel knows it: looked up once more; else NULL. */
struct hf_inode *hf_inode_table_find(struct hf_inode_table *inodes, const struct hf_node *node);
void hf_inode_table_forget(struct hf_inode_table *inodes, struct hf_inode *inode, uint64_t n);
struct hf_inode *hf_inode_table_root(struct hf_inode_table *inodes); /* never forgotten */

#endif
