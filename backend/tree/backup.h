/*
 * A feed becomes a snapshot. Unchanged entries (size, mtime, ctime, and inode where the cache knows
 * it) are taken from the parent without being opened; small files share chunks; large ones are cut;
 * directories are written in post-order, each as a file of its own, and cost nothing when their
 * bytes are the parent's. Publishes as it goes: killed at any moment, the next run goes on.
 */
#ifndef HF_TREE_BACKUP_H
#define HF_TREE_BACKUP_H

#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "backend/repo/writer.h"
#include "backend/tree/feed.h"

struct hf_backup {
	struct hf_repo *repo;
	struct hf_feed *feed;
	struct hf_snapshot *about; /* source, moment (0: the end), host, user, paths, labels, ttl;
	                              the rest is filled in */
	unsigned workers;
	bool dry_run;           /* reads and counts; stores nothing */
	bool force;             /* opens everything */
	bool stream;            /* how much comes is not to be guessed from the last snapshot */
	uint64_t publish_bytes; /* an unfinished commit after so many new bytes; 0: 1 GiB */
	const struct hf_stop *stop;
	struct hf_progress *progress;
	/* One thing that was not kept, or that changed while it was read (changed). Caller's
	 * thread. */
	void (*failed)(void *arg, const char *path, const struct hf_error *err, bool changed);
	void *arg;
};
struct hf_backup_result {
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	uint64_t files, dirs, others, bytes; /* of the snapshot */
	uint64_t new_files, changed_files, unchanged_files;
	uint64_t read_bytes, stored_bytes; /* read from the feed; added to the store */
	uint64_t with_xattrs;              /* entries that have any */
	uint64_t failed;
	int64_t started, ended;
};
/* HF_PARTIAL: a snapshot was made, but something could not be read. */
hf_err hf_backup_run(const struct hf_backup *backup, struct hf_backup_result *result);

#endif
