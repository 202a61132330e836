#include "backend/base/talk.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <pty.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/time.h"
#include "tests/lib/test.h"

/* Each test runs in a process of its own, so it may give stderr away. */
static int catch_output(int fd)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], fd), fd);
	close(ends[1]);
	return ends[0];
}

/* What was written so far; there must be something. */
static const char *caught(int fd)
{
	static char text[4096];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	return text;
}

START_TEST(a_line_is_the_message_and_its_pairs)
{
	int from;

	unsetenv("JOURNAL_STREAM");
	from = catch_output(STDERR_FILENO);
	errno = ENOTTY;
	hf_log(HF_WARN, "pack vanished", "pack", "3f", "path", "a b\n\"c\"", "empty", "", NULL);
	hf_log(HF_INFO, "ready", NULL);

	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_str_eq(caught(from),
		"warning: pack vanished pack=3f path=\"a b\\\\x0a\\\"c\\\"\" empty=\"\"\nready\n");
}
END_TEST

START_TEST(what_is_below_the_lowest_level_is_not_said)
{
	int from;

	unsetenv("JOURNAL_STREAM");
	from = catch_output(STDERR_FILENO);
	hf_log(HF_DEBUG, "one", NULL);
	hf_log_setup(HF_ERROR, HF_LOG_TEXT);
	hf_log(HF_WARN, "two", NULL);
	hf_log(HF_ERROR, "three", NULL);
	hf_log_setup(HF_DEBUG, HF_LOG_TEXT);
	hf_log(HF_DEBUG, "four", NULL);

	ck_assert_str_eq(caught(from), "error: three\ndebug: four\n");
}
END_TEST

START_TEST(the_journal_gets_the_priority_and_only_the_journal)
{
	int from = catch_output(STDERR_FILENO);
	struct stat stat_of;
	HF_FREED char *named = NULL;

	ck_assert_int_eq(fstat(STDERR_FILENO, &stat_of), 0);
	named = hf_format("%llu:%llu", (unsigned long long)stat_of.st_dev,
		(unsigned long long)stat_of.st_ino);
	setenv("JOURNAL_STREAM", named, 1);
	hf_log(HF_WARN, "one", "a", "b", NULL);
	setenv("JOURNAL_STREAM", "1:1", 1);
	hf_log(HF_WARN, "two", NULL);

	ck_assert_str_eq(caught(from), "<4>one a=b\nwarning: two\n");
}
END_TEST

START_TEST(a_json_line_is_json_whatever_the_value)
{
	int from = catch_output(STDERR_FILENO);
	json_t *line;

	hf_log_setup(HF_INFO, HF_LOG_JSON);
	hf_time_set(INT64_C(1795560600) * HF_NS_PER_S);
	hf_log(HF_ERROR, "it \"failed\"", "path", "\xff\\\n\"\xc3\xbc", "n", "5", NULL);

	line = json_loads(caught(from), 0, NULL);
	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(json_string_value(json_object_get(line, "time")), "2026-11-24T22:50:00Z");
	ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "error");
	ck_assert_str_eq(json_string_value(json_object_get(line, "message")), "it \"failed\"");
	ck_assert_str_eq(
		json_string_value(json_object_get(line, "path")), "\\xff\\\\x0a\"\xc3\xbc");
	ck_assert_str_eq(json_string_value(json_object_get(line, "n")), "5");
	json_decref(line);
}
END_TEST

static void *log_many(void *arg)
{
	for (int i = 0; i < 20; i++)
		hf_log(HF_INFO, arg, NULL);
	return NULL;
}

START_TEST(lines_of_many_threads_stay_whole)
{
	int from = catch_output(STDERR_FILENO);
	static char word[] = "abcdefg";
	pthread_t threads[4];
	size_t seen = 0;

	hf_log_setup(HF_INFO, HF_LOG_TEXT);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, word), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);

	for (const char *at = caught(from); *at; at += 8, seen++)
		ck_assert_int_eq(strncmp(at, "abcdefg\n", 8), 0);
	ck_assert_uint_eq(seen, 80);
}
END_TEST

START_TEST(progress_says_what_is_done_of_what_how_fast_and_how_long)
{
	struct hf_progress progress = {0};
	HF_RELEASED(hf_buf) out = {0};

	hf_progress_text("prune", &progress, 0, &out);
	ck_assert_str_eq(hf_buf_text(&out), "prune: 0 B");

	hf_buf_clear(&out);
	atomic_store(&progress.files, 12345);
	atomic_store(&progress.files_total, 1066984);
	atomic_store(&progress.bytes, UINT64_C(6) << 28);
	atomic_store(&progress.bytes_total, UINT64_C(10) << 28);
	atomic_store(&progress.failed, 2);
	hf_progress_text("backup", &progress, UINT64_C(300) << 20, &out);
	ck_assert_str_eq(hf_buf_text(&out),
		"backup: 12,345 of 1,066,984 files, 1.5 of 2.5 GiB, "
		"300 MiB/s, 4s left, 2 failed");

	hf_buf_clear(&out);
	atomic_store(&progress.files_total, 0);
	atomic_store(&progress.bytes, 512);
	hf_progress_text("backup", &progress, 0, &out);
	ck_assert_str_eq(hf_buf_text(&out), "backup: 12,345 files, 512 B of 2.5 GiB, 2 failed");
}
END_TEST

START_TEST(a_terminal_shows_the_line_below_the_log_and_is_clean_after)
{
	struct hf_progress progress = {0};
	struct winsize size = {.ws_row = 24, .ws_col = 24};
	struct hf_painter *painter;
	int master, slave;

	unsetenv("JOURNAL_STREAM");
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &size), 0);
	dup2(slave, STDERR_FILENO);
	atomic_store(&progress.files, 1234567);

	painter = hf_painter_start("backup", &progress, false);
	/* as wide as the terminal, less one */
	ck_assert_str_eq(caught(master), "\r\x1b[Kbackup: 1,234,567 files");
	hf_painter_stop(painter);
	hf_log(HF_INFO, "hello", NULL);

	ck_assert_ptr_nonnull(strstr(caught(master), "\r\x1b[K"));
}
END_TEST

START_TEST(without_a_terminal_nothing_is_painted)
{
	struct hf_progress progress = {0};

	catch_output(STDERR_FILENO);
	ck_assert_ptr_null(hf_painter_start("backup", &progress, false));
	hf_painter_stop(NULL);
}
END_TEST

START_TEST(a_program_reads_progress_as_json)
{
	struct hf_progress progress = {0};
	struct hf_painter *painter;
	int from = catch_output(STDOUT_FILENO);
	json_t *line;

	atomic_store(&progress.bytes_total, 100);
	atomic_store(&progress.stored, 7);
	painter = hf_painter_start("backup", &progress, true);
	line = json_loads(caught(from), 0, NULL);
	hf_painter_stop(painter);

	ck_assert_ptr_nonnull(line);
	ck_assert_str_eq(json_string_value(json_object_get(line, "type")), "progress");
	ck_assert_str_eq(json_string_value(json_object_get(line, "verb")), "backup");
	ck_assert_int_eq(json_integer_value(json_object_get(line, "bytes_total")), 100);
	ck_assert_int_eq(json_integer_value(json_object_get(line, "stored")), 7);
	json_decref(line);
}
END_TEST

HF_TEST_MAIN("talk", a_line_is_the_message_and_its_pairs,
	what_is_below_the_lowest_level_is_not_said,
	the_journal_gets_the_priority_and_only_the_journal, a_json_line_is_json_whatever_the_value,
	lines_of_many_threads_stay_whole, progress_says_what_is_done_of_what_how_fast_and_how_long,
	a_terminal_shows_the_line_below_the_log_and_is_clean_after,
	without_a_terminal_nothing_is_painted, a_program_reads_progress_as_json)
