#include "backend/tree/intake.h"

#include <stdlib.h>

#include "backend/base/time.h"

#define BATCH_BYTES (1u << 20)
/* What an entry costs beside its bytes, in bytes that could be read meanwhile. */
#define ENTRY_COST (8u << 10)
/* The coarsest clock that a kernel stamps files by (100 Hz), and file systems that keep seconds. */
#define GRAIN (10 * INT64_C(1000000))
#define COARSE_GRAIN (2 * HF_NS_PER_S)

struct hf_intake {
	struct hf_intake_options options;
	struct hf_pool *pool;
	struct hf_batch *open; /* being filled; NULL */
	struct hf_batch *idle;
	struct hf_batch *ready, **ready_end; /* worked on, not consumed */
};

/* ---- a worker's part ---- */

static void close_file(struct hf_intake *intake, struct hf_event *event)
{
	struct hf_feed_file *file = HF_STEAL(event->file);
	bool changed = false;
	struct hf_error *err = intake->options.feed->ops->close(file, &changed);

	event->changed |= changed;
	if (event->error)
		hf_error_free(err); /* the first one tells more */
	else
		event->error = err;
}

static void add_run(struct hf_batch *batch, struct hf_event *event, uint64_t length, bool hole)
{
	struct hf_run_of *runs;

	if (event->n_runs > 0 && event->runs[event->n_runs - 1].hole == hole) {
		event->runs[event->n_runs - 1].length += length;
		return;
	}
	runs = hf_arena_alloc(&batch->arena, (event->n_runs + 1) * sizeof(*runs));
	if (event->n_runs > 0)
		memcpy(runs, event->runs, event->n_runs * sizeof(*runs));
	runs[event->n_runs++] = (struct hf_run_of){.length = length, .hole = hole};
	event->runs = runs;
}

/* Reads on; *end when there is no more. left: bytes that the file had when it was opened. */
static hf_err read_some(struct hf_batch *batch, struct hf_event *event, uint64_t *left, bool *end)
{
	const struct hf_feed_ops *ops = batch->intake->options.feed->ops;
	uint64_t hole = 0;
	size_t got = 0;

	hf_buf_reserve(&batch->bytes, (size_t)*left);
	HF_TRY(ops->read(
		event->file, batch->bytes.at + batch->bytes.len, (size_t)*left, &got, &hole));
	hole = HF_MIN(hole, *left);
	*end = got == 0 && hole == 0;
	if (got > 0)
		add_run(batch, event, got, false);
	if (hole > 0)
		add_run(batch, event, hole, true);
	hf_fingerprint_add(batch->fingerprint, hf_span(batch->bytes.at + batch->bytes.len, got));
	hf_fingerprint_skip(batch->fingerprint, hole);
	batch->bytes.len += got;
	*left -= got + hole;
	return NULL;
}

static void read_small(struct hf_batch *batch, struct hf_event *event)
{
	uint64_t left = event->item->entry.size;
	bool end = false;

	event->at = batch->bytes.len;
	while (left > 0 && !end && !event->error)
		event->error = read_some(batch, event, &left, &end);
	event->len = batch->bytes.len - event->at;
	hf_fingerprint_end(batch->fingerprint, event->fingerprint);
	/* It became shorter while it was read. */
	event->changed |= left > 0;
	event->item->entry.size -= left;
	if (event->n_runs == 1 && !event->runs[0].hole)
		event->n_runs = 0;
	close_file(batch->intake, event);
}

/* A write that comes after the read but in the same tick of the clock leaves no trace in stat. */
static bool is_doubtful(const struct hf_entry *entry)
{
	const int64_t grain = entry->ctime % HF_NS_PER_S == 0 ? COARSE_GRAIN : GRAIN;

	return entry->ctime > hf_time_now() - grain;
}

void hf_intake_open(struct hf_batch *batch, struct hf_event *event)
{
	struct hf_intake *intake = batch->intake;
	struct hf_feed *feed = intake->options.feed;

	event->error = hf_stop_check(intake->options.stop);
	if (event->error)
		return;
	event->error = feed->ops->open(feed, event->item, &batch->arena, &event->file);
	event->doubtful = is_doubtful(&event->item->entry);
	if (!event->error && event->file && event->item->entry.size < intake->options.small)
		read_small(batch, event);
}

static hf_err batch_work(void *job)
{
	struct hf_batch *batch = job;

	for (size_t i = 0; i < batch->n; i++) {
		if (batch->events[i].kind == HF_EVENT_OPEN)
			hf_intake_open(batch, &batch->events[i]);
	}
	return NULL;
}

/* ---- the owner's part ---- */

static hf_err batch_done(void *job)
{
	struct hf_batch *batch = job;
	struct hf_intake *intake = batch->intake;

	batch->next = NULL;
	*intake->ready_end = batch;
	intake->ready_end = &batch->next;
	return NULL;
}

static void event_end(struct hf_intake *intake, struct hf_event *event)
{
	if (event->file)
		close_file(intake, event);
	hf_error_free(event->error); /* its consumer told of it */
	if (event->item)
		intake->options.feed->ops->done(intake->options.feed, event->item);
	*event = (struct hf_event){0};
}

static void batch_end(struct hf_batch *batch)
{
	struct hf_intake *intake = batch->intake;

	for (size_t i = 0; i < batch->n; i++)
		event_end(intake, &batch->events[i]);
	batch->n = 0;
	batch->weight = 0;
	hf_arena_release(&batch->arena);
	hf_buf_clear(&batch->bytes);
	batch->next = intake->idle;
	intake->idle = batch;
}

static void batch_drop(void *job)
{
	batch_end(job);
}

static void batch_free(struct hf_batch *batch)
{
	hf_fingerprint_free(batch->fingerprint);
	hf_buf_release(&batch->bytes);
	free(batch);
}

static const struct hf_pool_ops batch_ops = {batch_work, batch_done, batch_drop};

hf_err hf_intake_new(const struct hf_intake_options *options, struct hf_intake **out)
{
	HF_OWNED(hf_intake) intake = hf_calloc(1, sizeof(*intake));

	intake->options = *options;
	intake->ready_end = &intake->ready;
	HF_TRY(hf_pool_new(&batch_ops, options->workers, 2 * options->workers + 2, &intake->pool));
	*out = HF_STEAL(intake);
	return NULL;
}

static struct hf_batch *take_ready(struct hf_intake *intake)
{
	struct hf_batch *batch = intake->ready;

	intake->ready = batch->next;
	if (!intake->ready)
		intake->ready_end = &intake->ready;
	return batch;
}

void hf_intake_free(struct hf_intake *intake)
{
	if (!intake)
		return;
	hf_pool_free(intake->pool);
	while (intake->ready)
		batch_end(take_ready(intake));
	if (intake->open)
		batch_end(intake->open);
	while (intake->idle) {
		struct hf_batch *batch = intake->idle;

		intake->idle = batch->next;
		batch_free(batch);
	}
	free(intake);
}

static hf_err consume(struct hf_intake *intake, struct hf_batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		struct hf_event *event = &batch->events[i];

		HF_TRY(intake->options.consume(intake->options.arg, batch, event));
		event_end(intake, event);
	}
	return NULL;
}

static hf_err consume_ready(struct hf_intake *intake)
{
	while (intake->ready) {
		struct hf_batch *batch = take_ready(intake);
		struct hf_error *err = consume(intake, batch);

		batch_end(batch);
		HF_TRY(err);
	}
	return NULL;
}

static struct hf_batch *take_idle(struct hf_intake *intake)
{
	struct hf_batch *batch = intake->idle;

	if (batch) {
		intake->idle = batch->next;
		return batch;
	}
	batch = hf_calloc(1, sizeof(*batch));
	batch->intake = intake;
	batch->fingerprint = hf_fingerprint_new(intake->options.secret);
	return batch;
}

static hf_err submit_open(struct hf_intake *intake)
{
	if (intake->open)
		HF_TRY(hf_pool_submit(intake->pool, HF_STEAL(intake->open)));
	return consume_ready(intake);
}

hf_err hf_intake_add(struct hf_intake *intake, const struct hf_event *event)
{
	struct hf_batch *batch;

	if (!intake->open)
		intake->open = take_idle(intake);
	batch = intake->open;
	batch->events[batch->n++] = *event;
	batch->weight += ENTRY_COST;
	if (event->kind == HF_EVENT_OPEN && event->item->entry.type == HF_REG)
		batch->weight += HF_MIN(event->item->entry.size, BATCH_BYTES);
	if (batch->n < HF_BATCH_EVENTS && batch->weight < BATCH_BYTES)
		return NULL;
	return submit_open(intake);
}

hf_err hf_intake_drain(struct hf_intake *intake)
{
	HF_TRY(submit_open(intake));
	HF_TRY(hf_pool_drain(intake->pool));
	return consume_ready(intake);
}
