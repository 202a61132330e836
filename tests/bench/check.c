/*
 * How fast a check reads content, beside what reading, hashing and decoding the same packs takes
 * with nothing around it, on as many threads. Not a test: run it by hand on a release build, with a
 * large file of real content (a tar of /usr/lib). ninja -C build tests/bench/bench_check &&
 * build/tests/bench/bench_check FILE [THREADS]
 */
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/format/hash.h"
#include "backend/format/zip.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/writer.h"
#include "tests/bench/bench.h"

#define CHUNK ((size_t)128 << 10)
#define MOST_PACKS 4096u
#define ROUNDS 5

struct pack {
	struct hf_repo *repo;
	const char *dir;
	struct hf_pack pack;
	struct hf_row *rows;
	size_t n, cap;
};
static struct pack packs[MOST_PACKS];
static size_t n_packs;
static uint64_t bytes;

static void fill(struct hf_repo *repo, const char *path)
{
	const struct hf_writer_options options = {.workers = 2};
	struct hf_writer *writer;
	HF_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got;

	or_die(hf_writer_begin(repo, &options, &writer));
	do {
		HF_RELEASED(hf_buf) plain = {0};

		or_die(hf_fd_read(fd, hf_buf_grow(&plain, CHUNK), CHUNK, &got));
		plain.len = got;
		if (got)
			or_die(hf_writer_put(writer, HF_CONTENT_PACK, &plain, NULL, NULL));
	} while (got == CHUNK);
	or_die(hf_writer_publish(writer));
	hf_writer_free(writer);
}

/* ---- with nothing around it ---- */

static struct hf_error *add_pack(void *arg, const struct hf_pack *pack)
{
	packs[pack->n] = (struct pack){.repo = arg, .pack = *pack};
	n_packs = HF_MAX(n_packs, (size_t)pack->n);
	bytes += pack->size;
	return NULL;
}

static struct hf_error *add_row(void *arg, const struct hf_location *place)
{
	struct pack *pack = &packs[place->pack];

	(void)arg;
	pack->rows = hf_grow(pack->rows, &pack->cap, pack->n + 1, sizeof(*pack->rows));
	pack->rows[pack->n++] = place->row;
	return NULL;
}

static int by_offset(const void *a, const void *b)
{
	const struct hf_row *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static void decode(const struct pack *pack, const uint8_t *object, struct hf_zip *zip)
{
	static _Thread_local uint8_t sealed[1 << 20], plain[1 << 20];
	const struct hf_epoch_keys *epoch = hf_repo_epoch(pack->repo, 1);
	struct hf_object_keys keys;
	struct hf_header header;
	struct hf_sealer *sealer;

	or_die(hf_header_parse(hf_span(object, HF_HEADER_LEN), &header));
	or_die(hf_object_keys_derive(&header, epoch, &keys));
	sealer = hf_sealer_new(&keys.chunks);
	for (size_t i = 0; i < pack->n; i++) {
		const struct hf_row *row = &pack->rows[i];
		const struct hf_chunk_place place = {
			.repository = epoch->repository, .header = object, .row = row};
		struct hf_buf buf = {.at = sealed, .len = row->stored};
		struct hf_id id;

		memcpy(sealed, object + row->offset, row->stored);
		or_die(hf_chunk_open(sealer, zip, &place, &buf, plain));
		hf_hmac_sha256(hf_repo_id_key(pack->repo, HF_CONTENT_ID)->bytes,
			hf_span(plain, row->plain), &id);
		if (!hf_id_equal(&id, &row->id))
			abort();
	}
	hf_sealer_free(sealer);
}

static hf_err read_hash_decode(void *job)
{
	static _Thread_local uint8_t *object;
	static _Thread_local struct hf_zip *zip;
	const struct pack *pack = job;
	char name[HF_COMMIT_NAME_LEN + 1];
	HF_FREED char *path = NULL;
	struct hf_id id;
	size_t got;

	if (!object) {
		object = hf_alloc((size_t)32 << 20);
		zip = hf_zip_new();
	}
	hf_pack_object_name(&pack->pack, name);
	path = hf_format("%s/%s", hf_store_url(hf_repo_store(pack->repo)), name);
	HF_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	or_die(hf_fd_read(fd, object, pack->pack.size, &got));
	hf_sha256(hf_span(object, got), &id);
	if (!hf_id_equal(&id, &pack->pack.id))
		abort();
	decode(pack, object, zip);
	return NULL;
}

static hf_err done(void *job)
{
	(void)job;
	return NULL;
}

static void drop(void *job)
{
	(void)job;
}

/* Megabytes a second: by the clock on the wall, and of processor time on a core. */
struct rate {
	double wall, core;
};
struct watch {
	double wall, core;
};

static struct watch begin(void)
{
	return (struct watch){now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct rate end(const struct watch *since)
{
	const double mb = (double)bytes / 1e6;

	return (struct rate){mb / (now(CLOCK_MONOTONIC) - since->wall),
		mb / (now(CLOCK_PROCESS_CPUTIME_ID) - since->core)};
}

static struct rate bare(unsigned threads)
{
	static const struct hf_pool_ops ops = {read_hash_decode, done, drop};
	const struct watch since = begin();
	struct hf_pool *pool;

	or_die(hf_pool_new(&ops, threads, threads + 1, &pool));
	for (size_t i = 1; i <= n_packs; i++)
		or_die(hf_pool_submit(pool, &packs[i]));
	or_die(hf_pool_drain(pool));
	hf_pool_free(pool);
	return end(&since);
}

static struct rate checked(struct hf_repo *repo, unsigned threads)
{
	const struct hf_check_options options = {.read_data = true, .workers = threads};
	const struct watch since = begin();
	struct hf_check_result result;

	or_die(hf_check_objects(repo, &options, &result));
	if (result.findings)
		abort();
	return end(&since);
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	char dir[] = "/dev/shm/bench_check.XXXXXX";
	const unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : hf_cpus();
	double wall[ROUNDS], core[ROUNDS];
	struct hf_repo *repo;

	/* As the program does: tools/main.c. */
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (argc < 2 || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bench_check FILE [THREADS]\n");
		return 2;
	}
	repo = open_repo(dir, true);
	fill(repo, argv[1]);
	or_die(hf_catalog_each_pack(hf_repo_catalog(repo), add_pack, repo));
	or_die(hf_catalog_each_place(hf_repo_catalog(repo), add_row, NULL));
	for (size_t i = 1; i <= n_packs; i++)
		qsort(packs[i].rows, packs[i].n, sizeof(*packs[i].rows), by_offset);
	printf("%zu packs, %.0f MB, %u threads, in %s (remove it by hand)\n", n_packs,
		(double)bytes / 1e6, threads, dir);
	for (int i = 0; i < ROUNDS; i++) {
		const struct rate without = bare(threads), with = checked(repo, threads);

		wall[i] = with.wall / without.wall;
		core[i] = with.core / without.core;
		printf("bare %.0f MB/s, %.0f a core; check %.0f, %.0f\n", without.wall,
			without.core, with.wall, with.core);
	}
	qsort(wall, ROUNDS, sizeof(double), by_value);
	qsort(core, ROUNDS, sizeof(double), by_value);
	printf("median: check is %.2f of bare by the clock, %.2f by processor time\n",
		wall[ROUNDS / 2], core[ROUNDS / 2]);
	hf_repo_free(repo);
	return 0;
}
