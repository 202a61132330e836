/*
 * Is all there, and is it what it should be? Structure: every object that a commit names exists
 * with its size, every chunk that a snapshot needs has a place, both copies agree. With read_data
 * packs are read, hashed, unsealed, unzipped and their chunks' ids computed again, and what was
 * found whole is recorded (proof.h), as are chunks that are lost (wanted.h). Nothing else is
 * changed, unless repair is asked for.
 */
#ifndef HF_REPO_CHECK_H
#define HF_REPO_CHECK_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/reader.h"

struct hf_finding {
	const char *object;        /* name in the store; dies with the call */
	const char *text;          /* what is wrong */
	const struct hf_id *chunk; /* the chunk that is hurt; NULL: the object as a whole */
	bool lost;                 /* no good copy is known */
	bool newer;                /* a newer program wrote it: good or bad, nobody here can tell */
	bool note;                 /* nothing is wrong, but worth knowing: not counted */
	bool mended;               /* was wrong, and is not any more: not counted either */
};
typedef void hf_finding_fn(void *arg, const struct hf_finding *finding);

struct hf_check_options {
	bool read_data;
	bool oldest;   /* what was proven longest ago first */
	uint64_t most; /* read that first, and at most so many bytes of packs; 0: all */
	bool repair;   /* write bad copies anew from good ones */
	unsigned workers;
	const struct hf_stop *stop;
	struct hf_progress *progress;
	hf_finding_fn *found; /* on the caller's thread */
	void *arg;
};
struct hf_check_result {
	uint64_t objects, bytes, findings, newer, notes, mended, lost_chunks;
	uint64_t proven_packs, proven_bytes; /* read and found whole */
	uint64_t unnamed;                    /* packs that no commit names: among the notes */
	uint64_t wanted_chunks; /* of the lost ones: the next backup that has them stores them */
};
/* NULL even when there are findings; an error only if checking itself failed. */
hf_err hf_check_objects(struct hf_repo *repo, const struct hf_check_options *options,
	struct hf_check_result *result);

#endif
