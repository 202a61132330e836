/* What is explored: each rule taken away, and all rules kept. */
#ifndef TESTS_EXPLORE_TABLE_H
#define TESTS_EXPLORE_TABLE_H

#include "tests/explore/model.h"

struct row {
	enum rule without;
	const char *config; /* in words, see config.c */
	unsigned steps;     /* of the shortest trace that goes wrong; 0: none does */
};

extern const struct row table_rows[];
extern const unsigned table_n_rows;

struct bound {
	const char *config;
	bool big; /* only with HF_BIG=1 */
};

extern const struct bound table_bounds[];
extern const unsigned table_n_bounds;

#endif
