/* Nodes of a snapshot's entries: immutable, found again by (parent, position), so that a known node
 * is small. */
#ifndef HF_VIEW_STORED_H
#define HF_VIEW_STORED_H

#include "backend/repo/history.h"
#include "fs/view/root.h"

/* The root of a snapshot as the view shows it at `path` ("latest/files/h-etc"). Copies what it
 * needs. */
hf_err hf_stored_root(struct hf_reader *reader, const struct hf_snapshot_info *info,
	const char *path, const struct hf_view_options *options, struct hf_node **out);

#endif
