#include "backend/base/process.h"

#include <signal.h>
#include <stdlib.h>

#include "tests/lib/test.h"

#define LARGE (1024u * 1024)

static hf_err run_shell(const char *script, struct hf_span input, size_t max, struct hf_buf *out)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	return hf_process_run(argv, input, max, out);
}

START_TEST(what_goes_in_comes_out)
{
	const char *const argv[] = {"cat", NULL};
	HF_RELEASED(hf_buf) large = {0};
	HF_RELEASED(hf_buf) out = {0};

	memset(hf_buf_grow(&large, LARGE), 'x', LARGE);
	ck_ok(hf_process_run(argv, hf_buf_span(&large), LARGE, &out));
	ck_assert(hf_span_equal(hf_buf_span(&large), hf_buf_span(&out)));
}
END_TEST

START_TEST(output_is_appended)
{
	HF_RELEASED(hf_buf) out = {0};

	hf_buf_add(&out, "a", 1);
	ck_ok(run_shell("printf b", hf_span_str(""), 1, &out));
	ck_assert_str_eq(hf_buf_text(&out), "ab");
}
END_TEST

START_TEST(arguments_are_not_read_by_a_shell)
{
	const char *const argv[] = {"printf", "%s", "$HOME `id` 'x'", NULL};
	HF_RELEASED(hf_buf) out = {0};

	ck_ok(hf_process_run(argv, hf_span_str(""), 100, &out));
	ck_assert_str_eq(hf_buf_text(&out), "$HOME `id` 'x'");
}
END_TEST

START_TEST(too_much_output_is_refused_and_the_program_ended)
{
	HF_RELEASED(hf_buf) out = {0};

	hf_buf_add(&out, "kept", 4);
	ck_fails(HF_INVALID, run_shell("printf 12345", hf_span_str(""), 4, &out));
	ck_fails(HF_INVALID, run_shell("yes", hf_span_str(""), 100000, &out));
	ck_assert_str_eq(hf_buf_text(&out), "kept");
}
END_TEST

START_TEST(a_failure_tells_the_status_or_the_signal)
{
	const char *const missing[] = {"holdfast-no-such-program", NULL};
	HF_RELEASED(hf_buf) out = {0};

	ck_fails_with(HF_SYSTEM, "status 3", run_shell("exit 3", hf_span_str(""), 1, &out));
	ck_fails_with(HF_SYSTEM, "signal 9", run_shell("kill -9 $$", hf_span_str(""), 1, &out));
	ck_fails_with(HF_SYSTEM, missing[0], hf_process_run(missing, hf_span_str(""), 1, &out));
}
END_TEST

START_TEST(a_program_that_does_not_read_its_input_is_fine)
{
	HF_RELEASED(hf_buf) large = {0};
	HF_RELEASED(hf_buf) out = {0};

	memset(hf_buf_grow(&large, LARGE), 'x', LARGE);
	ck_ok(run_shell("exec 0<&-; echo done", hf_buf_span(&large), 100, &out));
	ck_assert_str_eq(hf_buf_text(&out), "done\n");
	/* and SIGPIPE is as it was: neither pending nor blocked */
	signal(SIGPIPE, SIG_DFL);
	ck_ok(run_shell("true", hf_span_str(""), 1, &out));
}
END_TEST

START_TEST(the_program_starts_with_the_usual_signals)
{
	HF_RELEASED(hf_buf) out = {0};
	sigset_t all;

	signal(SIGPIPE, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	ck_fails_with(HF_SYSTEM, "signal 13",
		run_shell("kill -PIPE $$; exit 0", hf_span_str(""), 1, &out));
	ck_fails_with(HF_SYSTEM, "signal 15",
		run_shell("kill -TERM $$; exit 0", hf_span_str(""), 1, &out));
}
END_TEST

HF_TEST_MAIN("process", what_goes_in_comes_out, output_is_appended,
	arguments_are_not_read_by_a_shell, too_much_output_is_refused_and_the_program_ended,
	a_failure_tells_the_status_or_the_signal, a_program_that_does_not_read_its_input_is_fine,
	the_program_starts_with_the_usual_signals)
