/*
 * The owner's side of a restore: it walks the stored tree, makes directories, and hands files to
 * the workers, in stored order, so that what shares a chunk is written by one job while the chunk
 * is at hand.
 *
 *      walk ──▶ batch of small files ─────┐
 *       │  └──▶ ranges of a large file ───┼──▶ workers ──▶ settled in order: reported, counted,
 * linked └─────▶ directories, specials     │                      │ └── a folder that nothing is
 * pending in gets its owner, mode, times
 */
#include "backend/tree/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/tree/restore_state.h"

#define IDLE_FOLDERS 64  /* descriptors that stay open beside those in use */
#define BUSY_FOLDERS 256 /* descriptors that jobs under way may hold, about */
#define BATCH_BYTES (2u << 20)
#define BATCH_FILES 256
#define BATCH_LEAST (256u << 10) /* from here on a batch ends where the chunk does */
#define RANGE_BYTES (8u << 20)   /* larger files are written by several workers */

struct level {
	struct hf_restore_folder *folder;
	struct hf_dir *dir;
	const struct hf_dir_block *block;
	size_t next_block, next;
};

/* The owner's walk. */
struct walk {
	struct hf_restoring *run;
	struct batch *batch;  /* being filled; NULL: none */
	size_t batch_folders; /* that one may hold open */
	struct level *levels;
	size_t n, cap;
};

struct job {
	hf_err (*work)(void *job);
	hf_err (*done)(void *job);
};
struct batch {
	struct job job;
	struct hf_restoring *run;
	struct hf_restore_item *items;
	size_t n, cap, folders;
	uint64_t bytes;
	struct hf_id chunk; /* the last one asked for */
};
struct large {
	struct hf_restore_item item;
	int fd;
	struct hf_content *content;
	unsigned refs; /* its ranges under way, and who begins them */
	bool dropped;
};
struct range {
	struct job job;
	struct large *large;
	uint64_t from, len;
	struct hf_error *err;
};

/* ---- jobs ---- */

static hf_err batch_work(void *at)
{
	struct batch *batch = at;

	for (size_t i = 0; i < batch->n; i++) {
		HF_TRY(hf_stop_check(batch->run->restore->stop));
		batch->items[i].err = hf_making_file(&batch->items[i].making);
		if (batch->items[i].err && hf_restore_is_fatal(batch->items[i].err))
			break;
	}
	return NULL;
}

static hf_err batch_done(void *at)
{
	struct batch *batch = at;
	struct hf_error *err = NULL;

	for (size_t i = 0; i < batch->n; i++)
		err = hf_restore_first_of(err, hf_restore_settle(&batch->items[i]));
	free(batch->items);
	free(batch);
	return err;
}

static hf_err range_work(void *at)
{
	struct range *range = at;
	struct large *large = range->large;

	range->err = hf_making_write(
		&large->item.making, large->fd, large->content, range->from, range->len);
	return NULL;
}

static hf_err large_leave(struct large *large)
{
	struct hf_restore_item *item = &large->item;
	struct hf_error *err;

	if (--large->refs > 0)
		return NULL;
	if (item->err || large->dropped || item->run->ended)
		hf_making_abandon(&item->making);
	else
		item->err = hf_making_end(&item->making, large->fd);
	close(large->fd);
	hf_content_free(large->content);
	err = hf_restore_settle(item);
	free(large);
	return err;
}

static hf_err range_done(void *at)
{
	struct range *range = at;
	struct large *large = range->large;

	large->item.err = hf_restore_first_of(large->item.err, range->err);
	free(range);
	return large_leave(large);
}

static hf_err job_work(void *job)
{
	return ((struct job *)job)->work(job);
}

static hf_err job_done(void *job)
{
	return ((struct job *)job)->done(job);
}

/* After a failure or a stop: let go of in the same way, but without a word. */
static void job_drop(void *at)
{
	struct job *job = at;

	if (job->work == batch_work) {
		((struct batch *)at)->run->ended = true;
	} else {
		((struct range *)at)->large->item.run->ended = true;
		((struct range *)at)->large->dropped = true;
	}
	hf_error_free(job->done(at)); /* none comes once the run has ended */
}

static const struct hf_pool_ops job_ops = {.work = job_work, .done = job_done, .drop = job_drop};

static hf_err submit_batch(struct walk *walk)
{
	return walk->batch ? hf_pool_submit(walk->run->pool, HF_STEAL(walk->batch)) : NULL;
}

static struct batch *batch_new(struct hf_restoring *run)
{
	struct batch *batch = hf_calloc(1, sizeof(*batch));

	batch->job = (struct job){.work = batch_work, .done = batch_done};
	batch->run = run;
	return batch;
}

/* A batch ends with its chunk, so that two workers don't wait for the decoding of one. */
static bool batch_ends(const struct walk *walk, const struct hf_entry *entry)
{
	const struct batch *batch = walk->batch;

	if (batch->bytes >= BATCH_BYTES || batch->n >= BATCH_FILES ||
		batch->folders >= walk->batch_folders)
		return true;
	return batch->bytes >= BATCH_LEAST && entry->extents.n > 0 &&
		!hf_id_equal(&batch->chunk, &entry->extents.at[0].chunk);
}

static hf_err add_small(struct walk *walk, struct hf_restore_item *item)
{
	const struct hf_entry *entry = item->making.entry;
	struct hf_restoring *run = walk->run;
	struct batch *batch;

	if (walk->batch && batch_ends(walk, entry))
		HF_TRY(submit_batch(walk)); /* the item is let go of by the caller */
	if (!walk->batch)
		walk->batch = batch_new(run);
	batch = walk->batch;
	if (batch->n == 0 || batch->items[batch->n - 1].folder != item->folder)
		batch->folders++;
	batch->items = hf_grow(batch->items, &batch->cap, batch->n + 1, sizeof(*batch->items));
	batch->items[batch->n++] = *item;
	batch->bytes += entry->size;
	if (entry->extents.n == 0 || entry->extents_file)
		return NULL;

	const struct hf_extent *last = &entry->extents.at[entry->extents.n - 1];

	if (!hf_extent_is_hole(last) && !hf_id_equal(&batch->chunk, &last->chunk)) {
		batch->chunk = last->chunk;
		hf_reader_prefetch(run->restore->reader, HF_CONTENT_PACK, &last->chunk);
	}
	return NULL;
}

static hf_err submit_ranges(struct hf_restoring *run, struct large *large)
{
	uint64_t size = large->item.making.entry->size;

	for (uint64_t from = 0; from < size; from += RANGE_BYTES) {
		struct range *range = hf_calloc(1, sizeof(*range));

		range->job = (struct job){.work = range_work, .done = range_done};
		range->large = large;
		range->from = from;
		range->len = HF_MIN(RANGE_BYTES, size - from);
		large->refs++;
		HF_TRY(hf_pool_submit(run->pool, range));
	}
	return NULL;
}

static hf_err add_large(struct walk *walk, struct hf_restore_item *item)
{
	struct large *large = hf_calloc(1, sizeof(*large));
	struct hf_error *err;

	large->item = *item;
	large->refs = 1;
	err = hf_making_begin(&large->item.making, &large->fd, &large->content);
	if (err) {
		large->item.err = err;
		err = hf_restore_settle(&large->item);
		free(large);
		return err;
	}
	err = submit_ranges(walk->run, large);
	large->dropped |= err != NULL;
	return hf_restore_first_of(err, large_leave(large));
}

/* ---- the walk ---- */

static hf_err add_item(struct walk *walk, struct hf_restore_folder *folder,
	const struct hf_dir_block *block, const struct hf_entry *entry)
{
	struct hf_restoring *run = walk->run;
	struct hf_restore_item item;
	struct hf_error *err;
	bool linked;

	err = hf_restore_item_begin(run, folder, block, entry, &item);
	if (err)
		return hf_restore_report(run, folder, entry->name, err);
	HF_TRY(hf_restore_item_link(&item, &linked));
	if (linked)
		return NULL;
	if (entry->type == HF_REG && entry->size > RANGE_BYTES)
		return add_large(walk, &item);
	if (entry->type != HF_REG) {
		item.err = hf_making_special(&item.making);
		return hf_restore_settle(&item);
	}
	err = add_small(walk, &item);
	if (!err)
		return NULL;
	run->ended = true;
	return hf_restore_first_of(err, hf_restore_settle(&item));
}

static void push(struct walk *walk, struct hf_restore_folder *folder, struct hf_dir *dir)
{
	walk->levels = hf_grow(walk->levels, &walk->cap, walk->n + 1, sizeof(*walk->levels));
	walk->levels[walk->n++] = (struct level){.folder = folder, .dir = dir};
}

static hf_err add_folder(struct walk *walk, struct hf_restore_folder *parent,
	const struct hf_dir_block *block, const struct hf_entry *entry)
{
	struct hf_restoring *run = walk->run;
	struct hf_restore_folder *folder = hf_restore_folder_new(parent, entry, block);
	HF_OWNED(hf_dir) dir = NULL;
	struct hf_error *err;

	err = walk->n > HF_MAX_DEPTH ? hf_error_new(HF_CORRUPT, "deeper than a tree can be")
				     : hf_restore_make_folder(run, folder);
	if (err)
		folder->kept = true;
	else
		err = hf_dir_open(run->restore->reader, entry, &dir);
	if (err) {
		err = hf_restore_report(run, folder, hf_span(NULL, 0), err);
		return hf_restore_first_of(err, hf_restore_leave(run, folder));
	}
	push(walk, folder, HF_STEAL(dir));
	return NULL;
}

/* Is it the first name of its file that is met in a dry run? */
static bool is_first(struct hf_restoring *run, const struct hf_entry *entry)
{
	struct hf_id id = {0};
	bool fresh;

	if (!entry->linked || entry->nlink < 2)
		return true;
	memcpy(id.bytes, entry->link_id, sizeof(entry->link_id));
	hf_map_put(&run->met, &id, &fresh);
	return fresh;
}

static void count(struct hf_restoring *run, const struct hf_entry *entry)
{
	struct hf_progress *progress = run->restore->progress;

	if (!progress)
		return;
	atomic_fetch_add_explicit(&progress->files, 1, memory_order_relaxed);
	if (entry->type == HF_REG && is_first(run, entry))
		atomic_fetch_add_explicit(&progress->bytes, entry->size, memory_order_relaxed);
}

static hf_err visit(struct walk *walk, struct hf_restore_folder *folder,
	const struct hf_dir_block *block, const struct hf_entry *entry)
{
	/* The parser refuses such names; here is where they would do harm. */
	if (!hf_place_name_ok(entry->name))
		return hf_restore_report(walk->run, folder, entry->name,
			hf_error_new(HF_INVALID, "not a name that a file here can have"));
	if (entry->type == HF_DIR)
		return add_folder(walk, folder, block, entry);
	if (!walk->run->restore->dry_run)
		return add_item(walk, folder, block, entry);

	struct hf_error *err = hf_restore_look_for(walk->run, folder, entry);

	if (err)
		return hf_restore_report(walk->run, folder, entry->name, err);
	count(walk->run, entry);
	return NULL;
}

/* What the next folders need is asked for together, before the first one is entered. */
static void prefetch_folders(const struct hf_restoring *run, const struct hf_dir_block *block)
{
	for (size_t i = 0; i < block->n; i++)
		if (block->entries[i].type == HF_DIR && block->entries[i].extents.n > 0)
			hf_reader_prefetch(run->restore->reader, HF_META_PACK,
				&block->entries[i].extents.at[0].chunk);
}

/* *entry NULL: the end. A block that is damaged is told, and passed over. */
static hf_err next_entry(
	struct hf_restoring *run, struct level *level, const struct hf_entry **entry)
{
	*entry = NULL;
	while (!level->block || level->next >= level->block->n) {
		struct hf_error *err;

		hf_dir_block_unref(level->block);
		level->block = NULL;
		level->next = 0;
		if (level->next_block >= hf_dir_blocks(level->dir))
			return NULL;
		err = hf_dir_get(level->dir, level->next_block++, &level->block);
		if (err)
			HF_TRY(hf_restore_report(run, level->folder, hf_span(NULL, 0), err));
		else
			prefetch_folders(run, level->block);
	}
	*entry = &level->block->entries[level->next++];
	return NULL;
}

static hf_err pop(struct walk *walk)
{
	struct level *level = &walk->levels[--walk->n];

	hf_dir_block_unref(level->block);
	hf_dir_free(level->dir);
	return hf_restore_leave(walk->run, level->folder);
}

/* Of names of one file, the next is made where the first could not be. */
static hf_err add_waiting(struct walk *walk)
{
	struct hf_restore_waiting *waiting = walk->run->again;
	struct hf_error *err;

	walk->run->again = waiting->next;
	err = add_item(walk, waiting->folder, waiting->block, waiting->entry);
	return hf_restore_first_of(err, hf_restore_waiting_end(walk->run, waiting));
}

static hf_err drain(struct walk *walk)
{
	do {
		while (walk->run->again)
			HF_TRY(add_waiting(walk));
		HF_TRY(submit_batch(walk));
		HF_TRY(hf_pool_drain(walk->run->pool));
	} while (walk->run->again);
	return NULL;
}

static hf_err walk_all(struct walk *walk)
{
	while (walk->n > 0) {
		struct level *top = &walk->levels[walk->n - 1];
		const struct hf_entry *entry;

		HF_TRY(hf_stop_check(walk->run->restore->stop));
		HF_TRY(next_entry(walk->run, top, &entry));
		if (entry)
			HF_TRY(visit(walk, top->folder, top->block, entry));
		else
			HF_TRY(pop(walk));
	}
	return drain(walk);
}

/* A directory that holds something was somebody's before: it stays as it is. */
static void keep_target(const struct hf_restoring *run, struct hf_restore_folder *base)
{
	const struct hf_restore *restore = run->restore;
	const struct hf_entry *entry = base->entry;
	struct stat now;

	base->kept = !restore->overwrite && !hf_dir_is_empty(restore->target);
	if (base->kept && !restore->dry_run && stat(restore->target, &now) == 0 &&
		((now.st_mode & 07777) != entry->mode || now.st_uid != entry->uid ||
			now.st_gid != entry->gid))
		hf_log(HF_WARN, "it was there already, and keeps its owner and mode", "path",
			restore->target, NULL);
}

/* base: the target. With a name the entry is made in it, else what it holds is, and the target gets
 * its metadata. */
static hf_err walk_from(
	struct walk *walk, struct hf_restore_folder *base, const struct hf_entry *entry)
{
	HF_OWNED(hf_dir) dir = NULL;
	struct hf_error *err;

	if (walk->run->restore->target_name) {
		err = visit(walk, base, NULL, entry);
		return hf_restore_first_of(err, hf_restore_leave(walk->run, base));
	}
	err = hf_dir_open(walk->run->restore->reader, entry, &dir);
	if (err) {
		err = hf_restore_report(walk->run, base, hf_span(NULL, 0), err);
		return hf_restore_first_of(err, hf_restore_leave(walk->run, base));
	}
	base->entry = entry;
	keep_target(walk->run, base);
	push(walk, base, HF_STEAL(dir));
	return NULL;
}

static hf_err open_target(struct hf_restoring *run)
{
	const char *target = run->restore->target;
	int fd;

	if (!run->restore->dry_run)
		HF_TRY(hf_dir_make_all(target, 0777));
	fd = open(target,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a link here is the caller's own choice */
	if (fd < 0 && errno == ENOENT && run->restore->dry_run)
		return NULL; /* it would be made */
	if (fd < 0)
		return hf_error_sys("opening %s", target);
	run->places = hf_places_new(fd, IDLE_FOLDERS);
	return NULL;
}

static hf_err run_all(struct hf_restoring *run, const struct hf_entry *entry)
{
	unsigned workers = run->restore->workers, window = 2 * workers + 2;
	struct walk walk = {.run = run, .batch_folders = HF_MAX(4, BUSY_FOLDERS / window)};
	struct hf_restore_folder *base;
	struct hf_error *err;

	HF_TRY(hf_pool_new(&job_ops, workers, window, &run->pool));
	base = hf_restore_folder_new(NULL, NULL, NULL);
	base->place = run->places ? hf_places_root(run->places) : NULL;
	err = walk_from(&walk, base, entry);
	if (!err)
		err = walk_all(&walk);
	run->ended |= err != NULL;
	hf_pool_free(run->pool);
	if (walk.batch)
		job_drop(walk.batch);
	while (walk.n > 0)
		err = hf_restore_first_of(err, pop(&walk));
	free(walk.levels);
	return hf_restore_first_of(err, hf_restore_links_end(run));
}

static hf_err result_of(const struct hf_restoring *run)
{
	uint64_t all = run->corrupt + run->failed;
	char foreign[24];

	if (run->foreign > 0) {
		snprintf(foreign, sizeof(foreign), "%llu", (unsigned long long)run->foreign);
		hf_log(HF_WARN, "owners and attributes that only root may set were left out",
			"files", foreign, NULL);
	}
	if (all == 0)
		return NULL;
	return hf_error_new(run->corrupt ? HF_CORRUPT : HF_PARTIAL,
		"%llu could not be restored, or not in full", (unsigned long long)all);
}

hf_err hf_restore_run(const struct hf_restore *restore, const struct hf_entry *entry)
{
	HF_OWNED(hf_owner_ids) owners = hf_owner_ids_new();
	struct hf_restoring run = {.restore = restore, .owners = owners};
	struct hf_entry named = *entry;
	struct hf_error *err;

	if (restore->target_name)
		named.name = hf_span_str(restore->target_name);
	else
		named.name = hf_span(NULL, 0);
	if (!restore->target_name && entry->type != HF_DIR)
		return hf_error_new(HF_INVALID, "not a directory: it needs a name in the target");
	if (restore->target_name && !hf_place_name_ok(named.name))
		return hf_error_new(
			HF_INVALID, "%s is not a name that a file can have", restore->target_name);
	HF_TRY(open_target(&run));
	err = run_all(&run, &named);
	hf_places_free(run.places);
	hf_map_release(&run.met);
	return err ? err : result_of(&run);
}
