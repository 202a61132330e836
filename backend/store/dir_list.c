/*
 * The union of both copies in bytewise order of the whole names. Each directory is read to its end
 * before its first name is shown, so what is put or removed meanwhile moves nothing else.
 */
#include "backend/store/dir_list.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/store/dir_paths.h"
#include "backend/store/driver.h"

struct listing {
	const char *root;
	const char *prefix, *after;
	bool names;
	hf_object_fn *each;
	void *arg;
};

/* What one directory holds, of both copies. */
struct level {
	struct hf_arena names;
	struct found {
		const char
			*name; /* from the root, a directory's with '/' behind: so it sorts right */
		unsigned copy;
		bool regular; /* the directory says so already */
	} * found;
	size_t n, cap;
	DIR *open[2];
};

static void level_release(struct level *level)
{
	for (size_t i = 0; i < ARRAY_LEN(level->open); i++)
		if (level->open[i])
			closedir(level->open[i]);
	free(level->found);
	hf_arena_release(&level->names);
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	const int order = strcmp(x->name, y->name);

	return order ? order : (int)x->copy - (int)y->copy;
}

/* A directory may hold names that are wanted when neither prefix nor `after` rules all of them out.
 */
static bool wanted(const struct listing *listing, const char *name)
{
	if (name[strlen(name) - 1] != '/')
		return hf_text_begins(name, listing->prefix) && strcmp(name, listing->after) > 0;
	return (hf_text_begins(name, listing->prefix) || hf_text_begins(listing->prefix, name)) &&
		(hf_text_begins(listing->after, name) || strcmp(name, listing->after) > 0);
}

static bool entry_is_directory(DIR *open, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(open), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static hf_err read_level(
	const struct listing *listing, const char *parent, unsigned copy, struct level *level)
{
	HF_FREED char *path = hf_dir_path(listing->root, parent, copy);
	DIR *open = opendir(path);

	if (!open)
		return errno == ENOENT     ? hf_dir_absent(listing->root, path, copy)
			: errno == ENOTDIR ? hf_error_new(HF_NOT_FOUND, "no directory")
					   : hf_dir_refused("opendir");
	level->open[copy] = open;
	for (;;) {
		HF_RELEASED(hf_buf) name = {0};
		const struct dirent *entry;

		errno = 0;
		entry = readdir(open);
		if (!entry)
			return errno ? hf_dir_refused("readdir") : NULL;
		if (entry->d_name[0] == '.')
			continue;
		hf_buf_printf(&name, "%s%s%s", parent, entry->d_name,
			entry_is_directory(open, entry) ? "/" : "");
		if (!wanted(listing, hf_buf_text(&name)))
			continue;
		level->found =
			hf_grow(level->found, &level->cap, level->n + 1, sizeof(*level->found));
		level->found[level->n++] =
			(struct found){hf_arena_str(&level->names, name.at, name.len), copy,
				entry->d_type == DT_REG};
	}
}

/* *shown false: it is no object, but what has its name in the other copy may be one. */
static hf_err show(const struct listing *listing, const struct level *level, const struct found *at,
	bool *shown)
{
	struct hf_object object = {.name = at->name};
	struct stat st;

	*shown = false;
	if (!listing->names || !at->regular) {
		if (fstatat(dirfd(level->open[at->copy]), strrchr(at->name, '/') + 1, &st, 0) < 0)
			/* Removed meanwhile. */
			return hf_dir_leads_nowhere(errno) ? NULL : hf_dir_refused(at->name);
		if (!S_ISREG(st.st_mode))
			return NULL;
		object.size = (uint64_t)st.st_size;
		object.time = st.st_mtim.tv_sec * HF_NS_PER_S + st.st_mtim.tv_nsec;
	}
	*shown = true;
	return listing->each(listing->arg, &object);
}

static bool has_folders(const char *top)
{
	return strcmp(top, "packs/") == 0 || strcmp(top, "meta/") == 0;
}

/* parent: "packs/", "packs/ab/". */
static hf_err list_level(const struct listing *listing, const char *parent)
{
	HF_RELEASED(level) level = {0};
	struct hf_error *err = read_level(listing, parent, 0, &level);
	const char *done = "";

	if (err && hf_error_kind(err) != HF_NOT_FOUND)
		return err;
	hf_error_free(err); /* nothing was put there yet */
	if (hf_dir_copies(parent) == 2) {
		err = read_level(listing, parent, 1, &level);
		if (err && hf_error_kind(err) == HF_LOCAL)
			return err;
		/* The first copies are complete; what they lack by an accident is a gain. */
		hf_error_free(err);
	}
	if (level.n > 0)
		qsort(level.found, level.n, sizeof(*level.found), by_name);
	for (size_t i = 0; i < level.n; i++) {
		const struct found *at = &level.found[i];
		bool shown = true;

		if (strcmp(at->name, done) == 0)
			continue;
		if (at->name[strlen(at->name) - 1] != '/')
			HF_TRY(show(listing, &level, at, &shown));
		else if (has_folders(parent))
			HF_TRY(list_level(listing, at->name));
		if (shown)
			done = at->name;
	}
	return NULL;
}

hf_err hf_dir_list(const char *root, const char *prefix, const char *after, bool names,
	hf_object_fn *each, void *arg)
{
	const struct listing listing = {root, prefix, after, names, each, arg};

	for (size_t i = 0; i < HF_STORE_TOPS; i++) {
		HF_FREED char *top = hf_format("%s/", hf_store_tops[i]);

		if (wanted(&listing, top))
			HF_TRY(list_level(&listing, top));
	}
	return NULL;
}

/* nftw() gives its callback no argument of ours. */
static _Thread_local int64_t tidy_before;

static int tidy_one(const char *path, const struct stat *st, int what, struct FTW *where)
{
	const int64_t time = st->st_mtim.tv_sec * HF_NS_PER_S;

	/* One that can't be removed is in nobody's way. */
	if (what == FTW_F && hf_text_begins(path + where->base, HF_DIR_TEMPORARY) &&
		time < tidy_before)
		(void)unlink(path);
	return 0;
}

hf_err hf_dir_tidy(const char *root, int64_t before)
{
	tidy_before = before;
	return nftw(root, tidy_one, 16, FTW_PHYS) == 0 ? NULL : hf_dir_refused("nftw");
}
