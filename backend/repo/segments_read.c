/* What the segments of the newest checkpoint say, taken into the catalog: at once, or when asked.
 */
#include "backend/repo/segments_read.h"

#include <stdlib.h>

#include "backend/format/wire.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/segment.h"
#include "backend/repo/state.h"

static hf_err collect(void *arg, const struct hf_segment_ref *ref)
{
	struct hf_segment_refs *refs = arg;

	refs->at = hf_grow(refs->at, &refs->cap, refs->n + 1, sizeof(*refs->at));
	refs->at[refs->n++] = *ref;
	return NULL;
}

typedef struct hf_error *block_fn(
	struct hf_repo *repo, const struct hf_segment *table, struct hf_span rows);

/* Blocks [from, to). */
static hf_err each_block(struct hf_repo *repo, struct hf_segment_reader *reader, size_t from,
	size_t to, block_fn *each)
{
	for (size_t i = from; i < to; i++) {
		struct hf_span rows;

		HF_TRY(hf_segment_block(reader, i, &rows));
		HF_TRY(each(repo, hf_segment_table(reader), rows));
	}
	return NULL;
}

static hf_err take_all(struct hf_repo *repo, enum hf_segment_kind kind, block_fn *each)
{
	HF_RELEASED(hf_segment_refs) refs = {0};

	HF_TRY(hf_catalog_each_unread(repo->catalog, kind, NULL, collect, &refs));
	for (size_t i = 0; i < refs.n; i++) {
		HF_OWNED(hf_segment_reader) reader = NULL;

		HF_TRY(hf_segment_open_whole(repo, &refs.at[i], &reader));
		HF_TRY(each_block(repo, reader, 0, hf_segment_table(reader)->n_blocks, each));
		HF_TRY(hf_catalog_read_segment(repo->catalog, &refs.at[i].object));
	}
	return NULL;
}

/* ---- packs ---- */

static hf_err take_pack_rows(
	struct hf_repo *repo, const struct hf_segment *table, struct hf_span block)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_pack_row *rows;
	size_t count;

	(void)table;
	HF_TRY(hf_pack_rows_parse(block, &arena, &rows, &count));
	for (size_t i = 0; i < count; i++) {
		struct hf_pack pack = {
			.id = rows[i].id,
			.kind = (enum hf_object_kind)rows[i].header.kind,
			.time = rows[i].seen,
			.size = rows[i].size,
			.slot = rows[i].slot,
			.seen = rows[i].seen,
			.proven = rows[i].proven,
			.depth = rows[i].depth,
			.stated = true,
		};
		int64_t n;

		hf_header_print(&rows[i].header, pack.header);
		HF_TRY(hf_catalog_add_pack(repo->catalog, &pack, NULL, &n));
		if (n)
			HF_TRY(hf_catalog_state_pack(repo->catalog, n));
	}
	return NULL;
}

hf_err hf_segments_take_packs(struct hf_repo *repo)
{
	return take_all(repo, HF_SEGMENT_PACKS, take_pack_rows);
}

/* ---- records ---- */

static hf_err take_record_rows(
	struct hf_repo *repo, const struct hf_segment *table, struct hf_span block)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_record *records;
	size_t n;

	(void)table;
	HF_TRY(hf_records_parse(block, &arena, &records, &n));
	for (size_t i = 0; i + 1 < n; i += 2) {
		const struct hf_origin *origin = &records[i].origin;
		const struct hf_seen seen = {.slot = origin->slot,
			.time = origin->seen,
			.commit = origin->commit,
			.stated = true};

		if (records[i].kind != HF_RECORD_ORIGIN)
			return hf_error_new(HF_CORRUPT, "a record without an origin");
		HF_TRY(hf_sync_apply_stated(repo, &records[i + 1], &seen));
	}
	return NULL;
}

hf_err hf_segments_take_records(struct hf_repo *repo)
{
	return take_all(repo, HF_SEGMENT_RECORDS, take_record_rows);
}

/* ---- commits ---- */

static hf_err add_ids(struct hf_map *out, struct hf_span rows)
{
	if (rows.len % HF_ID_LEN)
		return hf_error_new(HF_CORRUPT, "a row of impossible length");
	for (size_t at = 0; at < rows.len; at += HF_ID_LEN) {
		struct hf_id id;

		memcpy(id.bytes, rows.at + at, HF_ID_LEN);
		hf_map_put(out, &id, NULL);
	}
	return NULL;
}

hf_err hf_segments_commits(struct hf_repo *repo, struct hf_map *out)
{
	HF_RELEASED(hf_segment_refs) refs = {0};

	/* They are never marked as read: nothing of them stays in the catalog. */
	HF_TRY(hf_catalog_each_unread(repo->catalog, HF_SEGMENT_COMMITS, NULL, collect, &refs));
	for (size_t i = 0; i < refs.n; i++) {
		HF_OWNED(hf_segment_reader) reader = NULL;

		HF_TRY(hf_segment_open_whole(repo, &refs.at[i], &reader));
		for (size_t b = 0; b < hf_segment_table(reader)->n_blocks; b++) {
			struct hf_span rows;

			HF_TRY(hf_segment_block(reader, b, &rows));
			HF_TRY(add_ids(out, rows));
		}
	}
	return NULL;
}

/* ---- chunks ---- */

static hf_err take_chunk_rows(
	struct hf_repo *repo, const struct hf_segment *table, struct hf_span block)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_chunk_row *rows;
	size_t count;

	HF_TRY(hf_chunk_rows_parse(block, &arena, &rows, &count));
	for (size_t i = 0; i < count; i++) {
		const struct hf_row row = {.id = rows[i].id,
			.offset = rows[i].offset,
			.stored = rows[i].stored,
			.plain = rows[i].plain};
		int64_t n;

		if (rows[i].pack >= table->packs.n)
			return hf_error_new(HF_CORRUPT, "a chunk of a pack that is not listed");
		HF_TRY(hf_catalog_pack_number(repo->catalog, &table->packs.at[rows[i].pack], &n));
		if (n) /* else it was swept since */
			HF_TRY(hf_catalog_add_chunk(repo->catalog, n, &row));
	}
	return NULL;
}

/* Has the catalog the rows of all its packs, because it read the commits? */
static hf_err all_tabled(struct hf_repo *repo, const struct hf_segment *table, bool *all)
{
	*all = true;
	for (size_t i = 0; i < table->packs.n && *all; i++) {
		struct hf_pack pack = {0};
		int64_t n;

		HF_TRY(hf_catalog_pack_number(repo->catalog, &table->packs.at[i], &n));
		if (n)
			HF_TRY(hf_catalog_pack(repo->catalog, n, &pack));
		*all = !n || pack.tabled;
	}
	return NULL;
}

static hf_err in_transaction(struct hf_repo *repo, struct hf_segment_reader *reader, size_t from,
	size_t to, const struct hf_id *whole)
{
	HF_TRY(hf_catalog_begin(repo->catalog));
	struct hf_error *err = each_block(repo, reader, from, to, take_chunk_rows);

	if (!err && whole)
		err = hf_catalog_read_segment(repo->catalog, whole);
	if (!err)
		return hf_catalog_end(repo->catalog);
	hf_catalog_cancel(repo->catalog);
	return err;
}

static hf_err read_chunks(struct hf_repo *repo, const struct hf_segment_ref *ref)
{
	HF_OWNED(hf_segment_reader) reader = NULL;
	bool all;

	HF_TRY(hf_segment_open_whole(repo, ref, &reader));
	const struct hf_segment *table = hf_segment_table(reader);

	HF_TRY(all_tabled(repo, table, &all));
	return in_transaction(repo, reader, 0, all ? 0 : table->n_blocks, &ref->object);
}

hf_err hf_segments_read(struct hf_repo *repo)
{
	HF_RELEASED(hf_segment_refs) refs = {0};
	struct hf_error *first = NULL;

	HF_TRY(hf_catalog_each_unread(repo->catalog, HF_SEGMENT_CHUNKS, NULL, collect, &refs));
	for (size_t i = 0; i < refs.n; i++) {
		struct hf_error *err = read_chunks(repo, &refs.at[i]);

		if (first)
			hf_error_free(err); /* the first says enough */
		else
			first = err;
	}
	return first;
}

static bool is_trusted(struct hf_repo *repo, const struct hf_id *digest)
{
	pthread_mutex_lock(&repo->trust_lock);
	const bool is = hf_map_get(&repo->trusted, digest) != NULL;

	pthread_mutex_unlock(&repo->trust_lock);
	return is;
}

/*
 * What is taken in stays in the catalog, and prunes go by it: so each is read whole once by every
 * process, and then by blocks, while its table is the one that was read whole.
 */
static hf_err open_trusted(
	struct hf_repo *repo, const struct hf_segment_ref *ref, struct hf_segment_reader **out)
{
	HF_OWNED(hf_segment_reader) paged = NULL;
	struct hf_error *err = hf_segment_open(repo, ref, &paged);
	struct hf_id digest;

	if (!err) {
		hf_segment_digest(paged, &digest);
		if (is_trusted(repo, &digest)) {
			*out = HF_STEAL(paged);
			return NULL;
		}
	}
	hf_error_free(err); /* one that is bad in all copies can't be read whole either */
	HF_TRY(hf_segment_open_whole(repo, ref, out));
	hf_segment_digest(*out, &digest);
	pthread_mutex_lock(&repo->trust_lock);
	hf_map_put(&repo->trusted, &digest, NULL);
	pthread_mutex_unlock(&repo->trust_lock);
	return NULL;
}

hf_err hf_segments_page_in(struct hf_repo *repo, const struct hf_id *id, bool *any)
{
	HF_RELEASED(hf_segment_refs) refs = {0};

	HF_TRY(hf_catalog_each_unread(repo->catalog, HF_SEGMENT_CHUNKS, id, collect, &refs));
	*any = refs.n > 0;
	for (size_t i = 0; i < refs.n; i++) {
		HF_OWNED(hf_segment_reader) reader = NULL;
		size_t from, to;

		HF_TRY(open_trusted(repo, &refs.at[i], &reader));
		hf_segment_find(reader, id, &from, &to);
		HF_TRY(in_transaction(repo, reader, from, to, NULL));
	}
	return NULL;
}

hf_err hf_segments_find(struct hf_repo *repo, const struct hf_id *id,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n)
{
	bool any;

	HF_TRY(hf_catalog_find(repo->catalog, id, out, n));
	if (*n > 0)
		return NULL;
	HF_TRY(hf_segments_page_in(repo, id, &any));
	return any ? hf_catalog_find(repo->catalog, id, out, n) : NULL;
}
