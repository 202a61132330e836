/*
 * What a file is beside its content: stat, link target, xattrs with ACLs, owners' names; captured
 * from a file system and applied to one. Any thread, but a names cache belongs to one.
 */
#ifndef HF_TREE_META_H
#define HF_TREE_META_H

#include <sys/stat.h>

#include "backend/format/entry.h"

/* uid/gid → names and back, remembered; thread-safe behind its own lock. */
struct hf_owners;
struct hf_owners *hf_owners_new(void);
void hf_owners_free(struct hf_owners *owners);
HF_OWNABLE(hf_owners)
/* Empty when unknown; lives as long as owners. */
struct hf_span hf_owners_user(struct hf_owners *owners, uint32_t uid);
struct hf_span hf_owners_group(struct hf_owners *owners, uint32_t gid);

/*
 * From stat alone: type, mode, owners, times, size, rdev, nlink; HF_UNSUPPORTED for a type that is
 * none of ours.
 */
hf_err hf_meta_stat(const struct stat *st, struct hf_owners *owners, struct hf_entry *entry);
/* Link target and xattrs of dirfd/name (not followed), into the arena. fd >= 0: the file, open. */
hf_err hf_meta_capture(
	int dirfd, const char *name, int fd, struct hf_arena *arena, struct hf_entry *entry);

struct hf_meta_apply {
	bool owners;  /* chown; who is not root may not, and keeps what is made: no error */
	bool by_name; /* prefer the names where this machine knows them */
};
/* An xattr that only root may set: others leave it out, without an error. */
bool hf_meta_is_privileged(struct hf_span name);
/*
 * Owner, mode, xattrs, times, in the order that lets each survive the others; user xattrs and ACLs
 * that the entry lacks (inherited ones) go. A file that does not get its owner gets no setuid,
 * setgid or capabilities. Never follows a link at `name`. What could not be applied is one error
 * that names it; the rest is applied all the same.
 */
hf_err hf_meta_set(
	int dirfd, const char *name, const struct hf_entry *entry, const struct hf_meta_apply *how);
/* The same for a regular file or a directory that is open. */
hf_err hf_meta_set_open(int fd, const struct hf_entry *entry, const struct hf_meta_apply *how);
/*
 * The entry's owners on this machine: by their names where it knows them, else by number. Asks NSS
 * each time.
 */
void hf_meta_owner_ids(const struct hf_entry *entry, uint32_t *uid, uint32_t *gid);

#endif
