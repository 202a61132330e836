/*
 * The catalog follows the store: list the commits, get and verify the unknown ones on many threads,
 * take them in by name (which is by time), then look for a newer checkpoint. In this order, always:
 * a commit that a checkpoint contains may be deleted once the checkpoint stands.
 */
#include <stdlib.h>

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/state.h"

#define DAY (24 * 3600 * HF_NS_PER_S)
#define BATCH_COMMITS 256
#define BATCH_BYTES (8u << 20)
#define FETCHERS 4u
#define UNDER_WAY (2 * FETCHERS) /* commits of up to 8 MiB, which parsed are thrice as large */
#define ROUNDS 5                 /* of starting again when something listed had vanished */

/* One commit on its way from the store into the catalog. */
struct fetch {
	struct hf_repo *repo;
	struct sync *sync;
	char name[HF_COMMIT_NAME_LEN + 1];
	int64_t time;
	struct hf_id id;
	int64_t store_now;
	struct hf_buf object;
	struct hf_last last;
	struct hf_arena arena;
	struct hf_commit commit;
	const struct hf_slot *slot;
	uint32_t unknown_epoch; /* that it is of; 0: its keys are there */
	bool ahead;             /* it does not count yet */
	bool counts;            /* its records; if not, its packs are readable all the same */
	struct hf_error *why;   /* not to be used */
};

static void fetch_free(void *job)
{
	struct fetch *fetch = job;

	if (!fetch)
		return;
	hf_last_release(&fetch->last);
	hf_buf_release(&fetch->object);
	hf_arena_release(&fetch->arena);
	hf_error_free(fetch->why); /* told by who frees, or never asked for */
	free(fetch);
}

/* ---- verifying one ---- */

/* What is dated later does not count yet. */
static int64_t ahead_from(const struct hf_repo *repo, int64_t store_now)
{
	return HF_MAX(store_now, repo->cutoff) + DAY;
}

static hf_err judge(struct fetch *fetch)
{
	struct hf_span object = hf_buf_span(&fetch->object);
	struct hf_header header;
	struct hf_id id;

	fetch->ahead = fetch->time > ahead_from(fetch->repo, fetch->store_now);
	hf_sha256(object, &id);
	if (!hf_id_equal(&id, &fetch->id))
		return hf_error_new(HF_CORRUPT, "its digest is not its name");
	HF_TRY(hf_header_parse(object, &header));
	const struct hf_epoch_keys *keys = hf_repo_epoch(fetch->repo, header.epoch);

	if (header.kind != HF_COMMIT)
		return hf_error_new(HF_CORRUPT, "it is no commit");
	fetch->unknown_epoch = keys ? 0 : header.epoch;
	if (!keys)
		return hf_error_new(HF_CORRUPT,
			"it is of epoch %u, which no keyring here has: a newer one is missing, or "
			"somebody planted it",
			header.epoch);
	HF_TRY(hf_last_open(object, keys, &fetch->last));
	HF_TRY(hf_commit_parse(fetch->last.body, &fetch->arena, &fetch->commit));
	fetch->slot = hf_keys_slot(hf_repo_keyring(fetch->repo), fetch->commit.slot);
	if (!fetch->slot)
		return hf_error_new(HF_DENIED, "its slot %u does not exist", fetch->commit.slot);
	const struct hf_signing signing = {.domain = COMMIT_DOMAIN, .slot = fetch->slot->n};

	HF_TRY(hf_last_verify(object, &fetch->last, keys, &signing, fetch->slot->sign_public));
	if (fetch->commit.time != fetch->time)
		return hf_error_new(HF_CORRUPT, "its time is not its name's");
	if (memcmp(fetch->commit.store, fetch->repo->store_id, HF_STORE_ID_LEN) != 0)
		return hf_error_new(HF_CORRUPT, "it was made for another store");
	fetch->counts = !fetch->ahead && hf_slot_counts(fetch->slot, &fetch->id);
	return NULL;
}

static hf_err get_and_judge(struct fetch *fetch, unsigned copy)
{
	hf_buf_clear(&fetch->object);
	hf_last_release(&fetch->last);
	HF_TRY(hf_store_get_all(
		fetch->repo->store, fetch->name, copy, HF_MAX_COMMIT, &fetch->object));
	return judge(fetch);
}

/*
 * Why it can't be used goes into the job: one bad commit must not stop the others. A store that
 * can't answer is another matter: then nothing is known, and the sync fails.
 */
static hf_err fetch_work(void *job)
{
	struct fetch *fetch = job;
	const unsigned copies = hf_store_copies(fetch->repo->store, fetch->name);

	for (unsigned copy = 0; copy < copies; copy++) {
		struct hf_error *err = get_and_judge(fetch, copy);

		/* With a copy that holds, check tells of the other; else the first one's reason is
		 * the better, but for a copy that is whole and too new. */
		if (!err || !fetch->why || hf_error_kind(err) == HF_UNSUPPORTED) {
			hf_error_free(fetch->why);
			fetch->why = err;
		} else {
			hf_error_free(err);
		}
		if (!fetch->why) {
			if (atomic_load(&fetch->repo->mends))
				hf_supply_copies(
					fetch->repo, fetch->name, hf_buf_span(&fetch->object));
			return NULL;
		}
	}
	return hf_error_may_pass(fetch->why) ? HF_STEAL(fetch->why) : NULL;
}

/* ---- taking it in ---- */

/* The right that a record asks for; admin has all. */
static unsigned right_for(const struct hf_record *record)
{
	switch (record->kind) {
	case HF_RECORD_PACK:
	case HF_RECORD_RELIES:
		return HF_WRITE | HF_MAINTAIN;
	case HF_RECORD_SNAPSHOT:
	case HF_RECORD_UNFINISHED:
	case HF_RECORD_JOURNAL:
	case HF_RECORD_SUBSTITUTE:
		return HF_WRITE;
	case HF_RECORD_TOMBSTONE:
	case HF_RECORD_ANNOUNCE:
	case HF_RECORD_TIER:
		return HF_MAINTAIN;
	case HF_RECORD_WANTED:
	case HF_RECORD_RESULT:
		return HF_READ;
	case HF_RECORD_PROVEN:
		/* Only a reader can have decoded anything. */
		return record->proven.depth == 1 ? HF_READ | HF_MAINTAIN : HF_READ;
	case HF_RECORD_ORIGIN:
		return 0; /* in checkpoints only */
	}
	return 0;
}

bool hf_slot_may_record(const struct hf_slot *slot, const struct hf_record *record)
{
	if (!hf_slot_may(slot, right_for(record)))
		return false;
	const enum hf_record_kind of =
		record->kind == HF_RECORD_UNFINISHED ? record->of : record->kind;

	if (of == HF_RECORD_SNAPSHOT)
		return hf_slot_may_source(slot, record->snapshot.source);
	if (of == HF_RECORD_JOURNAL)
		return hf_slot_may_source(slot, record->journal.source);
	if (of == HF_RECORD_RESULT)
		return hf_slot_may_source(slot, record->result.source);
	if (of == HF_RECORD_TOMBSTONE && record->tombstone.source.len)
		return hf_slot_may_source(slot, record->tombstone.source);
	return true;
}

static hf_err apply_pack(
	struct hf_repo *repo, const struct hf_pack_record *record, const struct hf_seen *seen)
{
	enum hf_pack_word word;
	struct hf_pack pack = {
		.id = record->id,
		.kind = (enum hf_object_kind)record->header.kind,
		.size = record->size,
		.slot = seen->slot,
		.seen = seen->time,
	};
	int64_t n;

	hf_header_print(&record->header, pack.header);
	HF_TRY(hf_catalog_weigh_pack(repo->catalog, &pack, &record->table, &word));
	if (word == HF_PACK_KNOWN)
		return NULL;
	return word == HF_PACK_DISPUTED
		? hf_relied_settle(repo, &pack.id)
		: hf_catalog_add_pack(repo->catalog, &pack, &record->table, &n);
}

static bool has_chunks(const struct hf_table *table)
{
	for (size_t i = 0; i < table->n; i++) {
		if (!hf_id_is_zero(&table->rows[i].id))
			return true;
	}
	return false; /* only what pads it */
}

/* Content that rides in the commit itself. */
static hf_err apply_riding(struct hf_catalog *catalog, const struct hf_span object,
	const struct hf_table *table, const struct hf_seen *seen)
{
	struct hf_pack pack = {
		.id = seen->commit,
		.kind = HF_COMMIT,
		.time = seen->time,
		.size = object.len,
		.slot = seen->slot,
		.seen = seen->time,
	};
	enum hf_pack_word word;
	int64_t n;

	if (!has_chunks(table))
		return NULL;
	memcpy(pack.header, object.at, HF_HEADER_LEN);
	HF_TRY(hf_catalog_weigh_pack(catalog, &pack, table, &word));
	if (word == HF_PACK_KNOWN)
		return NULL;
	return word == HF_PACK_DISPUTED ? hf_catalog_correct_pack(catalog, &pack, table)
					: hf_catalog_add_pack(catalog, &pack, table, &n);
}

/* A snapshot's id does not tell its source, and may be named before it is known: so the limits of
 * the tombstone's slot go with it. */
static hf_err apply_tombstone(
	const struct fetch *fetch, const struct hf_record *record, const struct hf_seen *seen)
{
	HF_RELEASED(hf_buf) patterns = {0};

	for (size_t i = 0; i < fetch->slot->n_sources; i++) {
		hf_buf_add_span(&patterns, fetch->slot->sources[i]);
		hf_buf_add(&patterns, "\n", 1);
	}
	return hf_catalog_add_tombstone(fetch->repo->catalog, record, seen, hf_buf_span(&patterns));
}

static hf_err apply_record(
	const struct fetch *fetch, const struct hf_record *record, const struct hf_seen *seen)
{
	struct hf_catalog *catalog = fetch->repo->catalog;

	switch (record->kind) {
	case HF_RECORD_PACK:
		return apply_pack(fetch->repo, &record->pack, seen);
	case HF_RECORD_SNAPSHOT:
		return hf_catalog_add_snapshot(catalog, record, seen);
	case HF_RECORD_UNFINISHED:
		return record->of == HF_RECORD_SNAPSHOT
			? hf_catalog_add_snapshot(catalog, record, seen)
			: hf_catalog_add_record(catalog, record, seen);
	case HF_RECORD_TOMBSTONE:
		return apply_tombstone(fetch, record, seen);
	case HF_RECORD_ANNOUNCE:
		return hf_catalog_add_announcement(catalog, &record->announce, seen);
	case HF_RECORD_RELIES:
		return hf_catalog_add_relied(catalog, &record->relies.packs);
	case HF_RECORD_PROVEN:
		return hf_catalog_add_proven(catalog, record, seen);
	default:
		return hf_catalog_add_record(catalog, record, seen);
	}
}

static hf_err apply(struct fetch *fetch)
{
	struct hf_catalog *catalog = fetch->repo->catalog;
	const struct hf_seen seen = {
		.slot = fetch->slot->n, .time = fetch->time, .commit = fetch->id};

	HF_TRY(apply_riding(catalog, hf_buf_span(&fetch->object), &fetch->last.table, &seen));
	for (size_t i = 0; i < fetch->commit.n_records; i++) {
		const struct hf_record *record = &fetch->commit.records[i];

		/* What a revoked slot's late commits say is void, and what is dated ahead is not
		 * said yet. Their packs are readable: others may share them, and a prune under a
		 * clock that was ahead may have put there what lives. */
		if (!fetch->counts && record->kind != HF_RECORD_PACK)
			continue;
		if (!hf_slot_may_record(fetch->slot, record)) {
			hf_repo_tell(fetch->repo, HF_WARN, "a record does not count", fetch->name,
				"it is beyond its slot's rights");
			continue;
		}
		HF_TRY(apply_record(fetch, record, &seen));
	}
	/* Judged again by the next sync: its time may come. */
	if (fetch->ahead)
		return NULL;
	if (fetch->counts)
		HF_TRY(hf_gone_weigh(fetch->repo, &fetch->commit));
	return hf_catalog_add_commit(catalog, fetch->name, fetch->slot->n, fetch->counts);
}

hf_err hf_sync_apply_stated(
	struct hf_repo *repo, const struct hf_record *record, const struct hf_seen *seen)
{
	static const struct hf_slot unlimited;
	const struct hf_slot *slot = hf_keys_slot(hf_repo_keyring(repo), seen->slot);
	const struct fetch fetch = {.repo = repo, .slot = slot ? slot : &unlimited};

	return apply_record(&fetch, record, seen);
}

hf_err hf_sync_apply_own(struct hf_repo *repo, const char *name, struct hf_span object)
{
	struct fetch *fetch = hf_calloc(1, sizeof(*fetch));
	struct hf_error *err = hf_commit_name_parse(name, &fetch->time, &fetch->id);

	fetch->repo = repo;
	fetch->store_now = fetch->time;
	snprintf(fetch->name, sizeof(fetch->name), "%s", name);
	hf_buf_add_span(&fetch->object, object);
	if (!err)
		err = judge(fetch);
	if (!err)
		err = hf_catalog_begin(repo->catalog);
	if (!err) {
		err = apply(fetch);
		if (err)
			hf_catalog_cancel(repo->catalog);
		else
			err = hf_catalog_end(repo->catalog);
	}
	fetch_free(fetch);
	return err;
}

/* ---- the whole ---- */

struct sync {
	struct hf_repo *repo;
	struct hf_pool *pool;
	int64_t now;
	struct fetch *batch[BATCH_COMMITS];
	size_t n, bytes;
	uint64_t met;      /* that the catalog had */
	uint32_t followed; /* the latest epoch for which a newer keyring was looked for */
	bool vanished, changed;
};

static hf_err flush(struct sync *sync)
{
	struct hf_error *err = sync->n ? hf_catalog_begin(sync->repo->catalog) : NULL;
	const bool open = sync->n && !err;

	for (size_t i = 0; i < sync->n; i++) {
		if (!err)
			err = apply(sync->batch[i]);
		fetch_free(sync->batch[i]);
	}
	if (open && err)
		hf_catalog_cancel(sync->repo->catalog);
	else if (open)
		err = hf_catalog_end(sync->repo->catalog);
	sync->n = sync->bytes = 0;
	return err;
}

static void tell_uncounted(const struct fetch *fetch, const char *why)
{
	hf_repo_tell(fetch->repo, HF_WARN, "a commit does not count", fetch->name, why);
}

/* Keys were rotated since this sync looked for a keyring: it is judged anew. */
static hf_err know_epoch(struct sync *sync, struct fetch *fetch)
{
	if (fetch->unknown_epoch > sync->followed)
		HF_TRY(hf_sync_follow_keyring(sync->repo));
	sync->followed = HF_MAX(sync->followed, fetch->unknown_epoch);
	if (!fetch->unknown_epoch || !hf_repo_epoch(sync->repo, fetch->unknown_epoch))
		return NULL;
	hf_error_free(HF_STEAL(fetch->why)); /* it is judged anew */
	return fetch_work(fetch);
}

static hf_err fetch_done(void *job)
{
	struct fetch *fetch = job;
	struct sync *sync = fetch->sync;

	struct hf_error *err = know_epoch(sync, fetch);

	if (err) {
		fetch_free(fetch);
		return err;
	}
	if (fetch->why) {
		if (hf_error_kind(fetch->why) == HF_NOT_FOUND)
			sync->vanished = true;
		else if (hf_error_kind(fetch->why) == HF_UNSUPPORTED && !fetch->ahead)
			hf_repo_note_newer(
				sync->repo, hf_error_in(HF_STEAL(fetch->why), "%s", fetch->name));
		else
			tell_uncounted(fetch, hf_error_text(fetch->why));
		fetch_free(fetch);
		return NULL;
	}
	if (fetch->ahead)
		tell_uncounted(fetch, "it is dated more than a day ahead of the store's clock");
	sync->changed |= !fetch->ahead;
	sync->bytes += fetch->object.len;
	sync->batch[sync->n++] = fetch;
	return sync->n == BATCH_COMMITS || sync->bytes > BATCH_BYTES ? flush(sync) : NULL;
}

static const struct hf_pool_ops fetch_ops = {fetch_work, fetch_done, fetch_free};

static hf_err meet(void *arg, const struct hf_object *object)
{
	struct sync *sync = arg;
	struct fetch *fetch;
	struct hf_id id;
	int64_t time;
	bool has;
	struct hf_error *err = hf_commit_name_parse(object->name, &time, &id);

	if (err) {
		hf_error_free(err); /* what is no commit lies there: not ours to judge */
		return NULL;
	}
	if (time < sync->repo->cutoff)
		return NULL;
	HF_TRY(hf_catalog_has_commit(sync->repo->catalog, object->name, &has));
	if (has) {
		sync->met++;
		return NULL;
	}
	fetch = hf_calloc(1, sizeof(*fetch));
	fetch->repo = sync->repo;
	fetch->sync = sync;
	fetch->time = time;
	fetch->id = id;
	fetch->store_now = sync->now;
	snprintf(fetch->name, sizeof(fetch->name), "%s", object->name);
	return hf_pool_submit(sync->pool, fetch);
}

hf_err hf_commits_since(struct hf_store *store, int64_t time, hf_object_fn *each, void *arg)
{
	char after[HF_COMMIT_NAME_LEN + 1];
	const struct hf_id least = {{0}};

	hf_commit_name(HF_MAX(time, 0), &least, after);
	return hf_store_names(store, "commits/", after, each, arg);
}

static hf_err sync_commits(struct sync *sync)
{
	HF_TRY(hf_pool_new(&fetch_ops, HF_MIN(hf_cpus(), FETCHERS), UNDER_WAY, &sync->pool));
	struct hf_error *err = hf_commits_since(sync->repo->store, sync->repo->cutoff, meet, sync);

	if (!err)
		err = hf_pool_drain(sync->pool);
	hf_pool_free(sync->pool);
	struct hf_error *last = flush(sync);

	if (err)
		hf_error_free(last); /* the first failure is the one to tell */
	return err ? err : last;
}

/* again: commits must be listed once more; missing: for a segment that is not there. */
static hf_err follow_checkpoint(
	struct hf_repo *repo, bool *again, bool *changed, struct hf_error **missing)
{
	bool cleared = false;
	struct hf_error *err = hf_checkpoint_follow(repo, changed, &cleared);

	hf_error_free(HF_STEAL(*missing)); /* what stays so is told */
	/* Its segments went with the next checkpoint. */
	if (err && hf_error_kind(err) == HF_NOT_FOUND) {
		*missing = HF_STEAL(err);
		cleared = true;
	}
	*again |= cleared;
	return err;
}

static hf_err sync_once(
	struct hf_repo *repo, bool *vanished, bool *changed, struct hf_error **missing)
{
	struct sync sync = {.repo = repo};
	uint64_t known;
	bool found;

	HF_TRY(hf_store_now(repo->store, &sync.now));
	repo->listing = sync.now;
	HF_TRY(hf_catalog_commits_since(repo->catalog, repo->cutoff, &known));
	HF_TRY(sync_commits(&sync));
	*vanished = sync.vanished;
	*changed |= sync.changed;
	HF_TRY(hf_checkpoint_load(repo, &found));
	if (sync.met < known || repo->gone)
		HF_TRY(hf_gone_commits(repo));
	return follow_checkpoint(repo, vanished, changed, missing);
}

/* What the catalog took in before it knew of a revocation is judged anew. */
hf_err hf_sync_follow_keyring(struct hf_repo *repo)
{
	const struct hf_keyring *keyring;

	HF_TRY(hf_keys_refresh(repo));
	keyring = hf_repo_keyring(repo);
	/* While it is being opened there is no catalog: the first sync does it. */
	for (size_t i = 0; repo->catalog && i < keyring->n_slots; i++) {
		if (keyring->slots[i].revoked)
			HF_TRY(hf_catalog_distrust(repo->catalog, keyring->slots[i].n,
				keyring->slots[i].n_counts, repo->cutoff));
	}
	return NULL;
}

/* What the catalog took in under a clock that was ahead counts no more than elsewhere. */
static hf_err hide_ahead(struct hf_repo *repo)
{
	char date[HF_TIME_TEXT];
	int64_t first;

	HF_TRY(hf_catalog_hide_ahead(repo->catalog, ahead_from(repo, repo->listing), &first));
	if (first && !repo->ahead_told)
		hf_log(HF_WARN,
			"what was added under a clock that was ahead does not count until its time "
			"comes",
			"from", hf_time_table(first, date), NULL);
	repo->ahead_told |= first != 0;
	return NULL;
}

static hf_err still_vanished(struct hf_repo *repo, struct hf_error *missing)
{
	if (missing)
		return hf_error_new(HF_CORRUPT,
			"checkpoint %u names what is gone: %s; hint: bring meta/ back from a copy "
			"of the store",
			repo->checkpoint, hf_error_text(missing));
	return hf_error_new(HF_CORRUPT, "commits vanish from %s while they are read",
		hf_store_url(repo->store));
}

static hf_err sync_whole(struct hf_repo *repo, bool *vanished, bool *any, struct hf_error **missing)
{
	*vanished = true;
	hf_error_free(HF_STEAL(*missing));    /* of a try before */
	hf_error_free(HF_STEAL(repo->newer)); /* what is still there is met again */
	HF_TRY(hf_sync_follow_keyring(repo));
	/* Commits that the checkpoint contains need not be read. */
	HF_TRY(follow_checkpoint(repo, vanished, any, missing));
	for (int round = 0; *vanished && round < ROUNDS; round++)
		HF_TRY(sync_once(repo, vanished, any, missing));
	HF_TRY(hf_relied_take(repo));
	HF_TRY(hide_ahead(repo));
	return hf_gone_heads(repo);
}

hf_err hf_repo_sync(struct hf_repo *repo, bool *changed)
{
	bool vanished, any = false, hurt = false;
	struct hf_error *err = NULL, *missing = NULL;

	pthread_mutex_lock(&repo->lock);
	do {
		hf_error_free(err); /* it came of a catalog that is hurt */
		err = hf_checkpoint_mend_catalog(repo, &hurt);
		if (!err)
			err = sync_whole(repo, &vanished, &any, &missing);
	} while (err && !hurt && hf_catalog_hurt(repo->catalog));
	pthread_mutex_unlock(&repo->lock);
	if (!err && vanished)
		err = still_vanished(repo, missing);
	hf_error_free(missing); /* its text is the error, if it counts */
	if (changed)
		*changed = any;
	return err;
}
