/* Making one name of a restore. */
#include "backend/tree/restore_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backend/base/fd.h"

#define REMEMBERED_OWNERS 64

/* ---- owners ---- */

struct pair {
	uint32_t uid, gid; /* as stored */
	char *user, *group;
	uint32_t here_uid, here_gid;
};

struct hf_owner_ids {
	pthread_mutex_t lock; /* guards everything below */
	struct pair pairs[REMEMBERED_OWNERS];
	size_t n;
};

struct hf_owner_ids *hf_owner_ids_new(void)
{
	struct hf_owner_ids *ids = hf_calloc(1, sizeof(*ids));

	pthread_mutex_init(&ids->lock, NULL);
	return ids;
}

void hf_owner_ids_free(struct hf_owner_ids *ids)
{
	if (!ids)
		return;
	for (size_t i = 0; i < ids->n; i++) {
		free(ids->pairs[i].user);
		free(ids->pairs[i].group);
	}
	pthread_mutex_destroy(&ids->lock);
	free(ids);
}

static bool is_pair_of(const struct pair *pair, const struct hf_entry *entry)
{
	return pair->uid == entry->uid && pair->gid == entry->gid &&
		hf_span_equal(hf_span_str(pair->user), entry->user) &&
		hf_span_equal(hf_span_str(pair->group), entry->group);
}

static bool remembered(struct hf_owner_ids *ids, struct hf_entry *entry)
{
	bool found = false;

	pthread_mutex_lock(&ids->lock);
	for (size_t i = 0; i < ids->n && !found; i++)
		if (is_pair_of(&ids->pairs[i], entry)) {
			entry->uid = ids->pairs[i].here_uid;
			entry->gid = ids->pairs[i].here_gid;
			found = true;
		}
	pthread_mutex_unlock(&ids->lock);
	return found;
}

/* Replaces the entry's ids by what this machine calls its owners. NSS is not asked under the lock.
 */
static void find_owners(struct hf_owner_ids *ids, struct hf_entry *entry)
{
	struct pair pair = {.uid = entry->uid, .gid = entry->gid};

	if (remembered(ids, entry))
		return;
	hf_meta_owner_ids(entry, &pair.here_uid, &pair.here_gid);
	entry->uid = pair.here_uid;
	entry->gid = pair.here_gid;
	pthread_mutex_lock(&ids->lock);
	if (ids->n < REMEMBERED_OWNERS) {
		pair.user = hf_strndup((const char *)entry->user.at, entry->user.len);
		pair.group = hf_strndup((const char *)entry->group.at, entry->group.len);
		ids->pairs[ids->n++] = pair;
	}
	pthread_mutex_unlock(&ids->lock);
}

/* fd -1: what is at `name`. */
static hf_err set_meta(const struct hf_making *making, int fd, const char *name)
{
	struct hf_meta_apply how = making->restore->apply;
	struct hf_entry entry = *making->entry;

	if (how.owners && how.by_name && (entry.user.len || entry.group.len))
		find_owners(making->owners, &entry);
	how.by_name = false;
	return fd >= 0 ? hf_meta_set_open(fd, &entry, &how)
		       : hf_meta_set(making->dirfd, name, &entry, &how);
}

/* ---- names ---- */

/* Makes one name: 0 or a descriptor, or -1 with errno. */
typedef int make_fn(const struct hf_making *making, const char *name, const void *arg);

static const char *name_now(const struct hf_making *making)
{
	return making->beside[0] ? making->beside : making->name;
}

static void name_beside(struct hf_making *making)
{
	static atomic_uint
		counter; /* two temporary names of one process differ, whoever makes them */

	snprintf(making->beside, sizeof(making->beside), ".holdfast-%d-%u", (int)getpid(),
		atomic_fetch_add(&counter, 1));
}

hf_err hf_making_is_there(void)
{
	return hf_error_new(HF_EXISTS, "it is there already; hint: --overwrite replaces it");
}

static hf_err make_name(struct hf_making *making, make_fn *make, const void *arg, int *result)
{
	making->beside[0] = 0;
	*result = make(making, making->name, arg);
	while (*result < 0 && errno == EEXIST && making->restore->overwrite) {
		name_beside(making);
		*result = make(making, making->beside, arg);
	}
	if (*result >= 0)
		return NULL;
	if (errno == EEXIST)
		return hf_making_is_there();
	return hf_error_as(hf_error_sys("making it"), HF_SYSTEM);
}

void hf_making_abandon(struct hf_making *making)
{
	unlinkat(making->dirfd, name_now(making), 0);
}

/* An empty directory makes way as a file does; one that holds something fails to. */
static int take_name(const struct hf_making *making)
{
	const int dirfd = making->dirfd;
	const int result = renameat(dirfd, making->beside, dirfd, making->name);

	if (result < 0 && errno == EISDIR && unlinkat(dirfd, making->name, AT_REMOVEDIR) == 0)
		return renameat(dirfd, making->beside, dirfd, making->name);
	return result;
}

/* Gives what is complete its name. */
static hf_err finish_name(struct hf_making *making)
{
	if (making->beside[0] && take_name(making) < 0) {
		struct hf_error *err = hf_error_sys("replacing what is there");

		hf_making_abandon(making);
		return hf_error_as(err, HF_SYSTEM);
	}
	making->made = true;
	return NULL;
}

/* ---- regular files ---- */

static int create_file(const struct hf_making *making, const char *name, const void *arg)
{
	(void)arg;
	return openat(
		making->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

struct writing {
	const struct hf_restore *restore;
	int fd;
	uint64_t end; /* of the last data */
};

static hf_err write_piece(void *arg, uint64_t from, struct hf_span bytes, uint64_t zeros)
{
	struct writing *writing = arg;

	if (zeros > 0)
		return NULL; /* a hole: left out */
	HF_TRY(hf_stop_check(writing->restore->stop));
	HF_TRY(hf_error_in(hf_fd_pwrite(writing->fd, bytes.at, bytes.len, (off_t)from), "writing"));
	writing->end = from + bytes.len;
	if (writing->restore->progress)
		atomic_fetch_add_explicit(
			&writing->restore->progress->bytes, bytes.len, memory_order_relaxed);
	return NULL;
}

static hf_err set_size(int fd, uint64_t size)
{
	if (ftruncate(fd, (off_t)size) < 0)
		return hf_error_as(hf_error_sys("setting its size"), HF_SYSTEM);
	return NULL;
}

static hf_err write_all(const struct hf_making *making, int fd, struct hf_content *content)
{
	struct writing writing = {.restore = making->restore, .fd = fd};
	uint64_t size = hf_content_size(content);

	HF_TRY(hf_content_visit(content, 0, size, write_piece, &writing));
	return writing.end < size ? set_size(fd, size) : NULL;
}

hf_err hf_making_end(struct hf_making *making, int fd)
{
	struct hf_error *err = set_meta(making, fd, NULL);
	struct hf_error *last = finish_name(making);

	if (!last)
		return err;
	hf_error_free(err); /* what could not be set does not matter: the file is gone */
	return last;
}

hf_err hf_making_file(struct hf_making *making)
{
	HF_OWNED(hf_content) content = NULL;
	HF_FD fd = -1;
	struct hf_error *err;

	HF_TRY(hf_content_open(making->restore->reader, making->entry, &content));
	HF_TRY(make_name(making, create_file, NULL, &fd));
	err = write_all(making, fd, content);
	if (err) {
		hf_making_abandon(making);
		return err;
	}
	return hf_making_end(making, fd);
}

hf_err hf_making_begin(struct hf_making *making, int *fd, struct hf_content **out)
{
	HF_OWNED(hf_content) content = NULL;
	HF_FD made = -1;
	struct hf_error *err;

	HF_TRY(hf_content_open(making->restore->reader, making->entry, &content));
	HF_TRY(make_name(making, create_file, NULL, &made));
	err = set_size(made, hf_content_size(content));
	if (err) {
		hf_making_abandon(making);
		return err;
	}
	*fd = made;
	made = -1;
	*out = HF_STEAL(content);
	return NULL;
}

hf_err hf_making_write(const struct hf_making *making, int fd, struct hf_content *content,
	uint64_t from, uint64_t len)
{
	struct writing writing = {.restore = making->restore, .fd = fd};

	hf_content_prefetch(content, from, len);
	return hf_content_visit(content, from, len, write_piece, &writing);
}

/* ---- all else ---- */

static int create_special(const struct hf_making *making, const char *name, const void *arg)
{
	const struct hf_entry *entry = making->entry;
	dev_t rdev = makedev(entry->rdev_major, entry->rdev_minor);

	switch (entry->type) {
	case HF_LNK:
		return symlinkat(arg, making->dirfd, name);
	case HF_CHR:
		return mknodat(making->dirfd, name, S_IFCHR | 0600, rdev);
	case HF_BLK:
		return mknodat(making->dirfd, name, S_IFBLK | 0600, rdev);
	case HF_FIFO:
		return mknodat(making->dirfd, name, S_IFIFO | 0600, 0);
	case HF_SOCK:
		return mknodat(making->dirfd, name, S_IFSOCK | 0600, 0);
	default:
		errno = EINVAL;
		return -1;
	}
}

hf_err hf_making_special(struct hf_making *making)
{
	const struct hf_span *target = &making->entry->target;
	HF_FREED char *text = hf_strndup((const char *)target->at, target->len);
	struct hf_error *err, *last;
	int result;

	HF_TRY(make_name(making, create_special, text, &result));
	err = set_meta(making, -1, name_now(making));
	last = finish_name(making);
	if (!last)
		return err;
	hf_error_free(err); /* what could not be set does not matter: the name is gone */
	return last;
}

struct old_name {
	int dirfd;
	const char *name;
};

static int create_link(const struct hf_making *making, const char *name, const void *arg)
{
	const struct old_name *old = arg;

	return linkat(old->dirfd, old->name, making->dirfd, name, 0);
}

hf_err hf_making_link(struct hf_making *making, int from, const char *name)
{
	const struct old_name old = {.dirfd = from, .name = name};
	int result;

	HF_TRY(make_name(making, create_link, &old, &result));
	HF_TRY(finish_name(making));
	/* rename(2) of two names of one file does nothing, and leaves both. */
	if (making->beside[0])
		unlinkat(making->dirfd, making->beside, 0);
	return NULL;
}

hf_err hf_making_directory(const struct hf_making *making)
{
	return set_meta(making, making->dirfd, NULL);
}
