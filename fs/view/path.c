#include "fs/view/node.h"

#include <string.h>

#include "backend/base/text.h"

#define MAX_LINKS 16 /* computed links lead to canonical names: one step each */

#define NAMES_SHOWN 8
#define NAMES_LOOKED_AT 10000 /* for a hint it is not worth more */
#define NEAR 3u               /* farther away than this a name was not meant */

/* What there is instead of a name that is not there. */
struct names {
	const char *wanted;
	struct hf_buf shown, nearest;
	unsigned distance; /* of the nearest */
	size_t n;
};

static void names_release(struct names *names)
{
	hf_buf_release(&names->shown);
	hf_buf_release(&names->nearest);
}

static bool note_name(void *arg, const struct hf_listed *listed)
{
	struct names *names = arg;
	HF_FREED char *name = hf_strndup((const char *)listed->name.at, listed->name.len);
	const unsigned distance = hf_text_distance(names->wanted, name);

	if (distance < names->distance) {
		names->distance = distance;
		hf_buf_clear(&names->nearest);
		hf_buf_add_span(&names->nearest, listed->name);
	}
	if (names->n < NAMES_SHOWN)
		hf_buf_printf(&names->shown, "%s%s", names->n ? ", " : "", name);
	if (names->n == NAMES_SHOWN)
		hf_buf_printf(&names->shown, ", …");
	return ++names->n < NAMES_LOOKED_AT;
}

/* dir: its view path, which ends with a slash. */
static struct hf_error *missing_name(struct names *names, const char *dir)
{
	if (strcmp(dir, "at/") == 0)
		return hf_error_new(HF_NOT_FOUND,
			"\"%s\" is not a time, or none from 1678 to 2261; hint: "
			"at/2026-11-24T10:00, \"at/2026-11-24 10:00\", "
			"at/yesterday, \"at/2h ago\"",
			names->wanted);
	if (names->nearest.len)
		return hf_error_new(HF_NOT_FOUND, "no \"%s\" in /%s; did you mean \"%.*s\"?",
			names->wanted, dir, (int)names->nearest.len,
			(const char *)names->nearest.at);
	return hf_error_new(HF_NOT_FOUND, "no \"%s\" in /%s%s%s", names->wanted, dir,
		names->n ? "; there is: " : "; it is empty",
		names->n ? hf_buf_text(&names->shown) : "");
}

static struct hf_error *missing(struct hf_node *dir, const char *path, struct hf_span part)
{
	HF_FREED char *wanted = hf_strndup((const char *)part.at, part.len);
	HF_FREED char *above = hf_strndup(path, (size_t)((const char *)part.at - path));
	HF_RELEASED(names) names = {.wanted = wanted, .distance = NEAR};

	hf_error_free(hf_node_list(dir, 0, note_name, &names)); /* only the hint is lost */
	return missing_name(&names, above);
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

/* *at becomes what part names in it; "." and nothing name itself. */
static hf_err enter(struct hf_node **at, const char *path, struct hf_span part)
{
	HF_NODE_REF next = NULL;

	if (part.len == 0 || (part.len == 1 && part.at[0] == '.'))
		return NULL;
	if (!(*at)->ops->lookup)
		return hf_error_new(HF_NOT_FOUND, "/%.*s is no directory",
			(int)((const char *)part.at - path), path);
	HF_TRY(step(*at, path, part, &next));
	hf_node_unref(*at);
	*at = HF_STEAL(next);
	return NULL;
}

hf_err hf_node_resolve(struct hf_node *root, const char *path, struct hf_node **out)
{
	HF_NODE_REF at = hf_node_ref(root);
	const char *rest = path + strspn(path, "/");

	path = rest;
	while (*rest) {
		const size_t len = strcspn(rest, "/");

		HF_TRY(enter(&at, path, hf_span(rest, len)));
		rest += len;
		rest += strspn(rest, "/");
	}
	*out = HF_STEAL(at);
	return NULL;
}
