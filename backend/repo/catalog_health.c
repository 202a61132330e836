/* Which copies are marked as bad, which chunks are wanted for that, and what stands in for them. */
#include "backend/repo/catalog.h"
#include "backend/repo/catalog_db.h"

hf_err hf_catalog_is_bad_copy(
	struct hf_catalog *catalog, const struct hf_id *chunk, const struct hf_id *pack, bool *bad)
{
	HF_USE use = hf_use_begin(catalog, IS_BAD_COPY);

	hf_use_id(&use, 1, chunk);
	hf_use_id(&use, 2, pack);
	return hf_use_step(&use, bad);
}

hf_err hf_catalog_is_marked_by_other(struct hf_catalog *catalog, const struct hf_id *chunk,
	const struct hf_id *pack, uint32_t slot, bool *marked)
{
	HF_USE use = hf_use_begin(catalog, IS_BAD_FOR);

	hf_use_id(&use, 1, chunk);
	hf_use_id(&use, 2, pack);
	hf_use_int(&use, 3, slot);
	return hf_use_step(&use, marked);
}

hf_err hf_catalog_each_wanted(struct hf_catalog *catalog, hf_id_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_WANTED);
	bool row;

	for (;;) {
		struct hf_id chunk;

		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		hf_column_bytes(use.statement, 0, chunk.bytes, HF_ID_LEN);
		HF_TRY(each(arg, &chunk));
	}
}

hf_err hf_catalog_each_bad_pack(struct hf_catalog *catalog, hf_number_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_BAD_PACK);
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		HF_TRY(each(arg, sqlite3_column_int64(use.statement, 0)));
	}
}

/* Binds the bounds of what substitutes for this range begin with; they live in bounds. */
struct bounds {
	struct hf_buf least, beyond;
};

static void bounds_release(struct bounds *bounds)
{
	hf_buf_release(&bounds->least);
	hf_buf_release(&bounds->beyond);
}
#define BOUNDS __attribute__((cleanup(bounds_release))) struct bounds

static void bind_range(struct hf_use *use, struct bounds *bounds, const struct hf_extent *lost)
{
	hf_put_id(&bounds->least, &lost->chunk);
	hf_put_var(&bounds->least, lost->offset);
	hf_put_var(&bounds->least, lost->length);
	hf_buf_add_span(&bounds->beyond, hf_buf_span(&bounds->least));
	/* The last byte of a var is below 128. */
	bounds->beyond.at[bounds->beyond.len - 1]++;
	hf_use_bytes(use, 1, hf_buf_span(&bounds->least));
	hf_use_bytes(use, 2, hf_buf_span(&bounds->beyond));
}

hf_err hf_catalog_count_substitutes(
	struct hf_catalog *catalog, const struct hf_extent *lost, uint32_t slot, size_t *n)
{
	BOUNDS bounds = {0};
	HF_USE use = hf_use_begin(catalog, COUNT_SUBSTITUTES);
	bool row;

	bind_range(&use, &bounds, lost);
	hf_use_int(&use, 3, slot);
	HF_TRY(hf_use_step(&use, &row));
	*n = row ? (size_t)sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

hf_err hf_catalog_substitute(struct hf_catalog *catalog, const struct hf_extent *lost,
	size_t number, struct hf_arena *arena, struct hf_extents *out)
{
	BOUNDS bounds = {0};
	HF_USE use = hf_use_begin(catalog, GET_SUBSTITUTE);
	struct hf_record record;
	bool row;

	bind_range(&use, &bounds, lost);
	hf_use_int(&use, 3, (int64_t)number);
	HF_TRY(hf_use_step(&use, &row));
	if (!row)
		return hf_error_new(HF_NOT_FOUND, "no substitute of number %zu", number);
	const struct hf_span body = hf_span(sqlite3_column_blob(use.statement, 0),
		(size_t)sqlite3_column_bytes(use.statement, 0));

	/* What is parsed points into it. */
	HF_TRY(hf_catalog_blame(catalog,
		hf_record_parse_body(
			HF_RECORD_SUBSTITUTE, hf_arena_span(arena, body), arena, &record)));
	*out = record.substitute.extents;
	return NULL;
}

/* ---- of the catalog itself ---- */

#define HURT "hurt" /* a fact */

hf_err hf_catalog_blame(struct hf_catalog *catalog, struct hf_error *err)
{
	if (!err)
		return NULL;
	pthread_mutex_lock(&catalog->lock);
	catalog->hurt = true;
	/* For who comes next; if this fails, it meets the same. */
	sqlite3_exec(catalog->db, "INSERT OR REPLACE INTO facts VALUES('" HURT "', 1)", NULL, NULL,
		NULL);
	pthread_mutex_unlock(&catalog->lock);
	return hf_error_in(hf_error_as(err, HF_LOCAL),
		"the catalog %s is hurt, and the next command reads it anew",
		catalog->path ? catalog->path : "in memory");
}

bool hf_catalog_hurt(struct hf_catalog *catalog)
{
	int64_t fact = 0;

	hf_error_free(
		hf_catalog_fact(catalog, HURT, &fact)); /* who goes on with it meets the same */
	return fact > 0 || catalog->hurt;
}
