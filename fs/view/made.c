#include "fs/view/made.h"

#include <stdlib.h>

#include "backend/format/hash.h"

struct link {
	struct hf_node base;
	char *target;
	bool fixed;
	int64_t mtime;
};

void hf_made_key(const char *path, uint8_t key[HF_NODE_KEY_LEN])
{
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_id digest;

	hf_buf_printf(&bytes, "view:%s", path);
	hf_sha256(hf_buf_span(&bytes), &digest);
	memcpy(key, digest.bytes, HF_NODE_KEY_LEN);
}

static hf_err link_attr(struct hf_node *node, struct hf_attr *out)
{
	const struct link *link = (const struct link *)node;

	*out = (struct hf_attr){
		.ino = hf_node_ino(node),
		.type = HF_LNK,
		.mode = 0777,
		.nlink = 1,
		.size = strlen(link->target),
		.mtime = link->mtime,
		.ctime = link->mtime,
		.fixed = link->fixed,
	};
	return NULL;
}

static hf_err link_target(struct hf_node *node, struct hf_buf *out)
{
	hf_buf_add_span(out, hf_span_str(((struct link *)node)->target));
	return NULL;
}

static void link_free(struct hf_node *node)
{
	free(((struct link *)node)->target);
	free(node);
}

static const struct hf_node_ops link_ops = {
	.attr = link_attr, .target = link_target, .free = link_free};

struct hf_node *hf_made_link(const char *path, const char *target, bool fixed, int64_t mtime)
{
	struct link *link = hf_calloc(1, sizeof(*link));

	hf_node_init(&link->base, &link_ops);
	/* The target is in the key: the kernel keeps a link's target for as long as the link is the
	 * same. */
	HF_FREED char *identity = hf_format("%s -> %s", path, target);

	hf_made_key(identity, link->base.key);
	link->target = hf_strdup(target);
	link->fixed = fixed;
	link->mtime = mtime;
	return &link->base;
}
