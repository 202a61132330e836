/*
 * What every test program uses: assertions on errors that print the whole sentence, a seed that can
 * be repeated, a folder of its own, and main().
 */
#ifndef HF_TESTS_LIB_TEST_H
#define HF_TESTS_LIB_TEST_H

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/base/error.h"
#include "tests/lib/seed.h"

/* The call must succeed; its error is printed. */
#define ck_ok(call) hf_test_ok((call), #call, __FILE__, __LINE__)
/* The call must fail with this kind. ck_fails_with() also wants a piece of the text. */
#define ck_fails(kind, call) hf_test_fails((call), (kind), "", #call, __FILE__, __LINE__)
#define ck_fails_with(kind, part, call) \
	hf_test_fails((call), (kind), (part), #call, __FILE__, __LINE__)

void hf_test_ok(struct hf_error *err, const char *call, const char *file, int line);
void hf_test_fails(struct hf_error *err, enum hf_error_kind kind, const char *part,
	const char *call, const char *file, int line);

/* A new empty folder under TMPDIR; ends with hf_test_dir_free(), which removes all in it. */
char *hf_test_dir(void);
void hf_test_dir_free(char *dir);
/* "dir/name"; free() it. */
char *hf_test_path(const char *dir, const char *name);

/* The test is not for this machine: prints why and ends the program with 77. Before any test runs.
 */
void hf_test_skip(const char *why) HF_NORETURN;

/* TEST_MAIN("buf", test_a, test_b): runs each in a process of its own. */
#define HF_TEST_MAIN(name, ...) \
	int main(void) \
	{ \
		const TTest *const tests[] = {__VA_ARGS__}; \
\
		return hf_test_run((name), tests, ARRAY_LEN(tests)); \
	}

int hf_test_run(const char *name, const TTest *const *tests, size_t n);
/* For suites with loops and fixtures: tcases made by hf_test_case() have a timeout that fits ASan.
 */
TCase *hf_test_case(Suite *suite, const char *name);
int hf_test_run_suite(Suite *suite);

#endif
