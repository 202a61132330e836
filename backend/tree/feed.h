/*
 * What a backup pulls from: a tree in order. next() gives a directory (ENTER), its entries in
 * bytewise order of their names (a subdirectory comes as ENTER … LEAVE at its place), and LEAVE. It
 * knows stat only; what costs more (open, xattrs, content) is asked for by open(), for entries that
 * changed.
 */
#ifndef HF_TREE_FEED_H
#define HF_TREE_FEED_H

#include "backend/format/entry.h"

enum hf_step { HF_STEP_ENTER, HF_STEP_ENTRY, HF_STEP_LEAVE, HF_STEP_FAILED, HF_STEP_END };

#define HF_SIZE_UNKNOWN UINT64_MAX /* of a regular file's entry: as much as comes */

/* One thing of the feed; it stays valid until it is given back by done(). */
struct hf_item {
	enum hf_step step;
	/* ENTER, ENTRY: from stat; name and owners set; the root's name is empty. */
	struct hf_entry entry;
	const char *path;       /* for messages and link ids: below the root, "" for it */
	uint64_t device, inode; /* hard links: one file has one pair within a run */
	struct hf_error *error; /* FAILED: what could not be read, owned by the item */
};

struct hf_feed;
struct hf_feed_file;
struct hf_feed_ops {
	hf_err (*next)(struct hf_feed *feed, struct hf_item **out);
	void (*done)(struct hf_feed *feed, struct hf_item *item); /* owner's thread */
	/* Completes the entry (xattrs, target, fresh stat) into the arena; *file NULL unless
	 * regular. Any thread. */
	hf_err (*open)(struct hf_feed *feed, struct hf_item *item, struct hf_arena *arena,
		struct hf_feed_file **file);
	/* The next bytes, at most len, *got of them; or *hole zeros, of which nothing is read. Both
	 * 0: the end. */
	hf_err (*read)(
		struct hf_feed_file *file, void *at, size_t len, size_t *got, uint64_t *hole);
	/* changed: it is not what it was when it was opened. The file is gone in any case. */
	hf_err (*close)(struct hf_feed_file *file, bool *changed);
	void (*free)(struct hf_feed *feed);
};
struct hf_feed {
	const struct hf_feed_ops *ops;
};
void hf_feed_free(struct hf_feed *feed);
HF_OWNABLE(hf_feed)

#endif
