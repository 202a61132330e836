#include "backend/repo/rebuild.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/record.h"
#include "backend/format/wire.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/commit.h"
#include "backend/repo/history.h"
#include "backend/repo/scrub.h"
#include "backend/repo/state.h"

/* A commit is at most 8 MiB; one record more must still fit. */
#define COMMIT_ROOM (HF_MAX_COMMIT / 2 - (64u << 10))

struct lost {
	struct hf_id id;
	int64_t time;
};

struct rebuild {
	struct hf_repo *repo;
	const struct hf_stop *stop;
	struct hf_rebuilt *out;
	struct hf_map commits; /* that the catalog knows */
	struct hf_map packs;   /* the same; a number: named by a commit that is lost */
	struct hf_map said;    /* records, by their digest */
	struct hf_map runs;    /* of which a finished snapshot is said */
	struct lost *lost;
	size_t n_lost, lost_cap;
	bool unsaid;           /* our catalog knows what another key could say again */
	struct hf_buf body;    /* pack records of the next commit */
	struct hf_buf records; /* all others: they come last */
	struct hf_buf whole;   /* those of snapshots that were complete, and called unfinished */
};

static void rebuild_release(struct rebuild *rebuild)
{
	hf_map_release(&rebuild->commits);
	hf_map_release(&rebuild->packs);
	hf_map_release(&rebuild->said);
	hf_map_release(&rebuild->runs);
	free(rebuild->lost);
	hf_buf_release(&rebuild->body);
	hf_buf_release(&rebuild->records);
	hf_buf_release(&rebuild->whole);
}
#define REBUILD __attribute__((cleanup(rebuild_release))) struct rebuild

/* ---- what is whole ---- */

/* The first copy whose digest is the name. *good false: there is none. */
static hf_err read_good(struct hf_repo *repo, const char *name, const struct hf_id *id,
	struct hf_buf *out, bool *good)
{
	struct hf_store *store = hf_repo_store(repo);

	*good = false;
	for (unsigned copy = 0; copy < hf_store_copies(store, name) && !*good; copy++) {
		struct hf_error *err;
		struct hf_id digest;

		hf_buf_clear(out);
		err = hf_store_get_all(store, name, copy, HF_MAX_PACK, out);
		if (err && !hf_scrub_finds(repo, err))
			return err;
		hf_sha256(hf_buf_span(out), &digest);
		*good = !err && hf_id_equal(&digest, id);
		hf_error_free(err); /* check tells of each bad copy */
	}
	return NULL;
}

static hf_err look_for_commit(struct rebuild *rebuild, const char *name, bool known)
{
	HF_RELEASED(hf_buf) object = {0};
	struct lost lost;
	bool good, contained;

	HF_TRY(hf_stop_check(rebuild->stop));
	HF_TRY(hf_commit_name_parse(name, &lost.time, &lost.id));
	if (known)
		hf_map_put(&rebuild->commits, &lost.id, NULL);
	HF_TRY(hf_catalog_is_contained(hf_repo_catalog(rebuild->repo), name, &contained));
	/* What a checkpoint contains needs its commit no more. */
	if (contained || lost.time < rebuild->repo->cutoff)
		return NULL;
	HF_TRY(read_good(rebuild->repo, name, &lost.id, &object, &good));
	if (good)
		return NULL;
	rebuild->out->commits_lost++;
	rebuild->lost = hf_grow(
		rebuild->lost, &rebuild->lost_cap, rebuild->n_lost + 1, sizeof(*rebuild->lost));
	rebuild->lost[rebuild->n_lost++] = lost;
	return NULL;
}

static hf_err look_for_known(void *arg, const char *name)
{
	return look_for_commit(arg, name, true);
}

/* One that no catalog of ours ever took: bad in every copy since before. */
static hf_err look_for_listed(void *arg, const struct hf_object *object)
{
	struct rebuild *rebuild = arg;
	struct hf_id id;
	int64_t time;
	struct hf_error *err = hf_commit_name_parse(object->name, &time, &id);

	if (err || hf_map_get(&rebuild->commits, &id)) {
		hf_error_free(err); /* no commit at all */
		return NULL;
	}
	return look_for_commit(rebuild, object->name, false);
}

/* ---- what is said again ---- */

static hf_err put(struct rebuild *rebuild, struct hf_buf *records)
{
	if (records->len == 0)
		return NULL;
	HF_TRY(hf_commit_put(rebuild->repo, hf_buf_span(records), 0, NULL));
	hf_buf_clear(records);
	return NULL;
}

static hf_err say(struct rebuild *rebuild, struct hf_buf *records, struct hf_span printed)
{
	if (records->len + printed.len > COMMIT_ROOM)
		HF_TRY(put(rebuild, records));
	hf_buf_add_span(records, printed);
	return NULL;
}

/* Announcements and proofs are nothing without the commit that they came with. */
static bool stands_alone(enum hf_record_kind kind)
{
	return kind == HF_RECORD_SNAPSHOT || kind == HF_RECORD_JOURNAL ||
		kind == HF_RECORD_TOMBSTONE || kind == HF_RECORD_WANTED ||
		kind == HF_RECORD_SUBSTITUTE || kind == HF_RECORD_TIER || kind == HF_RECORD_RESULT;
}

static struct hf_id run_key(const struct hf_record *record)
{
	struct hf_id key = {{0}};

	memcpy(key.bytes, record->snapshot.run, HF_RUN_LEN);
	return key;
}

static void say_record(struct rebuild *rebuild, enum hf_record_kind kind, struct hf_span body)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) printed = {0};
	struct hf_record record = {0};
	struct hf_wire wire;
	struct hf_id digest;
	bool fresh;

	if (!stands_alone(kind))
		return;
	hf_put_var(&printed, kind);
	hf_put_sized(&printed, body);
	hf_sha256(hf_buf_span(&printed), &digest);
	hf_map_put(&rebuild->said, &digest, &fresh);
	if (!fresh)
		return;
	wire = hf_wire(hf_buf_span(&printed));
	hf_record_parse(&wire, &arena, &record);
	if (wire.bad || !hf_slot_may_record(hf_repo_slot(rebuild->repo), &record, false)) {
		rebuild->unsaid |= !wire.bad;
		rebuild->out->left++;
		return;
	}
	if (kind == HF_RECORD_SNAPSHOT) {
		digest = run_key(&record);
		hf_map_put(&rebuild->runs, &digest, NULL);
	}
	rebuild->out->records++;
	hf_buf_add_span(&rebuild->records, hf_buf_span(&printed));
}

static bool is_complete(const struct hf_snapshot *snapshot)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry root;
	struct hf_error *err = hf_entry_parse_alone(snapshot->root, &arena, &root);
	const bool complete = !err && !root.incomplete;

	hf_error_free(err); /* it is no snapshot, then */
	return complete;
}

/*
 * A backup puts its last pack before it looks whether all is there still, so packs call snapshots
 * unfinished. Which were complete their roots tell.
 */
static void note_whole(void *arg, const struct hf_snapshot *snapshot)
{
	const struct hf_record finished = {.kind = HF_RECORD_SNAPSHOT, .snapshot = *snapshot};
	struct rebuild *rebuild = arg;

	hf_record_print(&finished, &rebuild->whole);
}

/* Those that lack only the commit which says so, as long as what they need is kept for them. */
static hf_err each_unended(struct hf_repo *repo,
	void (*each)(void *arg, const struct hf_snapshot *snapshot), void *arg)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots live;
	int64_t now;

	HF_TRY(hf_store_now(repo->store, &now));
	HF_TRY(hf_history_live(repo, now - HF_UNFINISHED_LIFE, &arena, &live));
	for (size_t i = 0; i < live.n; i++) {
		if (!live.at[i].finished && is_complete(&live.at[i].snapshot))
			each(arg, &live.at[i].snapshot);
	}
	return NULL;
}

static void count_unended(void *arg, const struct hf_snapshot *snapshot)
{
	(void)snapshot;
	++*(uint64_t *)arg;
}

hf_err hf_rebuild_count_unended(struct hf_repo *repo, uint64_t *n)
{
	*n = 0;
	return each_unended(repo, count_unended, n);
}

/* Once all that are called finished are known: a run has one. */
static hf_err say_whole(struct rebuild *rebuild)
{
	struct hf_wire wire = hf_wire(hf_buf_span(&rebuild->whole));

	while (wire.rest.len > 0) {
		HF_RELEASED(hf_arena) arena = {0};
		struct hf_record record;
		struct hf_id run;
		bool known;

		hf_record_parse(&wire, &arena, &record);
		HF_TRY(hf_wire_end(&(struct hf_wire){.bad = wire.bad}, "record"));
		run = run_key(&record);
		HF_TRY(hf_catalog_has_run(
			hf_repo_catalog(rebuild->repo), record.snapshot.run, &known));
		if (!known && !hf_map_get(&rebuild->runs, &run))
			say_record(rebuild, record.kind, record.body);
	}
	return NULL;
}

static hf_err say_known(void *arg, enum hf_record_kind kind, struct hf_span body)
{
	say_record(arg, kind, body);
	return NULL;
}

/* A pack as it says itself what it is. */
struct told {
	struct hf_buf object, printed; /* printed: what a commit says of it */
	struct hf_last last;
	struct hf_arena arena;
	struct hf_record *records;
	size_t n;
};
static void told_release(struct told *told)
{
	hf_buf_release(&told->object);
	hf_buf_release(&told->printed);
	hf_last_release(&told->last);
	hf_arena_release(&told->arena);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static hf_err ask_pack(const struct rebuild *rebuild, const struct hf_header *header,
	const struct hf_id *id, struct told *told)
{
	const struct hf_epoch_keys *keys = hf_repo_epoch(rebuild->repo, header->epoch);
	struct hf_record record = {
		.kind = HF_RECORD_PACK,
		.pack = {.id = *id, .size = told->object.len, .header = *header},
	};

	if (!keys)
		return hf_error_new(HF_DENIED, "this key has no keys of epoch %u", header->epoch);
	HF_TRY(hf_last_open(hf_buf_span(&told->object), keys, &told->last));
	record.pack.table = told->last.table;
	hf_record_print(&record, &told->printed);
	HF_TRY(hf_record_check(hf_buf_span(&told->printed)));
	return hf_records_parse(told->last.body, &told->arena, &told->records, &told->n);
}

static hf_err say_pack(struct rebuild *rebuild, const struct told *told)
{
	HF_TRY(say(rebuild, &rebuild->body, hf_buf_span(&told->printed)));
	rebuild->out->packs++;
	for (size_t i = 0; i < told->n; i++) {
		const struct hf_record *record = &told->records[i];

		say_record(rebuild, record->kind, record->body);
		if (record->kind == HF_RECORD_UNFINISHED && record->of == HF_RECORD_SNAPSHOT &&
			is_complete(&record->snapshot))
			note_whole(rebuild, &record->snapshot);
	}
	return NULL;
}

static hf_err take_pack(struct rebuild *rebuild, const char *name, const struct hf_id *id)
{
	const bool meta = strncmp(name, "meta/", 5) == 0;
	struct hf_header header = {0};
	struct hf_error *err;
	TOLD told = {0};
	bool good;

	HF_TRY(hf_stop_check(rebuild->stop));
	HF_TRY(read_good(rebuild->repo, name, id, &told.object, &good));
	err = good ? hf_header_parse(hf_buf_span(&told.object), &header) : NULL;
	if (header.kind == HF_SEGMENT)
		return err; /* checkpoints name these */
	if (good && !err && header.kind == (meta ? HF_META_PACK : HF_CONTENT_PACK))
		err = ask_pack(rebuild, &header, id, &told);
	if (told.printed.len && !err)
		return say_pack(rebuild, &told);
	rebuild->out->left++;
	hf_error_free(err); /* whatever it is, it is no pack of ours */
	return NULL;
}

static bool is_of_lost(const struct rebuild *rebuild, int64_t seen)
{
	for (size_t i = 0; i < rebuild->n_lost; i++) {
		if (rebuild->lost[i].time == seen)
			return true;
	}
	return false;
}

static hf_err note_pack(void *arg, const struct hf_pack *pack)
{
	struct rebuild *rebuild = arg;

	hf_map_put(&rebuild->packs, &pack->id, NULL)->number = is_of_lost(rebuild, pack->seen);
	return NULL;
}

static hf_err meet_pack(void *arg, const struct hf_object *object)
{
	struct rebuild *rebuild = arg;
	const union hf_map_value *known;
	struct hf_id id;
	bool swept;
	struct hf_error *err = hf_pack_name_parse(object->name, &id);

	if (err) {
		hf_error_free(err); /* check tells of it */
		return NULL;
	}
	known = hf_map_get(&rebuild->packs, &id);
	if (known && !known->number)
		return NULL;
	HF_TRY(hf_catalog_is_swept(hf_repo_catalog(rebuild->repo), &id, &swept));
	return swept ? NULL : take_pack(rebuild, object->name, &id);
}

/* ---- the whole ---- */

static hf_err find_lost(struct rebuild *rebuild)
{
	struct hf_catalog *catalog = hf_repo_catalog(rebuild->repo);

	HF_TRY(hf_catalog_each_commit(catalog, look_for_known, rebuild));
	HF_TRY(hf_store_list(
		hf_repo_store(rebuild->repo), "commits/", "", look_for_listed, rebuild));
	return hf_catalog_each_pack(catalog, note_pack, rebuild);
}

/* Behind all packs. */
static hf_err say_records(struct rebuild *rebuild)
{
	struct hf_wire wire = hf_wire(hf_buf_span(&rebuild->records));
	struct hf_span body;

	while (wire.rest.len > 0) {
		const uint8_t *from = wire.rest.at;

		hf_record_frame(&wire, &body);
		HF_TRY(say(rebuild, &rebuild->body, hf_span(from, (size_t)(wire.rest.at - from))));
	}
	return put(rebuild, &rebuild->body);
}

static hf_err say_again(struct rebuild *rebuild)
{
	struct hf_store *store = hf_repo_store(rebuild->repo);
	struct hf_catalog *catalog = hf_repo_catalog(rebuild->repo);

	HF_TRY(hf_store_list(store, "packs/", "", meet_pack, rebuild));
	HF_TRY(hf_store_list(store, "meta/", "", meet_pack, rebuild));
	for (size_t i = 0; i < rebuild->n_lost; i++)
		HF_TRY(hf_catalog_each_record_of(
			catalog, &rebuild->lost[i].id, say_known, rebuild));
	HF_TRY(each_unended(rebuild->repo, note_whole, rebuild));
	HF_TRY(say_whole(rebuild));
	return say_records(rebuild);
}

/* The next sync takes the checkpoint and all commits in again. */
static hf_err forget_all(struct hf_catalog *catalog)
{
	HF_TRY(hf_catalog_begin(catalog));
	struct hf_error *err = hf_catalog_clear(catalog);

	if (!err)
		err = hf_catalog_set(catalog, HF_FACT_TAKEN, 0);
	if (!err)
		return hf_catalog_end(catalog);
	hf_catalog_cancel(catalog);
	return err;
}

hf_err hf_rebuild(struct hf_repo *repo, const struct hf_stop *stop, struct hf_rebuilt *out)
{
	REBUILD rebuild = {.repo = repo, .stop = stop, .out = out};

	*out = (struct hf_rebuilt){0};
	HF_TRY(find_lost(&rebuild));
	if (rebuild.n_lost)
		HF_TRY(hf_repo_need(repo, HF_WRITE, NULL));
	if (hf_repo_may(repo, HF_WRITE))
		HF_TRY(say_again(&rebuild));
	/* What this catalog alone still knows must not go with it. */
	if (rebuild.n_lost && rebuild.unsaid)
		return NULL;
	HF_TRY(forget_all(hf_repo_catalog(repo)));
	return hf_repo_sync(repo, NULL);
}
