/* A stored tree comes back as it was, and what can't come back is told. */
#include "backend/tree/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/tree/compare.h"
#include "tests/lib/restored.h"
#include "tests/lib/test.h"

static struct hf_restored it;
static const unsigned workers[] = {0, 3};

static void setup_with(unsigned n)
{
	hf_restored_init(&it, n);
}

START_TEST(a_tree_comes_back_as_it_was)
{
	struct hf_span small, middle, large;
	struct hf_entry inner[3], outer[8], root;

	setup_with(workers[_i]);
	small = hf_restored_bytes(&it, 10);
	middle = hf_restored_bytes(&it, 3 << 20);
	large = hf_restored_bytes(&it, 20 << 20);
	inner[0] = hf_stored_file(&it.tree, "empty", hf_span_str(""));
	inner[1] = hf_stored_file(&it.tree, "middle", middle);
	inner[2] = hf_stored_file(&it.tree, "\xff\n\x01", small);
	inner[1].mode = 04711;
	inner[1].mtime = INT64_C(1234567890987654321);
	outer[0] = hf_stored_dir(&it.tree, "empty", NULL, 0);
	outer[1] = hf_stored_special(&it.tree, "fifo", HF_FIFO);
	outer[2] = hf_stored_dir(&it.tree, "inner", inner, 3);
	outer[3] = hf_stored_file(&it.tree, "large", large);
	outer[4] = hf_stored_link(&it.tree, "link", "nowhere/at all");
	outer[5] = hf_stored_file(&it.tree, "small", small);
	outer[6] = hf_stored_special(&it.tree, "socket", HF_SOCK);
	outer[2].mode = 01777;
	root = hf_stored_dir(&it.tree, "", outer, 7);
	hf_stored_publish(&it.tree);

	it.how.reader = it.tree.reader;
	ck_ok(hf_restore_run(&it.how, &root));

	hf_restored_is(&it, "large", large);
	hf_restored_is(&it, "inner/middle", middle);
	hf_restored_is(&it, "inner/\xff\n\x01", small);
	hf_restored_is(&it, "inner/empty", hf_span_str(""));
	ck_assert_uint_eq(hf_restored_stat(&it, "inner").st_mode, S_IFDIR | 01777);
	ck_assert_int_eq(hf_restored_stat(&it, "inner").st_mtim.tv_sec, 1);
	ck_assert_int_eq(hf_restored_stat(&it, "").st_mtim.tv_sec, 1);
	ck_assert_uint_eq(hf_restored_stat(&it, "inner/middle").st_mode, S_IFREG | 04711);
	ck_assert(S_ISFIFO(hf_restored_stat(&it, "fifo").st_mode));
	ck_assert(S_ISSOCK(hf_restored_stat(&it, "socket").st_mode));
	ck_assert_uint_eq(it.progress.files, 8);
	ck_assert_uint_eq(it.progress.bytes, (23u << 20) + 20);
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

START_TEST(many_files_in_many_folders_come_back)
{
	struct hf_entry folders[40], files[30], root;

	setup_with(workers[_i]);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		for (size_t j = 0; j < ARRAY_LEN(files); j++)
			files[j] = hf_stored_file(&it.tree, hf_restored_number(&it, j),
				hf_restored_bytes(&it, i * j));
		folders[i] = hf_stored_dir(
			&it.tree, hf_restored_number(&it, i), files, ARRAY_LEN(files));
	}
	root = hf_stored_dir(&it.tree, "", folders, ARRAY_LEN(folders));
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	ck_ok(hf_restore_run(&it.how, &root));
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

START_TEST(holes_stay_holes_and_zeros_stay_zeros)
{
	static const uint8_t zeros[65536];
	struct hf_extent parts[200] = {{.length = UINT64_C(1) << 30}};
	struct hf_extents data, extents = {.at = parts};
	struct hf_entry entries[3], root;

	setup_with(workers[_i]);
	data = hf_stored_bytes(&it.tree, HF_CONTENT_PACK, hf_restored_bytes(&it, 65536), 65536);
	parts[1] = data.at[0];
	parts[2] = parts[0];
	extents.n = 3;
	entries[0] = hf_stored_extents(&it.tree, "few", &extents);
	for (size_t i = 3; i < ARRAY_LEN(parts); i++)
		parts[i] = i % 2 ? data.at[0] : (struct hf_extent){.length = 1 << 20};
	extents.n = ARRAY_LEN(parts);
	entries[1] = hf_stored_extents(&it.tree, "many", &extents);
	entries[2] = hf_stored_file(&it.tree, "zeros", hf_span(zeros, sizeof(zeros)));
	root = hf_stored_dir(&it.tree, "", entries, 3);
	hf_stored_publish(&it.tree);

	it.how.reader = it.tree.reader;
	ck_ok(hf_restore_run(&it.how, &root));

	ck_assert_int_eq(hf_restored_stat(&it, "few").st_size, (2LL << 30) + 65536);
	ck_assert_int_lt(hf_restored_stat(&it, "few").st_blocks, 1024);
	ck_assert_int_eq(hf_restored_stat(&it, "many").st_size, (off_t)entries[1].size);
	ck_assert_int_lt(hf_restored_stat(&it, "many").st_blocks, 100 * 256);
	ck_assert_int_ge(hf_restored_stat(&it, "zeros").st_blocks, 128);
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

START_TEST(names_of_one_file_are_linked)
{
	struct hf_entry inner[2], outer[5], root;
	struct hf_span large;

	setup_with(workers[_i]);
	large = hf_restored_bytes(&it, 9 << 20);
	inner[0] = hf_stored_file(&it.tree, "a", hf_span_str("content"));
	hf_restored_make_linked(&inner[0], 1, 5); /* one of its names is outside of the tree */
	outer[0] = inner[0];
	outer[0].name = hf_span_str("b");
	inner[1] = outer[0];
	outer[1] = hf_stored_dir(&it.tree, "dir", inner, 2);
	outer[1].mode = 0555;
	outer[2] = inner[0];
	outer[2].name = hf_span_str("e");
	outer[3] = hf_stored_file(&it.tree, "x", large);
	hf_restored_make_linked(&outer[3], 2, 2);
	outer[4] = outer[3];
	outer[4].name = hf_span_str("y");
	root = hf_stored_dir(&it.tree, "", outer, 5);
	hf_stored_publish(&it.tree);

	it.how.reader = it.tree.reader;
	ck_ok(hf_restore_run(&it.how, &root));

	ck_assert_uint_eq(hf_restored_stat(&it, "b").st_nlink, 4);
	ck_assert_uint_eq(hf_restored_stat(&it, "dir/a").st_ino, hf_restored_stat(&it, "e").st_ino);
	ck_assert_uint_eq(hf_restored_stat(&it, "dir/b").st_ino, hf_restored_stat(&it, "b").st_ino);
	ck_assert_uint_eq(hf_restored_stat(&it, "x").st_ino, hf_restored_stat(&it, "y").st_ino);
	ck_assert_uint_eq(hf_restored_stat(&it, "dir").st_mode & 0777, 0555);
	ck_assert_int_eq(hf_restored_stat(&it, "dir").st_mtim.tv_sec, 1);
	hf_restored_is(&it, "y", large);

	it.how.overwrite = true;
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert_uint_eq(hf_restored_stat(&it, "b").st_nlink, 4);
	ck_assert_uint_eq(hf_restored_count(it.to), 5);
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_thousand_levels_come_back)
{
	const struct rlimit few = {.rlim_cur = 500, .rlim_max = 500};
	const char *name = "a name long enough that the whole path is longer than PATH_MAX";
	struct hf_entry files[2], root;

	setup_with(workers[_i]);
	files[0] = hf_stored_file(&it.tree, "a", hf_span_str("content"));
	root = hf_stored_dir(&it.tree, name, files, 1);
	for (int i = 0; i < 1000; i++) {
		files[1] = root;
		root = hf_stored_dir(&it.tree, name, files, 2);
	}
	hf_stored_publish(&it.tree);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);

	it.how.reader = it.tree.reader;
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert_uint_eq(it.progress.files, 1001);
	hf_restored_check_same(&it, &root);
	hf_restored_end(&it);
}
END_TEST

static int as_nobody(const struct hf_entry *root)
{
	int status = 0;
	pid_t child;

	if (geteuid() != 0) {
		ck_ok(hf_restore_run(&it.how, root));
		return 0;
	}
	ck_assert_int_eq(chmod(it.area, 0777), 0);
	child = fork();
	if (child == 0) {
		struct hf_error *err = NULL;

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(9);
		it.how.apply = (struct hf_meta_apply){0};
		err = hf_restore_run(&it.how, root);
		if (err)
			fprintf(stderr, "%s\n%s", hf_error_text(err), hf_buf_text(&it.told));
		_exit(err ? (int)hf_error_kind(err) : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(read_only_folders_come_back_without_root)
{
	struct hf_entry file, dir, root;

	setup_with(workers[0]); /* no threads before the fork */
	file = hf_stored_file(&it.tree, "file", hf_span_str("content"));
	file.mode = 0;
	dir = hf_stored_dir(&it.tree, "closed", &file, 1);
	dir.mode = 0555;
	dir = hf_stored_dir(&it.tree, "hidden", &dir, 1);
	dir.mode = 0;
	root = hf_stored_dir(&it.tree, "", &dir, 1);
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;

	ck_assert_int_eq(as_nobody(&root), 0);
	ck_assert_uint_eq(hf_restored_stat(&it, "hidden").st_mode & 07777, 0);
	ck_assert_uint_eq(hf_restored_stat(&it, "hidden/closed").st_mode & 07777, 0555);
	ck_assert_uint_eq(hf_restored_stat(&it, "hidden/closed/file").st_size, 7);
	chmod(it.to, 0700);
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_device_without_root_is_told_and_the_rest_comes_back)
{
	struct hf_entry entries[2], root;

	setup_with(workers[0]);
	entries[0] = hf_stored_special(&it.tree, "device", HF_CHR);
	entries[0].rdev_major = 1;
	entries[0].rdev_minor = 3;
	entries[1] = hf_stored_file(&it.tree, "file", hf_span_str("content"));
	root = hf_stored_dir(&it.tree, "", entries, 2);
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	if (geteuid() == 0)
		ck_assert_int_eq(as_nobody(&root), HF_PARTIAL);
	ck_assert(!hf_restored_there(&it, "device"));
	hf_restored_is(&it, "file", hf_span_str("content"));
	hf_restored_end(&it);
}
END_TEST

START_TEST(what_is_there_stays_and_is_told)
{
	struct hf_entry entries[3], root;

	setup_with(workers[_i]);
	entries[0] = hf_stored_file(&it.tree, "a", hf_span_str("new"));
	entries[1] = hf_stored_dir(&it.tree, "dir", entries, 1);
	entries[2] = hf_stored_file(&it.tree, "other", hf_span_str("new"));
	root = hf_stored_dir(&it.tree, "", entries, 3);
	hf_stored_publish(&it.tree);
	ck_assert_int_eq(mkdir(it.to, 0700), 0);
	hf_restored_put(it.to, "a", "old");
	hf_restored_put(it.to, "dir", "no directory");

	it.how.reader = it.tree.reader;
	ck_fails(HF_PARTIAL, hf_restore_run(&it.how, &root));

	ck_assert(hf_restored_told(&it, "a", HF_EXISTS));
	ck_assert(hf_restored_told(&it, "dir", HF_EXISTS));
	hf_restored_is(&it, "a", hf_span_str("old"));
	hf_restored_is(&it, "dir", hf_span_str("no directory"));
	hf_restored_is(&it, "other", hf_span_str("new"));
	ck_assert_uint_eq(it.progress.failed, 2);
	hf_restored_end(&it);
}
END_TEST

START_TEST(what_is_there_is_replaced_when_asked)
{
	HF_FREED char *link = NULL, *hard = NULL, *victim = NULL, *folder = NULL;
	struct hf_entry entries[5], root;

	setup_with(workers[_i]);
	entries[0] = hf_stored_file(&it.tree, "dir", hf_span_str("new"));
	entries[1] = hf_stored_file(&it.tree, "hard", hf_span_str("new"));
	entries[2] = hf_stored_link(&it.tree, "link", "elsewhere");
	entries[3] = hf_stored_file(&it.tree, "plain", hf_span_str("new"));
	entries[4] = hf_stored_file(&it.tree, "soft", hf_restored_bytes(&it, 9 << 20));
	root = hf_stored_dir(&it.tree, "", entries, 5);
	hf_stored_publish(&it.tree);
	ck_assert_int_eq(mkdir(it.to, 0700), 0);
	hf_restored_put(it.outside, "victim", "mine");
	victim = hf_test_path(it.outside, "victim");
	hard = hf_test_path(it.to, "hard");
	link = hf_test_path(it.to, "soft");
	folder = hf_test_path(it.to, "dir");
	hf_restored_put(it.to, "plain", "old");
	hf_restored_put(it.to, "link", "old");
	ck_assert_int_eq(linkat(AT_FDCWD, victim, AT_FDCWD, hard, 0), 0);
	ck_assert_int_eq(symlink(victim, link), 0);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	hf_restored_put(folder, "mine", "mine");

	it.how.reader = it.tree.reader;
	it.how.overwrite = true;
	ck_fails(HF_PARTIAL, hf_restore_run(&it.how, &root));

	ck_assert(S_ISDIR(
		hf_restored_stat(&it, "dir").st_mode)); /* nothing is removed with all in it */
	hf_restored_is(&it, "hard", hf_span_str("new"));
	hf_restored_is(&it, "plain", hf_span_str("new"));
	ck_assert(S_ISLNK(hf_restored_stat(&it, "link").st_mode));
	ck_assert(S_ISREG(hf_restored_stat(&it, "soft").st_mode));
	hf_restored_is(&it, "../outside/victim", hf_span_str("mine"));
	ck_assert_uint_eq(hf_restored_count(it.to), 5);
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_damaged_file_is_told_and_not_left_half)
{
	struct hf_entry entries[5], root;

	setup_with(workers[_i]);
	entries[0] = hf_stored_file(&it.tree, "bad", hf_restored_bytes(&it, 200000));
	hf_restored_make_linked(&entries[0], 1, 2);
	entries[1] = hf_stored_file(&it.tree, "good", hf_restored_bytes(&it, 200000));
	entries[2] = hf_stored_file(&it.tree, "large", hf_restored_bytes(&it, 20 << 20));
	entries[3] = entries[0];
	entries[3].name = hf_span_str("link");
	entries[4] = hf_stored_file(&it.tree, "zgood", hf_restored_bytes(&it, 20 << 20));
	root = hf_stored_dir(&it.tree, "", entries, 5);
	hf_stored_publish(&it.tree);
	hf_stored_hurt(&it.tree, &entries[0].extents.at[2]);
	hf_stored_hurt(&it.tree, &entries[2].extents.at[10]);

	it.how.reader = it.tree.reader;
	ck_fails(HF_CORRUPT, hf_restore_run(&it.how, &root));

	ck_assert(hf_restored_told(&it, "bad", HF_CORRUPT));
	ck_assert(hf_restored_told(&it, "large", HF_CORRUPT));
	ck_assert(hf_restored_told(&it, "link", HF_CORRUPT));
	ck_assert_uint_eq(hf_restored_count(it.to), 2);
	ck_assert_uint_eq(hf_restored_stat(&it, "good").st_size, 200000);
	ck_assert_int_eq(hf_restored_stat(&it, "").st_mtim.tv_sec, 1);
	ck_assert_uint_eq(it.progress.failed, 3);
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_damaged_folder_is_told_and_the_others_come_back)
{
	struct hf_entry file, dirs[2], root;

	setup_with(workers[_i]);
	file = hf_stored_file(&it.tree, "file", hf_span_str("content"));
	dirs[0] = hf_stored_dir(&it.tree, "bad", &file, 1);
	file.mode = 0600;
	dirs[1] = hf_stored_dir(&it.tree, "good", &file, 1);
	root = hf_stored_dir(&it.tree, "", dirs, 2);
	hf_stored_publish(&it.tree);
	hf_stored_hurt(&it.tree, &dirs[0].extents.at[0]);

	it.how.reader = it.tree.reader;
	ck_fails(HF_CORRUPT, hf_restore_run(&it.how, &root));
	ck_assert(hf_restored_told(&it, "bad", HF_CORRUPT));
	hf_restored_is(&it, "good/file", hf_span_str("content"));
	hf_restored_end(&it);
}
END_TEST

START_TEST(a_dry_run_counts_and_writes_nothing)
{
	struct hf_entry entries[2], root;

	setup_with(workers[_i]);
	entries[0] = hf_stored_file(&it.tree, "a", hf_span_str("content"));
	entries[1] = hf_stored_dir(&it.tree, "dir", entries, 1);
	root = hf_stored_dir(&it.tree, "", entries, 2);
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	it.how.dry_run = true;
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert_uint_eq(it.progress.files, 2);
	ck_assert_uint_eq(it.progress.bytes, 14);
	ck_assert_uint_eq(hf_restored_count(it.area), 1);
	hf_restored_end(&it);
}
END_TEST

START_TEST(one_entry_is_restored_under_the_name_it_is_given)
{
	struct hf_entry file, dir;

	setup_with(workers[_i]);
	file = hf_stored_file(&it.tree, "file", hf_span_str("content"));
	dir = hf_stored_dir(&it.tree, "dir", &file, 1);
	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	it.how.target_name = "new";
	ck_ok(hf_restore_run(&it.how, &file));
	it.how.target_name = "newdir";
	ck_ok(hf_restore_run(&it.how, &dir));
	hf_restored_is(&it, "new", hf_span_str("content"));
	hf_restored_is(&it, "newdir/file", hf_span_str("content"));
	ck_assert_int_eq(hf_restored_stat(&it, "newdir").st_mtim.tv_sec, 1);
	ck_assert_int_ne(hf_restored_stat(&it, "").st_mtim.tv_sec, 1);

	it.how.target_name = NULL;
	ck_fails(HF_INVALID, hf_restore_run(&it.how, &file));
	it.how.target_name = "../new";
	ck_fails(HF_INVALID, hf_restore_run(&it.how, &file));
	hf_restored_end(&it);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restore");
	TCase *tests = hf_test_case(suite, "restore");

	tcase_add_loop_test(tests, a_tree_comes_back_as_it_was, 0, 2);
	tcase_add_loop_test(tests, many_files_in_many_folders_come_back, 0, 2);
	tcase_add_loop_test(tests, holes_stay_holes_and_zeros_stay_zeros, 0, 2);
	tcase_add_loop_test(tests, names_of_one_file_are_linked, 0, 2);
	tcase_add_loop_test(tests, a_thousand_levels_come_back, 0, 2);
	tcase_add_test(tests, read_only_folders_come_back_without_root);
	tcase_add_test(tests, a_device_without_root_is_told_and_the_rest_comes_back);
	tcase_add_loop_test(tests, what_is_there_stays_and_is_told, 0, 2);
	tcase_add_loop_test(tests, what_is_there_is_replaced_when_asked, 0, 2);
	tcase_add_loop_test(tests, a_damaged_file_is_told_and_not_left_half, 0, 2);
	tcase_add_loop_test(tests, a_damaged_folder_is_told_and_the_others_come_back, 0, 2);
	tcase_add_loop_test(tests, a_dry_run_counts_and_writes_nothing, 0, 2);
	tcase_add_loop_test(tests, one_entry_is_restored_under_the_name_it_is_given, 0, 2);
	return hf_test_run_suite(suite);
}
