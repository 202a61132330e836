/* Open objects, the last used ones, by path. */
#include "backend/store/open_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"

/* The packs of 1 GiB of content; far below the usual limit of 1024 descriptors. */
#define KEPT 64

struct hf_open_file {
	int fd;
	uint64_t size;
	atomic_uint references;
};

struct place {
	char *path; /* NULL: empty */
	struct hf_open_file *file;
	uint64_t used; /* the tick of its last use */
};

struct hf_open_files {
	pthread_mutex_t lock; /* guards everything below */
	uint64_t tick;
	struct place places[KEPT];
};

struct hf_open_file *hf_open_file_new(int fd, uint64_t size)
{
	struct hf_open_file *file = hf_alloc(sizeof(*file));

	file->fd = fd;
	file->size = size;
	atomic_init(&file->references, 1);
	return file;
}

int hf_open_file_fd(const struct hf_open_file *file)
{
	return file->fd;
}

uint64_t hf_open_file_size(const struct hf_open_file *file)
{
	return file->size;
}

void hf_open_file_free(struct hf_open_file *file)
{
	if (!file || atomic_fetch_sub(&file->references, 1) != 1)
		return;
	close(file->fd);
	free(file);
}

struct hf_open_files *hf_open_files_new(void)
{
	struct hf_open_files *files = hf_calloc(1, sizeof(*files));

	pthread_mutex_init(&files->lock, NULL);
	return files;
}

void hf_open_files_free(struct hf_open_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < KEPT; i++) {
		free(files->places[i].path);
		hf_open_file_free(files->places[i].file);
	}
	pthread_mutex_destroy(&files->lock);
	free(files);
}

static struct place *find(struct hf_open_files *files, const char *path)
{
	for (size_t i = 0; i < KEPT; i++)
		if (files->places[i].path && strcmp(files->places[i].path, path) == 0)
			return &files->places[i];
	return NULL;
}

struct hf_open_file *hf_open_files_find(struct hf_open_files *files, const char *path)
{
	struct hf_open_file *file = NULL;
	struct place *place;

	pthread_mutex_lock(&files->lock);
	place = find(files, path);
	if (place) {
		place->used = ++files->tick;
		file = place->file;
		atomic_fetch_add(&file->references, 1);
	}
	pthread_mutex_unlock(&files->lock);
	return file;
}

/* Puts (path, file) in place of what was there, which the caller frees outside the lock. */
static struct place replace(
	struct hf_open_files *files, struct place *place, char *path, struct hf_open_file *file)
{
	struct place old = *place;

	*place = (struct place){.path = path, .file = file, .used = ++files->tick};
	return old;
}

void hf_open_files_keep(struct hf_open_files *files, const char *path, struct hf_open_file *file)
{
	char *key = hf_strdup(path);
	struct place *place, old;

	atomic_fetch_add(&file->references, 1);
	pthread_mutex_lock(&files->lock);
	place = find(files, path);
	for (size_t i = 0; !place && i < KEPT; i++)
		if (!files->places[i].path)
			place = &files->places[i];
	if (!place) {
		place = &files->places[0];
		for (size_t i = 1; i < KEPT; i++)
			if (files->places[i].used < place->used)
				place = &files->places[i];
	}
	old = replace(files, place, key, file);
	pthread_mutex_unlock(&files->lock);

	free(old.path);
	hf_open_file_free(old.file);
}

void hf_open_files_drop(struct hf_open_files *files, const char *path)
{
	struct place *place, old = {0};

	pthread_mutex_lock(&files->lock);
	place = find(files, path);
	if (place)
		old = replace(files, place, NULL, NULL);
	pthread_mutex_unlock(&files->lock);

	free(old.path);
	hf_open_file_free(old.file);
}
