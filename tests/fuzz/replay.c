/*
 * Runs a fuzz target without libFuzzer, as an ordinary test: over nothing, over every file of
 * MALFORMED that is named <form>-…, over every file of CORPUS/<form>, and over pieces and small
 * changes of each: replay FORM MALFORMED CORPUS. HF_FUZZ_ROUNDS changes a file that many times.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/buf.h"
#include "backend/base/error.h"
#include "backend/base/fd.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/seed.h"

#define LARGEST_INPUT (16u << 20)
#define DEFAULT_ROUNDS 300
#define MAX_PIECES 64

/* In memory of exactly its size, so that a byte read behind it is found. */
static void run_on(struct hf_span input)
{
	uint8_t *exact = hf_alloc(input.len);

	if (input.len)
		memcpy(exact, input.at, input.len);
	LLVMFuzzerTestOneInput(exact, input.len);
	free(exact);
}

static void run_on_pieces(struct hf_span input)
{
	size_t step = input.len / MAX_PIECES + 1;

	for (size_t len = 0; len < input.len; len += step)
		run_on(hf_span(input.at, len));
}

/* One change: a bit turned, a byte set to a special value, or a few bytes taken out. */
static void change(struct hf_buf *bytes, uint64_t *random)
{
	static const uint8_t special[] = {0, 1, 0x7f, 0x80, 0xff, '0', '/'};
	uint64_t dice = hf_test_random(random), more = hf_test_random(random);
	size_t at = (size_t)(more % bytes->len), gone;

	switch (dice % 3) {
	case 0:
		bytes->at[at] ^= (uint8_t)(1u << (dice >> 8) % 8);
		break;
	case 1:
		bytes->at[at] = special[(dice >> 8) % sizeof(special)];
		break;
	case 2:
		gone = HF_MIN(bytes->len - at, 1 + (size_t)(dice >> 8) % 8);
		memmove(bytes->at + at, bytes->at + at + gone, bytes->len - at - gone);
		bytes->len -= gone;
		break;
	}
}

static void run_on_changes(struct hf_span input, unsigned rounds, uint64_t *random)
{
	HF_RELEASED(hf_buf) changed = {0};

	for (unsigned i = 0; i < rounds && input.len; i++) {
		hf_buf_clear(&changed);
		hf_buf_add_span(&changed, input);
		change(&changed, random);
		run_on(hf_buf_span(&changed));
	}
}

static hf_err run_on_file(const char *path, unsigned rounds, uint64_t *random)
{
	HF_RELEASED(hf_buf) input = {0};

	HF_TRY(hf_file_read(path, LARGEST_INPUT, &input));
	fprintf(stderr, "%s\n", path);
	run_on(hf_buf_span(&input));
	run_on_pieces(hf_buf_span(&input));
	run_on_changes(hf_buf_span(&input), rounds, random);
	return NULL;
}

/* Every file of the folder whose name begins with prefix; a folder that is not there has none. */
static hf_err run_on_folder(
	const char *folder, const char *prefix, unsigned rounds, uint64_t *random, unsigned *n)
{
	struct dirent **names;
	int found = scandir(folder, &names, NULL, alphasort);
	struct hf_error *err = NULL;

	for (int i = 0; i < found; i++) {
		HF_FREED char *path = hf_format("%s/%s", folder, names[i]->d_name);

		if (!err && names[i]->d_name[0] != '.' &&
			strncmp(names[i]->d_name, prefix, strlen(prefix)) == 0) {
			err = run_on_file(path, rounds, random);
			++*n;
		}
		free(names[i]);
	}
	if (found >= 0)
		free(names);
	return err;
}

int main(int argc, char **argv)
{
	const char *given = getenv("HF_FUZZ_ROUNDS");
	unsigned rounds = given ? (unsigned)strtoul(given, NULL, 10) : DEFAULT_ROUNDS, n = 0;
	uint64_t random = hf_test_seed();
	HF_FREED char *prefix = NULL;
	HF_FREED char *corpus = NULL;
	HF_OWNED(hf_error) err = NULL;

	if (argc != 4)
		return 2;
	prefix = hf_format("%s-", argv[1]);
	corpus = hf_format("%s/%s", argv[3], argv[1]);
	run_on(hf_span(NULL, 0));
	err = run_on_folder(argv[2], prefix, rounds, &random, &n);
	if (!err)
		err = run_on_folder(corpus, "", rounds, &random, &n);
	if (err)
		fprintf(stderr, "%s\n", hf_error_text(err));
	printf("%u files\n", n);
	return err ? 1 : 0;
}
