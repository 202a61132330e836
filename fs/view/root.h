/*
 * The top of the view: latest/, sources/, at/, labels/, computed from the history of one or more
 * repositories. Cheap to make; a source, a time or a label is looked at when it is asked for.
 */
#ifndef HF_VIEW_ROOT_H
#define HF_VIEW_ROOT_H

#include "fs/view/node.h"

struct hf_view;

struct hf_view_options {
	bool owner_set; /* show everything as one owner's */
	uint32_t uid, gid;
};

/* readers must outlive the view; names (of the repositories) tell two same-named sources apart. */
hf_err hf_view_open(struct hf_reader *const *readers, const char *const *names, size_t n,
	const struct hf_view_options *options, struct hf_view **out);
void hf_view_free(struct hf_view *view);
HF_OWNABLE(hf_view)
struct hf_node *hf_view_root(struct hf_view *view); /* borrowed */

/*
 * Syncs the repositories. What is computed is looked at anew by each look-up and listing; its mtime
 * tells who caches a listing that it changed.
 */
hf_err hf_view_refresh(struct hf_view *view, bool *changed);
/* May any snapshot hold an xattr or ACL? Decides `-o xattr=auto`. Asks once, remembers. */
bool hf_view_has_xattrs(struct hf_view *view);

#endif
