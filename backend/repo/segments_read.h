/*
 * The chunk tables of a checkpoint's segments. Who only reads takes a block of them into the
 * catalog when it needs one; who writes, checks or prunes takes them all in first. Any thread.
 */
#ifndef HF_REPO_SEGMENTS_READ_H
#define HF_REPO_SEGMENTS_READ_H

#include "backend/repo/catalog.h"
#include "backend/repo/repo.h"

/* All that were not read yet; the others too, if one can't be. */
hf_err hf_segments_read(struct hf_repo *repo);
/* What they have of one chunk; *any: there was one to look into. */
hf_err hf_segments_page_in(struct hf_repo *repo, const struct hf_id *id, bool *any);
/* hf_catalog_find(), after a look into the segments where the catalog knows of no copy. */
hf_err hf_segments_find(struct hf_repo *repo, const struct hf_id *id,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n);

#endif
