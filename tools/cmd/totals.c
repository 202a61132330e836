#include "tools/cmd/totals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/base/buf.h"

struct hf_totals {
	struct hf_walk_options walk;
	struct hf_progress *progress;
	struct hf_stop stop;
	pthread_t thread;
};

static hf_err count(struct hf_totals *totals)
{
	HF_OWNED(hf_feed) feed = NULL;
	struct hf_item *item;
	uint64_t files = 0, bytes = 0;

	HF_TRY(hf_walk_open(&totals->walk, &feed));
	for (bool ended = false; !ended;) {
		HF_TRY(feed->ops->next(feed, &item));
		ended = item->step == HF_STEP_END;
		files += item->step == HF_STEP_ENTRY;
		if (item->step == HF_STEP_ENTRY && item->entry.type == HF_REG)
			bytes += item->entry.size;
		feed->ops->done(feed, item);
	}
	atomic_store(&totals->progress->files_total, files);
	atomic_store(&totals->progress->bytes_total, bytes);
	return NULL;
}

static void *run(void *arg)
{
	hf_error_free(count(arg)); /* the backup's own walk meets it too, and tells */
	return NULL;
}

struct hf_totals *hf_totals_start(const struct hf_walk_options *walk, struct hf_progress *progress)
{
	struct hf_totals *totals = hf_calloc(1, sizeof(*totals));
	sigset_t all, before;

	totals->walk = *walk;
	totals->walk.stop = &totals->stop;
	totals->progress = progress;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	const int failed = pthread_create(&totals->thread, NULL, run, totals);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failed)
		return totals;
	free(totals); /* a backup without totals is better than none */
	return NULL;
}

void hf_totals_stop(struct hf_totals *totals)
{
	if (!totals)
		return;
	atomic_store(&totals->stop.raised, 1);
	pthread_join(totals->thread, NULL);
	free(totals);
}
