/*
 * Every chunk of the catalog, in order of id, beside every id that something needs, in the same
 * order: one pass, in memory that grows with the number of packs only.
 */
#include <stdlib.h>

#include "backend/repo/prune_state.h"
#include "backend/repo/segments_read.h"
#include "backend/repo/state.h"

#define MOST_ASKED 64 /* of copies that may stand in for a bad one */
#define STEADY 16     /* tries to find the state unchanged between two looks */

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

static hf_err note_announced(void *arg, const struct hf_id *id)
{
	struct hf_prune *prune = arg;
	struct hf_pack_use *use = hf_prune_use(prune, id);
	const struct hf_pack unnamed = {.id = *id};

	if (!use)
		use = add_use(prune, &unnamed);
	use->announced = true;
	return NULL;
}

static hf_err note_announcement(void *arg, const struct hf_announcement *announcement)
{
	struct hf_prune *prune = arg;

	return hf_catalog_each_announced(
		hf_repo_catalog(prune->repo), &announcement->commit, note_announced, prune);
}

static hf_err note_hurt(void *arg, int64_t number)
{
	struct hf_pack_use *use = hf_prune_use_of(arg, number);

	if (use)
		use->hurt = true;
	return NULL;
}

static hf_err gather_packs(struct hf_prune *prune)
{
	struct hf_catalog *catalog = hf_repo_catalog(prune->repo);

	prune->n = 0;
	hf_map_release(&prune->by_id);
	if (prune->numbers)
		memset(prune->by_number, 0, prune->numbers * sizeof(*prune->by_number));
	HF_TRY(hf_catalog_each_pack(catalog, add_named, prune));
	HF_TRY(hf_catalog_each_bad_pack(catalog, note_hurt, prune));
	return hf_catalog_each_announcement(catalog, note_announcement, prune);
}

/* ---- which of their chunks are needed ---- */

struct walk {
	struct hf_prune *prune;
	hf_needed_fn *each;
	void *arg;
	struct hf_id need; /* the next id that something needs */
	bool more;
	struct hf_location *copies; /* of one chunk */
	size_t n, cap;
	struct hf_error *err; /* an answer that the catalog could not give: nothing goes by it */
};
static void walk_release(struct walk *walk)
{
	free(walk->copies);
	hf_error_free(walk->err); /* if there was a worse one */
}

static bool answer(struct walk *walk, struct hf_error *err, bool yes)
{
	if (err && walk->err)
		hf_error_free(err); /* the first one says enough */
	else if (err)
		walk->err = err;
	return !err && yes;
}

static void swap(struct hf_location *a, struct hf_location *b)
{
	const struct hf_location was = *a;

	*a = *b;
	*b = was;
}

static hf_err next_need(struct walk *walk)
{
	return hf_id_sort_next(walk->prune->live, &walk->need, &walk->more);
}

/* No pack has what is needed next. */
static hf_err miss(struct walk *walk)
{
	const struct hf_prune_options *options = &walk->prune->options;

	if (!options->excused || !options->excused(options->arg, &walk->need))
		walk->prune->result.missing++;
	return next_need(walk);
}

/* A copy in a pack that stays is worth more than one that is announced, a whole one more than a
 * bad; 0: its pack is gone. */
#define WHOLE 3
static int worth(struct walk *walk, const struct hf_location *copy)
{
	const struct hf_pack_use *use = hf_prune_use_of(walk->prune, copy->pack);
	struct hf_error *err = NULL;
	bool bad = false;

	if (!use)
		return 0;
	if (walk->n > 1)
		err = hf_catalog_is_bad_copy(
			hf_repo_catalog(walk->prune->repo), &copy->row.id, &use->pack.id, &bad);
	return (use->announced ? 1 : 2) + (answer(walk, err, bad) ? 0 : 2);
}

/*
 * Its writer could delete by right, and so does not lie to have others do it; and it computes the
 * ids of what it moves here, which may come from one that lies.
 */
static bool is_vouched(const struct walk *walk, const struct hf_location *copy)
{
	const struct hf_slot *slot = hf_keys_slot(hf_repo_keyring(walk->prune->repo),
		hf_prune_use_of(walk->prune, copy->pack)->pack.slot);

	return slot && !slot->revoked && hf_slot_may(slot, HF_MAINTAIN) &&
		hf_slot_may(slot, HF_READ);
}

/* A slot that may read and write could mark a true copy, and say that it has another: its word
 * counts for what others have. */
static bool stands_in(
	struct walk *walk, const struct hf_location *copy, const struct hf_location *bad)
{
	bool marked = false;

	if (is_vouched(walk, copy))
		return true;
	return answer(walk,
		hf_catalog_is_marked_by_other(hf_repo_catalog(walk->prune->repo), &bad->row.id,
			&hf_prune_use_of(walk->prune, bad->pack)->pack.id,
			hf_prune_use_of(walk->prune, copy->pack)->pack.slot, &marked),
		marked);
}

static bool makes_way(struct walk *walk, const struct hf_location *bad, size_t n)
{
	for (size_t i = 0; i < HF_MIN(n, MOST_ASKED); i++) {
		if (stands_in(walk, &walk->copies[i], bad))
			return true;
	}
	return false;
}

/* Brings one to the front that is enough, if there is one. */
static bool one_is_enough(struct walk *walk, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_vouched(walk, &walk->copies[i]))
			continue;
		swap(&walk->copies[0], &walk->copies[i]);
		return true;
	}
	return false;
}

/*
 * Those that are worth most, all of them if none is vouched for: that a pack has a chunk is its
 * writer's word, and one that lies must not cost an honest pack its place.
 */
static hf_err keep_best(struct walk *walk)
{
	int most = 1;
	size_t n = 0, best;

	for (size_t i = 0; i < walk->n; i++)
		most = HF_MAX(most, worth(walk, &walk->copies[i]));
	for (size_t i = 0; i < walk->n; i++) {
		if (worth(walk, &walk->copies[i]) == most)
			swap(&walk->copies[n++], &walk->copies[i]);
	}
	if (one_is_enough(walk, n))
		return walk->err ? HF_STEAL(walk->err) : walk->each(walk->arg, walk->copies, 1);
	best = n;
	for (size_t i = best; i < walk->n && most >= WHOLE; i++) {
		const int here = worth(walk, &walk->copies[i]);

		if (here > 0 && here < WHOLE && !makes_way(walk, &walk->copies[i], best))
			swap(&walk->copies[n++], &walk->copies[i]);
	}
	if (walk->err)
		return HF_STEAL(walk->err);
	return n > 0 ? walk->each(walk->arg, walk->copies, n) : NULL;
}

static hf_err end_group(struct walk *walk)
{
	if (walk->n == 0)
		return NULL;
	const struct hf_id id = walk->copies[0].row.id;

	while (walk->more && memcmp(&walk->need, &id, sizeof(id)) < 0)
		HF_TRY(miss(walk));
	if (walk->more && hf_id_equal(&walk->need, &id)) {
		HF_TRY(keep_best(walk));
		HF_TRY(next_need(walk));
	}
	walk->n = 0;
	return NULL;
}

static hf_err meet_place(void *arg, const struct hf_location *place)
{
	struct walk *walk = arg;

	if (walk->n && !hf_id_equal(&walk->copies[0].row.id, &place->row.id))
		HF_TRY(end_group(walk));
	walk->copies = hf_grow(walk->copies, &walk->cap, walk->n + 1, sizeof(*walk->copies));
	walk->copies[walk->n++] = *place;
	return NULL;
}

hf_err hf_prune_each_needed(struct hf_prune *prune, hf_needed_fn *each, void *arg)
{
	__attribute__((cleanup(walk_release))) struct walk walk = {
		.prune = prune, .each = each, .arg = arg};

	prune->result.missing = 0;
	HF_TRY(hf_id_sort_begin(prune->live));
	HF_TRY(next_need(&walk));
	HF_TRY(hf_catalog_each_place(hf_repo_catalog(prune->repo), meet_place, &walk));
	HF_TRY(end_group(&walk));
	while (walk.more)
		HF_TRY(miss(&walk));
	return NULL;
}

static hf_err count_needed(void *arg, const struct hf_location *copies, size_t n)
{
	struct hf_prune *prune = arg;

	for (size_t i = 0; i < n; i++) {
		struct hf_pack_use *use = hf_prune_use_of(prune, copies[i].pack);

		use->live += copies[i].row.stored;
		use->chunks++;
		use->needed |= use->announced;
		use->shared |= n > 1;
		if (use->hurt && !use->lost)
			HF_TRY(hf_catalog_is_bad_copy(hf_repo_catalog(prune->repo),
				&copies[i].row.id, &use->pack.id, &use->lost));
	}
	return NULL;
}

/* ---- the whole ---- */

/* Unused, but no older than what a backup under way may have just made. */
static void note_young(struct hf_prune *prune)
{
	for (size_t i = 0; i < prune->n; i++) {
		struct hf_pack_use *use = &prune->uses[i];

		use->young = use->named && !use->announced && use->live == 0 &&
			use->pack.seen > prune->now - prune->grace;
	}
}

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
	HF_TRY(hf_prune_each_needed(prune, count_needed, prune));
	note_young(prune);
	return NULL;
}
