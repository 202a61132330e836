/* Looks for the ranges of lost shared chunks in all snapshots of a source. */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/catalog.h"
#include "backend/repo/history.h"
#include "backend/tree/dir.h"
#include "backend/tree/heal.h"
#include "backend/tree/inodes.h"
#include "backend/tree/mix.h"
#include "backend/tree/past.h"

/* About 100 bytes each. What is beyond waits for the next backup. */
#define MOST_HURT (256u << 10)

struct search {
	struct hf_heal *heal;
	struct hf_map seen;  /* directories, each with its path */
	struct hf_map clean; /* those below which nothing is hurt, whatever their path */
	uint64_t hits;       /* what is hurt, and what was not looked at again */
};

static void search_release(struct search *search)
{
	hf_map_release(&search->seen);
	hf_map_release(&search->clean);
}
#define SEARCH __attribute__((cleanup(search_release))) struct search

static bool same_as(const struct hf_hurt *hurt, const struct hf_entry *entry)
{
	bool same = hurt->size == entry->size && hurt->n == entry->extents.n;

	for (size_t i = 0; i < hurt->n && same; i++) {
		const struct hf_extent *a = &hurt->extents[i], *b = &entry->extents.at[i];

		same = hf_id_equal(&a->chunk, &b->chunk) && a->offset == b->offset &&
			a->length == b->length;
	}
	return same;
}

/* Another slot may have said what is false: only what our own said need not be said again. */
static hf_err is_supplied(struct hf_heal *heal, const struct hf_entry *entry, bool *supplied)
{
	const uint32_t slot = hf_repo_slot(heal->repo)->n;

	*supplied = true;
	for (size_t i = 0; i < entry->extents.n && *supplied; i++) {
		const struct hf_extent *extent = &entry->extents.at[i];
		size_t n = 1;

		if (hf_map_get(&heal->wanted, &extent->chunk))
			HF_TRY(hf_catalog_count_substitutes(
				hf_repo_catalog(heal->repo), extent, slot, &n));
		*supplied = n > 0;
	}
	return NULL;
}

static hf_err add_hurt(struct hf_heal *heal, uint64_t path, const struct hf_entry *entry)
{
	const size_t bytes = entry->extents.n * sizeof(struct hf_extent);
	struct hf_hurt *hurt, *first;
	struct hf_id key;
	bool supplied;

	hf_mix_key(path, 0, &key);
	union hf_map_value *value = hf_map_put(&heal->hurt, &key, NULL);

	first = value->pointer;
	for (hurt = first; hurt; hurt = hurt->next) {
		if (same_as(hurt, entry))
			return NULL;
	}
	HF_TRY(is_supplied(heal, entry, &supplied));
	hurt = hf_alloc(sizeof(*hurt) + bytes);
	*hurt = (struct hf_hurt){
		.next = first, .size = entry->size, .supplied = supplied, .n = entry->extents.n};
	memcpy(hurt->extents, entry->extents.at, bytes);
	value->pointer = hurt;
	heal->n_hurt++;
	return NULL;
}

static bool is_hurt(const struct hf_heal *heal, const struct hf_entry *entry)
{
	if (entry->type != HF_REG || !entry->fingerprinted || entry->extents_file ||
		entry->size >= hf_repo_settings(heal->repo)->bundle_below)
		return false;
	for (size_t i = 0; i < entry->extents.n; i++) {
		if (hf_map_get(&heal->wanted, &entry->extents.at[i].chunk))
			return true;
	}
	return false;
}

static void cursor_end(struct hf_dir_cursor *cursor)
{
	hf_dir_cursor_end(cursor);
}

static hf_err search_dir(
	struct search *search, const struct hf_entry *entry, uint64_t path, unsigned depth);

static hf_err search_names(
	struct search *search, const struct hf_entry *entry, uint64_t path, unsigned depth)
{
	HF_OWNED(hf_dir) dir = NULL;
	__attribute__((cleanup(cursor_end))) struct hf_dir_cursor cursor = {0};
	struct hf_heal *heal = search->heal;
	const struct hf_entry *child;

	HF_TRY(hf_dir_open(heal->reader, entry, &dir));
	hf_dir_cursor_begin(&cursor, dir);
	while (heal->n_hurt < MOST_HURT) {
		HF_TRY(hf_dir_cursor_next(&cursor, &child));
		if (!child)
			return NULL;
		const uint64_t key = hf_inodes_key(path, child->name);

		if (child->type == HF_DIR)
			HF_TRY(search_dir(search, child, key, depth + 1));
		else if (is_hurt(heal, child)) {
			search->hits++;
			HF_TRY(add_hurt(heal, key, child));
		}
	}
	search->hits++; /* it was not looked at to its end */
	return NULL;
}

/* The same directory at another path has other files. */
static bool is_fresh(struct search *search, const struct hf_entry *entry, uint64_t path)
{
	struct hf_id key;
	uint64_t half;
	bool fresh;

	hf_dir_digest(entry, &key);
	memcpy(&half, key.bytes, sizeof(half));
	half ^= path;
	memcpy(key.bytes, &half, sizeof(half));
	hf_map_put(&search->seen, &key, &fresh);
	return fresh;
}

/*
 * A directory that is below itself many times over has more paths than anybody can walk: one in
 * which nothing is hurt is walked once, and of what is hurt so much is found and no more.
 */
static hf_err search_dir(
	struct search *search, const struct hf_entry *entry, uint64_t path, unsigned depth)
{
	const uint64_t before = search->hits;
	struct hf_error *err;
	struct hf_id digest;

	HF_TRY(hf_stop_check(search->heal->stop));
	if (entry->type != HF_DIR || depth > HF_MAX_DEPTH)
		return NULL;
	hf_dir_digest(entry, &digest);
	if (hf_map_get(&search->clean, &digest))
		return NULL;
	if (!is_fresh(search, entry, path)) {
		search->hits++;
		return NULL;
	}
	err = search_names(search, entry, path, depth);
	if (err && hf_past_lost(err)) {
		hf_error_free(HF_STEAL(err)); /* check tells; what else there is can be healed */
		search->hits++;
	}
	if (!err && search->hits == before)
		hf_map_put(&search->clean, &digest, NULL);
	return err;
}

hf_err hf_heal_find(struct hf_heal *heal, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	SEARCH search = {.heal = heal};
	struct hf_snapshots snapshots;

	HF_TRY(hf_history_snapshots(heal->repo, source, &arena, &snapshots));
	for (size_t i = snapshots.n; i > 0; i--) {
		struct hf_entry root;
		struct hf_error *err =
			hf_entry_parse_alone(snapshots.at[i - 1].snapshot.root, &arena, &root);

		if (!err)
			err = search_dir(&search, &root, 0, 0);
		else if (hf_past_lost(err))
			hf_error_free(HF_STEAL(err)); /* check tells of it */
		HF_TRY(err);
	}
	return NULL;
}
