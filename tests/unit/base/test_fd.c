#include "backend/base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

static char *dir;

static void setup(void)
{
	dir = hf_test_dir();
}

static void teardown(void)
{
	hf_test_dir_free(dir);
}

START_TEST(a_replaced_file_has_the_bytes_and_the_mode_and_leaves_no_other_name)
{
	HF_FREED char *path = hf_test_path(dir, "file");
	HF_RELEASED(hf_buf) read = {0};
	struct stat stat_of;

	ck_ok(hf_file_replace(path, hf_span_str("one"), 0644));
	ck_ok(hf_file_replace(path, hf_span_str("other"), 0600));

	ck_ok(hf_file_read(path, 100, &read));
	ck_assert_str_eq(hf_buf_text(&read), "other");
	ck_assert_int_eq(stat(path, &stat_of), 0);
	ck_assert_uint_eq(stat_of.st_mode & 07777, 0600);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_made_file_is_whole_and_takes_nobodys_place)
{
	HF_FREED char *path = hf_test_path(dir, "file");
	HF_RELEASED(hf_buf) read = {0};
	struct stat stat_of;

	ck_ok(hf_file_make(path, hf_span_str("one"), 0400));
	ck_fails(HF_EXISTS, hf_file_make(path, hf_span_str("other"), 0600));

	ck_ok(hf_file_read(path, 100, &read));
	ck_assert_str_eq(hf_buf_text(&read), "one");
	ck_assert_int_eq(stat(path, &stat_of), 0);
	ck_assert_uint_eq(stat_of.st_mode & 07777, 0400);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_failed_replacement_leaves_the_old_and_no_temporary_name)
{
	HF_FREED char *path = hf_test_path(dir, "taken");
	HF_FREED char *inside = hf_test_path(dir, "taken/x");
	HF_FREED char *missing = hf_test_path(dir, "no/file");

	ck_ok(hf_dir_make_all(inside, 0700));
	ck_fails(HF_SYSTEM, hf_file_replace(path, hf_span_str("x"), 0600));
	ck_fails(HF_NOT_FOUND, hf_file_replace(missing, hf_span_str("x"), 0600));

	ck_assert_int_eq(rmdir(inside), 0);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_file_of_exactly_the_limit_is_read_and_a_longer_one_is_refused)
{
	HF_FREED char *path = hf_test_path(dir, "file");
	HF_RELEASED(hf_buf) large = {0};

	memset(hf_buf_grow(&large, 200000), 'x', 200000);
	ck_ok(hf_file_replace(path, hf_buf_span(&large), 0600));

	for (size_t max = 0; max < 200000; max += 66666) {
		HF_RELEASED(hf_buf) out = {0};

		hf_buf_add(&out, "kept", 4);
		ck_fails(HF_INVALID, hf_file_read(path, max, &out));
		ck_assert_uint_eq(out.len, 4);
	}
	for (size_t max = 200000; max < 200002; max++) {
		HF_RELEASED(hf_buf) out = {0};

		hf_buf_add(&out, "kept", 4);
		ck_ok(hf_file_read(path, max, &out));
		ck_assert_uint_eq(out.len, 200004);
		ck_assert_mem_eq(out.at, "keptxxx", 7);
	}
}
END_TEST

START_TEST(a_missing_file_is_not_found_and_is_named)
{
	HF_RELEASED(hf_buf) out = {0};

	ck_fails_with(HF_NOT_FOUND, "/no/such", hf_file_read("/no/such", 10, &out));
}
END_TEST

START_TEST(folders_are_made_down_to_the_last_and_again_is_fine)
{
	HF_FREED char *deep = hf_test_path(dir, "a/b//c/");
	HF_FREED char *path = hf_test_path(dir, "a/b/file");
	HF_FREED char *under = hf_test_path(dir, "a/b/file/d");
	struct stat stat_of;

	ck_ok(hf_dir_make_all(deep, 0700));
	ck_ok(hf_dir_make_all(deep, 0700));
	ck_ok(hf_dir_make_all("/", 0700));
	ck_ok(hf_file_replace(path, hf_span_str(""), 0600));

	ck_assert_int_eq(stat(deep, &stat_of), 0);
	ck_assert(S_ISDIR(stat_of.st_mode));
	ck_fails(HF_SYSTEM, hf_dir_make_all(path, 0700));
	ck_fails(HF_SYSTEM, hf_dir_make_all(under, 0700));
}
END_TEST

START_TEST(reads_and_writes_at_a_place_are_whole)
{
	HF_FREED char *path = hf_test_path(dir, "file");
	HF_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char got_bytes[8] = "";
	size_t got;

	ck_ok(hf_fd_write(fd, "0123", 4));
	ck_ok(hf_fd_pwrite(fd, "ab", 2, 6));
	ck_ok(hf_fd_pread(fd, got_bytes, 8, 2, &got));
	ck_assert_uint_eq(got, 6);
	ck_assert_mem_eq(got_bytes, "23\0\0ab", 6);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_ok(hf_fd_read(fd, got_bytes, 3, &got));
	ck_assert_uint_eq(got, 3);
	ck_fails(HF_SYSTEM, hf_fd_read(-1, got_bytes, 3, &got));
}
END_TEST

START_TEST(a_pipe_that_gives_little_at_a_time_is_read_whole)
{
	int ends[2];
	char bytes[10];
	size_t got;

	ck_assert_int_eq(pipe(ends), 0);
	if (fork() == 0) {
		for (int i = 0; i < 10; i++)
			if (write(ends[1], "x", 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	ck_ok(hf_fd_read(ends[0], bytes, sizeof(bytes), &got));
	ck_assert_uint_eq(got, 10);
	ck_ok(hf_fd_read(ends[0], bytes, sizeof(bytes), &got));
	ck_assert_uint_eq(got, 0);
	close(ends[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd");
	TCase *files = hf_test_case(suite, "files");

	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, a_replaced_file_has_the_bytes_and_the_mode_and_leaves_no_other_name);
	tcase_add_test(files, a_made_file_is_whole_and_takes_nobodys_place);
	tcase_add_test(files, a_failed_replacement_leaves_the_old_and_no_temporary_name);
	tcase_add_test(files, a_file_of_exactly_the_limit_is_read_and_a_longer_one_is_refused);
	tcase_add_test(files, a_missing_file_is_not_found_and_is_named);
	tcase_add_test(files, folders_are_made_down_to_the_last_and_again_is_fine);
	tcase_add_test(files, reads_and_writes_at_a_place_are_whole);
	tcase_add_test(files, a_pipe_that_gives_little_at_a_time_is_read_whole);
	return hf_test_run_suite(suite);
}
