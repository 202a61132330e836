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

/* Without a repository yet; `most` is how many it may get. */
struct hf_view *hf_view_new(size_t most, const struct hf_view_options *options);
/*
 * Shows a repository too. The reader must outlive the view; its name is copied, and tells two
 * same-named sources apart. One thread adds or refreshes; the nodes may be in use.
 */
void hf_view_add(struct hf_view *view, struct hf_reader *reader, const char *name);
void hf_view_free(struct hf_view *view);
HF_OWNABLE(hf_view)
struct hf_node *hf_view_root(struct hf_view *view); /* borrowed */

/*
 * Syncs the repositories, and says in the log which of them can't be, and when it can again. What
 * is computed is looked at anew by each look-up and listing; its mtime tells who caches a listing
 * that it changed.
 */
void hf_view_refresh(struct hf_view *view);

#endif
