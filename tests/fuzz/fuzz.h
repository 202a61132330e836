/*
 * What a fuzz target defines: it takes any bytes, and what it checks it checks with FUZZ_ASSERT,
 * which stays in every build. Always returns 0.
 */
#ifndef HF_TESTS_FUZZ_FUZZ_H
#define HF_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A macro, so that it shows the condition and where it stands. */
#define FUZZ_ASSERT(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* True when there is no error; frees it, because whether there is one is all that is asked. */
static inline int fuzz_good(struct hf_error *err)
{
	const int good = !err;

	hf_error_free(err);
	return good;
}

#endif
