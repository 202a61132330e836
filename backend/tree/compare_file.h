/*
 * The workers' side of comparing with a local tree: one local name against its stored entry, by
 * metadata and fingerprint; by content only where there is no fingerprint to go by. For
 * compare_local.c only. Any thread, one per looking.
 */
#ifndef HF_TREE_COMPARE_FILE_H
#define HF_TREE_COMPARE_FILE_H

#include "backend/tree/compare.h"
#include "backend/tree/meta.h"

/* One name to look at. All is borrowed, but what it finds, which is in the arena. */
struct hf_looking {
	const struct hf_compare *compare;
	struct hf_owners *owners;
	int dirfd;
	const char *name;
	const struct hf_entry *stored; /* NULL: none, so what is there was added */
	const struct hf_key *secret;   /* of its fingerprint; NULL: not known */

	struct hf_entry local; /* what was found; type 0: nothing */
	int what;              /* enum hf_difference; 0: the same */
};

/* Fills in `local` and `what`. Never follows a link, nor opens a device or FIFO. */
hf_err hf_looking_run(struct hf_looking *looking, struct hf_arena *arena);
/* The same for a directory that is open; never HF_TYPE_CHANGED. */
hf_err hf_looking_directory(struct hf_looking *looking, int fd, struct hf_arena *arena);

#endif
