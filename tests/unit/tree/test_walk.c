/* The feed of local paths: what comes, in which order, and what is left out. */
#include "backend/tree/walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "tests/lib/test.h"
#include "tests/lib/trees.h"

static char *dir;

static void setup(void)
{
	/* Resolved, because several paths are shown by what they really are. */
	char *made = hf_test_dir();

	dir = realpath(made, NULL);
	free(made);
}

static void teardown(void)
{
	hf_test_dir_free(dir);
}

/* "[a b [c d] ]" with '!' before what could not be read. */
static void show(struct hf_feed *feed, struct hf_buf *out)
{
	static const char *const marks[] = {"[", "", "]", "!", ""};
	enum hf_step step;

	hf_buf_clear(out);
	do {
		struct hf_item *item;

		ck_ok(feed->ops->next(feed, &item));
		step = item->step;
		hf_buf_printf(out, "%s", marks[step]);
		if (step == HF_STEP_ENTRY || step == HF_STEP_FAILED || step == HF_STEP_ENTER)
			hf_buf_printf(out, "%s ", item->path);
		if (step == HF_STEP_LEAVE)
			hf_buf_printf(out, " ");
		feed->ops->done(feed, item);
	} while (step != HF_STEP_END);
}

static void shows(const struct hf_walk_options *options, const char *want)
{
	HF_RELEASED(hf_buf) got = {0};
	HF_OWNED(hf_feed) feed = NULL;

	ck_ok(hf_walk_open(options, &feed));
	show(feed, &got);
	ck_assert_str_eq(hf_buf_text(&got), want);
}

static void one_shows(struct hf_walk_options options, const char *want)
{
	const char *path = dir;

	options.paths = &path;
	options.n_paths = 1;
	shows(&options, want);
}

START_TEST(names_come_in_bytewise_order)
{
	hf_tree_text(dir, "b", "");
	hf_tree_text(dir, "a/x", "");
	hf_tree_text(dir, "a/\xff", "");
	hf_tree_text(dir, "a/X", "");
	hf_tree_text(dir, "a.c", "");
	hf_tree_text(dir, "a long name that differs late 1", "");
	hf_tree_text(dir, "a long name that differs late 0", "");
	hf_tree_dir(dir, "c");

	one_shows((struct hf_walk_options){0},
		"[ [a a/X a/x a/\xff ] a long name that differs late 0 "
		"a long name that differs late 1 a.c b [c ] ] ");
}
END_TEST

START_TEST(entries_say_what_stat_says)
{
	const struct hf_walk_options options = {.paths = (const char *const *)&dir, .n_paths = 1};
	HF_OWNED(hf_feed) feed = NULL;
	HF_FREED char *path = hf_test_path(dir, "file");
	struct hf_item *item;
	struct stat st;

	hf_tree_text(dir, "file", "12345");
	ck_assert_int_eq(chmod(path, 04711), 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_ok(hf_walk_open(&options, &feed));
	ck_ok(feed->ops->next(feed, &item));
	ck_assert_int_eq(item->entry.type, HF_DIR);
	ck_assert_uint_eq(item->entry.name.len, 0);
	feed->ops->done(feed, item);
	ck_ok(feed->ops->next(feed, &item));

	ck_assert(hf_span_equal(item->entry.name, hf_span_str("file")));
	ck_assert_int_eq(item->entry.type, HF_REG);
	ck_assert_uint_eq(item->entry.mode, 04711);
	ck_assert_uint_eq(item->entry.size, 5);
	ck_assert_uint_eq(item->entry.uid, st.st_uid);
	ck_assert_int_eq(
		item->entry.mtime, st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec);
	ck_assert_uint_eq(item->inode, st.st_ino);
	feed->ops->done(feed, item);
}
END_TEST

START_TEST(what_rules_leave_out_is_not_entered)
{
	HF_OWNED(hf_exclude) exclude = hf_exclude_new();
	HF_FREED char *absolute = hf_test_path(dir, "c/d");

	hf_tree_text(dir, "a/x.o", "");
	hf_tree_text(dir, "a/x.c", "");
	hf_tree_text(dir, "b/x.o", "");
	hf_tree_text(dir, "c/d/e", "");
	hf_tree_text(dir, "c/f", "");
	ck_ok(hf_exclude_add(exclude, "*.o"));
	ck_ok(hf_exclude_add(exclude, absolute));

	one_shows((struct hf_walk_options){.exclude = exclude}, "[ [a a/x.c ] [b ] [c c/f ] ] ");
}
END_TEST

START_TEST(of_a_cache_only_the_tag_is_kept)
{
	hf_tree_text(
		dir, "a/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n");
	hf_tree_text(dir, "a/junk", "");
	hf_tree_text(dir, "a/sub/junk", "");
	hf_tree_text(dir, "b/CACHEDIR.TAG", "Signature: none");
	hf_tree_text(dir, "b/no-junk", "");

	one_shows((struct hf_walk_options){.exclude_caches = true},
		"[ [a a/CACHEDIR.TAG ] [b b/CACHEDIR.TAG b/no-junk ] ] ");
	one_shows((struct hf_walk_options){0},
		"[ [a a/CACHEDIR.TAG a/junk [a/sub a/sub/junk ] ] "
		"[b b/CACHEDIR.TAG b/no-junk ] ] ");
}
END_TEST

/* The tree of several paths below "/", with the folders above dir. */
static void below_root(const char *inner, struct hf_buf *out)
{
	unsigned levels = 0;

	hf_buf_printf(out, "[ ");
	for (const char *at = dir; at; at = strchr(at + 1, '/'), levels++) {
		const char *end = strchr(at + 1, '/');

		hf_buf_printf(
			out, "[%.*s ", (int)(end ? end - dir - 1 : (long)strlen(dir) - 1), dir + 1);
	}
	hf_buf_printf(out, "%s", inner);
	while (levels-- > 0)
		hf_buf_printf(out, "] ");
	hf_buf_printf(out, "] ");
}

START_TEST(several_paths_stand_under_their_absolute_selves)
{
	HF_FREED char *inside = hf_test_path(dir, "a/x");
	HF_FREED char *file = hf_test_path(dir, "b//./c/../c/file");
	HF_FREED char *link = hf_test_path(dir, "link");
	HF_FREED char *to_a = hf_test_path(dir, "to-a");
	const char *const paths[] = {file, to_a, inside, link};
	HF_RELEASED(hf_buf) inner = {0}, want = {0};

	hf_tree_text(dir, "a/x", "");
	hf_tree_text(dir, "a/y", "");
	hf_tree_text(dir, "b/c/file", "");
	hf_tree_text(dir, "b/c/other", "");
	hf_tree_text(dir, "b/other", "");
	ck_assert_int_eq(symlink("b/other", link), 0);
	ck_assert_int_eq(symlink("a", to_a), 0);
	hf_buf_printf(&inner, "[%s/a %s/a/x %s/a/y ] [%s/b [%s/b/c %s/b/c/file ] ] %s/link ",
		dir + 1, dir + 1, dir + 1, dir + 1, dir + 1, dir + 1, dir + 1);
	below_root(hf_buf_text(&inner), &want);

	shows(&(struct hf_walk_options){.paths = paths, .n_paths = ARRAY_LEN(paths)},
		hf_buf_text(&want));
}
END_TEST

START_TEST(one_file_stands_under_its_absolute_self)
{
	HF_FREED char *file = hf_test_path(dir, "file");
	const char *const paths[] = {file};
	HF_RELEASED(hf_buf) inner = {0}, want = {0};

	hf_tree_text(dir, "file", "");
	hf_tree_text(dir, "other", "");
	hf_buf_printf(&inner, "%s/file ", dir + 1);
	below_root(hf_buf_text(&inner), &want);

	shows(&(struct hf_walk_options){.paths = paths, .n_paths = 1}, hf_buf_text(&want));
}
END_TEST

START_TEST(a_link_to_one_directory_shows_what_is_in_it)
{
	HF_FREED char *link = hf_test_path(dir, "link");
	const char *const paths[] = {link};

	hf_tree_text(dir, "a/x", "");
	ck_assert_int_eq(symlink("a", link), 0);

	shows(&(struct hf_walk_options){.paths = paths, .n_paths = 1}, "[ x ] ");
}
END_TEST

START_TEST(a_path_that_does_not_exist_is_told_and_refused_where_it_is_all)
{
	HF_FREED char *absent = hf_test_path(dir, "absent");
	HF_FREED char *below = hf_test_path(dir, "absent/file");
	const char *const one[] = {absent}, *const two[] = {absent, below},
			  *const three[] = {absent, dir, below};
	HF_RELEASED(hf_buf) want = {0};
	struct hf_feed *feed;

	ck_fails(HF_NOT_FOUND,
		hf_walk_open(&(struct hf_walk_options){.paths = one, .n_paths = 1}, &feed));
	ck_fails(HF_NOT_FOUND,
		hf_walk_open(&(struct hf_walk_options){.paths = two, .n_paths = 2}, &feed));
	ck_fails(HF_INVALID, hf_walk_open(&(struct hf_walk_options){.n_paths = 0}, &feed));

	below_root("", &want);
	hf_buf_printf(&want, "!%s !%s ", absent, below);
	shows(&(struct hf_walk_options){.paths = three, .n_paths = ARRAY_LEN(three)},
		hf_buf_text(&want));
}
END_TEST

START_TEST(another_file_system_is_shown_empty)
{
	const char *const paths[] = {"/dev"};
	const struct hf_walk_options options = {
		.paths = paths, .n_paths = 1, .one_file_system = true};
	HF_RELEASED(hf_buf) got = {0};
	HF_OWNED(hf_feed) feed = NULL;
	struct stat outer, inner;

	if (stat("/dev", &outer) || stat("/dev/shm", &inner) || outer.st_dev == inner.st_dev)
		return;
	HF_FREED char *file = hf_format("/dev/shm/holdfast-test-%ld", (long)getpid());

	hf_tree_text(file, "x", "");
	ck_ok(hf_walk_open(&options, &feed));
	show(feed, &got);
	hf_test_dir_free(HF_STEAL(file));

	ck_assert_ptr_nonnull(strstr(hf_buf_text(&got), "[shm ] "));
}
END_TEST

START_TEST(a_stop_is_heard)
{
	struct hf_stop stop = {0};
	const char *path = dir;
	HF_OWNED(hf_feed) feed = NULL;
	struct hf_item *item;

	ck_ok(hf_walk_open(
		&(struct hf_walk_options){.paths = &path, .n_paths = 1, .stop = &stop}, &feed));
	atomic_store(&stop.raised, 1);
	ck_fails(HF_CANCELLED, feed->ops->next(feed, &item));
}
END_TEST

/* ---- what is opened ---- */

/* The item of that path; NULL: it did not come. Others are given back. */
static struct hf_item *find(struct hf_feed *feed, const char *path)
{
	while (true) {
		struct hf_item *item;

		ck_ok(feed->ops->next(feed, &item));
		if (item->step <= HF_STEP_ENTRY && strcmp(item->path, path) == 0)
			return item;
		const bool end = item->step == HF_STEP_END;

		feed->ops->done(feed, item);
		if (end)
			return NULL;
	}
}

static struct hf_feed *walk(void)
{
	const char *path = dir;
	struct hf_feed *feed;

	ck_ok(hf_walk_open(&(struct hf_walk_options){.paths = &path, .n_paths = 1}, &feed));
	return feed;
}

START_TEST(opening_captures_xattrs_in_order_and_the_target)
{
	HF_OWNED(hf_feed) feed = walk();
	HF_FREED char *file = hf_test_path(dir, "file");
	HF_FREED char *link = hf_test_path(dir, "link");
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_feed_file *opened;
	bool changed;

	hf_tree_text(dir, "file", "x");
	ck_assert_int_eq(symlink("to\xff where", link), 0);
	if (setxattr(file, "user.b", "2", 1, 0) != 0)
		return;
	ck_assert_int_eq(setxattr(file, "user.a", "", 0, 0), 0);
	struct hf_item *item = find(feed, "file");

	ck_ok(feed->ops->open(feed, item, &arena, &opened));
	ck_assert_uint_eq(item->entry.n_xattrs, 2);
	ck_assert(hf_span_equal(item->entry.xattrs[0].name, hf_span_str("user.a")));
	ck_assert(hf_span_equal(item->entry.xattrs[1].value, hf_span_str("2")));
	ck_ok(feed->ops->close(opened, &changed));
	ck_assert(!changed);
	feed->ops->done(feed, item);
	item = find(feed, "link");
	ck_ok(feed->ops->open(feed, item, &arena, &opened));
	ck_assert_ptr_null(opened);
	ck_assert(hf_span_equal(item->entry.target, hf_span_str("to\xff where")));
	feed->ops->done(feed, item);
}
END_TEST

START_TEST(holes_are_told_and_not_read)
{
	HF_OWNED(hf_feed) feed = walk();
	HF_FREED char *file = hf_test_path(dir, "file");
	HF_RELEASED(hf_arena) arena = {0};
	HF_FD fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct hf_feed_file *opened;
	uint64_t data = 0, holes = 0, hole;
	char bytes[5000];
	bool changed;
	size_t got;

	ck_ok(hf_fd_pwrite(fd, "x", 1, 10 << 20));
	ck_assert_int_eq(ftruncate(fd, 20 << 20), 0);
	struct hf_item *item = find(feed, "file");

	ck_ok(feed->ops->open(feed, item, &arena, &opened));
	do {
		ck_ok(feed->ops->read(opened, bytes, sizeof(bytes), &got, &hole));
		ck_assert(got == 0 || hole == 0);
		data += got;
		holes += hole;
	} while (got || hole);
	ck_ok(feed->ops->close(opened, &changed));
	feed->ops->done(feed, item);

	ck_assert_uint_eq(data + holes, 20 << 20);
	ck_assert_uint_le(data, 1 << 20);
}
END_TEST

START_TEST(a_file_replaced_by_a_fifo_is_an_error_not_a_wait)
{
	HF_OWNED(hf_feed) feed = walk();
	HF_FREED char *file = hf_test_path(dir, "file");
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_feed_file *opened;

	hf_tree_text(dir, "file", "x");
	struct hf_item *item = find(feed, "file");

	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(mkfifo(file, 0600), 0);
	ck_fails(HF_INVALID, feed->ops->open(feed, item, &arena, &opened));
	ck_assert_ptr_null(opened);
	feed->ops->done(feed, item);
}
END_TEST

#define LEVELS 300

START_TEST(more_directories_than_descriptors_are_opened_again)
{
	HF_OWNED(hf_feed) feed = walk();
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) path = {0};
	struct hf_item *kept[LEVELS];
	struct hf_feed_file *opened;
	bool changed;

	for (unsigned i = 0; i < LEVELS; i++) {
		hf_buf_printf(&path, "d/");
		HF_FREED char *name = hf_format("%sf", hf_buf_text(&path));

		hf_tree_text(dir, name, "x");
	}
	/* Those are the files of the innermost first, because d comes before f. */
	for (unsigned i = 0; i < LEVELS;) {
		struct hf_item *item;

		ck_ok(feed->ops->next(feed, &item));
		if (item->step == HF_STEP_ENTRY)
			kept[i++] = item;
		else
			feed->ops->done(feed, item);
	}
	for (unsigned i = 0; i < LEVELS; i++) {
		struct hf_item *item = kept[i * 7 % LEVELS];

		ck_ok(feed->ops->open(feed, item, &arena, &opened));
		ck_ok(feed->ops->close(opened, &changed));
	}
	for (unsigned i = 0; i < LEVELS; i++)
		feed->ops->done(feed, kept[i]);
}
END_TEST

START_TEST(a_pipe_is_a_directory_with_one_file)
{
	HF_OWNED(hf_feed) feed = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_feed_file *opened;
	int ends[2];
	char bytes[10];
	uint64_t hole;
	bool changed;
	size_t got;

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "12345", 5), 5);
	close(ends[1]);
	ck_ok(hf_pipe_open(ends[0], "dump.sql", &feed));
	struct hf_item *item = find(feed, "dump.sql");

	ck_assert_uint_eq(item->entry.size, HF_SIZE_UNKNOWN);
	ck_ok(feed->ops->open(feed, item, &arena, &opened));
	ck_ok(feed->ops->read(opened, bytes, sizeof(bytes), &got, &hole));
	ck_assert_uint_eq(got, 5);
	ck_ok(feed->ops->read(opened, bytes, sizeof(bytes), &got, &hole));
	ck_assert(got == 0 && hole == 0);
	ck_ok(feed->ops->close(opened, &changed));
	feed->ops->done(feed, item);
	ck_fails(HF_INVALID, hf_pipe_open(ends[0], "a/b", &feed));
	close(ends[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("walk");
	TCase *tests = hf_test_case(suite, "walk");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, names_come_in_bytewise_order);
	tcase_add_test(tests, entries_say_what_stat_says);
	tcase_add_test(tests, what_rules_leave_out_is_not_entered);
	tcase_add_test(tests, of_a_cache_only_the_tag_is_kept);
	tcase_add_test(tests, several_paths_stand_under_their_absolute_selves);
	tcase_add_test(tests, one_file_stands_under_its_absolute_self);
	tcase_add_test(tests, a_link_to_one_directory_shows_what_is_in_it);
	tcase_add_test(tests, a_path_that_does_not_exist_is_told_and_refused_where_it_is_all);
	tcase_add_test(tests, another_file_system_is_shown_empty);
	tcase_add_test(tests, a_stop_is_heard);
	tcase_add_test(tests, opening_captures_xattrs_in_order_and_the_target);
	tcase_add_test(tests, holes_are_told_and_not_read);
	tcase_add_test(tests, a_file_replaced_by_a_fifo_is_an_error_not_a_wait);
	tcase_add_test(tests, more_directories_than_descriptors_are_opened_again);
	tcase_add_test(tests, a_pipe_is_a_directory_with_one_file);
	return hf_test_run_suite(suite);
}
