#include "backend/tree/past.h"

#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/segments_read.h"
#include "backend/tree/content.h"

#define CACHE (24u << 20) /* decoded chunks of directories */
#define MAX_REOPEN (64u << 20)

bool hf_past_lost(const struct hf_error *err)
{
	switch (hf_error_kind(err)) {
	case HF_CORRUPT:
	case HF_NOT_FOUND:
	case HF_UNSUPPORTED:
	case HF_COLD:
		return true;
	default:
		return false;
	}
}

/* Takes err. An earlier snapshot that is damaged must not keep the next one from being made. */
static hf_err pass_over(struct hf_error *err)
{
	if (!err || !hf_past_lost(err))
		return err;
	hf_log(HF_WARN, "part of the last snapshot can't be read; its files are read anew", "error",
		hf_error_text(err), NULL);
	hf_error_free(err); /* it was told; check finds it again */
	return NULL;
}

static hf_err load_reopen(struct hf_past *past)
{
	const struct hf_extents *extents = &past->parent.snapshot.reopen;
	HF_OWNED(hf_content) content = NULL;
	HF_RELEASED(hf_buf) bytes = {0};

	if (extents->n == 0)
		return NULL;
	HF_TRY(hf_content_open_meta(past->reader, extents, &content));
	HF_TRY(hf_content_read_all(content, MAX_REOPEN, &bytes));
	for (size_t at = 0; at + HF_ID_LEN <= bytes.len; at += HF_ID_LEN) {
		struct hf_id id;

		memcpy(id.bytes, bytes.at + at, HF_ID_LEN);
		hf_map_put(&past->reopen, &id, NULL);
	}
	return NULL;
}

static hf_err add_root(struct hf_past *past, const struct hf_snapshot_info *info)
{
	struct hf_entry root;
	struct hf_error *err = hf_entry_parse_alone(info->snapshot.root, &past->arena, &root);

	if (!err) {
		past->unfinished[past->n] = !info->finished;
		past->roots[past->n++] = root;
	}
	return pass_over(err);
}

hf_err hf_past_open(struct hf_past *past, struct hf_repo *repo, const char *source)
{
	struct hf_snapshot_info unfinished;
	struct hf_error *err;
	bool found;

	past->bundle_below = hf_repo_settings(repo)->bundle_below;
	HF_TRY(hf_reader_open(repo, CACHE, 0, &past->reader));
	HF_TRY(hf_history_unfinished(repo, source, &past->arena, &unfinished, &found));
	err = hf_history_at(repo, source, INT64_MAX, &past->arena, &past->parent);
	if (err && hf_error_kind(err) == HF_NOT_FOUND) {
		hf_error_free(err); /* the first of its source */
		return found ? add_root(past, &unfinished) : NULL;
	}
	HF_TRY(err);
	past->finished = true;
	/* What was given up before the last finished one knows nothing that this does not. */
	if (found && unfinished.snapshot.ended > past->parent.snapshot.started)
		HF_TRY(add_root(past, &unfinished));
	HF_TRY(add_root(past, &past->parent));
	return pass_over(load_reopen(past));
}

void hf_past_release(struct hf_past *past)
{
	hf_reader_free(past->reader);
	hf_map_release(&past->reopen);
	hf_map_release(&past->used);
	hf_arena_release(&past->arena);
	*past = (struct hf_past){0};
}

/* ---- directories ---- */

static hf_err place_open(struct hf_past *past, struct hf_past_place *place)
{
	HF_TRY(pass_over(hf_dir_open(past->reader, place->own, &place->dir)));
	if (place->dir)
		hf_dir_cursor_begin(&place->cursor, place->dir);
	return NULL;
}

/* Moves on to the first name that is not less. */
static hf_err place_go_to(struct hf_past_place *place, struct hf_span name, bool *there)
{
	*there = false;
	while (!place->ended) {
		int order = -1;

		if (place->next)
			order = hf_span_compare(place->next->name, name);
		*there = order == 0;
		if (order >= 0)
			return NULL;
		place->passed += place->next != NULL;
		struct hf_error *err = hf_dir_cursor_next(&place->cursor, &place->next);

		if (err || !place->next)
			place->ended = true;
		HF_TRY(pass_over(err));
	}
	return NULL;
}

/* What a draft begins with must be whole, so an unfinished directory is the second choice. */
static void put_whole_first(struct hf_past_dir *dir)
{
	if (dir->n == 2 && dir->places[0].own->incomplete && !dir->places[1].own->incomplete) {
		const struct hf_past_place first = dir->places[0];

		dir->places[0] = dir->places[1];
		dir->places[1] = first;
	}
}

/* Adds the directory at own to those of out, if it is one and can be read. */
static hf_err add_place(
	struct hf_past *past, const struct hf_past_place *where, struct hf_past_dir *out)
{
	struct hf_past_place *place = &out->places[out->n];

	if (where->own->type != HF_DIR)
		return NULL;
	*place = *where;
	HF_TRY(place_open(past, place));
	out->n += place->dir != NULL;
	return NULL;
}

hf_err hf_past_enter(struct hf_past *past, struct hf_past_dir *above, struct hf_span name,
	struct hf_past_dir *out)
{
	*out = (struct hf_past_dir){0};
	for (size_t i = 0; !above && i < past->n; i++) {
		const struct hf_past_place root = {.own = &past->roots[i],
			.number = UINT64_MAX,
			.unfinished = past->unfinished[i]};

		HF_TRY(add_place(past, &root, out));
	}
	for (size_t i = 0; above && i < above->n; i++) {
		struct hf_past_place *from = &above->places[i];
		bool there;

		HF_TRY(place_go_to(from, name, &there));
		const struct hf_past_place inner = {
			.own = from->next,
			.block = from->cursor.block,
			.number = i == 0 ? from->passed : UINT64_MAX,
			.unfinished = from->unfinished,
		};

		if (there)
			HF_TRY(add_place(past, &inner, out));
	}
	put_whole_first(out);
	return NULL;
}

void hf_past_leave(struct hf_past_dir *dir)
{
	for (size_t i = 0; i < dir->n; i++) {
		hf_dir_cursor_end(&dir->places[i].cursor);
		hf_dir_free(dir->places[i].dir);
	}
	dir->n = 0;
}

/* ---- entries ---- */

bool hf_past_same(const struct hf_entry *now, const struct hf_entry *then)
{
	return now->type == then->type && now->mtime == then->mtime && now->ctime == then->ctime &&
		now->mode == then->mode && now->uid == then->uid && now->gid == then->gid &&
		(now->type != HF_REG || now->size == then->size) && !then->incomplete;
}

hf_err hf_past_find(struct hf_past *past, struct hf_past_dir *dir, const struct hf_entry *now,
	struct hf_found *out)
{
	(void)past;
	*out = (struct hf_found){0};
	for (size_t i = 0; i < dir->n; i++) {
		struct hf_past_place *place = &dir->places[i];
		bool there;

		HF_TRY(place_go_to(place, now->name, &there));
		if (!there || (out->entry && !hf_past_same(now, place->next)))
			continue;
		*out = (struct hf_found){
			.entry = place->next,
			.block = place->cursor.block,
			.number = i == 0 ? place->passed : UINT64_MAX,
			.unfinished = place->unfinished,
		};
		if (hf_past_same(now, place->next))
			return NULL;
	}
	return NULL;
}

static bool lies_in_shared(const struct hf_past *past, const struct hf_entry *entry)
{
	return entry->type == HF_REG && entry->size < past->bundle_below;
}

bool hf_past_leaves(const struct hf_past *past, const struct hf_entry *then)
{
	if (past->reopen.n == 0 || !lies_in_shared(past, then))
		return false;
	for (size_t i = 0; i < then->extents.n; i++) {
		if (hf_map_get(&past->reopen, &then->extents.at[i].chunk))
			return true;
	}
	return false;
}

void hf_past_use(struct hf_past *past, const struct hf_entry *then)
{
	if (!lies_in_shared(past, then))
		return;
	for (size_t i = 0; i < then->extents.n; i++) {
		const struct hf_extent *extent = &then->extents.at[i];

		if (hf_extent_is_hole(extent))
			continue;
		/* Neighbours lie in one chunk. */
		if (!past->last_used || !hf_id_equal(&extent->chunk, &past->last)) {
			past->last_used = &hf_map_put(&past->used, &extent->chunk, NULL)->number;
			past->last = extent->chunk;
		}
		*past->last_used += extent->length;
	}
}

struct half_used {
	struct hf_repo *repo;
	struct hf_buf *out;
	struct hf_error *err;
};

static void add_half_used(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	struct half_used *half = arg;
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n = 0;

	if (!half->err)
		half->err = hf_segments_find(half->repo, id, places, &n);
	if (n > 0 && value->number * 2 < places[0].row.plain)
		hf_buf_add(half->out, id->bytes, HF_ID_LEN);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, HF_ID_LEN);
}

hf_err hf_past_half_used(struct hf_past *past, struct hf_repo *repo, struct hf_buf *out)
{
	struct half_used half = {.repo = repo, .out = out};

	hf_map_each(&past->used, add_half_used, &half);
	if (out->len > 0)
		qsort(out->at, out->len / HF_ID_LEN, HF_ID_LEN, by_id);
	return half.err;
}
