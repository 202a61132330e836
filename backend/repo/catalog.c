#include "backend/repo/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/repo/catalog_db.h"

#define CATALOG_VERSION 6
#define STRING(x) #x
#define TEXT_OF(x) STRING(x)

/*
 * chunks: WITHOUT ROWID keeps id and place in one b-tree, about 75 bytes a chunk. The id is kept
 * whole: a hostile writer knows the id key, and could make two ids of one half. There is no index
 * by pack: it would cost as much again, and a pack's own last section says what is in it.
 */
static const char schema[] =
	"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"CREATE TABLE commits(name TEXT PRIMARY KEY, slot INTEGER, counted INTEGER,"
	" contained INTEGER) WITHOUT ROWID;"
	"CREATE TABLE packs(n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB UNIQUE,"
	" kind INTEGER, time INTEGER, size INTEGER, header BLOB, slot INTEGER, seen INTEGER,"
	" proven INTEGER, depth INTEGER, tabled INTEGER, stated INTEGER);"
	"CREATE TABLE chunks(id BLOB, pack INTEGER, offset INTEGER, stored INTEGER, plain INTEGER,"
	" PRIMARY KEY(id, pack)) WITHOUT ROWID;"
	"CREATE TABLE snapshots(id BLOB PRIMARY KEY, source TEXT, moment INTEGER, seen INTEGER,"
	" slot INTEGER, finished INTEGER, run BLOB, origin BLOB, body BLOB, stated INTEGER,"
	" ended INTEGER);"
	"CREATE INDEX snapshots_by_source ON snapshots(source, moment);"
	"CREATE INDEX snapshots_by_seen ON snapshots(source, seen, moment, id) WHERE finished;"
	"CREATE INDEX snapshots_by_run ON snapshots(run);"
	"CREATE TABLE labels(key TEXT, value TEXT, snapshot BLOB, PRIMARY KEY(key, value, "
	"snapshot))"
	" WITHOUT ROWID;"
	"CREATE TABLE records(kind INTEGER, slot INTEGER, seen INTEGER, origin BLOB, body BLOB,"
	" digest BLOB, stated INTEGER, PRIMARY KEY(kind, origin, digest)) WITHOUT "
	"ROWID;" HF_STATE_SCHEMA HF_FORGOTTEN_SCHEMA HF_HEALTH_SCHEMA HF_PROVEN_SCHEMA;

#define PACK_COLUMNS "n, id, kind, time, size, header, slot, seen, proven, depth, tabled, stated"

static const char *const sql[QUERIES] = {
	[SET_FACT] = "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
	[RAISE_FACT] = "INSERT INTO facts VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE "
		       "SET value = max(value, ?2)",
	[GET_FACT] = "SELECT value FROM facts WHERE name = ?1",
	[HAS_COMMIT] = "SELECT 1 FROM commits WHERE name = ?1",
	[ADD_COMMIT] = "INSERT OR IGNORE INTO commits VALUES(?1, ?2, ?3, 0)",
	[COMMITS_SINCE] = "SELECT count(*) FROM commits WHERE name >= ?1",
	[EACH_COMMIT] = "SELECT name FROM commits WHERE NOT contained ORDER BY name",
	[EACH_COMMIT_OF] = "SELECT name FROM commits WHERE slot = ?1 AND counted ORDER BY name",
	[FIRST_COMMIT] = "SELECT min(name) FROM commits WHERE name >= ?1",
	[DISTRUST_LABELS] = "DELETE FROM labels WHERE snapshot IN"
			    " (SELECT id FROM snapshots WHERE slot = ?1 AND seen >= ?2)",
	[DISTRUST_SNAPSHOTS] = "DELETE FROM snapshots WHERE slot = ?1 AND seen >= ?2",
	[FORGET_RECORDS] = "DELETE FROM records WHERE seen >= ?1",
	[FORGET_COMMITS] = "DELETE FROM commits WHERE name >= ?1",
	[FIND_PACK] = "SELECT n, tabled FROM packs WHERE id = ?1",
	[TABLE_PACK] = "UPDATE packs SET tabled = 1 WHERE n = ?1",
	[STATE_PACK] = "UPDATE packs SET stated = 1 WHERE n = ?1",
	[ADD_PACK] = "INSERT INTO packs(id, kind, time, size, header, slot, seen, proven, depth,"
		     " tabled, stated) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[ADD_CHUNK] = "INSERT OR IGNORE INTO chunks VALUES(?1, ?2, ?3, ?4, ?5)",
	[CORRECT_CHUNK] = "INSERT OR REPLACE INTO chunks VALUES(?1, ?2, ?3, ?4, ?5)",
	[HAS_ROW] = "SELECT 1 FROM chunks WHERE id = ?1 AND pack = ?2 AND offset = ?3"
		    " AND stored = ?4 AND plain = ?5",
	[CORRECT_PACK] = "UPDATE packs SET kind = ?2, time = ?3, size = ?4, header = ?5,"
			 " tabled = 1 WHERE n = ?1",
	/* A mark may be wrong, or the copy whole again: it is the last to be tried, not none. */
	[FIND_CHUNK] = "SELECT pack, offset, stored, plain FROM chunks c WHERE c.id = ?1"
		       " ORDER BY EXISTS " HF_BAD_COPY " LIMIT 8 OFFSET ?2",
	/* Mostly there is no such thing, and a look-up is one search. */
	[HOLD] = "SELECT 1 FROM facts UNION ALL SELECT 1 UNION ALL SELECT 1",
	[ANY_SUSPECT] = "SELECT EXISTS (SELECT 1 FROM announced) OR EXISTS"
			" (SELECT 1 FROM records WHERE kind = 7)",
	[ANY_COPY] = "SELECT pack FROM chunks WHERE id = ?1 LIMIT 1",
	[PLAIN_CHUNK] = "SELECT pack, offset, stored, plain FROM chunks WHERE id = ?1"
			" LIMIT 8 OFFSET ?2",
	[SAFE_COPY] = "SELECT pack FROM chunks c WHERE c.id = ?1 AND NOT EXISTS " HF_BAD_COPY
		      " AND NOT EXISTS (SELECT 1 FROM announced a, packs p WHERE p.n = c.pack"
		      " AND a.pack = p.id) LIMIT 1",
	[EACH_CHUNK] = "SELECT pack, offset, stored, plain, id FROM chunks ORDER BY id",
	[GET_PACK] = "SELECT " PACK_COLUMNS " FROM shown_packs WHERE n = ?1",
	[EACH_PACK] = "SELECT " PACK_COLUMNS " FROM shown_packs ORDER BY n",
	[ADD_SNAPSHOT] = "INSERT INTO snapshots VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
			 " ?11) ON CONFLICT(id) DO UPDATE SET stated = max(stated, ?10),"
			 " (seen, slot, origin) = (SELECT * FROM (VALUES(?4, ?5, ?8),"
			 " (seen, slot, origin)) ORDER BY column1, column3 LIMIT 1)",
	[ADD_LABEL] = "INSERT OR IGNORE INTO labels VALUES(?1, ?2, ?3)",
	[ADD_RECORD] = "INSERT INTO records VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		       " ON CONFLICT DO UPDATE SET stated = max(stated, ?7)",
	[FORGET_SNAPSHOT] = "INSERT OR IGNORE INTO forgotten VALUES(?1, ?2, ?3)",
	[FORGET_SOURCE] = "INSERT OR IGNORE INTO forgotten_sources VALUES(?1, ?2)",
	[UNFORGET_SNAPSHOTS] = "DELETE FROM forgotten WHERE seen >= ?1",
	[UNFORGET_SOURCES] = "DELETE FROM forgotten_sources WHERE until >= ?1",
	[ADD_PROVEN] = "INSERT OR IGNORE INTO proven VALUES(?1, ?2, ?3, ?4, ?5)",
	[UNPROVE] = "DELETE FROM proven WHERE seen >= ?1",
	[PROOFS] = "SELECT count(*) FILTER (WHERE NOT proven),"
		   " sum(size) FILTER (WHERE NOT proven),"
		   " count(*) FILTER (WHERE iif(proven, proven, seen) < ?1),"
		   " sum(size) FILTER (WHERE iif(proven, proven, seen) < ?1),"
		   " min(iif(proven, proven, seen)) FROM shown_packs",
	[EACH_RECORD_OF] = "SELECT 2, slot, body FROM snapshots WHERE origin = ?1 AND finished"
			   " UNION ALL SELECT kind, slot, body FROM records WHERE origin = ?1",
	[HAS_RUN] = "SELECT 1 FROM snapshots WHERE run = ?1 AND finished LIMIT 1",
	[SOURCES] = "SELECT DISTINCT source FROM shown WHERE finished ORDER BY source",
	[LABEL_KEYS] = "SELECT DISTINCT key FROM labels JOIN shown ON id = snapshot ORDER BY key",
	[LABEL_VALUES] = "SELECT DISTINCT value FROM labels JOIN shown ON id = snapshot"
			 " WHERE key = ?1 ORDER BY value",
	[DATA_VERSION] = "PRAGMA data_version",
	[IS_BAD_COPY] = "SELECT 1 FROM bad_copies b, packs p"
			" WHERE b.chunk = ?1 AND b.pack = p.n AND p.id = ?2",
	[IS_BAD_FOR] = "SELECT 1 FROM records WHERE kind = 7 AND substr(body, 1, 32) = ?1"
		       " AND substr(body, 33) = ?2 AND slot <> ?3",
	[EACH_WANTED] = "SELECT DISTINCT chunk FROM bad_copies w WHERE NOT EXISTS (SELECT 1"
			" FROM chunks c WHERE c.id = w.chunk AND NOT EXISTS " HF_BAD_COPY ")",
	[EACH_BAD_PACK] = "SELECT DISTINCT pack FROM bad_copies",
	[COUNT_SUBSTITUTES] =
		"SELECT count(*) FROM records WHERE " HF_STANDS_IN " AND (?3 = 0 OR slot = ?3)",
	[GET_SUBSTITUTE] = "SELECT body FROM records WHERE " HF_STANDS_IN
			   " ORDER BY seen, origin, body LIMIT 1 OFFSET ?3",
	[ADD_SWEPT] = "INSERT OR IGNORE INTO swept VALUES(?1)",
	[IS_SWEPT] = "SELECT 1 FROM swept WHERE pack = ?1",
	[DROP_SWEPT_CHUNKS] = "DELETE FROM chunks WHERE pack IN"
			      " (SELECT n FROM packs WHERE id IN (SELECT pack FROM swept))",
	[DROP_SWEPT_PACKS] = "DELETE FROM packs WHERE id IN (SELECT pack FROM swept)",
	[ADD_RELIED] = "INSERT OR IGNORE INTO relied VALUES(?1)",
	[DROP_RELIED] = "DELETE FROM relied WHERE pack = ?1",
	[UNKNOWN_RELIED] = "SELECT pack FROM relied WHERE pack NOT IN (SELECT id FROM packs)"
			   " AND pack NOT IN (SELECT pack FROM swept)",
	[IS_SETTLED] = "SELECT 1 FROM settled WHERE \"commit\" = ?1",
	[ADD_SETTLED] = "INSERT OR IGNORE INTO settled VALUES(?1)",
	[ADD_ANNOUNCEMENT] = "INSERT OR IGNORE INTO announcements VALUES(?1, ?2, ?3)",
	[ADD_ANNOUNCED] = "INSERT OR IGNORE INTO announced VALUES(?1, ?2)",
	[LAPSE_ANNOUNCEMENTS] = "DELETE FROM announcements WHERE seen < ?1"
				" OR \"commit\" IN (SELECT \"commit\" FROM settled)",
	[FORGET_ANNOUNCEMENTS] = "DELETE FROM announcements WHERE seen >= ?1",
	[DROP_ANNOUNCED] = "DELETE FROM announced WHERE \"commit\" NOT IN"
			   " (SELECT \"commit\" FROM announcements)",
	[EACH_ANNOUNCEMENT] = "SELECT \"commit\", seen, cutoff FROM announcements"
			      " ORDER BY seen, \"commit\"",
	[EACH_ANNOUNCED] = "SELECT DISTINCT pack FROM announced"
			   " WHERE ?1 IS NULL OR \"commit\" = ?1 ORDER BY pack",
	[IS_ANNOUNCED] = "SELECT 1 FROM announced WHERE pack = ?1",
	[ANNOUNCED_CUTOFF] = "SELECT max(cutoff) FROM announcements",
	[OPEN_COMMITS] = "SELECT name FROM commits WHERE name < ?1 AND NOT contained",
	[CONTAIN] = "UPDATE commits SET contained = 1 WHERE name = ?1",
	[IS_CONTAINED] = "SELECT contained FROM commits WHERE name = ?1",
	[ADD_SEGMENT] = "INSERT OR IGNORE INTO segments VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SEGMENTS_READ] = "SELECT object FROM segments WHERE read",
	[DROP_SEGMENTS] = "DELETE FROM segments",
	[READ_SEGMENT] = "UPDATE segments SET read = 1 WHERE object = ?1",
	[EACH_SEGMENT] = "SELECT object, kind, level, size, rows, first, last FROM segments",
	[UNREAD_SEGMENTS] = "SELECT object, kind, level, size, rows, first, last FROM segments"
			    " WHERE NOT read AND kind = ?1"
			    " AND (?2 IS NULL OR (first <= ?2 AND last >= ?2)) ORDER BY first",
	[SNAPSHOT_STANDS] = "SELECT 1 FROM shown s WHERE s.id = ?1 AND s.finished AND NOT EXISTS"
			    " (SELECT 1 FROM forgotten t WHERE t.snapshot = s.id)",
	[LIVE_SNAPSHOTS] = "SELECT finished, body, slot, seen, origin FROM shown s WHERE seen < ?1"
			   " AND (?2 OR NOT stated) AND (finished OR (seen >= ?3 AND NOT EXISTS"
			   " (SELECT 1 FROM snapshots f WHERE f.run = s.run AND f.finished)))",
	[LIVE_JOURNAL] = "SELECT kind, body, slot, seen, origin FROM records"
			 " WHERE kind IN (3, 4) AND seen < ?1 AND (?2 OR NOT stated)",
	/* Proofs that newer ones have outdone are let go of; all, rather than burst a checkpoint.
         */
	[KEPT_RECORDS] =
		"SELECT kind, body, slot, seen, origin FROM records k"
		" WHERE (kind = 5 OR kind BETWEEN 7 AND 11) AND seen < ?1"
		" AND (kind <> 9 OR ((SELECT sum(length(body)) FROM records WHERE kind = 9)"
		" < 4194304 AND EXISTS (SELECT 1 FROM proven p WHERE p.origin = k.origin"
		" AND NOT EXISTS (SELECT 1 FROM proven n WHERE n.pack = p.pack"
		" AND (n.seen, n.origin) > (p.seen, p.origin)))))"
		" ORDER BY seen, origin, kind",
};

struct hf_error *hf_catalog_error(struct hf_catalog *catalog, const char *what)
{
	/* One that memory failed for at its opening answers these two and nothing else. */
	const int code = sqlite3_errcode(catalog->db);
	const bool damaged = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;

	catalog->hurt |= damaged;
	return hf_error_new(damaged ? HF_CORRUPT : HF_LOCAL, "catalog %s: %s: %s%s",
		catalog->path ? catalog->path : "in memory", what, sqlite3_errmsg(catalog->db),
		damaged ? "; hint: it is a cache, and may be deleted" : "");
}

static void lock(struct hf_catalog *catalog)
{
	pthread_mutex_lock(&catalog->lock);
}
static void unlock(struct hf_catalog *catalog)
{
	pthread_mutex_unlock(&catalog->lock);
}

/* Others' changes become visible at the latest after so many look-ups. */
#define HELD 256u

void hf_view_hold(struct hf_catalog *catalog)
{
	if (catalog->open || catalog->held++ > 0) {
		if (catalog->held > HELD)
			hf_view_drop(catalog);
		return;
	}
	/* A statement that was begun and not ended keeps the view. */
	if (sqlite3_step(catalog->statements[HOLD]) != SQLITE_ROW)
		hf_view_drop(catalog);
}

void hf_view_drop(struct hf_catalog *catalog)
{
	sqlite3_reset(catalog->statements[HOLD]);
	catalog->held = 0;
	catalog->judged = false;
}

void hf_use_end(struct hf_use *use)
{
	sqlite3_reset(use->statement);
	sqlite3_clear_bindings(use->statement);
	unlock(use->catalog);
}

struct hf_use hf_use_begin(struct hf_catalog *catalog, enum hf_query query)
{
	lock(catalog);
	return (struct hf_use){catalog, catalog->statements[query]};
}

void hf_use_id(struct hf_use *use, int at, const struct hf_id *id)
{
	sqlite3_bind_blob(use->statement, at, id->bytes, HF_ID_LEN, SQLITE_STATIC);
}
void hf_use_bytes(struct hf_use *use, int at, struct hf_span span)
{
	sqlite3_bind_blob64(
		use->statement, at, span.len ? (const void *)span.at : "", span.len, SQLITE_STATIC);
}
void hf_use_text(struct hf_use *use, int at, struct hf_span span)
{
	sqlite3_bind_text64(use->statement, at, span.len ? (const char *)span.at : "", span.len,
		SQLITE_STATIC, SQLITE_UTF8);
}
void hf_use_int(struct hf_use *use, int at, int64_t value)
{
	sqlite3_bind_int64(use->statement, at, value);
}

hf_err hf_use_run(struct hf_use *use, const char *what)
{
	/* What changes something must not stand on a view that another process has outdated. */
	if (!use->catalog->open)
		hf_view_drop(use->catalog);
	return sqlite3_step(use->statement) == SQLITE_DONE ? NULL
							   : hf_catalog_error(use->catalog, what);
}

hf_err hf_use_step(struct hf_use *use, bool *row)
{
	int rc = sqlite3_step(use->statement);

	*row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? NULL
						     : hf_catalog_error(use->catalog, "reading");
}

void hf_column_bytes(sqlite3_stmt *statement, int column, void *at, size_t len)
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
		: hf_catalog_error(catalog, text);
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
		HF_TRY(exec(catalog, "PRAGMA user_version = " TEXT_OF(CATALOG_VERSION)));
	}
	return exec(catalog, "COMMIT");
}

static hf_err connect(struct hf_catalog *catalog, const char *path)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(path ? path : ":memory:", &catalog->db, flags, NULL) != SQLITE_OK)
		return hf_catalog_error(catalog, "opening");
	sqlite3_busy_timeout(catalog->db, 120000);
	/* WAL: a mount reads on while a backup adds. Mapped pages are the page cache's, not ours.
	 */
	HF_TRY(exec(catalog, "PRAGMA journal_mode = WAL"));
	HF_TRY(exec(catalog,
		"PRAGMA synchronous = NORMAL; PRAGMA cache_size = -8000;"
		"PRAGMA mmap_size = 8589934592; PRAGMA temp_store = MEMORY"));
	HF_TRY(hf_forgotten_connect(catalog));
	if (user_version(catalog) == 0)
		HF_TRY(make_tables(catalog));
	if (user_version(catalog) != CATALOG_VERSION)
		return hf_error_new(HF_UNSUPPORTED, "catalog %s is of another version", path);
	for (int i = 0; i < QUERIES; i++) {
		if (sqlite3_prepare_v3(catalog->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &catalog->statements[i], NULL) != SQLITE_OK)
			return hf_catalog_error(catalog, "preparing");
	}
	return NULL;
}

static void disconnect(struct hf_catalog *catalog)
{
	for (int i = 0; i < QUERIES; i++) {
		sqlite3_finalize(catalog->statements[i]);
		catalog->statements[i] = NULL;
	}
	for (int i = 0; i < 2; i++)
		sqlite3_finalize(HF_STEAL(catalog->asked[i]));
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
	catalog->path = path ? hf_strdup(path) : NULL;

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
	free(catalog->path);
	free(catalog);
}

hf_err hf_catalog_begin(struct hf_catalog *catalog)
{
	lock(catalog);
	hf_view_drop(catalog);
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

static hf_err note_fact(
	struct hf_catalog *catalog, enum hf_query which, const char *name, int64_t value)
{
	HF_USE use = hf_use_begin(catalog, which);

	hf_use_text(&use, 1, hf_span_str(name));
	hf_use_int(&use, 2, value);
	return hf_use_run(&use, "setting a fact");
}

hf_err hf_catalog_set(struct hf_catalog *catalog, const char *name, int64_t value)
{
	return note_fact(catalog, SET_FACT, name, value);
}

hf_err hf_catalog_raise(struct hf_catalog *catalog, const char *name, int64_t value)
{
	int64_t known;

	HF_TRY(hf_catalog_fact(catalog, name, &known));
	return value > known ? note_fact(catalog, RAISE_FACT, name, value) : NULL;
}

hf_err hf_catalog_fact(struct hf_catalog *catalog, const char *name, int64_t *value)
{
	HF_USE use = hf_use_begin(catalog, GET_FACT);
	bool row;

	hf_use_text(&use, 1, hf_span_str(name));
	HF_TRY(hf_use_step(&use, &row));
	*value = row ? sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

/* ---- commits ---- */

hf_err hf_catalog_has_commit(struct hf_catalog *catalog, const char *name, bool *has)
{
	HF_USE use = hf_use_begin(catalog, HAS_COMMIT);

	/* One that another process has just taken in is taken in again: that changes nothing. */
	hf_view_hold(catalog);
	hf_use_text(&use, 1, hf_span_str(name));
	return hf_use_step(&use, has);
}

hf_err hf_catalog_add_commit(
	struct hf_catalog *catalog, const char *name, uint32_t slot, bool counted)
{
	HF_USE use = hf_use_begin(catalog, ADD_COMMIT);

	hf_use_text(&use, 1, hf_span_str(name));
	hf_use_int(&use, 2, slot);
	hf_use_int(&use, 3, counted);
	return hf_use_run(&use, "adding a commit");
}

hf_err hf_use_names(struct hf_use *use, hf_name_fn *each, void *arg)
{
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(use, &row));
		if (!row)
			return NULL;
		HF_TRY(each(arg, (const char *)sqlite3_column_text(use->statement, 0)));
	}
}

hf_err hf_catalog_commits_since(struct hf_catalog *catalog, int64_t time, uint64_t *n)
{
	HF_USE use = hf_use_begin(catalog, COMMITS_SINCE);
	char from[HF_COMMIT_NAME_LEN + 1];
	const struct hf_id lowest = {{0}};
	bool row;

	hf_commit_name(time, &lowest, from);
	hf_use_text(&use, 1, hf_span_str(from));
	HF_TRY(hf_use_step(&use, &row));
	*n = row ? (uint64_t)sqlite3_column_int64(use.statement, 0) : 0;
	return NULL;
}

hf_err hf_catalog_each_commit(struct hf_catalog *catalog, hf_name_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_COMMIT);

	return hf_use_commits(&use, each, arg);
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
	out->snapshots = (uint64_t)ask(catalog, "SELECT count(*) FROM shown WHERE finished", 0);
	out->commits = (uint64_t)ask(catalog, "SELECT count(*) FROM commits", 0);
	unlock(catalog);
	return NULL;
}
