#include "backend/repo/catalog.h"

#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/catalog_db.h"

/* ---- snapshots and other records ---- */

static hf_err add_labels(struct hf_catalog *catalog, const struct hf_pairs *labels,
	const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	for (size_t i = 0; i < labels->n; i++) {
		HF_USE use = hf_use_begin(catalog, ADD_LABEL);

		hf_use_text(&use, 1, labels->at[i].key);
		hf_use_text(&use, 2, labels->at[i].value);
		hf_use_bytes(&use, 3, hf_span(id, HF_SNAPSHOT_ID_LEN));
		HF_TRY(hf_use_run(&use, "adding a label"));
	}
	return NULL;
}

hf_err hf_catalog_add_snapshot(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen)
{
	const struct hf_snapshot *snapshot = &record->snapshot;
	const bool finished = record->kind == HF_RECORD_SNAPSHOT;
	uint8_t id[HF_SNAPSHOT_ID_LEN];

	hf_snapshot_id(record->body, id);
	{
		HF_USE use = hf_use_begin(catalog, ADD_SNAPSHOT);

		hf_use_bytes(&use, 1, hf_span(id, sizeof(id)));
		hf_use_text(&use, 2, snapshot->source);
		hf_use_int(&use, 3, snapshot->moment);
		hf_use_int(&use, 4, seen->time);
		hf_use_int(&use, 5, seen->slot);
		hf_use_int(&use, 6, finished);
		hf_use_bytes(&use, 7, hf_span(snapshot->run, HF_RUN_LEN));
		hf_use_id(&use, 8, &seen->commit);
		hf_use_bytes(&use, 9, record->body);
		hf_use_int(&use, 10, seen->stated);
		hf_use_int(&use, 11, snapshot->ended);
		HF_TRY(hf_use_run(&use, "adding a snapshot"));
	}
	return finished ? add_labels(catalog, &snapshot->labels, id) : NULL;
}

hf_err hf_catalog_add_record(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen)
{
	struct hf_id digest;

	hf_sha256(record->body, &digest);
	HF_USE use = hf_use_begin(catalog, ADD_RECORD);

	hf_use_int(&use, 1, record->kind);
	hf_use_int(&use, 2, seen->slot);
	hf_use_int(&use, 3, seen->time);
	hf_use_id(&use, 4, &seen->commit);
	hf_use_bytes(&use, 5, record->body);
	hf_use_id(&use, 6, &digest);
	hf_use_int(&use, 7, seen->stated);
	return hf_use_run(&use, "adding a record");
}

hf_err hf_catalog_has_run(struct hf_catalog *catalog, const uint8_t run[HF_RUN_LEN], bool *known)
{
	HF_USE use = hf_use_begin(catalog, HAS_RUN);

	hf_use_bytes(&use, 1, hf_span(run, HF_RUN_LEN));
	return hf_use_step(&use, known);
}

hf_err hf_catalog_each_record_of(
	struct hf_catalog *catalog, const struct hf_id *commit, hf_body_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_RECORD_OF);
	bool row;

	hf_use_id(&use, 1, commit);
	for (;;) {
		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		HF_TRY(each(arg, (enum hf_record_kind)sqlite3_column_int(use.statement, 0),
			(uint32_t)sqlite3_column_int64(use.statement, 1),
			hf_span(sqlite3_column_blob(use.statement, 2),
				(size_t)sqlite3_column_bytes(use.statement, 2))));
	}
}

/* A whole id is found by its key; for a prefix all are looked at. */
static bool is_whole(const char *id_prefix)
{
	return strlen(id_prefix) == 2 * HF_SNAPSHOT_ID_LEN;
}

/* The query's text: only what is asked for is in it, so that each form can use its index. */
static void print_query(const struct hf_snapshot_query *query, struct hf_buf *out)
{
	const char *way = query->newest_only ? "DESC" : "ASC";

	hf_buf_printf(out,
		"SELECT s.id, s.run, s.source, %s, s.moment, s.seen, s.slot, s.finished FROM %s s",
		query->bodies ? "s.body" : "x''", query->ahead ? "kept" : "shown");
	if (query->label_key)
		hf_buf_printf(
			out, " JOIN labels l ON l.snapshot = s.id AND l.key = ?4 AND l.value = ?5");
	hf_buf_printf(out, " WHERE %s", query->unfinished ? "NOT s.finished" : "s.finished");
	if (query->unfinished)
		hf_buf_printf(out,
			" AND NOT EXISTS"
			" (SELECT 1 FROM snapshots f WHERE f.run = s.run AND f.finished)");
	if (query->source)
		hf_buf_printf(out, " AND s.source = ?1");
	if (query->bounded)
		hf_buf_printf(out, " AND s.moment <= ?2");
	if (query->id_prefix && is_whole(query->id_prefix))
		hf_buf_printf(out, " AND s.id = ?3");
	else if (query->id_prefix)
		hf_buf_printf(out, " AND substr(lower(hex(s.id)), 1, length(?3)) = ?3");
	hf_buf_printf(out, " ORDER BY s.moment %s, s.seen %s, s.ended %s, s.id %s%s", way, way, way,
		way, query->newest_only ? " LIMIT 1" : "");
}

static hf_err show_snapshot(sqlite3_stmt *statement, hf_snapshot_row_fn *each, void *arg)
{
	struct hf_snapshot_row row = {
		.source = hf_span(sqlite3_column_text(statement, 2),
			(size_t)sqlite3_column_bytes(statement, 2)),
		.body = hf_span(sqlite3_column_blob(statement, 3),
			(size_t)sqlite3_column_bytes(statement, 3)),
		.moment = sqlite3_column_int64(statement, 4),
		.seen = sqlite3_column_int64(statement, 5),
		.slot = (uint32_t)sqlite3_column_int64(statement, 6),
		.finished = sqlite3_column_int(statement, 7) != 0,
	};

	hf_column_bytes(statement, 0, row.id, sizeof(row.id));
	hf_column_bytes(statement, 1, row.run, sizeof(row.run));
	return each(arg, &row);
}

/* The same is asked for again and again; who asks meanwhile prepares one of its own. */
static sqlite3_stmt *take_query(struct hf_catalog *catalog, bool unfinished, const char *text)
{
	sqlite3_stmt *last = HF_STEAL(catalog->asked[unfinished]), *fresh = NULL;

	if (last && strcmp(sqlite3_sql(last), text) == 0)
		return last;
	sqlite3_finalize(last);
	sqlite3_prepare_v2(catalog->db, text, -1, &fresh, NULL);
	return fresh;
}

static void keep_query(struct hf_catalog *catalog, bool unfinished, sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	sqlite3_finalize(catalog->asked[unfinished]);
	catalog->asked[unfinished] = statement;
}

static void bind_query(struct hf_use *use, const struct hf_snapshot_query *query, uint8_t *id)
{
	/* Binding a parameter that the text lacks fails, and does no harm. */
	if (query->source)
		hf_use_text(use, 1, hf_span_str(query->source));
	hf_use_int(use, 2, query->until);
	if (query->id_prefix && is_whole(query->id_prefix) &&
		hf_unhex(query->id_prefix, 2 * HF_SNAPSHOT_ID_LEN, id))
		hf_use_bytes(use, 3, hf_span(id, HF_SNAPSHOT_ID_LEN));
	else if (query->id_prefix)
		hf_use_text(use, 3, hf_span_str(query->id_prefix));
	if (query->label_key) {
		hf_use_text(use, 4, hf_span_str(query->label_key));
		hf_use_text(use, 5, hf_span_str(query->label_value));
	}
}

hf_err hf_catalog_snapshots(struct hf_catalog *catalog, const struct hf_snapshot_query *query,
	hf_snapshot_row_fn *each, void *arg)
{
	HF_RELEASED(hf_buf) text = {0};
	struct hf_error *err = NULL;

	print_query(query, &text);
	pthread_mutex_lock(&catalog->lock);
	struct hf_use use = {catalog, take_query(catalog, query->unfinished, hf_buf_text(&text))};

	if (use.statement) {
		uint8_t id[HF_SNAPSHOT_ID_LEN];
		bool row = true;

		bind_query(&use, query, id);
		while (!err && !(err = hf_use_step(&use, &row)) && row)
			err = show_snapshot(use.statement, each, arg);
		keep_query(catalog, query->unfinished, use.statement);
	} else {
		err = hf_catalog_error(catalog, "asking for snapshots");
	}
	pthread_mutex_unlock(&catalog->lock);
	return err;
}

hf_err hf_catalog_sources(struct hf_catalog *catalog, hf_name_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, SOURCES);

	return hf_use_names(&use, each, arg);
}

hf_err hf_catalog_labels(struct hf_catalog *catalog, const char *key, hf_name_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, key ? LABEL_VALUES : LABEL_KEYS);

	if (key)
		hf_use_text(&use, 1, hf_span_str(key));
	return hf_use_names(&use, each, arg);
}

struct commits {
	struct hf_catalog *catalog;
	hf_name_fn *each;
	void *arg;
};

static hf_err judge_commit(void *arg, const char *name)
{
	const struct commits *commits = arg;
	struct hf_id id;
	int64_t time;

	HF_TRY(hf_catalog_blame(commits->catalog,
		name ? hf_commit_name_parse(name, &time, &id)
		     : hf_error_new(HF_CORRUPT, "a commit without a name")));
	return commits->each(commits->arg, name);
}

hf_err hf_use_commits(struct hf_use *use, hf_name_fn *each, void *arg)
{
	struct commits commits = {use->catalog, each, arg};

	return hf_use_names(use, judge_commit, &commits);
}

static hf_err first_commit(struct hf_catalog *catalog, int64_t after, int64_t *time)
{
	HF_USE use = hf_use_begin(catalog, FIRST_COMMIT);
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id = {{0}};
	const char *found;
	bool row;

	/* Names have whole seconds. */
	hf_commit_name(after + HF_NS_PER_S, &id, name);
	hf_use_text(&use, 1, hf_span_str(name));
	HF_TRY(hf_use_step(&use, &row));
	found = row ? (const char *)sqlite3_column_text(use.statement, 0) : NULL;
	*time = 0;
	return found ? hf_catalog_blame(catalog, hf_commit_name_parse(found, time, &id)) : NULL;
}

hf_err hf_catalog_hide_ahead(struct hf_catalog *catalog, int64_t limit, int64_t *first)
{
	int64_t hidden;

	HF_TRY(first_commit(catalog, limit, first));
	HF_TRY(hf_catalog_fact(catalog, "ahead", &hidden));
	/* Not noted each time: to who asks whether anything changed, a change is a change. */
	return *first == hidden ? NULL : hf_catalog_set(catalog, "ahead", *first);
}

uint64_t hf_catalog_version(struct hf_catalog *catalog)
{
	HF_USE use = hf_use_begin(catalog, DATA_VERSION);
	uint64_t others = 0;

	hf_view_drop(catalog);

	/* data_version counts what other connections changed, total_changes what this one did. */
	if (sqlite3_step(use.statement) == SQLITE_ROW)
		others = (uint64_t)sqlite3_column_int64(use.statement, 0);
	return (others << 40) + (uint64_t)sqlite3_total_changes64(catalog->db);
}

/* ---- what a revoked slot said ---- */

hf_err hf_catalog_each_commit_of(
	struct hf_catalog *catalog, uint32_t slot, hf_name_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_COMMIT_OF);

	hf_use_int(&use, 1, slot);
	return hf_use_commits(&use, each, arg);
}

static hf_err take_back(
	struct hf_catalog *catalog, enum hf_query query, uint32_t slot, int64_t cutoff)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_int(&use, 1, slot);
	hf_use_int(&use, 2, cutoff);
	return hf_use_run(&use, "taking back what a slot said");
}

static hf_err drop_since(struct hf_catalog *catalog, enum hf_query query, int64_t cutoff)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_int(&use, 1, cutoff);
	return hf_use_run(&use, "dropping records");
}

/*
 * All commits, not the slot's alone: it may have said first what an honest one said too, which must
 * come back. Other slots' snapshots stay where they are meanwhile; a mount goes on showing them.
 */
static hf_err distrust(struct hf_catalog *catalog, uint32_t slot, int64_t cutoff)
{
	char from[HF_COMMIT_NAME_LEN + 1];
	const struct hf_id lowest = {{0}};

	hf_commit_name(cutoff, &lowest, from);
	/* Judged anew with their commits. */
	HF_TRY(hf_catalog_set(catalog, "listed", 0));
	HF_TRY(hf_catalog_set(catalog, "claimed keyring", 0));
	HF_TRY(hf_catalog_set(catalog, "claimed checkpoint", 0));
	HF_TRY(take_back(catalog, DISTRUST_LABELS, slot, cutoff));
	HF_TRY(take_back(catalog, DISTRUST_SNAPSHOTS, slot, cutoff));
	HF_TRY(drop_since(catalog, FORGET_RECORDS, cutoff));
	HF_TRY(drop_since(catalog, FORGET_ANNOUNCEMENTS, cutoff));
	HF_TRY(drop_since(catalog, UNFORGET_SNAPSHOTS, cutoff));
	HF_TRY(drop_since(catalog, UNFORGET_SOURCES, cutoff));
	HF_TRY(drop_since(catalog, UNPROVE, cutoff));
	HF_USE use = hf_use_begin(catalog, FORGET_COMMITS);

	hf_use_text(&use, 1, hf_span_str(from));
	return hf_use_run(&use, "forgetting commits");
}

hf_err hf_catalog_distrust(
	struct hf_catalog *catalog, uint32_t slot, size_t n_counts, int64_t cutoff)
{
	HF_FREED char *fact = hf_format("revoked %u", slot);
	int64_t done;

	HF_TRY(hf_catalog_fact(catalog, fact, &done));
	if (done == (int64_t)n_counts + 1)
		return NULL;
	HF_TRY(hf_catalog_begin(catalog));
	struct hf_error *err = distrust(catalog, slot, cutoff);

	if (!err)
		err = hf_catalog_set(catalog, fact, (int64_t)n_counts + 1);
	if (!err)
		return hf_catalog_end(catalog);
	hf_catalog_cancel(catalog);
	return err;
}
