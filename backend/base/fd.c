/* Whole reads and writes; files that are there whole or not at all. */
#include "backend/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP (64u * 1024)

void hf_fd_close_at(int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = kept;
}

hf_err hf_fd_read(int fd, void *at, size_t len, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = read(fd, (uint8_t *)at + *got, len - *got);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_sys("reading");
		*got += (size_t)n;
	}
	return NULL;
}

hf_err hf_fd_pread(int fd, void *at, size_t len, off_t from, size_t *got)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = pread(fd, (uint8_t *)at + *got, len - *got, from + (off_t)*got);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_sys("reading at %lld", (long long)from);
		*got += (size_t)n;
	}
	return NULL;
}

hf_err hf_fd_write(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_sys("writing");
		at += n;
		len -= (size_t)n;
	}
	return NULL;
}

hf_err hf_fd_pwrite(int fd, const void *bytes, size_t len, off_t to)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = pwrite(fd, at, len, to);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return hf_error_sys("writing at %lld", (long long)to);
		at += n;
		to += n;
		len -= (size_t)n;
	}
	return NULL;
}

hf_err hf_file_read(const char *path, size_t max, struct hf_buf *out)
{
	HF_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t before = out->len, got;

	if (fd < 0)
		return hf_error_sys("opening %s", path);
	do {
		/* One byte more than may be there, so that a file of exactly max is told from a
		 * longer one. */
		size_t left = max - (out->len - before);
		size_t want = left < READ_STEP ? left + 1 : READ_STEP;

		hf_buf_reserve(out, want);
		HF_TRY(hf_error_in(hf_fd_read(fd, out->at + out->len, want, &got), "%s", path));
		if (got > left) {
			out->len = before;
			return hf_error_new(HF_INVALID, "%s is larger than %zu bytes", path, max);
		}
		out->len += got;
		if (got < want)
			break;
	} while (true);
	return NULL;
}

/* The folder that holds path, "." if none is named; free() it. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return hf_strdup(".");
	return hf_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static hf_err sync_parent(const char *path)
{
	HF_FREED char *parent = parent_of(path);
	HF_FD fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* EINVAL: this file system has nothing to sync for a folder. */
	if (fd < 0 || (fsync(fd) && errno != EINVAL))
		return hf_error_sys("syncing %s", parent);
	return NULL;
}

static int name_over(const char *temporary, const char *path)
{
	return rename(temporary, path);
}

static int name_new(const char *temporary, const char *path)
{
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	/* This file system can't; then it most likely has hard links. */
	if (errno != EINVAL || link(temporary, path))
		return -1;
	unlink(temporary);
	return 0;
}

typedef int name_fn(const char *temporary, const char *path);

static hf_err fill(int fd, struct hf_span bytes, mode_t mode)
{
	if (fchmod(fd, mode))
		return hf_error_sys("setting the mode");
	HF_TRY(hf_fd_write(fd, bytes.at, bytes.len));
	return fsync(fd) ? hf_error_sys("syncing") : NULL;
}

static hf_err write_whole(const char *path, struct hf_span bytes, mode_t mode, name_fn *name)
{
	HF_FREED char *temporary = hf_format("%s.XXXXXX", path);
	HF_FD fd = mkostemp(temporary, O_CLOEXEC);
	struct hf_error *err;

	if (fd < 0)
		return hf_error_sys("making %s", temporary);
	err = fill(fd, bytes, mode);
	if (!err && name(temporary, path))
		err = hf_error_sys("giving it its name");
	if (err) {
		unlink(temporary);
		return hf_error_in(err, "writing %s", path);
	}
	return sync_parent(path);
}

hf_err hf_file_replace(const char *path, struct hf_span bytes, mode_t mode)
{
	return write_whole(path, bytes, mode, name_over);
}

hf_err hf_file_make(const char *path, struct hf_span bytes, mode_t mode)
{
	return write_whole(path, bytes, mode, name_new);
}

static hf_err make_one(const char *path, mode_t mode)
{
	struct stat stat_of;
	int reason;

	if (mkdir(path, mode) == 0)
		return NULL;
	/* Whatever mkdir said (a read-only file system says EROFS first): what counts is what is
	 * there. */
	reason = errno;
	if (stat(path, &stat_of) == 0) {
		if (S_ISDIR(stat_of.st_mode))
			return NULL;
		reason = ENOTDIR;
	}
	errno = reason;
	return hf_error_sys("making the directory %s", path);
}

hf_err hf_dir_make_all(const char *path, mode_t mode)
{
	HF_FREED char *upto = hf_strdup(path);

	for (char *at = upto; *at; at++) {
		if (*at != '/' || at == upto)
			continue;
		*at = '\0';
		HF_TRY(make_one(upto, mode));
		*at = '/';
	}
	return make_one(upto, mode);
}

bool hf_dir_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t n = 0;

	while (dir && n <= 2 && (entry = readdir(dir)))
		n++;
	if (dir)
		closedir(dir);
	return n <= 2; /* itself and the one above */
}
