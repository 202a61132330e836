#include "backend/tree/branch.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void hf_branch_release(struct hf_branch *branch)
{
	for (size_t i = 0; i < branch->n; i++)
		hf_branch_release(&branch->children[i]);
	free(branch->children);
	free(branch->name);
	*branch = (struct hf_branch){0};
}

/* The child of that name, made if absent. */
static struct hf_branch *grow(struct hf_branch *branch, struct hf_span name)
{
	struct hf_branch *child;
	size_t i = 0;

	while (i < branch->n && hf_span_compare(hf_span_str(branch->children[i].name), name) < 0)
		i++;
	child = i < branch->n ? &branch->children[i] : NULL;
	if (child && hf_span_equal(hf_span_str(child->name), name))
		return child;
	branch->children = hf_grow(branch->children, &branch->cap, branch->n + 1, sizeof(*child));
	child = &branch->children[i];
	memmove(child + 1, child, (branch->n - i) * sizeof(*child));
	branch->n++;
	*child = (struct hf_branch){.name = hf_strndup((const char *)name.at, name.len)};
	return child;
}

const struct hf_branch *hf_branch_child(const struct hf_branch *branch, struct hf_span name)
{
	for (size_t low = 0, high = branch->n; low < high;) {
		const size_t middle = low + (high - low) / 2;
		const struct hf_branch *child = &branch->children[middle];
		const int order = hf_span_compare(hf_span_str(child->name), name);

		if (order == 0)
			return child;
		*(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
	}
	return NULL;
}

/* A path inside another is part of it, but what was named is kept whatever leaves out its like. */
static void spread(struct hf_branch *branch, bool within)
{
	branch->inside = within && !branch->whole;
	branch->whole |= within;
	for (size_t i = 0; i < branch->n; i++)
		spread(&branch->children[i], branch->whole);
}

static void add(struct hf_branch *root, const char *path)
{
	struct hf_branch *branch = root;

	while (*path) {
		const size_t len = strcspn(path, "/");

		if (len > 0)
			branch = grow(branch, hf_span(path, len));
		path += len + (path[len] == '/');
	}
	branch->whole = true;
}

static hf_err real_path(const char *path, char **out)
{
	*out = realpath(path, NULL);
	return *out ? NULL : hf_error_sys("%s", path);
}

/* Absolute, with every link resolved but the last name: what is kept of what is no directory. */
static hf_err absolute(const char *path, char **out)
{
	HF_FREED char *above = hf_strdup(path);
	char *slash = strrchr(above, '/');
	const char *name = slash ? slash + 1 : above;
	HF_FREED char *real = NULL;
	struct stat st;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return real_path(path, out);
	if (slash)
		*slash = '\0';
	HF_TRY(real_path(!slash ? "." : slash == above ? "/" : above, &real));
	HF_FREED char *whole = hf_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);

	if (lstat(whole, &st) != 0)
		return hf_error_sys("%s", path);
	*out = HF_STEAL(whole);
	return NULL;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* It may be there next time, and is to have the same name then. */
static char *as_typed(const char *path)
{
	HF_FREED char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

	return here ? hf_format("%s/%s", strcmp(here, "/") == 0 ? "" : here, path)
		    : hf_strdup(path);
}

hf_err hf_branch_path(const char *path, char **out)
{
	struct hf_error *err;

	*out = NULL;
	err = is_directory(path) ? real_path(path, out) : absolute(path, out);
	if (err)
		*out = as_typed(path);
	return err;
}

hf_err hf_branch_of(const char *const *paths, size_t n, struct hf_branch *out, char **base,
	struct hf_error **missing)
{
	size_t there = 0;

	*out = (struct hf_branch){0};
	*base = NULL;
	if (n == 0)
		return hf_error_new(HF_INVALID, "no path to back up");
	if (n == 1 && is_directory(paths[0])) {
		out->whole = true;
		return real_path(paths[0], base);
	}
	for (size_t i = 0; i < n; i++) {
		HF_FREED char *path = NULL;

		missing[i] = hf_branch_path(paths[i], &path);
		there += missing[i] == NULL;
		if (!missing[i])
			add(out, path);
	}
	if (there == 0)
		return HF_STEAL(missing[0]);
	spread(out, false);
	*base = hf_strdup("/");
	return NULL;
}
