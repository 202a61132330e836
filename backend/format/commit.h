/*
 * What a commit says: who, when, what it knew, and its records (docs/format.md section 5). Parsed
 * things point into the arena and into the bytes that were parsed; keep both. Rights are judged by
 * repo/keys.h, not here. Pure.
 */
#ifndef HF_FORMAT_COMMIT_H
#define HF_FORMAT_COMMIT_H

#include "backend/format/container.h"
#include "backend/format/entry.h"

#define HF_RUN_LEN 16
#define HF_SNAPSHOT_ID_LEN 16
#define HF_STORE_ID_LEN 16

enum hf_record_kind {
	HF_RECORD_PACK = 1,
	HF_RECORD_SNAPSHOT = 2,
	HF_RECORD_UNFINISHED = 3, /* a snapshot or journal entry that is not to be shown yet */
	HF_RECORD_JOURNAL = 4,
	HF_RECORD_TOMBSTONE = 5,
	HF_RECORD_ANNOUNCE = 6,
	HF_RECORD_WANTED = 7,
	HF_RECORD_SUBSTITUTE = 8,
	HF_RECORD_PROVEN = 9,
	HF_RECORD_TIER = 10,
	HF_RECORD_RESULT = 11, /* drill, verify */
	HF_RECORD_ORIGIN = 12,
	HF_RECORD_RELIES = 13, /* packs that this commit needs and the checkpoint lacks */
};

enum hf_tier { HF_HOT = 0, HF_COOL, HF_ARCHIVE, HF_DEEP_ARCHIVE };

struct hf_pair {
	struct hf_span key, value; /* sorted by key, each once */
};
struct hf_pairs {
	struct hf_pair *at;
	size_t n;
};
struct hf_ids {
	struct hf_id *at;
	size_t n;
};

struct hf_pack_record {
	struct hf_id id;
	uint64_t size;
	struct hf_header header;
	struct hf_table table; /* rows in the arena when parsed */
};

struct hf_snapshot {
	uint8_t run[HF_RUN_LEN]; /* one for each run of a backup: ties unfinished to finished */
	struct hf_span source;   /* "files/h-etc" */
	int64_t moment, started, ended;
	struct hf_span root; /* hf_entry_parse_alone() */
	uint64_t files, bytes, entries,
		failed; /* regular files, their bytes, all names, what could not be read */
	struct hf_span host, user;
	struct hf_span *paths;
	size_t n_paths;
	struct hf_pairs labels, values;
	int64_t ttl;                        /* ns; 0: by the policy */
	uint8_t parent[HF_SNAPSHOT_ID_LEN]; /* zero: none */
	struct hf_extents reopen; /* a meta file of shared chunks (32-byte ids) of which less than
	                             half is used */
};

struct hf_journal {
	struct hf_span source, name;
	int64_t from, to;
	uint64_t size;
	struct hf_extents extents;
	bool extents_file; /* extents are those of a file of extents, in meta */
	struct hf_pairs values;
};

struct hf_tombstone {
	uint8_t (*snapshots)[HF_SNAPSHOT_ID_LEN];
	size_t n_snapshots;
	struct hf_span source; /* empty: only the snapshots above */
	struct hf_span
		*names; /* journal entries of source; n_names 0 with a source: the whole source */
	size_t n_names;
};
struct hf_announce {
	int64_t cutoff;
	struct hf_ids packs;
	struct hf_ids supplied; /* packs of this commit that hold what lived in them */
};
struct hf_wanted {
	struct hf_id chunk, pack;
};
struct hf_substitute {
	struct hf_id lost;
	uint32_t offset, length;   /* this range of the lost chunk … */
	struct hf_extents extents; /* … is here */
};
struct hf_proven {
	int64_t time;
	uint8_t depth; /* 1 digest, 2 decoded */
	struct hf_ids packs;
};
struct hf_tiering {
	enum hf_tier tier;
	struct hf_ids packs;
};
struct hf_result {
	uint8_t kind; /* 1 drill, 2 verify */
	struct hf_span source;
	int64_t moment, started, took, objective;
	uint8_t outcome; /* 0 passed, 1 failed */
	struct hf_span text;
};
struct hf_origin {
	struct hf_id commit;
	uint32_t slot;
	int64_t seen;
};
struct hf_relies {
	struct hf_ids packs;
	struct hf_extents file; /* or a meta file of ids */
};

struct hf_record {
	enum hf_record_kind kind;
	enum hf_record_kind of; /* of an unfinished one: HF_RECORD_SNAPSHOT or HF_RECORD_JOURNAL */
	struct hf_span body;    /* as parsed: what a snapshot's id is the digest of */
	union {
		struct hf_pack_record pack;
		struct hf_snapshot snapshot;
		struct hf_journal journal;
		struct hf_tombstone tombstone;
		struct hf_announce announce;
		struct hf_wanted wanted;
		struct hf_substitute substitute;
		struct hf_proven proven;
		struct hf_tiering tiering;
		struct hf_result result;
		struct hf_origin origin;
		struct hf_relies relies;
	};
};

/* A record's whole form: kind, length, body. */
void hf_record_print(const struct hf_record *record, struct hf_buf *out);
/* Marks the wire bad. HF_UNSUPPORTED can't be told from damage here: an unknown kind is bad. */
void hf_record_parse(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out);
/* Of what was kept as kind and body. HF_CORRUPT. */
hf_err hf_record_parse_body(enum hf_record_kind kind, struct hf_span body, struct hf_arena *arena,
	struct hf_record *out);
/* HF_INVALID: a printed record that its readers would refuse, and the whole commit with it. */
hf_err hf_record_check(struct hf_span printed);
/* SHA-256 of a snapshot record's body, cut to 16 bytes. */
void hf_snapshot_id(struct hf_span body, uint8_t out[HF_SNAPSHOT_ID_LEN]);
/* The same, of the snapshot that the record holds. */
void hf_snapshot_record_id(const struct hf_record *record, uint8_t out[HF_SNAPSHOT_ID_LEN]);
/*
 * Source names: <kind>/<parts> with the number of parts that the kind has; printable UTF-8, no
 * "..".
 */
bool hf_source_valid(struct hf_span source);
/* May a glob match such a name? false: surely none. */
bool hf_source_glob_valid(const char *pattern);

/* The body of a commit's last section. */
struct hf_commit {
	uint32_t slot;
	int64_t time; /* whole seconds; equals the name's */
	uint8_t store[HF_STORE_ID_LEN];
	uint32_t keyring, checkpoint;
	struct hf_id checkpoint_id;
	struct hf_record *records;
	size_t n_records;
};
void hf_commit_print(const struct hf_commit *commit, struct hf_buf *out);
hf_err hf_commit_parse(struct hf_span body, struct hf_arena *arena, struct hf_commit *out);
hf_err hf_records_parse(
	struct hf_span body, struct hf_arena *arena, struct hf_record **records, size_t *n);
/*
 * The body of a pack's last section, unless it has none: records that say what it completes, in
 * which store, and for which slot they are signed.
 */
struct hf_restated {
	uint32_t slot;
	uint8_t store[HF_STORE_ID_LEN];
	struct hf_record *records;
	size_t n;
};
/* printed: the records. */
void hf_restated_print(
	const struct hf_restated *restated, struct hf_span printed, struct hf_buf *out);
hf_err hf_restated_parse(struct hf_span body, struct hf_arena *arena, struct hf_restated *out);

/* "commits/20261124T100000Z-<64 hex>" */
#define HF_COMMIT_NAME_LEN 89
void hf_commit_name(int64_t time, const struct hf_id *id, char out[HF_COMMIT_NAME_LEN + 1]);
hf_err hf_commit_name_parse(const char *name, int64_t *time, struct hf_id *id);
/* "packs/3f/3f…", "meta/3f/3f…" */
#define HF_PACK_NAME_LEN 73
void hf_pack_name(enum hf_object_kind kind, const struct hf_id *id, char out[HF_PACK_NAME_LEN + 1]);
hf_err hf_pack_name_parse(const char *name, struct hf_id *id);
/* Any of the three above. time: a commit's. */
hf_err hf_digest_name_parse(
	const char *name, enum hf_object_kind *kind, int64_t *time, struct hf_id *id);
/* "keyring/0000000001", "checkpoints/0000000001" */
#define HF_NUMBERED_NAME_LEN 22
void hf_numbered_name(const char *folder, uint32_t n, char out[HF_NUMBERED_NAME_LEN + 1]);
hf_err hf_numbered_name_parse(const char *folder, const char *name, uint32_t *n);

#endif
