/*
 * Explores the pruning protocol: explore table | bounds | WORD… (a configuration, see config.c).
 *
 * "table" takes away one rule after the other, "bounds" keeps all. HF_BIG=1: the large bounds too.
 * HF_EXPLORE_GIB: memory for the states, 1 if it is not set, and 6 for the large bounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explore/config.h"
#include "tests/explore/search.h"
#include "tests/explore/table.h"

static size_t memory(bool big)
{
	const char *set = getenv("HF_EXPLORE_GIB");
	const size_t gib = set ? (size_t)atoi(set) : big ? 6 : 1;

	return gib << 30;
}

static void say(const struct found *found, clock_t since)
{
	printf("    %zu states, %u steps, %.1f s: ", found->states, found->depth,
		(double)(clock() - since) / CLOCKS_PER_SEC);
	if (found->violation)
		printf("%s\n", found->violation);
	else
		printf("%s\n", found->exhausted ? "none bad" : "none bad so far, memory is full");
	fflush(stdout);
}

static struct found explore(const struct config *config, bool big)
{
	const clock_t since = clock();
	struct model model;

	model_init(&model, config);
	const struct found found = search(&model, memory(big), true);

	say(&found, since);
	return found;
}

/* Whether what was found is what row says. */
static bool row_holds(const struct row *row)
{
	struct config config;

	printf("without \"%s\": %s\n", rule_names[row->without], row->config);
	if (!config_parse(&config, row->config))
		return false;
	config.rules &= ~RULE(row->without);
	const struct found found = explore(&config, false);

	return row->steps ? found.violation && found.depth == row->steps : found.exhausted;
}

/* The status: 1 if a row does not hold, or a rule has no row. */
static int explore_table(void)
{
	uint32_t missing = ALL_RULES;
	int status = 0;

	for (unsigned i = 0; i < table_n_rows; i++) {
		const struct row *row = &table_rows[i];

		missing &= ~RULE(row->without);
		if (row_holds(row))
			continue;
		printf("FAILED: without \"%s\", %s: %u steps are expected (0: none bad)\n",
			rule_names[row->without], row->config, row->steps);
		status = 1;
	}
	for (unsigned r = 0; r < N_RULES; r++) {
		if (!(missing >> r & 1))
			continue;
		printf("FAILED: \"%s\" has no row\n", rule_names[r]);
		status = 1;
	}
	return status;
}

/* A bound that does not end in memory fails, unless it is a large one: that went as far as it
 * could. */
static int explore_bounds(bool big)
{
	int status = 0;

	for (unsigned i = 0; i < table_n_bounds; i++) {
		const struct bound *bound = &table_bounds[i];
		struct config config;

		if (bound->big && !big)
			continue;
		printf("all rules: %s\n", bound->config);
		if (config_parse(&config, bound->config)) {
			const struct found found = explore(&config, bound->big);

			if (found.exhausted || (bound->big && !found.violation))
				continue;
		}
		printf("FAILED: all rules, %s\n", bound->config);
		status = 1;
	}
	return status;
}

static int explore_words(char **words)
{
	struct config config = {.rules = AS_BUILT};

	for (; *words; words++) {
		if (config_word(&config, *words))
			continue;
		fprintf(stderr, "%s is not understood, see config.c\n", *words);
		return 2;
	}
	return explore(&config, false).exhausted ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *big = getenv("HF_BIG");

	if (argc == 2 && strcmp(argv[1], "table") == 0)
		return explore_table();
	if (argc == 2 && strcmp(argv[1], "bounds") == 0)
		return explore_bounds(big && *big);
	return explore_words(argv + 1);
}
