/*
 * The workers' side of a restore: one name, made below an open directory. A regular file is written
 * in place, under its final name and mode 0600, and gets owner, mode and times once its content is
 * whole; one that fails is removed. (O_TMPFILE and linkat(2) would hide what is half written, but
 * cost each file a place in the file system's list of orphans, under one lock on ext4.) Where
 * something is replaced, the new file is made beside it and renamed over it, so nothing is ever
 * written through a link or into another name's file. Nothing is synced. For restore.c only. Any
 * thread.
 */
#ifndef HF_TREE_RESTORE_FILE_H
#define HF_TREE_RESTORE_FILE_H

#include "backend/tree/content.h"
#include "backend/tree/dir.h"
#include "backend/tree/restore.h"

#define HF_NAME_SIZE 256 /* the longest name that Linux takes, and a NUL */

/* What this machine calls the owners that were met, remembered. Behind its own lock. */
struct hf_owner_ids;
struct hf_owner_ids *hf_owner_ids_new(void);
void hf_owner_ids_free(struct hf_owner_ids *ids);
HF_OWNABLE(hf_owner_ids)

/* One thing to make. Everything is borrowed; dirfd stays open until it is made. */
struct hf_making {
	const struct hf_restore *restore;
	struct hf_owner_ids *owners;
	int dirfd;
	const struct hf_entry *entry;
	char name[HF_NAME_SIZE];
	bool made;       /* it is there; an error then tells of metadata only */
	char beside[40]; /* the temporary name, while something is replaced; "" : none */
};

hf_err hf_making_is_there(void); /* HF_EXISTS, with a hint */
/* A regular file, whole. */
hf_err hf_making_file(struct hf_making *making);
/* A regular file that several write: begin, any number of write, then end. */
hf_err hf_making_begin(struct hf_making *making, int *fd, struct hf_content **content);
hf_err hf_making_write(const struct hf_making *making, int fd, struct hf_content *content,
	uint64_t from, uint64_t len);
hf_err hf_making_end(struct hf_making *making, int fd);
void hf_making_abandon(struct hf_making *making); /* removes what begin made */
/* A link, device, FIFO or socket. */
hf_err hf_making_special(struct hf_making *making);
/* One more name of what is at from/name. */
hf_err hf_making_link(struct hf_making *making, int from, const char *name);
/* A directory's metadata, once nothing more is made in it. */
hf_err hf_making_directory(const struct hf_making *making);

#endif
