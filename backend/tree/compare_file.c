/* One local file against its stored entry. */
#include "backend/tree/compare_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/tree/compare_state.h"
#include "backend/tree/content.h"
#include "backend/tree/fingerprint.h"

#define PIECE (256u << 10)

static bool all_zero(const uint8_t *at, size_t len)
{
	return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

static void count(const struct hf_looking *looking, uint64_t bytes)
{
	struct hf_progress *progress = looking->compare->progress;

	if (progress)
		atomic_fetch_add_explicit(&progress->bytes, bytes, memory_order_relaxed);
}

/* ---- by fingerprint ---- */

/* The first data at or after `at`; the size where there is none, or where the file system can't
 * tell: `at`. */
static uint64_t data_after(int fd, uint64_t at, uint64_t size)
{
	off_t found = lseek(fd, (off_t)at, SEEK_DATA);

	if (found >= 0)
		return HF_MIN((uint64_t)found, size);
	return errno == ENXIO ? size : at;
}

/* *whole false: it ended early, so it changed while it was read. */
static hf_err fingerprint_file(struct hf_looking *looking, int fd, bool sparse,
	uint8_t out[HF_FINGERPRINT_LEN], bool *whole)
{
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(looking->secret);
	HF_FREED uint8_t *piece = hf_alloc(PIECE);
	const uint64_t size = looking->stored->size;
	uint64_t at = 0;
	size_t got = 1;

	while (at < size && got > 0) {
		uint64_t data = sparse ? data_after(fd, at, size) : at;

		HF_TRY(hf_stop_check(looking->compare->stop));
		if (data > at)
			hf_fingerprint_skip(fingerprint, data - at);
		at = data;
		HF_TRY(hf_fd_pread(fd, piece, HF_MIN(PIECE, size - at), (off_t)at, &got));
		hf_fingerprint_add(fingerprint, hf_span(piece, got));
		at += got;
	}
	count(looking, at);
	*whole = at == size;
	hf_fingerprint_end(fingerprint, out);
	return NULL;
}

/* ---- by content ---- */

struct against {
	int fd;
	uint8_t *piece;
	bool differs;
	const struct hf_stop *stop;
};

/* What is a hole on both sides need not be read. */
static uint64_t first_read(const struct against *against, uint64_t from, uint64_t zeros)
{
	return zeros ? data_after(against->fd, from, from + zeros) : from;
}

/* A difference ends the visit: as an error, which the caller takes back. */
static hf_err compare_piece(void *arg, uint64_t from, struct hf_span bytes, uint64_t zeros)
{
	struct against *against = arg;
	const uint64_t end = from + bytes.len + zeros;
	uint64_t at = first_read(against, from, zeros);

	while (at < end) {
		size_t want = (size_t)HF_MIN(PIECE, end - at), got;

		HF_TRY(hf_stop_check(against->stop));
		HF_TRY(hf_fd_pread(against->fd, against->piece, want, (off_t)at, &got));
		against->differs = got != want ||
			(zeros ? !all_zero(against->piece, got)
			       : memcmp(against->piece, bytes.at + (at - from), got) != 0);
		if (against->differs)
			return hf_error_new(HF_DIFFERS, "it differs");
		at = first_read(against, at + want, zeros ? end - at - want : 0);
	}
	return NULL;
}

static hf_err compare_content(struct hf_looking *looking, int fd, bool *same)
{
	HF_FREED uint8_t *piece = hf_alloc(PIECE);
	struct against against = {.fd = fd, .piece = piece, .stop = looking->compare->stop};
	HF_OWNED(hf_content) content = NULL;
	struct hf_error *err;

	HF_TRY(hf_content_open(looking->compare->reader, looking->stored, &content));
	err = hf_content_visit(content, 0, looking->stored->size, compare_piece, &against);
	count(looking, looking->stored->size);
	*same = !against.differs;
	if (!against.differs)
		return err;
	hf_error_free(err); /* it only says what `differs` says */
	return NULL;
}

/* ---- names ---- */

static hf_err same_file(struct hf_looking *looking, const struct stat *seen, bool *same)
{
	const struct hf_entry *stored = looking->stored;
	uint8_t fingerprint[HF_FINGERPRINT_LEN];
	struct stat stat;
	HF_FD fd = -1;

	*same = false;
	if ((uint64_t)seen->st_size != stored->size)
		return NULL;
	fd = openat(looking->dirfd, looking->name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return hf_error_as(hf_error_sys("opening it"), HF_SYSTEM);
	if (!S_ISREG(stat.st_mode) || stat.st_size != seen->st_size)
		return NULL; /* it changes while we look: not what was stored */
	if (!looking->secret || !stored->fingerprinted)
		return compare_content(looking, fd, same);
	HF_TRY(fingerprint_file(
		looking, fd, stat.st_blocks * 512 < stat.st_size, fingerprint, same));
	*same = *same && memcmp(fingerprint, stored->fingerprint, HF_FINGERPRINT_LEN) == 0;
	return NULL;
}

static hf_err judge(struct hf_looking *looking, const struct stat *stat, struct hf_arena *arena)
{
	const struct hf_entry *stored = looking->stored;
	bool same = true;

	if (stored->type == HF_REG)
		HF_TRY(same_file(looking, stat, &same));
	if (looking->local.type == HF_LNK || looking->compare->metadata)
		HF_TRY(hf_meta_capture(looking->dirfd, looking->name, -1, arena, &looking->local));
	if (!same || !hf_compare_same_special(stored, &looking->local))
		looking->what = HF_CHANGED;
	else if (looking->compare->metadata && !hf_compare_same_meta(stored, &looking->local))
		looking->what = HF_META_CHANGED;
	return NULL;
}

hf_err hf_looking_run(struct hf_looking *looking, struct hf_arena *arena)
{
	struct stat stat;

	if (fstatat(looking->dirfd, looking->name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return hf_error_as(hf_error_sys("looking at it"), HF_SYSTEM);
		looking->what = looking->stored ? HF_REMOVED : 0;
		return NULL;
	}
	HF_TRY(hf_meta_stat(&stat, looking->owners, &looking->local));
	looking->local.name = hf_span_str(looking->name);
	if (!looking->stored) {
		looking->what = HF_ADDED;
		return hf_meta_capture(looking->dirfd, looking->name, -1, arena, &looking->local);
	}
	if (looking->local.type != looking->stored->type) {
		looking->what = HF_TYPE_CHANGED;
		return NULL;
	}
	return judge(looking, &stat, arena);
}

hf_err hf_looking_directory(struct hf_looking *looking, int fd, struct hf_arena *arena)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return hf_error_as(hf_error_sys("looking at it"), HF_SYSTEM);
	HF_TRY(hf_meta_stat(&stat, looking->owners, &looking->local));
	looking->local.name = hf_span_str(looking->name);
	HF_TRY(hf_meta_capture(fd, ".", fd, arena, &looking->local));
	if (!looking->stored)
		looking->what = HF_ADDED;
	else if (looking->compare->metadata &&
		!hf_compare_same_meta(looking->stored, &looking->local))
		looking->what = HF_META_CHANGED;
	return NULL;
}
