/*
 * The file: rows of (u64 key, u64 inode) of this machine, by key. Keys are uniform, so a row is
 * found where its key says it should be, give or take a few: two or three cache misses among
 * millions. What is noted is written to a second file as it comes, and sorted where it lies: no
 * memory grows with the tree.
 */
#include "backend/tree/inodes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/format/hash.h"
#include "backend/tree/mix.h"

struct row {
	uint64_t key, inode;
};

struct hf_inodes {
	char *path, *new_path;
	const struct row *rows; /* mapped; NULL: none */
	size_t n;
	int fd; /* of the new file; -1: it can't be written */
	struct row noted[1024];
	size_t n_noted;
	uint64_t written, equal;
};

uint64_t hf_inodes_key(uint64_t above, struct hf_span name)
{
	return hf_mix_bytes(above, name);
}

static void map_rows(struct hf_inodes *inodes)
{
	HF_FD fd = open(inodes->path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct row))
		return;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return;
	inodes->rows = at;
	inodes->n = (size_t)st.st_size / sizeof(struct row);
}

static void unmap_rows(struct hf_inodes *inodes)
{
	union {
		const struct row *rows;
		void *at;
	} mapped = {.rows = inodes->rows};

	if (inodes->rows)
		munmap(mapped.at, inodes->n * sizeof(struct row));
	inodes->rows = NULL;
	inodes->n = 0;
}

struct hf_inodes *hf_inodes_open(const char *cache_dir, const char *source)
{
	struct hf_inodes *inodes = hf_calloc(1, sizeof(*inodes));
	char hex[2 * 16 + 1];
	struct hf_id id;

	hf_sha256(hf_span_str(source), &id);
	hf_hex(hf_span(id.bytes, 16), hex);
	inodes->path = hf_format("%s/inodes-%s", cache_dir, hex);
	inodes->new_path = hf_format("%s/inodes-%s.%ld", cache_dir, hex, (long)getpid());
	inodes->fd = open(inodes->new_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	map_rows(inodes);
	return inodes;
}

void hf_inodes_free(struct hf_inodes *inodes)
{
	if (!inodes)
		return;
	if (inodes->fd >= 0)
		unlink(inodes->new_path);
	hf_fd_close_at(&inodes->fd);
	unmap_rows(inodes);
	free(inodes->path);
	free(inodes->new_path);
	free(inodes);
}

uint64_t hf_inodes_find(const struct hf_inodes *inodes, uint64_t key)
{
	size_t at;

	if (inodes->n == 0)
		return HF_INODE_UNKNOWN;
	at = (size_t)((double)key / 18446744073709551616.0 * (double)inodes->n);
	at = HF_MIN(at, inodes->n - 1);
	while (at > 0 && inodes->rows[at].key > key)
		at--;
	while (at + 1 < inodes->n && inodes->rows[at].key < key)
		at++;
	return inodes->rows[at].key == key ? inodes->rows[at].inode : HF_INODE_UNKNOWN;
}

static void write_noted(struct hf_inodes *inodes)
{
	const size_t n = inodes->n_noted;
	struct hf_error *err;

	inodes->n_noted = 0;
	if (inodes->fd < 0)
		return;
	err = hf_fd_write(inodes->fd, inodes->noted, n * sizeof(struct row));
	inodes->written += n;
	if (!err)
		return;
	hf_error_free(err); /* a full disk costs the next backup this comparison, no more */
	unlink(inodes->new_path);
	hf_fd_close_at(&inodes->fd);
}

void hf_inodes_note(struct hf_inodes *inodes, uint64_t key, uint64_t inode)
{
	inodes->noted[inodes->n_noted++] = (struct row){key, inode};
	inodes->equal += inodes->rows && hf_inodes_find(inodes, key) == inode;
	if (inodes->n_noted == ARRAY_LEN(inodes->noted))
		write_noted(inodes);
}

static int by_key(const void *first, const void *second)
{
	const struct row *a = first, *b = second;

	return a->key < b->key ? -1 : a->key > b->key;
}

static bool sort_file(int fd, uint64_t n)
{
	const size_t len = (size_t)n * sizeof(struct row);
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return false;
	qsort(at, (size_t)n, sizeof(struct row), by_key);
	munmap(at, len);
	return true;
}

void hf_inodes_keep(struct hf_inodes *inodes)
{
	const bool same =
		inodes->equal == inodes->n && inodes->written + inodes->n_noted == inodes->n;

	write_noted(inodes);
	if (inodes->fd < 0 || same)
		return;
	if (inodes->written > 0 && !sort_file(inodes->fd, inodes->written))
		return;
	if (rename(inodes->new_path, inodes->path) == 0)
		hf_fd_close_at(&inodes->fd);
}
