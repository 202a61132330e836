/* What was opened is stored: small files into bundles, large ones cut. */
#include <stdlib.h>

#include "backend/format/cut.h"
#include "backend/tree/mix.h"
#include "backend/tree/run.h"

#define READ_STEP (1u << 20)
#define ADVANCE_AFTER 256u

void hf_run_count(struct hf_run *run, const struct hf_entry *entry)
{
	struct hf_backup_result *result = run->result;

	if (entry->type == HF_DIR) {
		result->dirs++; /* its xattrs are not known yet */
		return;
	}
	atomic_fetch_add_explicit(&run->progress->files, 1, memory_order_relaxed);
	result->with_xattrs += entry->n_xattrs > 0;
	if (entry->type != HF_REG) {
		result->others++;
		return;
	}
	result->files++;
	result->bytes += entry->size;
}

void hf_run_went_on(struct hf_run *run, uint64_t bytes)
{
	atomic_fetch_add_explicit(&run->progress->bytes, bytes, memory_order_relaxed);
}

/* ---- the secret of this run's fingerprints ---- */

static hf_err seal_secret(struct hf_run *run)
{
	uint8_t sealed[HF_SEALED_SECRET_LEN] = {0};
	struct hf_pieces *pieces;
	struct hf_buf chunk = {0};
	uint32_t ticket;

	if (run->drafts.secret)
		return NULL;
	if (run->writer)
		HF_TRY(hf_fingerprint_secret_seal(
			hf_repo_newest_epoch(run->backup->repo), &run->secret, sealed));
	hf_buf_add(&chunk, sealed, sizeof(sealed));
	ticket = hf_puts_ticket(&run->puts);
	pieces = hf_pieces_new();
	hf_pieces_add(pieces, ticket, 0, chunk.len);
	run->drafts.secret = pieces;
	return hf_puts_put(&run->puts, HF_META_PACK, &chunk, ticket);
}

/* ---- large files ---- */

/* Data that was read and not cut yet. */
struct window {
	struct hf_buf bytes;
	size_t cut; /* so far */
};

static hf_err put_cuts(
	struct hf_run *run, struct window *window, bool last, struct hf_pieces *pieces)
{
	const struct hf_settings *settings = hf_repo_settings(run->backup->repo);
	const struct hf_cutter cutter = {
		.gear = hf_repo_gear(run->backup->repo),
		.min = settings->cut_min,
		.normal = settings->cut_normal,
		.max = settings->cut_max,
	};

	while (window->cut < window->bytes.len) {
		const struct hf_span rest = {
			window->bytes.at + window->cut, window->bytes.len - window->cut};
		const size_t len = hf_cutter_next(&cutter, rest, last);
		struct hf_buf chunk = {0};
		uint32_t ticket;

		if (len == 0)
			break;
		hf_buf_add(&chunk, rest.at, len);
		ticket = hf_puts_ticket(&run->puts);
		hf_pieces_add(pieces, ticket, 0, len);
		window->cut += len;
		HF_TRY(hf_puts_put(&run->puts, HF_CONTENT_PACK, &chunk, ticket));
	}
	if (window->cut > 0) {
		window->bytes.len -= window->cut;
		memmove(window->bytes.at, window->bytes.at + window->cut, window->bytes.len);
	}
	window->cut = 0;
	return NULL;
}

static hf_err read_step(struct hf_run *run, struct hf_event *event, struct window *window,
	uint64_t *left, struct hf_pieces *pieces)
{
	const struct hf_feed_ops *ops = run->backup->feed->ops;
	const size_t want = (size_t)HF_MIN(*left, READ_STEP);
	uint64_t hole = 0;
	size_t got = 0;

	HF_TRY(hf_stop_check(run->backup->stop));
	hf_buf_reserve(&window->bytes, want);
	event->error =
		ops->read(event->file, window->bytes.at + window->bytes.len, want, &got, &hole);
	if (event->error || (got == 0 && hole == 0)) {
		*left = 0;
		return NULL;
	}
	hole = HF_MIN(hole, *left);
	hf_fingerprint_add(run->fingerprint, hf_span(window->bytes.at + window->bytes.len, got));
	hf_fingerprint_skip(run->fingerprint, hole);
	window->bytes.len += got;
	event->item->entry.size += got + hole;
	*left -= got + hole;
	run->result->read_bytes += got;
	hf_run_went_on(run, got + hole);
	HF_TRY(put_cuts(run, window, hole > 0, pieces));
	if (hole > 0)
		hf_pieces_add(pieces, 0, 0, hole);
	return hf_run_publish_packs(run);
}

/* entry.size becomes what was read; event.error: it could not be. */
static hf_err absorb_large(struct hf_run *run, struct hf_batch *batch, struct hf_event *event,
	struct hf_pieces *pieces)
{
	HF_RELEASED(hf_buf) bytes = {0};
	struct window window = {0};
	const uint64_t size = event->item->entry.size;
	uint64_t left = size;
	struct hf_error *err = NULL;

	(void)batch;
	pieces->alone = true;
	event->item->entry.size = 0;
	while (left > 0 && !err)
		err = read_step(run, event, &window, &left, pieces);
	if (!err)
		err = put_cuts(run, &window, true, pieces);
	bytes = window.bytes;
	hf_fingerprint_end(run->fingerprint, event->fingerprint);
	HF_TRY(err);
	event->changed |= size != HF_SIZE_UNKNOWN && event->item->entry.size != size;
	struct hf_feed_file *file = HF_STEAL(event->file);
	bool changed = false;

	err = run->backup->feed->ops->close(file, &changed);
	event->changed |= changed;
	if (event->error)
		hf_error_free(err); /* the first one tells more */
	else
		event->error = err;
	return NULL;
}

/* ---- small files ---- */

static hf_err absorb_small(struct hf_run *run, struct hf_batch *batch, struct hf_event *event,
	struct hf_pieces *pieces)
{
	struct hf_piece piece = {0};
	/* With holes, equal contents may have different data. */
	const uint8_t *fingerprint = event->n_runs == 0 ? event->fingerprint : NULL;

	run->result->read_bytes += event->len;
	hf_run_went_on(run, event->item->entry.size);
	if (event->len > 0)
		HF_TRY(hf_bundle_add(&run->bundle, hf_span(batch->bytes.at + event->at, event->len),
			fingerprint, &piece));
	if (event->n_runs == 0 && event->len > 0)
		hf_pieces_add(pieces, piece.ticket, piece.offset, event->len);
	for (size_t i = 0; i < event->n_runs; i++) {
		const struct hf_run_of *one = &event->runs[i];

		hf_pieces_add(pieces, one->hole ? 0 : piece.ticket, piece.offset, one->length);
		piece.offset += one->hole ? 0 : (uint32_t)one->length;
	}
	return NULL;
}

/* ---- events ---- */

static void fail(struct hf_run *run, struct hf_event *event)
{
	hf_member_drop(event->member);
	if (event->link)
		event->link->state = HF_LINK_FAILED;
	hf_run_report(run, event->item->path, HF_STEAL(event->error), false);
}

static void note(struct hf_run *run, const struct hf_event *event, const struct hf_entry *entry,
	bool doubtful)
{
	if (entry->type == HF_REG)
		*(event->known ? &run->result->changed_files : &run->result->new_files) += 1;
	if (run->inodes)
		hf_inodes_note(run->inodes, event->inode_key,
			doubtful ? HF_INODE_DOUBTFUL : event->item->inode);
}

static void keep(struct hf_run *run, struct hf_event *event, struct hf_pieces *pieces)
{
	struct hf_entry *entry = &event->item->entry;

	entry->incomplete = event->changed;
	if (entry->type == HF_REG && entry->size > 0) {
		entry->fingerprinted = true;
		memcpy(entry->fingerprint, event->fingerprint, sizeof(entry->fingerprint));
		event->member->sealed = true;
	}
	if (event->link) {
		entry->linked = true;
		memcpy(entry->link_id, event->link->id, sizeof(entry->link_id));
		event->link->sealed = event->member->sealed;
		hf_link_set(event->link, entry, pieces);
	}
	hf_member_set(event->member, entry, pieces);
	hf_heal_read(&run->heal, event->inode_key, entry, pieces);
	hf_run_count(run, entry);
	note(run, event, entry, event->doubtful || event->changed);
	if (event->changed)
		hf_run_report(run, event->item->path,
			hf_error_new(HF_SYSTEM, "it changed while it was read"), true);
}

/* A directory's own metadata: what it holds is kept even when this can't be read in full. */
static void absorb_directory(struct hf_run *run, struct hf_event *event)
{
	if (event->error)
		hf_run_report(run, event->item->path, HF_STEAL(event->error), false);
	run->result->with_xattrs += event->item->entry.n_xattrs > 0;
	hf_member_set(event->member, &event->item->entry, NULL);
}

static bool is_cancelled(const struct hf_error *err)
{
	return err && hf_error_kind(err) == HF_CANCELLED;
}

static hf_err absorb_opened(struct hf_run *run, struct hf_batch *batch, struct hf_event *event)
{
	struct hf_pieces *pieces;
	struct hf_error *err = NULL;

	if (is_cancelled(event->error))
		return HF_STEAL(event->error);
	if (event->item->entry.type == HF_DIR) {
		absorb_directory(run, event);
		return NULL;
	}
	if (event->error) {
		fail(run, event);
		return NULL;
	}
	pieces = hf_pieces_new();
	if (event->item->entry.type == HF_REG) {
		err = seal_secret(run);
		if (!err)
			err = event->file ? absorb_large(run, batch, event, pieces)
					  : absorb_small(run, batch, event, pieces);
	}
	if (!err && event->error)
		fail(run, event);
	else if (!err)
		keep(run, event, pieces->n > 0 ? pieces : NULL);
	hf_pieces_unref(&run->puts, pieces);
	return err;
}

/* An inode number can have gone to another file since the first name was found. */
static bool is_that_file(const struct hf_entry *now, const struct hf_entry *first)
{
	return now->type == first->type && now->mtime == first->mtime &&
		(now->type != HF_REG || now->size == first->size || first->incomplete);
}

/* A later name of a file: what the first one found; or, if that could not be read, by itself. */
static hf_err absorb_link(struct hf_run *run, struct hf_batch *batch, struct hf_event *event)
{
	struct hf_link *link = event->link;
	struct hf_entry entry = link->entry;

	if (link->state == HF_LINK_READ && !is_that_file(&event->item->entry, &entry))
		event->link = NULL;
	if (link->state != HF_LINK_READ || !event->link) {
		hf_intake_open(batch, event);
		return absorb_opened(run, batch, event);
	}
	entry.name = event->item->entry.name;
	event->member->sealed = link->sealed;
	hf_member_set(event->member, &entry, link->content);
	hf_heal_read(&run->heal, event->inode_key, &entry, link->content);
	hf_run_count(run, &entry);
	hf_run_went_on(run, entry.type == HF_REG ? entry.size : 0);
	note(run, event, &entry, entry.incomplete);
	return NULL;
}

/* Large directories and files of many extents are printed as they come. */
static hf_err advance(struct hf_run *run, struct hf_draft *draft, const struct hf_pieces *content)
{
	if (run->absorbed++ % ADVANCE_AFTER != 0 && (!content || content->n <= HF_INLINE_EXTENTS))
		return NULL;
	return hf_draft_advance(draft, true);
}

hf_err hf_run_absorb(void *arg, struct hf_batch *batch, struct hf_event *event)
{
	struct hf_run *run = arg;

	switch (event->kind) {
	case HF_EVENT_OPEN:
		HF_TRY(absorb_opened(run, batch, event));
		if (event->draft)
			HF_TRY(advance(run, event->draft, event->member->content));
		break;
	case HF_EVENT_LINK:
		HF_TRY(absorb_link(run, batch, event));
		break;
	case HF_EVENT_LEAVE:
		hf_drafts_wait(&run->drafts, event->draft);
		break;
	}
	return hf_drafts_step(&run->drafts);
}
