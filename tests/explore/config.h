/* A configuration in words, as the table and the command line give it. */
#ifndef TESTS_EXPLORE_CONFIG_H
#define TESTS_EXPLORE_CONFIG_H

#include "tests/explore/model.h"

/* The rules that Holdfast keeps: all but two that are not needed. */
#define AS_BUILT (ALL_RULES & ~(RULE(R_OTHERS) | RULE(R_INHERITED)))

/* As built, and these words; false: it isn't understood. The words are listed in config.c. */
bool config_parse(struct config *config, const char *words);
bool config_word(struct config *config, const char *word);

#endif
