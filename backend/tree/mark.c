#include "backend/tree/mark.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/wire.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/history.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"

/* Chunks that were added of late: neighbours share chunks. As many as were added, so far. */
#define FIRST_RECENT 256u
#define MOST_RECENT 65536u

struct hf_marker {
	struct hf_reader *reader;
	const struct hf_stop *stop;
	struct hf_progress *progress;
	struct hf_map snapshots; /* ids, padded with zeros, that are marked */
	struct hf_map dirs;      /* digests of extents */
	struct hf_map doubtful;  /* chunks of unfinished snapshots that were in no pack */
	size_t unfinished;       /* snapshots */
	bool in_unfinished;      /* marking one now */
	bool finished_only;
	struct hf_id *recent;
	size_t n_recent, added;
	struct hf_id_sort *live;
};

struct hf_marker *hf_marker_new(
	struct hf_reader *reader, const struct hf_stop *stop, struct hf_progress *progress)
{
	struct hf_marker *marker = hf_calloc(1, sizeof(*marker));

	marker->reader = reader;
	marker->stop = stop;
	marker->progress = progress;
	marker->n_recent = FIRST_RECENT;
	marker->recent = hf_calloc(marker->n_recent, sizeof(*marker->recent));
	return marker;
}

void hf_marker_free(struct hf_marker *marker)
{
	if (!marker)
		return;
	hf_map_release(&marker->snapshots);
	hf_map_release(&marker->dirs);
	hf_map_release(&marker->doubtful);
	free(marker->recent);
	free(marker);
}

static struct hf_id *recent_of(struct hf_marker *marker, const struct hf_id *id)
{
	return &marker->recent[(id->bytes[0] | (unsigned)id->bytes[1] << 8) % marker->n_recent];
}

static void widen(struct hf_marker *marker)
{
	struct hf_id *old = marker->recent;
	const size_t n = marker->n_recent;

	marker->n_recent *= 4;
	marker->recent = hf_calloc(marker->n_recent, sizeof(*marker->recent));
	for (size_t i = 0; i < n; i++)
		*recent_of(marker, &old[i]) = old[i];
	free(old);
}

/* Its writer may have died before it looked for what it relied on: nobody was promised that. */
static hf_err doubt(struct hf_marker *marker, const struct hf_id *id)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	HF_TRY(hf_catalog_find(hf_repo_catalog(hf_reader_repo(marker->reader)), id, places, &n));
	if (n == 0)
		hf_map_put(&marker->doubtful, id, NULL);
	return NULL;
}

static hf_err add(struct hf_marker *marker, const struct hf_id *id)
{
	struct hf_id *slot = recent_of(marker, id);

	if (hf_id_equal(slot, id))
		return NULL;
	*slot = *id;
	if (marker->in_unfinished)
		HF_TRY(doubt(marker, id));
	if (++marker->added > marker->n_recent && marker->n_recent < MOST_RECENT)
		widen(marker);
	return hf_id_sort_add(marker->live, id);
}

static hf_err add_extents(struct hf_marker *marker, const struct hf_extents *extents)
{
	for (size_t i = 0; i < extents->n; i++) {
		if (!hf_extent_is_hole(&extents->at[i]))
			HF_TRY(add(marker, &extents->at[i].chunk));
	}
	return NULL;
}

static hf_err add_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	(void)from;
	return hf_extent_is_hole(extent) ? NULL : add(arg, &extent->chunk);
}

static hf_err mark_content(struct hf_marker *marker, const struct hf_entry *entry)
{
	HF_OWNED(hf_content) content = NULL;

	HF_TRY(add_extents(marker, &entry->extents));
	if (entry->fingerprinted)
		HF_TRY(add_extents(marker, &entry->secret));
	HF_TRY(add_extents(marker, &entry->page_map));
	if (!entry->extents_file)
		return NULL;
	HF_TRY(hf_content_open(marker->reader, entry, &content));
	return hf_content_each(content, 0, hf_content_size(content), add_extent, marker);
}

static void cursor_end(struct hf_dir_cursor *cursor)
{
	hf_dir_cursor_end(cursor);
}

static hf_err mark_dir(struct hf_marker *marker, const struct hf_entry *entry, unsigned depth);

static hf_err mark_names(struct hf_marker *marker, const struct hf_entry *entry, unsigned depth)
{
	HF_OWNED(hf_dir) dir = NULL;
	__attribute__((cleanup(cursor_end))) struct hf_dir_cursor cursor = {0};
	const struct hf_entry *child;

	HF_TRY(hf_dir_open(marker->reader, entry, &dir));
	hf_dir_cursor_begin(&cursor, dir);
	for (;;) {
		HF_TRY(hf_stop_check(marker->stop));
		HF_TRY(hf_dir_cursor_next(&cursor, &child));
		if (!child)
			return NULL;
		if (marker->progress)
			atomic_fetch_add_explicit(
				&marker->progress->files, 1, memory_order_relaxed);
		HF_TRY(child->type == HF_DIR ? mark_dir(marker, child, depth + 1)
					     : mark_content(marker, child));
	}
}

static hf_err mark_dir(struct hf_marker *marker, const struct hf_entry *entry, unsigned depth)
{
	HF_RELEASED(hf_buf) form = {0};
	struct hf_id digest;
	bool fresh;

	if (depth > HF_MAX_DEPTH)
		return hf_error_new(HF_CORRUPT, "directories are too deep");
	hf_buf_add(&form, &entry->extents_file, sizeof(entry->extents_file));
	hf_extents_print(&entry->extents, &form);
	hf_sha256(hf_buf_span(&form), &digest);
	hf_map_put(&marker->dirs, &digest, &fresh);
	if (!fresh)
		return NULL;
	HF_TRY(mark_content(marker, entry));
	struct hf_error *err = mark_names(marker, entry, depth);

	return depth == 0
		? err
		: hf_error_in(err, "%.*s", (int)entry->name.len, (const char *)entry->name.at);
}

static hf_err mark_snapshot(struct hf_marker *marker, const struct hf_snapshot_info *info)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry root;

	HF_TRY(hf_entry_parse_alone(info->snapshot.root, &arena, &root));
	HF_TRY(add_extents(marker, &info->snapshot.reopen));
	return root.type == HF_DIR ? mark_dir(marker, &root, 0) : mark_content(marker, &root);
}

/* An unfinished one may be broken: its writer died before it looked, or is about to notice. */
static bool may_be_broken(const struct hf_snapshot_info *info, const struct hf_error *err)
{
	return !info->finished && hf_error_kind(err) == HF_CORRUPT;
}

static hf_err mark_if_new(struct hf_marker *marker, const struct hf_snapshot_info *info)
{
	char id[2 * HF_SNAPSHOT_ID_LEN + 1], moment[HF_TIME_TEXT];
	struct hf_id key = {{0}};
	bool fresh;

	memcpy(key.bytes, info->id, sizeof(info->id));
	hf_map_put(&marker->snapshots, &key, &fresh);
	if (!fresh)
		return NULL;
	marker->in_unfinished = !info->finished;
	marker->unfinished += !info->finished;
	struct hf_error *err = mark_snapshot(marker, info);

	marker->in_unfinished = false;
	if (err && may_be_broken(info, err)) {
		hf_log(HF_INFO, "an unfinished snapshot can't be read whole", "why",
			hf_error_text(err), NULL);
		hf_error_free(err); /* told, and nobody was promised anything */
		return NULL;
	}
	hf_hex(hf_span(info->id, HF_SNAPSHOT_ID_LEN), id);
	return hf_error_in(err,
		"snapshot %.8s of %.*s, %s, can't be read whole, so nothing can be given up; hint: "
		"`holdfast check --repair`, and what can't be mended let go with `holdfast forget "
		"%.8s`",
		id, (int)info->snapshot.source.len, (const char *)info->snapshot.source.at,
		hf_time_table(info->snapshot.moment, moment), id);
}

static hf_err mark_those(
	struct hf_marker *marker, const struct hf_snapshots *snapshots, bool finished)
{
	for (size_t i = 0; i < snapshots->n; i++) {
		if (snapshots->at[i].finished == finished)
			HF_TRY(mark_if_new(marker, &snapshots->at[i]));
	}
	return NULL;
}

/* ---- what is no snapshot ---- */

static hf_err mark_substitute(void *arg, const struct hf_live_record *live)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_record record;

	if (live->kind != HF_RECORD_SUBSTITUTE)
		return NULL;
	HF_TRY(hf_live_record_parse(live, &arena, &record));
	return add_extents(arg, &record.substitute.extents);
}

static hf_err mark_journal(void *arg, const struct hf_live_record *live)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_marker *marker = arg;
	struct hf_record record;

	if (live->kind == HF_RECORD_SNAPSHOT ||
		(live->kind == HF_RECORD_UNFINISHED && marker->finished_only))
		return NULL;
	HF_TRY(hf_live_record_parse(live, &arena, &record));
	if (live->kind == HF_RECORD_UNFINISHED && record.of != HF_RECORD_JOURNAL)
		return NULL;
	HF_TRY(add_extents(marker, &record.journal.extents));
	if (!record.journal.extents_file)
		return NULL;
	const struct hf_entry entry = {
		.type = HF_REG,
		.size = record.journal.size,
		.extents = record.journal.extents,
		.extents_file = true,
	};
	HF_OWNED(hf_content) content = NULL;

	HF_TRY(hf_content_open(marker->reader, &entry, &content));
	return hf_content_each(content, 0, hf_content_size(content), add_extent, marker);
}

hf_err hf_mark_live(void *arg, int64_t now, struct hf_id_sort *live)
{
	struct hf_marker *marker = arg;
	struct hf_repo *repo = hf_reader_repo(marker->reader);
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	marker->live = live;
	HF_TRY(hf_history_live(repo, now - HF_UNFINISHED_LIFE, &arena, &snapshots));
	/* What a finished one needs is not doubted for an unfinished one that needs it too. */
	HF_TRY(mark_those(marker, &snapshots, true));
	if (!marker->finished_only)
		HF_TRY(mark_those(marker, &snapshots, false));
	HF_TRY(hf_catalog_each_kept(hf_repo_catalog(repo), INT64_MAX, mark_substitute, marker));
	return hf_catalog_each_live(hf_repo_catalog(repo), INT64_MAX, true, mark_journal, marker);
}

bool hf_mark_excused(void *arg, const struct hf_id *chunk)
{
	const struct hf_marker *marker = arg;

	return hf_map_get(&marker->doubtful, chunk) != NULL;
}

void hf_mark_finished_only(struct hf_marker *marker)
{
	marker->finished_only = true;
}

size_t hf_mark_unfinished(const struct hf_marker *marker)
{
	return marker->unfinished;
}
