#include "fs/view/node.h"

#define MAX_LINKS 16 /* computed links lead to canonical names: one step each */

struct names {
	struct hf_buf text;
	size_t n;
};

static bool note_name(void *arg, const struct hf_listed *listed)
{
	struct names *names = arg;

	if (names->n++ == 8) {
		hf_buf_printf(&names->text, ", …");
		return false;
	}
	hf_buf_printf(&names->text, "%s%.*s", names->n > 1 ? ", " : "", (int)listed->name.len,
		(const char *)listed->name.at);
	return true;
}

static struct hf_error *missing(struct hf_node *dir, const char *path, struct hf_span part)
{
	struct names names = {0};
	struct hf_error *err = hf_node_list(dir, 0, note_name, &names);

	hf_error_free(err); /* the hint is all that is lost */
	err = hf_error_new(HF_NOT_FOUND, "no \"%.*s\" in /%.*s%s%s", (int)part.len,
		(const char *)part.at, (int)((const char *)part.at - path), path,
		names.n ? "; there is: " : "; it is empty",
		names.n ? hf_buf_text(&names.text) : "");
	hf_buf_release(&names.text);
	return err;
}

static bool is_link(struct hf_node *node)
{
	return node->ops->target != NULL && !node->ops->entry;
}

/* The name in dir, through the links that the view itself makes. Snapshots' own links are never
 * followed. */
static hf_err step(struct hf_node *dir, const char *path, struct hf_span part, struct hf_node **out)
{
	HF_RELEASED(hf_buf) target = {0};
	HF_NODE_REF node = NULL;
	bool fixed;

	HF_TRY(hf_node_lookup(dir, part, &node, &fixed));
	for (int i = 0; node && is_link(node); i++) {
		HF_NODE_REF next = NULL;

		if (i == MAX_LINKS)
			return hf_error_new(HF_BUG, "computed links go in a circle at %s", path);
		hf_buf_clear(&target);
		HF_TRY(node->ops->target(node, &target));
		HF_TRY(hf_node_lookup(dir, hf_buf_span(&target), &next, &fixed));
		hf_node_unref(node);
		node = HF_STEAL(next);
	}
	if (!node)
		return missing(dir, path, part);
	*out = HF_STEAL(node);
	return NULL;
}

hf_err hf_node_resolve(struct hf_node *root, const char *path, struct hf_node **out)
{
	HF_NODE_REF at = hf_node_ref(root);
	const char *text = path;

	while (*path == '/')
		path++, text++;
	while (*path) {
		const size_t len = strcspn(path, "/");
		const struct hf_span part = hf_span(path, len);

		if (len > 0 && !(len == 1 && path[0] == '.')) {
			HF_NODE_REF next = NULL;

			if (!at->ops->lookup)
				return hf_error_new(HF_NOT_FOUND, "/%.*s is no directory",
					(int)(path - text), text);
			HF_TRY(step(at, text, part, &next));
			hf_node_unref(at);
			at = HF_STEAL(next);
		}
		path += len;
		while (*path == '/')
			path++;
	}
	*out = HF_STEAL(at);
	return NULL;
}
