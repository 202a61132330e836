/*
 * Metadata onto a file. The order is forced: chown drops setuid and security.capability; user
 * xattrs need a writable mode; chmod changes the mask of an ACL, so the ACL comes after it; all of
 * them touch ctime, and only that, so the times come last.
 */
#include "backend/tree/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/fd.h"

#define ACL_PREFIX "system.posix_acl_"
#define CAPABILITY "security.capability"
#define XATTR_NAME_LEN 255 /* what Linux lets an xattr's name have */
#define NSS_LEN 1024
#define NSS_MAX (1u << 20)

/* A file that something is set on, and what could not be. */
struct subject {
	int fd;
	const char *magic; /* NULL: fd is open for real; else only a place (O_PATH), reached by this
	                      name in /proc */
	const struct hf_entry *entry;
	const struct hf_meta_apply *how;
	uint32_t uid, gid;     /* the owners that it should have */
	int number;            /* the first errno */
	struct hf_buf missing; /* "owner, mode" */
};

static void check(struct subject *subject, int result, const char *what, struct hf_span which)
{
	if (result >= 0)
		return;
	if (!subject->number)
		subject->number = errno;
	hf_buf_printf(&subject->missing, "%s%s", subject->missing.len ? ", " : "", what);
	hf_buf_add_span(&subject->missing, which);
}

static int fd_or_magic_set(struct subject *subject, const char *name, struct hf_span value)
{
	/* NULL with length 0 is fine for the kernel, but not for the sanitizers' idea of the call.
	 */
	const void *bytes = value.len ? value.at : (const uint8_t *)"";

	if (subject->magic)
		return setxattr(subject->magic, name, bytes, value.len, 0);
	return fsetxattr(subject->fd, name, bytes, value.len, 0);
}

static bool begins(struct hf_span name, const char *prefix)
{
	size_t len = strlen(prefix);

	return name.len >= len && memcmp(name.at, prefix, len) == 0;
}

bool hf_meta_is_privileged(struct hf_span name)
{
	return begins(name, "trusted.") || begins(name, "security.");
}

static bool has_xattr(const struct hf_entry *entry, struct hf_span name)
{
	for (size_t i = 0; i < entry->n_xattrs; i++)
		if (hf_span_equal(entry->xattrs[i].name, name))
			return true;
	return false;
}

/* What a default ACL above gave to a new file, and what an old directory had: both are none of the
 * entry's. */
static void remove_others(struct subject *subject)
{
	ssize_t len = subject->magic ? listxattr(subject->magic, NULL, 0)
				     : flistxattr(subject->fd, NULL, 0);
	HF_RELEASED(hf_buf) names = {0};

	if (len <= 0)
		return; /* nothing there, or a file system without xattrs */
	hf_buf_grow(&names, (size_t)len + 1);
	len = subject->magic ? listxattr(subject->magic, (char *)names.at, (size_t)len)
			     : flistxattr(subject->fd, (char *)names.at, (size_t)len);
	names.len = len > 0 ? (size_t)len : 0;
	for (size_t at = 0; at < names.len;) {
		const char *name = (const char *)names.at + at;
		struct hf_span span = hf_span_str(name);

		at += span.len + 1;
		if (!begins(span, "user.") && !begins(span, ACL_PREFIX))
			continue;
		if (!has_xattr(subject->entry, span))
			check(subject,
				subject->magic ? removexattr(subject->magic, name)
					       : fremovexattr(subject->fd, name),
				"no xattr ", span);
	}
}

enum turn { BEFORE_MODE, ACLS, CAPABILITIES };

static enum turn turn_of(struct hf_span name)
{
	if (begins(name, ACL_PREFIX))
		return ACLS;
	if (hf_span_equal(name, hf_span_str(CAPABILITY)))
		return CAPABILITIES;
	return BEFORE_MODE;
}

/* What makes a program more powerful than its caller was given to a file of that owner's. */
static bool has_its_owner(const struct subject *subject)
{
	struct stat stat;

	return fstatat(subject->fd, "", &stat, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 &&
		stat.st_uid == subject->uid && stat.st_gid == subject->gid;
}

static bool wanted(const struct subject *subject, struct hf_span name)
{
	if (hf_span_equal(name, hf_span_str(CAPABILITY)) && !has_its_owner(subject))
		return false;
	return geteuid() == 0 || !hf_meta_is_privileged(name);
}

static void set_xattrs(struct subject *subject, enum turn turn)
{
	for (size_t i = 0; i < subject->entry->n_xattrs; i++) {
		const struct hf_xattr *xattr = &subject->entry->xattrs[i];
		char name[XATTR_NAME_LEN + 1] = {0};

		if (turn_of(xattr->name) != turn || !wanted(subject, xattr->name))
			continue;
		errno = ERANGE;
		if (xattr->name.len > XATTR_NAME_LEN) {
			check(subject, -1, "xattr ", xattr->name);
			continue;
		}
		memcpy(name, xattr->name.at, xattr->name.len);
		check(subject, fd_or_magic_set(subject, name, xattr->value), "xattr ", xattr->name);
	}
}

static void set_owner(struct subject *subject)
{
	const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;

	subject->uid = subject->entry->uid;
	subject->gid = subject->entry->gid;
	if (!subject->how->owners)
		return;
	if (subject->how->by_name)
		hf_meta_owner_ids(subject->entry, &subject->uid, &subject->gid);
	if (fchownat(subject->fd, "", subject->uid, subject->gid, flags) == 0)
		return;
	if (errno != EPERM || geteuid() == 0)
		check(subject, -1, "owner", hf_span_str(""));
	else /* only root gives files away; the group may be one of the caller's */
		(void)!fchownat(subject->fd, "", (uid_t)-1, subject->gid, flags);
}

static void set_mode(struct subject *subject)
{
	mode_t mode = subject->entry->mode & 07777;

	if (subject->entry->type == HF_LNK)
		return;
	if ((mode & (S_ISUID | S_ISGID)) && subject->entry->type != HF_DIR &&
		!has_its_owner(subject))
		mode &= ~(mode_t)(S_ISUID | S_ISGID);
	check(subject, subject->magic ? chmod(subject->magic, mode) : fchmod(subject->fd, mode),
		"mode", hf_span_str(""));
}

static void set_times(struct subject *subject)
{
	const int64_t second = INT64_C(1000000000);
	int64_t seconds = subject->entry->mtime / second, rest = subject->entry->mtime % second;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};

	if (rest < 0) {
		seconds--;
		rest += second;
	}
	times[1] = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)rest};
	check(subject,
		subject->magic ? utimensat(AT_FDCWD, subject->magic, times, 0)
			       : futimens(subject->fd, times),
		"times", hf_span_str(""));
}

static hf_err apply(struct subject *subject)
{
	enum hf_error_kind kind = HF_SYSTEM;
	struct hf_error *err;

	set_owner(subject);
	remove_others(subject);
	set_xattrs(subject, BEFORE_MODE);
	set_mode(subject);
	set_xattrs(subject, ACLS);
	set_xattrs(subject, CAPABILITIES);
	set_times(subject);
	if (!subject->number)
		return NULL;
	/* Some file systems have little room for an inode's xattrs. Where the disk itself is full,
	 * whoever writes next is told. */
	if (subject->number == ENOSPC || subject->number == EDQUOT)
		kind = HF_UNSUPPORTED;
	errno = subject->number;
	err = hf_error_sys("setting %s", hf_buf_text(&subject->missing));
	hf_buf_release(&subject->missing);
	return hf_error_as(err, kind);
}

hf_err hf_meta_set_open(int fd, const struct hf_entry *entry, const struct hf_meta_apply *how)
{
	struct subject subject = {.fd = fd, .entry = entry, .how = how};

	return apply(&subject);
}

static mode_t format_of(enum hf_type type)
{
	static const mode_t formats[] = {
		[HF_REG] = S_IFREG,
		[HF_DIR] = S_IFDIR,
		[HF_LNK] = S_IFLNK,
		[HF_CHR] = S_IFCHR,
		[HF_BLK] = S_IFBLK,
		[HF_FIFO] = S_IFIFO,
		[HF_SOCK] = S_IFSOCK,
	};

	return formats[type];
}

/*
 * O_PATH opens anything, without waiting for a FIFO's other end or asking a device's driver, and
 * names one inode from then on: who swaps the name for a link meanwhile gains nothing. What has no
 * call for such descriptors goes through /proc/self/fd, which leads to exactly that inode, links
 * included.
 */
hf_err hf_meta_set(
	int dirfd, const char *name, const struct hf_entry *entry, const struct hf_meta_apply *how)
{
	HF_FD fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char magic[32];
	struct stat stat;
	struct subject subject = {.fd = fd, .magic = magic, .entry = entry, .how = how};

	if (fd < 0 || fstat(fd, &stat) < 0)
		return hf_error_sys("opening it to set owner, mode and times");
	if ((stat.st_mode & S_IFMT) != format_of(entry->type))
		return hf_error_new(HF_INVALID, "it was replaced by another meanwhile");
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	return apply(&subject);
}

static bool name_text(struct hf_span name, char *text, size_t size)
{
	if (name.len == 0 || name.len >= size)
		return false;
	memcpy(text, name.at, name.len);
	text[name.len] = 0;
	return true;
}

static bool known_user(const char *name, uint32_t *uid)
{
	struct passwd row, *found = NULL;
	int result = ERANGE;

	for (size_t len = NSS_LEN; result == ERANGE && len <= NSS_MAX; len *= 2) {
		char *scratch = hf_alloc(len);

		result = getpwnam_r(name, &row, scratch, len, &found);
		free(scratch);
	}
	if (result == 0 && found)
		*uid = row.pw_uid;
	return result == 0 && found;
}

static bool known_group(const char *name, uint32_t *gid)
{
	struct group row, *found = NULL;
	int result = ERANGE;

	for (size_t len = NSS_LEN; result == ERANGE && len <= NSS_MAX; len *= 2) {
		char *scratch = hf_alloc(len);

		result = getgrnam_r(name, &row, scratch, len, &found);
		free(scratch);
	}
	if (result == 0 && found)
		*gid = row.gr_gid;
	return result == 0 && found;
}

void hf_meta_owner_ids(const struct hf_entry *entry, uint32_t *uid, uint32_t *gid)
{
	char name[HF_MAX_NAME + 1];

	if (!name_text(entry->user, name, sizeof(name)) || !known_user(name, uid))
		*uid = entry->uid;
	if (!name_text(entry->group, name, sizeof(name)) || !known_group(name, gid))
		*gid = entry->gid;
}
