/*
 * A small whole repository with something of most forms, the same bytes each time: what lies in
 * tests/vectors/repository, the keys that open it, and what is in it. tests/vectors/README.md.
 */
#ifndef HF_TESTS_LIB_VECTOR_REPOSITORY_H
#define HF_TESTS_LIB_VECTOR_REPOSITORY_H

#include "backend/base/buf.h"

struct hf_vector_file {
	char *name; /* below tests/vectors */
	struct hf_buf bytes;
};
struct hf_vector_repository {
	struct hf_vector_file *files;
	size_t n, cap;
};
/* Seeds the randomness, and leaves it seeded: for a test's own process. */
void hf_vector_repository_make(struct hf_vector_repository *out);
void hf_vector_repository_release(struct hf_vector_repository *repository);

char *hf_vector_path(const char *name); /* of a file below tests/vectors; free() it */

#define HF_VECTOR_PASSPHRASE "correct horse battery staple" /* of slot 5, "laptop" */
#define HF_VECTOR_SOURCE "files/vectors"

#endif
