#include "backend/base/id_sort.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/fd.h"

/* Ids of a run that are read at a time. */
#define WINDOW 4096u

/* Sorted ids: of the file, or those still in memory. */
struct run {
	off_t at;    /* in the file; where the next window begins */
	size_t left; /* in the file */
	off_t begin; /* the whole of it */
	size_t length;
	struct hf_id *window;
	size_t n, next;
};

struct hf_id_sort {
	char *dir;
	int fd; /* -1: nothing was written */
	off_t end;
	struct hf_id *ids;
	size_t n, cap, most;
	size_t next; /* of those in memory */
	struct run *runs;
	size_t n_runs, cap_runs;
};

struct hf_id_sort *hf_id_sort_new(const char *dir, size_t most)
{
	struct hf_id_sort *sort = hf_calloc(1, sizeof(*sort));

	sort->dir = hf_strdup(dir ? dir : "/tmp");
	sort->fd = -1;
	sort->most = most;
	return sort;
}

void hf_id_sort_free(struct hf_id_sort *sort)
{
	if (!sort)
		return;
	for (size_t i = 0; i < sort->n_runs; i++)
		free(sort->runs[i].window);
	if (sort->fd >= 0)
		close(sort->fd);
	free(sort->runs);
	free(sort->ids);
	free(sort->dir);
	free(sort);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hf_id));
}

static void sort_memory(struct hf_id_sort *sort)
{
	size_t kept = 0;

	if (sort->n > 1)
		qsort(sort->ids, sort->n, sizeof(*sort->ids), compare);
	for (size_t i = 0; i < sort->n; i++) {
		if (kept == 0 || !hf_id_equal(&sort->ids[kept - 1], &sort->ids[i]))
			sort->ids[kept++] = sort->ids[i];
	}
	sort->n = kept;
}

static hf_err open_file(struct hf_id_sort *sort)
{
	if (sort->fd >= 0)
		return NULL;
	sort->fd = open(sort->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (sort->fd >= 0)
		return NULL;
	/* Not every file system has files without a name. */
	HF_FREED char *path = hf_format("%s/sort-XXXXXX", sort->dir);

	sort->fd = mkostemp(path, O_CLOEXEC);
	if (sort->fd < 0)
		return hf_error_sys("a file to sort in, in %s", sort->dir);
	unlink(path);
	return NULL;
}

static hf_err spill(struct hf_id_sort *sort)
{
	HF_TRY(open_file(sort));
	sort_memory(sort);
	const size_t len = sort->n * sizeof(*sort->ids);

	if (lseek(sort->fd, sort->end, SEEK_SET) < 0)
		return hf_error_sys("sorting in %s", sort->dir);
	HF_TRY(hf_error_in(hf_fd_write(sort->fd, sort->ids, len), "sorting in %s", sort->dir));
	sort->runs = hf_grow(sort->runs, &sort->cap_runs, sort->n_runs + 1, sizeof(*sort->runs));
	sort->runs[sort->n_runs++] = (struct run){.begin = sort->end, .length = sort->n};
	sort->end += (off_t)len;
	sort->n = 0;
	return NULL;
}

hf_err hf_id_sort_add(struct hf_id_sort *sort, const struct hf_id *id)
{
	if (sort->n == sort->most) {
		/* Often most of them are the same few. */
		sort_memory(sort);
		if (sort->n > sort->most / 2)
			HF_TRY(spill(sort));
	}
	sort->ids = hf_grow(sort->ids, &sort->cap, sort->n + 1, sizeof(*sort->ids));
	sort->ids[sort->n++] = *id;
	return NULL;
}

static hf_err fill(struct hf_id_sort *sort, struct run *run)
{
	const size_t n = run->left < WINDOW ? run->left : WINDOW;
	size_t got = 0;

	while (got < n * sizeof(*run->window)) {
		const ssize_t len = pread(sort->fd, (uint8_t *)run->window + got,
			n * sizeof(*run->window) - got, run->at + (off_t)got);

		if (len <= 0)
			return hf_error_sys("sorting in %s", sort->dir);
		got += (size_t)len;
	}
	run->at += (off_t)got;
	run->left -= n;
	run->n = n;
	run->next = 0;
	return NULL;
}

hf_err hf_id_sort_begin(struct hf_id_sort *sort)
{
	sort_memory(sort);
	sort->next = 0;
	for (size_t i = 0; i < sort->n_runs; i++) {
		struct run *run = &sort->runs[i];

		if (!run->window)
			run->window = hf_alloc(WINDOW * sizeof(*run->window));
		run->at = run->begin;
		run->left = run->length;
		run->n = run->next = 0;
		HF_TRY(fill(sort, run));
	}
	return NULL;
}

/* The least of what is next; NULL: nothing is left. */
static const struct hf_id *least(const struct hf_id_sort *sort)
{
	const struct hf_id *id = sort->next < sort->n ? &sort->ids[sort->next] : NULL;

	for (size_t i = 0; i < sort->n_runs; i++) {
		const struct run *run = &sort->runs[i];

		if (run->next < run->n && (!id || compare(&run->window[run->next], id) < 0))
			id = &run->window[run->next];
	}
	return id;
}

hf_err hf_id_sort_next(struct hf_id_sort *sort, struct hf_id *out, bool *more)
{
	const struct hf_id *id = least(sort);

	*more = id != NULL;
	if (!id)
		return NULL;
	*out = *id;
	if (sort->next < sort->n && hf_id_equal(&sort->ids[sort->next], out))
		sort->next++;
	for (size_t i = 0; i < sort->n_runs; i++) {
		struct run *run = &sort->runs[i];

		if (run->next < run->n && hf_id_equal(&run->window[run->next], out) &&
			++run->next == run->n && run->left > 0)
			HF_TRY(fill(sort, run));
	}
	return NULL;
}
