#include "backend/repo/catalog.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"

#define CATALOG_VERSION 1

/*
 * chunks: WITHOUT ROWID keeps id and place in one b-tree, about 75 bytes a chunk. The id is kept
 * whole: a hostile writer knows the id key, and could make two ids of one half. There is no index
 * by pack: it would cost as much again, and a pack's own last section says what is in it.
 */
static const char schema[] =
	"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"CREATE TABLE commits(name TEXT PRIMARY KEY, slot INTEGER, counted INTEGER) WITHOUT ROWID;"
	"CREATE TABLE packs(n INTEGER PRIMARY KEY, id BLOB UNIQUE, kind INTEGER, time INTEGER,"
	" size INTEGER, header BLOB, slot INTEGER, seen INTEGER, proven INTEGER, depth INTEGER);"
	"CREATE TABLE chunks(id BLOB, pack INTEGER, offset INTEGER, stored INTEGER, plain INTEGER,"
	" PRIMARY KEY(id, pack)) WITHOUT ROWID;"
	"CREATE TABLE snapshots(id BLOB PRIMARY KEY, source TEXT, moment INTEGER, seen INTEGER,"
	" slot INTEGER, finished INTEGER, run BLOB, origin BLOB, body BLOB);"
	"CREATE INDEX snapshots_by_source ON snapshots(source, moment);"
	"CREATE INDEX snapshots_by_run ON snapshots(run);"
	"CREATE TABLE labels(key TEXT, value TEXT, snapshot BLOB, PRIMARY KEY(key, value, "
	"snapshot))"
	" WITHOUT ROWID;"
	"CREATE TABLE records(kind INTEGER, slot INTEGER, seen INTEGER, origin BLOB, body BLOB);";

/* Prepared once, by name. */
enum query {
	SET_FACT,
	GET_FACT,
	HAS_COMMIT,
	ADD_COMMIT,
	EACH_COMMIT,
	FIND_PACK,
	ADD_PACK,
	ADD_CHUNK,
	HAS_CHUNK,
	FIND_CHUNK,
	GET_PACK,
	EACH_PACK,
	ADD_SNAPSHOT,
	ADD_LABEL,
	ADD_RECORD,
	SOURCES,
	LABEL_KEYS,
	LABEL_VALUES,
	DATA_VERSION,
	QUERIES
};

#define PACK_COLUMNS "n, id, kind, time, size, header, slot, seen, proven, depth"

static const char *const sql[QUERIES] = {
	[SET_FACT] = "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
	[GET_FACT] = "SELECT value FROM facts WHERE name = ?1",
	[HAS_COMMIT] = "SELECT 1 FROM commits WHERE name = ?1",
	[ADD_COMMIT] = "INSERT OR IGNORE INTO commits VALUES(?1, ?2, ?3)",
	[EACH_COMMIT] = "SELECT name FROM commits ORDER BY name",
	[FIND_PACK] = "SELECT n FROM packs WHERE id = ?1",
	[ADD_PACK] = "INSERT INTO packs(id, kind, time, size, header, slot, seen, proven, depth)"
		     " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ADD_CHUNK] = "INSERT OR IGNORE INTO chunks VALUES(?1, ?2, ?3, ?4, ?5)",
	[HAS_CHUNK] = "SELECT 1 FROM chunks WHERE id = ?1 LIMIT 1",
	[FIND_CHUNK] = "SELECT pack, offset, stored, plain FROM chunks WHERE id = ?1 LIMIT 8",
	[GET_PACK] = "SELECT " PACK_COLUMNS " FROM packs WHERE n = ?1",
	[EACH_PACK] = "SELECT " PACK_COLUMNS " FROM packs ORDER BY n",
	[ADD_SNAPSHOT] =
		"INSERT OR IGNORE INTO snapshots VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ADD_LABEL] = "INSERT OR IGNORE INTO labels VALUES(?1, ?2, ?3)",
	[ADD_RECORD] = "INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5)",
	[SOURCES] = "SELECT DISTINCT source FROM snapshots WHERE finished ORDER BY source",
	[LABEL_KEYS] = "SELECT DISTINCT key FROM labels ORDER BY key",
	[LABEL_VALUES] = "SELECT DISTINCT value FROM labels WHERE key = ?1 ORDER BY value",
	[DATA_VERSION] = "PRAGMA data_version",
};

struct hf_catalog {
	pthread_mutex_t lock; /* recursive; guards everything below */
	sqlite3 *db;
	sqlite3_stmt *statements[QUERIES];
	bool open; /* a transaction */
};

static struct hf_error *db_error(struct hf_catalog *catalog, const char *what)
{
	const char *path = sqlite3_db_filename(catalog->db, "main");

	const int code = sqlite3_errcode(catalog->db);
	const bool damaged = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;

	return hf_error_new(damaged ? HF_CORRUPT : HF_SYSTEM, "catalog %s: %s: %s",
		path && *path ? path : "in memory", what, sqlite3_errmsg(catalog->db));
}

static void lock(struct hf_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
}
static void unlock(struct hf_catalog *catalog)
{
	pthread_mutex_unlock(&catalog->lock);
}

/* A bound statement in use: reset, and the lock given back, when the scope ends. */
struct use {
	struct hf_catalog *catalog;
	sqlite3_stmt *statement;
};
static void use_end(struct use *use)
{
	sqlite3_reset(use->statement);
	sqlite3_clear_bindings(use->statement);
	unlock(use->catalog);
}
#define USE __attribute__((cleanup(use_end))) struct use

static struct use use_begin(struct hf_catalog *catalog, enum query query)
{
	lock(catalog);
	return (struct use){catalog, catalog->statements[query]};
}

static void bind_id(struct use *use, int at, const struct hf_id *id)
{
	sqlite3_bind_blob(use->statement, at, id->bytes, HF_ID_LEN, SQLITE_STATIC);
}
static void bind_span(struct use *use, int at, struct hf_span span)
{
	sqlite3_bind_blob64(
		use->statement, at, span.len ? (const void *)span.at : "", span.len, SQLITE_STATIC);
}
static void bind_text(struct use *use, int at, struct hf_span span)
{
	sqlite3_bind_text64(use->statement, at, span.len ? (const char *)span.at : "", span.len,
		SQLITE_STATIC, SQLITE_UTF8);
}
static void bind_int(struct use *use, int at, int64_t value)
{
	sqlite3_bind_int64(use->statement, at, value);
}

static hf_err run(struct use *use, const char *what)
{
	return sqlite3_step(use->statement) == SQLITE_DONE ? NULL : db_error(use->catalog, what);
}

static hf_err step(struct use *use, bool *row)
{
	int rc = sqlite3_step(use->statement);

	*row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? NULL : db_error(use->catalog, "reading");
}

static void copy_blob(sqlite3_stmt *statement, int column, void *at, size_t len)
{
	const void *blob = sqlite3_column_blob(statement, column);

	if (blob && (size_t)sqlite3_column_bytes(statement, column) == len)
		memcpy(at, blob, len);
	else
		memset(at, 0, len);
}

/* ---- opening ---- */

static hf_err exec(struct hf_catalog *catalog, const char *text)
{
	return sqlite3_exec(catalog->db, text, NULL, NULL, NULL) == SQLITE_OK
		? NULL
		: db_error(catalog, text);
}

static int64_t user_version(struct hf_catalog *catalog)
{
	sqlite3_stmt *statement = NULL;
	int64_t version = -1;

	if (sqlite3_prepare_v2(catalog->db, "PRAGMA user_version", -1, &statement, NULL) ==
			SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return version;
}

/* Two processes may come at once: who is second finds the tables made. */
static hf_err make_tables(struct hf_catalog *catalog)
{
	HF_TRY(exec(catalog, "BEGIN IMMEDIATE"));
	if (user_version(catalog) == 0) {
		HF_TRY(exec(catalog, schema));
		HF_TRY(exec(catalog, "PRAGMA user_version = 1"));
	}
	return exec(catalog, "COMMIT");
}

static hf_err connect(struct hf_catalog *catalog, const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(path ? path : ":memory:", &catalog->db, flags, NULL) != SQLITE_OK)
		return db_error(catalog, "opening");
	sqlite3_busy_timeout(catalog->db, 120000);
	/* WAL: a mount reads on while a backup adds. Mapped pages are the page cache's, not ours.
	 */
	HF_TRY(exec(catalog, "PRAGMA journal_mode = WAL"));
	HF_TRY(exec(catalog,
		"PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000;"
		"PRAGMA mmap_size = 8589934592; PRAGMA temp_store = MEMORY"));
	if (user_version(catalog) == 0)
		HF_TRY(make_tables(catalog));
	if (user_version(catalog) != CATALOG_VERSION)
		return hf_error_new(HF_UNSUPPORTED, "catalog %s is of another version", path);
	for (int i = 0; i < QUERIES; i++) {
		if (sqlite3_prepare_v3(catalog->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &catalog->statements[i], NULL) != SQLITE_OK)
			return db_error(catalog, "preparing");
	}
	return NULL;
}

static void disconnect(struct hf_catalog *catalog)
{
	for (int i = 0; i < QUERIES; i++) {
		sqlite3_finalize(catalog->statements[i]);
		catalog->statements[i] = NULL;
	}
	sqlite3_close(catalog->db);
	catalog->db = NULL;
}

static void remove_file(const char *path, const char *suffix)
{
	HF_FREED char *name = hf_format("%s%s", path, suffix);

	unlink(name);
}

hf_err hf_catalog_open(const char *path, struct hf_catalog **out)
{
	HF_OWNED(hf_catalog) catalog = hf_calloc(1, sizeof(*catalog));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&catalog->lock, &attr);
	pthread_mutexattr_destroy(&attr);

	struct hf_error *err = connect(catalog, path);

	if (err && path &&
		(hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_UNSUPPORTED)) {
		hf_log(HF_WARN, "catalog can't be used and is made anew", "path", path, "why",
			hf_error_text(err), NULL);
		hf_error_free(err); /* told above; what follows decides */
		disconnect(catalog);
		remove_file(path, "");
		remove_file(path, "-wal");
		remove_file(path, "-shm");
		err = connect(catalog, path);
	}
	if (err)
		return err;
	*out = HF_STEAL(catalog);
	return NULL;
}

void hf_catalog_free(struct hf_catalog *catalog)
{
	if (!catalog)
		return;
	disconnect(catalog);
	pthread_mutex_destroy(&catalog->lock);
	free(catalog);
}

hf_err hf_catalog_begin(struct hf_catalog *catalog)
{
	lock(catalog);
	struct hf_error *err = exec(catalog, "BEGIN IMMEDIATE");

	if (err)
		unlock(catalog);
	else
		catalog->open = true;
	return err;
}

hf_err hf_catalog_end(struct hf_catalog *catalog)
{
	struct hf_error *err = exec(catalog, "COMMIT");

	if (err)
		sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
	catalog->open = false;
	unlock(catalog);
	return err;
}

void hf_catalog_cancel(struct hf_catalog *catalog)
{
	sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
	catalog->open = false;
	unlock(catalog);
}

hf_err hf_catalog_set(struct hf_catalog *catalog, const char *name, int64_t value)
{
	USE use = use_begin(catalog, SET_FACT);

	bind_text(&use, 1, hf_span_str(name));
	bind_int(&use, 2, value);
	return run(&use, "setting a fact");
}

hf_err hf_catalog_fact(struct hf_catalog *catalog, const char *name, int64_t *value)
{
	USE use = use_begin(catalog, GET_FACT);
	bool row;

	bind_text(&use, 1, hf_span_str(name));
	HF_TRY(step(&use, &row));
	*value = row ? sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

/* ---- commits ---- */

bool hf_catalog_has_commit(struct hf_catalog *catalog, const char *name)
{
	USE use = use_begin(catalog, HAS_COMMIT);

	bind_text(&use, 1, hf_span_str(name));
	return sqlite3_step(use.statement) == SQLITE_ROW;
}

hf_err hf_catalog_add_commit(
	struct hf_catalog *catalog, const char *name, uint32_t slot, bool counted)
{
	USE use = use_begin(catalog, ADD_COMMIT);

	bind_text(&use, 1, hf_span_str(name));
	bind_int(&use, 2, slot);
	bind_int(&use, 3, counted);
	return run(&use, "adding a commit");
}

static hf_err each_name(struct use *use, hf_name_fn *each, void *arg)
{
	bool row;

	for (;;) {
		HF_TRY(step(use, &row));
		if (!row)
			return NULL;
		HF_TRY(each(arg, (const char *)sqlite3_column_text(use->statement, 0)));
	}
}

hf_err hf_catalog_each_commit(struct hf_catalog *catalog, hf_name_fn *each, void *arg)
{
	USE use = use_begin(catalog, EACH_COMMIT);

	return each_name(&use, each, arg);
}

/* ---- packs and chunks ---- */

void hf_pack_object_name(const struct hf_pack *pack, char out[HF_COMMIT_NAME_LEN + 1])
{
	if (pack->kind == HF_COMMIT)
		hf_commit_name(pack->time, &pack->id, out);
	else
		hf_pack_name(pack->kind, &pack->id, out);
}

static hf_err find_pack(struct hf_catalog *catalog, const struct hf_id *id, int64_t *n)
{
	USE use = use_begin(catalog, FIND_PACK);
	bool row;

	bind_id(&use, 1, id);
	HF_TRY(step(&use, &row));
	*n = row ? sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

static hf_err add_chunk(struct hf_catalog *catalog, int64_t pack, const struct hf_row *row)
{
	USE use = use_begin(catalog, ADD_CHUNK);

	bind_id(&use, 1, &row->id);
	bind_int(&use, 2, pack);
	bind_int(&use, 3, row->offset);
	bind_int(&use, 4, row->stored);
	bind_int(&use, 5, row->plain);
	return run(&use, "adding a chunk");
}

hf_err hf_catalog_add_pack(struct hf_catalog *catalog, const struct hf_pack *pack,
	const struct hf_table *table, int64_t *n)
{
	HF_TRY(find_pack(catalog, &pack->id, n));
	if (*n)
		return NULL;
	{
		USE use = use_begin(catalog, ADD_PACK);

		bind_id(&use, 1, &pack->id);
		bind_int(&use, 2, pack->kind);
		bind_int(&use, 3, pack->time);
		bind_int(&use, 4, (int64_t)pack->size);
		bind_span(&use, 5, hf_span(pack->header, HF_HEADER_LEN));
		bind_int(&use, 6, pack->slot);
		bind_int(&use, 7, pack->seen);
		bind_int(&use, 8, pack->proven);
		bind_int(&use, 9, pack->depth);
		HF_TRY(run(&use, "adding a pack"));
		*n = sqlite3_last_insert_rowid(catalog->db);
	}
	for (size_t i = 0; i < table->n; i++) {
		if (!hf_id_is_zero(&table->rows[i].id))
			HF_TRY(add_chunk(catalog, *n, &table->rows[i]));
	}
	return NULL;
}

bool hf_catalog_has_chunk(struct hf_catalog *catalog, const struct hf_id *id)
{
	USE use = use_begin(catalog, HAS_CHUNK);

	bind_id(&use, 1, id);
	return sqlite3_step(use.statement) == SQLITE_ROW;
}

hf_err hf_catalog_find(struct hf_catalog *catalog, const struct hf_id *id,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n)
{
	USE use = use_begin(catalog, FIND_CHUNK);

	bind_id(&use, 1, id);
	for (*n = 0; *n < HF_MAX_LOCATIONS; ++*n) {
		bool row;

		HF_TRY(step(&use, &row));
		if (!row)
			return NULL;
		out[*n] = (struct hf_location){
			.pack = sqlite3_column_int64(use.statement, 0),
			.row =
				{
					.id = *id,
					.offset = (uint32_t)sqlite3_column_int64(use.statement, 1),
					.stored = (uint32_t)sqlite3_column_int64(use.statement, 2),
					.plain = (uint32_t)sqlite3_column_int64(use.statement, 3),
				},
		};
	}
	return NULL;
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
	};
	copy_blob(statement, 1, out->id.bytes, HF_ID_LEN);
	copy_blob(statement, 5, out->header, HF_HEADER_LEN);
}

hf_err hf_catalog_pack(struct hf_catalog *catalog, int64_t n, struct hf_pack *out)
{
	USE use = use_begin(catalog, GET_PACK);
	bool row;

	bind_int(&use, 1, n);
	HF_TRY(step(&use, &row));
	if (!row)
		return hf_error_new(HF_NOT_FOUND, "no pack %lld in the catalog", (long long)n);
	read_pack(use.statement, out);
	return NULL;
}

hf_err hf_catalog_each_pack(struct hf_catalog *catalog, hf_pack_fn *each, void *arg)
{
	USE use = use_begin(catalog, EACH_PACK);
	struct hf_pack pack;
	bool row;

	for (;;) {
		HF_TRY(step(&use, &row));
		if (!row)
			return NULL;
		read_pack(use.statement, &pack);
		HF_TRY(each(arg, &pack));
	}
}

static int64_t ask(struct hf_catalog *catalog, const char *text, int column)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = 0;

	if (sqlite3_prepare_v2(catalog->db, text, -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, column);
	sqlite3_finalize(statement);
	return value;
}

hf_err hf_catalog_counts(struct hf_catalog *catalog, struct hf_catalog_counts *out)
{
	static const char *const packs[] = {"",
		"SELECT count(*), sum(size) FROM packs WHERE kind = 1",
		"SELECT count(*), sum(size) FROM packs WHERE kind = 2",
		"SELECT count(*), sum(size) FROM packs WHERE kind = 3"};
	static const char chunks[] = "SELECT count(*), sum(plain), sum(stored) FROM chunks";

	*out = (struct hf_catalog_counts){0};
	lock(catalog);
	for (int i = 1; i < 4; i++) {
		out->packs[i] = (uint64_t)ask(catalog, packs[i], 0);
		out->pack_bytes[i] = (uint64_t)ask(catalog, packs[i], 1);
	}
	out->chunks = (uint64_t)ask(catalog, chunks, 0);
	out->plain_bytes = (uint64_t)ask(catalog, chunks, 1);
	out->stored_bytes = (uint64_t)ask(catalog, chunks, 2);
	out->snapshots = (uint64_t)ask(catalog, "SELECT count(*) FROM snapshots WHERE finished", 0);
	out->commits = (uint64_t)ask(catalog, "SELECT count(*) FROM commits", 0);
	unlock(catalog);
	return NULL;
}

/* ---- snapshots and other records ---- */

static hf_err add_labels(struct hf_catalog *catalog, const struct hf_pairs *labels,
	const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	for (size_t i = 0; i < labels->n; i++) {
		USE use = use_begin(catalog, ADD_LABEL);

		bind_text(&use, 1, labels->at[i].key);
		bind_text(&use, 2, labels->at[i].value);
		bind_span(&use, 3, hf_span(id, HF_SNAPSHOT_ID_LEN));
		HF_TRY(run(&use, "adding a label"));
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
		USE use = use_begin(catalog, ADD_SNAPSHOT);

		bind_span(&use, 1, hf_span(id, sizeof(id)));
		bind_text(&use, 2, snapshot->source);
		bind_int(&use, 3, snapshot->moment);
		bind_int(&use, 4, seen->time);
		bind_int(&use, 5, seen->slot);
		bind_int(&use, 6, finished);
		bind_span(&use, 7, hf_span(snapshot->run, HF_RUN_LEN));
		bind_id(&use, 8, &seen->commit);
		bind_span(&use, 9, record->body);
		HF_TRY(run(&use, "adding a snapshot"));
	}
	return finished ? add_labels(catalog, &snapshot->labels, id) : NULL;
}

hf_err hf_catalog_add_record(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen)
{
	USE use = use_begin(catalog, ADD_RECORD);

	bind_int(&use, 1, record->kind);
	bind_int(&use, 2, seen->slot);
	bind_int(&use, 3, seen->time);
	bind_id(&use, 4, &seen->commit);
	bind_span(&use, 5, record->body);
	return run(&use, "adding a record");
}

/* The query's text: only what is asked for is in it, so that each form can use its index. */
static void print_query(const struct hf_snapshot_query *query, struct hf_buf *out)
{
	const char *way = query->newest_only ? "DESC" : "ASC";

	hf_buf_printf(out,
		"SELECT s.id, s.run, s.source, %s, s.moment, s.seen, s.slot, s.finished FROM "
		"snapshots s",
		query->bodies ? "s.body" : "x''");
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
	if (query->id_prefix)
		hf_buf_printf(out, " AND substr(lower(hex(s.id)), 1, length(?3)) = ?3");
	hf_buf_printf(out, " ORDER BY s.moment %s, s.seen %s, s.id %s%s", way, way, way,
		query->newest_only ? " LIMIT 1" : "");
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

	copy_blob(statement, 0, row.id, sizeof(row.id));
	copy_blob(statement, 1, row.run, sizeof(row.run));
	return each(arg, &row);
}

hf_err hf_catalog_snapshots(struct hf_catalog *catalog, const struct hf_snapshot_query *query,
	hf_snapshot_row_fn *each, void *arg)
{
	HF_RELEASED(hf_buf) text = {0};
	sqlite3_stmt *statement = NULL;
	struct hf_error *err = NULL;

	print_query(query, &text);
	lock(catalog);
	if (sqlite3_prepare_v2(catalog->db, hf_buf_text(&text), -1, &statement, NULL) !=
		SQLITE_OK) {
		err = db_error(catalog, "asking for snapshots");
	} else {
		struct use use = {catalog, statement};
		bool row = true;

		/* Binding a parameter that the text lacks fails, and does no harm. */
		if (query->source)
			bind_text(&use, 1, hf_span_str(query->source));
		bind_int(&use, 2, query->until);
		if (query->id_prefix)
			bind_text(&use, 3, hf_span_str(query->id_prefix));
		if (query->label_key) {
			bind_text(&use, 4, hf_span_str(query->label_key));
			bind_text(&use, 5, hf_span_str(query->label_value));
		}
		while (!err && !(err = step(&use, &row)) && row)
			err = show_snapshot(statement, each, arg);
	}
	sqlite3_finalize(statement);
	unlock(catalog);
	return err;
}

hf_err hf_catalog_sources(struct hf_catalog *catalog, hf_name_fn *each, void *arg)
{
	USE use = use_begin(catalog, SOURCES);

	return each_name(&use, each, arg);
}

hf_err hf_catalog_labels(struct hf_catalog *catalog, const char *key, hf_name_fn *each, void *arg)
{
	USE use = use_begin(catalog, key ? LABEL_VALUES : LABEL_KEYS);

	if (key)
		bind_text(&use, 1, hf_span_str(key));
	return each_name(&use, each, arg);
}

uint64_t hf_catalog_version(struct hf_catalog *catalog)
{
	USE use = use_begin(catalog, DATA_VERSION);
	uint64_t others = 0;

	/* data_version counts what other connections changed, total_changes what this one did. */
	if (sqlite3_step(use.statement) == SQLITE_ROW)
		others = (uint64_t)sqlite3_column_int64(use.statement, 0);
	return (others << 40) + (uint64_t)sqlite3_total_changes64(catalog->db);
}
