/* What the files of this folder share of one mount. For them only. */
#ifndef HF_FUSE_SESSION_H
#define HF_FUSE_SESSION_H

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>
#include <pthread.h>

#include "fs/fuse/askers.h"
#include "fs/fuse/inode_table.h"
#include "fs/fuse/mount.h"

/* How long the kernel may believe what is computed, in seconds. */
#define HF_COMPUTED_TIMEOUT 1.0
#define HF_FIXED_TIMEOUT 1e9

struct hf_session {
	const struct hf_mount_options *options;
	struct hf_view *view;
	struct hf_inode_table *inodes;
	struct hf_askers askers;
	struct fuse_session *fuse;
	struct hf_mount_parent *parent;
	atomic_int stopping;
	pthread_t server; /* the thread in libfuse's loop */
	pthread_t refresher;
	bool refreshing;
	struct hf_handover *handover;
};

/* ---- ops.c ---- */
extern const struct fuse_lowlevel_ops hf_fuse_ops;

/* ---- refresh.c: looks for new snapshots; tells the parent when the mount is there ---- */
void hf_refresh_start(struct hf_session *session);
void hf_refresh_stop(struct hf_session *session);

/*
 * ---- handover.c: what will be asked for next goes to the page cache unasked ----
 * From a thread of its own: the kernel may hold a page of it until another read is answered.
 */
struct hf_handover;
struct hf_handover *hf_handover_start(struct hf_session *session);
void hf_handover_stop(struct hf_handover *handover);
/* At a small read at `from`: what was decoded around it. NULL ok; dropped when there is much to do
 * already, here and below. */
void hf_handover_offer(struct hf_handover *handover, struct hf_inode *inode, uint64_t from);
/* At the first read of a file: of the small files behind it a MiB, if `pid` listed them before. */
void hf_handover_begun(struct hf_handover *handover, struct hf_inode *inode, pid_t pid);

#endif
