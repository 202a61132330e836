#include "fs/view/node.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/text.h"

#define MAX_LINKS 16        /* computed links lead to canonical names: one step each */
#define MAX_STORED_LINKS 40 /* of snapshots, in one path: as Linux */

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

/* The name in dir, through the links that the view itself makes. */
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

/* ---- links that a snapshot has ---- */

/* The last name goes. false: there is none, so ".." leads out of the view. */
static bool go_up(struct hf_buf *path)
{
	if (path->len == 0)
		return false;
	do
		path->len--;
	while (path->len > 0 && path->at[path->len - 1] != '/');
	return true;
}

/* Puts what the text names, from where `path` leads, at its end: each name with a slash behind. */
static bool go(struct hf_buf *path, const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '/')) {
		len = strcspn(text, "/");
		if (len == 2 && strncmp(text, "..", len) == 0) {
			if (!go_up(path))
				return false;
		} else if (len > 1 || (len == 1 && *text != '.')) {
			hf_buf_add(path, text, len);
			hf_buf_add(path, "/", 1);
		}
	}
	return true;
}

/* As the kernel does it in the mount, but never out of the view. done: the directory it lies in;
 * becomes where it leads. */
static hf_err follow(struct hf_node *link, struct hf_buf *done)
{
	HF_RELEASED(hf_buf) target = {0};
	HF_FREED char *here = hf_strdup(hf_buf_text(done));

	HF_TRY(link->ops->target(link, &target));
	if (target.at[0] == '/' || !go(done, hf_buf_text(&target)))
		return hf_error_new(HF_NOT_FOUND,
			"a symbolic link in /%s leads to %s, out of what is mounted", here,
			hf_buf_text(&target));
	return NULL;
}

/* ---- a path, part by part ---- */

/* *at becomes what part names in it. */
static hf_err enter(struct hf_node **at, const char *path, struct hf_span part)
{
	HF_NODE_REF next = NULL;

	if (!(*at)->ops->lookup)
		return hf_error_new(HF_NOT_FOUND, "/%.*s is no directory",
			(int)((const char *)part.at - path), path);
	HF_TRY(step(*at, path, part, &next));
	hf_node_unref(*at);
	*at = HF_STEAL(next);
	return NULL;
}

static bool is_stored_link(struct hf_node *node)
{
	return node->ops->target != NULL && node->ops->entry;
}

static bool is_here(struct hf_span part)
{
	return part.len == 0 || (part.len == 1 && part.at[0] == '.');
}

/* Up to the first link that is to be followed. *path becomes where that leads, with what is behind
 * it; NULL: there was none, and *out is the node. */
static hf_err walk(struct hf_node *root, char **path, struct hf_node **out)
{
	HF_RELEASED(hf_buf) done = {0};
	HF_NODE_REF at = hf_node_ref(root);

	for (const char *rest = *path; *rest; rest += *rest == '/') {
		const struct hf_span part = hf_span(rest, strcspn(rest, "/"));
		char *next;

		rest += part.len;
		if (!is_here(part))
			HF_TRY(enter(&at, *path, part));
		if (*rest == '/' && is_stored_link(at)) {
			HF_TRY(follow(at, &done));
			next = hf_format("%s%s", hf_buf_text(&done), rest + 1);
			free(*path);
			*path = next;
			return NULL;
		}
		if (!is_here(part)) {
			hf_buf_add_span(&done, part);
			hf_buf_add(&done, "/", 1);
		}
	}
	free(HF_STEAL(*path));
	*out = HF_STEAL(at);
	return NULL;
}

hf_err hf_node_resolve(struct hf_node *root, const char *path, struct hf_node **out)
{
	HF_FREED char *rest = hf_strdup(path + strspn(path, "/"));

	for (int i = 0; i < MAX_STORED_LINKS; i++) {
		HF_TRY(walk(root, &rest, out));
		if (!rest)
			return NULL;
	}
	return hf_error_new(HF_NOT_FOUND, "/%s: too many symbolic links", path + strspn(path, "/"));
}
