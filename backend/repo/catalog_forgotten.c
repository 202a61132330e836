#include "backend/base/text.h"
#include "backend/repo/catalog.h"
#include "backend/repo/catalog_db.h"

static struct hf_span value_span(sqlite3_value *value)
{
	const void *at = sqlite3_value_blob(value);

	return hf_span(at ? at : "", (size_t)sqlite3_value_bytes(value));
}

static bool matches(struct hf_span patterns, struct hf_span source)
{
	if (patterns.len == 0)
		return true;
	for (size_t from = 0, i = 0; i < patterns.len; i++) {
		if (patterns.at[i] != '\n')
			continue;
		HF_FREED char *pattern = hf_strndup((const char *)patterns.at + from, i - from);

		if (hf_glob_match(pattern, source))
			return true;
		from = i + 1;
	}
	return false;
}

/* hf_matches(patterns, source) */
static void matches_in_sql(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	sqlite3_result_int(context, matches(value_span(values[0]), value_span(values[1])));
}

hf_err hf_forgotten_connect(struct hf_catalog *catalog)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	return sqlite3_create_function_v2(catalog->db, "hf_matches", 2, flags, NULL, matches_in_sql,
		       NULL, NULL, NULL) == SQLITE_OK
		? NULL
		: hf_catalog_error(catalog, "adding a function");
}

static hf_err forget_source(
	struct hf_catalog *catalog, struct hf_span source, const struct hf_seen *seen)
{
	HF_USE use = hf_use_begin(catalog, FORGET_SOURCE);

	hf_use_text(&use, 1, source);
	hf_use_int(&use, 2, seen->time);
	return hf_use_run(&use, "forgetting a source");
}

static hf_err forget_snapshot(struct hf_catalog *catalog, const uint8_t id[HF_SNAPSHOT_ID_LEN],
	struct hf_span patterns, int64_t seen)
{
	HF_USE use = hf_use_begin(catalog, FORGET_SNAPSHOT);

	hf_use_bytes(&use, 1, hf_span(id, HF_SNAPSHOT_ID_LEN));
	hf_use_text(&use, 2, patterns);
	hf_use_int(&use, 3, seen);
	return hf_use_run(&use, "forgetting a snapshot");
}

hf_err hf_catalog_add_tombstone(struct hf_catalog *catalog, const struct hf_record *record,
	const struct hf_seen *seen, struct hf_span patterns)
{
	const struct hf_tombstone *tombstone = &record->tombstone;

	for (size_t i = 0; i < tombstone->n_snapshots; i++)
		HF_TRY(forget_snapshot(catalog, tombstone->snapshots[i], patterns, seen->time));
	if (tombstone->source.len && tombstone->n_names == 0)
		HF_TRY(forget_source(catalog, tombstone->source, seen));
	/* Kept whole too: checkpoints carry it on, and journal entries are told by name. */
	return hf_catalog_add_record(catalog, record, seen);
}
