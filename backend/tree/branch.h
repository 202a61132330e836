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
	bool whole;                 /* all that is in it; it has no children */
	struct hf_branch *children; /* in bytewise order */
	size_t n, cap;
};
void hf_branch_release(struct hf_branch *branch);
/*
 * One directory: base is its path, and *out is whole. Else base is "/" and each path stands below
 * it as its absolute self. HF_NOT_FOUND: a path does not exist.
 */
hf_err hf_branch_of(const char *const *paths, size_t n, struct hf_branch *out, char **base);

#endif
