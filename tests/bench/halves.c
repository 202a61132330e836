/*
 * What a prune takes that writes each pack anew, by the number of chunks: a repository of COUNT
 * small ones in DIR/repo, of which every second is needed; then prunes until nothing moves, or so
 * many, each in a process of its own, and a look through all. Not a test: run it by hand on a
 * release build. ninja -C build tests/bench/bench_halves && build/tests/bench/bench_halves DIR
 * COUNT [PRUNES]
 */
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/format/hash.h"
#include "backend/repo/check.h"
#include "backend/repo/prune.h"
#include "backend/repo/writer.h"
#include "tests/bench/bench.h"

#define CHUNK 256u
#define PUBLISH ((uint64_t)64 << 20)

struct set {
	struct hf_repo *repo;
	uint64_t count;
};

/* The n-th chunk: bytes that don't compress. */
static void make_chunk(uint64_t n, uint64_t at[CHUNK / 8])
{
	uint64_t state = n << 8;

	for (unsigned i = 0; i < CHUNK / 8; i++) {
		uint64_t x = state += UINT64_C(0x9e3779b97f4a7c15);

		x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		at[i] = x ^ x >> 31;
	}
}

static uint64_t fill(struct set *set)
{
	const struct hf_writer_options options = {.workers = 2};
	HF_OWNED(hf_writer) writer = NULL;

	or_die(hf_writer_begin(set->repo, &options, &writer));
	for (uint64_t i = 0; i < set->count; i++) {
		HF_RELEASED(hf_buf) plain = {0};
		uint64_t chunk[CHUNK / 8];

		make_chunk(i, chunk);
		hf_buf_add(&plain, chunk, sizeof(chunk));
		or_die(hf_writer_put(writer, HF_CONTENT_PACK, &plain, NULL, NULL));
		if (hf_writer_pending(writer) > PUBLISH)
			or_die(hf_writer_publish(writer));
	}
	or_die(hf_writer_publish(writer));
	printf("fill:");
	return 0;
}

/* Ids are computed again: a list of them would be the memory that is measured. */
static struct hf_error *mark_half(void *arg, int64_t at, struct hf_id_sort *live)
{
	const struct set *set = arg;
	const uint8_t *key = hf_repo_id_key(set->repo, HF_CONTENT_ID)->bytes;

	(void)at;
	for (uint64_t i = 0; i < set->count; i += 2) {
		uint64_t chunk[CHUNK / 8];
		struct hf_id id;

		make_chunk(i, chunk);
		hf_hmac_sha256(key, hf_span(chunk, sizeof(chunk)), &id);
		HF_TRY(hf_id_sort_add(live, &id));
	}
	return NULL;
}

/* ---- memory of this process's own, without pages of files ---- */

static unsigned long peak_kb;

static unsigned long own_kb(void)
{
	HF_RELEASED(hf_buf) text = {0};
	const char *line;

	or_die(hf_file_read("/proc/self/status", 1 << 16, &text));
	line = strstr(hf_buf_text(&text), "RssAnon:");
	return line ? strtoul(line + strlen("RssAnon:"), NULL, 10) : 0;
}

static void *watch(void *arg)
{
	for (;;) {
		peak_kb = HF_MAX(peak_kb, own_kb());
		usleep(5000);
	}
	return arg;
}

static uint64_t prune(struct set *set)
{
	const struct hf_prune_options options = {.mark = mark_half, .arg = set};
	struct hf_prune_result result;

	or_die(hf_prune_run(set->repo, &options, &result));
	printf("prune: %.1f MB written anew, %llu objects deleted",
		(double)result.repacked_bytes / 1e6, (unsigned long long)result.swept);
	return result.repacked_bytes + result.swept;
}

static uint64_t look(struct set *set)
{
	const struct hf_check_options options = {0};
	struct hf_check_result result = {0};

	or_die(hf_check_objects(set->repo, &options, &result));
	printf("check:");
	return 0;
}

/* true: it did something. */
static bool alone(const char *dir, uint64_t count, uint64_t (*work)(struct set *set))
{
	int status = 0;

	fflush(stdout);
	if (fork() == 0) {
		struct set set = {open_repo(dir, work == fill), count};
		const double start = now(CLOCK_MONOTONIC);
		pthread_t watcher;

		pthread_create(&watcher, NULL, watch, NULL);
		const bool more = work(&set) > 0;

		printf(" %.1f s, %.0f MB of its own\n", now(CLOCK_MONOTONIC) - start,
			(double)peak_kb / 1e3);
		hf_repo_free(set.repo);
		fflush(stdout);
		_exit(more ? 2 : 0);
	}
	wait(&status);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 1)
		exit(1);
	return WEXITSTATUS(status) == 2;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: bench_halves DIR COUNT [PRUNES]\n");
		return 2;
	}
	const uint64_t count = strtoull(argv[2], NULL, 10);
	unsigned long runs = argc > 3 ? strtoul(argv[3], NULL, 10) : ULONG_MAX;

	alone(argv[1], count, fill);
	while (runs-- > 0 && alone(argv[1], count, prune))
		;
	alone(argv[1], count, look);
	return 0;
}
