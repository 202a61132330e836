/* Chunks come back as they were put, from whichever copy is good, decoded once. */
#include "backend/repo/reader.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/format/hash.h"
#include "backend/repo/catalog.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CACHE ((size_t)64 << 20)
#define CHUNK ((size_t)50 << 10)

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 2);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* One chunk of each number from 0 on, published. */
static void publish(struct hf_repo *repo, enum hf_object_kind kind, struct hf_id *ids, unsigned n)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);

	for (unsigned i = 0; i < n; i++) {
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(i, CHUNK);

		ids[i] = hf_small_put(writer, kind, hf_buf_span(&bytes));
	}
	ck_ok(hf_writer_publish(writer));
}

static struct hf_reader *open_reader(struct hf_repo *repo, size_t cache, unsigned workers)
{
	struct hf_reader *reader;

	ck_ok(hf_reader_open(repo, cache, workers, &reader));
	return reader;
}

static void expect_bytes(const struct hf_chunk *chunk, unsigned number)
{
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, CHUNK);

	ck_assert_uint_eq(chunk->len, CHUNK);
	ck_assert_mem_eq(chunk->at, bytes.at, CHUNK);
}

static void expect_chunk(
	struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id, unsigned number)
{
	HF_CHUNK_REF chunk = NULL;

	ck_ok(hf_reader_get(reader, kind, id, &chunk));
	expect_bytes(chunk, number);
}

/* The name of the pack in which the chunk lies (the n-th place). */
static void pack_of(struct hf_repo *repo, const struct hf_id *id, size_t which,
	char name[HF_COMMIT_NAME_LEN + 1], struct hf_row *row)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(repo), id, places, &n));
	ck_assert_uint_gt(n, which);
	ck_ok(hf_catalog_pack(hf_repo_catalog(repo), places[which].pack, &pack));
	hf_pack_object_name(&pack, name);
	*row = places[which].row;
}

static void hurt(const struct hf_id *id, size_t which, unsigned copy)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;

	pack_of(small.repo, id, which, name, &row);
	hf_mem_at(small.mem, name, copy)->at[row.offset + row.stored / 2] ^= 0x10;
}

START_TEST(a_chunk_comes_back_as_it_was_put)
{
	const enum hf_object_kind kinds[] = {HF_CONTENT_PACK, HF_META_PACK};
	const size_t lens[] = {1, 2, 100, 4096, CHUNK, HF_MAX_CHUNK};
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_id ids[2][ARRAY_LEN(lens)];

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
			HF_RELEASED(hf_buf) bytes = hf_small_bytes(i, lens[i]);

			ids[k][i] = hf_small_put(writer, kinds[k], hf_buf_span(&bytes));
		}
	}
	ck_ok(hf_writer_publish(writer));

	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);
	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
			HF_RELEASED(hf_buf) bytes = hf_small_bytes(i, lens[i]);
			HF_CHUNK_REF chunk = NULL;

			ck_ok(hf_reader_get(reader, kinds[k], &ids[k][i], &chunk));
			ck_assert_uint_eq(chunk->len, lens[i]);
			ck_assert_mem_eq(chunk->at, bytes.at, lens[i]);
		}
	}
}
END_TEST

START_TEST(a_chunk_that_was_never_put_is_not_found_anywhere)
{
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);
	const struct hf_id id = {{1, 2, 3}};
	const struct hf_chunk *chunk;

	ck_fails_with(
		HF_CORRUPT, "chunk 010203", hf_reader_get(reader, HF_CONTENT_PACK, &id, &chunk));
}
END_TEST

/* ---- how often the store is asked ---- */

struct asked {
	atomic_uint gets;
	atomic_uint asking; /* threads that are about to ask */
	unsigned wait_for;  /* a get is answered when so many are */
	struct hf_error *(*away)(void);
};

static struct hf_error *watch(void *arg, enum hf_store_call call, const char *name)
{
	struct asked *asked = arg;

	(void)name;
	if (call != HF_CALL_GET)
		return NULL;
	atomic_fetch_add(&asked->gets, 1);
	while (atomic_load(&asked->asking) < asked->wait_for)
		sched_yield();
	return asked->away ? asked->away() : NULL;
}

struct together {
	struct hf_reader *reader;
	struct asked *asked;
	const struct hf_id *id;
};

static void *ask(void *arg)
{
	struct together *together = arg;

	atomic_fetch_add(&together->asked->asking, 1);
	expect_chunk(together->reader, HF_CONTENT_PACK, together->id, 0);
	return NULL;
}

START_TEST(readers_of_one_chunk_at_one_time_read_it_once)
{
	struct asked asked = {.wait_for = 8};
	struct hf_id id;
	pthread_t threads[8];

	publish(small.repo, HF_CONTENT_PACK, &id, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);
	struct together together = {reader, &asked, &id};

	hf_mem_hook(small.mem, watch, &asked);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &together), 0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(asked.gets, 1);
}
END_TEST

START_TEST(a_chunk_that_stays_in_the_cache_is_not_read_again)
{
	struct asked asked = {0};
	struct hf_id ids[4];

	publish(small.repo, HF_CONTENT_PACK, ids, 4);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	hf_mem_hook(small.mem, watch, &asked);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 4; i++)
			expect_chunk(reader, HF_CONTENT_PACK, &ids[i], i);
	}
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(asked.gets, 4);
}
END_TEST

START_TEST(a_reader_without_a_cache_reads_each_time)
{
	struct asked asked = {0};
	struct hf_id id;

	publish(small.repo, HF_CONTENT_PACK, &id, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, 0, 0);

	hf_mem_hook(small.mem, watch, &asked);
	for (unsigned round = 0; round < 3; round++)
		expect_chunk(reader, HF_CONTENT_PACK, &id, 0);
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(asked.gets, 3);
}
END_TEST

START_TEST(a_chunk_that_was_asked_for_ahead_is_read_once)
{
	struct asked asked = {0};
	struct hf_id ids[20];

	publish(small.repo, HF_CONTENT_PACK, ids, 20);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 2);

	hf_mem_hook(small.mem, watch, &asked);
	for (unsigned i = 0; i < 20; i++) {
		hf_reader_prefetch(reader, HF_CONTENT_PACK, &ids[i]);
		hf_reader_prefetch(reader, HF_CONTENT_PACK, &ids[i]);
	}
	while (atomic_load(&asked.gets) < 20)
		sched_yield();
	for (unsigned i = 0; i < 20; i++)
		expect_chunk(reader, HF_CONTENT_PACK, &ids[i], i);
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(asked.gets, 20);
}
END_TEST

START_TEST(a_reader_can_be_freed_while_it_reads_ahead)
{
	struct hf_id ids[64];

	publish(small.repo, HF_CONTENT_PACK, ids, 64);
	for (unsigned round = 0; round < 20; round++) {
		HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 2);

		for (unsigned i = 0; i < 64; i++)
			hf_reader_prefetch(reader, HF_CONTENT_PACK, &ids[i]);
	}
}
END_TEST

/* ---- copies that are bad ---- */

START_TEST(the_twin_stands_in_for_a_bad_first_copy)
{
	struct hf_id id;

	publish(small.repo, HF_META_PACK, &id, 1);
	hurt(&id, 0, 0);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	expect_chunk(reader, HF_META_PACK, &id, 0);
}
END_TEST

START_TEST(the_twin_stands_in_for_a_first_copy_that_is_gone)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	struct hf_id id;

	publish(small.repo, HF_META_PACK, &id, 1);
	pack_of(small.repo, &id, 0, name, &row);
	hf_mem_lose(small.mem, name, 0);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	expect_chunk(reader, HF_META_PACK, &id, 0);
}
END_TEST

START_TEST(when_all_copies_are_bad_the_error_names_pack_and_chunk)
{
	char name[HF_COMMIT_NAME_LEN + 1], hex[HF_ID_HEX + 1];
	const struct hf_chunk *chunk;
	struct hf_row row;
	struct hf_id id;

	publish(small.repo, HF_META_PACK, &id, 1);
	pack_of(small.repo, &id, 0, name, &row);
	hurt(&id, 0, 0);
	hurt(&id, 0, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	ck_fails_with(HF_CORRUPT, name, hf_reader_get(reader, HF_META_PACK, &id, &chunk));
	ck_fails_with(
		HF_CORRUPT, hf_id_hex(&id, hex), hf_reader_get(reader, HF_META_PACK, &id, &chunk));
}
END_TEST

/* Two machines that add the same chunk at the same time make two packs of it. */
static void publish_twice(struct hf_id *id)
{
	struct hf_repo *other = hf_small_open(&small);
	{
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(0, CHUNK);
		HF_OWNED(hf_writer) first = hf_small_writer(small.repo);
		HF_OWNED(hf_writer) second = hf_small_writer(other);

		*id = hf_small_put(first, HF_CONTENT_PACK, hf_buf_span(&bytes));
		hf_small_put(second, HF_CONTENT_PACK, hf_buf_span(&bytes));
		ck_ok(hf_writer_publish(first));
		ck_ok(hf_writer_publish(second));
	}
	hf_repo_free(other);
	ck_ok(hf_repo_sync(small.repo, NULL));
}

START_TEST(another_pack_stands_in_for_a_bad_one)
{
	for (size_t which = 0; which < 2; which++) {
		struct hf_id id;

		teardown();
		setup();
		publish_twice(&id);
		hurt(&id, which, 0);
		HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

		expect_chunk(reader, HF_CONTENT_PACK, &id, 0);
	}
}
END_TEST

START_TEST(another_pack_stands_in_for_one_that_is_gone)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	struct hf_id id;

	publish_twice(&id);
	pack_of(small.repo, &id, 0, name, &row);
	hf_mem_lose(small.mem, name, 0);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	expect_chunk(reader, HF_CONTENT_PACK, &id, 0);
}
END_TEST

START_TEST(no_flipped_bit_of_a_pack_gives_wrong_bytes)
{
	const uint64_t seed = hf_test_seed();
	char name[HF_COMMIT_NAME_LEN + 1];
	uint64_t state = seed;
	struct hf_row row;
	struct hf_id id;

	publish(small.repo, HF_CONTENT_PACK, &id, 1);
	pack_of(small.repo, &id, 0, name, &row);
	struct hf_buf *object = hf_mem_at(small.mem, name, 0);

	for (unsigned i = 0; i < 300; i++) {
		const uint64_t bit = hf_test_random(&state) % ((uint64_t)row.stored * 8);
		uint8_t *byte = &object->at[row.offset + bit / 8];
		HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);
		const struct hf_chunk *chunk;

		*byte ^= (uint8_t)(1u << bit % 8);
		ck_fails(HF_CORRUPT, hf_reader_get(reader, HF_CONTENT_PACK, &id, &chunk));
		*byte ^= (uint8_t)(1u << bit % 8);
		expect_chunk(reader, HF_CONTENT_PACK, &id, 0);
	}
}
END_TEST

/* A hostile writer seals bytes under the id of others: only the id's key can tell. */
START_TEST(a_chunk_that_is_not_what_its_id_says_is_refused)
{
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(1, CHUNK), object = {0};
	HF_RELEASED(hf_buf) honest = hf_small_bytes(0, CHUNK);
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CONTENT_PACK);
	const struct hf_sealing sealing = {.keys = hf_repo_newest_epoch(small.repo)};
	struct hf_table table = {0};
	struct hf_pack pack = {.kind = HF_CONTENT_PACK};
	struct hf_header header;
	struct hf_store *store = hf_repo_store(small.repo);
	char name[HF_PACK_NAME_LEN + 1];
	const struct hf_chunk *chunk;
	struct hf_id id;
	int64_t n;

	hf_hmac_sha256(hf_repo_id_key(small.repo, HF_CONTENT_ID)->bytes, hf_buf_span(&honest), &id);
	hf_builder_add(builder, &id, CHUNK, hf_buf_span(&bytes));
	table = *hf_builder_table(builder);
	struct hf_row row = table.rows[0];
	hf_builder_seal(builder, &sealing, &object, &header, &pack.id);
	hf_pack_name(HF_CONTENT_PACK, &pack.id, name);
	ck_ok(hf_store_put(store, name, hf_buf_span(&object)));
	pack.size = object.len;
	memcpy(pack.header, object.at, HF_HEADER_LEN);
	table = (struct hf_table){.rows = &row, .n = 1};
	ck_ok(hf_catalog_add_pack(hf_repo_catalog(small.repo), &pack, &table, &n));
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	ck_fails_with(HF_CORRUPT, name, hf_reader_get(reader, HF_CONTENT_PACK, &id, &chunk));
}
END_TEST

START_TEST(content_does_not_pass_for_metadata)
{
	const struct hf_chunk *chunk;
	struct hf_id id;

	publish(small.repo, HF_CONTENT_PACK, &id, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	expect_chunk(reader, HF_CONTENT_PACK, &id, 0);
	ck_fails(HF_CORRUPT, hf_reader_get(reader, HF_META_PACK, &id, &chunk));
}
END_TEST

START_TEST(a_key_that_may_not_read_reads_metadata_only)
{
	struct hf_id content, meta;
	const struct hf_chunk *chunk;
	struct hf_repo *other;

	publish(small.repo, HF_CONTENT_PACK, &content, 1);
	publish(small.repo, HF_META_PACK, &meta, 1);
	other = hf_small_open_as(&small, HF_WRITE);
	{
		HF_OWNED(hf_reader) reader = open_reader(other, CACHE, 0);

		expect_chunk(reader, HF_META_PACK, &meta, 0);
		ck_fails(HF_DENIED, hf_reader_get(reader, HF_CONTENT_PACK, &content, &chunk));
	}
	hf_repo_free(other);
}
END_TEST

START_TEST(a_maintainer_without_the_keys_of_ids_reads_metadata)
{
	struct hf_repo *other;
	struct hf_id meta;

	publish(small.repo, HF_META_PACK, &meta, 1);
	other = hf_small_open_as(&small, HF_MAINTAIN);
	{
		HF_OWNED(hf_reader) reader = open_reader(other, CACHE, 0);

		expect_chunk(reader, HF_META_PACK, &meta, 0);
	}
	hf_repo_free(other);
}
END_TEST

/* ---- a store that is away ---- */

static struct hf_error *vanished(void)
{
	return hf_error_new(HF_SYSTEM, "the disk was pulled out");
}
static struct hf_error *busy(void)
{
	return hf_error_new(HF_TRANSIENT, "the bucket is busy");
}

START_TEST(a_store_that_vanished_is_told_as_it_says_and_works_again)
{
	struct asked asked = {0};
	const struct hf_chunk *chunk;
	struct hf_id id;

	publish(small.repo, HF_META_PACK, &id, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 1);

	hf_mem_hook(small.mem, watch, &asked);
	asked.away = vanished;
	ck_fails_with(HF_SYSTEM, "the disk was pulled out",
		hf_reader_get(reader, HF_META_PACK, &id, &chunk));
	asked.away = busy;
	ck_fails_with(HF_TRANSIENT, "the bucket is busy",
		hf_reader_get(reader, HF_META_PACK, &id, &chunk));
	asked.away = NULL;
	expect_chunk(reader, HF_META_PACK, &id, 0);
	hf_mem_hook(small.mem, NULL, NULL);
}
END_TEST

/* One bad copy and one that can't be had: that may pass, so it is not called corrupt. */
START_TEST(what_may_come_back_is_not_called_corrupt)
{
	struct hf_id id;
	struct asked asked = {.away = vanished};
	const struct hf_chunk *chunk;

	publish(small.repo, HF_META_PACK, &id, 1);
	hurt(&id, 0, 1);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, CACHE, 0);

	hf_mem_hook(small.mem, watch, &asked);
	ck_fails(HF_SYSTEM, hf_reader_get(reader, HF_META_PACK, &id, &chunk));
	hf_mem_hook(small.mem, NULL, NULL);
}
END_TEST

/* ---- many at once ---- */

#define CHURNED 40

struct churning {
	struct hf_reader *reader;
	const struct hf_id *ids;
	uint64_t state;
};

static void *churn(void *arg)
{
	struct churning *churning = arg;

	for (unsigned i = 0; i < 150; i++) {
		const unsigned n = (unsigned)(hf_test_random(&churning->state) % CHURNED);

		hf_reader_prefetch(
			churning->reader, HF_CONTENT_PACK, &churning->ids[(n + 1) % CHURNED]);
		expect_chunk(churning->reader, HF_CONTENT_PACK, &churning->ids[n], n);
	}
	return NULL;
}

START_TEST(many_threads_on_a_small_cache_get_the_right_bytes)
{
	const uint64_t seed = hf_test_seed();
	struct churning churning[4];
	struct hf_id ids[CHURNED];
	pthread_t threads[4];

	publish(small.repo, HF_CONTENT_PACK, ids, CHURNED);
	HF_OWNED(hf_reader) reader = open_reader(small.repo, 8 * CHUNK, 2);

	for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
		churning[i] = (struct churning){reader, ids, seed + i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &churning[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tests = hf_test_case(suite, "reader");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_chunk_comes_back_as_it_was_put);
	tcase_add_test(tests, a_chunk_that_was_never_put_is_not_found_anywhere);
	tcase_add_test(tests, readers_of_one_chunk_at_one_time_read_it_once);
	tcase_add_test(tests, a_chunk_that_stays_in_the_cache_is_not_read_again);
	tcase_add_test(tests, a_reader_without_a_cache_reads_each_time);
	tcase_add_test(tests, a_chunk_that_was_asked_for_ahead_is_read_once);
	tcase_add_test(tests, a_reader_can_be_freed_while_it_reads_ahead);
	tcase_add_test(tests, the_twin_stands_in_for_a_bad_first_copy);
	tcase_add_test(tests, the_twin_stands_in_for_a_first_copy_that_is_gone);
	tcase_add_test(tests, when_all_copies_are_bad_the_error_names_pack_and_chunk);
	tcase_add_test(tests, another_pack_stands_in_for_a_bad_one);
	tcase_add_test(tests, another_pack_stands_in_for_one_that_is_gone);
	tcase_add_test(tests, no_flipped_bit_of_a_pack_gives_wrong_bytes);
	tcase_add_test(tests, a_chunk_that_is_not_what_its_id_says_is_refused);
	tcase_add_test(tests, content_does_not_pass_for_metadata);
	tcase_add_test(tests, a_key_that_may_not_read_reads_metadata_only);
	tcase_add_test(tests, a_maintainer_without_the_keys_of_ids_reads_metadata);
	tcase_add_test(tests, a_store_that_vanished_is_told_as_it_says_and_works_again);
	tcase_add_test(tests, what_may_come_back_is_not_called_corrupt);
	tcase_add_test(tests, many_threads_on_a_small_cache_get_the_right_bytes);
	return hf_test_run_suite(suite);
}
