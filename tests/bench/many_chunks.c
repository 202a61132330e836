/*
 * many_chunks DIR COUNT: a catalog of COUNT chunks, made of nothing; then how large it is, how long
 * it takes to open, and what a look-up costs, for readers and for writers.
 */
#include <sys/stat.h>

#include "backend/base/buf.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/catalog.h"
#include "tests/bench/bench.h"

#define ROWS 130u /* of a pack of 16 MiB */
#define LOOKUPS 200000u

/* The n-th chunk's. */
static struct hf_id id_of(uint64_t n)
{
	struct hf_id id;

	hf_sha256(hf_span(&n, sizeof(n)), &id);
	return id;
}

static hf_err add_pack(struct hf_catalog *catalog, uint64_t first, uint64_t count)
{
	struct hf_row rows[ROWS];
	const struct hf_table table = {.rows = rows, .n = count};
	struct hf_pack pack = {.kind = HF_CONTENT_PACK, .size = 16u << 20, .slot = 1, .seen = 1};
	int64_t n;

	pack.id = id_of(~first);
	for (uint64_t i = 0; i < count; i++)
		rows[i] = (struct hf_row){.id = id_of(first + i),
			.offset = (uint32_t)(64 + i * 120000),
			.stored = 120000,
			.plain = 131072};
	return hf_catalog_add_pack(catalog, &pack, &table, &n);
}

static hf_err fill(const char *path, uint64_t count)
{
	HF_OWNED(hf_catalog) catalog = NULL;

	HF_TRY(hf_catalog_open(path, &catalog));
	for (uint64_t at = 0; at < count;) {
		HF_TRY(hf_catalog_begin(catalog));
		for (unsigned i = 0; i < 2000 && at < count; i++) {
			const uint64_t n = HF_MIN(count - at, ROWS);

			HF_TRY(add_pack(catalog, at, n));
			at += n;
		}
		HF_TRY(hf_catalog_end(catalog));
	}
	return NULL;
}

/* Of the processor: what else the machine does is none of a look-up's. */
static hf_err measure(const char *path, uint64_t count)
{
	HF_OWNED(hf_catalog) catalog = NULL;
	double start = now(CLOCK_PROCESS_CPUTIME_ID);
	int64_t pack;
	struct hf_location places[HF_MAX_LOCATIONS];
	struct stat st;
	size_t n;

	HF_TRY(hf_catalog_open(path, &catalog));
	printf("open                %8.3f s\n", (now(CLOCK_PROCESS_CPUTIME_ID) - start));
	if (stat(path, &st) == 0)
		printf("bytes a chunk       %8.1f\n", (double)st.st_size / (double)count);
	for (int turn = 0; turn < 2; turn++) {
		start = now(CLOCK_PROCESS_CPUTIME_ID);
		for (uint64_t i = 0; i < LOOKUPS; i++) {
			const struct hf_id id = id_of(i * 7919 % count);

			HF_TRY(hf_catalog_find(catalog, &id, places, &n));
			if (n != 1)
				return hf_error_new(
					HF_BUG, "chunk %llu is not found", (unsigned long long)i);
		}
		printf("look-up, reader     %8.2f us\n",
			(now(CLOCK_PROCESS_CPUTIME_ID) - start) / LOOKUPS * 1e6);
	}
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < LOOKUPS; i++) {
		const struct hf_id id = id_of(i * 7919 % count);

		HF_TRY(hf_catalog_safe_copy(catalog, &id, &pack));
	}
	printf("look-up, writer     %8.2f us\n",
		(now(CLOCK_PROCESS_CPUTIME_ID) - start) / LOOKUPS * 1e6);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < LOOKUPS; i++) {
		const struct hf_id id = id_of(count + i);

		HF_TRY(hf_catalog_safe_copy(catalog, &id, &pack));
	}
	printf("look-up, not there  %8.2f us\n",
		(now(CLOCK_PROCESS_CPUTIME_ID) - start) / LOOKUPS * 1e6);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: many_chunks DIR COUNT\n");
		return 2;
	}
	HF_FREED char *path = hf_format("%s/catalog.sqlite", argv[1]);
	const uint64_t count = strtoull(argv[2], NULL, 10);
	HF_OWNED(hf_error) err = fill(path, count);

	if (!err)
		err = measure(path, count);
	if (err)
		fprintf(stderr, "%s\n", hf_error_text(err));
	return err ? 1 : 0;
}
