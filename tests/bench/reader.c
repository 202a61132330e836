/*
 * How fast stored chunks come back: one after another, at random, and small ones. Not a test: run
 * it by hand on a release build, with a large file of real content (a tar of /usr/lib). ninja -C
 * build tests/bench/bench_reader && build/tests/bench/bench_reader FILE [CHUNK_KIB]
 */
#include <fcntl.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/repo/reader.h"
#include "backend/repo/writer.h"
#include "tests/bench/bench.h"

#define MAX_CHUNKS 65536u
#define RANDOM_READS 2000u
#define SMALL 600u
#define CACHE ((size_t)64 << 20)

static struct hf_id content[MAX_CHUNKS], meta[MAX_CHUNKS];
static size_t n_content, n_meta, bytes;

static struct hf_error *note(void *arg, const struct hf_id *id)
{
	*(struct hf_id *)arg = *id;
	return NULL;
}

static void put(struct hf_writer *writer, enum hf_object_kind kind, const uint8_t *at, size_t len,
	struct hf_id *id)
{
	HF_RELEASED(hf_buf) plain = {0};

	hf_buf_add(&plain, at, len);
	or_die(hf_writer_put(writer, kind, &plain, note, id));
}

static void fill(struct hf_repo *repo, const char *path, size_t chunk)
{
	const struct hf_writer_options options = {.workers = 2};
	HF_FREED uint8_t *at = hf_alloc(chunk);
	struct hf_writer *writer;
	HF_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;

	or_die(hf_writer_begin(repo, &options, &writer));
	do {
		or_die(hf_fd_read(fd, at, chunk, &got));
		if (got == 0 || n_content == MAX_CHUNKS)
			break;
		put(writer, HF_CONTENT_PACK, at, got, &content[n_content++]);
		if (got > SMALL)
			put(writer, HF_META_PACK, at, SMALL, &meta[n_meta++]);
		bytes += got;
	} while (got == chunk);
	or_die(hf_writer_publish(writer));
	hf_writer_free(writer);
}

static void get(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id)
{
	HF_CHUNK_REF chunk = NULL;

	or_die(hf_reader_get(reader, kind, id, &chunk));
}

static void sequential(struct hf_repo *repo, unsigned ahead)
{
	HF_OWNED(hf_reader) reader = NULL;
	const double start = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);

	or_die(hf_reader_open(repo, CACHE, ahead, &reader));
	for (size_t i = 0; i < n_content; i++) {
		for (size_t next = i + 1; ahead && next < n_content && next <= i + 8; next++)
			hf_reader_prefetch(reader, HF_CONTENT_PACK, &content[next]);
		get(reader, HF_CONTENT_PACK, &content[i]);
	}
	printf("sequential, %u ahead: %.2f GB/s, %.2f GB/s a core\n", ahead,
		(double)bytes / 1e9 / (now(CLOCK_MONOTONIC) - start),
		(double)bytes / 1e9 / (now(CLOCK_PROCESS_CPUTIME_ID) - cpu));
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void at_random(
	struct hf_repo *repo, enum hf_object_kind kind, const struct hf_id *ids, size_t n)
{
	static double took[RANDOM_READS];
	HF_OWNED(hf_reader) reader = NULL;
	uint64_t state = 1;

	or_die(hf_reader_open(repo, 0, 0, &reader));
	for (size_t i = 0; i < RANDOM_READS; i++) {
		const double start = now(CLOCK_MONOTONIC);

		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		get(reader, kind, &ids[(state >> 33) % n]);
		took[i] = (now(CLOCK_MONOTONIC) - start) * 1e6;
	}
	qsort(took, RANDOM_READS, sizeof(took[0]), by_value);
	printf("random, %s: median %.0f us, 90 %% %.0f us, 99 %% %.0f us\n",
		kind == HF_META_PACK ? "600 bytes of metadata" : "content", took[RANDOM_READS / 2],
		took[RANDOM_READS * 9 / 10], took[RANDOM_READS * 99 / 100]);
}

int main(int argc, char **argv)
{
	char dir[] = "/dev/shm/bench_reader.XXXXXX";
	const size_t chunk = (argc > 2 ? strtoul(argv[2], NULL, 10) : 128) << 10;
	struct hf_repo *repo;

	if (argc < 2 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bench_reader FILE [CHUNK_KIB]\n");
		return 2;
	}
	repo = open_repo(dir, true);
	fill(repo, argv[1], chunk);
	printf("%zu chunks of %zu KiB, in %s (remove it by hand)\n", n_content, chunk >> 10, dir);
	sequential(repo, 0);
	sequential(repo, 1);
	sequential(repo, 2);
	at_random(repo, HF_CONTENT_PACK, content, n_content);
	at_random(repo, HF_META_PACK, meta, n_meta);
	hf_repo_free(repo);
	return 0;
}
