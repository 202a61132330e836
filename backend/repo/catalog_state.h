/*
 * What checkpoints and announcements make of the catalog: packs that are gone for ever, packs that
 * are to go, commits that a checkpoint contains, segments that were not read yet. As the rest of
 * the catalog: any thread, and every call is order-independent of what commits bring.
 */
#ifndef HF_REPO_CATALOG_STATE_H
#define HF_REPO_CATALOG_STATE_H

#include "backend/repo/catalog.h"

/* ---- packs ---- */

/* These are gone for ever: what the catalog has of them is dropped, and no commit brings it back.
 */
hf_err hf_catalog_add_swept(struct hf_catalog *catalog, const struct hf_ids *packs);
hf_err hf_catalog_is_swept(struct hf_catalog *catalog, const struct hf_id *pack, bool *swept);
/* A checkpoint's segments name the pack. */
hf_err hf_catalog_state_pack(struct hf_catalog *catalog, int64_t n);
/* Packs that a commit relies on without naming them itself. */
hf_err hf_catalog_add_relied(struct hf_catalog *catalog, const struct hf_ids *packs);
/* Those among them that no commit, checkpoint or sweep has told of. */
hf_err hf_catalog_each_unknown(struct hf_catalog *catalog, hf_id_fn *each, void *arg);
/* These need not be looked for again. */
hf_err hf_catalog_drop_relied(struct hf_catalog *catalog, const struct hf_ids *packs);

/* ---- announcements ---- */

struct hf_announcement {
	struct hf_id commit;
	int64_t seen, cutoff;
};
/* In force until it is settled or lapses; nothing if it is settled already. */
hf_err hf_catalog_add_announcement(
	struct hf_catalog *catalog, const struct hf_announce *announce, const struct hf_seen *seen);
/* Exactly these commits' announcements are settled; those dated before the cutoff lapse. */
hf_err hf_catalog_settle(struct hf_catalog *catalog, const struct hf_ids *commits, int64_t cutoff);
typedef struct hf_error *hf_announcement_fn(void *arg, const struct hf_announcement *announcement);
/* Those in force, by the date of their commits. */
hf_err hf_catalog_each_announcement(
	struct hf_catalog *catalog, hf_announcement_fn *each, void *arg);
/* The packs of one, or of all (commit NULL), each once. */
hf_err hf_catalog_each_announced(
	struct hf_catalog *catalog, const struct hf_id *commit, hf_id_fn *each, void *arg);
hf_err hf_catalog_is_announced(struct hf_catalog *catalog, const struct hf_id *pack, bool *is);
/* The latest cutoff that is announced; INT64_MIN: none. */
hf_err hf_catalog_announced_cutoff(struct hf_catalog *catalog, int64_t *cutoff);

/* ---- commits ---- */

/* Known ones dated before, of which it is not known that a checkpoint contains them. */
hf_err hf_catalog_each_open_commit(
	struct hf_catalog *catalog, int64_t before, hf_name_fn *each, void *arg);
hf_err hf_catalog_contain(struct hf_catalog *catalog, const char *name);
hf_err hf_catalog_is_contained(struct hf_catalog *catalog, const char *name, bool *contained);

/* ---- segments ---- */

/* The newest checkpoint's: others are dropped, what was read stays read. */
hf_err hf_catalog_set_segments(
	struct hf_catalog *catalog, const struct hf_segment_ref *refs, size_t n);
hf_err hf_catalog_read_segment(struct hf_catalog *catalog, const struct hf_id *object);
typedef struct hf_error *hf_segment_fn(void *arg, const struct hf_segment_ref *ref);
hf_err hf_catalog_each_segment(struct hf_catalog *catalog, hf_segment_fn *each, void *arg);
/* Those not read yet; id not NULL: only those that may have that key. */
hf_err hf_catalog_each_unread(struct hf_catalog *catalog, enum hf_segment_kind kind,
	const struct hf_id *id, hf_segment_fn *each, void *arg);

/* ---- what a new checkpoint states ---- */

/*
 * Snapshots, unfinished ones and journal entries that live, dated before: their records in the form
 * of a segment, and who brought them. whole: also those that are stated already.
 */
struct hf_live_record {
	enum hf_record_kind kind;
	struct hf_span body; /* dies with the call */
	struct hf_seen seen;
	struct hf_catalog *catalog; /* that has it */
};
/* The record itself; it points into the arena. */
hf_err hf_live_record_parse(
	const struct hf_live_record *live, struct hf_arena *arena, struct hf_record *out);
typedef struct hf_error *hf_live_record_fn(void *arg, const struct hf_live_record *record);
hf_err hf_catalog_each_live(
	struct hf_catalog *catalog, int64_t before, bool whole, hf_live_record_fn *each, void *arg);
/* Tombstones and kinds 7 to 11, dated before. */
hf_err hf_catalog_each_kept(
	struct hf_catalog *catalog, int64_t before, hf_live_record_fn *each, void *arg);

/* It is shown, finished, and no tombstone names it. */
hf_err hf_catalog_snapshot_stands(
	struct hf_catalog *catalog, const uint8_t id[HF_SNAPSHOT_ID_LEN], bool *stands);

/* Forgets all but the facts: what a checkpoint has passed by can't be taken back piece by piece. */
hf_err hf_catalog_clear(struct hf_catalog *catalog);

/* ---- for a while ---- */

/*
 * Puts aside what it holds: until that is brought back, it is an empty one that nobody else sees,
 * in a file of dir (NULL: in memory). Nests not, and not inside begin/end.
 */
hf_err hf_catalog_put_aside(struct hf_catalog *catalog, const char *dir);
void hf_catalog_bring_back(struct hf_catalog *catalog);
/* What was put aside. */
struct hf_catalog *hf_catalog_aside(struct hf_catalog *catalog);
/* Changes with each of the two: the numbers of packs are others then. */
unsigned hf_catalog_edition(struct hf_catalog *catalog);

/* Unfinished runs older than this are dead: 30 days. */
#define HF_UNFINISHED_LIFE (INT64_C(30) * 24 * 3600 * 1000000000)

#endif
