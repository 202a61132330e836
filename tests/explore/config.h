/* A configuration in words, as the table and the command line give it. */
#ifndef TESTS_EXPLORE_CONFIG_H
#define TESTS_EXPLORE_CONFIG_H

#include "tests/explore/model.h"

/* The rules that Holdfast keeps. That a checkpoint settles all that its maker saw is not needed. */
#define AS_BUILT ((RULE(N_RULES) - 1) & ~RULE(R_OTHERS))

/* As built, and these words; false: it isn't understood. The words are listed in config.c. */
bool config_parse(struct config *config, const char *words);
bool config_word(struct config *config, const char *word);

#endif
