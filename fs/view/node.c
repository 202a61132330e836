#include "fs/view/node.h"

void hf_node_init(struct hf_node *node, const struct hf_node_ops *ops)
{
	node->ops = ops;
	atomic_init(&node->refs, 1);
}

struct hf_node *hf_node_ref(struct hf_node *node)
{
	atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
	return node;
}

void hf_node_unref(struct hf_node *node)
{
	if (node && atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) == 1)
		node->ops->free(node);
}

struct hf_node *hf_listed_node(const struct hf_listed *listed)
{
	return listed->node ? hf_node_ref(listed->node) : listed->dir->ops->child(listed);
}

uint64_t hf_node_ino(const struct hf_node *node)
{
	return hf_node_key_ino(node->key);
}

uint64_t hf_node_key_ino(const uint8_t key[HF_NODE_KEY_LEN])
{
	uint64_t ino;

	memcpy(&ino, key, sizeof(ino));
	/* 63 bits: what prints it as a signed number prints the same. */
	ino &= INT64_MAX;
	/* 0 is no inode, 1 is the mount's own root. */
	return ino < 2 ? ino + 2 : ino;
}

static hf_err not_here(const char *what)
{
	return hf_error_new(HF_INVALID, "this can't be %s", what);
}

hf_err hf_node_lookup(struct hf_node *dir, struct hf_span name, struct hf_node **out, bool *fixed)
{
	return dir->ops->lookup ? dir->ops->lookup(dir, name, out, fixed) : not_here("looked into");
}

hf_err hf_node_list(struct hf_node *dir, uint64_t from, hf_listed_fn *each, void *arg)
{
	return dir->ops->list ? dir->ops->list(dir, from, each, arg) : not_here("listed");
}

hf_err hf_node_attr(struct hf_node *node, struct hf_attr *out)
{
	return node->ops->attr(node, out);
}

hf_err hf_node_read(struct hf_node *file, uint64_t from, void *at, size_t len, size_t *got)
{
	return file->ops->read ? file->ops->read(file, from, at, len, got) : not_here("read");
}

const struct hf_entry *hf_node_entry(struct hf_node *node)
{
	return node->ops->entry ? node->ops->entry(node) : NULL;
}

struct hf_reader *hf_node_reader(struct hf_node *node)
{
	return node->ops->reader ? node->ops->reader(node) : NULL;
}
