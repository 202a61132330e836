/*
 * What somebody who has a slot's keys and can put objects could make by hand, around all that the
 * program would refuse to him.
 */
#ifndef HF_TESTS_LIB_FORGED_H
#define HF_TESTS_LIB_FORGED_H

#include "backend/repo/repo.h"

struct hf_forged_commit {
	struct hf_repo *as; /* whose keys, and whose store it is put into */
	uint32_t slot;      /* that it says; 0: the own one */
	int64_t time;       /* 0: the store's now */
	uint32_t keyring;   /* that it says it knew; 0: the first */
	struct hf_span records;
};
/* Seals, signs with the slot's own key and puts it. */
void hf_forged_commit_put(const struct hf_forged_commit *forged);
struct hf_forged_pack {
	struct hf_repo *as;
	uint32_t slot;          /* that it says; 0: the own one */
	bool elsewhere;         /* it says another store */
	struct hf_span records; /* that it completes */
	const struct hf_id
		*chunk; /* what it calls its content, which is something else; NULL: none */
};
/* Seals, signs with the slot's own key and puts it; no commit names it. */
void hf_forged_pack_put(const struct hf_forged_pack *forged);
/* Checkpoint 2, which says that all before the cutoff is in it, and that this is nothing. */
void hf_forged_checkpoint_put(struct hf_repo *as, uint32_t slot, int64_t cutoff);
/* The printed record of a finished snapshot of an empty directory. */
struct hf_buf hf_forged_snapshot(const char *source, int64_t moment);

#endif
