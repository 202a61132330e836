#include "tests/explore/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const rule_names[N_RULES] = {
	[R_LOOK] = "look after the commit",
	[R_REDATE] = "commit anew when a cutoff passed",
	[R_ANNOUNCED_CUTOFF] = "announced cutoffs count too",
	[R_LOOK_AGAIN] = "look again after the second commit",
	[R_LOOK_ORDER] = "the look lists before it reads the checkpoint",
	[R_SETTLE_ORDER] = "so do first reads and settling",
	[R_ANEW] = "settle anew when n+1 exists",
	[R_HIGHER] = "settle anew when a higher checkpoint exists after creating",
	[R_ABSENT] = "announced is absent, in the look",
	[R_FIRST_ABSENT] = "announced is absent, in the first read",
	[R_LEFTOVERS] = "leftovers are announced before they are deleted",
	[R_TOMBED_PARENT] = "what a parent reaches is looked at if a tombstone names it",
	[R_SHOWN_PARENT] = "what a parent reaches is looked at if it is not there any more",
	[R_INHERITED] = "a commit names what its parent reaches too",
	[R_ADOPT] = "a commit names the packs that the checkpoint lacks",
	[R_LAST] = "the last commit must be contained",
	[R_OVER] = "a settled announcement is over for its maintainer",
	[R_OTHERS] = "settling settles all announcements that were seen",
	[R_LAPSED] = "a maintainer announces anew when a cutoff passed",
	[R_FORGET_LOOK] = "forget looks after its tombstone",
	[R_KEEP_TOMBS] = "checkpoints keep tombstones",
	[R_KEEP_SWEPT] = "checkpoints keep swept names",
	[R_FINISH] = "finished only after a look",
	[R_FINISH_LOOK] = "one more look after finishing",
	[R_UNFINISHED] = "unfinished snapshots are live",
	[R_AGE] = "their age is judged as of when the listing began",
	[R_YOUNG] = "no finishing after half of that age",
	[R_VANISHED] = "start again when something listed vanished",
	[R_STEADY] = "settle anew when a checkpoint came while reading",
	[R_QUIET] = "settling lists until two listings are the same",
	[R_NEWEST] = "the newest finished snapshot is immune",
	[R_NEED] = "what a live snapshot needs is kept",
};

void model_init(struct model *model, const struct config *config)
{
	unsigned pack = 1;

	memset(model, 0, sizeof(*model));
	model->is = *config;
	for (unsigned p = 0; p < MAX_PROCS && config->kinds[p] != NOBODY; p++) {
		model->n_procs = p + 1;
		model->first_slot[p] = (uint8_t)model->n_slots;
		model->first_pack[p] = (uint8_t)pack;
		for (unsigned i = 0; i < config->slots[p]; i++) {
			model->of[config->kinds[p]] |= (uint16_t)(1u << model->n_slots);
			model->owner[model->n_slots++] = (uint8_t)p;
		}
		if (config->kinds[p] == WRITER)
			pack += config->no_packs ? 0 : 2;
		else if (config->kinds[p] == MAINTAINER)
			pack += config->supplies ? 1 : 0;
		model->first_slot[p + 1] = (uint8_t)model->n_slots;
		model->first_pack[p + 1] = (uint8_t)pack;
	}
}

void model_first(const struct model *model, struct state *out)
{
	(void)model;
	memset(out, 0, sizeof(*out));
	out->packs = P0;
}

/* ---- what is remembered no longer makes no difference between states ---- */

static bool keeps_history(const struct model *model)
{
	return !keeps(model, R_LOOK_ORDER) || !keeps(model, R_SETTLE_ORDER) ||
		!keeps(model, R_ANEW) || !keeps(model, R_HIGHER);
}

static void forget_the_past(const struct model *model, struct state *state)
{
	if (keeps_history(model))
		return;
	for (unsigned n = 0; n < state->n; n++)
		memset(&state->checkpoints[n], 0, sizeof(state->checkpoints[n]));
	for (unsigned p = 0; p < model->n_procs; p++) {
		struct proc *proc = &state->procs[p];

		if (model->is.kinds[p] != MAINTAINER || proc->pc < LIST || proc->pc > CREATE) {
			proc->n = 0;
			continue;
		}
		if (proc->n != state->n && (proc->pc == CREATE || keeps(model, R_STEADY))) {
			/* It will start again, and that changes nothing but its own next step. */
			memset(proc, 0, sizeof(*proc));
			proc->pc = LIST;
		}
		if (proc->pc == CREATE)
			proc->list &= (uint16_t)~state->checkpoints[state->n].contained;
		else if (!keeps(model, R_STEADY))
			proc->n = 0;
	}
}

void step_take(const struct step *step, const struct state *next, const char *says, ...)
{
	static const char letters[] = {' ', 'W', 'M', 'F'};
	struct state kept = *next;
	struct proc *proc = &kept.procs[step->p];
	va_list args;

	if (proc->pc >= DONE) {
		const uint8_t pc = proc->pc;

		memset(proc, 0, sizeof(*proc));
		proc->pc = pc;
	}
	forget_the_past(step->model, &kept);
	if (step->sink->says) {
		char *out = step->sink->says;
		const int n = step->p == MAX_PROCS
			? 0
			: snprintf(out, 256, "%c%u: ", letters[step->model->is.kinds[step->p]],
				  step->p);

		va_start(args, says);
		vsnprintf(out + n, 256 - (size_t)n, says, args);
		va_end(args);
	}
	step->sink->take(step->sink, &kept);
}

/* ---- reading the state ---- */

uint16_t step_existing(const struct state *state, const struct model *model)
{
	uint16_t list = 0;

	for (unsigned i = 0; i < model->n_slots; i++)
		list |= (uint16_t)(state->commits[i].put << i);
	return list & ~state->deleted;
}

struct view step_fresh(const struct step *step)
{
	return (struct view){
		.model = step->model,
		.state = step->state,
		.checkpoint = &step->state->checkpoints[step->state->n],
		.list = step_existing(step->state, step->model),
	};
}

int step_free_slot(const struct step *step)
{
	const struct model *model = step->model;

	for (unsigned i = model->first_slot[step->p]; i < model->first_slot[step->p + 1]; i++) {
		if (!step->state->commits[i].put)
			return (int)i;
	}
	return -1;
}

int step_free_pack(const struct step *step)
{
	const struct model *model = step->model;

	for (unsigned i = model->first_pack[step->p]; i < model->first_pack[step->p + 1]; i++) {
		if (!(step->state->packs >> i & 1))
			return (int)i;
	}
	return -1;
}

static bool settles(const struct step *step)
{
	return step->model->is.kinds[step->p] == MAINTAINER;
}

/* Whether this process lists first and reads the checkpoint then. */
static bool in_order(const struct step *step)
{
	return keeps(step->model,
		settles(step) || step->state->procs[step->p].flags & P_FIRST ? R_SETTLE_ORDER
									     : R_LOOK_ORDER);
}

void step_start_reading(const struct step *step, struct state *next)
{
	struct proc *proc = &next->procs[step->p];

	proc->list = proc->before = 0;
	proc->n = 0;
	if (settles(step))
		proc->least = 0;
	proc->pc = in_order(step) ? LIST : CHECKPOINT;
}

static void judge(const struct step *step, uint16_t list, unsigned n)
{
	switch (step->model->is.kinds[step->p]) {
	case WRITER:
		writer_judge(step, list, n);
		break;
	case MAINTAINER:
		maintainer_judge(step, list, n);
		break;
	default:
		forgetter_judge(step, list, n);
	}
}

/* The checkpoint comes last: what it contains may have been deleted since the listing. */
static void read_checkpoint(const struct step *step)
{
	const struct proc *proc = &step->state->procs[step->p];
	struct state next = step_next(step);

	if (!in_order(step)) {
		next.procs[step->p].n = step->state->n;
		next.procs[step->p].pc = LIST;
		step_take(step, &next, "reads checkpoint %u", step->state->n);
		return;
	}
	if (proc->list & step->state->deleted) {
		if (keeps(step->model, R_VANISHED)) {
			step_start_reading(step, &next);
			step_take(step, &next, "misses what it listed, starts again");
		} else {
			judge(step, proc->list & ~step->state->deleted, step->state->n);
		}
	}
	judge(step, proc->list, step->state->n);
}

static bool at_once(const struct step *step)
{
	return !step->model->is.pages && !step->model->is.anyhow;
}

static void listed(const struct step *step, uint16_t list)
{
	const struct proc *was = &step->state->procs[step->p];
	const bool again = was->pc == AGAIN || was->pc == AGAIN_ON;
	struct state next = step_next(step);
	struct proc *proc = &next.procs[step->p];

	if (!in_order(step)) {
		judge(step, list, was->n);
		return;
	}
	proc->before = 0;
	proc->list = list;
	proc->pc = CHECKPOINT;
	if (settles(step) && keeps(step->model, R_QUIET) && !at_once(step) &&
		!(again && was->list == list))
		proc->pc = AGAIN;
	step_take(step, &next, "lists %x", list);
}

/* Whether a listing that began with `before` may end with what came meanwhile and is in `came`. */
static bool may_list(const struct step *step, uint16_t fresh, uint16_t came)
{
	const struct state *state = step->state;
	unsigned least = 0, missed = 0, most = 0;

	if (step->model->is.anyhow)
		return true;
	/* In pages: there is a place before which nothing new was seen, and behind which all. */
	least = 8;
	for (unsigned i = 0; i < step->model->n_slots; i++) {
		if (came >> i & 1 && state->commits[i].date < least)
			least = state->commits[i].date;
		if ((fresh & ~came) >> i & 1) {
			missed = 1;
			most = state->commits[i].date > most ? state->commits[i].date : most;
		}
	}
	return !missed || least >= most;
}

/* What settling notes: the newest checkpoint, before all, and whose time is up. */
static void begin_to_list(const struct step *step, struct proc *proc)
{
	if (!settles(step))
		return;
	if (proc->pc == LIST && in_order(step) && keeps(step->model, R_STEADY))
		proc->n = step->state->n;
	proc->least = step->state->expired;
}

static void read_list(const struct step *step)
{
	const struct proc *proc = &step->state->procs[step->p];
	const uint16_t existing = step_existing(step->state, step->model);

	if (proc->pc == LIST || proc->pc == AGAIN) {
		struct state begun = step_next(step);

		begin_to_list(step, &begun.procs[step->p]);
		if (at_once(step)) {
			listed(&(struct step){step->model, &begun, step->p, step->sink}, existing);
			return;
		}
		begun.procs[step->p].before = existing;
		begun.procs[step->p].pc = proc->pc == LIST ? LIST_ON : AGAIN_ON;
		step_take(step, &begun, "begins to list, sees %x", existing);
		return;
	}
	const uint16_t fresh = existing & ~proc->before;

	for (uint16_t came = fresh;; came = (uint16_t)((came - 1) & fresh)) {
		if (may_list(step, fresh, came))
			listed(step, proc->before | came);
		if (!came)
			break;
	}
}

void step_read(const struct step *step)
{
	switch (step->state->procs[step->p].pc) {
	case LIST:
	case LIST_ON:
	case AGAIN:
	case AGAIN_ON:
		read_list(step);
		break;
	case CHECKPOINT:
		read_checkpoint(step);
		break;
	default:
		break;
	}
}

/* ---- all ---- */

/*
 * Of the snapshot of writer p. Between its judgement that it may finish and its commit less than
 * the second half passes, or it has died.
 */
static void age(const struct step *step, unsigned p)
{
	const struct proc *proc = &step->state->procs[p];
	const bool finishing =
		keeps(step->model, R_YOUNG) && proc->pc == PUT && proc->flags & P_FINISH;
	const uint8_t snapshot = (uint8_t)(2u << p);
	struct state next = step_next(step);

	if (!(step->state->old & snapshot)) {
		next.old |= snapshot;
		step_take(step, &next, "half of the time of W%u's unfinished commit is up", p);
	} else if (finishing) {
		memset(&next.procs[p], 0, sizeof(next.procs[p]));
		next.procs[p].pc = STOPPED;
		step_take(step, &next, "W%u dies", p);
	} else if (!(step->state->expired & snapshot)) {
		next.expired |= snapshot;
		step_take(step, &next, "the time of W%u's unfinished commit is up", p);
	}
}

static void surroundings(const struct step *step)
{
	const struct model *model = step->model;
	const struct state *state = step->state;
	const uint16_t contained = state->checkpoints[state->n].contained;

	if (model->is.deletes && contained & ~state->deleted) {
		struct state next = step_next(step);

		next.deleted |= contained;
		step_take(step, &next, "what checkpoint %u contains is deleted", state->n);
	}
	for (unsigned p = 0; p < model->n_procs; p++) {
		if (model->is.expires >> (p + 1) & 1 && state->commits[model->first_slot[p]].put)
			age(step, p);
	}
}

void model_steps(const struct model *model, const struct state *state, struct sink *sink)
{
	struct step step = {.model = model, .state = state, .sink = sink};

	for (step.p = 0; step.p < model->n_procs; step.p++) {
		switch (model->is.kinds[step.p]) {
		case WRITER:
			writer_step(&step);
			break;
		case MAINTAINER:
			maintainer_step(&step);
			break;
		default:
			forgetter_step(&step);
		}
	}
	step.p = MAX_PROCS;
	surroundings(&step);
}

const char *model_violation(const struct model *model, const struct state *state)
{
	const struct step step = {.model = model, .state = state};
	const struct view view = step_fresh(&step);
	const uint16_t counting = view_counting(&view);
	const uint8_t finished = view_finished(&view), shown = finished & ~view_dead(&view);

	for (unsigned p = 0; p < model->n_procs; p++) {
		if (state->procs[p].pc != DONE)
			continue;
		if (model->is.kinds[p] == WRITER && !(finished >> (p + 1) & 1))
			return "a snapshot that was reported is not there";
		if (model->is.kinds[p] != FORGETTER)
			continue;
		unsigned last = model->first_slot[p + 1];

		while (!state->commits[--last].put)
			;
		if (!(counting >> last & 1))
			return "a forget that was reported is undone";
	}
	if (finished && !shown)
		return "the source's last snapshot is not shown";
	if (shown & ~model->is.changed && !(view_known(&view) & ~state->gone))
		return "a snapshot that is shown can't be read";
	return NULL;
}
