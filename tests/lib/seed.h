/* Numbers that look random and can be had again. */
#ifndef HF_TESTS_LIB_SEED_H
#define HF_TESTS_LIB_SEED_H

#include <stdint.h>

/* HF_TEST_SEED, or 1; says so on stderr, so that a failure can be repeated. */
uint64_t hf_test_seed(void);
/* The next number of a sequence (splitmix64); start with *state = hf_test_seed(). */
uint64_t hf_test_random(uint64_t *state);

#endif
