/*
 * One run of a backup, as its parts see it: what comes from the feed is compared with the past
 * (gather.c), what must be opened goes through the intake, what was opened is stored (absorb.c),
 * and all is published (backup.c). One thread: the owner's.
 */
#ifndef HF_TREE_RUN_H
#define HF_TREE_RUN_H

#include "backend/tree/backup.h"
#include "backend/tree/bundle.h"
#include "backend/tree/draft.h"
#include "backend/tree/heal.h"
#include "backend/tree/inodes.h"
#include "backend/tree/intake.h"
#include "backend/tree/links.h"
#include "backend/tree/past.h"

/* A directory that the walk is in. */
struct hf_frame {
	struct hf_draft *draft;
	struct hf_past_dir past;
	uint64_t inode_key;
};

struct hf_run {
	const struct hf_backup *backup;
	struct hf_backup_result *result;
	struct hf_progress *progress;
	uint8_t id[HF_RUN_LEN];
	struct hf_key secret;               /* of its fingerprints */
	struct hf_fingerprint *fingerprint; /* the owner's, for large files */
	struct hf_writer *writer;           /* NULL: a dry run */
	struct hf_puts puts;
	struct hf_bundle bundle;
	struct hf_drafts drafts;
	struct hf_past past;
	struct hf_heal heal;
	struct hf_links links;
	struct hf_inodes *inodes; /* NULL: a dry run */
	struct hf_intake *intake;
	struct hf_frame *frames;
	size_t depth, cap;
	bool ended;
	uint64_t absorbed;                    /* events */
	struct hf_pair values[HF_MAX_VALUES]; /* of the record */
	char xattrs[24];
	struct hf_buf unfinished; /* the root of what was published last; empty: none */
};

/* Takes one thing from the feed. */
hf_err hf_run_gather(struct hf_run *run);
void hf_run_frames_release(struct hf_run *run);
/* hf_consume_fn; arg: the run. */
hf_err hf_run_absorb(void *arg, struct hf_batch *batch, struct hf_event *event);
/* Tells and counts; takes err. */
void hf_run_report(struct hf_run *run, const char *path, struct hf_error *err, bool changed);
/* All that was gathered is put and its ids are known. */
hf_err hf_run_drain(struct hf_run *run);
/* When enough is pending: publishes what is there, with the open directories as they stand. */
hf_err hf_run_publish_some(struct hf_run *run);
/* The same inside of a large file: the packs, and what was published last. */
hf_err hf_run_publish_packs(struct hf_run *run);
/* An entry of the snapshot. */
void hf_run_count(struct hf_run *run, const struct hf_entry *entry);
void hf_run_went_on(struct hf_run *run, uint64_t bytes); /* for the progress line */

#endif
