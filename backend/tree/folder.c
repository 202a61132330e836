#include "backend/tree/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/fd.h"

struct hf_folders {
	unsigned limit;
	pthread_mutex_t
		lock; /* guards everything below, and fd, users and neighbours of each folder */
	unsigned open;
	struct hf_folder *newest, *oldest; /* open ones that nobody uses */
};

struct hf_folder {
	struct hf_folders *folders;
	struct hf_folder *parent;
	char *name;
	dev_t dev;
	ino_t ino;
	atomic_uint refs;
	int fd; /* -1: closed */
	unsigned users;
	struct hf_folder *newer, *older;
};

struct hf_folders *hf_folders_new(unsigned limit)
{
	struct hf_folders *folders = hf_calloc(1, sizeof(*folders));

	folders->limit = limit;
	pthread_mutex_init(&folders->lock, NULL);
	return folders;
}

void hf_folders_free(struct hf_folders *folders)
{
	if (!folders)
		return;
	pthread_mutex_destroy(&folders->lock);
	free(folders);
}

static void leave_idle(struct hf_folder *folder)
{
	struct hf_folders *folders = folder->folders;

	*(folder->newer ? &folder->newer->older : &folders->newest) = folder->older;
	*(folder->older ? &folder->older->newer : &folders->oldest) = folder->newer;
}

static void enter_idle(struct hf_folder *folder)
{
	struct hf_folders *folders = folder->folders;

	folder->newer = NULL;
	folder->older = folders->newest;
	*(folders->newest ? &folders->newest->newer : &folders->oldest) = folder;
	folders->newest = folder;
}

/* The descriptor of one idle folder too many, for the caller to close without the lock; -1: none.
 */
static int take_surplus(struct hf_folders *folders)
{
	struct hf_folder *folder = folders->oldest;
	int fd;

	if (folders->open <= folders->limit || !folder)
		return -1;
	leave_idle(folder);
	fd = folder->fd;
	folder->fd = -1;
	folders->open--;
	return fd;
}

static hf_err open_at(int dirfd, const char *name, int *fd, struct stat *st)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

	/* O_NOATIME is for the owner and root; others leave their trace. */
	*fd = openat(dirfd, name, flags | O_NOATIME);
	if (*fd < 0 && errno == EPERM)
		*fd = openat(dirfd, name, flags);
	if (*fd < 0)
		return hf_error_sys("opening the directory");
	if (fstat(*fd, st) == 0)
		return NULL;
	struct hf_error *err = hf_error_sys("looking at the directory");

	hf_fd_close_at(fd);
	return err;
}

static hf_err open_below(struct hf_folder *parent, const char *name, int *fd, struct stat *st)
{
	struct hf_error *err;
	int dirfd = AT_FDCWD;

	if (parent)
		HF_TRY(hf_folder_use(parent, &dirfd));
	err = open_at(dirfd, name, fd, st);
	if (parent)
		hf_folder_rest(parent);
	return err;
}

hf_err hf_folder_open(struct hf_folders *folders, struct hf_folder *parent, const char *name,
	struct stat *st, struct hf_folder **out)
{
	struct hf_folder *folder;
	int fd, surplus;

	HF_TRY(open_below(parent, name, &fd, st));
	folder = hf_calloc(1, sizeof(*folder));
	*folder = (struct hf_folder){
		.folders = folders,
		.parent = parent ? hf_folder_ref(parent) : NULL,
		.name = hf_strdup(name),
		.dev = st->st_dev,
		.ino = st->st_ino,
		.fd = fd,
	};
	atomic_init(&folder->refs, 1);
	pthread_mutex_lock(&folders->lock);
	folders->open++;
	enter_idle(folder);
	surplus = take_surplus(folders);
	pthread_mutex_unlock(&folders->lock);
	hf_fd_close_at(&surplus);
	*out = folder;
	return NULL;
}

struct hf_folder *hf_folder_ref(struct hf_folder *folder)
{
	atomic_fetch_add_explicit(&folder->refs, 1, memory_order_relaxed);
	return folder;
}

void hf_folder_unref(struct hf_folder *folder)
{
	while (folder && atomic_fetch_sub_explicit(&folder->refs, 1, memory_order_acq_rel) == 1) {
		struct hf_folders *folders = folder->folders;
		struct hf_folder *parent = folder->parent;

		pthread_mutex_lock(&folders->lock);
		if (folder->fd >= 0) {
			leave_idle(folder);
			folders->open--;
		}
		pthread_mutex_unlock(&folders->lock);
		hf_fd_close_at(&folder->fd);
		free(folder->name);
		free(folder);
		folder = parent;
	}
}

/* Gives false when it must be opened first. */
static bool use_open(struct hf_folder *folder, int *fd)
{
	struct hf_folders *folders = folder->folders;

	pthread_mutex_lock(&folders->lock);
	*fd = folder->fd;
	if (*fd >= 0 && folder->users++ == 0)
		leave_idle(folder);
	pthread_mutex_unlock(&folders->lock);
	return *fd >= 0;
}

/* Two threads may get here at once: the later one's descriptor is not needed. */
static void take_opened(struct hf_folder *folder, int fd)
{
	struct hf_folders *folders = folder->folders;
	int surplus = fd;

	pthread_mutex_lock(&folders->lock);
	if (folder->fd < 0) {
		folder->fd = fd;
		folders->open++;
		enter_idle(folder);
		surplus = take_surplus(folders);
	}
	pthread_mutex_unlock(&folders->lock);
	hf_fd_close_at(&surplus);
}

hf_err hf_folder_use(struct hf_folder *folder, int *fd)
{
	/* What was just opened may be closed again at once, when all others are in use. */
	while (!use_open(folder, fd)) {
		struct stat st;
		int opened;

		HF_TRY(open_below(folder->parent, folder->name, &opened, &st));
		if (st.st_dev != folder->dev || st.st_ino != folder->ino) {
			close(opened);
			return hf_error_new(HF_NOT_FOUND, "the directory was replaced");
		}
		take_opened(folder, opened);
	}
	return NULL;
}

void hf_folder_rest(struct hf_folder *folder)
{
	struct hf_folders *folders = folder->folders;
	int surplus = -1;

	pthread_mutex_lock(&folders->lock);
	if (--folder->users == 0) {
		enter_idle(folder);
		surplus = take_surplus(folders);
	}
	pthread_mutex_unlock(&folders->lock);
	hf_fd_close_at(&surplus);
}
