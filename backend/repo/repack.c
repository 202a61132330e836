/*
 * Where much of a pack is waste, or it is hurt and what lives in it is not, that moves: compressed
 * as it is, unsealed and sealed again, its id computed on the way.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/opener.h"
#include "backend/repo/packer.h"
#include "backend/repo/prune_state.h"

/* Waste that is left alone, in hundredths of what lives. */
#define TOLERATED 5u
/*
 * A run moves no more: the commit that announces must name every pack that it supplies, each with
 * its table, beside what it announces. A row is 44 bytes there at most.
 */
#define MOST_MOVED (UINT64_C(8) << 30)
#define MOST_ROWS (HF_MAX_COMMIT / 2 / 44)
#define UPLOADERS 2
/* In a pack: a row of its table, and the rest of its last section, about. */
#define ROW_LEN 38u
#define LAST_LEN 64u

/* What writing it anew would save: a pack has a header, a table and padding, too. */
static uint64_t waste_of(const struct hf_pack_use *use)
{
	const uint64_t anew =
		hf_padme(HF_HEADER_LEN + use->live + use->chunks * ROW_LEN + LAST_LEN);

	/* Where padding does not fit, a pack takes the next size. */
	return use->pack.size > anew + anew / 8 ? use->pack.size - anew : 0;
}

/*
 * A commit in which content rides can't be emptied: it goes when all of it is dead. Of copies that
 * differ one is false, and who can't read can't tell which: they stay where they are.
 */
static bool may_move(const struct hf_prune *prune, const struct hf_pack_use *use)
{
	if (!use->named || use->announced || use->shared || use->live == 0 || use->lost ||
		(waste_of(use) == 0 && !use->hurt) || use->pack.seen > prune->now - prune->grace)
		return false;
	return use->pack.kind == HF_META_PACK ||
		(use->pack.kind == HF_CONTENT_PACK && hf_repo_may(prune->repo, HF_READ));
}

/* What is hurt before all else. */
static int most_wasted_first(const void *a, const void *b)
{
	const struct hf_pack_use *const *x = a, *const *y = b;

	if ((*x)->hurt != (*y)->hurt)
		return (*x)->hurt ? -1 : 1;
	const double p = (double)waste_of(*x) / (double)(*x)->pack.size;
	const double q = (double)waste_of(*y) / (double)(*y)->pack.size;

	return (p < q) - (p > q);
}

/* Marks the packs whose chunks move. */
static bool choose(struct hf_prune *prune)
{
	HF_FREED struct hf_pack_use **by_waste =
		hf_alloc((prune->n + 1) * sizeof(struct hf_pack_use *));
	uint64_t live = 0, waste = 0, moved = 0, rows = 0;
	size_t n = 0;

	for (size_t i = 0; i < prune->n; i++) {
		struct hf_pack_use *use = &prune->uses[i];

		if (!use->named || use->announced || use->live == 0)
			continue;
		live += use->live;
		waste += waste_of(use);
		if (may_move(prune, use))
			by_waste[n++] = use;
	}
	if (n > 1)
		qsort(by_waste, n, sizeof(struct hf_pack_use *), most_wasted_first);
	for (size_t i = 0; i < n && (by_waste[i]->hurt || waste > live / 100 * TOLERATED); i++) {
		if (moved + by_waste[i]->live > MOST_MOVED ||
			rows + by_waste[i]->chunks > MOST_ROWS)
			break;
		by_waste[i]->repacked = true;
		moved += by_waste[i]->live;
		rows += by_waste[i]->chunks;
		waste -= HF_MIN(waste, waste_of(by_waste[i]));
	}
	return moved > 0;
}

struct moving {
	struct hf_prune *prune;
	struct hf_opener *opener;
	struct hf_packer *packer;
	struct hf_buf frame;
};
static void moving_release(struct moving *moving)
{
	hf_opener_free(moving->opener);
	hf_packer_free(moving->packer);
	hf_buf_release(&moving->frame);
}

static hf_err move_chunk(struct moving *moving, const struct hf_location *place)
{
	struct hf_pack_use *use = hf_prune_use_of(moving->prune, place->pack);

	HF_TRY(hf_stop_check(moving->prune->options.stop));
	hf_buf_clear(&moving->frame);
	struct hf_error *err =
		hf_opener_frame(moving->opener, place, use->pack.kind, &moving->frame);

	/* One that is damaged stays as it is: check tells what of it can be had. */
	if (err && (hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_NOT_FOUND)) {
		hf_log(HF_WARN, "a pack is left as it is", "why", hf_error_text(err), NULL);
		hf_error_free(err); /* told */
		use->repacked = false;
		return NULL;
	}
	HF_TRY(err);
	moving->prune->result.repacked_bytes += place->row.stored;
	return hf_packer_add(moving->packer, use->pack.kind, &place->row.id, place->row.plain,
		hf_buf_span(&moving->frame));
}

static hf_err move_needed(void *arg, const struct hf_location *copies, size_t n)
{
	struct moving *moving = arg;

	(void)n; /* 1, where it moves: it is not shared */
	return hf_prune_use_of(moving->prune, copies->pack)->repacked ? move_chunk(moving, copies)
								      : NULL;
}

hf_err hf_prune_repack(struct hf_prune *prune, struct hf_buf *records)
{
	__attribute__((cleanup(moving_release))) struct moving moving = {.prune = prune};

	if (!choose(prune) || prune->options.dry_run)
		return NULL;
	moving.opener = hf_opener_new(prune->repo);
	HF_TRY(hf_packer_new(prune->repo, UPLOADERS, prune->options.progress, &moving.packer));
	struct hf_error *err = hf_prune_each_needed(prune, move_needed, &moving);

	if (!err)
		err = hf_packer_flush(moving.packer, hf_span(NULL, 0));
	/* What is dead needs the room to go. */
	if (err)
		hf_packer_undo(moving.packer);
	HF_TRY(err);
	hf_buf_add_span(records, hf_buf_span(&hf_packer_sent(moving.packer)->records));
	hf_packer_sent_clear(moving.packer);
	return NULL;
}
