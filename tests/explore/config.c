#include "tests/explore/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Processes, each with the number of commits that it may make:
 *     W2 a writer; C2 one whose snapshot has nothing of S0; E2 one whose unfinished snapshot's time
 *     may be up; H2 one that takes a finished snapshot that it sees for parent; M1 a maintainer; F1
 * a forgetter d1: dates 0 and 1. -TEXT: without the rule of that name; +TEXT: with it.
 */
static const struct option {
	const char *word;
	size_t at;
} options[] = {
	{"s0", offsetof(struct config, s0)},
	{"supplies", offsetof(struct config, supplies)},
	{"deletes", offsetof(struct config, deletes)},
	{"no-packs", offsetof(struct config, no_packs)},
	{"any-pack", offsetof(struct config, any_pack)},
	{"plain", offsetof(struct config, plain)},
	{"first-reads", offsetof(struct config, first_reads)},
	{"pages", offsetof(struct config, pages)},
	{"anyhow", offsetof(struct config, anyhow)},
};

static bool process(struct config *config, const char *word)
{
	const char *kind = strchr("WCEHMF", word[0]);
	unsigned p = 0;

	while (p < MAX_PROCS && config->kinds[p] != NOBODY)
		p++;
	if (!kind || p == MAX_PROCS || word[1] < '1' || word[1] > '8' || word[2])
		return false;
	config->kinds[p] = word[0] == 'M' ? MAINTAINER : word[0] == 'F' ? FORGETTER : WRITER;
	config->slots[p] = (uint8_t)(word[1] - '0');
	config->changed |= word[0] == 'C' ? (uint8_t)(2u << p) : 0;
	config->heirs |= word[0] == 'H' ? (uint8_t)(2u << p) : 0;
	config->expires |= word[0] == 'E' ? (uint8_t)(2u << p) : 0;
	return true;
}

static bool rule(struct config *config, const char *word)
{
	for (unsigned r = 0; r < N_RULES; r++) {
		if (strcmp(rule_names[r], word + 1) != 0)
			continue;
		config->rules = word[0] == '+' ? config->rules | RULE(r) : config->rules & ~RULE(r);
		return true;
	}
	return false;
}

bool config_word(struct config *config, const char *word)
{
	if (word[0] == '-' || word[0] == '+')
		return rule(config, word);
	if (word[0] == 'd' && word[1] >= '0' && word[1] <= '3' && !word[2]) {
		config->dates = (uint8_t)(word[1] - '0');
		return true;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].word, word) == 0) {
			*(bool *)((uint8_t *)config + options[i].at) = true;
			return true;
		}
	}
	return process(config, word);
}

bool config_parse(struct config *config, const char *words)
{
	char copy[128], *rest = NULL;

	*config = (struct config){.rules = AS_BUILT};
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (!config_word(config, word))
			return false;
	}
	return true;
}
