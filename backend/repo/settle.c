/*
 * A checkpoint n+1 from the catalog and checkpoint n: what came since is written as segments of
 * its own; when there are many of one kind, all of it is written anew.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/format/wire.h"
#include "backend/repo/prune_state.h"
#include "backend/repo/state.h"

#define ROUNDS 8
#define DELTAS 16 /* segments of one kind that only add */

/* The checkpoint in the making. */
struct making {
	struct hf_prune *prune;
	struct hf_opened_checkpoint old;
	struct hf_checkpoint next;
	struct hf_arena arena;
	struct hf_segment_refs refs;
	struct hf_announcement *due;
	size_t n_due, cap_due;
	struct hf_settled *settled;
	size_t n_settled, cap_settled;
	struct hf_id *swept;
	size_t n_swept, cap_swept;
	struct hf_map gone; /* the swept ones among them that are new */
	struct hf_record *records;
	size_t n_records, cap_records;

	/* while one kind is written */
	struct hf_segment_writer *writer;
	bool whole;
};
static void making_release(struct making *making)
{
	hf_opened_checkpoint_release(&making->old);
	hf_arena_release(&making->arena);
	hf_segment_refs_release(&making->refs);
	hf_map_release(&making->gone);
	hf_segment_writer_free(making->writer);
	free(making->due);
	free(making->settled);
	free(making->swept);
	free(making->records);
}

static struct hf_catalog *catalog_of(const struct making *making)
{
	return hf_repo_catalog(making->prune->repo);
}

/* ---- announcements ---- */

static hf_err note_due(void *arg, const struct hf_announcement *announcement)
{
	struct making *making = arg;

	if (announcement->seen > making->prune->now - making->prune->grace)
		return NULL;
	making->due =
		hf_grow(making->due, &making->cap_due, making->n_due + 1, sizeof(*making->due));
	making->due[making->n_due++] = *announcement;
	making->next.cutoff = HF_MAX(making->next.cutoff, announcement->cutoff);
	return NULL;
}

static void add_settled(
	struct making *making, const struct hf_id *commit, const struct hf_id *pack, bool swept)
{
	making->settled = hf_grow(making->settled, &making->cap_settled, making->n_settled + 1,
		sizeof(*making->settled));
	making->settled[making->n_settled++] =
		(struct hf_settled){.commit = *commit, .pack = *pack, .swept = swept};
}

static bool is_segment(const struct making *making, const struct hf_id *id)
{
	for (size_t i = 0; i < making->old.checkpoint.n_segments; i++) {
		if (hf_id_equal(&making->old.checkpoint.segments[i].object, id))
			return true;
	}
	return false;
}

struct settling {
	struct making *making;
	const struct hf_id *commit;
	bool any;
};

/* What is missing may be in one of which nobody knows what it has. */
static bool must_stay(const struct making *making, const struct hf_id *id)
{
	const struct hf_pack_use *use = hf_prune_use(making->prune, id);

	return is_segment(making, id) ||
		(use && (use->needed || (!use->named && making->prune->result.missing > 0)));
}

static hf_err settle_pack(void *arg, const struct hf_id *id)
{
	struct settling *settling = arg;
	struct making *making = settling->making;
	const bool swept = !must_stay(making, id);
	bool fresh;

	settling->any = true;
	add_settled(making, settling->commit, id, swept);
	if (!swept)
		return NULL;
	hf_map_put(&making->gone, id, &fresh);
	if (!fresh)
		return NULL;
	making->swept = hf_grow(
		making->swept, &making->cap_swept, making->n_swept + 1, sizeof(*making->swept));
	making->swept[making->n_swept++] = *id;
	return NULL;
}

static hf_err settle_due(struct making *making)
{
	const struct hf_id none = {{0}};

	for (size_t i = 0; i < making->n_due; i++) {
		struct settling settling = {making, &making->due[i].commit, false};

		HF_TRY(hf_catalog_each_announced(
			catalog_of(making), settling.commit, settle_pack, &settling));
		if (!settling.any)
			add_settled(making, settling.commit, &none, false);
	}
	return NULL;
}

/* Of what was settled before, only that whose commit may still be read. */
static hf_err note_young(void *arg, const char *name)
{
	struct hf_id id;
	int64_t time;

	HF_TRY(hf_commit_name_parse(name, &time, &id));
	hf_map_put(arg, &id, NULL);
	return NULL;
}

static hf_err keep_settled(struct making *making)
{
	const struct hf_checkpoint *old = &making->old.checkpoint;
	HF_RELEASED(hf_map) dated_before = {0};

	HF_TRY(hf_catalog_each_open_commit(
		catalog_of(making), making->next.cutoff, note_young, &dated_before));
	for (size_t i = 0; i < old->n_settled; i++) {
		const struct hf_settled *settled = &old->settled[i];

		if (!hf_map_get(&dated_before, &settled->commit))
			add_settled(making, &settled->commit, &settled->pack, settled->swept);
	}
	for (size_t i = 0; i < old->swept.n; i++) {
		making->swept = hf_grow(making->swept, &making->cap_swept, making->n_swept + 1,
			sizeof(*making->swept));
		making->swept[making->n_swept++] = old->swept.at[i];
	}
	return NULL;
}

/* ---- segments ---- */

/* Takes the old ones over, if there are not too many of them. */
static void begin_kind(struct making *making, enum hf_segment_kind kind)
{
	const struct hf_checkpoint *old = &making->old.checkpoint;
	size_t deltas = 0;

	for (size_t i = 0; i < old->n_segments; i++)
		deltas += old->segments[i].kind == kind && old->segments[i].level == 0;
	making->whole = deltas >= DELTAS;
	for (size_t i = 0; i < old->n_segments && !making->whole; i++) {
		if (old->segments[i].kind != kind)
			continue;
		making->refs.at = hf_grow(making->refs.at, &making->refs.cap, making->refs.n + 1,
			sizeof(*making->refs.at));
		making->refs.at[making->refs.n++] = old->segments[i];
	}
	making->writer = hf_segment_writer_new(making->prune->repo, kind, making->whole);
}

static hf_err end_kind(struct making *making)
{
	HF_TRY(hf_segment_writer_end(making->writer, &making->refs));
	hf_segment_writer_free(HF_STEAL(making->writer));
	return NULL;
}

/* Is it for the segments that are written now? */
static bool goes_in(const struct making *making, const struct hf_pack *pack)
{
	return pack->seen < making->next.cutoff && (making->whole || !pack->stated) &&
		!hf_map_get(&making->gone, &pack->id);
}

static hf_err write_chunk(void *arg, const struct hf_location *place)
{
	struct making *making = arg;
	const struct hf_pack_use *use = hf_prune_use_of(making->prune, place->pack);

	return use && goes_in(making, &use->pack)
		? hf_segment_write_chunk(making->writer, &use->pack.id, &place->row)
		: NULL;
}

static int by_pack_id(const void *a, const void *b)
{
	const struct hf_pack_use *const *x = a, *const *y = b;

	return memcmp(&(*x)->pack.id, &(*y)->pack.id, sizeof(struct hf_id));
}

static hf_err write_pack(struct making *making, const struct hf_pack *pack)
{
	HF_RELEASED(hf_buf) row = {0};
	struct hf_pack_row form = {
		.id = pack->id,
		.size = pack->size,
		.slot = pack->slot,
		.seen = pack->kind == HF_COMMIT ? pack->time : pack->seen,
		.proven = pack->proven,
		.depth = pack->depth,
	};

	HF_TRY(hf_header_parse(hf_span(pack->header, HF_HEADER_LEN), &form.header));
	hf_pack_rows_print(&form, 1, &row);
	return hf_segment_write(making->writer, &pack->id, hf_buf_span(&row));
}

static hf_err write_packs(struct making *making)
{
	const struct hf_prune *prune = making->prune;
	HF_FREED const struct hf_pack_use **sorted =
		hf_alloc((prune->n + 1) * sizeof(struct hf_pack_use *));
	size_t n = 0;

	for (size_t i = 0; i < prune->n; i++) {
		if (prune->uses[i].named && goes_in(making, &prune->uses[i].pack))
			sorted[n++] = &prune->uses[i];
	}
	if (n > 1)
		qsort(sorted, n, sizeof(struct hf_pack_use *), by_pack_id);
	for (size_t i = 0; i < n; i++)
		HF_TRY(write_pack(making, &sorted[i]->pack));
	return NULL;
}

/* A record in the form that segments have, with its key. */
struct keyed {
	struct hf_id key;
	struct hf_buf form;
};
struct keyed_list {
	struct keyed *at;
	size_t n, cap;
};
static void keyed_release(struct keyed_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		hf_buf_release(&list->at[i].form);
	free(list->at);
}

static void print_origin(const struct hf_seen *seen, struct hf_buf *out)
{
	const struct hf_record origin = {
		.kind = HF_RECORD_ORIGIN,
		.origin = {.commit = seen->commit, .slot = seen->slot, .seen = seen->time},
	};

	hf_record_print(&origin, out);
}

static hf_err note_live(void *arg, const struct hf_live_record *live)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct keyed_list *list = arg;
	struct hf_record record;
	struct keyed *keyed;

	HF_TRY(hf_live_record_parse(live, &arena, &record));
	list->at = hf_grow(list->at, &list->cap, list->n + 1, sizeof(*list->at));
	keyed = &list->at[list->n++];
	*keyed = (struct keyed){.form = {0}};
	hf_record_key(&record, &keyed->key);
	print_origin(&live->seen, &keyed->form);
	hf_put_var(&keyed->form, live->kind);
	hf_put_sized(&keyed->form, live->body);
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hf_id)); /* the key stands first */
}

static hf_err write_records(struct making *making)
{
	__attribute__((cleanup(keyed_release))) struct keyed_list list = {0};

	HF_TRY(hf_catalog_each_live(
		catalog_of(making), making->next.cutoff, making->whole, note_live, &list));
	if (list.n > 1)
		qsort(list.at, list.n, sizeof(*list.at), by_key);
	for (size_t i = 0; i < list.n; i++)
		HF_TRY(hf_segment_write(
			making->writer, &list.at[i].key, hf_buf_span(&list.at[i].form)));
	return NULL;
}

static hf_err add_commit(void *arg, const char *name)
{
	struct hf_id id;
	int64_t time;

	HF_TRY(hf_commit_name_parse(name, &time, &id));
	return hf_id_sort_add(arg, &id);
}

static hf_err write_commits(struct making *making)
{
	HF_OWNED(hf_id_sort) commits = hf_id_sort_new(NULL, (size_t)1 << 20);
	struct hf_id id;
	bool more = true;

	HF_TRY(hf_catalog_each_open_commit(
		catalog_of(making), making->next.cutoff, add_commit, commits));
	HF_TRY(hf_id_sort_begin(commits));
	for (;;) {
		HF_TRY(hf_id_sort_next(commits, &id, &more));
		if (!more)
			return NULL;
		HF_TRY(hf_segment_write(making->writer, &id, hf_span(id.bytes, HF_ID_LEN)));
	}
}

static hf_err write_segments(struct making *making)
{
	begin_kind(making, HF_SEGMENT_CHUNKS);
	HF_TRY(hf_catalog_each_place(catalog_of(making), write_chunk, making));
	HF_TRY(end_kind(making));
	begin_kind(making, HF_SEGMENT_PACKS);
	HF_TRY(write_packs(making));
	HF_TRY(end_kind(making));
	begin_kind(making, HF_SEGMENT_RECORDS);
	HF_TRY(write_records(making));
	HF_TRY(end_kind(making));
	begin_kind(making, HF_SEGMENT_COMMITS);
	HF_TRY(write_commits(making));
	return end_kind(making);
}

/* ---- records that stand in the checkpoint itself ---- */

static hf_err keep_record(void *arg, const struct hf_live_record *live)
{
	struct making *making = arg;
	struct hf_record record;

	HF_TRY(hf_live_record_parse(live, &making->arena, &record));
	making->records = hf_grow(making->records, &making->cap_records, making->n_records + 2,
		sizeof(*making->records));
	making->records[making->n_records++] = (struct hf_record){
		.kind = HF_RECORD_ORIGIN,
		.origin = {.commit = live->seen.commit,
			.slot = live->seen.slot,
			.seen = live->seen.time},
	};
	making->records[making->n_records++] = record;
	return NULL;
}

/* ---- the whole ---- */

/* A disk that is too full for all of them would be filled by each try with some. */
static void take_back_segments(struct making *making)
{
	if (making->writer)
		hf_segment_writer_undo(making->writer);
	for (size_t i = 0; i < making->refs.n; i++) {
		if (!is_segment(making, &making->refs.at[i].object))
			hf_segment_remove(making->prune->repo, &making->refs.at[i]);
	}
}

static hf_err make(struct making *making)
{
	struct hf_checkpoint *next = &making->next;
	struct hf_error *err;

	HF_TRY(keep_settled(making));
	HF_TRY(settle_due(making));
	err = write_segments(making);
	if (!err)
		err = hf_catalog_each_kept(catalog_of(making), next->cutoff, keep_record, making);
	/* Not once a checkpoint that names them may stand. */
	if (err)
		take_back_segments(making);
	HF_TRY(err);
	next->settled = making->settled;
	next->n_settled = making->n_settled;
	next->swept = (struct hf_ids){.at = making->swept, .n = making->n_swept};
	next->segments = making->refs.at;
	next->n_segments = making->refs.n;
	next->records = making->records;
	next->n_records = making->n_records;
	HF_TRY(hf_stop_check(making->prune->options.stop));
	return hf_checkpoint_put(making->prune->repo, next);
}

/* *done false: another was first, or is newer. */
static hf_err settle_once(struct hf_prune *prune, bool *done)
{
	struct hf_repo *repo = prune->repo;
	__attribute__((cleanup(making_release))) struct making making = {.prune = prune};

	*done = true;
	HF_TRY(hf_prune_look(prune));
	HF_TRY(hf_checkpoint_open(repo, &making.old));
	making.next = (struct hf_checkpoint){
		.n = repo->checkpoint + 1,
		.previous = repo->checkpoint_id,
		.cutoff = repo->cutoff,
	};
	HF_TRY(hf_catalog_each_announcement(catalog_of(&making), note_due, &making));
	if (making.n_due == 0)
		return NULL;
	struct hf_error *err = make(&making);

	if (err && hf_error_kind(err) == HF_EXISTS) {
		hf_error_free(err); /* looked at anew */
		err = NULL;
	}
	HF_TRY(err);
	HF_TRY(hf_repo_sync(repo, NULL));
	/* Even ours may stand where an older one was deleted: only the highest counts. */
	*done = false;
	return NULL;
}

hf_err hf_prune_settle(struct hf_prune *prune)
{
	bool done = false;

	for (int round = 0; round < ROUNDS && !done; round++)
		HF_TRY(settle_once(prune, &done));
	return done ? NULL
		    : hf_error_new(HF_TRANSIENT,
			      "others make checkpoints faster than this one can; hint: let one "
			      "machine prune");
}
