/*
 * Every path of the mount as nodes, without FUSE: `ls`, `cat`, `restore`, `diff` and the mount walk
 * the same ones. A node is counted and immutable; a look-up never depends on an earlier listing.
 * Any thread.
 */
#ifndef HF_VIEW_NODE_H
#define HF_VIEW_NODE_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "backend/format/entry.h"
#include "backend/repo/reader.h"
#include "backend/tree/held.h"

struct hf_node;

/* What stat and the kernel's caches want to know. */
struct hf_attr {
	uint64_t ino; /* hf_node_ino() */
	enum hf_type type;
	uint32_t mode, uid, gid;
	uint64_t nlink, size, blocks; /* blocks of 512 bytes that hold data */
	uint32_t rdev_major, rdev_minor;
	int64_t mtime, ctime;
	bool fixed; /* never changes: may be cached for ever; else it is computed and moves when
	               snapshots come */
};

/* One name of a listing; all of it is borrowed for the call. */
struct hf_listed {
	struct hf_span name;
	uint64_t next;        /* where a later listing goes on behind this name */
	struct hf_node *node; /* NULL: hf_listed_node() makes it, of this: */
	struct hf_node *dir;
	const struct hf_entry *entry; /* never a directory's */
	uint64_t ino;                 /* what hf_node_ino() of the node will be */
};
/* false: enough, stop the listing (its name was not taken). */
typedef bool hf_listed_fn(void *arg, const struct hf_listed *listed);

/* NULL: the node has none of it. */
struct hf_node_ops {
	/* *out NULL: no such name. *fixed (never NULL): the answer, also "none", holds for ever. */
	hf_err (*lookup)(
		struct hf_node *dir, struct hf_span name, struct hf_node **out, bool *fixed);
	/* From `from` (0: the beginning) on, without "." and "..". */
	hf_err (*list)(struct hf_node *dir, uint64_t from, hf_listed_fn *each, void *arg);
	/* The node of a name that this directory listed without one. */
	struct hf_node *(*child)(const struct hf_listed *listed);
	hf_err (*attr)(struct hf_node *node, struct hf_attr *out);
	hf_err (*read)(struct hf_node *file, uint64_t from, void *at, size_t len, size_t *got);
	/* Optional: hf_held_take() */
	hf_err (*hold)(struct hf_node *file, uint64_t from, uint64_t len, struct hf_held *held);
	hf_err (*seek)(struct hf_node *file, uint64_t from, bool hole, uint64_t *found);
	hf_err (*target)(struct hf_node *link, struct hf_buf *out);
	/* HF_NOT_FOUND: no such xattr. */
	hf_err (*xattr)(struct hf_node *node, const char *name, struct hf_buf *out);
	hf_err (*xattrs)(
		struct hf_node *node, struct hf_buf *out); /* names, each with a NUL behind */
	/* The stored entry behind it (restore, diff): borrowed as long as the node. NULL: it is
	 * computed. */
	const struct hf_entry *(*entry)(struct hf_node *node);
	struct hf_reader *(*reader)(struct hf_node *node); /* what its entry is read with */
	/* The piece of a file that a read at `from` decodes as a whole: for handing it to the page
	 * cache. */
	hf_err (*piece)(struct hf_node *file, uint64_t from, uint64_t *begin, uint64_t *end);
	/* Begins to decode what a read of [from, from + len) will need. */
	hf_err (*ahead)(struct hf_node *file, uint64_t from, uint64_t len);
	/* Lists what stands behind this file in its directory. */
	hf_err (*behind)(struct hf_node *file, hf_listed_fn *each, void *arg);
	void (*free)(struct hf_node *node);
};

/* The first member of each kind of node. */
#define HF_NODE_KEY_LEN 16
struct hf_node {
	const struct hf_node_ops *ops;
	atomic_uint refs;
	/* Which thing it is: two nodes of one key show the same. A directory has a key for each
	 * view path; a file's is that of its snapshot and place, so that its pages are cached once.
	 */
	uint8_t key[HF_NODE_KEY_LEN];
};
uint64_t hf_node_ino(const struct hf_node *node); /* from the key; 2 or more */
uint64_t hf_node_key_ino(const uint8_t key[HF_NODE_KEY_LEN]);
void hf_node_init(struct hf_node *node, const struct hf_node_ops *ops); /* one reference, no key */
struct hf_node *hf_node_ref(struct hf_node *node);
void hf_node_unref(struct hf_node *node); /* NULL ok */
static inline void hf_node_unref_at(struct hf_node **at)
{
	hf_node_unref(*at);
}
/* The node of a listed name: a reference of the caller's. */
struct hf_node *hf_listed_node(const struct hf_listed *listed);
#define HF_NODE_REF __attribute__((cleanup(hf_node_unref_at))) struct hf_node *

/* Checked calls: HF_INVALID where the node has none of it. */
hf_err hf_node_lookup(struct hf_node *dir, struct hf_span name, struct hf_node **out, bool *fixed);
hf_err hf_node_list(struct hf_node *dir, uint64_t from, hf_listed_fn *each, void *arg);
hf_err hf_node_attr(struct hf_node *node, struct hf_attr *out);
hf_err hf_node_read(struct hf_node *file, uint64_t from, void *at, size_t len, size_t *got);
const struct hf_entry *hf_node_entry(struct hf_node *node); /* NULL: computed */
struct hf_reader *hf_node_reader(struct hf_node *node);     /* NULL: computed */

/*
 * Walks a path as typed ("latest/files/h-etc/ssh", "/at/2h ago/…", "" for the root itself), follows
 * the symbolic links of computed directories (other spellings of a time), and as the kernel those
 * of a snapshot where something stands behind them, if only "/." ; never out of the view.
 * HF_NOT_FOUND names the part that is missing, and what is there instead.
 */
hf_err hf_node_resolve(struct hf_node *root, const char *path, struct hf_node **out);

#endif
