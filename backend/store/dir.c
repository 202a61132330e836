/*
 * The store in a directory:
 *
 *   <root>/packs/ab/ab…      one copy
 *   <root>/commits/2026…     all others have two: this,
 *   <root>/twin/commits/2026…    and this, written after it, perhaps on another disk
 *
 * An object is written under a temporary name beside its own and fsynced; link() then gives it its
 * name, and fails if that is taken: so an object is whole when it is seen, and of two who race for
 * a name one wins. Then the directory is fsynced, by the loser too: it may rely on what it has
 * found.
 *
 * An object is there when either copy is. Paths are held, not descriptors: a disk may go and come
 * back. While keyring/ is missing, nothing that is missing counts as absent: the disk is away and
 * the path is its empty mount point.
 *
 * A killed writer leaves its temporary file. No one lists or reads it. It can't be told from one
 * that another machine is writing but by its age, on the clock that dates the files: a prune
 * removes those that nobody has written to for a day.
 */
#include "backend/store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
#include "backend/store/dir_list.h"
#include "backend/store/dir_paths.h"
#include "backend/store/open_files.h"

/*
 * Never written again. Who may read is the umask's business and that of the root directory, which
 * is made 0700: one chmod there lets a user scrub who can't decrypt.
 */
#define OBJECT_MODE 0444
#define DIRECTORY_MODE 0777
#define ROOT_MODE 0700

#define TEMPORARY_LIFE (24 * 3600 * HF_NS_PER_S)

struct dir {
	struct hf_store store;
	const struct hf_dir_calls *calls;
	char *root; /* absolute */
	struct hf_open_files *open_files;

	pthread_mutex_t lock; /* guards everything below */
	int64_t clock;        /* the file system's last answer; 0: none yet */
	int64_t clock_at;     /* hf_time_monotonic() then */
	char **settled;       /* directories whose own names were made durable by this process */
	size_t nsettled, settled_cap;
};

static int call_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags | O_CLOEXEC, mode);
}

static int call_move(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

const struct hf_dir_calls hf_dir_calls = {
	.open = call_open,
	.write = hf_fd_write,
	.fsync = fsync,
	.link = link,
	.move = call_move,
	.rename = rename,
	.unlink = unlink,
	.mkdir = mkdir,
};

static struct dir *dir_of(struct hf_store *store)
{
	return (struct dir *)store;
}

/* Cuts the last part off: "/a/b" becomes "/a". */
static void cut_last(char *path)
{
	*strrchr(path, '/') = '\0';
}

static void note_clock(struct dir *dir, const struct stat *st)
{
	const int64_t answer = st->st_mtim.tv_sec * HF_NS_PER_S + st->st_mtim.tv_nsec;

	pthread_mutex_lock(&dir->lock);
	dir->clock = answer;
	dir->clock_at = hf_time_monotonic();
	pthread_mutex_unlock(&dir->lock);
}

static bool read_clock(struct dir *dir, int64_t *now)
{
	bool known;

	pthread_mutex_lock(&dir->lock);
	known = dir->clock != 0;
	*now = dir->clock + (hf_time_monotonic() - dir->clock_at);
	pthread_mutex_unlock(&dir->lock);
	return known;
}

static hf_err sync_directory(const struct dir *dir, const char *path)
{
	HF_FD fd = dir->calls->open(path, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return hf_dir_refused("opening the directory");
	/* EINVAL, ENOTSUP: this file system has no such thing. */
	if (dir->calls->fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
		return hf_dir_refused("fsync of the directory");
	return NULL;
}

static bool is_settled(struct dir *dir, const char *directory)
{
	bool found = false;

	pthread_mutex_lock(&dir->lock);
	for (size_t i = 0; i < dir->nsettled && !found; i++)
		found = strcmp(dir->settled[i], directory) == 0;
	pthread_mutex_unlock(&dir->lock);
	return found;
}

static void settle(struct dir *dir, const char *directory)
{
	pthread_mutex_lock(&dir->lock);
	dir->settled =
		hf_grow(dir->settled, &dir->settled_cap, dir->nsettled + 1, sizeof(*dir->settled));
	dir->settled[dir->nsettled++] = hf_strdup(directory);
	pthread_mutex_unlock(&dir->lock);
}

/*
 * The directory of path, and at this process's first put into it also those above: whoever made
 * them may not have got so far as to fsync them.
 */
static hf_err sync_above(struct dir *dir, const char *path)
{
	HF_FREED char *directory = hf_strdup(path);
	HF_FREED char *above = NULL;

	cut_last(directory);
	HF_TRY(sync_directory(dir, directory));
	if (is_settled(dir, directory))
		return NULL;
	above = hf_strdup(directory);
	while (strlen(above) > strlen(dir->root)) {
		cut_last(above);
		HF_TRY(sync_directory(dir, above));
	}
	settle(dir, directory);
	return NULL;
}

/* The directories between the base and the object, unless the base is an empty mount point. */
static hf_err make_above(const struct dir *dir, const char *path, unsigned copy)
{
	HF_FREED char *base = hf_dir_path(dir->root, "", copy);
	HF_FREED char *directory = hf_strdup(path);

	HF_TRY(hf_dir_check_there(dir->root, copy));
	for (char *end = directory + strlen(base); (end = strchr(end, '/')); end++) {
		*end = '\0';
		if (dir->calls->mkdir(directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return hf_dir_refused("making its directory");
		*end = '/';
	}
	return NULL;
}

static hf_err fill(struct dir *dir, int fd, struct hf_span bytes)
{
	struct stat st;

	HF_TRY(hf_error_as(dir->calls->write(fd, bytes.at, bytes.len), HF_SYSTEM));
	if (dir->calls->fsync(fd) < 0)
		return hf_dir_refused("fsync");
	if (fstat(fd, &st) == 0)
		note_clock(dir, &st);
	return NULL;
}

/* A durable file without a name of its own yet. Leaves nothing behind when it fails. */
static hf_err write_temp(
	struct dir *dir, const char *path, unsigned copy, struct hf_span bytes, char **temp)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	HF_FREED char *directory = hf_strdup(path);
	HF_FREED char *at = NULL;
	HF_FD fd = -1;
	struct hf_error *err;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return hf_dir_refused("getrandom");
	cut_last(directory);
	at = hf_format("%s/" HF_DIR_TEMPORARY "%016" PRIx64, directory, random);
	fd = dir->calls->open(at, flags, OBJECT_MODE);
	if (fd < 0 && errno == ENOENT) {
		HF_TRY(make_above(dir, path, copy));
		fd = dir->calls->open(at, flags, OBJECT_MODE);
	}
	if (fd < 0)
		return hf_dir_refused("creating a temporary file");
	err = fill(dir, fd, bytes);
	if (err) {
		dir->calls->unlink(at);
		return err;
	}
	*temp = HF_STEAL(at);
	return NULL;
}

/* NFS repeats a LINK whose answer was lost, and tells its second answer: ours is there, then. */
static bool linked_already(const char *temp)
{
	struct stat st;

	return lstat(temp, &st) == 0 && st.st_nlink == 2;
}

static hf_err give_name(const struct dir *dir, const char *temp, const char *path)
{
	if (dir->calls->link(temp, path) == 0 || (errno == EEXIST && linked_already(temp)))
		return NULL;
	if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS) {
		/* No hard links here. */
		if (dir->calls->move(temp, path) == 0)
			return NULL;
		if (errno == EINVAL || errno == ENOSYS)
			return hf_error_new(HF_UNSUPPORTED,
				"the file system has neither hard links nor renames without "
				"replacing");
	}
	if (errno == EEXIST)
		return hf_error_new(HF_EXISTS, "there is one already");
	return hf_dir_refused("giving it its name");
}

static hf_err create(struct dir *dir, const char *name, unsigned copy, struct hf_span bytes)
{
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	HF_FREED char *temp = NULL;
	HF_OWNED(hf_error) err = NULL;

	HF_TRY(write_temp(dir, path, copy, bytes, &temp));
	err = give_name(dir, temp, path);
	/* Where nothing can be unlinked (chattr +a), the second name stays and does no harm. */
	dir->calls->unlink(temp);
	if (!err || hf_error_kind(err) == HF_EXISTS)
		HF_TRY(sync_above(dir, path));
	return HF_STEAL(err);
}

/* Whether that copy is there with these bytes. Not to be able to read it is a no. */
static bool holds(const struct dir *dir, const char *name, unsigned copy, struct hf_span bytes)
{
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	HF_RELEASED(hf_buf) found = {0};
	struct hf_error *err = hf_file_read(path, bytes.len, &found);
	const bool same = !err && hf_span_equal(hf_buf_span(&found), bytes);

	hf_error_free(err); /* a yes was asked for, not a reason */
	return same;
}

static bool is_there(const struct dir *dir, const char *name, unsigned copy)
{
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	struct stat st;

	return lstat(path, &st) == 0;
}

/*
 * Either copy takes the name: normally the first decides who wins. The loser supplies a copy that
 * is missing (a writer was killed between the two, or a disk lost one), but only with the bytes of
 * the copy that is there: the winner may be about to write them.
 */
static hf_err put_twice(struct dir *dir, const char *name, struct hf_span bytes)
{
	const bool orphan = !is_there(dir, name, 0) && is_there(dir, name, 1);
	HF_OWNED(hf_error) first = create(dir, name, orphan, bytes);
	HF_OWNED(hf_error) second = NULL;

	if (first && (hf_error_kind(first) != HF_EXISTS || !holds(dir, name, orphan, bytes)))
		return HF_STEAL(first);
	second = create(dir, name, !orphan, bytes);
	if (second && hf_error_kind(second) != HF_EXISTS)
		return hf_error_in(
			HF_STEAL(second), "one copy of it is in place, the other is not");
	return HF_STEAL(first);
}

static hf_err put(struct hf_store *store, const char *name, struct hf_span bytes)
{
	if (hf_dir_copies(name) == 1)
		return create(dir_of(store), name, 0, bytes);
	return put_twice(dir_of(store), name, bytes);
}

static hf_err mend(struct hf_store *store, const char *name, unsigned copy, struct hf_span bytes)
{
	struct dir *dir = dir_of(store);
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	HF_FREED char *temp = NULL;

	HF_TRY(write_temp(dir, path, copy, bytes, &temp));
	int failed = dir->calls->rename(temp, path);

	if (failed && errno == EISDIR && rmdir(path) == 0)
		failed = dir->calls->rename(temp, path);
	if (failed) {
		struct hf_error *err = hf_dir_refused("giving it its name");

		dir->calls->unlink(temp);
		return err;
	}
	hf_open_files_drop(dir->open_files, path);
	return sync_above(dir, path);
}

/* No fsync: a removal that a power cut undoes is listed again, and removed by the next sweep. */
static hf_err remove_object(struct hf_store *store, const char *name)
{
	struct dir *dir = dir_of(store);

	for (unsigned copy = 0; copy < hf_dir_copies(name); copy++) {
		HF_FREED char *path = hf_dir_path(dir->root, name, copy);

		hf_open_files_drop(dir->open_files, path);
		if (dir->calls->unlink(path) == 0)
			continue;
		if (errno != ENOENT)
			return hf_dir_refused("removing it");
		HF_TRY(hf_dir_check_there(dir->root, copy));
	}
	return NULL;
}

static hf_err open_object(
	const struct dir *dir, const char *path, unsigned copy, struct hf_open_file **out)
{
	/* Something else may have its name: a FIFO's other end would be waited for. */
	HF_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return hf_dir_leads_nowhere(errno) ? hf_dir_absent(dir->root, path, copy)
						   : hf_dir_refused("opening it");
	if (fstat(fd, &st) < 0)
		return hf_dir_refused("fstat");
	if (!S_ISREG(st.st_mode))
		return hf_error_new(HF_CORRUPT, "not a regular file");
	*out = hf_open_file_new(fd, (uint64_t)st.st_size);
	fd = -1;
	return NULL;
}

static hf_err read_range(
	const struct hf_open_file *file, uint64_t from, size_t len, struct hf_buf *out)
{
	const uint64_t size = hf_open_file_size(file);
	const size_t before = out->len;
	struct hf_error *err;
	size_t got;

	if (from > size || len > size - from)
		return hf_error_new(HF_CORRUPT,
			"it has %" PRIu64 " bytes, asked for %zu from %" PRIu64, size, len, from);
	err = hf_fd_pread(hf_open_file_fd(file), hf_buf_grow(out, len), len, (off_t)from, &got);
	if (!err && got < len)
		err = hf_error_new(HF_CORRUPT, "it became shorter than %" PRIu64 " bytes", size);
	if (err)
		out->len = before;
	return err;
}

static hf_err get(struct hf_store *store, const char *name, unsigned copy, uint64_t from,
	size_t len, struct hf_buf *out)
{
	struct dir *dir = dir_of(store);
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	HF_OWNED(hf_open_file) kept = hf_open_files_find(dir->open_files, path);
	HF_OWNED(hf_open_file) file = NULL;

	if (kept) {
		struct hf_error *err = read_range(kept, from, len, out);

		if (!err)
			return NULL;
		/* It may have gone with its disk, which is back: what the path says now counts. */
		hf_error_free(err);
		hf_open_files_drop(dir->open_files, path);
	}
	HF_TRY(open_object(dir, path, copy, &file));
	HF_TRY(read_range(file, from, len, out));
	hf_open_files_keep(dir->open_files, path, file);
	return NULL;
}

static hf_err stat_object(struct hf_store *store, const char *name, unsigned copy, uint64_t *size)
{
	const struct dir *dir = dir_of(store);
	HF_FREED char *path = hf_dir_path(dir->root, name, copy);
	struct stat st;

	if (stat(path, &st) < 0)
		return hf_dir_leads_nowhere(errno) ? hf_dir_absent(dir->root, path, copy)
						   : hf_dir_refused("stat");
	if (!S_ISREG(st.st_mode))
		return hf_error_new(HF_CORRUPT, "not a regular file");
	*size = (uint64_t)st.st_size;
	return NULL;
}

static hf_err list(struct hf_store *store, const char *prefix, const char *after, bool names,
	hf_object_fn *each, void *arg)
{
	return hf_dir_list(dir_of(store)->root, prefix, after, names, each, arg);
}

/* Asks the file system, which may be another machine's, what it would date a file. */
static void ask_clock(struct dir *dir)
{
	HF_FREED char *beside = hf_dir_path(dir->root, "commits/now", 0);
	HF_FREED char *temp = NULL;
	/* A store that can't be written has no clock. */
	hf_error_free(write_temp(dir, beside, 0, hf_span("", 0), &temp));
	if (temp)
		dir->calls->unlink(temp);
}

static hf_err now(struct hf_store *store, int64_t *now)
{
	struct dir *dir = dir_of(store);

	*now = hf_time_now();
	if (hf_time_is_set() || read_clock(dir, now))
		return NULL;
	HF_TRY(hf_dir_check_there(dir->root, 0));
	ask_clock(dir);
	if (!read_clock(dir, now))
		*now = hf_time_now();
	return NULL;
}

/* By the clock that dates the files: this machine's may be days ahead of it. */
static hf_err tidy(struct hf_store *store)
{
	int64_t today;

	HF_TRY(now(store, &today));
	return hf_dir_tidy(dir_of(store)->root, today - TEMPORARY_LIFE);
}

static unsigned copies(struct hf_store *store, const char *name)
{
	(void)store;
	return hf_dir_copies(name);
}

static void close_dir(struct hf_store *store)
{
	struct dir *dir = dir_of(store);

	hf_open_files_free(dir->open_files);
	for (size_t i = 0; i < dir->nsettled; i++)
		free(dir->settled[i]);
	free(dir->settled);
	pthread_mutex_destroy(&dir->lock);
	free(dir->root);
	free(dir);
}

static const struct hf_store_ops ops = {
	.scheme = "directory",
	.put = put,
	.get = get,
	.stat = stat_object,
	.list = list,
	.remove = remove_object,
	.mend = mend,
	.tidy = tidy,
	.now = now,
	.copies = copies,
	.close = close_dir,
};

/* Absolute, for a program that goes to the background; links stay, they may point elsewhere later.
 */
static hf_err absolute(const char *path, char **out)
{
	HF_FREED char *here = NULL;
	size_t len;

	if (path[0] != '/') {
		here = getcwd(NULL, 0);
		if (!here)
			return hf_dir_refused("getcwd");
	}
	*out = here ? hf_format("%s/%s", here, path) : hf_strdup(path);
	for (len = strlen(*out); len > 1 && (*out)[len - 1] == '/'; len--)
		(*out)[len - 1] = '\0';
	return NULL;
}

/* What is in the root is made durable by the first put; the root's own name here, if we may. */
static void sync_parent(const struct dir *dir)
{
	HF_FREED char *parent = hf_format("%s/..", dir->root);

	hf_error_free(sync_directory(dir, parent)); /* it may not be ours to open */
}

/* keyring/ comes last: with it, a directory is a store. */
static hf_err make_store(const struct dir *dir)
{
	static const char *const tops[] = {
		"packs/", "meta/", "commits/", "checkpoints/", "keyring/"};

	HF_TRY(hf_dir_make_all(dir->root, ROOT_MODE));
	for (unsigned copy = 2; copy-- > 0;)
		for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
			HF_FREED char *path = hf_dir_path(dir->root, tops[i], copy);

			if (copy < hf_dir_copies(tops[i]))
				HF_TRY(hf_dir_make_all(path, DIRECTORY_MODE));
		}
	sync_parent(dir);
	return NULL;
}

static hf_err check_store(const struct dir *dir)
{
	HF_FREED char *mark = hf_dir_path(dir->root, "keyring", 0);
	struct stat st;

	if (stat(mark, &st) == 0 && S_ISDIR(st.st_mode))
		return NULL;
	if (errno != ENOENT && errno != ENOTDIR)
		return hf_dir_refused(mark);
	return hf_error_new(HF_NOT_FOUND, "no repository here: there is no %s", mark);
}

hf_err hf_store_dir_open_with(
	const char *path, bool create, const struct hf_dir_calls *calls, struct hf_store **out)
{
	HF_OWNED(hf_store) store = NULL;
	struct dir *dir;
	char *root = NULL;

	HF_TRY(absolute(path, &root));
	dir = hf_calloc(1, sizeof(*dir));
	dir->calls = calls;
	dir->root = root;
	dir->open_files = hf_open_files_new();
	pthread_mutex_init(&dir->lock, NULL);
	dir->store.ops = &ops;
	dir->store.url = hf_strdup(root);
	store = &dir->store;

	HF_TRY(hf_error_in(create ? make_store(dir) : check_store(dir), "%s", root));
	*out = HF_STEAL(store);
	return NULL;
}

hf_err hf_store_dir_open(const char *path, bool create, struct hf_store **out)
{
	return hf_store_dir_open_with(path, create, &hf_dir_calls, out);
}
