#include "tests/lib/trees.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/process.h"
#include "backend/base/time.h"
#include "backend/repo/history.h"
#include "backend/tree/dir.h"
#include "backend/tree/entry_copy.h"
#include "backend/tree/restore.h"
#include "tests/lib/test.h"

/* ---- trees ---- */

void hf_tree_dir(const char *dir, const char *name)
{
	HF_FREED char *path = hf_test_path(dir, name);

	ck_ok(hf_dir_make_all(path, 0755));
}

void hf_tree_write(const char *dir, const char *name, struct hf_span bytes)
{
	HF_FREED char *path = hf_test_path(dir, name);
	HF_FREED char *above = hf_strdup(path);

	*strrchr(above, '/') = '\0';
	ck_ok(hf_dir_make_all(above, 0755));
	HF_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_ok(hf_fd_write(fd, bytes.at, bytes.len));
}

void hf_tree_text(const char *dir, const char *name, const char *text)
{
	hf_tree_write(dir, name, hf_span_str(text));
}

void hf_tree_files(const char *dir, const char *name, unsigned n, size_t least, size_t most)
{
	uint64_t state = hf_test_seed();

	for (unsigned i = 0; i < n; i++) {
		HF_FREED char *one = hf_format("%s%05u", name, i);
		size_t len = least + hf_test_random(&state) % (most - least + 1);
		HF_RELEASED(hf_buf) bytes = hf_small_bytes((unsigned)hf_test_random(&state), len);

		hf_tree_write(dir, one, hf_buf_span(&bytes));
	}
}

static void make_sparse(const char *dir, const char *name)
{
	HF_FREED char *path = hf_test_path(dir, name);
	HF_FD fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_ok(hf_fd_pwrite(fd, "begin", 5, 0));
	ck_ok(hf_fd_pwrite(fd, "middle", 6, 1 << 20));
	ck_assert_int_eq(ftruncate(fd, 3 << 20), 0);
}

unsigned hf_tree_zoo(const char *dir)
{
	HF_FREED char *link = hf_test_path(dir, "zoo/link");
	HF_FREED char *first = hf_test_path(dir, "zoo/hard-1");
	HF_FREED char *second = hf_test_path(dir, "zoo/sub/hard-2");
	HF_FREED char *fifo = hf_test_path(dir, "zoo/fifo");
	HF_FREED char *small_hole = hf_test_path(dir, "zoo/small-hole");
	HF_RELEASED(hf_buf) large = hf_small_bytes(7, (3u << 20) + 12345);

	hf_tree_text(dir, "zoo/empty", "");
	hf_tree_text(dir, "zoo/one", "1");
	hf_tree_text(dir, "zoo/twice", "the same");
	hf_tree_text(dir, "zoo/sub/twice", "the same");
	hf_tree_write(dir, "zoo/large", hf_buf_span(&large));
	make_sparse(dir, "zoo/sparse");
	hf_tree_text(dir, "zoo/small-hole", "data");
	ck_assert_int_eq(truncate(small_hole, 100000), 0);
	hf_tree_text(dir, "zoo/hard-1", "several names");
	ck_assert_int_eq(linkat(AT_FDCWD, first, AT_FDCWD, second, 0), 0);
	ck_assert_int_eq(symlink("../nowhere/at all", link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0640), 0);
	hf_tree_dir(dir, "zoo/void");
	hf_tree_text(dir, "zoo/a name\n\x80 of bytes", "x");
	(void)setxattr(first, "user.colour", "green", 5, 0);
	return 10;
}

static int touch_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	if (S_ISREG(st->st_mode))
		ck_assert_int_eq(utimensat(AT_FDCWD, path, NULL, 0), 0);
	return 0;
}

void hf_tree_touch(const char *dir)
{
	ck_assert_int_eq(nftw(dir, touch_one, 16, FTW_PHYS), 0);
}

void hf_tree_same(const char *a, const char *b)
{
	/* FIFOs can't be compared. The shell, because what differs is to be seen. */
	HF_FREED char *script = hf_format("diff -r --no-dereference -x fifo '%s' '%s' >&2", a, b);
	const char *const argv[] = {"sh", "-c", script, NULL};
	HF_RELEASED(hf_buf) out = {0};

	ck_ok(hf_process_run(argv, hf_span(NULL, 0), 1, &out));
}

/* ---- a watched feed ---- */

struct watched {
	struct hf_feed feed;
	struct hf_feed *inner;
	struct hf_watch *watch;
};

static struct watched *watched_of(struct hf_feed *feed)
{
	return (struct watched *)feed;
}

static hf_err watched_next(struct hf_feed *feed, struct hf_item **out)
{
	struct watched *watched = watched_of(feed);

	HF_TRY(watched->inner->ops->next(watched->inner, out));
	(*out)->inode += watched->watch->inode_shift;
	/* Time passes, so that what is published later is newer. */
	hf_time_set(hf_time_now() + 1000);
	return NULL;
}

static void watched_done(struct hf_feed *feed, struct hf_item *item)
{
	struct hf_feed *inner = watched_of(feed)->inner;

	inner->ops->done(inner, item);
}

static hf_err watched_open(struct hf_feed *feed, struct hf_item *item, struct hf_arena *arena,
	struct hf_feed_file **file)
{
	struct watched *watched = watched_of(feed);
	struct hf_watch *watch = watched->watch;

	*file = NULL;
	if (item->entry.type == HF_REG) {
		const unsigned opened = __atomic_add_fetch(&watch->opened, 1, __ATOMIC_RELAXED);

		if (watch->fail_after && opened >= watch->fail_after)
			atomic_store(&watch->stop.raised, 1);
	}
	if (watch->before)
		HF_TRY(watch->before(watch->arg, item->path));
	HF_TRY(watched->inner->ops->open(watched->inner, item, arena, file));
	if (*file && watch->reading)
		watch->reading(watch->arg, item->path);
	return NULL;
}

static void watched_free(struct hf_feed *feed)
{
	hf_feed_free(watched_of(feed)->inner);
	free(feed);
}

struct hf_feed *hf_watch_open(struct hf_watch *watch, const char *dir)
{
	static struct hf_feed_ops ops;
	const struct hf_walk_options options = {.paths = &dir, .n_paths = 1, .stop = &watch->stop};
	struct watched *watched = hf_calloc(1, sizeof(*watched));

	ck_ok(hf_walk_open(&options, &watched->inner));
	ops = *watched->inner->ops;
	ops.next = watched_next;
	ops.done = watched_done;
	ops.open = watched_open;
	ops.free = watched_free;
	watched->feed.ops = &ops;
	watched->watch = watch;
	return &watched->feed;
}

/* ---- runs ---- */

static void note_failed(void *arg, const char *path, const struct hf_error *err, bool changed)
{
	struct hf_tree_run *run = arg;

	(void)err;
	run->failed += !changed;
	run->changed += changed;
	snprintf(run->last_failed, sizeof(run->last_failed), "%s", path);
}

hf_err hf_tree_backup(struct hf_repo *repo, const char *dir, struct hf_tree_run *run)
{
	HF_OWNED(hf_feed) feed = hf_watch_open(&run->watch, dir);
	struct hf_span path = hf_span_str(dir);
	struct hf_snapshot about = {
		.source = hf_span_str(run->source ? run->source : "files/test"),
		.host = hf_span_str("here"),
		.user = hf_span_str("root"),
		.paths = &path,
		.n_paths = 1,
	};
	const struct hf_backup backup = {
		.repo = repo,
		.feed = feed,
		.about = &about,
		.workers = run->workers,
		.dry_run = run->dry_run,
		.force = run->force,
		.publish_bytes = run->publish_bytes,
		.stop = &run->watch.stop,
		.failed = note_failed,
		.arg = run,
	};

	run->failed = run->changed = run->watch.opened = 0;
	hf_time_set(hf_time_now() + HF_NS_PER_S);
	return hf_backup_run(&backup, &run->result);
}

void hf_tree_root(struct hf_repo *repo, struct hf_arena *arena, struct hf_entry *root)
{
	struct hf_snapshot_info info;

	ck_ok(hf_history_at(repo, "files/test", INT64_MAX, arena, &info));
	ck_ok(hf_entry_parse_alone(info.snapshot.root, arena, root));
}

char *hf_tree_restore(struct hf_repo *repo)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_OWNED(hf_reader) reader = NULL;
	char *dir = hf_test_dir();
	struct hf_entry root;
	struct hf_restore restore = {.target = dir};

	hf_tree_root(repo, &arena, &root);
	ck_ok(hf_reader_open(repo, 16 << 20, 0, &reader));
	restore.reader = reader;
	ck_ok(hf_restore_run(&restore, &root));
	return dir;
}

void *hf_tree_find(struct hf_repo *repo, const char *path, struct hf_entry *entry)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_entry root;
	void *own;

	hf_tree_root(repo, &arena, &root);
	ck_ok(hf_reader_open(repo, 16 << 20, 0, &reader));
	own = hf_entry_copy(&root, entry);
	while (*path && own) {
		const size_t len = strcspn(path, "/");
		HF_DIR_BLOCK_REF block = NULL;
		HF_OWNED(hf_dir) dir = NULL;
		const struct hf_entry *found = NULL;

		if (entry->type == HF_DIR) {
			ck_ok(hf_dir_open(reader, entry, &dir));
			ck_ok(hf_dir_lookup(dir, hf_span(path, len), &block, &found));
		}
		free(own);
		own = found ? hf_entry_copy(found, entry) : NULL;
		path += len + (path[len] == '/');
	}
	return own;
}
