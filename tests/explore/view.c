#include "tests/explore/view.h"

uint16_t view_counting(const struct view *view)
{
	uint16_t counting = view->checkpoint->contained;

	for (unsigned i = 0; i < view->model->n_slots; i++) {
		if (view->list >> i & 1 && view->state->commits[i].date >= view->checkpoint->cutoff)
			counting |= (uint16_t)(1u << i);
	}
	return counting;
}

uint16_t view_in_force(const struct view *view)
{
	return view->list & view->model->of[MAINTAINER] & ~view->checkpoint->settled &
		view_counting(view) & ~view->checkpoint->contained;
}

uint8_t view_announced(const struct view *view)
{
	const uint16_t in_force = view_in_force(view);
	uint8_t packs = 0;

	for (unsigned i = 0; i < view->model->n_slots; i++) {
		if (in_force >> i & 1)
			packs |= view->state->commits[i].names;
	}
	return packs;
}

uint8_t view_cutoff(const struct view *view)
{
	const uint16_t in_force = keeps(view->model, R_ANNOUNCED_CUTOFF) ? view_in_force(view) : 0;
	uint8_t cutoff = view->checkpoint->cutoff;

	for (unsigned i = 0; i < view->model->n_slots; i++) {
		if (in_force >> i & 1 && view->state->commits[i].cutoff > cutoff)
			cutoff = view->state->commits[i].cutoff;
	}
	return cutoff;
}

/* Packs that these commits name as there. */
static uint8_t named(const struct view *view, uint16_t commits)
{
	const struct model *model = view->model;
	uint8_t packs = P0;

	for (unsigned i = 0; i < model->n_slots; i++) {
		const struct commit *commit = &view->state->commits[i];

		if (!(commits >> i & 1))
			continue;
		if (model->of[WRITER] >> i & 1)
			packs |= commit->names;
		else if (commit->supplies)
			packs |= (uint8_t)(1u << model->first_pack[model->owner[i]]);
	}
	return packs & ~view->checkpoint->swept;
}

uint8_t view_known(const struct view *view)
{
	return named(view, view_counting(view));
}

uint8_t view_checkpoint_packs(const struct view *view)
{
	return named(view, view->checkpoint->contained);
}

uint8_t view_tombed(const struct view *view)
{
	const uint16_t tombs = view_counting(view) & view->model->of[FORGETTER];
	uint8_t snapshots = 0;

	for (unsigned i = 0; i < view->model->n_slots; i++) {
		if (tombs >> i & 1)
			snapshots |= (uint8_t)(1u << view->state->commits[i].names);
	}
	return snapshots;
}

/* Snapshots that have such a commit; unfinished ones too, if told so. */
static uint8_t snapshots_of(const struct view *view, bool finished)
{
	const uint16_t commits = view_counting(view) & view->model->of[WRITER];
	uint8_t snapshots = finished && view->model->is.s0 ? 1u << S0 : 0;

	for (unsigned i = 0; i < view->model->n_slots; i++) {
		if (commits >> i & 1 && view->state->commits[i].finished == finished)
			snapshots |= (uint8_t)(2u << view->model->owner[i]);
	}
	return snapshots;
}

uint8_t view_finished(const struct view *view)
{
	return snapshots_of(view, true);
}

/* By the date of the commit that brought it first, then by id. */
static uint8_t newest(const struct view *view)
{
	const uint16_t commits = view_counting(view) & view->model->of[WRITER];
	unsigned first[MAX_PROCS], best = 0;
	uint8_t snapshot = view->model->is.s0 ? 1u << S0 : 0;

	for (unsigned p = 0; p < view->model->n_procs; p++)
		first[p] = 8;
	for (unsigned i = 0; i < view->model->n_slots; i++) {
		const struct commit *commit = &view->state->commits[i];

		if (commits >> i & 1 && commit->finished &&
			commit->date < first[view->model->owner[i]])
			first[view->model->owner[i]] = commit->date;
	}
	for (unsigned p = 0; p < view->model->n_procs; p++) {
		if (first[p] < 8 && (first[p] >= best)) {
			best = first[p];
			snapshot = (uint8_t)(2u << p);
		}
	}
	return snapshot;
}

uint8_t view_dead(const struct view *view)
{
	const uint8_t immune = keeps(view->model, R_NEWEST) ? newest(view) : 0;

	return view_tombed(view) & view_finished(view) & ~immune;
}

bool view_needs_chunk(const struct view *view)
{
	const uint8_t finished = view_finished(view);
	uint8_t live = finished & ~view_dead(view);

	if (keeps(view->model, R_UNFINISHED))
		live |= snapshots_of(view, false) & ~finished & ~view->expired;
	return live & ~view->model->is.changed;
}
