/*
 * One object that is named by its digest, read whole in every copy that the store keeps: is it what
 * its name says? For a pack also: is its table the catalog's, and is each chunk what its id says?
 */
#ifndef HF_REPO_SCRUB_H
#define HF_REPO_SCRUB_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/opener.h"

#define HF_SCRUB_COPIES 2u
#define HF_SCRUB_MISSING "it is missing" /* what is wrong with a copy that is not there */

/* Keeps what a run needs from one to the next: a window for each thread. Any thread may run. */
struct hf_scrubber;
/* The opener's repository. stop, progress: NULL ok; progress counts `bytes`. */
struct hf_scrubber *hf_scrubber_new(struct hf_repo *repo, struct hf_opener *opener,
	const struct hf_stop *stop, struct hf_progress *progress);
void hf_scrubber_free(struct hf_scrubber *scrubber);
HF_OWNABLE(hf_scrubber)

struct hf_scrub {
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;
	uint64_t size; /* 0: not known */
	struct hf_pack pack;
	bool decode; /* pack is what the catalog has; its chunks are decoded, too */

	/* What was found. */
	unsigned copies;
	char *wrong[HF_SCRUB_COPIES]; /* of each copy; NULL: it is good */
	bool named[HF_SCRUB_COPIES];  /* it is what its name says, whatever else is wrong */
	uint64_t bytes;
	size_t rows; /* in the pack's table, without padding; when decoded */
};

/* An error only when the store is away, or at a stop: what is wrong with the object stands in it.
 */
hf_err hf_scrub_run(struct hf_scrubber *scrubber, struct hf_scrub *scrub);
void hf_scrub_release(struct hf_scrub *scrub);

/* Does the error tell of the object (then it is a finding), and not of a store that is away? Asks
 * it. */
bool hf_scrub_finds(struct hf_repo *repo, const struct hf_error *err);

#endif
