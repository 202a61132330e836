#include "tests/lib/vectors.h"

#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/base/text.h"
#include "tests/lib/test.h"

#define FILE_MAX (16u << 20)

static struct hf_span unhex(struct hf_arena *arena, const char *text)
{
	const size_t len = strlen(text);
	uint8_t *bytes = hf_arena_alloc(arena, len / 2 + 1);

	if (strcmp(text, "-") == 0)
		return hf_span(bytes, 0);
	return hf_unhex(text, len, bytes) ? hf_span(bytes, len / 2) : hf_span(NULL, 0);
}

static void read_line(char *line, size_t n, void (*each)(const struct hf_vector *vector))
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_vector vector = {0};
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		ck_assert_uint_lt(vector.n, HF_VECTOR_FIELDS);
		vector.text[vector.n] = word;
		vector.bytes[vector.n++] = unhex(&arena, word);
	}
	ck_assert_uint_eq(vector.n, n);
	each(&vector);
}

void hf_vectors_each(const char *file, size_t n, void (*each)(const struct hf_vector *vector))
{
	HF_FREED char *path = hf_format("%s/%s", HF_TEST_VECTORS, file);
	HF_RELEASED(hf_buf) all = {0};
	char *rest = NULL;
	size_t cases = 0;

	ck_ok(hf_file_read(path, FILE_MAX, &all));
	for (char *line = strtok_r(hf_buf_text(&all), "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest)) {
		if (line[0] == '#')
			continue;
		read_line(line, n, each);
		cases++;
	}
	ck_assert_uint_gt(cases, 0);
}
