/*
 * Rules that leave things out, as in gitignore: the last rule that matches decides, '!' takes back,
 * a pattern with '/' is anchored at a root. More than there: one that begins with '/' may also be
 * an absolute path.
 */
#ifndef HF_TREE_EXCLUDE_H
#define HF_TREE_EXCLUDE_H

#include "backend/base/buf.h"
#include "backend/base/error.h"

struct hf_exclude;
struct hf_exclude *hf_exclude_new(void);
void hf_exclude_free(struct hf_exclude *exclude);
HF_OWNABLE(hf_exclude)
/* HF_INVALID: an empty pattern or one that can never match. */
hf_err hf_exclude_add(struct hf_exclude *exclude, const char *pattern);
/* A pattern a line, # comments. what: names it in errors. */
hf_err hf_exclude_add_lines(struct hf_exclude *exclude, struct hf_span text, const char *what);
hf_err hf_exclude_add_file(struct hf_exclude *exclude, const char *path);
/* path: below the root ("a/b"), and the absolute one. */
bool hf_exclude_match(
	const struct hf_exclude *exclude, const char *path, const char *absolute, bool dir);

#endif
