/*
 * Every chunk of the catalog, in order of id, beside every id that something needs, in the same
 * order: one pass, in memory that grows with the number of packs only.
 */
#include <stdlib.h>

#include "backend/repo/prune_state.h"
#include "backend/repo/segments_read.h"
#include "backend/repo/state.h"

#define STEADY 16 /* tries to find the state unchanged between two looks */

struct hf_pack_use *hf_prune_use(const struct hf_prune *prune, const struct hf_id *id)
{
	const union hf_map_value *value = hf_map_get(&prune->by_id, id);

	return value ? &prune->uses[value->number - 1] : NULL;
}

struct hf_pack_use *hf_prune_use_of(const struct hf_prune *prune, int64_t number)
{
	const size_t i = (size_t)number < prune->numbers ? prune->by_number[number] : 0;

	return i ? &prune->uses[i - 1] : NULL;
}

/* ---- which packs there are ---- */

static struct hf_pack_use *add_use(struct hf_prune *prune, const struct hf_pack *pack)
{
	prune->uses = hf_grow(prune->uses, &prune->cap, prune->n + 1, sizeof(*prune->uses));
	prune->uses[prune->n] = (struct hf_pack_use){.pack = *pack};
	prune->n++;
	hf_map_put(&prune->by_id, &pack->id, NULL)->number = prune->n;
	return &prune->uses[prune->n - 1];
}

static hf_err add_named(void *arg, const struct hf_pack *pack)
{
	struct hf_prune *prune = arg;
	const size_t number = (size_t)pack->n;

	if (number >= prune->numbers) {
		const size_t numbers = HF_MAX(number + 1, 2 * prune->numbers);

		prune->by_number =
			hf_realloc(prune->by_number, numbers * sizeof(*prune->by_number));
		memset(prune->by_number + prune->numbers, 0,
			(numbers - prune->numbers) * sizeof(*prune->by_number));
		prune->numbers = numbers;
	}
	add_use(prune, pack)->named = true;
	prune->by_number[number] = prune->n;
	return NULL;
}

struct announced {
	struct hf_prune *prune;
	bool due;
};

static hf_err note_announced(void *arg, const struct hf_id *id)
{
	const struct announced *announced = arg;
	struct hf_pack_use *use = hf_prune_use(announced->prune, id);
	const struct hf_pack unnamed = {.id = *id};

	if (!use)
		use = add_use(announced->prune, &unnamed);
	use->announced = true;
	use->due |= announced->due;
	return NULL;
}

static hf_err note_announcement(void *arg, const struct hf_announcement *announcement)
{
	struct hf_prune *prune = arg;
	struct announced announced = {prune, announcement->seen <= prune->now - prune->grace};

	return hf_catalog_each_announced(
		hf_repo_catalog(prune->repo), &announcement->commit, note_announced, &announced);
}

static hf_err gather_packs(struct hf_prune *prune)
{
	struct hf_catalog *catalog = hf_repo_catalog(prune->repo);

	prune->n = 0;
	hf_map_release(&prune->by_id);
	if (prune->numbers)
		memset(prune->by_number, 0, prune->numbers * sizeof(*prune->by_number));
	HF_TRY(hf_catalog_each_pack(catalog, add_named, prune));
	return hf_catalog_each_announcement(catalog, note_announcement, prune);
}

/* ---- which of their chunks are needed ---- */

struct join {
	struct hf_prune *prune;
	struct hf_id need; /* the next id that something needs */
	bool more;
	struct hf_location places[64]; /* of one chunk */
	size_t n;
};

static hf_err next_need(struct join *join)
{
	return hf_id_sort_next(join->prune->live, &join->need, &join->more);
}

/* A copy in a pack that stays is worth more than one that is announced, a whole one more than a
 * bad. */
static int worth(const struct join *join, const struct hf_pack_use *use, const struct hf_id *chunk)
{
	const bool bad = join->n > 1 &&
		hf_catalog_is_bad_copy(hf_repo_catalog(join->prune->repo), chunk, &use->pack.id);

	return (use->announced ? 1 : 2) + (bad ? 0 : 2);
}

/* One copy is enough: the first of those that are worth most. */
static void choose(struct join *join)
{
	struct hf_pack_use *best = NULL;
	uint32_t stored = 0;
	int most = 0;

	for (size_t i = 0; i < join->n; i++) {
		const struct hf_location *place = &join->places[i];
		struct hf_pack_use *use = hf_prune_use_of(join->prune, place->pack);
		const int here = use ? worth(join, use, &place->row.id) : 0;

		if (here <= most)
			continue;
		most = here;
		best = use;
		stored = place->row.stored;
	}
	if (!best)
		return;
	best->live += stored;
	best->chunks++;
	best->needed |= best->announced;
}

static hf_err end_group(struct join *join)
{
	const struct hf_id *id = &join->places[0].row.id;

	if (join->n == 0)
		return NULL;
	while (join->more && memcmp(&join->need, id, sizeof(*id)) < 0) {
		join->prune->result.missing++;
		HF_TRY(next_need(join));
	}
	if (join->more && hf_id_equal(&join->need, id)) {
		choose(join);
		HF_TRY(next_need(join));
	}
	join->n = 0;
	return NULL;
}

static hf_err meet_place(void *arg, const struct hf_location *place)
{
	struct join *join = arg;

	if (join->n && !hf_id_equal(&join->places[0].row.id, &place->row.id))
		HF_TRY(end_group(join));
	if (join->n < ARRAY_LEN(join->places))
		join->places[join->n++] = *place;
	return NULL;
}

static hf_err lay_side_by_side(struct hf_prune *prune)
{
	struct join join = {.prune = prune};

	prune->result.missing = 0;
	HF_TRY(hf_id_sort_begin(prune->live));
	HF_TRY(next_need(&join));
	HF_TRY(hf_catalog_each_place(hf_repo_catalog(prune->repo), meet_place, &join));
	HF_TRY(end_group(&join));
	while (join.more) {
		prune->result.missing++;
		HF_TRY(next_need(&join));
	}
	return NULL;
}

/* ---- the whole ---- */

/*
 * A listing is not one moment, and a checkpoint may come between the listing and the look for it:
 * so until nothing new came and the checkpoint is the one from before.
 */
static hf_err read_steady(struct hf_prune *prune)
{
	struct hf_repo *repo = prune->repo;

	for (int i = 0; i < STEADY; i++) {
		const uint32_t before = repo->checkpoint;
		bool changed;

		HF_TRY(hf_stop_check(prune->options.stop));
		HF_TRY(hf_store_now(repo->store, &prune->now));
		HF_TRY(hf_repo_sync(repo, &changed));
		if (!changed && repo->checkpoint == before)
			return NULL;
	}
	return hf_error_new(HF_TRANSIENT,
		"the repository changes faster than it can be read; hint: try again later");
}

hf_err hf_prune_look(struct hf_prune *prune)
{
	HF_TRY(read_steady(prune));
	HF_TRY(hf_segments_read(prune->repo));
	HF_TRY(prune->options.mark(prune->options.arg, prune->now, prune->live));
	HF_TRY(gather_packs(prune));
	return lay_side_by_side(prune);
}
