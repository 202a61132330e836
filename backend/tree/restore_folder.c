/*
 * When what is done: items are settled in stored order, links wait for their first names, and a
 * folder counts what is pending in it: the walk, its items, its own folders, names that others will
 * be linked to. So its metadata comes last (a read-only one could not be filled, and filling
 * changes its times).
 */
#include "backend/base/fd.h"
#include "backend/base/text.h"
#include "backend/tree/restore_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct hf_error *hf_restore_first_of(struct hf_error *first, struct hf_error *second)
{
	if (!first)
		return second;
	hf_error_free(second); /* the first one ends the run: it is the one to tell */
	return first;
}

/* ---- telling ---- */

bool hf_restore_is_fatal(const struct hf_error *err)
{
	int number = hf_error_errno(err);

	if (hf_error_kind(err) == HF_CANCELLED)
		return true;
	return hf_error_kind(err) == HF_SYSTEM &&
		(number == ENOSPC || number == EDQUOT || number == EROFS);
}

static void add_path(const struct hf_restore_folder *folder, struct hf_buf *out)
{
	if (!folder->entry || folder->entry->name.len == 0)
		return;
	if (folder->parent)
		add_path(folder->parent, out);
	hf_buf_printf(out, "%s", out->len ? "/" : "");
	hf_buf_add_span(out, folder->entry->name);
}

/* Takes err. Tells it of folder/name (name empty: of the folder), or gives it back if it ends the
 * run. */
hf_err hf_restore_report(struct hf_restoring *run, const struct hf_restore_folder *folder,
	struct hf_span name, struct hf_error *err)
{
	const struct hf_restore *restore = run->restore;
	HF_RELEASED(hf_buf) path = {0};

	if (run->ended) {
		hf_error_free(err); /* what ended the run is told instead */
		return NULL;
	}
	add_path(folder, &path);
	if (name.len > 0) {
		hf_buf_printf(&path, "%s", path.len ? "/" : "");
		hf_buf_add_span(&path, name);
	}
	if (hf_restore_is_fatal(err)) {
		run->ended = true;
		return hf_error_in(err, "restoring %s", hf_buf_text(&path));
	}
	*(hf_error_kind(err) == HF_CORRUPT ? &run->corrupt : &run->failed) += 1;
	if (restore->progress)
		atomic_fetch_add_explicit(&restore->progress->failed, 1, memory_order_relaxed);
	if (restore->failed)
		restore->failed(restore->arg, path.len ? hf_buf_text(&path) : ".", err);
	hf_error_free(err);
	return NULL;
}

static bool needs_root(const struct hf_entry *entry)
{
	bool needs = entry->uid != geteuid();

	for (size_t i = 0; i < entry->n_xattrs; i++)
		needs |= hf_meta_is_privileged(entry->xattrs[i].name);
	return needs;
}

static void count_made(struct hf_restoring *run, const struct hf_entry *entry)
{
	if (entry && run->restore->apply.owners && geteuid() != 0 && needs_root(entry))
		run->foreign++;
	if (run->restore->progress)
		atomic_fetch_add_explicit(&run->restore->progress->files, 1, memory_order_relaxed);
}

/* ---- folders ---- */

struct hf_restore_folder *hf_restore_folder_new(struct hf_restore_folder *parent,
	const struct hf_entry *entry, const struct hf_dir_block *block)
{
	struct hf_restore_folder *folder = hf_calloc(1, sizeof(*folder));

	folder->parent = parent;
	folder->entry = entry;
	folder->block = block ? hf_dir_block_ref(block) : NULL;
	folder->pending = 1;
	if (parent)
		parent->pending++;
	return folder;
}

static hf_err finish_folder(struct hf_restoring *run, struct hf_restore_folder *folder)
{
	struct hf_making making = {
		.restore = run->restore, .owners = run->owners, .entry = folder->entry};
	struct hf_error *err;

	if (run->ended || !folder->place || !folder->entry || folder->kept || run->restore->dry_run)
		return NULL;
	err = hf_place_pin(folder->place, &making.dirfd);
	if (!err) {
		err = hf_making_directory(&making);
		hf_place_unpin(folder->place);
	}
	return err ? hf_restore_report(run, folder, hf_span(NULL, 0), err) : NULL;
}

/* One thing less is pending. The last one finishes the folder, and so on upwards: a loop, for deep
 * trees. */
hf_err hf_restore_leave(struct hf_restoring *run, struct hf_restore_folder *folder)
{
	struct hf_error *err = NULL;

	while (folder && --folder->pending == 0) {
		struct hf_restore_folder *parent = folder->parent;

		err = hf_restore_first_of(err, finish_folder(run, folder));
		hf_place_unref(folder->place);
		hf_dir_block_unref(folder->block);
		free(folder);
		folder = parent;
	}
	return err;
}

/* Of what has that name now: S_IF…, or 0. A place that is NULL would still have to be made. */
static hf_err type_there(struct hf_place *place, const char *name, mode_t *type)
{
	struct stat stat;
	int fd;

	*type = 0;
	if (!place)
		return NULL;
	HF_TRY(hf_place_pin(place, &fd));
	if (fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
		*type = stat.st_mode & S_IFMT;
	hf_place_unpin(place);
	return NULL;
}

static hf_err enter_existing(
	struct hf_restoring *run, int parent_fd, struct hf_restore_folder *folder, const char *name)
{
	struct hf_place *parent = folder->parent->place;
	struct stat stat = {0};
	int fd;

	if (fstatat(parent_fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(stat.st_mode)) {
		if (!run->restore->overwrite)
			return hf_error_new(HF_EXISTS, "it is there already, and no directory");
		if (unlinkat(parent_fd, name, 0) < 0 || mkdirat(parent_fd, name, 0700) < 0)
			return hf_error_as(hf_error_sys("replacing what is there"), HF_SYSTEM);
		return hf_place_enter(parent, hf_span_str(name), &folder->place);
	}
	folder->kept = !run->restore->overwrite;
	HF_TRY(hf_place_enter(parent, hf_span_str(name), &folder->place));
	if (folder->kept || (stat.st_mode & 0700) == 0700)
		return NULL;
	/* So that it can be filled; its own mode comes when that is done. What fails here fails
	 * there. */
	HF_TRY(hf_place_pin(folder->place, &fd));
	(void)!fchmod(fd, (stat.st_mode & 07777) | 0700);
	hf_place_unpin(folder->place);
	return NULL;
}

/* What would be met. */
static hf_err look_for_folder(
	struct hf_restoring *run, struct hf_restore_folder *folder, const char *name)
{
	struct hf_place *parent = folder->parent->place;
	mode_t type;

	HF_TRY(type_there(parent, name, &type));
	if (type == S_IFDIR)
		return hf_place_enter(parent, folder->entry->name, &folder->place);
	return type && !run->restore->overwrite
		? hf_error_new(HF_EXISTS, "it is there already, and no directory")
		: NULL;
}

hf_err hf_restore_look_for(struct hf_restoring *run, const struct hf_restore_folder *folder,
	const struct hf_entry *entry)
{
	HF_FREED char *name = hf_strndup((const char *)entry->name.at, entry->name.len);
	mode_t type;
	int fd;

	HF_TRY(type_there(folder->place, name, &type));
	if (type && !run->restore->overwrite)
		return hf_making_is_there();
	if (type != S_IFDIR)
		return NULL;
	HF_TRY(hf_place_pin(folder->place, &fd));
	HF_FREED char *path = hf_format("/proc/self/fd/%d/%s", fd, name);
	const bool empty = hf_dir_is_empty(path);

	hf_place_unpin(folder->place);
	return empty ? NULL
		     : hf_error_new(HF_SYSTEM, "replacing what is there: %s", strerror(ENOTEMPTY));
}

hf_err hf_restore_make_folder(struct hf_restoring *run, struct hf_restore_folder *folder)
{
	HF_FREED char *name =
		hf_strndup((const char *)folder->entry->name.at, folder->entry->name.len);
	struct hf_place *parent = folder->parent->place;
	struct hf_error *err;
	int fd;

	if (run->restore->dry_run)
		return look_for_folder(run, folder, name);
	HF_TRY(hf_place_pin(parent, &fd));
	if (mkdirat(fd, name, 0700) == 0)
		err = hf_place_enter(parent, folder->entry->name, &folder->place);
	else if (errno == EEXIST)
		err = enter_existing(run, fd, folder, name);
	else
		err = hf_error_as(hf_error_sys("making the directory"), HF_SYSTEM);
	hf_place_unpin(parent);
	return err;
}

/* ---- items and links ---- */

hf_err hf_restore_item_begin(struct hf_restoring *run, struct hf_restore_folder *folder,
	const struct hf_dir_block *block, const struct hf_entry *entry,
	struct hf_restore_item *item)
{
	*item = (struct hf_restore_item){.run = run, .folder = folder};
	item->making.restore = run->restore;
	item->making.owners = run->owners;
	item->making.entry = entry;
	memcpy(item->making.name, entry->name.at, entry->name.len);
	HF_TRY(hf_place_pin(folder->place, &item->making.dirfd));
	item->block = block ? hf_dir_block_ref(block) : NULL;
	folder->pending++;
	return NULL;
}

static hf_err link_name(struct hf_restoring *run, const struct hf_restore_first *first,
	struct hf_restore_folder *folder, struct hf_span name)
{
	struct hf_making making = {.restore = run->restore, .owners = run->owners};
	struct hf_error *err;
	int from;

	if (run->ended)
		return NULL;
	memcpy(making.name, name.at, name.len);
	err = hf_place_pin(first->folder->place, &from);
	if (!err) {
		err = hf_place_pin(folder->place, &making.dirfd);
		if (!err) {
			err = hf_making_link(&making, from, first->name);
			hf_place_unpin(folder->place);
		}
		hf_place_unpin(first->folder->place);
	}
	if (err)
		return hf_restore_report(run, folder, name, err);
	count_made(run, NULL);
	return NULL;
}

/* The last name was met: nothing is linked to it any more. */
static hf_err first_used_up(struct hf_restoring *run, struct hf_restore_first *first)
{
	struct hf_restore_folder *folder = first->folder;

	if (!folder || first->left > 0 || first->state == UNDER_WAY)
		return NULL;
	first->folder = NULL;
	first->state = LOST;
	return hf_restore_leave(run, folder);
}

hf_err hf_restore_waiting_end(struct hf_restoring *run, struct hf_restore_waiting *waiting)
{
	struct hf_error *err = hf_restore_leave(run, waiting->folder);

	hf_dir_block_unref(waiting->block);
	free(waiting);
	return err;
}

static hf_err first_settled(struct hf_restoring *run, struct hf_restore_first *first, bool made)
{
	struct hf_error *err = NULL;

	first->state = made ? THERE : LOST;
	while (first->waiting) {
		struct hf_restore_waiting *waiting = first->waiting;

		first->waiting = waiting->next;
		if (!made) { /* one of those that waited is made instead */
			waiting->next = run->again;
			run->again = waiting;
			first->left++;
			continue;
		}
		err = hf_restore_first_of(
			err, link_name(run, first, waiting->folder, waiting->entry->name));
		err = hf_restore_first_of(err, hf_restore_waiting_end(run, waiting));
	}
	return hf_restore_first_of(err, first_used_up(run, first));
}

static hf_err item_end(struct hf_restore_item *item)
{
	hf_place_unpin(item->folder->place);
	hf_dir_block_unref(item->block);
	return hf_restore_leave(item->run, item->folder);
}

hf_err hf_restore_settle(struct hf_restore_item *item)
{
	struct hf_restoring *run = item->run;
	struct hf_error *err = NULL;
	bool made = item->making.made;

	if (item->err)
		err = hf_restore_report(
			run, item->folder, hf_span_str(item->making.name), HF_STEAL(item->err));
	if (made)
		count_made(run, item->making.entry);
	if (item->first)
		err = hf_restore_first_of(err, first_settled(run, item->first, made));
	return hf_restore_first_of(err, item_end(item));
}

/* The first name met, or the next one after those that could not be made. */
static hf_err become_first(struct hf_restore_item *item, struct hf_restore_first *first)
{
	struct hf_restore_folder *before = first->folder;

	memcpy(first->name, item->making.name, sizeof(first->name));
	first->folder = item->folder;
	first->folder->pending++;
	first->state = UNDER_WAY;
	item->first = first;
	return before ? hf_restore_leave(item->run, before) : NULL;
}

static void wait_for(struct hf_restore_first *first, const struct hf_restore_item *item)
{
	struct hf_restore_waiting *waiting = hf_calloc(1, sizeof(*waiting));

	waiting->entry = item->making.entry;
	waiting->block = item->block ? hf_dir_block_ref(item->block) : NULL;
	waiting->folder = item->folder;
	waiting->folder->pending++;
	waiting->next = first->waiting;
	first->waiting = waiting;
}

hf_err hf_restore_item_link(struct hf_restore_item *item, bool *linked)
{
	const struct hf_entry *entry = item->making.entry;
	struct hf_error *err = NULL;
	struct hf_restore_first *first;
	union hf_map_value *value;
	struct hf_id id = {0};

	*linked = false;
	if (!entry->linked || entry->nlink < 2)
		return NULL;
	memcpy(id.bytes, entry->link_id, sizeof(entry->link_id));
	value = hf_map_put(&item->run->firsts, &id, NULL);
	if (!value->pointer)
		value->pointer = hf_calloc(1, sizeof(*first));
	first = value->pointer;
	first->left = first->left > 0 ? first->left - 1 : entry->nlink - 1;
	if (first->state == LOST)
		return become_first(item, first);

	*linked = true;
	if (first->state == UNDER_WAY)
		wait_for(first, item);
	else
		err = link_name(item->run, first, item->folder, entry->name);
	err = hf_restore_first_of(err, first_used_up(item->run, first));
	return hf_restore_first_of(err, item_end(item));
}

struct links_end {
	struct hf_restoring *run;
	struct hf_error *err;
};

static void end_all(struct links_end *end, struct hf_restore_waiting *waiting)
{
	while (waiting) {
		struct hf_restore_waiting *next = waiting->next;

		end->err = hf_restore_first_of(end->err, hf_restore_waiting_end(end->run, waiting));
		waiting = next;
	}
}

static void link_end(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	struct links_end *end = arg;
	struct hf_restore_first *first = value->pointer;

	(void)id;
	/* Only in a run that was ended: else its first name was settled. */
	end_all(end, HF_STEAL(first->waiting));
	if (first->folder)
		end->err = hf_restore_first_of(end->err, hf_restore_leave(end->run, first->folder));
	free(first);
}

hf_err hf_restore_links_end(struct hf_restoring *run)
{
	struct links_end end = {.run = run};

	end_all(&end, HF_STEAL(run->again));
	hf_map_each(&run->firsts, link_end, &end);
	hf_map_release(&run->firsts);
	return end.err;
}
