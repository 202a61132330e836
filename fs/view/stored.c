#include "fs/view/stored.h"

#include <stdlib.h>

#include "backend/base/text.h"
#include "backend/format/hash.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"
#include "fs/view/made.h"

/* What all nodes of one snapshot at one view path share. */
struct tree {
	atomic_uint refs;
	struct hf_reader *reader;
	struct hf_arena arena;
	struct hf_entry root;
	struct hf_view_options options;
	uint8_t snapshot[HF_SNAPSHOT_ID_LEN];
	uint8_t seed[HF_NODE_KEY_LEN]; /* of this snapshot at this view path: for directories' keys
	                                */
	char *source;
};

/*
 * A directory's place is a chain of digests from the root; a file's key is its directory's place
 * and its position there, or, of one with several names, the digest of snapshot and link id.
 */
struct stored {
	struct hf_node base;
	struct tree *tree;
	struct stored *parent;          /* NULL: the snapshot's root */
	uint64_t position;              /* in the parent: hf_dir_block.first + index */
	uint8_t place[HF_NODE_KEY_LEN]; /* directories */
	enum hf_type type;
	/* Opened by the first who needs them, the same for all after. */
	_Atomic(struct hf_dir *) dir;
	_Atomic(struct hf_content *) content;
	_Atomic(const struct hf_dir_block *) pinned; /* whoever asked for the entry itself */
};

static const struct hf_node_ops dir_ops, file_ops, other_ops;

static void tree_unref(struct tree *tree)
{
	if (atomic_fetch_sub_explicit(&tree->refs, 1, memory_order_acq_rel) != 1)
		return;
	hf_arena_release(&tree->arena);
	free(tree->source);
	free(tree);
}

static struct stored *of(struct hf_node *node)
{
	return (struct stored *)node;
}

static void digest(
	struct hf_span a, struct hf_span b, struct hf_span c, uint8_t out[HF_NODE_KEY_LEN])
{
	uint8_t bytes[64 + HF_MAX_NAME];
	struct hf_id id;
	size_t len = 0;

	memcpy(bytes + len, a.at, a.len);
	len += a.len;
	memcpy(bytes + len, b.at, b.len);
	len += b.len;
	if (c.len)
		memcpy(bytes + len, c.at, c.len);
	len += c.len;
	hf_sha256(hf_span(bytes, len), &id);
	memcpy(out, id.bytes, HF_NODE_KEY_LEN);
}

/* ---- the entry behind a node ---- */

static hf_err open_dir(struct stored *node, struct hf_dir **out);

/* The entry, and the block that it lives in (NULL for the root): give that back. */
static hf_err borrow(
	struct stored *node, const struct hf_dir_block **block, const struct hf_entry **entry)
{
	struct hf_dir *dir;

	*block = NULL;
	if (!node->parent) {
		*entry = &node->tree->root;
		return NULL;
	}
	HF_TRY(open_dir(node->parent, &dir));
	HF_TRY(hf_dir_get(dir, (size_t)(node->position / HF_BLOCK_ENTRIES), block));
	*entry = &(*block)->entries[node->position % HF_BLOCK_ENTRIES];
	return NULL;
}

static hf_err open_dir(struct stored *node, struct hf_dir **out)
{
	struct hf_dir *none = NULL, *fresh;
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	*out = atomic_load_explicit(&node->dir, memory_order_acquire);
	if (*out)
		return NULL;
	HF_TRY(borrow(node, &block, &entry));
	HF_TRY(hf_dir_open(node->tree->reader, entry, &fresh));
	if (!atomic_compare_exchange_strong(&node->dir, &none, fresh)) {
		hf_dir_free(fresh);
		fresh = none;
	}
	*out = fresh;
	return NULL;
}

/* A large file's content is kept: its extents are many. A small one's is made for each read. */
#define KEPT_CONTENT ((uint64_t)1 << 20)

static hf_err keep_content(
	struct stored *node, const struct hf_entry *entry, struct hf_content **out)
{
	struct hf_content *none = NULL, *fresh;

	HF_TRY(hf_content_open(node->tree->reader, entry, &fresh));
	if (!atomic_compare_exchange_strong(&node->content, &none, fresh)) {
		hf_content_free(fresh);
		fresh = none;
	}
	*out = fresh;
	return NULL;
}

/* *mine: what the caller frees; NULL when it is kept. */
static hf_err open_content(struct stored *node, struct hf_content **out, struct hf_content **mine)
{
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	*mine = NULL;
	*out = atomic_load_explicit(&node->content, memory_order_acquire);
	if (*out)
		return NULL;
	HF_TRY(borrow(node, &block, &entry));
	if (entry->size > KEPT_CONTENT)
		return keep_content(node, entry, out);
	HF_TRY(hf_content_open(node->tree->reader, entry, mine));
	*out = *mine;
	return NULL;
}

/* ---- making nodes ---- */

/*
 * Numbers of what stands side by side are neighbours: cp reads a directory in their order, and what
 * was stored together lies together. They begin at a digest, so no two meet within as many
 * positions as a directory has.
 */
static void set_number(uint8_t key[HF_NODE_KEY_LEN], const uint8_t *begin, uint64_t position)
{
	uint64_t number;

	memcpy(&number, begin, sizeof(number));
	number += position + 1;
	memcpy(key, &number, sizeof(number));
}

static void file_key(const struct stored *parent, uint64_t position, const struct hf_entry *entry,
	uint8_t key[HF_NODE_KEY_LEN])
{
	if (entry->linked) {
		digest(hf_span(parent->tree->snapshot, HF_SNAPSHOT_ID_LEN), hf_span("link", 4),
			hf_span(entry->link_id, HF_LINK_ID_LEN), key);
		return;
	}
	memcpy(key, parent->place, HF_NODE_KEY_LEN);
	set_number(key, parent->place, position);
}

static void dir_key(struct stored *node, const struct hf_entry *entry)
{
	const struct tree *tree = node->tree;
	const struct hf_span above = hf_span(node->parent->place, HF_NODE_KEY_LEN);

	digest(hf_span(tree->snapshot, sizeof(tree->snapshot)), above, entry->name, node->place);
	digest(hf_span(tree->seed, sizeof(tree->seed)), hf_span(node->place, HF_NODE_KEY_LEN),
		hf_span(NULL, 0), node->base.key);
	/* The half of the parent's key that is no number is of this view path, too. */
	set_number(node->base.key, node->parent->base.key + HF_NODE_KEY_LEN / 2, node->position);
}

static struct hf_node *make(struct stored *parent, uint64_t position, const struct hf_entry *entry)
{
	struct stored *node = hf_calloc(1, sizeof(*node));
	const struct hf_node_ops *ops = entry->type == HF_DIR ? &dir_ops
		: entry->type == HF_REG                       ? &file_ops
							      : &other_ops;

	hf_node_init(&node->base, ops);
	node->tree = parent->tree;
	atomic_fetch_add_explicit(&node->tree->refs, 1, memory_order_relaxed);
	node->parent = of(hf_node_ref(&parent->base));
	node->position = position;
	node->type = entry->type;
	if (entry->type == HF_DIR)
		dir_key(node, entry);
	else
		file_key(parent, position, entry, node->base.key);
	return &node->base;
}

static void stored_free(struct hf_node *base)
{
	struct stored *node = of(base);

	hf_dir_free(atomic_load(&node->dir));
	hf_content_free(atomic_load(&node->content));
	hf_dir_block_unref(atomic_load(&node->pinned));
	if (node->parent)
		hf_node_unref(&node->parent->base);
	tree_unref(node->tree);
	free(node);
}

hf_err hf_stored_root(struct hf_reader *reader, const struct hf_snapshot_info *info,
	const char *path, const struct hf_view_options *options, struct hf_node **out)
{
	struct tree *tree = hf_calloc(1, sizeof(*tree));
	const struct hf_span snapshot = hf_span(info->id, HF_SNAPSHOT_ID_LEN);
	struct hf_span copy = hf_arena_span(&tree->arena, info->snapshot.root);
	uint8_t view[HF_NODE_KEY_LEN];

	atomic_init(&tree->refs, 1);
	tree->reader = reader;
	tree->options = *options;
	memcpy(tree->snapshot, info->id, HF_SNAPSHOT_ID_LEN);
	tree->source =
		hf_strndup((const char *)info->snapshot.source.at, info->snapshot.source.len);
	struct hf_error *err = hf_entry_parse_alone(copy, &tree->arena, &tree->root);

	if (!err && tree->root.type != HF_DIR)
		err = hf_error_new(HF_CORRUPT, "the root of a snapshot is no directory");
	if (err) {
		tree_unref(tree);
		return err;
	}
	struct stored *node = hf_calloc(1, sizeof(*node));

	hf_node_init(&node->base, &dir_ops);
	node->tree = tree;
	node->type = HF_DIR;
	digest(snapshot, hf_span("root", 4), hf_span(NULL, 0), node->place);
	hf_made_key(path, view);
	digest(snapshot, hf_span(view, sizeof(view)), hf_span(NULL, 0), tree->seed);
	digest(hf_span(tree->seed, sizeof(tree->seed)), hf_span("root", 4), hf_span(NULL, 0),
		node->base.key);
	*out = &node->base;
	return NULL;
}

/* ---- what nodes do ---- */

static uint64_t data_blocks(const struct hf_entry *entry)
{
	uint64_t bytes = 0;

	if (entry->extents_file)
		return (entry->size - HF_MIN(entry->hole_bytes, entry->size) + 511) / 512;
	for (size_t i = 0; i < entry->extents.n; i++) {
		if (!hf_extent_is_hole(&entry->extents.at[i]))
			bytes += entry->extents.at[i].length;
	}
	return (bytes + 511) / 512;
}

static void fill_attr(const struct stored *node, const struct hf_entry *entry, struct hf_attr *out)
{
	const struct hf_view_options *options = &node->tree->options;

	*out = (struct hf_attr){
		.ino = hf_node_ino(&node->base),
		.type = entry->type,
		.mode = entry->mode,
		.uid = options->owner_set ? options->uid : entry->uid,
		.gid = options->owner_set ? options->gid : entry->gid,
		/* 1 tells find that it can't know how many subdirectories there are. */
		.nlink = entry->linked ? entry->nlink : 1,
		.size = entry->type == HF_LNK ? entry->target.len : entry->size,
		.rdev_major = entry->rdev_major,
		.rdev_minor = entry->rdev_minor,
		.mtime = entry->mtime,
		.ctime = entry->ctime,
		.fixed = true,
	};
	if (entry->type == HF_REG)
		out->blocks = data_blocks(entry);
}

static hf_err stored_attr(struct hf_node *base, struct hf_attr *out)
{
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	HF_TRY(borrow(of(base), &block, &entry));
	fill_attr(of(base), entry, out);
	return NULL;
}

static hf_err stored_lookup(
	struct hf_node *base, struct hf_span name, struct hf_node **out, bool *fixed)
{
	struct stored *node = of(base);
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;
	struct hf_dir *dir;

	*fixed = true;
	*out = NULL;
	HF_TRY(open_dir(node, &dir));
	HF_TRY(hf_dir_lookup(dir, name, &block, &entry));
	if (block)
		*out = make(node, block->first + (uint64_t)(entry - block->entries), entry);
	return NULL;
}

static struct hf_node *stored_child(const struct hf_listed *listed)
{
	return make(of(listed->dir), listed->next - 1, listed->entry);
}

static bool show(struct stored *dir, uint64_t position, const struct hf_entry *entry,
	hf_listed_fn *each, void *arg)
{
	HF_NODE_REF child = entry->type == HF_DIR ? make(dir, position, entry) : NULL;
	struct hf_listed listed = {.name = entry->name,
		.next = position + 1,
		.node = child,
		.dir = &dir->base,
		.entry = entry};
	uint8_t key[HF_NODE_KEY_LEN];

	if (!child) {
		file_key(dir, position, entry, key);
		listed.ino = hf_node_key_ino(key);
	}
	return each(arg, &listed);
}

/* from: one more than the position of the last name that was taken; 0: the beginning. */
static hf_err stored_list(struct hf_node *base, uint64_t from, hf_listed_fn *each, void *arg)
{
	struct stored *node = of(base);
	struct hf_dir *dir;

	HF_TRY(open_dir(node, &dir));
	for (size_t i = (size_t)(from / HF_BLOCK_ENTRIES); i < hf_dir_blocks(dir); i++) {
		HF_DIR_BLOCK_REF block = NULL;

		HF_TRY(hf_dir_get(dir, i, &block));
		for (size_t j = from > block->first ? (size_t)(from - block->first) : 0;
			j < block->n; j++) {
			if (!show(node, block->first + j, &block->entries[j], each, arg))
				return NULL;
		}
	}
	return NULL;
}

static hf_err stored_behind(struct hf_node *base, hf_listed_fn *each, void *arg)
{
	struct stored *node = of(base);

	return stored_list(&node->parent->base, node->position + 1, each, arg);
}

static hf_err stored_read(struct hf_node *base, uint64_t from, void *at, size_t len, size_t *got)
{
	HF_OWNED(hf_content) mine = NULL;
	struct hf_content *content;

	HF_TRY(open_content(of(base), &content, &mine));
	return hf_content_read(content, from, at, len, got);
}

static hf_err stored_hold(struct hf_node *base, uint64_t from, uint64_t len, struct hf_held *held)
{
	HF_OWNED(hf_content) mine = NULL;
	struct hf_content *content;

	HF_TRY(open_content(of(base), &content, &mine));
	return hf_held_take(of(base)->tree->reader, content, from, len, held);
}

static hf_err stored_seek(struct hf_node *base, uint64_t from, bool hole, uint64_t *found)
{
	HF_OWNED(hf_content) mine = NULL;
	struct hf_content *content;

	HF_TRY(open_content(of(base), &content, &mine));
	return hf_content_seek(content, from, hole, found);
}

static hf_err stored_ahead(struct hf_node *base, uint64_t from, uint64_t len)
{
	HF_OWNED(hf_content) mine = NULL;
	struct hf_content *content;

	HF_TRY(open_content(of(base), &content, &mine));
	hf_content_prefetch(content, from, len);
	return NULL;
}

static hf_err stored_piece(struct hf_node *base, uint64_t from, uint64_t *begin, uint64_t *end)
{
	HF_OWNED(hf_content) mine = NULL;
	struct hf_content *content;

	HF_TRY(open_content(of(base), &content, &mine));
	return hf_content_extent(content, from, begin, end);
}

static hf_err stored_target(struct hf_node *base, struct hf_buf *out)
{
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	HF_TRY(borrow(of(base), &block, &entry));
	if (entry->type != HF_LNK)
		return hf_error_new(HF_INVALID, "this is no symbolic link");
	hf_buf_add_span(out, entry->target);
	return NULL;
}

/* user.holdfast.*: what the mount knows and the file never had. */
static bool own_xattr(const struct stored *node, const char *name, struct hf_buf *out)
{
	char id[2 * HF_SNAPSHOT_ID_LEN + 1];

	if (strcmp(name, "user.holdfast.snapshot") == 0) {
		hf_hex(hf_span(node->tree->snapshot, HF_SNAPSHOT_ID_LEN), id);
		hf_buf_printf(out, "%s", id);
	} else if (strcmp(name, "user.holdfast.source") == 0) {
		hf_buf_printf(out, "%s", node->tree->source);
	} else if (strcmp(name, "user.holdfast.tier") == 0) {
		hf_buf_printf(out, "hot");
	} else {
		return false;
	}
	return true;
}

static hf_err stored_xattr(struct hf_node *base, const char *name, struct hf_buf *out)
{
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	HF_TRY(borrow(of(base), &block, &entry));
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		if (hf_span_equal(entry->xattrs[i].name, hf_span_str(name))) {
			hf_buf_add_span(out, entry->xattrs[i].value);
			return NULL;
		}
	}
	return own_xattr(of(base), name, out) ? NULL
					      : hf_error_new(HF_NOT_FOUND, "no xattr %s", name);
}

/* Our own are answered but not listed: a copy made with its xattrs should not carry them. */
static hf_err stored_xattrs(struct hf_node *base, struct hf_buf *out)
{
	HF_DIR_BLOCK_REF block = NULL;
	const struct hf_entry *entry;

	HF_TRY(borrow(of(base), &block, &entry));
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		hf_buf_add_span(out, entry->xattrs[i].name);
		hf_buf_add(out, "", 1);
	}
	return NULL;
}

static const struct hf_entry *stored_entry(struct hf_node *base)
{
	struct stored *node = of(base);
	const struct hf_dir_block *none = NULL, *block;
	const struct hf_entry *entry;
	struct hf_error *err = borrow(node, &block, &entry);

	if (err) {
		hf_error_free(err); /* who asks next hears it: this node can't be read */
		return NULL;
	}
	if (block && !atomic_compare_exchange_strong(&node->pinned, &none, block)) {
		entry = &none->entries[entry - block->entries];
		hf_dir_block_unref(block);
	}
	return entry;
}

static struct hf_reader *stored_reader(struct hf_node *base)
{
	return of(base)->tree->reader;
}

static const struct hf_node_ops dir_ops = {
	.lookup = stored_lookup,
	.list = stored_list,
	.child = stored_child,
	.attr = stored_attr,
	.xattr = stored_xattr,
	.xattrs = stored_xattrs,
	.entry = stored_entry,
	.reader = stored_reader,
	.free = stored_free,
};

static const struct hf_node_ops file_ops = {
	.attr = stored_attr,
	.read = stored_read,
	.hold = stored_hold,
	.seek = stored_seek,
	.ahead = stored_ahead,
	.piece = stored_piece,
	.behind = stored_behind,
	.xattr = stored_xattr,
	.xattrs = stored_xattrs,
	.entry = stored_entry,
	.reader = stored_reader,
	.free = stored_free,
};

static const struct hf_node_ops other_ops = {
	.attr = stored_attr,
	.target = stored_target,
	.xattr = stored_xattr,
	.xattrs = stored_xattrs,
	.entry = stored_entry,
	.reader = stored_reader,
	.free = stored_free,
};
