#include "backend/base/pool.h"

#include <sched.h>

#include "backend/base/buf.h"
#include "tests/lib/test.h"

#define JOBS 2000u

/* What one run of the pool did. Only the owner's thread touches it, but for the atomics. */
struct log {
	uint32_t delivered[JOBS];
	unsigned n_delivered, n_dropped;
	unsigned fail_work, fail_done; /* which job fails, JOBS: none */
	atomic_uint under_way, most_under_way, n_worked;
};

struct job {
	struct log *log;
	unsigned number;
	uint64_t result;
};

static hf_err work(void *arg)
{
	struct job *job = arg;
	uint64_t state = job->number;

	/* Jobs take different times, so that they end out of order. */
	for (unsigned i = 0; i < job->number % 7 * 200; i++)
		hf_test_random(&state);
	if (job->number % 13 == 0)
		sched_yield();
	job->result = state;
	atomic_fetch_add(&job->log->n_worked, 1);
	if (job->number == job->log->fail_work)
		return hf_error_new(HF_CORRUPT, "work %u", job->number);
	return NULL;
}

static hf_err done(void *arg)
{
	struct job *job = arg;
	struct log *log = job->log;
	unsigned number = job->number;

	log->delivered[log->n_delivered++] = number;
	atomic_fetch_sub(&log->under_way, 1);
	free(job);
	if (number == log->fail_done)
		return hf_error_new(HF_SYSTEM, "done %u", number);
	return NULL;
}

static void drop(void *arg)
{
	struct job *job = arg;

	job->log->n_dropped++;
	atomic_fetch_sub(&job->log->under_way, 1);
	free(job);
}

static const struct hf_pool_ops ops = {.work = work, .done = done, .drop = drop};

static struct job *job_of(struct log *log, unsigned number)
{
	struct job *job = hf_calloc(1, sizeof(*job));
	unsigned under_way = atomic_fetch_add(&log->under_way, 1) + 1;

	*job = (struct job){.log = log, .number = number};
	if (under_way > log->most_under_way)
		log->most_under_way = under_way;
	return job;
}

static struct log *log_of(unsigned fail_work, unsigned fail_done)
{
	struct log *log = hf_calloc(1, sizeof(*log));

	log->fail_work = fail_work;
	log->fail_done = fail_done;
	return log;
}

static hf_err run(struct log *log, unsigned workers, unsigned window)
{
	HF_OWNED(hf_pool) pool = NULL;

	HF_TRY(hf_pool_new(&ops, workers, window, &pool));
	for (unsigned i = 0; i < JOBS; i++) {
		HF_TRY(hf_pool_submit(pool, job_of(log, i)));
		if (i % 100 == 0)
			HF_TRY(hf_pool_poll(pool));
	}
	return hf_pool_drain(pool);
}

static const unsigned windows[] = {1, 2, 5, 64, JOBS * 2};

START_TEST(jobs_come_back_in_the_order_of_submission)
{
	for (unsigned w = 0; w < ARRAY_LEN(windows); w++) {
		HF_FREED struct log *log = log_of(JOBS, JOBS);

		ck_ok(run(log, (unsigned)_i, windows[w]));

		ck_assert_uint_eq(log->n_delivered, JOBS);
		ck_assert_uint_eq(log->n_dropped, 0);
		for (unsigned i = 0; i < JOBS; i++)
			ck_assert_uint_eq(log->delivered[i], i);
	}
}
END_TEST

START_TEST(no_more_than_the_window_is_under_way)
{
	for (unsigned w = 0; w < ARRAY_LEN(windows); w++) {
		HF_FREED struct log *log = log_of(JOBS, JOBS);

		ck_ok(run(log, (unsigned)_i, windows[w]));

		/* and the one in the submitter's hand */
		ck_assert_uint_le(log->most_under_way, windows[w] + 1);
	}
}
END_TEST

START_TEST(the_first_failure_of_work_is_given_and_all_behind_it_is_dropped)
{
	for (unsigned w = 0; w < ARRAY_LEN(windows); w++) {
		HF_FREED struct log *log = log_of(777, JOBS);

		ck_fails_with(HF_CORRUPT, "work 777", run(log, (unsigned)_i, windows[w]));

		ck_assert_uint_eq(log->n_delivered, 777);
		ck_assert_uint_eq(log->under_way, 0);
	}
}
END_TEST

START_TEST(a_failure_of_done_ends_the_pool_too)
{
	for (unsigned w = 0; w < ARRAY_LEN(windows); w++) {
		HF_FREED struct log *log = log_of(JOBS, 500);

		ck_fails_with(HF_SYSTEM, "done 500", run(log, (unsigned)_i, windows[w]));

		ck_assert_uint_eq(log->n_delivered, 501);
		ck_assert_uint_eq(log->under_way, 0);
	}
}
END_TEST

START_TEST(after_a_failure_every_call_says_so_and_drops)
{
	HF_FREED struct log *log = log_of(0, JOBS);
	HF_OWNED(hf_pool) pool = NULL;

	ck_ok(hf_pool_new(&ops, (unsigned)_i, 4, &pool));
	hf_error_free(hf_pool_submit(pool, job_of(log, 0))); /* the serial twin fails here */
	hf_error_free(hf_pool_drain(pool));                  /* and the others here */

	ck_fails(HF_CANCELLED, hf_pool_submit(pool, job_of(log, 1)));
	ck_fails(HF_CANCELLED, hf_pool_poll(pool));
	ck_fails(HF_CANCELLED, hf_pool_drain(pool));
	ck_assert_uint_eq(log->n_dropped, 2);
	ck_assert_uint_eq(log->under_way, 0);
}
END_TEST

START_TEST(a_pool_that_is_freed_early_drops_what_was_not_delivered)
{
	HF_FREED struct log *log = log_of(JOBS, JOBS);
	struct hf_pool *pool;

	ck_ok(hf_pool_new(&ops, (unsigned)_i, 1000, &pool));
	for (unsigned i = 0; i < 1000; i++)
		ck_ok(hf_pool_submit(pool, job_of(log, i)));
	hf_pool_free(pool);

	ck_assert_uint_eq(log->n_delivered + log->n_dropped, 1000);
	ck_assert_uint_eq(log->under_way, 0);
}
END_TEST

static struct hf_pool *nested_pool;

static hf_err submits(void *job)
{
	return hf_pool_submit(nested_pool, job);
}

static hf_err works_not(void *job)
{
	(void)job;
	return NULL;
}

static void drops_not(void *job)
{
	(void)job;
}

START_TEST(done_may_not_submit)
{
	static const struct hf_pool_ops nested = {
		.work = works_not, .done = submits, .drop = drops_not};
	struct hf_error *err;
	int job;

	ck_ok(hf_pool_new(&nested, (unsigned)_i, 4, &nested_pool));
	err = hf_pool_submit(nested_pool, &job);
	if (!err)
		err = hf_pool_drain(nested_pool);

	ck_fails(HF_BUG, err);
	hf_pool_free(nested_pool);
}
END_TEST

START_TEST(an_unused_pool_ends_at_once)
{
	struct hf_pool *pool;

	ck_ok(hf_pool_new(&ops, (unsigned)_i, 4, &pool));
	ck_ok(hf_pool_poll(pool));
	ck_ok(hf_pool_drain(pool));
	hf_pool_free(pool);
	hf_pool_free(NULL);
}
END_TEST

START_TEST(a_raised_stop_cancels)
{
	struct hf_stop stop = {0};

	ck_ok(hf_stop_check(NULL));
	ck_ok(hf_stop_check(&stop));
	atomic_store(&stop.raised, 1);
	ck_fails(HF_CANCELLED, hf_stop_check(&stop));
	ck_assert_uint_ge(hf_cpus(), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pool");
	TCase *pools = hf_test_case(suite, "pool");
	const TTest *const each_number_of_workers[] = {jobs_come_back_in_the_order_of_submission,
		no_more_than_the_window_is_under_way,
		the_first_failure_of_work_is_given_and_all_behind_it_is_dropped,
		a_failure_of_done_ends_the_pool_too, after_a_failure_every_call_says_so_and_drops,
		a_pool_that_is_freed_early_drops_what_was_not_delivered, done_may_not_submit,
		an_unused_pool_ends_at_once};

	for (size_t i = 0; i < ARRAY_LEN(each_number_of_workers); i++)
		tcase_add_loop_test(pools, each_number_of_workers[i], 0, 5);
	tcase_add_test(pools, a_raised_stop_cancels);
	return hf_test_run_suite(suite);
}
