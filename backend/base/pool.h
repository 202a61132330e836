/*
 * Pure work on many threads; results come back in submission order, on the owner's thread (the one
 * that made the pool: only it may call these). At most `window` jobs are under way: submit waits,
 * and delivers, when there are more. 0 workers is the serial twin: the same order, no threads.
 */
#ifndef HF_BASE_POOL_H
#define HF_BASE_POOL_H

#include <stdatomic.h>

#include "backend/base/error.h"

/* One per session: SIGINT or a failure raises it, feeds, pools and stores look at it. */
struct hf_stop {
	atomic_int raised;
};

hf_err hf_stop_check(const struct hf_stop *stop); /* HF_CANCELLED when raised; NULL ok */

/* done() must not use the pool: a serial one would nest a level for each job. */
struct hf_pool_ops {
	hf_err (*work)(void *job); /* any worker's thread, any order */
	hf_err (*done)(void *job); /* owner's thread, in submission order; takes the job */
	void (*drop)(void *job);   /* instead of done, after a failure or a stop */
};

struct hf_pool;

hf_err hf_pool_new(
	const struct hf_pool_ops *ops, unsigned workers, unsigned window, struct hf_pool **out);
/*
 * Takes the job, always. Gives the first failure, in submission order, of work or done; after it
 * all else was dropped, and every call gives HF_CANCELLED.
 */
hf_err hf_pool_submit(struct hf_pool *pool, void *job);
/* Delivers what is ready without waiting. */
hf_err hf_pool_poll(struct hf_pool *pool);
/* Waits for all and delivers them. */
hf_err hf_pool_drain(struct hf_pool *pool);
/* Drops what was not delivered, joins the threads. NULL ok. */
void hf_pool_free(struct hf_pool *pool);
HF_OWNABLE(hf_pool)

unsigned hf_cpus(void); /* that this process may use; at least 1 */

#endif
