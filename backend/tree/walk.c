/*
 * A stack of directories, each listed and sorted when it is entered:
 *
 *     level 0   .        a  b [c] d  e         next() gives what stands at the mark, moves it on,
 *     level 1   c        x [y] z               and enters or leaves levels
 *
 * Sorted names cost 1 % of the system calls that list and stat them.
 */
#include "backend/tree/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/tree/branch.h"
#include "backend/tree/folder.h"
#include "backend/tree/listing.h"
#include "backend/tree/local_file.h"
#include "backend/tree/meta.h"

#define OPEN_FOLDERS 64

struct level {
	struct hf_folder *folder;
	int fd;                         /* -1: not in use */
	const struct hf_branch *branch; /* of what was named in the directory; NULL: nothing */
	bool all;                       /* that is in the directory; else what was named only */
	size_t path_len;                /* of the directory's path in walk.path */
	dev_t device;
	struct hf_listing listing;
	size_t next;
	struct hf_error *failed; /* what listing it gave, to be told */
};

struct walk_item {
	struct hf_item item;
	struct hf_folder *folder; /* ENTER: its own; ENTRY: where it stands */
	struct hf_buf path;
	struct walk_item *next_idle, *next; /* of all */
};

struct walk {
	struct hf_feed feed;
	struct hf_walk_options options;
	struct hf_branch branch;
	struct hf_folders *folders;
	struct hf_owners *owners;
	struct hf_entry owner; /* of the last entry: most have the same */
	struct hf_buf path;    /* base, '/', path below it */
	size_t base_len;       /* where the path below begins */
	struct level *levels;
	size_t depth, cap;
	struct walk_item *idle, *items;
	struct hf_error **missing; /* of each path: why it is left out, until that is told */
	bool begun;
};

static struct walk *walk_of(struct hf_feed *feed)
{
	return (struct walk *)feed;
}

static struct level *top_of(struct walk *walk)
{
	return &walk->levels[walk->depth - 1];
}

/* ---- items ---- */

static const char *below_base(struct walk *walk)
{
	return hf_buf_text(&walk->path) + HF_MIN(walk->base_len, walk->path.len);
}

static struct walk_item *take_item(struct walk *walk, enum hf_step step, size_t name_len)
{
	struct walk_item *taken = walk->idle;
	const char *path = below_base(walk);
	const size_t len = strlen(path);

	if (taken) {
		walk->idle = taken->next_idle;
	} else {
		taken = hf_calloc(1, sizeof(*taken));
		taken->next = walk->items;
		walk->items = taken;
	}
	hf_buf_clear(&taken->path);
	hf_buf_add(&taken->path, path, len);
	taken->item = (struct hf_item){.step = step, .path = hf_buf_text(&taken->path)};
	taken->item.entry.name = hf_span(taken->path.at + len - name_len, name_len);
	return taken;
}

static void walk_done(struct hf_feed *feed, struct hf_item *item)
{
	struct walk *walk = walk_of(feed);
	struct walk_item *given = (struct walk_item *)item;

	hf_folder_unref(given->folder);
	given->folder = NULL;
	hf_error_free(item->error); /* the one who was given it has told of it */
	item->error = NULL;
	given->next_idle = walk->idle;
	walk->idle = given;
}

static struct hf_item *failed_at(struct walk *walk, const char *path, struct hf_error *err)
{
	struct walk_item *taken = take_item(walk, HF_STEP_FAILED, 0);

	hf_buf_clear(&taken->path);
	hf_buf_add(&taken->path, path, strlen(path));
	taken->item.path = hf_buf_text(&taken->path);
	taken->item.entry.name = hf_span(NULL, 0);
	taken->item.error = err;
	return &taken->item;
}

/* Of what walk.path names; the root's own is all that is known of it. */
static struct hf_item *failed_item(struct walk *walk, struct hf_error *err)
{
	const char *path = below_base(walk);

	return failed_at(walk, *path ? path : hf_buf_text(&walk->path), err);
}

/* NULL: all was told. */
static struct hf_item *missing_item(struct walk *walk)
{
	for (size_t i = 0; i < walk->options.n_paths; i++)
		if (walk->missing[i])
			return failed_at(walk, walk->options.paths[i], HF_STEAL(walk->missing[i]));
	return NULL;
}

static hf_err fill_item(struct walk *walk, struct walk_item *taken, const struct stat *st)
{
	struct hf_entry *entry = &taken->item.entry;
	const struct hf_span name = entry->name;

	*entry = walk->owner;
	entry->name = name;
	HF_TRY(hf_meta_stat(st, walk->owners, entry));
	walk->owner = (struct hf_entry){
		.type = entry->type,
		.uid = entry->uid,
		.gid = entry->gid,
		.user = entry->user,
		.group = entry->group,
	};
	taken->item.device = st->st_dev;
	taken->item.inode = st->st_ino;
	return NULL;
}

/* ---- levels ---- */

static void rest(struct level *level)
{
	if (level->fd >= 0)
		hf_folder_rest(level->folder);
	level->fd = -1;
}

static hf_err use(struct level *level)
{
	return level->fd >= 0 ? NULL : hf_folder_use(level->folder, &level->fd);
}

static struct level *push(struct walk *walk)
{
	if (walk->depth == walk->cap) {
		const size_t before = walk->cap;

		walk->levels =
			hf_grow(walk->levels, &walk->cap, walk->depth + 1, sizeof(*walk->levels));
		memset(&walk->levels[before], 0, (walk->cap - before) * sizeof(*walk->levels));
		for (size_t i = before; i < walk->cap; i++)
			walk->levels[i].fd = -1;
	}
	return &walk->levels[walk->depth++];
}

static void pop(struct walk *walk)
{
	struct level *level = top_of(walk);

	rest(level);
	hf_folder_unref(level->folder);
	hf_error_free(level->failed); /* left early: nobody wants to know any more */
	level->folder = NULL;
	level->failed = NULL;
	walk->depth--;
}

static hf_err list(struct walk *walk, struct level *level)
{
	hf_listing_clear(&level->listing);
	level->next = 0;
	if (!level->all) {
		for (size_t i = 0; level->branch && i < level->branch->n; i++)
			hf_listing_add(
				&level->listing, level->branch->children[i].name, DT_UNKNOWN);
		return NULL;
	}
	HF_TRY(use(level));
	HF_TRY(hf_listing_read(&level->listing, level->fd));
	if (walk->options.exclude_caches)
		hf_listing_drop_cache(&level->listing, level->fd);
	return NULL;
}

/* What a level takes with it from the one above. */
struct entry_point {
	const struct hf_branch *branch; /* NULL: neither named nor on the way to what was */
	bool excluded;
	size_t name_len;
};

/* It was named, or is passed through on the way from the root: no rule leaves it out. */
static bool is_given(const struct hf_branch *branch)
{
	return branch && !branch->inside;
}

static hf_err open_folder(
	struct walk *walk, const char *name, struct stat *st, struct hf_folder **folder)
{
	struct level *above = walk->depth > 0 ? top_of(walk) : NULL;

	if (walk->depth >= HF_MAX_DEPTH || walk->path.len > HF_MAX_PATH)
		return hf_error_new(HF_UNSUPPORTED, "the tree is too deep");
	return hf_folder_open(walk->folders, above ? above->folder : NULL, name, st, folder);
}

/* Enters the directory that walk.path names. What can't be entered is an item that says so. */
static hf_err enter(
	struct walk *walk, const char *name, const struct entry_point *point, struct hf_item **out)
{
	struct walk_item *taken;
	struct hf_folder *folder;
	struct level *level;
	struct stat st;
	struct hf_error *err = open_folder(walk, name, &st, &folder);

	if (err) {
		*out = failed_item(walk, err);
		return NULL;
	}
	taken = take_item(walk, HF_STEP_ENTER, point->name_len);
	taken->folder = hf_folder_ref(folder);
	level = push(walk);
	level->folder = folder;
	level->branch = point->branch;
	level->path_len = walk->path.len;
	/* A path that was named starts on a device of its own. */
	level->device = is_given(point->branch) ? st.st_dev : level[-1].device;
	level->all = (!point->branch || point->branch->whole) && !point->excluded &&
		(level->device == st.st_dev || !walk->options.one_file_system);
	level->failed = list(walk, level);
	*out = &taken->item;
	return fill_item(walk, taken, &st);
}

static hf_err leave(struct walk *walk, struct hf_item **out)
{
	walk->path.len = top_of(walk)->path_len;
	*out = &take_item(walk, HF_STEP_LEAVE, 0)->item;
	pop(walk);
	return NULL;
}

/* One that is neither a directory nor excluded. */
static hf_err give_entry(
	struct walk *walk, const struct stat *st, size_t name_len, struct hf_item **out)
{
	struct walk_item *taken = take_item(walk, HF_STEP_ENTRY, name_len);
	struct hf_error *err = fill_item(walk, taken, st);

	taken->folder = hf_folder_ref(top_of(walk)->folder);
	*out = &taken->item;
	if (!err)
		return NULL;
	walk_done(&walk->feed, &taken->item);
	*out = failed_item(walk, err);
	return NULL;
}

static bool is_excluded(struct walk *walk, bool dir)
{
	if (!walk->options.exclude)
		return false;
	return hf_exclude_match(
		walk->options.exclude, below_base(walk), hf_buf_text(&walk->path), dir);
}

static void go_to(struct walk *walk, const struct hf_name *name)
{
	const struct level *level = top_of(walk);

	walk->path.len = level->path_len;
	if (walk->path.len == 0 || walk->path.at[walk->path.len - 1] != '/')
		hf_buf_add(&walk->path, "/", 1);
	hf_buf_add(&walk->path, hf_listing_text(&level->listing, name), name->len);
}

static hf_err look_at(struct level *level, const char *name, struct stat *st)
{
	HF_TRY(use(level));
	if (fstatat(level->fd, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
		return hf_error_sys("looking at it");
	return NULL;
}

/* The next name of the top level. *out NULL: it is left out. */
static hf_err give_name(struct walk *walk, struct hf_item **out)
{
	struct level *level = top_of(walk);
	const struct hf_name *name = &level->listing.names[level->next];
	const char *text = hf_listing_text(&level->listing, name);
	struct entry_point point = {.name_len = name->len};
	struct stat st = {.st_mode = S_IFDIR};
	struct hf_error *err = NULL;

	if (level->branch)
		point.branch = hf_branch_child(level->branch, hf_span(text, name->len));
	level->next++;
	go_to(walk, name);
	if (name->type != DT_DIR)
		err = look_at(level, text, &st);
	if (err) {
		*out = failed_item(walk, err);
		return NULL;
	}
	point.excluded = !is_given(point.branch) && is_excluded(walk, S_ISDIR(st.st_mode));
	if (point.excluded && !point.branch)
		return NULL;
	if (!S_ISDIR(st.st_mode))
		return give_entry(walk, &st, name->len, out);
	rest(level);
	return enter(walk, text, &point, out);
}

static hf_err begin(struct walk *walk, struct hf_item **out)
{
	const struct entry_point point = {.branch = &walk->branch};
	HF_FREED char *base = hf_strdup(hf_buf_text(&walk->path));

	walk->begun = true;
	return enter(walk, base, &point, out);
}

static hf_err go_on(struct walk *walk, struct hf_item **out)
{
	struct level *level = top_of(walk);

	if (level->failed) {
		walk->path.len = level->path_len;
		*out = failed_item(walk, HF_STEAL(level->failed));
		return NULL;
	}
	if (level->next < level->listing.n)
		return give_name(walk, out);
	return leave(walk, out);
}

static hf_err walk_next(struct hf_feed *feed, struct hf_item **out)
{
	struct walk *walk = walk_of(feed);

	*out = NULL;
	HF_TRY(hf_stop_check(walk->options.stop));
	if (!walk->begun)
		return begin(walk, out);
	while (!*out && walk->depth > 0)
		HF_TRY(go_on(walk, out));
	if (!*out)
		*out = missing_item(walk);
	if (!*out)
		*out = &take_item(walk, HF_STEP_END, 0)->item;
	return NULL;
}

/* ---- files ---- */

static hf_err open_file(struct walk *walk, struct hf_item *item, int dirfd, struct hf_arena *arena,
	struct hf_feed_file **file)
{
	const char *name = item->path + strlen(item->path) - item->entry.name.len;
	struct hf_entry *entry = &item->entry;
	struct stat st;

	if (entry->type != HF_REG)
		return hf_meta_capture(dirfd, name, -1, arena, entry);
	HF_TRY(hf_local_file_open(dirfd, name, &st, file));
	HF_TRY(hf_meta_stat(&st, walk->owners, entry));
	return hf_meta_capture(dirfd, name, hf_local_file_fd(*file), arena, entry);
}

static hf_err walk_open(struct hf_feed *feed, struct hf_item *item, struct hf_arena *arena,
	struct hf_feed_file **file)
{
	struct walk_item *given = (struct walk_item *)item;
	struct hf_error *err;
	bool changed;
	int fd;

	*file = NULL;
	HF_TRY(hf_folder_use(given->folder, &fd));
	if (item->step == HF_STEP_ENTER)
		err = hf_meta_capture(fd, ".", fd, arena, &item->entry);
	else
		err = open_file(walk_of(feed), item, fd, arena, file);
	hf_folder_rest(given->folder);
	if (err && *file) {
		hf_error_free(hf_local_file_close(*file, &changed)); /* it failed before */
		*file = NULL;
	}
	return err;
}

static void walk_free(struct hf_feed *feed)
{
	struct walk *walk = walk_of(feed);

	while (walk->depth > 0)
		pop(walk);
	for (size_t i = 0; i < walk->cap; i++)
		hf_listing_release(&walk->levels[i].listing);
	free(walk->levels);
	while (walk->items) {
		struct walk_item *item = walk->items;

		/* After a failure, some were not given back. */
		walk->items = item->next;
		hf_folder_unref(item->folder);
		hf_error_free(item->item.error);
		hf_buf_release(&item->path);
		free(item);
	}
	for (size_t i = 0; i < walk->options.n_paths; i++)
		hf_error_free(walk->missing[i]); /* left early: nobody wants to know any more */
	free(walk->missing);
	hf_folders_free(walk->folders);
	hf_owners_free(walk->owners);
	hf_branch_release(&walk->branch);
	hf_buf_release(&walk->path);
	free(walk);
}

static const struct hf_feed_ops walk_ops = {
	.next = walk_next,
	.done = walk_done,
	.open = walk_open,
	.read = hf_local_file_read,
	.close = hf_local_file_close,
	.free = walk_free,
};

hf_err hf_walk_open(const struct hf_walk_options *options, struct hf_feed **out)
{
	struct walk *walk = hf_calloc(1, sizeof(*walk));
	HF_FREED char *base = NULL;
	struct hf_error *err;

	walk->feed.ops = &walk_ops;
	walk->options = *options;
	walk->missing = hf_calloc(options->n_paths, sizeof(struct hf_error *));
	walk->folders = hf_folders_new(OPEN_FOLDERS);
	walk->owners = hf_owners_new();
	err = hf_branch_of(options->paths, options->n_paths, &walk->branch, &base, walk->missing);
	if (err) {
		walk_free(&walk->feed);
		return err;
	}
	hf_buf_add(&walk->path, base, strlen(base));
	walk->base_len = walk->path.len + (strcmp(base, "/") != 0);
	*out = &walk->feed;
	return NULL;
}
