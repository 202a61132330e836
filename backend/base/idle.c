#include "backend/base/idle.h"

void hf_idle_init(struct hf_idle *idle, hf_idle_free_fn *free_one)
{
	idle->free_one = free_one;
	idle->n = 0;
	pthread_mutex_init(&idle->lock, NULL);
}

void hf_idle_release(struct hf_idle *idle)
{
	while (idle->n > 0)
		idle->free_one(idle->at[--idle->n]);
	pthread_mutex_destroy(&idle->lock);
}

void *hf_idle_take(struct hf_idle *idle)
{
	void *thing = NULL;

	pthread_mutex_lock(&idle->lock);
	if (idle->n > 0)
		thing = idle->at[--idle->n];
	pthread_mutex_unlock(&idle->lock);
	return thing;
}

void hf_idle_give(struct hf_idle *idle, void *thing)
{
	pthread_mutex_lock(&idle->lock);
	if (idle->n < HF_MOST_IDLE) {
		idle->at[idle->n++] = thing;
		thing = NULL;
	}
	pthread_mutex_unlock(&idle->lock);
	if (thing)
		idle->free_one(thing);
}
