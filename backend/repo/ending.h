/*
 * What stands at the end of a pack or segment, read by ranges: its header, how long its last
 * section is, and that section, which has the table of its chunks. One thread for each.
 */
#ifndef HF_REPO_ENDING_H
#define HF_REPO_ENDING_H

#include "backend/repo/repo.h"

struct hf_ending {
	struct hf_buf header, end; /* as they are stored */
	struct hf_last last;       /* opened */
};
void hf_ending_release(struct hf_ending *ending);

/* Bytes [from, from + len) of the object. */
typedef hf_err hf_range_fn(void *arg, uint64_t from, size_t len, struct hf_buf *out);
struct hf_ranges {
	enum hf_object_kind kind; /* that it must be */
	uint64_t size;
	hf_range_fn *get;
	void *arg;
};
/* HF_DENIED: this key has no keys of its epoch. What the ending had is released first. */
hf_err hf_ending_read(
	struct hf_repo *repo, const struct hf_ranges *ranges, struct hf_ending *ending);

#endif
