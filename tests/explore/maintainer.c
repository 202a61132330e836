/* Maintainers: announce, settle. What a checkpoint calls swept is gone from then on. */
#include "tests/explore/steps.h"

static void announce(const struct step *step)
{
	const struct state *state = step->state;
	const struct proc *was = &state->procs[step->p];
	const int slot = step_free_slot(step);
	const uint8_t own = was->names; /* the pack that it supplied */

	for (uint8_t packs = state->packs & ~own; slot >= 0;
		packs = (uint8_t)((packs - 1) & state->packs & ~own)) {
		for (unsigned cutoff = 0; cutoff <= step->model->is.dates; cutoff++) {
			for (unsigned date = 0; date <= step->model->is.dates; date++) {
				struct state next = step_next(step);

				next.commits[slot] = (struct commit){.names = packs,
					.date = date & 3u,
					.cutoff = cutoff & 3,
					.supplies = own != 0,
					.put = 1};
				next.procs[step->p].names = 0;
				step_start_reading(step, &next);
				step_take(step, &next,
					"announces %d, dated %u: cutoff %u, packs %x%s", slot, date,
					cutoff, packs, own ? ", supplies" : "");
			}
		}
		if (!packs)
			break;
	}
}

static void start(const struct step *step)
{
	const int pack = step_free_pack(step);
	const struct view view = step_fresh(step);
	struct state next = step_next(step);

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

static unsigned own(const struct step *step)
{
	unsigned last = step->model->first_slot[step->p + 1];

	while (!step->state->commits[--last].put)
		;
	return last;
}

static void over(const struct step *step, const char *why)
{
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	*proc = (struct proc){.pc = step_free_slot(step) < 0 ? STOPPED : START};
	step_take(step, &next, "reads checkpoint %u: its announcement %s", step->state->n, why);
}

void maintainer_judge(const struct step *step, uint16_t list, unsigned n)
{
	const struct view view = {step->model, step->state, &step->state->checkpoints[n], list, 0};
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	if (keeps(step->model, R_OVER) && view.checkpoint->settled >> own(step) & 1) {
		over(step, "is settled");
		return;
	}
	if (keeps(step->model, R_LAPSED) &&
		step->state->commits[own(step)].date < view.checkpoint->cutoff) {
		over(step, "was passed by");
		return;
	}
	if (keeps(step->model, R_STEADY) && proc->n != n) {
		step_start_reading(step, &next);
		step_take(step, &next, "reads checkpoint %u, which is new: starts again", n);
		return;
	}
	proc->pc = CREATE;
	proc->n = (uint8_t)n;
	proc->list = list;
	step_take(step, &next, "reads checkpoint %u", n);
}

/* The checkpoint that comes of a view, if these announcements are settled. */
static struct checkpoint settled(const struct step *step, const struct view *view, uint16_t due)
{
	const struct model *model = step->model;
	struct checkpoint made = *view->checkpoint;
	const uint8_t cutoff = step->state->commits[own(step)].cutoff;
	uint8_t packs = 0;

	if (cutoff > made.cutoff)
		made.cutoff = cutoff;
	for (unsigned i = 0; i < model->n_slots; i++) {
		if (view_counting(view) >> i & 1 && step->state->commits[i].date < made.cutoff)
			made.contained |= (uint16_t)(1u << i);
		if (due >> i & 1)
			packs |= step->state->commits[i].names;
	}
	for (unsigned i = 0; i < model->n_slots && !keeps(model, R_KEEP_TOMBS); i++) {
		const unsigned of = step->state->commits[i].names;

		if (of == S0 || !(model->of[FORGETTER] & made.contained) >> i & 1)
			continue;
		uint16_t mask = 0;

		for (unsigned j = model->first_slot[of - 1]; j < model->first_slot[of]; j++)
			mask |= (uint16_t)(1u << j);
		if (!(made.contained & mask))
			made.contained &= (uint16_t) ~(1u << i);
	}
	made.settled |= due;
	if (!keeps(model, R_KEEP_SWEPT))
		made.swept = 0;
	if (!keeps(model, R_NEED) || !view_needs_chunk(view) ||
		view_known(view) & ~view_announced(view) & ~packs)
		made.swept |= packs;
	return made;
}

static void create_of(const struct step *step, const struct view *view, uint16_t due)
{
	const struct checkpoint made = settled(step, view, due);
	const bool stale = step->state->procs[step->p].n + 1u < step->state->n &&
		!keeps(step->model, R_HIGHER);
	struct state next = step_next(step);

	next.procs[step->p] = (struct proc){.pc = step_free_slot(step) < 0 ? STOPPED : START};
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

static void create(const struct step *step)
{
	const struct proc *was = &step->state->procs[step->p];
	const struct view view = {step->model, step->state, &step->state->checkpoints[was->n],
		was->list, keeps(step->model, R_AGE) ? was->least : step->state->expired};
	const bool taken = was->n != step->state->n;
	const uint16_t mine = (uint16_t)(1u << own(step));
	const uint16_t others = view_in_force(&view) & ~mine;

	if (taken && keeps(step->model, R_ANEW)) {
		struct state next = step_next(step);

		step_start_reading(step, &next);
		step_take(step, &next, "finds checkpoint %u", was->n + 1);
		if (keeps(step->model, R_HIGHER) || was->n + 1u >= step->state->n)
			return;
	}
	for (uint16_t due = others;; due = (uint16_t)((due - 1) & others)) {
		create_of(step, &view, due | mine);
		if (!due || keeps(step->model, R_OTHERS))
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
