/*
 * A directory is known by the digest of its extents: equal extents are equal bytes, whichever
 * snapshot they stand in. A sound one is never entered again. One that is hurt is, by each snapshot
 * that has it, so that each is named, until enough was told.
 *
 * Others forget and prune meanwhile. What a walk of a snapshot finds is told only if the snapshot
 * is still shown when the state was read again, and another walk, by that state, finds it too.
 */
#include "backend/tree/check_tree.h"

#include <stdlib.h>

#include "backend/base/text.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/scrub.h"
#include "backend/repo/segments_read.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"

#define MOST_TOLD 1000u
#define WALKS 5 /* of one hurt snapshot, while the state changes */
/* Chunks that were found of late: neighbours share chunks, and the catalog takes 5 µs to answer. */
#define CONFIRMED 65536u

enum known { UNKNOWN, SOUND, HURT };

struct confirmed {
	struct hf_id id;
	uint32_t plain; /* 0: this slot is empty */
};

/* What one walk of a snapshot found: nothing of it is believed yet. */
struct found {
	struct damage {
		char *path, *text;
	} * damages;
	size_t n, cap;
	uint64_t entries, hurt_paths;
	struct hf_map dirs;   /* digests of those that are hurt */
	struct hf_map absent; /* chunks that are in no pack */
	struct hf_map missed; /* chunks that are lost */
	bool hurt;
};

static void found_release(struct found *found)
{
	for (size_t i = 0; i < found->n; i++) {
		free(found->damages[i].path);
		free(found->damages[i].text);
	}
	free(found->damages);
	hf_map_release(&found->dirs);
	hf_map_release(&found->absent);
	hf_map_release(&found->missed);
	*found = (struct found){0};
}

struct walk {
	const struct hf_check_tree *check;
	struct hf_check_tree_result *result;
	const struct hf_snapshot_info *snapshot;
	struct found found;
	struct hf_map dirs;   /* digest of extents → enum known */
	struct hf_map absent; /* chunks that are in no pack */
	struct confirmed *confirmed;
	struct hf_buf path;
	uint64_t told;
};

static void walk_release(struct walk *walk)
{
	found_release(&walk->found);
	hf_map_release(&walk->dirs);
	hf_map_release(&walk->absent);
	free(walk->confirmed);
	hf_buf_release(&walk->path);
}
#define WALK __attribute__((cleanup(walk_release))) struct walk

static bool may_tell(const struct walk *walk)
{
	return walk->told + walk->found.n < (walk->check->most ? walk->check->most : MOST_TOLD);
}

static void note(struct walk *walk, const char *text)
{
	HF_RELEASED(hf_buf) path = {0};
	struct found *found = &walk->found;

	found->hurt_paths++;
	if (!may_tell(walk))
		return;
	hf_text_show(hf_buf_span(&walk->path), &path);
	found->damages =
		hf_grow(found->damages, &found->cap, found->n + 1, sizeof(*found->damages));
	found->damages[found->n++] =
		(struct damage){hf_strdup(hf_buf_text(&path)), hf_strdup(text)};
}

/* Takes err. An error of the store as a whole ends the check; any other is damage. */
static hf_err note_error(struct walk *walk, struct hf_error *err, bool *hurt)
{
	if (!err)
		return NULL;
	if (!hf_scrub_finds(hf_reader_repo(walk->check->reader), err))
		return err;
	*hurt = true;
	note(walk, hf_error_text(err));
	hf_error_free(err); /* its text is noted */
	return NULL;
}

/* ---- chunks ---- */

/* How many bytes the chunk has. HF_CORRUPT: no good copy of it is known. */
static hf_err look_up(struct walk *walk, const struct hf_id *id, uint32_t *plain)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	struct confirmed *slot;
	char hex[HF_ID_HEX + 1];
	size_t n;

	if (walk->check->lost && hf_map_get(walk->check->lost, id))
		return hf_error_new(HF_CORRUPT, "chunk %s is lost", hf_id_hex(id, hex));
	slot = &walk->confirmed[(id->bytes[0] | (unsigned)id->bytes[1] << 8) % CONFIRMED];
	if (!slot->plain || !hf_id_equal(&slot->id, id)) {
		HF_TRY(hf_segments_find(hf_reader_repo(walk->check->reader), id, places, &n));
		if (n == 0)
			return hf_error_new(HF_CORRUPT, "no pack has chunk %s", hf_id_hex(id, hex));
		*slot = (struct confirmed){.id = *id, .plain = places[0].row.plain};
	}
	*plain = slot->plain;
	return NULL;
}

static hf_err check_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct walk *walk = arg;
	char hex[HF_ID_HEX + 1];
	uint32_t plain = 0;

	(void)from;
	if (hf_extent_is_hole(extent))
		return NULL;
	HF_TRY(look_up(walk, &extent->chunk, &plain));
	if (extent->offset > plain || extent->length > plain - extent->offset)
		return hf_error_new(HF_CORRUPT, "an extent leads out of chunk %s",
			hf_id_hex(&extent->chunk, hex));
	return NULL;
}

static hf_err check_extents(struct walk *walk, const struct hf_extents *extents)
{
	for (size_t i = 0; i < extents->n; i++)
		HF_TRY(check_extent(walk, 0, &extents->at[i]));
	return NULL;
}

/* What is lost, and missed by an entry for which nothing stands in. */
static hf_err miss(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct walk *walk = arg;
	const struct hf_check_tree *check = walk->check;
	const bool lost = check->lost && hf_map_get(check->lost, &extent->chunk);
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	(void)from;
	if (lost)
		hf_map_put(&walk->found.missed, &extent->chunk, NULL);
	if (lost || hf_extent_is_hole(extent))
		return NULL;
	HF_TRY(hf_segments_find(hf_reader_repo(check->reader), &extent->chunk, places, &n));
	if (n == 0)
		hf_map_put(&walk->found.absent, &extent->chunk, NULL);
	return NULL;
}

static void miss_all(struct walk *walk, const struct hf_entry *entry)
{
	HF_OWNED(hf_content) content = NULL;
	struct hf_error *err = NULL;

	for (size_t i = 0; i < entry->extents.n && !err; i++)
		err = miss(walk, 0, &entry->extents.at[i]);
	for (size_t i = 0; i < entry->secret.n && !err; i++)
		err = miss(walk, 0, &entry->secret.at[i]);
	if (entry->extents_file && !err)
		err = hf_content_open(walk->check->reader, entry, &content);
	if (content)
		err = hf_content_each(content, 0, hf_content_size(content), miss, walk);
	hf_error_free(err); /* the caller tells that the entry is hurt */
}

static hf_err look_for_all(struct walk *walk, const struct hf_entry *entry)
{
	HF_OWNED(hf_content) content = NULL;

	HF_TRY(check_extents(walk, &entry->extents));
	if (entry->fingerprinted)
		HF_TRY(hf_error_in(
			check_extents(walk, &entry->secret), "the secret of its fingerprint"));
	if (!entry->extents_file)
		return NULL;
	HF_TRY(hf_content_open(walk->check->reader, entry, &content));
	return hf_content_each(content, 0, hf_content_size(content), check_extent, walk);
}

static hf_err pass_by(void *arg, uint64_t from, struct hf_span bytes, uint64_t zeros)
{
	(void)arg;
	(void)from;
	(void)bytes;
	(void)zeros;
	return NULL;
}

/* For each extent without a good copy there is a substitute. */
static hf_err need_substitutes(struct walk *walk, const struct hf_entry *entry)
{
	struct hf_repo *repo = hf_reader_repo(walk->check->reader);

	for (size_t i = 0; i < entry->extents.n; i++) {
		const struct hf_extent *extent = &entry->extents.at[i];
		struct hf_error *lost = check_extent(walk, 0, extent);
		size_t n = 0;

		if (!lost)
			continue;
		HF_TRY(hf_catalog_count_substitutes(hf_repo_catalog(repo), extent, 0, &n));
		if (n == 0)
			return lost;
		hf_error_free(lost); /* that is what there are substitutes for */
	}
	return NULL;
}

/* They are believed only where the whole content was read and is what it was. */
static hf_err read_instead(struct walk *walk, const struct hf_entry *entry)
{
	HF_OWNED(hf_content) content = NULL;

	HF_TRY(need_substitutes(walk, entry));
	HF_TRY(hf_content_open(walk->check->reader, entry, &content));
	return hf_content_visit(content, 0, entry->size, pass_by, NULL);
}

static hf_err check_content(struct walk *walk, const struct hf_entry *entry)
{
	struct hf_error *err = look_for_all(walk, entry);

	if (err && hf_error_kind(err) == HF_CORRUPT && entry->type == HF_REG &&
		!entry->extents_file) {
		hf_error_free(err); /* told again, unless something stands in */
		err = read_instead(walk, entry);
	}
	if (err)
		miss_all(walk, entry);
	return err;
}

/* ---- directories ---- */

static hf_err check_dir(
	struct walk *walk, const struct hf_entry *entry, unsigned depth, bool *hurt);

static size_t path_push(struct walk *walk, struct hf_span name)
{
	const size_t before = walk->path.len;

	if (before)
		hf_buf_add(&walk->path, "/", 1);
	hf_buf_add_span(&walk->path, name);
	return before;
}

static hf_err check_entry(
	struct walk *walk, const struct hf_entry *entry, unsigned depth, bool *hurt)
{
	const size_t before = path_push(walk, entry->name);
	struct hf_error *err;

	walk->found.entries++;
	if (entry->type == HF_DIR)
		err = check_dir(walk, entry, depth, hurt);
	else
		err = note_error(walk, check_content(walk, entry), hurt);
	walk->path.len = before;
	if (walk->check->progress)
		atomic_fetch_add_explicit(&walk->check->progress->files, 1, memory_order_relaxed);
	return err ? err : hf_stop_check(walk->check->stop);
}

static void cursor_end(struct hf_dir_cursor *cursor)
{
	hf_dir_cursor_end(cursor);
}

/* *bad: why the directory itself can't be read on. */
static hf_err check_names(struct walk *walk, const struct hf_entry *entry, unsigned depth,
	bool *hurt, struct hf_error **bad)
{
	HF_OWNED(hf_dir) dir = NULL;
	__attribute__((cleanup(cursor_end))) struct hf_dir_cursor cursor = {0};
	const struct hf_entry *child;

	*bad = check_extents(walk, &entry->extents);
	if (!*bad)
		*bad = hf_dir_open(walk->check->reader, entry, &dir);
	if (*bad)
		miss_all(walk, entry);
	if (*bad)
		return NULL;
	hf_dir_cursor_begin(&cursor, dir);
	for (;;) {
		*bad = hf_dir_cursor_next(&cursor, &child);
		if (*bad || !child)
			return NULL;
		HF_TRY(check_entry(walk, child, depth + 1, hurt));
	}
}

static enum known known_of(const struct walk *walk, const struct hf_id *digest)
{
	const union hf_map_value *value = hf_map_get(&walk->dirs, digest);

	if (value)
		return value->number;
	return hf_map_get(&walk->found.dirs, digest) ? HURT : UNKNOWN;
}

static hf_err check_dir(struct walk *walk, const struct hf_entry *entry, unsigned depth, bool *hurt)
{
	struct hf_error *bad = NULL;
	bool hurt_here = false;
	struct hf_id digest;
	enum known known;

	if (depth > HF_MAX_DEPTH)
		return note_error(
			walk, hf_error_new(HF_CORRUPT, "directories are too deep here"), hurt);
	hf_dir_digest(entry, &digest);
	known = known_of(walk, &digest);
	if (known == SOUND || (known == HURT && !may_tell(walk))) {
		*hurt |= known == HURT;
		return NULL;
	}
	HF_TRY(check_names(walk, entry, depth, &hurt_here, &bad));
	HF_TRY(note_error(walk, bad, &hurt_here));
	if (hurt_here)
		hf_map_put(&walk->found.dirs, &digest, NULL);
	else
		hf_map_put(&walk->dirs, &digest, NULL)->number = SOUND;
	*hurt |= hurt_here;
	return NULL;
}

/* ---- snapshots ---- */

static void put_hurt(void *arg, const struct hf_id *digest, union hf_map_value *value)
{
	struct walk *walk = arg;

	(void)value;
	hf_map_put(&walk->dirs, digest, NULL)->number = HURT;
}

static void put_absent(void *arg, const struct hf_id *chunk, union hf_map_value *value)
{
	struct walk *walk = arg;
	bool fresh;

	(void)value;
	hf_map_put(&walk->absent, chunk, &fresh);
	walk->result->absent_chunks += fresh;
}

static void put_missed(void *arg, const struct hf_id *chunk, union hf_map_value *value)
{
	struct walk *walk = arg;

	(void)value;
	hf_map_get(walk->check->lost, chunk)->number = HF_LOST_MISSED;
}

static void tell(struct walk *walk)
{
	const struct found *found = &walk->found;

	for (size_t i = 0; i < found->n && walk->check->damaged; i++) {
		const struct hf_tree_damage damage = {.snapshot = walk->snapshot,
			.path = found->damages[i].path,
			.text = found->damages[i].text};

		walk->check->damaged(walk->check->arg, &damage);
	}
	walk->told += found->n;
}

static void believe(struct walk *walk)
{
	struct hf_check_tree_result *result = walk->result;

	tell(walk);
	hf_map_each(&walk->found.dirs, put_hurt, walk);
	hf_map_each(&walk->found.absent, put_absent, walk);
	hf_map_each(&walk->found.missed, put_missed, walk);
	result->snapshots++;
	result->entries += walk->found.entries;
	result->hurt_paths += walk->found.hurt_paths;
	result->hurt_snapshots += walk->found.hurt;
}

static hf_err walk_snapshot(struct walk *walk)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry root;

	found_release(&walk->found);
	walk->path.len = 0;
	struct hf_error *err = hf_entry_parse_alone(walk->snapshot->snapshot.root, &arena, &root);

	return err ? note_error(walk, err, &walk->found.hurt)
		   : check_dir(walk, &root, 0, &walk->found.hurt);
}

static hf_err check_snapshot(struct walk *walk)
{
	struct hf_repo *repo = hf_reader_repo(walk->check->reader);
	bool stands = true, changed = true;

	HF_TRY(walk_snapshot(walk));
	for (int walks = 1; walks < WALKS && changed && walk->found.hurt; walks++) {
		HF_TRY(hf_repo_sync(repo, &changed));
		HF_TRY(hf_catalog_snapshot_stands(
			hf_repo_catalog(repo), walk->snapshot->id, &stands));
		if (!stands)
			return NULL;
		/* Who shares the catalog may have brought it on before: once in any case. */
		if (walks == 1 || changed)
			HF_TRY(walk_snapshot(walk));
	}
	believe(walk);
	return NULL;
}

hf_err hf_check_trees(const struct hf_check_tree *check, struct hf_check_tree_result *result)
{
	WALK walk = {.check = check, .result = result};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	*result = (struct hf_check_tree_result){0};
	walk.confirmed = hf_calloc(CONFIRMED, sizeof(*walk.confirmed));
	HF_TRY(hf_history_snapshots(hf_reader_repo(check->reader), NULL, &arena, &snapshots));
	for (size_t i = 0; i < snapshots.n; i++) {
		walk.snapshot = &snapshots.at[i];
		HF_TRY(check_snapshot(&walk));
	}
	return NULL;
}

hf_err hf_check_snapshot(void *arg, const struct hf_snapshot_info *snapshot, bool *whole)
{
	struct hf_check_tree_result result = {0};
	WALK walk = {.check = arg, .result = &result, .snapshot = snapshot};

	walk.confirmed = hf_calloc(CONFIRMED, sizeof(*walk.confirmed));
	HF_TRY(walk_snapshot(&walk));
	*whole = !walk.found.hurt;
	return NULL;
}
