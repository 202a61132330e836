/*
 * What a directory store asks of the disk, in which order, and what is left when any one of these
 * calls fails or is the last before the process is killed.
 */
#include "backend/store/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
#include "tests/lib/test.h"

/* One line a call; the chosen one fails or is never come back from. */
static struct {
	const char *root;
	struct hf_buf lines;
	unsigned count, at; /* at 0: none */
	int number;         /* errno; 0: SIGKILL instead */
	bool hit_unlink;
} tape;

static bool hit(const char *call, const char *path)
{
	const size_t root = strlen(tape.root);

	path = strncmp(path, tape.root, root) == 0 ? path + root : path;
	/* Names of temporary files are random. */
	hf_buf_printf(&tape.lines, "%s %.*s\n", call,
		(int)(strstr(path, ".tmp-") ? strstr(path, ".tmp-") + 4 - path
					    : (long)strlen(path)),
		path);
	if (++tape.count != tape.at)
		return false;
	if (tape.number == 0)
		raise(SIGKILL);
	tape.hit_unlink = strcmp(call, "unlink") == 0;
	errno = tape.number;
	return true;
}

static bool hit_fd(const char *call, int fd)
{
	HF_FREED char *link = hf_format("/proc/self/fd/%d", fd);
	char path[4096] = "";

	return hit(call, readlink(link, path, sizeof(path) - 1) < 0 ? "?" : path);
}

static int tape_open(const char *path, int flags, mode_t mode)
{
	if (hit(flags & O_CREAT ? "create" : "open", path))
		return -1;
	return hf_dir_calls.open(path, flags, mode);
}

static hf_err tape_write(int fd, const void *bytes, size_t len)
{
	if (!hit_fd("write", fd))
		return hf_dir_calls.write(fd, bytes, len);
	/* A full disk takes a part. */
	hf_error_free(hf_dir_calls.write(fd, bytes, len / 2));
	errno = tape.number;
	return hf_error_sys("write");
}

static int tape_fsync(int fd)
{
	return hit_fd("fsync", fd) ? -1 : hf_dir_calls.fsync(fd);
}

static int tape_link(const char *from, const char *to)
{
	return hit("link", to) ? -1 : hf_dir_calls.link(from, to);
}

static int tape_move(const char *from, const char *to)
{
	return hit("move", to) ? -1 : hf_dir_calls.move(from, to);
}

static int tape_rename(const char *from, const char *to)
{
	return hit("rename", to) ? -1 : hf_dir_calls.rename(from, to);
}

static int tape_unlink(const char *path)
{
	return hit("unlink", path) ? -1 : hf_dir_calls.unlink(path);
}

static int tape_mkdir(const char *path, mode_t mode)
{
	return hit("mkdir", path) ? -1 : hf_dir_calls.mkdir(path, mode);
}

static const struct hf_dir_calls taped = {tape_open, tape_write, tape_fsync, tape_link, tape_move,
	tape_rename, tape_unlink, tape_mkdir};

/* A new directory store; the tape starts behind its opening. */
struct taped_store {
	char *dir, *root;
	struct hf_store *store;
};

static struct taped_store begin_with(const struct hf_dir_calls *calls)
{
	struct taped_store at = {.dir = hf_test_dir()};

	at.root = hf_test_path(at.dir, "store");
	tape.root = at.root;
	tape.at = 0;
	ck_ok(hf_store_dir_open_with(at.root, true, calls, &at.store));
	hf_buf_clear(&tape.lines);
	tape.count = 0;
	tape.hit_unlink = false;
	return at;
}

static struct taped_store begin(void)
{
	return begin_with(&taped);
}

static void taped_store_release(struct taped_store *at)
{
	hf_store_free(at->store);
	hf_test_dir_free(at->dir);
	free(at->root);
	hf_buf_release(&tape.lines);
	tape.at = 0;
}

static void taped_is(const char *want)
{
	ck_assert_str_eq(hf_buf_text(&tape.lines), want);
	hf_buf_clear(&tape.lines);
}

START_TEST(a_file_is_synced_before_it_has_its_name_and_its_directory_before_the_answer)
{
	HF_RELEASED(taped_store) at = begin();

	ck_ok(hf_store_put(at.store, "packs/ab/first", hf_span_str("x")));
	taped_is("create /packs/ab/.tmp\n" /* not there */
		 "mkdir /packs\n"
		 "mkdir /packs/ab\n"
		 "create /packs/ab/.tmp\n"
		 "write /packs/ab/.tmp\n"
		 "fsync /packs/ab/.tmp\n"
		 "link /packs/ab/first\n"
		 "unlink /packs/ab/.tmp\n"
		 "open /packs/ab\n"
		 "fsync /packs/ab\n"
		 "open /packs\n"
		 "fsync /packs\n"
		 "open \n"
		 "fsync \n");
	ck_ok(hf_store_put(at.store, "packs/ab/second", hf_span_str("x")));
	taped_is("create /packs/ab/.tmp\n"
		 "write /packs/ab/.tmp\n"
		 "fsync /packs/ab/.tmp\n"
		 "link /packs/ab/second\n"
		 "unlink /packs/ab/.tmp\n"
		 "open /packs/ab\n"
		 "fsync /packs/ab\n");
}
END_TEST

START_TEST(the_second_copy_is_written_after_the_first)
{
	HF_RELEASED(taped_store) at = begin();

	ck_ok(hf_store_put(at.store, "commits/first", hf_span_str("x")));
	hf_buf_clear(&tape.lines);
	ck_ok(hf_store_put(at.store, "commits/second", hf_span_str("x")));
	taped_is("create /commits/.tmp\n"
		 "write /commits/.tmp\n"
		 "fsync /commits/.tmp\n"
		 "link /commits/second\n"
		 "unlink /commits/.tmp\n"
		 "open /commits\n"
		 "fsync /commits\n"
		 "create /twin/commits/.tmp\n"
		 "write /twin/commits/.tmp\n"
		 "fsync /twin/commits/.tmp\n"
		 "link /twin/commits/second\n"
		 "unlink /twin/commits/.tmp\n"
		 "open /twin/commits\n"
		 "fsync /twin/commits\n");
}
END_TEST

START_TEST(who_finds_the_name_taken_syncs_the_directory_before_relying_on_it)
{
	HF_RELEASED(taped_store) at = begin();

	ck_ok(hf_store_put(at.store, "packs/ab/x", hf_span_str("x")));
	hf_buf_clear(&tape.lines);
	ck_fails(HF_EXISTS, hf_store_put(at.store, "packs/ab/x", hf_span_str("x")));
	taped_is("create /packs/ab/.tmp\n"
		 "write /packs/ab/.tmp\n"
		 "fsync /packs/ab/.tmp\n"
		 "link /packs/ab/x\n"
		 "unlink /packs/ab/.tmp\n"
		 "open /packs/ab\n"
		 "fsync /packs/ab\n");
}
END_TEST

static unsigned temps_in(const char *root)
{
	HF_FREED char *command = hf_format("find '%s' -name '.tmp-*' | wc -l", root);
	FILE *found = popen(command, "r");
	unsigned n;

	ck_assert_int_eq(fscanf(found, "%u", &n), 1);
	pclose(found);
	return n;
}

/* Each copy that is there is whole, a listing shows the object if one is, and put makes it
 * complete. */
static void check_recovers(struct hf_store *store, const char *name, struct hf_span bytes)
{
	struct hf_error *err;

	for (unsigned copy = 0; copy < hf_store_copies(store, name); copy++) {
		HF_RELEASED(hf_buf) got = {0};

		err = hf_store_get_all(store, name, copy, bytes.len, &got);
		if (!err)
			ck_assert(hf_span_equal(hf_buf_span(&got), bytes));
		else
			ck_fails(HF_NOT_FOUND, err);
	}
	err = hf_store_put(store, name, bytes);
	if (err)
		ck_fails(HF_EXISTS, err);
	for (unsigned copy = 0; copy < hf_store_copies(store, name); copy++) {
		HF_RELEASED(hf_buf) got = {0};

		ck_ok(hf_store_get_all(store, name, copy, bytes.len, &got));
		ck_assert(hf_span_equal(hf_buf_span(&got), bytes));
	}
}

static const char *const two_names[] = {"packs/ab/x", "meta/ab/x"};

START_TEST(whichever_call_fails_nothing_half_done_is_seen_and_the_next_put_completes_it)
{
	static const int numbers[] = {EIO, ENOSPC, EROFS, ENOENT, EEXIST};
	const char *name = two_names[_i];
	const struct hf_span bytes = hf_span_str("some bytes of an object");

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		bool done = false;

		for (unsigned k = 1; !done; k++) {
			HF_RELEASED(taped_store) at = begin();
			struct hf_error *err;

			tape.at = k;
			tape.number = numbers[i];
			err = hf_store_put(at.store, name, bytes);
			done = tape.count < k;
			tape.at = 0;
			/* Only link()'s EEXIST says that the name is taken; ENOENT never "absent".
			 */
			if (err)
				ck_assert_int_ne(hf_error_kind(err), HF_NOT_FOUND);
			if (err && hf_error_kind(err) == HF_EXISTS)
				ck_assert_int_eq(numbers[i], EEXIST);
			hf_error_free(err);
			ck_assert_uint_le(temps_in(at.root), tape.hit_unlink);
			check_recovers(at.store, name, bytes);
		}
	}
}
END_TEST

START_TEST(killed_before_any_call_a_writer_leaves_what_the_next_put_completes)
{
	const char *name = two_names[_i];
	const struct hf_span bytes = hf_span_str("some bytes of an object");
	bool done = false;

	for (unsigned k = 1; !done; k++) {
		HF_RELEASED(taped_store) at = begin();
		const pid_t child = fork();
		int status;

		if (child == 0) {
			tape.at = k;
			tape.number = 0;
			_exit(hf_store_put(at.store, name, bytes) != NULL);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		ck_assert(done || WIFSIGNALED(status));
		ck_assert_uint_le(temps_in(at.root), 1);
		check_recovers(at.store, name, bytes);
	}
}
END_TEST

START_TEST(mending_replaces_the_copy_at_once_or_not_at_all)
{
	bool done = false;

	for (unsigned k = 1; !done; k++) {
		HF_RELEASED(taped_store) at = begin();
		HF_RELEASED(hf_buf) got = {0};
		struct hf_error *err;

		ck_ok(hf_store_put(at.store, "meta/ab/x", hf_span_str("old")));
		tape.count = 0;
		tape.at = k;
		tape.number = ENOSPC;
		err = hf_store_mend(at.store, "meta/ab/x", 1, hf_span_str("new"));
		done = tape.count < k;
		tape.at = 0;
		ck_ok(hf_store_get_all(at.store, "meta/ab/x", 1, 3, &got));
		ck_assert(err || memcmp(got.at, "new", 3) == 0);
		ck_assert(memcmp(got.at, "new", 3) == 0 || memcmp(got.at, "old", 3) == 0);
		ck_assert_uint_le(temps_in(at.root), tape.hit_unlink);
		hf_error_free(err);
	}
}
END_TEST

static int no_link(const char *from, const char *to)
{
	(void)from;
	(void)to;
	errno = EPERM;
	return -1;
}

static int no_move(const char *from, const char *to)
{
	(void)from;
	(void)to;
	errno = EINVAL;
	return -1;
}

START_TEST(without_hard_links_an_object_gets_its_name_by_a_rename_that_replaces_nothing)
{
	struct hf_dir_calls calls = hf_dir_calls;
	HF_RELEASED(hf_buf) got = {0};

	calls.link = no_link;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	ck_ok(hf_store_put(at.store, "keyring/1", hf_span_str("first")));
	ck_fails(HF_EXISTS, hf_store_put(at.store, "keyring/1", hf_span_str("other")));
	ck_ok(hf_store_get_all(at.store, "keyring/1", 0, 5, &got));
	ck_assert(hf_span_equal(hf_buf_span(&got), hf_span_str("first")));
	ck_assert_uint_eq(temps_in(at.root), 0);
}
END_TEST

START_TEST(a_file_system_with_neither_is_unsupported)
{
	struct hf_dir_calls calls = hf_dir_calls;

	calls.link = no_link;
	calls.move = no_move;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	ck_fails(HF_UNSUPPORTED, hf_store_put(at.store, "keyring/1", hf_span_str("x")));
	ck_assert_uint_eq(temps_in(at.root), 0);
}
END_TEST

/* As NFS does when the first answer was lost. */
static int link_told_twice(const char *from, const char *to)
{
	ck_assert_int_eq(link(from, to), 0);
	return link(from, to);
}

START_TEST(a_link_whose_answer_was_lost_is_no_taken_name)
{
	struct hf_dir_calls calls = hf_dir_calls;

	calls.link = link_told_twice;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	ck_ok(hf_store_put(at.store, "keyring/1", hf_span_str("x")));
}
END_TEST

static int no_sync_of_directories(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	errno = EINVAL;
	return S_ISDIR(st.st_mode) ? -1 : 0;
}

START_TEST(a_file_system_that_syncs_no_directories_will_do)
{
	struct hf_dir_calls calls = hf_dir_calls;

	calls.fsync = no_sync_of_directories;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	ck_ok(hf_store_put(at.store, "packs/ab/x", hf_span_str("x")));
}
END_TEST

#define YEAR_2020 INT64_C(1577836800)
#define YEAR_2040 INT64_C(2208988800)

static int date_file(int fd, int64_t seconds)
{
	const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

	return futimens(fd, times);
}

static int sync_in_2020(int fd)
{
	return date_file(fd, YEAR_2020);
}

static int sync_in_2040(int fd)
{
	return date_file(fd, YEAR_2040);
}

START_TEST(the_clock_is_the_file_systems)
{
	struct hf_dir_calls calls = hf_dir_calls;
	int64_t now;

	calls.fsync = sync_in_2040;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	ck_ok(hf_store_now(at.store, &now));
	ck_assert_int_ge(now, YEAR_2040 * HF_NS_PER_S);
	ck_assert_int_lt(now, (YEAR_2040 + 3600) * HF_NS_PER_S);
	ck_assert_uint_eq(temps_in(at.root), 0);
}
END_TEST

static int open_nothing_to_write(const char *path, int flags, mode_t mode)
{
	if (!(flags & O_CREAT))
		return hf_dir_calls.open(path, flags, mode);
	errno = EROFS;
	return -1;
}

/* One that another machine wrote last then. */
static char *put_file(const struct taped_store *at, const char *name, int64_t seconds)
{
	HF_FREED char *folder = hf_test_path(at->root, "commits");
	char *path = hf_test_path(folder, name);
	HF_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(date_file(fd, seconds), 0);
	return path;
}

START_TEST(what_is_tidied_is_old_by_the_file_systems_clock)
{
	struct hf_dir_calls calls = hf_dir_calls;
	const int64_t days = 2 * 24 * 3600;

	calls.fsync = sync_in_2020;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	HF_FREED char *young = put_file(&at, ".tmp-1", YEAR_2020);
	HF_FREED char *old = put_file(&at, ".tmp-2", YEAR_2020 - days);
	HF_FREED char *object = put_file(&at, "object", YEAR_2020 - days);

	ck_ok(hf_store_tidy(at.store));
	ck_assert_int_eq(access(young, F_OK), 0);
	ck_assert_int_ne(access(old, F_OK), 0);
	ck_assert_int_eq(access(object, F_OK), 0);
}
END_TEST

START_TEST(a_read_only_store_refuses_to_put_and_has_the_machines_clock)
{
	struct hf_dir_calls calls = hf_dir_calls;
	const int64_t before = hf_time_now();
	struct hf_error *err;
	int64_t now;

	calls.open = open_nothing_to_write;
	HF_RELEASED(taped_store) at = begin_with(&calls);
	err = hf_store_put(at.store, "packs/ab/x", hf_span_str("x"));
	ck_assert_int_eq(hf_error_errno(err), EROFS);
	ck_fails_with(HF_SYSTEM, "Read-only file system", err);
	ck_ok(hf_store_now(at.store, &now));
	ck_assert_int_ge(now, before);
	ck_assert_int_le(now, hf_time_now());
}
END_TEST

int main(void)
{
	static const TTest *const *const tests[] = {
		&a_file_is_synced_before_it_has_its_name_and_its_directory_before_the_answer,
		&the_second_copy_is_written_after_the_first,
		&who_finds_the_name_taken_syncs_the_directory_before_relying_on_it,
		&mending_replaces_the_copy_at_once_or_not_at_all,
		&without_hard_links_an_object_gets_its_name_by_a_rename_that_replaces_nothing,
		&a_file_system_with_neither_is_unsupported,
		&a_link_whose_answer_was_lost_is_no_taken_name,
		&a_file_system_that_syncs_no_directories_will_do,
		&the_clock_is_the_file_systems,
		&what_is_tidied_is_old_by_the_file_systems_clock,
		&a_read_only_store_refuses_to_put_and_has_the_machines_clock,
	};
	Suite *suite = suite_create("directory store, call by call");
	TCase *all = hf_test_case(suite, "calls");

	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_test(all, *tests[i]);
	tcase_add_loop_test(all,
		whichever_call_fails_nothing_half_done_is_seen_and_the_next_put_completes_it, 0, 2);
	tcase_add_loop_test(
		all, killed_before_any_call_a_writer_leaves_what_the_next_put_completes, 0, 2);
	return hf_test_run_suite(suite);
}
