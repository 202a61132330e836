/*
 * What a state amounts to for one who read it: a checkpoint and a list of commits.
 */
#ifndef TESTS_EXPLORE_VIEW_H
#define TESTS_EXPLORE_VIEW_H

#include "tests/explore/model.h"

struct view {
	const struct model *model;
	const struct state *state;
	const struct checkpoint *checkpoint;
	uint16_t list;
	uint8_t expired; /* unfinished snapshots that were given up when it was listed */
};

/* Snapshots: 0 is S0, 1 + process is a writer's. */
#define S0 0
#define P0 1u

static inline bool keeps(const struct model *model, enum rule rule)
{
	return model->is.rules & RULE(rule);
}

uint16_t view_counting(const struct view *view); /* commits */
uint16_t view_in_force(const struct view *view); /* announcements */
uint8_t view_announced(const struct view *view); /* packs of those */
uint8_t view_cutoff(const struct view *view);    /* the latest, announced or settled */
uint8_t view_known(const struct view *view);     /* packs that are not swept */
uint8_t view_checkpoint_packs(const struct view *view);
uint8_t view_tombed(const struct view *view);   /* snapshots that tombstones name */
uint8_t view_finished(const struct view *view); /* snapshots */
uint8_t view_dead(const struct view *view);     /* finished ones that are not shown */
bool view_needs_chunk(const struct view *view);

#endif
