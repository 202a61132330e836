/*
 * The local index: which chunk lies where, which snapshots there are. An SQLite file, a cache: it
 * can be deleted at any time and is rebuilt from checkpoint and commits. One connection, one lock:
 * any thread. Several processes may share the file.
 */
#ifndef HF_REPO_CATALOG_H
#define HF_REPO_CATALOG_H

#include "backend/format/checkpoint.h"
#include "backend/format/commit.h"

struct hf_catalog;

/* NULL path: in memory. A file that is damaged or of another version is made anew. */
hf_err hf_catalog_open(const char *path, struct hf_catalog **out);
void hf_catalog_free(struct hf_catalog *catalog);
HF_OWNABLE(hf_catalog)

/* All between begin and end appears at once; a free in between takes it back. Nests not. */
hf_err hf_catalog_begin(struct hf_catalog *catalog);
hf_err hf_catalog_end(struct hf_catalog *catalog);
void hf_catalog_cancel(struct hf_catalog *catalog);

/* Small facts: "checkpoint", "keyring". 0 when not set. */
hf_err hf_catalog_set(struct hf_catalog *catalog, const char *name, int64_t value);
/*
 * Takes err, or NULL: something was met in it that nobody writes, for its disk, or memory, has
 * turned bits. HF_LOCAL, as it is no damage of the repository. Who syncs next reads it anew.
 */
hf_err hf_catalog_blame(struct hf_catalog *catalog, struct hf_error *err);
bool hf_catalog_hurt(struct hf_catalog *catalog);
/* One that only grows: what another process made of it meanwhile stays, if that is more. */
hf_err hf_catalog_raise(struct hf_catalog *catalog, const char *name, int64_t value);
hf_err hf_catalog_fact(struct hf_catalog *catalog, const char *name, int64_t *value);

/* ---- commits ---- */
hf_err hf_catalog_has_commit(struct hf_catalog *catalog, const char *name, bool *has);
hf_err hf_catalog_add_commit(
	struct hf_catalog *catalog, const char *name, uint32_t slot, bool counted);
/* How many it has that are dated then or later. */
hf_err hf_catalog_commits_since(struct hf_catalog *catalog, int64_t time, uint64_t *n);
typedef struct hf_error *hf_name_fn(void *arg, const char *name);
hf_err hf_catalog_each_commit(
	struct hf_catalog *catalog, hf_name_fn *each, void *arg); /* by name; no contained ones */
/* Those of one slot that count, by name. */
hf_err hf_catalog_each_commit_of(
	struct hf_catalog *catalog, uint32_t slot, hf_name_fn *each, void *arg);
/*
 * A slot was revoked: takes back what it said since the cutoff, and forgets all commits since, so
 * that they are read and judged anew. Packs stay. Notes for how many of its commits that count this
 * was done: once is enough.
 */
hf_err hf_catalog_distrust(
	struct hf_catalog *catalog, uint32_t slot, size_t n_counts, int64_t cutoff);

/* ---- packs and chunks ---- */
struct hf_pack {
	int64_t n; /* the catalog's own number */
	struct hf_id id;
	enum hf_object_kind kind; /* content, meta; HF_COMMIT: its chunks ride in a commit */
	int64_t time;             /* of that commit: part of its name */
	uint64_t size;
	uint8_t header[HF_HEADER_LEN];
	uint32_t slot;
	int64_t seen;   /* the store's time of the commit that named it first */
	int64_t proven; /* 0: never */
	uint8_t depth;
	bool tabled; /* the rows of its chunks are here */
	bool stated; /* a checkpoint's segments name it */
};
void hf_pack_object_name(const struct hf_pack *pack, char out[HF_COMMIT_NAME_LEN + 1]);
/*
 * Adds a pack with its chunks (table NULL: without), or the chunks of one that had none. Gives its
 * number; 0: it was swept, and nothing is added.
 */
hf_err hf_catalog_add_pack(struct hf_catalog *catalog, const struct hf_pack *pack,
	const struct hf_table *table, int64_t *n);
/*
 * A hostile writer may say anything of a pack, and be heard first: does a commit say what is known?
 */
enum hf_pack_word {
	HF_PACK_NEW,     /* nobody said anything of it: add it */
	HF_PACK_KNOWN,   /* the same, or it has a checkpoint's word */
	HF_PACK_DISPUTED /* something else: ask the pack itself */
};
hf_err hf_catalog_weigh_pack(struct hf_catalog *catalog, const struct hf_pack *pack,
	const struct hf_table *table, enum hf_pack_word *word);
/* Of a pack that is known: what it says itself takes the place of what was said of it. */
hf_err hf_catalog_correct_pack(
	struct hf_catalog *catalog, const struct hf_pack *pack, const struct hf_table *table);
/*
 * The number of a pack with a copy that nobody marked as bad and that is not announced: what a
 * writer may rely on. 0: there is none, and a writer that has its bytes stores it anew.
 */
hf_err hf_catalog_safe_copy(struct hf_catalog *catalog, const struct hf_id *id, int64_t *pack);
/* The number of a pack; 0: not known. */
hf_err hf_catalog_pack_number(struct hf_catalog *catalog, const struct hf_id *id, int64_t *n);
/* One chunk of a pack that is there. */
hf_err hf_catalog_add_chunk(struct hf_catalog *catalog, int64_t pack, const struct hf_row *row);

struct hf_location {
	int64_t pack;
	struct hf_row row;
};
#define HF_MAX_LOCATIONS 8
/* Where copies of the chunk lie, those that are marked as bad last; *n 0: nowhere. */
hf_err hf_catalog_find(struct hf_catalog *catalog, const struct hf_id *id,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n);
/* The next ones, behind those that were shown. */
hf_err hf_catalog_find_more(struct hf_catalog *catalog, const struct hf_id *id, size_t skip,
	struct hf_location out[HF_MAX_LOCATIONS], size_t *n);
hf_err hf_catalog_pack(
	struct hf_catalog *catalog, int64_t n, struct hf_pack *out); /* HF_NOT_FOUND */
typedef struct hf_error *hf_pack_fn(void *arg, const struct hf_pack *pack);
hf_err hf_catalog_each_pack(
	struct hf_catalog *catalog, hf_pack_fn *each, void *arg); /* in order of n */
/* Every chunk in every pack, by id: a scan of the whole table, for a check. */
typedef struct hf_error *hf_place_fn(void *arg, const struct hf_location *place);
hf_err hf_catalog_each_place(struct hf_catalog *catalog, hf_place_fn *each, void *arg);

struct hf_catalog_counts {
	uint64_t packs[4],
		pack_bytes[4]; /* by kind: [1] content, [2] meta, [3] commits with chunks */
	uint64_t chunks, plain_bytes, stored_bytes;
	uint64_t snapshots, commits;
};
hf_err hf_catalog_counts(struct hf_catalog *catalog, struct hf_catalog_counts *out);

/* ---- snapshots ---- */

/*
 * Adds a snapshot record as its commit carried it. The same one twice is one; the earliest commit
 * counts.
 */
struct hf_seen {
	uint32_t slot;
	int64_t time; /* the store's, of the commit */
	struct hf_id commit;
	bool stated; /* a checkpoint says so */
};
hf_err hf_catalog_add_snapshot(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen);
struct hf_snapshot_row {
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	uint8_t run[HF_RUN_LEN];
	struct hf_span source,
		body; /* die with the call that shows them; body empty unless asked for */
	int64_t moment, seen;
	uint32_t slot;
	bool finished;
};
typedef struct hf_error *hf_snapshot_row_fn(void *arg, const struct hf_snapshot_row *row);
struct hf_snapshot_query {
	const char *source; /* NULL: all */
	bool bounded;       /* only moments up to … */
	int64_t until;
	const char *id_prefix; /* hex digits; NULL: any */
	const char *label_key, *label_value;
	bool unfinished;  /* those instead; none whose run has a finished one */
	bool ahead;       /* those too that are dated ahead */
	bool newest_only; /* the last of the order below */
	bool bodies;
};
/* In order of moment, seen, the end that it tells of itself, id. Not inside begin/end of another
 * thread: it holds the lock. */
hf_err hf_catalog_snapshots(struct hf_catalog *catalog, const struct hf_snapshot_query *query,
	hf_snapshot_row_fn *each, void *arg);
hf_err hf_catalog_sources(struct hf_catalog *catalog, hf_name_fn *each, void *arg);
/* key NULL: the keys; else its values. Sorted. */
hf_err hf_catalog_labels(struct hf_catalog *catalog, const char *key, hf_name_fn *each, void *arg);
/*
 * Nothing that a commit after this time says of snapshots counts in any answer from here on, unless
 * it asks for what is ahead. Gives the time of the first such commit; 0: there is none.
 */
hf_err hf_catalog_hide_ahead(struct hf_catalog *catalog, int64_t limit, int64_t *first);
/* Changes with every change, by this process or another. */
uint64_t hf_catalog_version(struct hf_catalog *catalog);

/*
 * patterns: of the sources that the tombstone's slot is limited to, a line each; empty: all. What
 * it names is hidden from every answer above, whichever comes first, but a source's newest finished
 * snapshot only with its whole source.
 */
hf_err hf_catalog_add_tombstone(struct hf_catalog *catalog, const struct hf_record *record,
	const struct hf_seen *seen, struct hf_span patterns);

/* ---- health: records of the kinds wanted and substitute ---- */

hf_err hf_catalog_is_bad_copy(
	struct hf_catalog *catalog, const struct hf_id *chunk, const struct hf_id *pack, bool *bad);
/* Did somebody but that slot mark it? Whether the mark still holds is not asked. */
hf_err hf_catalog_is_marked_by_other(struct hf_catalog *catalog, const struct hf_id *chunk,
	const struct hf_id *pack, uint32_t slot, bool *marked);
/* Chunks of which each copy is marked as bad. */
typedef struct hf_error *hf_id_fn(void *arg, const struct hf_id *id);
hf_err hf_catalog_each_wanted(struct hf_catalog *catalog, hf_id_fn *each, void *arg);
/* The numbers of packs with a copy that is marked as bad. */
typedef struct hf_error *hf_number_fn(void *arg, int64_t n);
hf_err hf_catalog_each_bad_pack(struct hf_catalog *catalog, hf_number_fn *each, void *arg);
/* How many substitutes there are for exactly this range of a chunk. slot 0: by any. */
hf_err hf_catalog_count_substitutes(
	struct hf_catalog *catalog, const struct hf_extent *lost, uint32_t slot, size_t *n);
/* What the number-th says, in order of origin. HF_NOT_FOUND: there are fewer. */
hf_err hf_catalog_substitute(struct hf_catalog *catalog, const struct hf_extent *lost,
	size_t number, struct hf_arena *arena, struct hf_extents *out);

/* Counts for its packs whether they are known yet or not. */
hf_err hf_catalog_add_proven(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen);
/* Bytes are proven until they are read wrong: from when they were written on, or last read. */
struct hf_proofs {
	uint64_t never_packs, never_bytes; /* that nobody has read since they were written */
	uint64_t old_packs, old_bytes;     /* neither written nor read since `before` */
	int64_t oldest;                    /* the longest ago that one was; 0: there is no pack */
};
hf_err hf_catalog_proofs(struct hf_catalog *catalog, int64_t before, struct hf_proofs *out);

/* Any other record, kept as its bytes; the same one twice is one. */
hf_err hf_catalog_add_record(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen);

/* Is a finished snapshot of that run known, shown or not? */
hf_err hf_catalog_has_run(struct hf_catalog *catalog, const uint8_t run[HF_RUN_LEN], bool *known);
/* What a commit was the first to say, as far as it is kept: finished snapshots and other records.
 */
typedef struct hf_error *hf_body_fn(
	void *arg, enum hf_record_kind kind, uint32_t slot, struct hf_span body);
hf_err hf_catalog_each_record_of(
	struct hf_catalog *catalog, const struct hf_id *commit, hf_body_fn *each, void *arg);

#endif
