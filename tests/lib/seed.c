/* The sequence of tests that want many different inputs. */
#include "tests/lib/seed.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t hf_test_seed(void)
{
	const char *given = getenv("HF_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1;

	fprintf(stderr, "HF_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

uint64_t hf_test_random(uint64_t *state)
{
	uint64_t x = (*state += UINT64_C(0x9e3779b97f4a7c15));

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}
