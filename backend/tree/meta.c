/*
 * What a file is beside its content, captured. Names of owners are asked of the system once each.
 * The kernel has no listxattrat() before 6.13, so what can't be opened (links, devices) is named
 * through /proc/self/fd.
 */
#include "backend/tree/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"

#define MAX_OWNER_NAME 256

struct owner {
	uint32_t id;
	struct hf_span name;
};

struct owners {
	struct owner *at; /* sorted by id */
	size_t n, cap;
};

struct hf_owners {
	pthread_mutex_t lock; /* guards everything below */
	struct owners users, groups;
};

struct hf_owners *hf_owners_new(void)
{
	struct hf_owners *owners = hf_calloc(1, sizeof(*owners));

	pthread_mutex_init(&owners->lock, NULL);
	return owners;
}

static void owners_release(struct owners *owners)
{
	for (size_t i = 0; i < owners->n; i++) {
		union {
			const uint8_t *kept;
			void *freed;
		} name = {.kept = owners->at[i].name.at};

		free(name.freed);
	}
	free(owners->at);
}

void hf_owners_free(struct hf_owners *owners)
{
	if (!owners)
		return;
	owners_release(&owners->users);
	owners_release(&owners->groups);
	pthread_mutex_destroy(&owners->lock);
	free(owners);
}

/* Gives false when the buffer was too small. A name that no one could store counts as none. */
static bool ask_user(uint32_t id, char *buf, size_t len, char **name)
{
	struct passwd entry, *found = NULL;
	const int number = getpwuid_r(id, &entry, buf, len, &found);

	*name = found ? entry.pw_name : NULL;
	return number != ERANGE;
}

static bool ask_group(uint32_t id, char *buf, size_t len, char **name)
{
	struct group entry, *found = NULL;
	const int number = getgrgid_r(id, &entry, buf, len, &found);

	*name = found ? entry.gr_name : NULL;
	return number != ERANGE;
}

typedef bool ask_fn(uint32_t id, char *buf, size_t len, char **name);

static struct hf_span ask(ask_fn *fn, uint32_t id)
{
	HF_FREED char *buf = NULL;
	char *name = NULL;
	size_t len = 1024;

	/* A group with many members has a long record. */
	do {
		len *= 2;
		buf = hf_realloc(buf, len);
	} while (!fn(id, buf, len, &name) && len < (16u << 20));
	if (!name || strlen(name) > MAX_OWNER_NAME)
		return hf_span(NULL, 0);
	return hf_span_str(hf_strdup(name));
}

static struct hf_span owner_name(struct owners *owners, uint32_t id, ask_fn *fn)
{
	size_t low = 0, high = owners->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (owners->at[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < owners->n && owners->at[low].id == id)
		return owners->at[low].name;
	owners->at = hf_grow(owners->at, &owners->cap, owners->n + 1, sizeof(*owners->at));
	memmove(&owners->at[low + 1], &owners->at[low], (owners->n - low) * sizeof(*owners->at));
	owners->at[low] = (struct owner){.id = id, .name = ask(fn, id)};
	owners->n++;
	return owners->at[low].name;
}

struct hf_span hf_owners_user(struct hf_owners *owners, uint32_t uid)
{
	struct hf_span name;

	pthread_mutex_lock(&owners->lock);
	name = owner_name(&owners->users, uid, ask_user);
	pthread_mutex_unlock(&owners->lock);
	return name;
}

struct hf_span hf_owners_group(struct hf_owners *owners, uint32_t gid)
{
	struct hf_span name;

	pthread_mutex_lock(&owners->lock);
	name = owner_name(&owners->groups, gid, ask_group);
	pthread_mutex_unlock(&owners->lock);
	return name;
}

static enum hf_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return HF_REG;
	case S_IFDIR:
		return HF_DIR;
	case S_IFLNK:
		return HF_LNK;
	case S_IFCHR:
		return HF_CHR;
	case S_IFBLK:
		return HF_BLK;
	case S_IFIFO:
		return HF_FIFO;
	case S_IFSOCK:
		return HF_SOCK;
	default:
		return 0;
	}
}

/* A time that the format can't hold becomes the nearest that it can: a file from the year 9999 is
 * still a file. Told once. */
static int64_t ns_of(struct timespec time)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	const bool late = time.tv_sec >= HF_MAX_TIME_S;

	if (!late && time.tv_sec >= -HF_MAX_TIME_S)
		return time.tv_sec * HF_NS_PER_S + time.tv_nsec;
	if (!atomic_flag_test_and_set(&told))
		hf_log(HF_WARN,
			"a file's time is kept as the nearest that a backup holds: it holds those "
			"from 1697 to 2242",
			NULL);
	return late ? HF_MAX_TIME_S * HF_NS_PER_S - 1 : -HF_MAX_TIME_S * HF_NS_PER_S;
}

hf_err hf_meta_stat(const struct stat *st, struct hf_owners *owners, struct hf_entry *entry)
{
	const enum hf_type type = type_of(st->st_mode);

	if (!type)
		return hf_error_new(
			HF_UNSUPPORTED, "an unknown type of file (mode %o)", st->st_mode);
	if (!entry->type || entry->uid != st->st_uid || !entry->user.at)
		entry->user = hf_owners_user(owners, st->st_uid);
	if (!entry->type || entry->gid != st->st_gid || !entry->group.at)
		entry->group = hf_owners_group(owners, st->st_gid);
	entry->type = type;
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = ns_of(st->st_mtim);
	entry->ctime = ns_of(st->st_ctim);
	entry->size = type == HF_REG ? (uint64_t)st->st_size : 0;
	entry->rdev_major = major(st->st_rdev);
	entry->rdev_minor = minor(st->st_rdev);
	entry->nlink = st->st_nlink;
	return NULL;
}

static hf_err capture_target(
	int dirfd, const char *name, struct hf_arena *arena, struct hf_entry *entry)
{
	char target[HF_MAX_TARGET + 1];
	const ssize_t len = readlinkat(dirfd, name, target, sizeof(target));

	if (len < 0)
		return hf_error_sys("reading the link");
	if (len > HF_MAX_TARGET)
		return hf_error_new(
			HF_UNSUPPORTED, "the link's target is longer than %u bytes", HF_MAX_TARGET);
	entry->target = hf_span(hf_arena_str(arena, target, (size_t)len), (size_t)len);
	return NULL;
}

/* How to ask for xattrs: by descriptor, or by a path that does not follow. */
struct asked {
	int fd;
	const char *path;
};

static ssize_t list_names(const struct asked *asked, char *at, size_t len)
{
	return asked->fd >= 0 ? flistxattr(asked->fd, at, len) : llistxattr(asked->path, at, len);
}

static ssize_t get_value(const struct asked *asked, const char *name, void *at, size_t len)
{
	if (asked->fd >= 0)
		return fgetxattr(asked->fd, name, at, len);
	return lgetxattr(asked->path, name, at, len);
}

/* Others (a network file system's own view of ACLs) can't be set anywhere else. */
static bool is_kept(const char *name)
{
	static const char *const kept[] = {"user.", "trusted.", "security.", "system.posix_acl_"};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (hf_text_begins(name, kept[i]))
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct hf_xattr *first = a, *second = b;

	return hf_span_compare(first->name, second->name);
}

/* *has false: it went away since it was listed. */
static hf_err capture_value(const struct asked *asked, const char *name, struct hf_arena *arena,
	struct hf_xattr *out, bool *has)
{
	HF_FREED uint8_t *value = hf_alloc(HF_MAX_XATTR_VALUE);
	const ssize_t len = get_value(asked, name, value, HF_MAX_XATTR_VALUE);

	*has = len >= 0;
	if (len < 0 && errno == ENODATA)
		return NULL;
	if (len < 0)
		return hf_error_sys("reading the extended attribute %s", name);
	out->name = hf_span_str(hf_arena_str(arena, name, strlen(name)));
	out->value = hf_arena_span(arena, hf_span(value, (size_t)len));
	return NULL;
}

static hf_err capture_values(const struct asked *asked, struct hf_span names,
	struct hf_arena *arena, struct hf_entry *entry)
{
	struct hf_xattr *xattrs = hf_arena_alloc(arena, HF_MAX_XATTRS * sizeof(*xattrs));
	size_t n = 0, len;

	for (const uint8_t *at = names.at; at < names.at + names.len; at += len + 1) {
		const char *name = (const char *)at;
		bool has;

		len = strlen(name);
		if (!is_kept(name))
			continue;
		if (n == HF_MAX_XATTRS)
			return hf_error_new(
				HF_UNSUPPORTED, "more than %u extended attributes", HF_MAX_XATTRS);
		HF_TRY(capture_value(asked, name, arena, &xattrs[n], &has));
		n += has;
	}
	qsort(xattrs, n, sizeof(*xattrs), by_name);
	entry->xattrs = xattrs;
	entry->n_xattrs = n;
	return NULL;
}

static hf_err capture_xattrs(
	const struct asked *asked, struct hf_arena *arena, struct hf_entry *entry)
{
	/* Most files have none, and one call tells; the kernel never gives more than 64 KiB. */
	char few[256];
	HF_FREED char *many = NULL;
	char *names = few;
	ssize_t len = list_names(asked, few, sizeof(few) - 1);

	entry->xattrs = NULL;
	entry->n_xattrs = 0;
	if (len < 0 && errno == ERANGE) {
		names = many = hf_alloc(XATTR_LIST_MAX + 1);
		len = list_names(asked, many, XATTR_LIST_MAX);
	}
	if (len < 0 && (errno == ENOTSUP || errno == ENOSYS))
		return NULL;
	/* Without /proc links and devices are kept without what they hardly ever have. */
	if (len < 0 && asked->fd < 0 && access("/proc/self/fd", F_OK) != 0)
		return NULL;
	if (len < 0)
		return hf_error_sys("listing extended attributes");
	if (len == 0)
		return NULL;
	names[len] = '\0';
	return capture_values(asked, hf_span(names, (size_t)len), arena, entry);
}

hf_err hf_meta_capture(
	int dirfd, const char *name, int fd, struct hf_arena *arena, struct hf_entry *entry)
{
	if (entry->type == HF_LNK)
		HF_TRY(capture_target(dirfd, name, arena, entry));
	HF_FREED char *path = fd >= 0 ? NULL : hf_format("/proc/self/fd/%d/%s", dirfd, name);

	return capture_xattrs(&(struct asked){.fd = fd, .path = path}, arena, entry);
}
