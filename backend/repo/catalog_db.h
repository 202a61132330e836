/* The catalog's connection, and how its prepared statements are used. For catalog*.c only. */
#ifndef HF_REPO_CATALOG_DB_H
#define HF_REPO_CATALOG_DB_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "backend/repo/catalog.h"

/* Prepared once, by name. */
enum hf_query {
	SET_FACT,
	RAISE_FACT,
	GET_FACT,
	HAS_COMMIT,
	ADD_COMMIT,
	COMMITS_SINCE,
	EACH_COMMIT,
	EACH_COMMIT_OF,
	FIRST_COMMIT,
	DISTRUST_LABELS,
	DISTRUST_SNAPSHOTS,
	FORGET_RECORDS,
	FORGET_COMMITS,
	FIND_PACK,
	TABLE_PACK,
	STATE_PACK,
	ADD_PACK,
	ADD_CHUNK,
	CORRECT_CHUNK,
	HAS_ROW,
	CORRECT_PACK,
	HOLD,
	ANY_SUSPECT,
	ANY_COPY,
	PLAIN_CHUNK,
	SAFE_COPY,
	FIND_CHUNK,
	EACH_CHUNK,
	GET_PACK,
	EACH_PACK,
	ADD_SNAPSHOT,
	ADD_LABEL,
	ADD_RECORD,
	FORGET_SNAPSHOT,
	FORGET_SOURCE,
	UNFORGET_SNAPSHOTS,
	UNFORGET_SOURCES,
	ADD_PROVEN,
	UNPROVE,
	PROOFS,
	EACH_RECORD_OF,
	HAS_RUN,
	SOURCES,
	LABEL_KEYS,
	LABEL_VALUES,
	DATA_VERSION,
	IS_BAD_COPY,
	IS_BAD_FOR,
	EACH_WANTED,
	EACH_BAD_PACK,
	COUNT_SUBSTITUTES,
	GET_SUBSTITUTE,
	ADD_SWEPT,
	IS_SWEPT,
	DROP_SWEPT_CHUNKS,
	DROP_SWEPT_PACKS,
	ADD_RELIED,
	UNKNOWN_RELIED,
	DROP_RELIED,
	IS_SETTLED,
	ADD_SETTLED,
	ADD_ANNOUNCEMENT,
	ADD_ANNOUNCED,
	LAPSE_ANNOUNCEMENTS,
	FORGET_ANNOUNCEMENTS,
	DROP_ANNOUNCED,
	EACH_ANNOUNCEMENT,
	EACH_ANNOUNCED,
	IS_ANNOUNCED,
	ANNOUNCED_CUTOFF,
	OPEN_COMMITS,
	CONTAIN,
	IS_CONTAINED,
	ADD_SEGMENT,
	SEGMENTS_READ,
	DROP_SEGMENTS,
	READ_SEGMENT,
	EACH_SEGMENT,
	UNREAD_SEGMENTS,
	SNAPSHOT_STANDS,
	LIVE_SNAPSHOTS,
	LIVE_JOURNAL,
	KEPT_RECORDS,
	QUERIES
};

struct hf_catalog {
	pthread_mutex_t lock; /* recursive; guards everything below */
	sqlite3 *db;
	char *path; /* NULL: in memory */
	sqlite3_stmt *statements[QUERIES];
	/* The last query for snapshots, and for unfinished ones; NULL: none, or it is under way. */
	sqlite3_stmt *asked[2];
	bool open;                /* a transaction */
	unsigned held;            /* look-ups under one view of the file; 0: none is held */
	bool judged;              /* whether the next holds for that view */
	bool suspect;             /* there are announced packs, or copies that are marked as bad */
	bool hurt;                /* it has what nobody writes */
	struct hf_catalog *aside; /* what it held before, or NULL */
	atomic_uint edition;
};

/*
 * Each statement on its own would lock the file and look whether it changed, which takes longer
 * than to find a chunk. Look-ups share a view of it, for a while, until something changes or the
 * version is asked for. Under the lock.
 */
void hf_view_hold(struct hf_catalog *catalog);
void hf_view_drop(struct hf_catalog *catalog);

/* A bound statement in use: reset, and the lock given back, when the scope ends. */
struct hf_use {
	struct hf_catalog *catalog;
	sqlite3_stmt *statement;
};
struct hf_use hf_use_begin(struct hf_catalog *catalog, enum hf_query query);
void hf_use_end(struct hf_use *use);
#define HF_USE __attribute__((cleanup(hf_use_end))) struct hf_use

void hf_use_id(struct hf_use *use, int at, const struct hf_id *id);
void hf_use_bytes(struct hf_use *use, int at, struct hf_span bytes);
void hf_use_text(struct hf_use *use, int at, struct hf_span text);
void hf_use_int(struct hf_use *use, int at, int64_t value);
hf_err hf_use_run(struct hf_use *use, const char *what);
hf_err hf_use_step(struct hf_use *use, bool *row);
hf_err hf_use_names(struct hf_use *use, hf_name_fn *each, void *arg);   /* column 0 of each row */
hf_err hf_use_commits(struct hf_use *use, hf_name_fn *each, void *arg); /* where they are those */
struct hf_error *hf_catalog_error(struct hf_catalog *catalog, const char *what);
void hf_column_bytes(
	sqlite3_stmt *statement, int column, void *at, size_t len); /* zeros if not len */

/*
 * A pack that was swept is dropped from every table and never comes back. An announcement counts
 * while no settled commit is its own: the two tables are looked at together, whichever came first.
 */
#define HF_STATE_SCHEMA \
	"CREATE TABLE swept(pack BLOB PRIMARY KEY) WITHOUT ROWID;" \
	"CREATE TABLE relied(pack BLOB PRIMARY KEY) WITHOUT ROWID;" \
	"CREATE TABLE settled(\"commit\" BLOB PRIMARY KEY) WITHOUT ROWID;" \
	"CREATE TABLE announcements(\"commit\" BLOB PRIMARY KEY, seen INTEGER, cutoff INTEGER)" \
	" WITHOUT ROWID;" \
	"CREATE TABLE announced(pack BLOB, \"commit\" BLOB, PRIMARY KEY(pack, \"commit\"))" \
	" WITHOUT ROWID;" \
	"CREATE TABLE segments(object BLOB PRIMARY KEY, kind INTEGER, level INTEGER," \
	" size INTEGER, rows INTEGER, first BLOB, last BLOB, read INTEGER) WITHOUT ROWID;"

/*
 * The views are decided when they are asked, so no order of arrival matters. "kept": a tombstoned
 * snapshot is not, but for its source's newest finished one by the store's time, whatever
 * tombstones name that one; a whole source is not as it was at the tombstone's date. Each
 * tombstone's date is kept, so that those of a slot that was revoked can be taken back. "shown":
 * nor what is dated ahead, which counts no more than on a machine that comes anew.
 */
#define HF_AHEAD \
	"coalesce((SELECT value FROM facts WHERE name = 'ahead' AND value > 0)," \
	" 9223372036854775807)"
#define HF_FORGOTTEN_SCHEMA \
	"CREATE TABLE forgotten(snapshot BLOB, patterns TEXT, seen INTEGER," \
	" PRIMARY KEY(snapshot, patterns, seen)) WITHOUT ROWID;" \
	"CREATE TABLE forgotten_sources(source TEXT, until INTEGER," \
	" PRIMARY KEY(source, until)) WITHOUT ROWID;" \
	"CREATE VIEW kept AS SELECT * FROM snapshots s WHERE" \
	" NOT EXISTS (SELECT 1 FROM forgotten_sources f" \
	"  WHERE f.source = s.source AND f.until >= s.seen AND f.until < " HF_AHEAD ")" \
	" AND (NOT EXISTS (SELECT 1 FROM forgotten t WHERE t.snapshot = s.id" \
	"   AND t.seen < " HF_AHEAD " AND hf_matches(t.patterns, s.source))" \
	"  OR (s.finished AND NOT EXISTS (SELECT 1 FROM snapshots n" \
	"   WHERE n.source = s.source AND n.finished AND n.seen < " HF_AHEAD \
	"   AND (n.seen, n.moment, n.id) > (s.seen, s.moment, s.id))));" \
	"CREATE VIEW shown AS SELECT * FROM kept WHERE seen < " HF_AHEAD ";"
/* Gives a connection the function that the view uses. */
hf_err hf_forgotten_connect(struct hf_catalog *catalog);

/*
 * Which copies are bad is decided when it is asked, too: a mark may come before its pack. Marks and
 * substitutes are looked up among the records themselves, by what their bodies begin with.
 */
#define HF_HEALTH_SCHEMA \
	"CREATE INDEX wanted ON records(substr(body, 1, 32), substr(body, 33)) WHERE kind = 7;" \
	"CREATE INDEX substitutes ON records(substr(body, 1, 40)) WHERE kind = 8;" \
	"CREATE VIEW bad_copies AS SELECT substr(r.body, 1, 32) AS chunk, p.n AS pack" \
	" FROM records r JOIN packs p ON p.id = substr(r.body, 33) WHERE r.kind = 7" \
	" AND NOT (p.depth = 2 AND p.proven > r.seen)" \
	" AND NOT EXISTS (SELECT 1 FROM proven v WHERE v.pack = p.id AND v.depth = 2" \
	"  AND min(v.time, v.seen) > r.seen);"
/* From ?1 on, before ?2: chunk, offset and length at a substitute's beginning are at most 40 bytes,
 * and none of them begins another. */
#define HF_STANDS_IN "kind = 8 AND substr(body, 1, 40) >= ?1 AND substr(body, 1, 40) < ?2"
/* Behind EXISTS, where c is a row of chunks. */
#define HF_BAD_COPY "(SELECT 1 FROM bad_copies b WHERE b.chunk = c.id AND b.pack = c.pack)"

/*
 * Which proof of a pack counts is decided when it is asked, too: the newest by the commit's date,
 * then by its id. Those of a slot that was revoked can so be taken back, and the one before counts
 * again. What a checkpoint said of a pack stands in the pack's own row.
 */
#define HF_PROVEN_SCHEMA \
	"CREATE TABLE proven(pack BLOB, seen INTEGER, origin BLOB, time INTEGER, depth INTEGER," \
	" PRIMARY KEY(pack, seen, origin)) WITHOUT ROWID;" \
	"CREATE INDEX proven_by_origin ON proven(origin);" \
	"CREATE VIEW shown_packs AS SELECT p.n, p.id, p.kind, p.time, p.size, p.header, p.slot," \
	" p.seen, coalesce(r.time, p.proven) AS proven, coalesce(r.depth, p.depth) AS depth," \
	" p.tabled, p.stated" \
	" FROM packs p LEFT JOIN proven r ON r.pack = p.id AND (r.seen, r.origin) =" \
	" (SELECT seen, origin FROM proven WHERE pack = p.id" \
	"  ORDER BY seen DESC, origin DESC LIMIT 1);"

#endif
