/*
 * A ring of slots, and three counters that only grow:
 *
 *      head            next            tail
 *       | being worked  |   waiting     |
 *   ....[d][r][d][r][r] [q][q][q][q][q] ......     d done   r running   q queued
 *       owner delivers   workers take   owner submits
 *
 * Workers take in submission order, so all that is taken after a failed job was submitted after it:
 * such work need not be done, and the failure that is delivered first is the same for any timing.
 */
#include "backend/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/base/buf.h"
#include "backend/base/fd.h"

struct slot {
	void *job;
	struct hf_error *err;
	bool ready;
};

struct hf_pool {
	const struct hf_pool_ops *ops;
	pthread_t *threads;
	unsigned workers, window;
	bool delivering; /* owner only */
	bool failed;     /* owner only: the first failure was given, the rest is dropped */

	pthread_mutex_t lock;      /* for all below */
	pthread_cond_t queued;     /* for workers */
	pthread_cond_t head_ready; /* for the owner */
	struct slot *slots;
	uint64_t head, next, tail;
	bool useless; /* something failed: what is taken from now on is not worked on */
	bool closing;
};

hf_err hf_stop_check(const struct hf_stop *stop)
{
	if (stop && atomic_load_explicit(&stop->raised, memory_order_relaxed))
		return hf_error_new(HF_CANCELLED, "interrupted");
	return NULL;
}

static struct slot *slot_at(struct hf_pool *pool, uint64_t i)
{
	return &pool->slots[i % pool->window];
}

/* Takes and works on one job; the lock is held before and after. */
static void work_on_next(struct hf_pool *pool)
{
	uint64_t mine = pool->next++;
	struct slot *slot = slot_at(pool, mine);
	struct hf_error *err = NULL;

	if (!pool->useless) {
		void *job = slot->job;

		pthread_mutex_unlock(&pool->lock);
		err = pool->ops->work(job);
		pthread_mutex_lock(&pool->lock);
	}
	slot->err = err;
	slot->ready = true;
	if (err)
		pool->useless = true;
	if (mine == pool->head)
		pthread_cond_signal(&pool->head_ready);
}

static void *worker(void *arg)
{
	struct hf_pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->closing) {
		if (pool->next == pool->tail)
			pthread_cond_wait(&pool->queued, &pool->lock);
		else
			work_on_next(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static hf_err start_threads(struct hf_pool *pool, unsigned workers)
{
	sigset_t all, before;
	int number = 0;

	/* Signals are the owner's: a handler on a worker would interrupt nothing that waits. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!number && pool->workers < workers) {
		number = pthread_create(&pool->threads[pool->workers], NULL, worker, pool);
		pool->workers += !number;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (number)
		return hf_error_new(HF_LOCAL, "starting %u threads: %s", workers, strerror(number));
	return NULL;
}

hf_err hf_pool_new(
	const struct hf_pool_ops *ops, unsigned workers, unsigned window, struct hf_pool **out)
{
	HF_OWNED(hf_pool) pool = hf_calloc(1, sizeof(*pool));

	pool->ops = ops;
	pool->window = HF_MAX(window, 1u);
	pool->slots = hf_calloc(pool->window, sizeof(*pool->slots));
	pool->threads = hf_calloc(workers, sizeof(*pool->threads));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->queued, NULL);
	pthread_cond_init(&pool->head_ready, NULL);
	HF_TRY(start_threads(pool, workers));
	*out = HF_STEAL(pool);
	return NULL;
}

/* What happens to one job whose work gave err: its end, and the pool's if it is a failure. */
static hf_err finish(struct hf_pool *pool, void *job, struct hf_error *err)
{
	if (pool->failed) {
		hf_error_free(err); /* the first failure is the one that counts */
		pool->ops->drop(job);
		return NULL;
	}
	if (err) {
		pool->ops->drop(job);
	} else {
		pool->delivering = true;
		err = pool->ops->done(job);
		pool->delivering = false;
	}
	pool->failed = err != NULL;
	return err;
}

/* Delivers until at most `left` jobs are under way; beyond that only what is ready. */
static hf_err deliver(struct hf_pool *pool, uint64_t left)
{
	struct hf_error *first = NULL;

	pthread_mutex_lock(&pool->lock);
	while (pool->head < pool->tail) {
		struct slot *slot = slot_at(pool, pool->head), taken;
		struct hf_error *err;

		if (!slot->ready && pool->tail - pool->head <= left)
			break;
		if (!slot->ready) {
			pthread_cond_wait(&pool->head_ready, &pool->lock);
			continue;
		}
		taken = *slot;
		*slot = (struct slot){0};
		pool->head++;
		pthread_mutex_unlock(&pool->lock);
		err = finish(pool, taken.job, taken.err);
		pthread_mutex_lock(&pool->lock);
		if (err) {
			/* The rest is dropped now: no worker touches a job after the failure was
			 * given. */
			pool->useless = true;
			left = 0;
			first = err;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return first;
}

static hf_err check_usable(const struct hf_pool *pool)
{
	if (pool->delivering)
		return hf_error_new(HF_BUG, "a pool is used while it delivers");
	if (pool->failed)
		return hf_error_new(HF_CANCELLED, "an earlier job failed");
	return NULL;
}

static hf_err submit_serially(struct hf_pool *pool, void *job)
{
	return finish(pool, job, pool->ops->work(job));
}

static void enqueue(struct hf_pool *pool, void *job)
{
	pthread_mutex_lock(&pool->lock);
	slot_at(pool, pool->tail++)->job = job;
	pthread_cond_signal(&pool->queued);
	pthread_mutex_unlock(&pool->lock);
}

hf_err hf_pool_submit(struct hf_pool *pool, void *job)
{
	struct hf_error *err = check_usable(pool);

	if (!err && !pool->workers)
		return submit_serially(pool, job);
	if (!err)
		err = deliver(pool, pool->window - 1);
	if (err) {
		pool->ops->drop(job);
		return err;
	}
	enqueue(pool, job);
	return NULL;
}

hf_err hf_pool_poll(struct hf_pool *pool)
{
	HF_TRY(check_usable(pool));
	return deliver(pool, pool->window);
}

hf_err hf_pool_drain(struct hf_pool *pool)
{
	HF_TRY(check_usable(pool));
	return deliver(pool, 0);
}

void hf_pool_free(struct hf_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	pthread_cond_broadcast(&pool->queued);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->workers; i++)
		pthread_join(pool->threads[i], NULL);

	for (; pool->head < pool->tail; pool->head++) {
		struct slot *slot = slot_at(pool, pool->head);

		hf_error_free(slot->err); /* nobody asked for the result any more */
		pool->ops->drop(slot->job);
	}
	pthread_cond_destroy(&pool->head_ready);
	pthread_cond_destroy(&pool->queued);
	pthread_mutex_destroy(&pool->lock);
	free(pool->threads);
	free(pool->slots);
	free(pool);
}

/* What the container's quota allows, in whole processors; UINT_MAX: no quota. */
static unsigned quota(void)
{
	HF_RELEASED(hf_buf) text = {0};
	struct hf_error *err = hf_file_read("/sys/fs/cgroup/cpu.max", 4096, &text);
	unsigned long long granted, period;

	hf_error_free(err); /* no such file: no quota */
	if (sscanf(hf_buf_text(&text), "%llu %llu", &granted, &period) != 2 || !period)
		return UINT32_MAX;
	return (unsigned)HF_MIN((granted + period - 1) / period, UINT32_MAX);
}

unsigned hf_cpus(void)
{
	cpu_set_t mine;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = online > 0 ? (unsigned)online : 1;

	if (sched_getaffinity(0, sizeof(mine), &mine) == 0)
		n = (unsigned)CPU_COUNT(&mine);
	n = HF_MIN(n, quota());
	return HF_MAX(n, 1u);
}
