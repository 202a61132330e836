/* Assertions, seeds and folders for tests. */
#include "tests/lib/test.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backend/base/buf.h"

/* Of one test, so that one that hangs is told. Under TSan all takes ten times as long. */
#ifdef __SANITIZE_THREAD__
#define TIMEOUT_S 300
#else
#define TIMEOUT_S 120
#endif

void hf_test_ok(struct hf_error *err, const char *call, const char *file, int line)
{
	if (err)
		_ck_assert_failed(file, line, call, "%s: %s", hf_error_word(hf_error_kind(err)),
			hf_error_text(err));
	mark_point();
}

void hf_test_fails(struct hf_error *err, enum hf_error_kind kind, const char *part,
	const char *call, const char *file, int line)
{
	if (!err)
		_ck_assert_failed(file, line, call, "it succeeded; wanted %s", hf_error_word(kind));
	if (hf_error_kind(err) != kind)
		_ck_assert_failed(file, line, call, "wanted %s, got %s: %s", hf_error_word(kind),
			hf_error_word(hf_error_kind(err)), hf_error_text(err));
	if (!strstr(hf_error_text(err), part))
		_ck_assert_failed(
			file, line, call, "wanted \"%s\" in: %s", part, hf_error_text(err));
	hf_error_free(err); /* it is the wanted one */
	mark_point();
}

char *hf_test_dir(void)
{
	const char *parent = getenv("TMPDIR");
	char *dir = hf_format("%s/holdfast-test.XXXXXX", parent ? parent : "/tmp");

	if (!mkdtemp(dir))
		ck_abort_msg("cannot make %s", dir);
	return dir;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

void hf_test_dir_free(char *dir)
{
	if (!dir)
		return;
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

char *hf_test_path(const char *dir, const char *name)
{
	return hf_format("%s/%s", dir, name);
}

void hf_test_skip(const char *why)
{
	printf("SKIP: %s\n", why);
	exit(77);
}

TCase *hf_test_case(Suite *suite, const char *name)
{
	TCase *tests = tcase_create(name);

	tcase_set_timeout(tests, TIMEOUT_S);
	suite_add_tcase(suite, tests);
	return tests;
}

int hf_test_run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

int hf_test_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *all = hf_test_case(suite, name);

	for (size_t i = 0; i < n; i++)
		tcase_add_test(all, tests[i]);
	return hf_test_run_suite(suite);
}
