/*
 * begin → gather … gather → drain → publish unfinished → look → publish finished → look
 *            └─ enough is pending: publish what is there, unfinished
 */
#include "backend/tree/backup.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/base/time.h"
#include "backend/tree/run.h"

#define PUBLISH_BYTES (UINT64_C(1) << 30)

void hf_run_report(struct hf_run *run, const char *path, struct hf_error *err, bool changed)
{
	run->result->failed++;
	atomic_fetch_add_explicit(&run->progress->failed, 1, memory_order_relaxed);
	if (run->backup->failed)
		run->backup->failed(run->backup->arg, path, err, changed);
	hf_error_free(err); /* it was told, and counts in the exit status */
}

static void refused(void *arg, struct hf_span name, const struct hf_error *err)
{
	HF_FREED char *text = hf_strndup((const char *)name.at, name.len);

	hf_run_report(arg, text, hf_error_copy(err), false);
}

/* ---- publishing ---- */

/*
 * The snapshot's own values, and among them "xattrs": how many entries have any.
 */
static struct hf_pairs record_values(struct hf_run *run)
{
	const struct hf_pairs *given = &run->backup->about->values;
	const struct hf_span key = hf_span_str("xattrs");
	struct hf_pairs values = {.at = run->values};
	bool placed = false;

	snprintf(run->xattrs, sizeof(run->xattrs), "%llu",
		(unsigned long long)run->result->with_xattrs);
	const struct hf_pair own = {.key = key, .value = hf_span_str(run->xattrs)};

	for (size_t i = 0; i < given->n && values.n < HF_MAX_VALUES - 1; i++) {
		if (!placed && hf_span_compare(key, given->at[i].key) < 0) {
			values.at[values.n++] = own;
			placed = true;
		}
		values.at[values.n++] = given->at[i];
	}
	if (!placed)
		values.at[values.n++] = own;
	return values;
}

static void fill_record(
	struct hf_run *run, enum hf_record_kind kind, struct hf_span root, struct hf_record *record)
{
	const struct hf_backup_result *result = run->result;
	struct hf_snapshot *snapshot = &record->snapshot;

	*record = (struct hf_record){.kind = kind, .of = HF_RECORD_SNAPSHOT};
	*snapshot = *run->backup->about;
	memcpy(snapshot->run, run->id, sizeof(snapshot->run));
	snapshot->started = result->started;
	snapshot->ended = hf_time_now();
	/* Of several unfinished ones of a run the last is the newest, whatever it will stand for.
	 */
	if (snapshot->moment == 0 || kind == HF_RECORD_UNFINISHED)
		snapshot->moment = snapshot->ended;
	snapshot->root = root;
	snapshot->files = result->files;
	snapshot->bytes = result->bytes;
	snapshot->entries = result->files + result->dirs + result->others;
	snapshot->failed = result->failed;
	snapshot->values = record_values(run);
	if (run->past.finished)
		memcpy(snapshot->parent, run->past.parent.id, sizeof(snapshot->parent));
}

static uint64_t publish_bytes(const struct hf_run *run)
{
	return run->backup->publish_bytes ? run->backup->publish_bytes : PUBLISH_BYTES;
}

hf_err hf_run_drain(struct hf_run *run)
{
	HF_TRY(hf_intake_drain(run->intake));
	HF_TRY(hf_bundle_close(&run->bundle));
	return hf_drafts_drain(&run->drafts);
}

hf_err hf_run_publish_packs(struct hf_run *run)
{
	struct hf_record record;

	if (!run->writer || hf_writer_pending(run->writer) < publish_bytes(run))
		return NULL;
	if (run->unfinished.len > 0) {
		fill_record(run, HF_RECORD_UNFINISHED, hf_buf_span(&run->unfinished), &record);
		HF_TRY(hf_writer_add(run->writer, &record));
	}
	return hf_writer_publish(run->writer);
}

hf_err hf_run_publish_some(struct hf_run *run)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry root;
	bool any;

	if (!run->writer || run->depth == 0 || hf_writer_pending(run->writer) < publish_bytes(run))
		return NULL;
	HF_TRY(hf_run_drain(run));
	HF_TRY(hf_drafts_print_open(
		&run->drafts, run->frames[run->depth - 1].draft, &arena, &root, &any));
	if (any) {
		hf_buf_clear(&run->unfinished);
		hf_entry_print_alone(&root, &run->unfinished);
	}
	return hf_run_publish_packs(run);
}

static hf_err publish_and_look(struct hf_run *run, const struct hf_record *record)
{
	HF_TRY(hf_writer_add(run->writer, record));
	HF_TRY(hf_writer_publish(run->writer));
	return hf_writer_look(run->writer);
}

/* Shared chunks of which less than half is used: the next backup leaves them. */
static hf_err list_half_used(struct hf_run *run, struct hf_arena *arena, struct hf_extents *out)
{
	const struct hf_member *root = &run->drafts.root;
	struct hf_past *past = &run->past;
	HF_RELEASED(hf_buf) ids = {0};
	struct hf_pieces *pieces;

	if (root->kept && past->finished && root->kept == &past->roots[past->n - 1]) {
		*out = past->parent.snapshot.reopen;
		return NULL;
	}
	HF_TRY(hf_past_half_used(past, run->backup->repo, &ids));
	if (ids.len == 0)
		return NULL;
	HF_TRY(hf_drafts_place(&run->drafts, hf_buf_span(&ids), &pieces));
	struct hf_error *err = hf_drafts_drain(&run->drafts);
	struct hf_extents extents = {0};

	if (!err)
		hf_pieces_extents(&run->puts, pieces, &extents);
	*out = (struct hf_extents){.n = extents.n};
	out->at = hf_arena_copy(arena, extents.at, extents.n * sizeof(*extents.at));
	hf_extents_release(&extents);
	hf_pieces_unref(&run->puts, pieces);
	return err;
}

static hf_err finish(struct hf_run *run)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) root_bytes = {0};
	struct hf_extents reopen = {0};
	struct hf_record record;
	struct hf_entry root;

	HF_TRY(list_half_used(run, &arena, &reopen));
	HF_TRY(hf_drafts_root(&run->drafts, &root));
	hf_entry_print_alone(&root, &root_bytes);
	fill_record(run, HF_RECORD_UNFINISHED, hf_buf_span(&root_bytes), &record);
	record.snapshot.reopen = reopen;
	HF_TRY(publish_and_look(run, &record));
	HF_TRY(hf_heal_finish(&run->heal, run->writer));
	fill_record(run, HF_RECORD_SNAPSHOT, hf_buf_span(&root_bytes), &record);
	record.snapshot.reopen = reopen;
	HF_TRY(publish_and_look(run, &record));
	hf_snapshot_record_id(&record, run->result->id);
	hf_inodes_keep(run->inodes);
	return NULL;
}

/* ---- a run ---- */

static hf_err begin(struct hf_run *run)
{
	const struct hf_backup *backup = run->backup;
	struct hf_repo *repo = backup->repo;
	const struct hf_settings *settings = hf_repo_settings(repo);
	const unsigned workers = HF_MIN(backup->workers, HF_PUTS_MAX_WORKERS);
	HF_FREED char *source =
		hf_strndup((const char *)backup->about->source.at, backup->about->source.len);

	if (!hf_source_valid(backup->about->source))
		return hf_error_new(HF_INVALID, "\"%s\" is no name for a source", source);
	hf_random(run->id, sizeof(run->id));
	hf_random(run->secret.bytes, sizeof(run->secret.bytes));
	run->fingerprint = hf_fingerprint_new(&run->secret);
	if (backup->dry_run) {
		HF_TRY(hf_repo_sync(repo, NULL));
	} else {
		const struct hf_writer_options options = {
			.workers = workers, .stop = backup->stop, .progress = run->progress};

		HF_TRY(hf_repo_need(repo, HF_WRITE, source));
		HF_TRY(hf_writer_begin(repo, &options, &run->writer));
	}
	run->puts.writer = run->writer;
	hf_bundle_init(&run->bundle, &run->puts, hf_repo_gear(repo), settings->bundle_normal);
	hf_drafts_init(&run->drafts, &run->puts, hf_repo_gear(repo));
	run->drafts.refused = refused;
	run->drafts.arg = run;
	run->links.puts = &run->puts;
	if (!backup->force)
		HF_TRY(hf_past_open(&run->past, repo, source));
	if (run->writer && run->past.finished)
		hf_writer_inherit(run->writer, run->past.parent.id);
	run->heal.puts = &run->puts;
	run->heal.stop = backup->stop;
	HF_TRY(hf_heal_open(&run->heal, repo, source));
	run->inodes = hf_inodes_open(hf_repo_cache_dir(repo), source);
	return hf_intake_new(
		&(struct hf_intake_options){
			.feed = backup->feed,
			.workers = workers,
			.small = settings->bundle_below,
			.secret = &run->secret,
			.stop = backup->stop,
			.consume = hf_run_absorb,
			.arg = run,
		},
		&run->intake);
}

/* How much there will be, as far as the last snapshot tells. */
static void guess_totals(struct hf_run *run)
{
	if (!run->past.finished || run->backup->stream || atomic_load(&run->progress->bytes_total))
		return;
	atomic_store(&run->progress->files_total, run->past.parent.snapshot.entries);
	atomic_store(&run->progress->bytes_total, run->past.parent.snapshot.bytes);
}

static hf_err go(struct hf_run *run)
{
	HF_TRY(begin(run));
	guess_totals(run);
	while (!run->ended) {
		HF_TRY(hf_run_gather(run));
		HF_TRY(hf_run_publish_some(run));
	}
	if (run->result->dirs > 0)
		HF_TRY(hf_run_drain(run));
	/* An empty snapshot would be the newest, and hide one that is good. */
	if (run->result->dirs == 0 ||
		(run->result->failed > 0 && run->result->files + run->result->others == 0))
		return hf_error_new(HF_SYSTEM, "nothing could be read, so there is no snapshot");
	return run->writer ? finish(run) : NULL;
}

static void run_release(struct hf_run *run)
{
	hf_intake_free(run->intake);
	hf_run_frames_release(run);
	hf_links_release(&run->links);
	hf_drafts_release(&run->drafts);
	hf_bundle_release(&run->bundle);
	hf_heal_release(&run->heal);
	hf_puts_release(&run->puts);
	hf_past_release(&run->past);
	hf_inodes_free(run->inodes);
	hf_fingerprint_free(run->fingerprint);
	hf_buf_release(&run->unfinished);
	hf_key_release(&run->secret);
}

hf_err hf_backup_run(const struct hf_backup *backup, struct hf_backup_result *result)
{
	struct hf_progress unseen = {0};
	struct hf_run run = {.backup = backup, .result = result};
	struct hf_error *err;

	*result = (struct hf_backup_result){.started = hf_time_now()};
	run.progress = backup->progress ? backup->progress : &unseen;
	const uint64_t stored = atomic_load(&run.progress->stored);

	err = go(&run);
	/* Its callbacks go to what is released next. */
	hf_writer_free(run.writer);
	run_release(&run);
	result->ended = hf_time_now();
	result->stored_bytes = atomic_load(&run.progress->stored) - stored;
	if (!err && result->failed > 0)
		err = hf_error_new(HF_PARTIAL, "%llu could not be read, or changed meanwhile",
			(unsigned long long)result->failed);
	return err;
}
