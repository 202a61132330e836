/* Which copies are marked as bad, which chunks are wanted for that, and what stands in for them. */
#include "backend/repo/catalog.h"
#include "backend/repo/catalog_db.h"

bool hf_catalog_is_bad_copy(
	struct hf_catalog *catalog, const struct hf_id *chunk, const struct hf_id *pack)
{
	HF_USE use = hf_use_begin(catalog, IS_BAD_COPY);

	hf_use_id(&use, 1, chunk);
	hf_use_id(&use, 2, pack);
	return sqlite3_step(use.statement) == SQLITE_ROW;
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

hf_err hf_catalog_each_substitute(
	struct hf_catalog *catalog, const struct hf_id *lost, hf_substitute_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_SUBSTITUTE);
	bool row;

	hf_use_id(&use, 1, lost);
	for (;;) {
		HF_RELEASED(hf_arena) arena = {0};
		struct hf_record record;

		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		const struct hf_span body = hf_span(sqlite3_column_blob(use.statement, 0),
			(size_t)sqlite3_column_bytes(use.statement, 0));

		HF_TRY(hf_record_parse_body(HF_RECORD_SUBSTITUTE, body, &arena, &record));
		HF_TRY(each(arg, &record.substitute));
	}
}
