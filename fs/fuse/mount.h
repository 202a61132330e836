/*
 * The kernel's side of the mount: the low-level API of libfuse, multi-threaded. Everything inside a
 * snapshot is immutable and cached for ever; what moves is invalidated when snapshots come.
 */
#ifndef HF_FUSE_MOUNT_H
#define HF_FUSE_MOUNT_H

#include "fs/view/root.h"

struct hf_mount_options {
	const char *mountpoint;
	const char *name;         /* what /proc/mounts shows as the device: the repository's URL */
	const char *fuse_options; /* passed on: "allow_other,nodev", NULL ok */
	bool nosymfollow;         /* as mount(8) has it; takes root */
	bool no_xattrs;           /* only ACLs, which bind, and our own if they are asked for */
	unsigned threads;         /* 0: as many as the machine has processors, at least 4 */
	unsigned refresh_s;       /* how often to look for new snapshots */
	/* NULL, or called before each look, on its thread: adds what could not be opened before. */
	void (*retry)(void *arg);
	void *arg;
};

/*
 * Goes to the background: forks before any thread, database handle or pool exists, and returns in
 * the child only. The parent waits until the child is ready or failed, and exits with its status.
 */
struct hf_mount_parent;
hf_err hf_mount_detach(struct hf_mount_parent **out);
void hf_mount_ready(struct hf_mount_parent *parent); /* NULL ok: foreground */
/* The child's end: the parent shows the message and exits with the status. */
void hf_mount_failed(
	struct hf_mount_parent *parent, const char *message, int exit_status) HF_NORETURN;

/*
 * Mounts, answers the kernel's INIT, calls hf_mount_ready, serves until unmounted or a signal
 * comes.
 */
hf_err hf_mount_run(struct hf_view *view, const struct hf_mount_options *options,
	struct hf_mount_parent *parent);

#endif
