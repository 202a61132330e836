/*
 * The known answers of tests/vectors: one case a line, its fields hexadecimal ("-": no bytes) or
 * decimal.
 */
#ifndef HF_TESTS_LIB_VECTORS_H
#define HF_TESTS_LIB_VECTORS_H

#include "backend/base/buf.h"

#define HF_VECTOR_FIELDS 8

struct hf_vector {
	const char *text[HF_VECTOR_FIELDS];
	struct hf_span bytes[HF_VECTOR_FIELDS]; /* at is NULL where the text is no hexadecimal */
	size_t n;
};

/* Calls each for every case of tests/vectors/<file>, and fails if there is none. n: fields of each.
 */
void hf_vectors_each(const char *file, size_t n, void (*each)(const struct hf_vector *vector));

#endif
