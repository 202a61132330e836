#include "backend/repo/rebuild.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/record.h"
#include "backend/format/wire.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/commit.h"
#include "backend/repo/scrub.h"
#include "backend/repo/state.h"
#include "backend/repo/told.h"

/* A commit is at most 8 MiB; one record more must still fit. */
#define COMMIT_ROOM (HF_MAX_COMMIT / 2 - (64u << 10))

struct lost {
	struct hf_id id;
	int64_t time;
};

struct rebuild {
	struct hf_repo *repo;
	const struct hf_rebuild_options *options;
	struct hf_rebuilt *out;
	struct hf_map commits; /* that the catalog knows */
	struct hf_map packs;   /* the same; a number: named by a commit that is lost */
	struct hf_map said;    /* records, by their digest */
	struct hf_map runs;    /* of which a snapshot is said to be finished */
	struct lost *lost;
	size_t n_lost, lost_cap;
	bool unsaid;           /* our catalog knows what another key could say again */
	struct hf_buf body;    /* pack records of the next commit */
	struct hf_buf records; /* all others: they come last */
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
}
#define REBUILD __attribute__((cleanup(rebuild_release))) struct rebuild

/* ---- what is whole ---- */

enum read { GOOD, BAD, UNREAD };

/* The first copy whose digest is the name. UNREAD: there is none, and the disk gave an error. */
static hf_err read_good(struct hf_repo *repo, const char *name, const struct hf_id *id,
	struct hf_buf *out, enum read *read)
{
	struct hf_store *store = hf_repo_store(repo);
	bool good = false, unread = false;

	for (unsigned copy = 0; copy < hf_store_copies(store, name) && !good; copy++) {
		struct hf_error *err;
		struct hf_id digest;

		hf_buf_clear(out);
		err = hf_store_get_all(store, name, copy, HF_MAX_PACK, out);
		if (err && !hf_scrub_finds(repo, err))
			return err;
		hf_sha256(hf_buf_span(out), &digest);
		good = !err && hf_id_equal(&digest, id);
		unread |= err && hf_error_kind(err) == HF_SYSTEM;
		hf_error_free(err); /* check tells of each bad copy */
	}
	*read = good ? GOOD : unread ? UNREAD : BAD;
	return NULL;
}

static hf_err look_for_commit(struct rebuild *rebuild, const char *name, bool known)
{
	HF_RELEASED(hf_buf) object = {0};
	struct lost lost;
	enum read read;
	bool contained;

	HF_TRY(hf_stop_check(rebuild->options->stop));
	HF_TRY(hf_commit_name_parse(name, &lost.time, &lost.id));
	if (known)
		hf_map_put(&rebuild->commits, &lost.id, NULL);
	HF_TRY(hf_catalog_is_contained(hf_repo_catalog(rebuild->repo), name, &contained));
	/* What a checkpoint contains needs its commit no more. */
	if (contained || lost.time < rebuild->repo->cutoff)
		return NULL;
	HF_TRY(read_good(rebuild->repo, name, &lost.id, &object, &read));
	if (read == GOOD)
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

/* Once, if this key may. */
static void say_record(struct rebuild *rebuild, const struct hf_record *record, bool *said)
{
	HF_RELEASED(hf_buf) printed = {0};
	struct hf_id digest;

	*said = false;
	hf_record_print(record, &printed);
	hf_sha256(hf_buf_span(&printed), &digest);
	hf_map_put(&rebuild->said, &digest, said);
	if (!*said)
		return;
	*said = hf_slot_may_record(hf_repo_slot(rebuild->repo), record);
	if (*said)
		hf_buf_add_span(&rebuild->records, hf_buf_span(&printed));
	else
		rebuild->out->left++;
}

/* Announcements and proofs are nothing without the commit that they came with. */
static bool stands_alone(enum hf_record_kind kind)
{
	return kind == HF_RECORD_SNAPSHOT || kind == HF_RECORD_JOURNAL ||
		kind == HF_RECORD_TOMBSTONE || kind == HF_RECORD_WANTED ||
		kind == HF_RECORD_SUBSTITUTE || kind == HF_RECORD_TIER || kind == HF_RECORD_RESULT;
}

/* Signed by us it would let go of what the slot that said it could not. */
static bool is_limited(const struct rebuild *rebuild, uint32_t number)
{
	const struct hf_slot *slot = hf_keys_slot(hf_repo_keyring(rebuild->repo), number);

	return !slot || slot->n_sources > 0;
}

/* What the catalog took from a commit that is lost. */
static hf_err say_known(void *arg, enum hf_record_kind kind, uint32_t slot, struct hf_span body)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct rebuild *rebuild = arg;
	struct hf_record record;
	bool said = false;

	if (!stands_alone(kind))
		return NULL;
	HF_TRY(hf_record_parse_body(kind, body, &arena, &record));
	if (kind == HF_RECORD_TOMBSTONE && is_limited(rebuild, slot))
		rebuild->out->left++;
	else
		say_record(rebuild, &record, &said);
	rebuild->out->records += said;
	rebuild->unsaid |= !said;
	return NULL;
}

/* ---- what packs tell ---- */

static hf_err say_told(
	struct rebuild *rebuild, const struct hf_slot *slot, const struct hf_record *record)
{
	const bool wrapped = record->kind == HF_RECORD_UNFINISHED;
	struct hf_record unfinished = *record;
	bool known, said;

	if (!hf_slot_may_record(slot, record)) {
		rebuild->out->left++;
		return NULL;
	}
	if ((wrapped ? record->of : record->kind) != HF_RECORD_SNAPSHOT)
		return NULL;
	HF_TRY(hf_catalog_has_run(hf_repo_catalog(rebuild->repo), record->snapshot.run, &known));
	if (known)
		return NULL;
	unfinished.kind = HF_RECORD_UNFINISHED;
	unfinished.of = HF_RECORD_SNAPSHOT;
	say_record(rebuild, &unfinished, &said);
	return NULL;
}

static hf_err say_pack(struct rebuild *rebuild, const struct hf_told *told)
{
	HF_TRY(say(rebuild, &rebuild->body, hf_buf_span(&told->printed)));
	rebuild->out->packs++;
	for (size_t i = 0; i < told->n; i++)
		HF_TRY(say_told(rebuild, told->slot, &told->records[i]));
	return NULL;
}

static hf_err take_pack(struct rebuild *rebuild, const char *name, const struct hf_id *id)
{
	const bool meta = strncmp(name, "meta/", 5) == 0;
	HF_RELEASED(hf_told) told = {.slot = NULL};
	HF_RELEASED(hf_buf) object = {0};
	struct hf_header header = {0};
	struct hf_error *err;
	enum read read;

	HF_TRY(hf_stop_check(rebuild->options->stop));
	HF_TRY(read_good(rebuild->repo, name, id, &object, &read));
	rebuild->out->unread += read == UNREAD;
	err = read == GOOD ? hf_header_parse(hf_buf_span(&object), &header) : NULL;
	if (header.kind == HF_SEGMENT)
		return err; /* checkpoints name these */
	if (read == GOOD && !err && header.kind == (meta ? HF_META_PACK : HF_CONTENT_PACK)) {
		err = hf_told_read(rebuild->repo, id, &object, &told);
		if (!err)
			return say_pack(rebuild, &told);
	}
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

/* ---- what lacks only the word that it is finished ---- */

/*
 * A backup puts its last pack before it looks whether all is there still, so packs call snapshots
 * unfinished. Which were complete their roots tell.
 */
static bool is_complete(const struct hf_snapshot *snapshot)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry root;
	struct hf_error *err = hf_entry_parse_alone(snapshot->root, &arena, &root);
	const bool complete = !err && !root.incomplete;

	hf_error_free(err); /* it is no snapshot, then */
	return complete;
}

static hf_err lacks_its_end(const struct hf_rebuild_options *options,
	const struct hf_snapshot_info *snapshot, bool *lacks)
{
	*lacks = !snapshot->finished && is_complete(&snapshot->snapshot);
	return *lacks ? options->whole(options->arg, snapshot, lacks) : NULL;
}

/* As long as what they need is kept for them. */
static hf_err each_unended(struct hf_repo *repo, const struct hf_rebuild_options *options,
	void (*each)(void *arg, const struct hf_snapshot *snapshot), void *arg)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots live;
	int64_t now;

	HF_TRY(hf_store_now(repo->store, &now));
	HF_TRY(hf_history_live(repo, now - HF_UNFINISHED_LIFE, &arena, &live));
	for (size_t i = 0; i < live.n; i++) {
		bool lacks;

		HF_TRY(lacks_its_end(options, &live.at[i], &lacks));
		if (lacks)
			each(arg, &live.at[i].snapshot);
	}
	return NULL;
}

static void count_unended(void *arg, const struct hf_snapshot *snapshot)
{
	(void)snapshot;
	++*(uint64_t *)arg;
}

hf_err hf_rebuild_count_unended(
	struct hf_repo *repo, const struct hf_rebuild_options *options, uint64_t *n)
{
	*n = 0;
	return each_unended(repo, options, count_unended, n);
}

/* A run has one. */
static void say_finished(void *arg, const struct hf_snapshot *snapshot)
{
	const struct hf_record finished = {.kind = HF_RECORD_SNAPSHOT, .snapshot = *snapshot};
	struct rebuild *rebuild = arg;
	struct hf_id run = {{0}};
	bool fresh, said;

	memcpy(run.bytes, snapshot->run, HF_RUN_LEN);
	hf_map_put(&rebuild->runs, &run, &fresh);
	if (!fresh)
		return;
	say_record(rebuild, &finished, &said);
	rebuild->out->records += said;
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
	hf_buf_clear(&rebuild->records);
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
	HF_TRY(say_records(rebuild));
	/* As a backup does: what it needs is kept for it before anybody calls it finished. */
	HF_TRY(hf_repo_sync(rebuild->repo, NULL));
	HF_TRY(each_unended(rebuild->repo, rebuild->options, say_finished, rebuild));
	return say_records(rebuild);
}

hf_err hf_rebuild(
	struct hf_repo *repo, const struct hf_rebuild_options *options, struct hf_rebuilt *out)
{
	REBUILD rebuild = {.repo = repo, .options = options, .out = out};

	*out = (struct hf_rebuilt){0};
	HF_TRY(find_lost(&rebuild));
	if (rebuild.n_lost)
		HF_TRY(hf_repo_need(repo, HF_WRITE, NULL));
	if (hf_repo_may(repo, HF_WRITE))
		HF_TRY(say_again(&rebuild));
	/* What this catalog alone still knows must not go with it. */
	if (rebuild.n_lost && rebuild.unsaid)
		return NULL;
	HF_TRY(hf_checkpoint_read_anew(hf_repo_catalog(repo)));
	return hf_repo_sync(repo, NULL);
}
