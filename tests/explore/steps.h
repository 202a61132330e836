/* What the processes' steps share; steps.c reads the state, writer.c and maintainer.c judge it. */
#ifndef TESTS_EXPLORE_STEPS_H
#define TESTS_EXPLORE_STEPS_H

#include "tests/explore/view.h"

enum pc {
	START,
	SCANNED,
	PACK,
	PUT,
	LIST,
	LIST_ON,
	AGAIN,
	AGAIN_ON,
	CHECKPOINT,
	CREATE,
	DONE,
	STOPPED
};

/* Of a writer. */
#define P_FIRST 1u  /* it reads the state for the first time */
#define P_FINISH 2u /* its next commit is a finished one */
#define P_REDONE 4u /* it supplied again */

/* One process about to take a step; next begins as a copy of the state. */
struct step {
	const struct model *model;
	const struct state *state;
	unsigned p;
	struct sink *sink;
};

static inline struct state step_next(const struct step *step)
{
	return *step->state;
}

__attribute__((format(printf, 3, 4))) void step_take(
	const struct step *step, const struct state *next, const char *says, ...);
uint16_t step_existing(const struct state *state, const struct model *model);
struct view step_fresh(const struct step *step);
void step_start_reading(const struct step *step, struct state *next);
void step_read(const struct step *step);
int step_free_slot(const struct step *step); /* -1: none left */
int step_free_pack(const struct step *step);

void writer_step(const struct step *step);
void writer_judge(const struct step *step, uint16_t list, unsigned n);
void maintainer_step(const struct step *step);
void maintainer_judge(const struct step *step, uint16_t list, unsigned n);
void forgetter_step(const struct step *step);
void forgetter_judge(const struct step *step, uint16_t list, unsigned n);

#endif
