/*
 * The file "sent-XXXXXX" beside the catalog: items of u32 length, SHA-256 of the record, record. A
 * torn end is left out. Who lives holds a lock on it, so a file that can be locked is nobody's.
 */
#include "backend/repo/diary.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"

#define PREFIX "sent-"
#define MAX_DIARY ((size_t)64 << 20)

struct hf_diary {
	char *path;
	int fd;
};

struct hf_diary *hf_diary_begin(struct hf_repo *repo)
{
	const char *dir = hf_repo_cache_dir(repo);

	if (!dir)
		return NULL;
	HF_FREED char *path = hf_format("%s/" PREFIX "XXXXXX", dir);
	const int fd = mkostemp(path, O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	struct hf_diary *diary = hf_calloc(1, sizeof(*diary));

	/* One that can't be locked would be taken for one left behind: better none. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		unlink(path);
		free(diary);
		return NULL;
	}
	diary->fd = fd;
	diary->path = HF_STEAL(path);
	return diary;
}

void hf_diary_free(struct hf_diary *diary)
{
	struct stat st;

	if (!diary)
		return;
	if (fstat(diary->fd, &st) == 0 && st.st_size == 0)
		unlink(diary->path);
	close(diary->fd);
	free(diary->path);
	free(diary);
}

void hf_diary_write(struct hf_diary *diary, struct hf_span record)
{
	HF_RELEASED(hf_buf) item = {0};
	struct hf_id digest;

	if (!diary)
		return;
	hf_sha256(record, &digest);
	hf_put_u32(&item, (uint32_t)record.len);
	hf_buf_add(&item, &digest, sizeof(digest));
	hf_buf_add_span(&item, record);
	/* One write that appends is one item, whoever else writes. Lost, a pack is sent again. */
	hf_error_free(hf_fd_write(diary->fd, item.at, item.len));
}

void hf_diary_clear(struct hf_diary *diary)
{
	/* Left as it is, the next session commits the same packs once more, which does no harm. */
	if (diary && ftruncate(diary->fd, 0) != 0)
		return;
}

/* ---- those that were left ---- */

struct adoption {
	struct hf_repo *repo;
	hf_left_fn *each;
	struct hf_error *(*commit)(void *arg);
	void *arg;
};

/* A session that ended between the copies left a pack that a check would call damaged. */
static hf_err is_whole(struct hf_repo *repo, const struct hf_pack_record *pack, bool *whole)
{
	struct hf_store *store = hf_repo_store(repo);
	char name[HF_PACK_NAME_LEN + 1];

	hf_pack_name(pack->header.kind, &pack->id, name);
	*whole = true;
	for (unsigned copy = 0; *whole && copy < hf_store_copies(store, name); copy++) {
		uint64_t size = 0;
		struct hf_error *err = hf_store_stat(store, name, copy, &size);

		if (err && hf_error_kind(err) != HF_NOT_FOUND)
			return err;
		*whole = !err && size == pack->size;
		hf_error_free(err); /* the session ended before it was put */
	}
	return NULL;
}

static hf_err adopt_record(const struct adoption *adoption, struct hf_span printed)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_wire wire = hf_wire(printed);
	struct hf_record record = {0};
	bool whole;

	hf_record_parse(&wire, &arena, &record);
	struct hf_error *err = hf_wire_end(&wire, "record");

	if (err || record.kind != HF_RECORD_PACK) {
		hf_error_free(err); /* another version's: its packs are sent again */
		return NULL;
	}
	HF_TRY(is_whole(adoption->repo, &record.pack, &whole));
	return whole ? adoption->each(adoption->arg, printed) : NULL;
}

static hf_err adopt_bytes(const struct adoption *adoption, struct hf_span bytes)
{
	struct hf_wire wire = hf_wire(bytes);

	while (wire.rest.len > 0) {
		const uint32_t len = hf_wire_u32(&wire);
		const struct hf_span said = hf_wire_bytes(&wire, sizeof(struct hf_id));
		const struct hf_span record = hf_wire_bytes(&wire, len);
		struct hf_id digest;

		hf_sha256(record, &digest);
		/* What was not written whole was not sent. */
		if (wire.bad || memcmp(said.at, &digest, sizeof(digest)) != 0)
			break;
		HF_TRY(adopt_record(adoption, record));
	}
	return NULL;
}

static bool is_young(const struct hf_repo *repo, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_nlink == 0)
		return false;
	/* Prune announces what no commit names once it is a grace period old. */
	const int64_t age = hf_time_now() - (int64_t)st.st_mtim.tv_sec * HF_NS_PER_S;

	return age < hf_repo_settings(repo)->grace / 2;
}

static hf_err adopt_file(const struct adoption *adoption, const char *path)
{
	HF_FD fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	HF_RELEASED(hf_buf) bytes = {0};

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0)
		return NULL;
	if (is_young(adoption->repo, fd)) {
		struct hf_error *err = hf_file_read(path, MAX_DIARY, &bytes);

		if (err) {
			hf_error_free(err); /* no help, then */
			return NULL;
		}
		HF_TRY(adopt_bytes(adoption, hf_buf_span(&bytes)));
		HF_TRY(adoption->commit(adoption->arg));
	}
	unlink(path);
	return NULL;
}

hf_err hf_diary_adopt(
	struct hf_repo *repo, hf_left_fn *each, struct hf_error *(*commit)(void *arg), void *arg)
{
	const struct adoption adoption = {repo, each, commit, arg};
	const char *dir = hf_repo_cache_dir(repo);
	DIR *listing = dir ? opendir(dir) : NULL;
	struct hf_error *err = NULL;

	if (!listing)
		return NULL;
	for (struct dirent *item = readdir(listing); item && !err; item = readdir(listing)) {
		if (!hf_text_begins(item->d_name, PREFIX))
			continue;
		HF_FREED char *path = hf_format("%s/%s", dir, item->d_name);

		err = adopt_file(&adoption, path);
	}
	closedir(listing);
	return err;
}
