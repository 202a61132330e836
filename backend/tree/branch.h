/*
 * The paths of a backup, as a tree of names: what is above them is only passed through, what is
 * whole is walked. Pure, but for asking the file system what a path is.
 */
#ifndef HF_TREE_BRANCH_H
#define HF_TREE_BRANCH_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

struct hf_branch {
	char *name;
	bool whole;                 /* all that is in it, its children among that */
	bool inside;                /* of a whole one, and named only as the way to a child */
	struct hf_branch *children; /* in bytewise order */
	size_t n, cap;
};
void hf_branch_release(struct hf_branch *branch);
/* NULL: none of that name. */
const struct hf_branch *hf_branch_child(const struct hf_branch *branch, struct hf_span name);
/*
 * What a backup keeps of a path that was typed: absolute, a directory through all links, all else
 * through those above it, so that a link is kept as one. Where it can't be found out *out (the
 * caller's, always) is as typed.
 */
hf_err hf_branch_path(const char *path, char **out);
/*
 * One directory: base is its path, and *out is whole. Else base is "/" and each path stands below
 * it as its absolute self; missing[i] (of n, NULL before) owns why paths[i] is left out.
 * HF_NOT_FOUND: none exists.
 */
hf_err hf_branch_of(const char *const *paths, size_t n, struct hf_branch *out, char **base,
	struct hf_error **missing);

#endif
