#include "backend/repo/history.h"

#include <stdlib.h>

#include "backend/repo/catalog.h"

#define MIN_PREFIX 4u

/* Rows of the catalog, copied while it shows them: nothing else may happen under its lock. */
struct rows {
	struct hf_arena *arena; /* of the caller */
	struct hf_snapshot_info *at;
	struct hf_span *bodies; /* as stored; empty where none was asked for */
	size_t n, cap, bodies_cap;
};

static void rows_release(struct rows *rows)
{
	free(rows->at);
	free(rows->bodies);
}
#define ROWS __attribute__((cleanup(rows_release))) struct rows

static hf_err add_row(void *arg, const struct hf_snapshot_row *row)
{
	struct rows *rows = arg;
	struct hf_snapshot_info *info;

	rows->at = hf_grow(rows->at, &rows->cap, rows->n + 1, sizeof(*rows->at));
	rows->bodies = hf_grow(rows->bodies, &rows->bodies_cap, rows->n + 1, sizeof(*rows->bodies));
	info = &rows->at[rows->n];
	*info = (struct hf_snapshot_info){
		.snapshot = {.source = hf_arena_span(rows->arena, row->source),
			.moment = row->moment},
		.finished = row->finished,
		.slot = row->slot,
		.seen = row->seen,
	};
	memcpy(info->id, row->id, sizeof(info->id));
	memcpy(info->snapshot.run, row->run, sizeof(info->snapshot.run));
	rows->bodies[rows->n] = hf_arena_span(rows->arena, row->body);
	rows->n++;
	return NULL;
}

static hf_err parse_body(struct hf_span body, struct hf_arena *arena, struct hf_snapshot_info *info)
{
	struct hf_record record;

	HF_TRY(hf_record_parse_body(
		info->finished ? HF_RECORD_SNAPSHOT : HF_RECORD_UNFINISHED, body, arena, &record));
	info->snapshot = record.snapshot;
	return NULL;
}

static hf_err ask(struct hf_repo *repo, const struct hf_snapshot_query *query, struct rows *rows)
{
	struct hf_catalog *catalog = hf_repo_catalog(repo);

	HF_TRY(hf_catalog_snapshots(catalog, query, add_row, rows));
	for (size_t i = 0; query->bodies && i < rows->n; i++)
		HF_TRY(hf_catalog_blame(
			catalog, parse_body(rows->bodies[i], rows->arena, &rows->at[i])));
	return NULL;
}

static hf_err ask_all(struct hf_repo *repo, const struct hf_snapshot_query *query,
	struct hf_arena *arena, struct hf_snapshots *out)
{
	ROWS rows = {.arena = arena};

	HF_TRY(ask(repo, query, &rows));
	out->at = hf_arena_copy(arena, rows.at, rows.n * sizeof(*rows.at));
	out->n = rows.n;
	return NULL;
}

/* ---- snapshots ---- */

hf_err hf_history_snapshots(
	struct hf_repo *repo, const char *source, struct hf_arena *arena, struct hf_snapshots *out)
{
	const struct hf_snapshot_query query = {.source = source, .bodies = true};

	return ask_all(repo, &query, arena, out);
}

hf_err hf_history_moments(
	struct hf_repo *repo, const char *source, struct hf_arena *arena, struct hf_snapshots *out)
{
	const struct hf_snapshot_query query = {.source = source};

	return ask_all(repo, &query, arena, out);
}

hf_err hf_history_labelled(struct hf_repo *repo, const char *key, const char *value,
	struct hf_arena *arena, struct hf_snapshots *out)
{
	const struct hf_snapshot_query query = {
		.label_key = key, .label_value = value, .bodies = true};

	return ask_all(repo, &query, arena, out);
}

hf_err hf_history_at(struct hf_repo *repo, const char *source, int64_t time, struct hf_arena *arena,
	struct hf_snapshot_info *out)
{
	const struct hf_snapshot_query query = {
		.source = source,
		.bounded = true,
		.until = time,
		.newest_only = true,
		.bodies = true,
	};
	ROWS rows = {.arena = arena};

	HF_TRY(ask(repo, &query, &rows));
	if (rows.n == 0)
		return hf_error_new(HF_NOT_FOUND, "%s has no snapshot%s", source,
			time == INT64_MAX ? "" : " as old as that");
	*out = rows.at[0];
	return NULL;
}

static bool is_hex(const char *text, size_t len)
{
	return strspn(text, "0123456789abcdef") == len;
}

hf_err hf_history_by_id(
	struct hf_repo *repo, const char *hex, struct hf_arena *arena, struct hf_snapshot_info *out)
{
	const struct hf_snapshot_query query = {.id_prefix = hex, .bodies = true};
	const size_t len = strlen(hex);
	ROWS rows = {.arena = arena};

	if (len < MIN_PREFIX || len > (size_t)2 * HF_SNAPSHOT_ID_LEN || !is_hex(hex, len))
		return hf_error_new(HF_INVALID,
			"\"%s\" is no snapshot's id: it has %u to %u hexadecimal digits", hex,
			MIN_PREFIX, 2 * HF_SNAPSHOT_ID_LEN);
	HF_TRY(ask(repo, &query, &rows));
	if (rows.n == 0)
		return hf_error_new(HF_NOT_FOUND, "no snapshot's id begins with %s", hex);
	if (rows.n > 1)
		return hf_error_new(HF_INVALID,
			"%s is ambiguous: the ids of %zu snapshots begin so", hex, rows.n);
	*out = rows.at[0];
	return NULL;
}

hf_err hf_history_unfinished(struct hf_repo *repo, const char *source, struct hf_arena *arena,
	struct hf_snapshot_info *out, bool *found)
{
	const struct hf_snapshot_query query = {
		.source = source, .unfinished = true, .newest_only = true, .bodies = true};
	ROWS rows = {.arena = arena};

	HF_TRY(ask(repo, &query, &rows));
	*found = rows.n > 0;
	if (*found)
		*out = rows.at[0];
	return NULL;
}

hf_err hf_history_live(struct hf_repo *repo, int64_t unfinished_since, struct hf_arena *arena,
	struct hf_snapshots *out)
{
	const struct hf_snapshot_query finished = {.ahead = true, .bodies = true};
	const struct hf_snapshot_query unfinished = {
		.unfinished = true, .ahead = true, .bodies = true};
	struct hf_snapshots other;
	size_t n;

	HF_TRY(ask_all(repo, &finished, arena, out));
	HF_TRY(ask_all(repo, &unfinished, arena, &other));
	n = out->n;

	struct hf_snapshot_info *all = hf_arena_alloc(arena, (n + other.n) * sizeof(*all));

	if (n)
		memcpy(all, out->at, n * sizeof(*all));
	for (size_t i = 0; i < other.n; i++) {
		if (other.at[i].seen >= unfinished_since)
			all[n++] = other.at[i];
	}
	out->at = all;
	out->n = n;
	return NULL;
}

/* ---- names ---- */

struct names {
	struct hf_arena *arena;
	struct hf_span *at;
	size_t n, cap;
};

static hf_err add_name(void *arg, const char *name)
{
	struct names *names = arg;
	const size_t len = strlen(name);

	names->at = hf_grow(names->at, &names->cap, names->n + 1, sizeof(*names->at));
	names->at[names->n++] = hf_span(hf_arena_str(names->arena, name, len), len);
	return NULL;
}

/* Takes names->at. */
static struct hf_names names_end(struct names *names)
{
	struct hf_names out = {.n = names->n};

	out.at = hf_arena_copy(names->arena, names->at, names->n * sizeof(*names->at));
	free(names->at);
	return out;
}

hf_err hf_history_sources(struct hf_repo *repo, struct hf_arena *arena, struct hf_names *out)
{
	struct names names = {.arena = arena};
	struct hf_error *err = hf_catalog_sources(hf_repo_catalog(repo), add_name, &names);
	struct hf_names all = names_end(&names);

	if (!err)
		*out = all;
	return err;
}

hf_err hf_history_labels(
	struct hf_repo *repo, const char *key, struct hf_arena *arena, struct hf_names *out)
{
	struct names names = {.arena = arena};
	struct hf_error *err = hf_catalog_labels(hf_repo_catalog(repo), key, add_name, &names);
	struct hf_names all = names_end(&names);

	if (!err)
		*out = all;
	return err;
}

uint64_t hf_history_version(struct hf_repo *repo)
{
	return hf_catalog_version(hf_repo_catalog(repo));
}
