/* Whatever a repository says, and whatever is planted in the target: nothing outside of it changes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/restored.h"
#include "tests/lib/test.h"

static struct hf_restored it;

/* What nobody may touch: a file with a known content, mode and time, and nothing beside it. */
static void setup(void)
{
	const struct timespec times[2] = {{.tv_sec = 77}, {.tv_sec = 77}};
	HF_FREED char *mine = NULL;

	hf_restored_init(&it, 2);
	hf_restored_put(it.outside, "mine", "untouched");
	mine = hf_test_path(it.outside, "mine");
	ck_assert_int_eq(chmod(mine, 0600), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, mine, times, 0), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, it.outside, times, 0), 0);
	ck_assert_int_eq(mkdir(it.to, 0755), 0);
}

static void check_outside(void)
{
	ck_assert_uint_eq(hf_restored_count(it.outside), 1);
	ck_assert_uint_eq(hf_restored_stat(&it, "../outside/mine").st_mode, S_IFREG | 0600);
	ck_assert_int_eq(hf_restored_stat(&it, "../outside/mine").st_mtim.tv_sec, 77);
	ck_assert_uint_eq(hf_restored_stat(&it, "../outside/mine").st_nlink, 1);
	ck_assert_int_eq(hf_restored_stat(&it, "../outside").st_mtim.tv_sec, 77);
	hf_restored_is(&it, "../outside/mine", hf_span_str("untouched"));
	/* "to" and "outside": nothing came beside them either. */
	ck_assert_uint_eq(hf_restored_count(it.area), 2);
}

static void teardown(void)
{
	hf_restored_end(&it);
}

static void replace_all(struct hf_buf *bytes, const char *from, const char *to)
{
	size_t len = strlen(from);

	ck_assert_uint_eq(len, strlen(to));
	for (size_t i = 0; i + len <= bytes->len; i++)
		if (memcmp(bytes->at + i, from, len) == 0)
			memcpy(bytes->at + i, to, len);
}

/* A directory with a file in it, whose name is replaced in the stored bytes by one of the same
 * length. */
static struct hf_entry forged_dir(const char *name, const char *honest, const char *forged)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	struct hf_entry inner[2];
	HF_RELEASED(hf_buf) bytes = {0};

	inner[0] = hf_stored_file(&it.tree, "ordinary", hf_span_str("content"));
	inner[1] = hf_stored_file(&it.tree, honest, hf_span_str("escaped"));
	ck_ok(hf_dir_builder_add(builder, &inner[0]));
	ck_ok(hf_dir_builder_add(builder, &inner[1]));
	hf_dir_builder_finish(builder, &bytes);
	replace_all(&bytes, honest, forged);
	return hf_stored_raw_dir(&it.tree, name, hf_buf_span(&bytes));
}

static const struct {
	const char *honest, *forged;
} forged_names[] = {
	{"qq", ".."},
	{"q", "."},
	{"q", "/"},
	{"qqqqqqqqqqqqqqq", "../outside/mine"},
	{"qqqqqqqqqqqqqqqq", "../outside/other"},
	{"qqqqqqqqqqq", "/etc/passwd"},
	{"qq", "q/"},
};

START_TEST(forged_names_lead_nowhere)
{
	struct hf_entry dirs[2], root;

	dirs[0] = forged_dir("dir", forged_names[_i].honest, forged_names[_i].forged);
	dirs[1] = hf_stored_file(&it.tree, "good", hf_span_str("content"));
	root = hf_stored_dir(&it.tree, "", dirs, 2);
	hf_stored_publish(&it.tree);

	it.how.reader = it.tree.reader;
	it.how.overwrite = true;
	ck_fails(HF_CORRUPT, hf_restore_run(&it.how, &root));

	ck_assert(hf_restored_told(&it, "dir", HF_CORRUPT));
	hf_restored_is(&it, "good", hf_span_str("content"));
	check_outside();
}
END_TEST

/* The oldest trick: a link, then a directory of the same name with a file in it. */
START_TEST(a_name_that_comes_twice_is_refused)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	struct hf_entry file, entries[2], root;
	HF_RELEASED(hf_buf) bytes = {0};

	file = hf_stored_file(&it.tree, "mine", hf_span_str("escaped"));
	entries[0] = hf_stored_link(&it.tree, "linka", it.outside);
	entries[1] = hf_stored_dir(&it.tree, "linkb", &file, 1);
	ck_ok(hf_dir_builder_add(builder, &entries[0]));
	ck_ok(hf_dir_builder_add(builder, &entries[1]));
	hf_dir_builder_finish(builder, &bytes);
	/* The second name stands as what it shares with the first (4 bytes) and the rest. */
	for (size_t i = 2; i < bytes.len; i++)
		if (bytes.at[i] == 'b' && bytes.at[i - 1] == 1 && bytes.at[i - 2] == 4)
			bytes.at[i] = 'a';
	root = hf_stored_raw_dir(&it.tree, "", hf_buf_span(&bytes));
	hf_stored_publish(&it.tree);

	it.how.reader = it.tree.reader;
	it.how.overwrite = true;
	ck_fails(HF_CORRUPT, hf_restore_run(&it.how, &root));
	check_outside();
}
END_TEST

static struct hf_entry tree_with_a_folder(void)
{
	struct hf_entry files[2], dir;

	files[0] = hf_stored_file(&it.tree, "mine", hf_span_str("restored"));
	files[1] = hf_stored_special(&it.tree, "other", HF_FIFO);
	dir = hf_stored_dir(&it.tree, "folder", files, 2);
	dir.mode = 0700;
	return hf_stored_dir(&it.tree, "", &dir, 1);
}

START_TEST(a_link_in_place_of_a_folder_is_not_followed)
{
	struct hf_entry root = tree_with_a_folder();
	HF_FREED char *link = hf_test_path(it.to, "folder");

	hf_stored_publish(&it.tree);
	ck_assert_int_eq(symlink(it.outside, link), 0);
	it.how.reader = it.tree.reader;
	ck_fails(HF_PARTIAL, hf_restore_run(&it.how, &root));
	ck_assert(hf_restored_told(&it, "folder", HF_EXISTS));
	check_outside();

	it.how.overwrite = true;
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert(S_ISDIR(hf_restored_stat(&it, "folder").st_mode));
	hf_restored_is(&it, "folder/mine", hf_span_str("restored"));
	check_outside();
}
END_TEST

START_TEST(a_link_in_place_of_a_file_is_not_written_through)
{
	struct hf_entry root = tree_with_a_folder();
	HF_FREED char *folder = hf_test_path(it.to, "folder");
	HF_FREED char *link = hf_test_path(folder, "mine"), *other = hf_test_path(folder, "other");
	HF_FREED char *victim = hf_test_path(it.outside, "mine");

	hf_stored_publish(&it.tree);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(symlink(victim, link), 0);
	ck_assert_int_eq(symlink(victim, other), 0);
	it.how.reader = it.tree.reader;
	ck_fails(HF_PARTIAL, hf_restore_run(&it.how, &root));
	ck_assert(hf_restored_told(&it, "folder/mine", HF_EXISTS));
	check_outside();

	it.how.overwrite = true;
	ck_ok(hf_restore_run(&it.how, &root));
	hf_restored_is(&it, "folder/mine", hf_span_str("restored"));
	ck_assert(S_ISFIFO(hf_restored_stat(&it, "folder/other").st_mode));
	check_outside();
}
END_TEST

/* While a worker waits for a chunk, somebody moves the folder away and plants a link in its place.
 */
static struct hf_error *plant(void *arg, enum hf_store_call call, const char *name)
{
	HF_FREED char *folder = hf_test_path(it.to, "folder"), *away = hf_test_path(it.to, "away");

	(void)arg;
	(void)name;
	if (call == HF_CALL_GET && rename(folder, away) == 0)
		ck_assert_int_eq(symlink(it.outside, folder), 0);
	return NULL;
}

START_TEST(a_link_planted_meanwhile_is_not_followed)
{
	struct hf_entry root = tree_with_a_folder();

	hf_stored_publish(&it.tree);
	it.how.reader = it.tree.reader;
	hf_mem_hook(it.tree.mem, plant, NULL);
	/* Through the descriptor that it has, all goes into the folder that was moved. */
	ck_ok(hf_restore_run(&it.how, &root));
	ck_assert(S_ISLNK(hf_restored_stat(&it, "folder").st_mode));
	hf_restored_is(&it, "away/mine", hf_span_str("restored"));
	check_outside();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("restore_hostile");
	TCase *tests = hf_test_case(suite, "restore_hostile");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, forged_names_lead_nowhere, 0, ARRAY_LEN(forged_names));
	tcase_add_test(tests, a_name_that_comes_twice_is_refused);
	tcase_add_test(tests, a_link_in_place_of_a_folder_is_not_followed);
	tcase_add_test(tests, a_link_in_place_of_a_file_is_not_written_through);
	tcase_add_test(tests, a_link_planted_meanwhile_is_not_followed);
	return hf_test_run_suite(suite);
}
