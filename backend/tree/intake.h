/*
 * What must be opened, in batches: workers open, capture metadata, and read and fingerprint small
 * files; the owner gets everything back in the order of the walk, with what needs no worker (the
 * end of a directory) at its place in between. Batches, because a hand-over costs as much as a
 * small file.
 */
#ifndef HF_TREE_INTAKE_H
#define HF_TREE_INTAKE_H

#include "backend/base/pool.h"
#include "backend/tree/draft.h"
#include "backend/tree/feed.h"
#include "backend/tree/fingerprint.h"
#include "backend/tree/links.h"

enum hf_event_kind { HF_EVENT_OPEN, HF_EVENT_LINK, HF_EVENT_LEAVE };

/* One part of a small file's content, in order. */
struct hf_run_of {
	uint64_t length;
	bool hole;
};

struct hf_event {
	enum hf_event_kind kind;
	struct hf_item *item;     /* OPEN, LINK: given back when the event was consumed */
	struct hf_draft *draft;   /* LEAVE: which; else where it stands */
	struct hf_member *member; /* OPEN, LINK */
	struct hf_link *link;     /* one of several names; NULL */
	uint64_t inode_key;
	bool known; /* an earlier snapshot had it */

	/* What a worker found. */
	struct hf_error *error;    /* owned by the event */
	struct hf_feed_file *file; /* a large one: still to be read, and closed */
	size_t at, len;            /* a small one's bytes, in the batch */
	struct hf_run_of *runs;    /* of it, in the arena; n_runs 0: no holes */
	size_t n_runs;
	uint8_t fingerprint[HF_FINGERPRINT_LEN];
	bool changed;  /* while it was read */
	bool doubtful; /* or may have been, within the clock's grain */
};

#define HF_BATCH_EVENTS 64
struct hf_batch {
	struct hf_intake *intake;
	struct hf_batch *next;
	struct hf_event events[HF_BATCH_EVENTS];
	size_t n;
	uint64_t weight;
	struct hf_arena arena;
	struct hf_buf bytes;
	struct hf_fingerprint *fingerprint;
};

/* Owner's thread, in order. It may put, not submit. */
typedef struct hf_error *hf_consume_fn(void *arg, struct hf_batch *batch, struct hf_event *event);

struct hf_intake_options {
	struct hf_feed *feed;
	unsigned workers;
	uint64_t small; /* files of fewer bytes are read whole */
	const struct hf_key *secret;
	const struct hf_stop *stop;
	hf_consume_fn *consume;
	void *arg;
};
struct hf_intake;
hf_err hf_intake_new(const struct hf_intake_options *options, struct hf_intake **out);
void hf_intake_free(struct hf_intake *intake);
HF_OWNABLE(hf_intake)
/* Takes the event, and its item. */
hf_err hf_intake_add(struct hf_intake *intake, const struct hf_event *event);
/* All that was added is consumed after. */
hf_err hf_intake_drain(struct hf_intake *intake);
/* What a worker does, on the caller's thread: for a link whose first name could not be read. */
void hf_intake_open(struct hf_batch *batch, struct hf_event *event);

#endif
