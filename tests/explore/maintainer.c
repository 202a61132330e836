/* Maintainers: announce, settle. What a checkpoint calls swept is gone from then on. */
#include "tests/explore/steps.h"

/* Announcements that it may settle; its own last one also if it believes that one still holds. */
static uint16_t in_question(const struct step *step, const struct view *view)
{
	unsigned last = step->model->first_slot[step->p + 1];
	uint16_t found = view_in_force(view);

	while (last > step->model->first_slot[step->p] && !step->state->commits[last - 1].put)
		last--;
	if (last == step->model->first_slot[step->p])
		return found;
	last--;
	if (!keeps(step->model, R_OVER) && view->checkpoint->settled >> last & 1)
		found |= (uint16_t)(1u << last);
	if (!keeps(step->model, R_LAPSED) &&
		step->state->commits[last].date < view->checkpoint->cutoff &&
		!(view->checkpoint->settled >> last & 1))
		found |= (uint16_t)(1u << last);
	return found;
}

static void announce(const struct step *step)
{
	const struct state *state = step->state;
	const struct proc *was = &state->procs[step->p];
	const int slot = step_free_slot(step);
	const uint8_t own = was->names; /* the pack that it supplied */
	const uint8_t all = state->packs & ~own;
	const unsigned last = step->model->is.dates;

	for (uint8_t packs = all; slot >= 0; packs = (uint8_t)((packs - 1) & all)) {
		for (unsigned cutoff = 0; cutoff <= last; cutoff++) {
			for (unsigned date = 0; date <= last; date++) {
				struct state next = step_next(step);

				if (step->model->is.plain &&
					(date < last || packs != (cutoff ? 0 : all)))
					continue;
				next.commits[slot] = (struct commit){.names = packs,
					.date = date & 3u,
					.cutoff = cutoff & 3,
					.supplies = own != 0,
					.put = 1};
				next.procs[step->p].names = 0;
				next.procs[step->p].pc = START;
				step_take(step, &next,
					"announces %d, dated %u: cutoff %u, packs %x%s", slot, date,
					cutoff, packs, own ? ", supplies" : "");
			}
		}
		if (!packs)
			break;
	}
}

/* No store operation yet, so no step: it goes on with the first one. */
static void begin_to_settle(const struct step *step)
{
	const struct view view = step_fresh(step);
	const struct config *is = &step->model->is;
	struct state begun = step_next(step);
	struct step reading = *step;

	/* A listing of one moment that has nothing to settle changes nothing. */
	if (!is->pages && !is->anyhow && !in_question(step, &view))
		return;
	step_start_reading(step, &begun);
	reading.state = &begun;
	step_read(&reading);
}

static void start(const struct step *step)
{
	const int pack = step_free_pack(step);
	const struct view view = step_fresh(step);
	struct state next = step_next(step);

	begin_to_settle(step);
	announce(step);
	if (pack >= 0 && step_free_slot(step) >= 0) {
		next.packs |= (uint8_t)(1u << pack);
		next.procs[step->p].names = (uint8_t)(1u << pack);
		next.procs[step->p].pc = PUT;
		step_take(step, &next, "puts pack %d", pack);
	}
	if (!keeps(step->model, R_LEFTOVERS)) {
		next = step_next(step);
		next.procs[step->p].names = next.packs & ~view_known(&view);
		next.procs[step->p].pc = SCANNED;
		step_take(step, &next, "lists packs, nobody names %x", next.procs[step->p].names);
	}
}

void maintainer_judge(const struct step *step, uint16_t list, unsigned n)
{
	const struct view view = {step->model, step->state, &step->state->checkpoints[n], list, 0};
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	if (keeps(step->model, R_STEADY) && proc->n != n) {
		step_start_reading(step, &next);
		step_take(step, &next, "reads checkpoint %u, which is new: starts again", n);
		return;
	}
	if (!in_question(step, &view)) {
		*proc = (struct proc){.pc = START};
		step_take(step, &next, "reads checkpoint %u, has nothing to settle", n);
		return;
	}
	proc->pc = CREATE;
	proc->n = (uint8_t)n;
	proc->list = list;
	step_take(step, &next, "reads checkpoint %u", n);
}

/* Tombstones of snapshots that are gone from the checkpoint, for who thinks they are of no use. */
static void drop_tombs(const struct model *model, const struct state *state, uint16_t *contained)
{
	for (unsigned i = 0; i < model->n_slots; i++) {
		const unsigned of = state->commits[i].names;
		uint16_t mask = 0;

		if (of == S0 || !((model->of[FORGETTER] & *contained) >> i & 1))
			continue;
		for (unsigned j = model->first_slot[of - 1]; j < model->first_slot[of]; j++)
			mask |= (uint16_t)(1u << j);
		if (!(*contained & mask))
			*contained &= (uint16_t) ~(1u << i);
	}
}

static uint8_t packs_of(const struct state *state, uint16_t due)
{
	uint8_t packs = 0;

	for (unsigned i = 0; i < MAX_COMMITS; i++) {
		if (due >> i & 1)
			packs |= state->commits[i].names;
	}
	return packs;
}

/* The checkpoint that comes of a view if these announcements are settled and `swept` is swept. */
static struct checkpoint settled(
	const struct step *step, const struct view *view, uint16_t due, uint8_t swept)
{
	const struct model *model = step->model;
	struct checkpoint made = *view->checkpoint;

	for (unsigned i = 0; i < model->n_slots; i++) {
		const struct commit *commit = &step->state->commits[i];

		if (due >> i & 1 && commit->cutoff > made.cutoff)
			made.cutoff = commit->cutoff;
	}
	for (unsigned i = 0; i < model->n_slots; i++) {
		if (view_counting(view) >> i & 1 && step->state->commits[i].date < made.cutoff)
			made.contained |= (uint16_t)(1u << i);
	}
	if (!keeps(model, R_KEEP_TOMBS))
		drop_tombs(model, step->state, &made.contained);
	made.settled |= due;
	if (!keeps(model, R_KEEP_SWEPT))
		made.swept = 0;
	made.swept |= swept;
	return made;
}

static void create_with(
	const struct step *step, const struct view *view, uint16_t due, uint8_t swept)
{
	const struct checkpoint made = settled(step, view, due, swept);
	const bool stale = step->state->procs[step->p].n + 1u < step->state->n &&
		!keeps(step->model, R_HIGHER);
	struct state next = step_next(step);

	next.procs[step->p] = (struct proc){.pc = START};
	next.gone |= made.swept;
	if (stale) {
		step_take(step, &next, "creates checkpoint %u once more, sweeps %x",
			step->state->procs[step->p].n + 1, made.swept);
		return;
	}
	if (next.n + 1 == MAX_CHECKPOINTS)
		return;
	next.checkpoints[++next.n] = made;
	step_take(step, &next,
		"creates checkpoint %u: cutoff %u, contains %x, settles %x, swept %x", next.n,
		made.cutoff, made.contained, made.settled, made.swept);
}

/* If what lives has a copy in announced packs only, any one of these is spared. */
static void create_of(const struct step *step, const struct view *view, uint16_t due)
{
	const uint8_t packs = packs_of(step->state, due);
	const uint8_t announced = view_announced(view) | packs;
	const uint8_t copies = view_known(view) & announced;

	if (!keeps(step->model, R_NEED) || !view_needs_chunk(view) ||
		view_known(view) & ~announced || !copies) {
		create_with(step, view, due, packs);
		return;
	}
	for (unsigned spared = 0; spared < 8; spared++) {
		if (copies >> spared & 1)
			create_with(step, view, due, packs & (uint8_t) ~(1u << spared));
	}
}

static void create(const struct step *step)
{
	const struct proc *was = &step->state->procs[step->p];
	const struct view view = {step->model, step->state, &step->state->checkpoints[was->n],
		was->list, keeps(step->model, R_AGE) ? was->least : step->state->expired};
	const uint16_t any = in_question(step, &view);

	if (was->n != step->state->n && keeps(step->model, R_ANEW)) {
		struct state next = step_next(step);

		step_start_reading(step, &next);
		step_take(step, &next, "finds checkpoint %u", was->n + 1);
		if (keeps(step->model, R_HIGHER) || was->n + 1u >= step->state->n)
			return;
	}
	for (uint16_t due = any; due; due = (uint16_t)((due - 1) & any)) {
		create_of(step, &view, due);
		if (keeps(step->model, R_OTHERS))
			break;
	}
}

void maintainer_step(const struct step *step)
{
	const struct proc *was = &step->state->procs[step->p];
	struct state next = step_next(step);

	switch (was->pc) {
	case START:
		start(step);
		break;
	case PUT:
		announce(step);
		break;
	case SCANNED:
		next.gone |= was->names;
		next.procs[step->p].pc = STOPPED;
		step_take(step, &next, "deletes packs %x", was->names);
		break;
	case CREATE:
		create(step);
		break;
	default:
		step_read(step);
	}
}
