/* Writers and forgetters: they add something and look whether it will stay. */
#include "tests/explore/steps.h"

static uint8_t to_name(const struct view *view, uint8_t packs)
{
	return keeps(view->model, R_ADOPT) ? packs & ~view_checkpoint_packs(view) : 0;
}

/* From a copy that is there, or with a new pack. */
static void supply(const struct step *step, const struct view *view, const struct proc *with,
	uint8_t candidates)
{
	const bool nothing = step->model->is.changed >> (step->p + 1) & 1;
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	*proc = *with;
	proc->list = proc->n = 0;
	if (nothing) {
		proc->names = 0;
		proc->pc = PUT;
		step_take(step, &next, "reads checkpoint %u, needs nothing", step->state->n);
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		if (!(candidates >> i & 1))
			continue;
		proc->names = to_name(view, (uint8_t)(1u << i));
		proc->pc = PUT;
		step_take(step, &next, "reads checkpoint %u, needs pack %u", step->state->n, i);
	}
	if ((!candidates && !nothing) || step->model->is.any_pack || with->flags & P_REDONE) {
		proc->names = 0;
		proc->pc = step_free_pack(step) < 0 ? STOPPED : PACK;
		step_take(step, &next, "reads checkpoint %u, needs a new pack", step->state->n);
	}
}

static int last_commit(const struct step *step)
{
	int last = step->model->first_slot[step->p + 1] - 1;

	while (last >= step->model->first_slot[step->p] && !step->state->commits[last].put)
		last--;
	return last;
}

/* False: there is none. */
static bool choose_parent(const struct step *step, const struct view *view, const struct proc *with)
{
	const uint8_t shown = view_finished(view) & ~view_dead(view) & ~view->model->is.changed;
	const uint16_t counting = view_counting(view);

	for (unsigned r = 0; r < 8; r++) {
		struct state next = step_next(step);
		struct proc *proc = &next.procs[step->p];
		uint8_t reaches = r == S0 ? P0 : 0;

		if (!(shown >> r & 1))
			continue;
		for (unsigned i = 0; r != S0 && i < step->model->n_slots; i++) {
			if (counting >> i & 1 && step->model->owner[i] + 1u == r)
				reaches |= step->state->commits[i].names;
		}
		*proc = *with;
		proc->list = proc->n = 0;
		proc->parent = (uint8_t)(r + 1);
		proc->names = keeps(step->model, R_INHERITED) ? to_name(view, reaches) : 0;
		proc->pc = PUT;
		step_take(step, &next, "reads checkpoint %u, takes snapshot %u for parent",
			step->state->n, r);
	}
	return shown;
}

static void first_judge(const struct step *step, const struct view *view)
{
	struct proc with = step->state->procs[step->p];
	uint8_t candidates = view_known(view);

	if (keeps(step->model, R_FIRST_ABSENT))
		candidates &= ~view_announced(view);
	with.flags = keeps(step->model, R_FINISH) ? 0 : P_FINISH;
	with.least = view_cutoff(view);
	if (step->model->is.heirs >> (step->p + 1) & 1 && choose_parent(step, view, &with))
		return;
	supply(step, view, &with, candidates);
}

static bool late(const struct step *step, const struct view *view, int last)
{
	uint16_t contained = view->checkpoint->contained;

	if (!keeps(step->model, R_REDATE))
		return false;
	if (!keeps(step->model, R_LAST)) {
		for (int i = step->model->first_slot[step->p]; i < last; i++) {
			if (contained >> i & 1)
				return false;
		}
	}
	return view_cutoff(view) > step->state->commits[last].date && !(contained >> last & 1);
}

static bool needs_no_look(const struct step *step, const struct view *view)
{
	const uint8_t parent = step->state->procs[step->p].parent;

	if (step->model->is.changed >> (step->p + 1) & 1)
		return true;
	if (!parent)
		return false;
	if (keeps(step->model, R_TOMBED_PARENT) && view_tombed(view) >> (parent - 1) & 1)
		return false;
	return !keeps(step->model, R_SHOWN_PARENT) || view_finished(view) >> (parent - 1) & 1;
}

static void fine(const struct step *step, const struct view *view, int last)
{
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	proc->list = proc->n = 0;
	if (step->state->commits[last].finished) {
		proc->pc = DONE;
	} else if (keeps(step->model, R_YOUNG) && step->state->old >> (step->p + 1) & 1) {
		proc->pc = STOPPED;
	} else {
		proc->pc = PUT;
		proc->flags |= P_FINISH;
		proc->least = proc->least > view_cutoff(view) ? proc->least : view_cutoff(view);
		proc->names = to_name(view, step->state->commits[last].names);
	}
	step_take(step, &next, "reads checkpoint %u, finds nothing%s", step->state->n,
		proc->pc == DONE              ? ": ok"
			: proc->pc == STOPPED ? ", but is too old: starts anew"
					      : "");
}

void writer_judge(const struct step *step, uint16_t list, unsigned n)
{
	const struct proc *was = &step->state->procs[step->p];
	const struct view view = {step->model, step->state, &step->state->checkpoints[n], list, 0};

	if (was->flags & P_FIRST) {
		first_judge(step, &view);
		return;
	}
	const int last = last_commit(step);
	const struct commit *commit = &step->state->commits[last];
	uint8_t copies = keeps(step->model, R_ADOPT)
		? (commit->names & ~view.checkpoint->swept) | view_checkpoint_packs(&view)
		: view_known(&view);

	if (keeps(step->model, R_ABSENT))
		copies &= ~view_announced(&view);
	const bool missing = !copies && !needs_no_look(step, &view);

	if (!missing && !late(step, &view, last)) {
		fine(step, &view, last);
		return;
	}
	struct proc with = *was;

	with.flags = P_REDONE | (keeps(step->model, R_FINISH) ? 0 : P_FINISH);
	with.least = view_cutoff(&view) > with.least ? view_cutoff(&view) : with.least;
	if (missing) {
		with.parent = 0;
		supply(step, &view, &with, view_known(&view) & ~view_announced(&view));
		return;
	}
	struct state next = step_next(step);

	with.list = with.n = 0;
	with.pc = PUT;
	with.names = keeps(step->model, R_ADOPT) ? to_name(&view, commit->names) : commit->names;
	next.procs[step->p] = with;
	step_take(step, &next, "reads checkpoint %u, its commit is too old", step->state->n);
}

/* Which look may be left out, so that the rule's absence shows. */
static bool looks(const struct step *step, const struct proc *proc)
{
	if (!keeps(step->model, R_LOOK) ||
		(proc->flags & P_REDONE && !keeps(step->model, R_LOOK_AGAIN)))
		return false;
	return !(proc->flags & P_FINISH) || !keeps(step->model, R_FINISH) ||
		keeps(step->model, R_FINISH_LOOK);
}

static void put(const struct step *step)
{
	const struct proc *was = &step->state->procs[step->p];
	const int slot = step_free_slot(step);
	const bool forgets = step->model->is.kinds[step->p] == FORGETTER;

	for (uint8_t date = was->least; slot >= 0 && date <= step->model->is.dates; date++) {
		struct state next = step_next(step);
		struct proc *proc = &next.procs[step->p];

		next.commits[slot] = (struct commit){.names = was->names,
			.date = date & 3u,
			.finished = (was->flags & P_FINISH) != 0,
			.put = 1};
		if (!forgets)
			proc->names = 0;
		if (forgets ? keeps(step->model, R_FORGET_LOOK) : looks(step, was)) {
			step_start_reading(step, &next);
		} else if (!forgets && !(was->flags & P_FINISH)) {
			proc->flags |= P_FINISH;
			proc->names = was->names;
		} else {
			proc->pc = DONE;
		}
		step_take(step, &next, "puts %s %d, dated %u, naming %x%s",
			forgets                         ? "tombstone"
				: was->flags & P_FINISH ? "finished commit"
							: "commit",
			slot, date, was->names, proc->pc == DONE ? ": ok" : "");
	}
}

void writer_step(const struct step *step)
{
	const struct proc *was = &step->state->procs[step->p];
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	if (was->pc == START && !step->model->is.first_reads) {
		const struct view view = step_fresh(step);

		first_judge(step, &view);
	} else if (was->pc == START) {
		/* No store operation, so no step: what it will do is begin to read. */
		struct state begun = step_next(step);
		struct step reading = *step;

		begun.procs[step->p].flags = P_FIRST;
		reading.state = &begun;
		struct state read = begun;

		step_start_reading(&reading, &read);
		reading.state = &read;
		step_read(&reading);
	} else if (was->pc == PACK) {
		const int pack = step_free_pack(step);

		next.packs |= (uint8_t)(1u << pack);
		proc->names |= (uint8_t)(1u << pack);
		proc->pc = PUT;
		step_take(step, &next, "puts pack %d", pack);
	} else if (was->pc == PUT) {
		put(step);
	} else {
		step_read(step);
	}
}

/* ---- forgetters ---- */

void forgetter_judge(const struct step *step, uint16_t list, unsigned n)
{
	const struct view view = {step->model, step->state, &step->state->checkpoints[n], list, 0};
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];
	const bool again = late(step, &view, last_commit(step));

	proc->pc = again ? PUT : DONE;
	proc->list = proc->n = 0;
	proc->least = again ? view_cutoff(&view) : 0;
	step_take(step, &next, "reads checkpoint %u, %s", step->state->n,
		again ? "its tombstone is too old" : "finds nothing: ok");
}

void forgetter_step(const struct step *step)
{
	const struct view view = step_fresh(step);
	const uint8_t pc = step->state->procs[step->p].pc;

	if (pc == PUT) {
		put(step);
	} else if (pc == START) {
		for (uint8_t r = 0; r < 8; r++) {
			struct state next = step_next(step);
			struct proc *proc = &next.procs[step->p];

			proc->pc = PUT;
			proc->names = r;
			proc->least = view_cutoff(&view);
			if ((view_finished(&view) & ~view_tombed(&view)) >> r & 1)
				step_take(step, &next, "reads the state, will forget %u", r);
		}
	} else {
		step_read(step);
	}
}
