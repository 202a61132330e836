#include "backend/repo/catalog.h"
#include "backend/repo/catalog_db.h"
#include "backend/repo/catalog_state.h"

/* ---- packs and chunks ---- */

void hf_pack_object_name(const struct hf_pack *pack, char out[HF_COMMIT_NAME_LEN + 1])
{
	if (pack->kind == HF_COMMIT)
		hf_commit_name(pack->time, &pack->id, out);
	else
		hf_pack_name(pack->kind, &pack->id, out);
}

static hf_err find_pack(
	struct hf_catalog *catalog, const struct hf_id *id, int64_t *n, bool *tabled)
{
	HF_USE use = hf_use_begin(catalog, FIND_PACK);
	bool row;

	hf_use_id(&use, 1, id);
	HF_TRY(hf_use_step(&use, &row));
	*n = row ? sqlite3_column_int64(use.statement, 0) : 0;
	*tabled = row && sqlite3_column_int(use.statement, 1);
	return NULL;
}

hf_err hf_catalog_pack_number(struct hf_catalog *catalog, const struct hf_id *id, int64_t *n)
{
	bool tabled;

	return find_pack(catalog, id, n, &tabled);
}

static hf_err add_chunk(
	struct hf_catalog *catalog, enum hf_query query, int64_t pack, const struct hf_row *row)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_id(&use, 1, &row->id);
	hf_use_int(&use, 2, pack);
	hf_use_int(&use, 3, row->offset);
	hf_use_int(&use, 4, row->stored);
	hf_use_int(&use, 5, row->plain);
	return hf_use_run(&use, "adding a chunk");
}

hf_err hf_catalog_add_chunk(struct hf_catalog *catalog, int64_t pack, const struct hf_row *row)
{
	return add_chunk(catalog, ADD_CHUNK, pack, row);
}

static hf_err insert_pack(
	struct hf_catalog *catalog, const struct hf_pack *pack, bool tabled, int64_t *n)
{
	HF_USE use = hf_use_begin(catalog, ADD_PACK);

	hf_use_id(&use, 1, &pack->id);
	hf_use_int(&use, 2, pack->kind);
	hf_use_int(&use, 3, pack->time);
	hf_use_int(&use, 4, (int64_t)pack->size);
	hf_use_bytes(&use, 5, hf_span(pack->header, HF_HEADER_LEN));
	hf_use_int(&use, 6, pack->slot);
	hf_use_int(&use, 7, pack->seen);
	hf_use_int(&use, 8, pack->proven);
	hf_use_int(&use, 9, pack->depth);
	hf_use_int(&use, 10, tabled);
	hf_use_int(&use, 11, pack->stated);
	HF_TRY(hf_use_run(&use, "adding a pack"));
	*n = sqlite3_last_insert_rowid(catalog->db);
	return NULL;
}

static hf_err set_tabled(struct hf_catalog *catalog, int64_t n)
{
	HF_USE use = hf_use_begin(catalog, TABLE_PACK);

	hf_use_int(&use, 1, n);
	return hf_use_run(&use, "noting a pack's table");
}

static hf_err has_row(
	struct hf_catalog *catalog, int64_t pack, const struct hf_row *row, bool *there)
{
	HF_USE use = hf_use_begin(catalog, HAS_ROW);

	hf_use_id(&use, 1, &row->id);
	hf_use_int(&use, 2, pack);
	hf_use_int(&use, 3, row->offset);
	hf_use_int(&use, 4, row->stored);
	hf_use_int(&use, 5, row->plain);
	return hf_use_step(&use, there);
}

hf_err hf_catalog_weigh_pack(struct hf_catalog *catalog, const struct hf_pack *pack,
	const struct hf_table *table, enum hf_pack_word *word)
{
	struct hf_pack known;
	bool same;
	int64_t n;

	*word = HF_PACK_NEW;
	HF_TRY(hf_catalog_pack_number(catalog, &pack->id, &n));
	if (n == 0)
		return NULL;
	*word = HF_PACK_KNOWN;
	HF_TRY(hf_catalog_pack(catalog, n, &known));
	/* A checkpoint vouches for what its segments say. */
	if (known.stated && !known.tabled)
		return NULL;
	same = known.kind == pack->kind && known.size == pack->size &&
		memcmp(known.header, pack->header, HF_HEADER_LEN) == 0;
	for (size_t i = 0; same && i < table->n; i++) {
		if (!hf_id_is_zero(&table->rows[i].id))
			HF_TRY(has_row(catalog, n, &table->rows[i], &same));
	}
	if (!same)
		*word = HF_PACK_DISPUTED;
	return NULL;
}

hf_err hf_catalog_correct_pack(
	struct hf_catalog *catalog, const struct hf_pack *pack, const struct hf_table *table)
{
	int64_t n;

	HF_TRY(hf_catalog_pack_number(catalog, &pack->id, &n));
	{
		HF_USE use = hf_use_begin(catalog, CORRECT_PACK);

		hf_use_int(&use, 1, n);
		hf_use_int(&use, 2, pack->kind);
		hf_use_int(&use, 3, pack->time);
		hf_use_int(&use, 4, (int64_t)pack->size);
		hf_use_bytes(&use, 5, hf_span(pack->header, HF_HEADER_LEN));
		HF_TRY(hf_use_run(&use, "correcting a pack"));
	}
	for (size_t i = 0; i < table->n; i++) {
		if (!hf_id_is_zero(&table->rows[i].id))
			HF_TRY(add_chunk(catalog, CORRECT_CHUNK, n, &table->rows[i]));
	}
	return NULL;
}

hf_err hf_catalog_add_pack(struct hf_catalog *catalog, const struct hf_pack *pack,
	const struct hf_table *table, int64_t *n)
{
	bool tabled, swept;

	HF_TRY(find_pack(catalog, &pack->id, n, &tabled));
	if (!*n) {
		HF_TRY(hf_catalog_is_swept(catalog, &pack->id, &swept));
		if (swept)
			return NULL;
		HF_TRY(insert_pack(catalog, pack, table != NULL, n));
	} else if (table && !tabled) {
		HF_TRY(set_tabled(catalog, *n));
	} else {
		return NULL;
	}
	for (size_t i = 0; table && i < table->n; i++) {
		if (!hf_id_is_zero(&table->rows[i].id))
			HF_TRY(hf_catalog_add_chunk(catalog, *n, &table->rows[i]));
	}
	return NULL;
}

/* Must copies be judged one by one? */
static hf_err any_suspect(struct hf_catalog *catalog, bool *any)
{
	HF_USE use = hf_use_begin(catalog, ANY_SUSPECT);
	bool row = false;

	/* Asked once for each view of the file, and always while it is being changed. */
	hf_view_hold(catalog);
	if (!catalog->judged || catalog->open) {
		HF_TRY(hf_use_step(&use, &row));
		catalog->suspect = row && sqlite3_column_int(use.statement, 0);
		catalog->judged = !catalog->open && catalog->held > 0;
	}
	*any = catalog->suspect;
	return NULL;
}

hf_err hf_catalog_safe_copy(struct hf_catalog *catalog, const struct hf_id *id, int64_t *pack)
{
	bool row, suspect;

	HF_TRY(any_suspect(catalog, &suspect));
	HF_USE use = hf_use_begin(catalog, suspect ? SAFE_COPY : ANY_COPY);

	hf_use_id(&use, 1, id);
	HF_TRY(hf_use_step(&use, &row));
	*pack = row ? sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

static struct hf_location read_place(sqlite3_stmt *statement)
{
	return (struct hf_location){
		.pack = sqlite3_column_int64(statement, 0),
		.row =
			{
				.offset = (uint32_t)sqlite3_column_int64(statement, 1),
				.stored = (uint32_t)sqlite3_column_int64(statement, 2),
				.plain = (uint32_t)sqlite3_column_int64(statement, 3),
			},
	};
}

hf_err hf_catalog_find_more(struct hf_catalog *catalog, const struct hf_id *id, size_t skip,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n)
{
	bool suspect;

	HF_TRY(any_suspect(catalog, &suspect));
	HF_USE use = hf_use_begin(catalog, suspect ? FIND_CHUNK : PLAIN_CHUNK);

	hf_use_id(&use, 1, id);
	hf_use_int(&use, 2, (int64_t)skip);
	for (*n = 0; *n < HF_MAX_LOCATIONS; ++*n) {
		bool row;

		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		out[*n] = read_place(use.statement);
		out[*n].row.id = *id;
	}
	return NULL;
}

hf_err hf_catalog_find(struct hf_catalog *catalog, const struct hf_id *id,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n)
{
	return hf_catalog_find_more(catalog, id, 0, out, n);
}

hf_err hf_catalog_each_place(struct hf_catalog *catalog, hf_place_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_CHUNK);
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		struct hf_location place = read_place(use.statement);

		hf_column_bytes(use.statement, 4, place.row.id.bytes, HF_ID_LEN);
		HF_TRY(each(arg, &place));
	}
}

static void read_pack(sqlite3_stmt *statement, struct hf_pack *out)
{
	*out = (struct hf_pack){
		.n = sqlite3_column_int64(statement, 0),
		.kind = (enum hf_object_kind)sqlite3_column_int(statement, 2),
		.time = sqlite3_column_int64(statement, 3),
		.size = (uint64_t)sqlite3_column_int64(statement, 4),
		.slot = (uint32_t)sqlite3_column_int64(statement, 6),
		.seen = sqlite3_column_int64(statement, 7),
		.proven = sqlite3_column_int64(statement, 8),
		.depth = (uint8_t)sqlite3_column_int(statement, 9),
		.tabled = sqlite3_column_int(statement, 10) != 0,
		.stated = sqlite3_column_int(statement, 11) != 0,
	};
	hf_column_bytes(statement, 1, out->id.bytes, HF_ID_LEN);
	hf_column_bytes(statement, 5, out->header, HF_HEADER_LEN);
}

hf_err hf_catalog_pack(struct hf_catalog *catalog, int64_t n, struct hf_pack *out)
{
	HF_USE use = hf_use_begin(catalog, GET_PACK);
	bool row;

	hf_use_int(&use, 1, n);
	HF_TRY(hf_use_step(&use, &row));
	if (!row)
		return hf_error_new(HF_NOT_FOUND, "no pack %lld in the catalog", (long long)n);
	read_pack(use.statement, out);
	return NULL;
}

hf_err hf_catalog_each_pack(struct hf_catalog *catalog, hf_pack_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_PACK);
	struct hf_pack pack;
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		read_pack(use.statement, &pack);
		HF_TRY(each(arg, &pack));
	}
}
