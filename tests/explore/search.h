/*
 * Breadth first through all states of a configuration: so the first violation found has a shortest
 * trace. States are kept whole (no two are taken for one by their hash), each with the one before.
 */
#ifndef TESTS_EXPLORE_SEARCH_H
#define TESTS_EXPLORE_SEARCH_H

#include <stddef.h>

#include "tests/explore/model.h"

struct found {
	size_t states;         /* that were reached */
	unsigned depth;        /* steps of the longest shortest way, or of the trace */
	const char *violation; /* NULL: none */
	bool exhausted;        /* all states were looked at */
};

/* At most so many bytes of memory. A violation's trace is printed if trace is true. */
struct found search(const struct model *model, size_t memory, bool trace);

#endif
