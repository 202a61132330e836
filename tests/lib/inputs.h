/* Kept inputs of parsers: tests/malformed/<form>-<defect>.bin,
 * tests/fuzz/corpus/<form>/good-<name>. */
#ifndef HF_TESTS_LIB_INPUTS_H
#define HF_TESTS_LIB_INPUTS_H

#include <stdbool.h>

#include "backend/base/buf.h"

/* Whether a parser takes the bytes, which lie in memory of exactly their size. */
typedef bool hf_takes_fn(struct hf_span bytes);

/* Each malformed input of the form must be refused, each good one taken; there must be some of
 * both. */
void hf_inputs_judge(const char *form, hf_takes_fn *takes);

#endif
