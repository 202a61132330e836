#include "backend/tree/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/fd.h"

#define READ_AHEAD (1 << 20) /* files of this size are worth a hint */

struct hf_feed_file {
	int fd;
	bool sparse; /* fewer blocks than bytes: holes are looked for */
	bool pipe;
	struct stat opened;
	off_t at, data_end; /* the next byte; up to where there is data, known so far */
};

static hf_err open_at(int dirfd, const char *name, int *fd)
{
	/* Without O_NONBLOCK a FIFO that took the file's place would be waited for. */
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	*fd = openat(dirfd, name, flags | O_NOATIME);
	if (*fd < 0 && errno == EPERM)
		*fd = openat(dirfd, name, flags);
	return *fd < 0 ? hf_error_sys("opening it") : NULL;
}

hf_err hf_local_file_open(int dirfd, const char *name, struct stat *st, struct hf_feed_file **out)
{
	HF_FD fd = -1;
	struct hf_feed_file *file;

	HF_TRY(open_at(dirfd, name, &fd));
	if (fstat(fd, st) != 0)
		return hf_error_sys("looking at it");
	if (!S_ISREG(st->st_mode))
		return hf_error_new(HF_INVALID, "it is no regular file any more");
	if (st->st_size >= READ_AHEAD)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	file = hf_calloc(1, sizeof(*file));
	*file = (struct hf_feed_file){
		.fd = fd,
		.sparse = (off_t)st->st_blocks * 512 < st->st_size,
		.opened = *st,
	};
	fd = -1;
	*out = file;
	return NULL;
}

struct hf_feed_file *hf_local_file_of(int fd)
{
	struct hf_feed_file *file = hf_calloc(1, sizeof(*file));

	*file = (struct hf_feed_file){.fd = fd, .pipe = true};
	return file;
}

int hf_local_file_fd(const struct hf_feed_file *file)
{
	return file->fd;
}

/* *hole: how many bytes are missing at `at`; else data_end is set behind it. */
static hf_err look_for_hole(struct hf_feed_file *file, uint64_t *hole)
{
	off_t data = lseek(file->fd, file->at, SEEK_DATA);

	if (data < 0 && errno == ENXIO) {
		/* No more data: a hole up to the end, or the end itself. */
		struct stat st;

		if (fstat(file->fd, &st) != 0)
			return hf_error_sys("looking at it");
		data = HF_MAX(st.st_size, file->at);
		*hole = (uint64_t)(data - file->at);
		file->data_end = data;
		return NULL;
	}
	if (data < 0) {
		/* A file system that can't tell: all is data. */
		file->sparse = false;
		return NULL;
	}
	*hole = (uint64_t)(data - file->at);
	if (*hole == 0)
		file->data_end = lseek(file->fd, file->at, SEEK_HOLE);
	return NULL;
}

hf_err hf_local_file_read(
	struct hf_feed_file *file, void *at, size_t len, size_t *got, uint64_t *hole)
{
	*hole = 0;
	*got = 0;
	if (file->pipe)
		return hf_fd_read(file->fd, at, len, got);
	if (file->sparse && file->at >= file->data_end) {
		HF_TRY(look_for_hole(file, hole));
		if (*hole > 0) {
			file->at += (off_t)*hole;
			return NULL;
		}
	}
	if (file->sparse && file->data_end > file->at)
		len = HF_MIN(len, (size_t)(file->data_end - file->at));
	HF_TRY(hf_fd_pread(file->fd, at, len, file->at, got));
	file->at += (off_t)*got;
	return NULL;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

hf_err hf_local_file_close(struct hf_feed_file *file, bool *changed)
{
	const struct stat *before = &file->opened;
	struct hf_error *err = NULL;
	struct stat now;

	*changed = false;
	if (!file->pipe && fstat(file->fd, &now) != 0)
		err = hf_error_sys("looking at it");
	else if (!file->pipe)
		*changed = now.st_size != before->st_size ||
			!same_time(now.st_mtim, before->st_mtim) ||
			!same_time(now.st_ctim, before->st_ctim);
	close(file->fd);
	free(file);
	return err;
}
