/*
 * What is costly to make and serves one thread at a time: taken, given back, and kept for the next
 * who needs one. Any thread.
 */
#ifndef HF_BASE_IDLE_H
#define HF_BASE_IDLE_H

#include <pthread.h>
#include <stddef.h>

#define HF_MOST_IDLE 16

typedef void hf_idle_free_fn(void *thing);

struct hf_idle {
	hf_idle_free_fn *free_one;
	pthread_mutex_t lock; /* guards everything below */
	void *at[HF_MOST_IDLE];
	size_t n;
};

void hf_idle_init(struct hf_idle *idle, hf_idle_free_fn *free_one);
void hf_idle_release(struct hf_idle *idle); /* frees what was given back */
void *hf_idle_take(struct hf_idle *idle);   /* NULL: there is none, make one */
/* Takes it; frees it where enough are kept. */
void hf_idle_give(struct hf_idle *idle, void *thing);

#endif
