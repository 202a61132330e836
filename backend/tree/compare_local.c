/*
 * A stored tree against a local one. The owner merges names; workers look at files. Everything that
 * is to be told passes through the same ordered batches, so differences come in the order of the
 * walk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/tree/compare_file.h"
#include "backend/tree/compare_state.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"
#include "backend/tree/fingerprint.h"
#include "backend/tree/place.h"

#define IDLE_FOLDERS 64
#define BUSY_FOLDERS 256
#define BATCH_NAMES 256
#define BATCH_BYTES (4u << 20)

/* What one backup's fingerprints are keyed by. */
struct secret {
	struct secret *next;
	struct hf_extents extents; /* where it lies; owned */
	struct hf_key key;
	bool known; /* this key may have it */
};

struct comparing {
	const struct hf_compare *compare;
	struct hf_owners *owners;
	struct hf_places *places;
	struct hf_pool *pool;
	struct secret *secrets;
	struct batch *batch; /* being filled; NULL: none */
	size_t batch_folders;
	struct hf_buf path;
	unsigned depth;
};

/* One name, on its way through the pool. */
struct item {
	struct hf_looking looking;
	bool known; /* there is nothing left to look at: a directory, or what only the repository
	               has */
	char *path;
	const struct hf_dir_block *block; /* of the stored entry */
	struct hf_place *place;           /* pinned while it is looked at */
	struct hf_error *err;
};

struct batch {
	const struct hf_compare *compare;
	struct hf_arena arena; /* the owner's until it is submitted, then its worker's */
	struct item *items;
	size_t n, cap, folders;
	uint64_t bytes;
};

/* ---- what can't be compared ---- */

/* All else would fail too. */
static bool ends_run(const struct hf_error *err)
{
	const enum hf_error_kind kind = hf_error_kind(err);

	return kind == HF_CANCELLED || kind == HF_TRANSIENT || kind == HF_LOCAL || kind == HF_BUG;
}

/* Takes err. Tells of it, or gives it back if it ends the run. */
static struct hf_error *tell_failed(
	const struct hf_compare *compare, const char *path, struct hf_error *err)
{
	if (!err || ends_run(err))
		return err;
	if (!compare->failed)
		return *path ? hf_error_in(err, "%s", path) : err;
	compare->failed(compare->arg, *path ? path : ".", err);
	hf_error_free(err); /* told */
	return NULL;
}

/* What the owner meets itself. */
static struct hf_error *failed_here(struct comparing *comparing, struct hf_error *err)
{
	return tell_failed(comparing->compare, hf_buf_text(&comparing->path), err);
}

/* ---- jobs ---- */

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct item *item = &batch->items[i];

		hf_dir_block_unref(item->block);
		hf_error_free(
			item->err); /* NULL, or the run ended for another reason, which is told */
		if (item->place) {
			hf_place_unpin(item->place);
			hf_place_unref(item->place);
		}
	}
	hf_arena_release(&batch->arena);
	free(batch->items);
	free(batch);
}

static hf_err batch_work(void *at)
{
	struct batch *batch = at;

	for (size_t i = 0; i < batch->n; i++) {
		struct item *item = &batch->items[i];

		HF_TRY(hf_stop_check(batch->compare->stop));
		if (!item->known)
			item->err = hf_looking_run(&item->looking, &batch->arena);
		if (item->err && ends_run(item->err))
			break;
	}
	return NULL;
}

static hf_err tell(const struct hf_compare *compare, struct item *item)
{
	const struct hf_looking *looking = &item->looking;

	if (item->err)
		return tell_failed(compare, item->path, HF_STEAL(item->err));
	if (compare->progress)
		atomic_fetch_add_explicit(&compare->progress->files, 1, memory_order_relaxed);
	if (!looking->what)
		return NULL;
	return compare->each(compare->arg, (enum hf_difference)looking->what, item->path,
		looking->stored, looking->local.type ? &looking->local : NULL);
}

static hf_err batch_done(void *at)
{
	struct batch *batch = at;
	struct hf_error *err = NULL;

	for (size_t i = 0; i < batch->n && !err; i++)
		err = tell(batch->compare, &batch->items[i]);
	batch_free(batch);
	return err;
}

static void batch_drop(void *at)
{
	batch_free(at);
}

static hf_err submit(struct comparing *comparing)
{
	return comparing->batch ? hf_pool_submit(comparing->pool, HF_STEAL(comparing->batch))
				: NULL;
}

/* A new item at the end of the batch; its path is that of the walk. It stays there until the next
 * call. */
static hf_err add(struct comparing *comparing, const struct hf_dir_block *block,
	const struct hf_entry *stored, struct item **out)
{
	struct batch *batch = comparing->batch;
	struct item *item;

	if (batch &&
		(batch->n >= BATCH_NAMES || batch->bytes >= BATCH_BYTES ||
			batch->folders >= comparing->batch_folders))
		HF_TRY(submit(comparing));
	batch = comparing->batch;
	if (!batch) {
		batch = comparing->batch = hf_calloc(1, sizeof(*batch));
		batch->compare = comparing->compare;
	}
	batch->items = hf_grow(batch->items, &batch->cap, batch->n + 1, sizeof(*batch->items));
	item = &batch->items[batch->n++];
	*item = (struct item){.known = true};
	item->path = hf_arena_str(&batch->arena, comparing->path.at, comparing->path.len);
	item->block = block ? hf_dir_block_ref(block) : NULL;
	item->looking.compare = comparing->compare;
	item->looking.owners = comparing->owners;
	item->looking.stored = stored;
	*out = item;
	return NULL;
}

/* ---- fingerprints' secrets ---- */

/* NULL: there is none, or it can't be had: then contents are compared. */
static const struct hf_key *secret_of(struct comparing *comparing, const struct hf_entry *entry)
{
	struct secret *secret = comparing->secrets;
	struct hf_error *err;

	if (entry->type != HF_REG || !entry->fingerprinted)
		return NULL;
	while (secret && !hf_compare_same_extents(&secret->extents, &entry->secret))
		secret = secret->next;
	if (!secret) {
		secret = hf_calloc(1, sizeof(*secret));
		for (size_t i = 0; i < entry->secret.n; i++)
			hf_extents_add(&secret->extents, &entry->secret.at[i]);
		err = hf_fingerprint_secret_read(
			comparing->compare->reader, &secret->extents, &secret->key);
		secret->known = err == NULL;
		hf_error_free(err); /* reading the content tells why, if that fails too */
		secret->next = comparing->secrets;
		comparing->secrets = secret;
	}
	return secret->known ? &secret->key : NULL;
}

static void free_secrets(struct secret *secret)
{
	while (secret) {
		struct secret *next = secret->next;

		hf_extents_release(&secret->extents);
		hf_key_release(&secret->key);
		free(secret);
		secret = next;
	}
}

/* ---- local names ---- */

struct local_name {
	const char *name;
	unsigned char type; /* DT_… */
};
struct local_names {
	struct hf_arena arena;
	struct local_name *at;
	size_t n, cap;
};

static void local_names_release(struct local_names *names)
{
	hf_arena_release(&names->arena);
	free(names->at);
}

static int by_name(const void *a, const void *b)
{
	/* As hf_span_compare does: bytes, the shorter first. */
	return strcmp(((const struct local_name *)a)->name, ((const struct local_name *)b)->name);
}

static hf_err read_names(DIR *dir, struct local_names *names)
{
	const struct dirent *row;

	while ((errno = 0, row = readdir(dir))) {
		struct local_name *name;

		if (strcmp(row->d_name, ".") == 0 || strcmp(row->d_name, "..") == 0)
			continue;
		names->at = hf_grow(names->at, &names->cap, names->n + 1, sizeof(*names->at));
		name = &names->at[names->n++];
		name->name = hf_arena_str(&names->arena, row->d_name, strlen(row->d_name));
		name->type = row->d_type;
	}
	if (errno)
		return hf_error_as(hf_error_sys("listing it"), HF_SYSTEM);
	return NULL;
}

static hf_err list(struct hf_place *place, struct local_names *names)
{
	struct hf_error *err;
	DIR *dir = NULL;
	int pinned, fd;

	if (!place)
		return NULL;
	HF_TRY(hf_place_pin(place, &pinned));
	fd = openat(
		pinned, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* with a position of its own */
	hf_place_unpin(place);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		err = hf_error_as(hf_error_sys("listing it"), HF_SYSTEM);
		if (fd >= 0)
			close(fd);
		return err;
	}
	err = read_names(dir, names);
	closedir(dir);
	if (names->n > 1)
		qsort(names->at, names->n, sizeof(*names->at), by_name);
	return err;
}

static hf_err is_directory(struct hf_place *place, const struct local_name *local, bool *out)
{
	struct stat stat;
	int fd;

	*out = local->type == DT_DIR;
	if (local->type != DT_UNKNOWN)
		return NULL;
	HF_TRY(hf_place_pin(place, &fd));
	*out = fstatat(fd, local->name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode);
	hf_place_unpin(place);
	return NULL;
}

/* ---- the walk ---- */

/* Either may be NULL: all of the other is told. */
static hf_err compare_folder(
	struct comparing *comparing, const struct hf_entry *stored, struct hf_place *place);

/* Looks at a directory that is there, here and now. */
static hf_err add_directory(struct comparing *comparing, const struct hf_dir_block *block,
	const struct hf_entry *stored, struct hf_place *place)
{
	bool other = stored && stored->type != HF_DIR;
	struct hf_error *err;
	struct item *item;
	int fd;

	err = hf_place_pin(place, &fd);
	if (err)
		return failed_here(comparing, err);
	err = add(comparing, block, stored, &item);
	if (!err) {
		item->looking.name = item->path;
		item->looking.stored = other ? NULL : stored;
		item->err = hf_looking_directory(&item->looking, fd, &comparing->batch->arena);
		item->looking.stored = stored;
		if (other)
			item->looking.what = HF_TYPE_CHANGED;
	}
	hf_place_unpin(place);
	return err;
}

static hf_err both_directories(struct comparing *comparing, struct hf_place *parent,
	const struct hf_dir_cursor *cursor, const struct hf_entry *stored, const char *local)
{
	struct hf_place *place;
	struct hf_error *err = hf_place_enter(parent, hf_span_str(local), &place);

	if (err)
		return failed_here(comparing, err);
	err = add_directory(comparing, cursor->block, stored, place);
	if (!err)
		err = compare_folder(
			comparing, stored && stored->type == HF_DIR ? stored : NULL, place);
	hf_place_unref(place);
	return err;
}

static hf_err only_stored(struct comparing *comparing, const struct hf_dir_cursor *cursor,
	const struct hf_entry *stored)
{
	struct item *item;

	HF_TRY(add(comparing, cursor->block, stored, &item));
	item->looking.what = HF_REMOVED;
	return stored->type == HF_DIR ? compare_folder(comparing, stored, NULL) : NULL;
}

/* Whatever is no directory here: a worker looks at it. */
static hf_err look_at(struct comparing *comparing, struct hf_place *place,
	const struct hf_dir_block *block, const struct hf_entry *stored, const char *local)
{
	struct item *item;
	struct batch *batch;

	HF_TRY(add(comparing, block, stored, &item));
	batch = comparing->batch;
	item->err = hf_place_pin(place, &item->looking.dirfd);
	if (item->err)
		return NULL;
	item->known = false;
	item->place = hf_place_ref(place);
	item->looking.name = hf_arena_str(&batch->arena, local, strlen(local));
	item->looking.secret = stored ? secret_of(comparing, stored) : NULL;
	if (batch->n < 2 || batch->items[batch->n - 2].place != place)
		batch->folders++;
	if (stored && stored->type == HF_REG)
		batch->bytes += stored->size;
	if (stored && stored->type == HF_DIR)
		return compare_folder(comparing, stored, NULL);
	return NULL;
}

static hf_err compare_name(struct comparing *comparing, struct hf_place *place,
	const struct hf_dir_cursor *cursor, const struct hf_entry *stored,
	const struct local_name *local)
{
	const char *text = local ? local->name : NULL;
	size_t before =
		hf_compare_push(&comparing->path, stored ? stored->name : hf_span_str(text));
	struct hf_error *err;
	bool directory;

	if (!local) {
		err = only_stored(comparing, cursor, stored);
	} else {
		err = is_directory(place, local, &directory);
		if (!err && directory)
			err = both_directories(comparing, place, cursor, stored, text);
		else if (!err)
			err = look_at(
				comparing, place, stored ? cursor->block : NULL, stored, text);
	}
	hf_compare_pop(&comparing->path, before);
	return err;
}

static hf_err merge(struct comparing *comparing, struct hf_dir_cursor *cursor,
	struct hf_place *place, const struct local_names *names)
{
	const struct hf_entry *stored = NULL;
	struct hf_error *damage = cursor->dir ? hf_dir_cursor_next(cursor, &stored) : NULL;
	size_t i = 0;

	while (!damage && (stored || i < names->n)) {
		const struct local_name *local = i < names->n ? &names->at[i] : NULL;
		int order = !local ? -1 : !stored ? 1 : 0;

		if (stored && local)
			order = hf_span_compare(stored->name, hf_span_str(local->name));
		HF_TRY(hf_stop_check(comparing->compare->stop));
		HF_TRY(compare_name(comparing, place, cursor, order <= 0 ? stored : NULL,
			order >= 0 ? local : NULL));
		i += order >= 0;
		if (order <= 0)
			damage = hf_dir_cursor_next(cursor, &stored);
	}
	return failed_here(comparing, damage);
}

static hf_err compare_folder(
	struct comparing *comparing, const struct hf_entry *stored, struct hf_place *place)
{
	HF_RELEASED(local_names) names = {0};
	struct hf_dir_cursor cursor = {0};
	HF_OWNED(hf_dir) dir = NULL;
	struct hf_error *err;

	if (comparing->depth >= HF_MAX_DEPTH)
		return failed_here(
			comparing, hf_error_new(HF_CORRUPT, "deeper than a tree can be"));
	err = list(place, &names);
	if (!err && stored)
		err = hf_dir_open(comparing->compare->reader, stored, &dir);
	if (err)
		return failed_here(comparing, err);
	if (stored)
		hf_dir_cursor_begin(&cursor, dir);
	comparing->depth++;
	err = merge(comparing, &cursor, place, &names);
	comparing->depth--;
	hf_dir_cursor_end(&cursor);
	return err;
}

/* ---- the roots ---- */

/* path is a directory, or (no directory stored) a name in one: where the walk begins. */
static hf_err open_root(const char *path, bool directory, int *fd, char **name)
{
	HF_FREED char *parent = hf_strdup(path);
	const char *where = parent;
	char *slash;

	for (size_t len = strlen(parent); len > 1 && parent[len - 1] == '/'; len--)
		parent[len - 1] = 0;
	*name = NULL;
	if (!directory) {
		slash = strrchr(parent, '/');
		*name = hf_strdup(slash ? slash + 1 : parent);
		where = slash == parent ? "/" : slash ? parent : ".";
		if (slash)
			*slash = 0;
	}
	*fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0)
		return NULL;
	free(*name);
	*name = NULL;
	return hf_error_sys("opening %s", path);
}

static hf_err begin(struct comparing *comparing, const struct hf_entry *stored, const char *name)
{
	struct hf_place *root = hf_places_root(comparing->places);
	struct hf_error *err;

	if (name) {
		err = look_at(comparing, root, NULL, stored, name);
	} else {
		err = add_directory(comparing, NULL, stored, root);
		if (!err)
			err = compare_folder(comparing, stored, root);
	}
	hf_place_unref(root);
	return err;
}

hf_err hf_compare_local(
	const struct hf_compare *compare, const struct hf_entry *a, const char *path)
{
	static const struct hf_pool_ops ops = {
		.work = batch_work, .done = batch_done, .drop = batch_drop};
	unsigned workers = hf_cpus(), window = 2 * workers + 2;
	HF_OWNED(hf_owners) owners = hf_owners_new();
	struct comparing comparing = {.compare = compare, .owners = owners};
	HF_FREED char *name = NULL;
	struct hf_error *err;
	int fd;

	HF_TRY(open_root(path, a->type == HF_DIR, &fd, &name));
	comparing.places = hf_places_new(fd, IDLE_FOLDERS);
	comparing.batch_folders = HF_MAX(4, BUSY_FOLDERS / window);
	err = hf_pool_new(&ops, workers, window, &comparing.pool);
	if (!err)
		err = begin(&comparing, a, name);
	if (!err)
		err = submit(&comparing);
	if (!err)
		err = hf_pool_drain(comparing.pool);
	hf_pool_free(comparing.pool);
	if (comparing.batch)
		batch_free(comparing.batch);
	free_secrets(comparing.secrets);
	hf_buf_release(&comparing.path);
	hf_places_free(comparing.places);
	return err;
}
