#include "backend/repo/catalog_state.h"

#include "backend/base/map.h"
#include "backend/format/wire.h"
#include "backend/repo/catalog_db.h"

static hf_err run(struct hf_catalog *catalog, enum hf_query query, const char *what)
{
	HF_USE use = hf_use_begin(catalog, query);

	return hf_use_run(&use, what);
}

static hf_err run_id(
	struct hf_catalog *catalog, enum hf_query query, const struct hf_id *id, const char *what)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_id(&use, 1, id);
	return hf_use_run(&use, what);
}

static hf_err run_int(
	struct hf_catalog *catalog, enum hf_query query, int64_t value, const char *what)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_int(&use, 1, value);
	return hf_use_run(&use, what);
}

static hf_err run_ids(
	struct hf_catalog *catalog, enum hf_query query, const struct hf_ids *ids, const char *what)
{
	for (size_t i = 0; i < ids->n; i++)
		HF_TRY(run_id(catalog, query, &ids->at[i], what));
	return NULL;
}

static hf_err has_id(
	struct hf_catalog *catalog, enum hf_query query, const struct hf_id *id, bool *has)
{
	HF_USE use = hf_use_begin(catalog, query);

	hf_use_id(&use, 1, id);
	return hf_use_step(&use, has);
}

static hf_err each_id(struct hf_use *use, hf_id_fn *each, void *arg)
{
	struct hf_id id;
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(use, &row));
		if (!row)
			return NULL;
		hf_column_bytes(use->statement, 0, id.bytes, HF_ID_LEN);
		HF_TRY(each(arg, &id));
	}
}

/* ---- packs ---- */

hf_err hf_catalog_add_swept(struct hf_catalog *catalog, const struct hf_ids *packs)
{
	bool any = false;

	for (size_t i = 0; i < packs->n; i++) {
		int64_t n;

		HF_TRY(hf_catalog_pack_number(catalog, &packs->at[i], &n));
		any |= n != 0;
	}
	HF_TRY(run_ids(catalog, ADD_SWEPT, packs, "adding a swept pack"));
	if (!any)
		return NULL;
	HF_TRY(run(catalog, DROP_SWEPT_CHUNKS, "dropping swept chunks"));
	return run(catalog, DROP_SWEPT_PACKS, "dropping swept packs");
}

hf_err hf_catalog_is_swept(struct hf_catalog *catalog, const struct hf_id *pack, bool *swept)
{
	return has_id(catalog, IS_SWEPT, pack, swept);
}

hf_err hf_catalog_state_pack(struct hf_catalog *catalog, int64_t n)
{
	return run_int(catalog, STATE_PACK, n, "noting that a checkpoint names a pack");
}

hf_err hf_catalog_add_relied(struct hf_catalog *catalog, const struct hf_ids *packs)
{
	return run_ids(catalog, ADD_RELIED, packs, "noting a pack that is relied on");
}

hf_err hf_catalog_drop_relied(struct hf_catalog *catalog, const struct hf_ids *packs)
{
	HF_TRY(hf_catalog_begin(catalog));
	struct hf_error *err = run_ids(catalog, DROP_RELIED, packs, "dropping what is not there");

	if (!err)
		return hf_catalog_end(catalog);
	hf_catalog_cancel(catalog);
	return err;
}

hf_err hf_catalog_each_unknown(struct hf_catalog *catalog, hf_id_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, UNKNOWN_RELIED);

	return each_id(&use, each, arg);
}

/* ---- announcements ---- */

hf_err hf_catalog_add_announcement(
	struct hf_catalog *catalog, const struct hf_announce *announce, const struct hf_seen *seen)
{
	bool settled;

	HF_TRY(has_id(catalog, IS_SETTLED, &seen->commit, &settled));
	if (settled)
		return NULL;
	{
		HF_USE use = hf_use_begin(catalog, ADD_ANNOUNCEMENT);

		hf_use_id(&use, 1, &seen->commit);
		hf_use_int(&use, 2, seen->time);
		hf_use_int(&use, 3, announce->cutoff);
		HF_TRY(hf_use_run(&use, "adding an announcement"));
	}
	for (size_t i = 0; i < announce->packs.n; i++) {
		HF_USE use = hf_use_begin(catalog, ADD_ANNOUNCED);

		hf_use_id(&use, 1, &announce->packs.at[i]);
		hf_use_id(&use, 2, &seen->commit);
		HF_TRY(hf_use_run(&use, "adding an announced pack"));
	}
	return NULL;
}

hf_err hf_catalog_settle(struct hf_catalog *catalog, const struct hf_ids *commits, int64_t cutoff)
{
	HF_TRY(run_ids(catalog, ADD_SETTLED, commits, "noting a settled announcement"));
	HF_TRY(run_int(catalog, LAPSE_ANNOUNCEMENTS, cutoff, "ending announcements"));
	return run(catalog, DROP_ANNOUNCED, "ending announcements");
}

hf_err hf_catalog_each_announcement(struct hf_catalog *catalog, hf_announcement_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_ANNOUNCEMENT);
	struct hf_announcement announcement;
	bool row;

	for (;;) {
		HF_TRY(hf_use_step(&use, &row));
		if (!row)
			return NULL;
		hf_column_bytes(use.statement, 0, announcement.commit.bytes, HF_ID_LEN);
		announcement.seen = sqlite3_column_int64(use.statement, 1);
		announcement.cutoff = sqlite3_column_int64(use.statement, 2);
		HF_TRY(each(arg, &announcement));
	}
}

hf_err hf_catalog_each_announced(
	struct hf_catalog *catalog, const struct hf_id *commit, hf_id_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_ANNOUNCED);

	if (commit)
		hf_use_id(&use, 1, commit);
	return each_id(&use, each, arg);
}

hf_err hf_catalog_is_announced(struct hf_catalog *catalog, const struct hf_id *pack, bool *is)
{
	return has_id(catalog, IS_ANNOUNCED, pack, is);
}

hf_err hf_catalog_announced_cutoff(struct hf_catalog *catalog, int64_t *cutoff)
{
	HF_USE use = hf_use_begin(catalog, ANNOUNCED_CUTOFF);
	bool row;

	HF_TRY(hf_use_step(&use, &row));
	*cutoff = row && sqlite3_column_type(use.statement, 0) == SQLITE_INTEGER
		? sqlite3_column_int64(use.statement, 0)
		: INT64_MIN;
	return NULL;
}

/* ---- commits ---- */

hf_err hf_catalog_each_open_commit(
	struct hf_catalog *catalog, int64_t before, hf_name_fn *each, void *arg)
{
	char until[HF_COMMIT_NAME_LEN + 1];
	const struct hf_id lowest = {{0}};

	hf_commit_name(before, &lowest, until);
	HF_USE use = hf_use_begin(catalog, OPEN_COMMITS);

	hf_use_text(&use, 1, hf_span_str(until));
	return hf_use_commits(&use, each, arg);
}

hf_err hf_catalog_contain(struct hf_catalog *catalog, const char *name)
{
	HF_USE use = hf_use_begin(catalog, CONTAIN);

	hf_use_text(&use, 1, hf_span_str(name));
	return hf_use_run(&use, "noting a commit that a checkpoint contains");
}

hf_err hf_catalog_is_contained(struct hf_catalog *catalog, const char *name, bool *contained)
{
	HF_USE use = hf_use_begin(catalog, IS_CONTAINED);

	hf_use_text(&use, 1, hf_span_str(name));
	HF_TRY(hf_use_step(&use, contained));
	*contained = *contained && sqlite3_column_int(use.statement, 0);
	return NULL;
}

/* ---- segments ---- */

static hf_err add_segment(struct hf_catalog *catalog, const struct hf_segment_ref *ref, bool read)
{
	HF_USE use = hf_use_begin(catalog, ADD_SEGMENT);

	hf_use_id(&use, 1, &ref->object);
	hf_use_int(&use, 2, ref->kind);
	hf_use_int(&use, 3, ref->level);
	hf_use_int(&use, 4, (int64_t)ref->size);
	hf_use_int(&use, 5, (int64_t)ref->rows);
	hf_use_id(&use, 6, &ref->first);
	hf_use_id(&use, 7, &ref->last);
	hf_use_int(&use, 8, read);
	return hf_use_run(&use, "adding a segment");
}

static hf_err put_id(void *arg, const struct hf_id *id)
{
	hf_map_put(arg, id, NULL);
	return NULL;
}

hf_err hf_catalog_set_segments(
	struct hf_catalog *catalog, const struct hf_segment_ref *refs, size_t n)
{
	HF_RELEASED(hf_map) read = {0};

	{
		HF_USE use = hf_use_begin(catalog, SEGMENTS_READ);

		HF_TRY(each_id(&use, put_id, &read));
	}
	HF_TRY(run(catalog, DROP_SEGMENTS, "dropping segments"));
	for (size_t i = 0; i < n; i++)
		HF_TRY(add_segment(catalog, &refs[i], hf_map_get(&read, &refs[i].object) != NULL));
	return NULL;
}

hf_err hf_catalog_read_segment(struct hf_catalog *catalog, const struct hf_id *object)
{
	return run_id(catalog, READ_SEGMENT, object, "noting that a segment was read");
}

static hf_err show_segments(struct hf_use *use, hf_segment_fn *each, void *arg)
{
	bool row;

	for (;;) {
		struct hf_segment_ref ref;

		HF_TRY(hf_use_step(use, &row));
		if (!row)
			return NULL;
		hf_column_bytes(use->statement, 0, ref.object.bytes, HF_ID_LEN);
		ref.kind = (enum hf_segment_kind)sqlite3_column_int(use->statement, 1);
		ref.level = (uint8_t)sqlite3_column_int(use->statement, 2);
		ref.size = (uint64_t)sqlite3_column_int64(use->statement, 3);
		ref.rows = (uint64_t)sqlite3_column_int64(use->statement, 4);
		hf_column_bytes(use->statement, 5, ref.first.bytes, HF_ID_LEN);
		hf_column_bytes(use->statement, 6, ref.last.bytes, HF_ID_LEN);
		HF_TRY(each(arg, &ref));
	}
}

hf_err hf_catalog_each_segment(struct hf_catalog *catalog, hf_segment_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, EACH_SEGMENT);

	return show_segments(&use, each, arg);
}

hf_err hf_catalog_each_unread(struct hf_catalog *catalog, enum hf_segment_kind kind,
	const struct hf_id *id, hf_segment_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, UNREAD_SEGMENTS);

	hf_use_int(&use, 1, kind);
	if (id)
		hf_use_id(&use, 2, id);
	return show_segments(&use, each, arg);
}

/* ---- what a new checkpoint states ---- */

static hf_err show_records(struct hf_use *use, bool snapshots, hf_live_record_fn *each, void *arg)
{
	bool row;

	for (;;) {
		struct hf_live_record record = {.catalog = use->catalog};
		int first;

		HF_TRY(hf_use_step(use, &row));
		if (!row)
			return NULL;
		first = sqlite3_column_int(use->statement, 0);
		record.kind = (enum hf_record_kind)first;
		if (snapshots)
			record.kind = first ? HF_RECORD_SNAPSHOT : HF_RECORD_UNFINISHED;
		record.body = hf_span(sqlite3_column_blob(use->statement, 1),
			(size_t)sqlite3_column_bytes(use->statement, 1));
		record.seen.slot = (uint32_t)sqlite3_column_int64(use->statement, 2);
		record.seen.time = sqlite3_column_int64(use->statement, 3);
		hf_column_bytes(use->statement, 4, record.seen.commit.bytes, HF_ID_LEN);
		HF_TRY(each(arg, &record));
	}
}

hf_err hf_live_record_parse(
	const struct hf_live_record *live, struct hf_arena *arena, struct hf_record *out)
{
	return hf_catalog_blame(live->catalog,
		hf_record_parse_body(live->kind, hf_arena_span(arena, live->body), arena, out));
}

hf_err hf_catalog_each_live(
	struct hf_catalog *catalog, int64_t before, bool whole, hf_live_record_fn *each, void *arg)
{
	{
		HF_USE use = hf_use_begin(catalog, LIVE_SNAPSHOTS);

		hf_use_int(&use, 1, before);
		hf_use_int(&use, 2, whole);
		hf_use_int(&use, 3, before - HF_UNFINISHED_LIFE);
		HF_TRY(show_records(&use, true, each, arg));
	}
	HF_USE use = hf_use_begin(catalog, LIVE_JOURNAL);

	hf_use_int(&use, 1, before);
	hf_use_int(&use, 2, whole);
	return show_records(&use, false, each, arg);
}

hf_err hf_catalog_each_kept(
	struct hf_catalog *catalog, int64_t before, hf_live_record_fn *each, void *arg)
{
	HF_USE use = hf_use_begin(catalog, KEPT_RECORDS);

	hf_use_int(&use, 1, before);
	return show_records(&use, false, each, arg);
}

hf_err hf_catalog_snapshot_stands(
	struct hf_catalog *catalog, const uint8_t id[HF_SNAPSHOT_ID_LEN], bool *stands)
{
	HF_USE use = hf_use_begin(catalog, SNAPSHOT_STANDS);

	hf_use_bytes(&use, 1, hf_span(id, HF_SNAPSHOT_ID_LEN));
	return hf_use_step(&use, stands);
}

hf_err hf_catalog_clear(struct hf_catalog *catalog)
{
	static const char text[] =
		"DELETE FROM commits; DELETE FROM packs; DELETE FROM chunks; DELETE FROM "
		"snapshots; DELETE FROM labels; DELETE FROM records; DELETE FROM forgotten;"
		" DELETE FROM forgotten_sources; DELETE FROM swept; DELETE FROM relied;"
		" DELETE FROM settled; DELETE FROM announcements; DELETE FROM announced;"
		" DELETE FROM segments; DELETE FROM proven;"
		" DELETE FROM facts WHERE name IN ('listed', 'hurt');";
	struct hf_error *err = NULL;

	pthread_mutex_lock(&catalog->lock);
	if (sqlite3_exec(catalog->db, text, NULL, NULL, NULL) != SQLITE_OK)
		err = hf_catalog_error(catalog, "clearing");
	else
		catalog->hurt = false;
	pthread_mutex_unlock(&catalog->lock);
	return err;
}
