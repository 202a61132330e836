/* The cache of decoded chunks: who decodes, who waits, what stays. */
#include "backend/repo/cache.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/base/buf.h"
#include "tests/lib/test.h"

#define CHUNK ((size_t)64 << 10)

static struct hf_cache_key key_of(unsigned n)
{
	struct hf_cache_key key = {.kind = HF_CONTENT_PACK};

	memcpy(key.id.bytes, &n, sizeof(n));
	key.id.bytes[HF_ID_LEN - 1] = (uint8_t)n;
	return key;
}

static void settle(struct hf_claim *claim, unsigned n, const struct hf_chunk **chunk)
{
	uint8_t *bytes = hf_alloc(CHUNK);

	memset(bytes, (int)(n & 0xff), CHUNK);
	hf_cache_settle(claim, bytes, CHUNK, chunk);
}

/* As a reader does it: true when it had to decode. */
static bool get(struct hf_cache *cache, unsigned n, const struct hf_chunk **chunk)
{
	const struct hf_cache_key key = key_of(n);
	struct hf_claim *claim;

	ck_ok(hf_cache_get(cache, &key, chunk, &claim));
	if (claim)
		settle(claim, n, chunk);
	ck_assert_uint_eq((*chunk)->len, CHUNK);
	ck_assert_uint_eq((*chunk)->at[CHUNK - 1], n & 0xff);
	return claim != NULL;
}

static bool use(struct hf_cache *cache, unsigned n)
{
	const struct hf_chunk *chunk;
	bool decoded = get(cache, n, &chunk);

	hf_chunk_unref(chunk);
	return decoded;
}

static bool ahead(struct hf_cache *cache, unsigned n)
{
	const struct hf_cache_key key = key_of(n);
	struct hf_claim *claim = hf_cache_claim(cache, &key);

	if (claim)
		settle(claim, n, NULL);
	return claim != NULL;
}

static bool has(struct hf_cache *cache, unsigned n)
{
	const struct hf_cache_key key = key_of(n);

	return hf_cache_has(cache, &key);
}

static size_t bytes_of(struct hf_cache *cache)
{
	struct hf_cache_counts counts;

	hf_cache_count(cache, &counts);
	return counts.bytes;
}

START_TEST(a_chunk_is_decoded_once_and_found_again)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(10 * CHUNK);

	ck_assert(use(cache, 1));
	ck_assert(!use(cache, 1));
	ck_assert(use(cache, 2));
	ck_assert(!use(cache, 1));
}
END_TEST

START_TEST(one_id_under_two_kinds_is_two_chunks)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(10 * CHUNK);
	struct hf_cache_key key = key_of(1);

	use(cache, 1);
	key.kind = HF_META_PACK;
	ck_assert(!hf_cache_has(cache, &key));
}
END_TEST

START_TEST(the_chunk_that_was_not_used_for_longest_goes_first)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(3 * CHUNK + CHUNK / 2);

	for (unsigned n = 1; n <= 3; n++)
		use(cache, n);
	use(cache, 1);
	use(cache, 4);

	ck_assert(has(cache, 1));
	ck_assert(!has(cache, 2));
	ck_assert(has(cache, 3));
	ck_assert(has(cache, 4));
}
END_TEST

START_TEST(the_cache_stays_within_its_limit)
{
	const size_t limit = 20 * CHUNK;
	HF_OWNED(hf_cache) cache = hf_cache_new(limit);

	for (unsigned n = 0; n < 1000; n++) {
		if (n % 3)
			use(cache, n);
		else
			ahead(cache, n);
		ck_assert_uint_le(bytes_of(cache), limit);
	}
}
END_TEST

START_TEST(a_large_cache_stays_within_its_limit_in_all_shards_together)
{
	const size_t limit = (size_t)70 << 20;
	HF_OWNED(hf_cache) cache = hf_cache_new(limit);

	for (unsigned n = 0; n < 3000; n++)
		use(cache, n);
	ck_assert_uint_le(bytes_of(cache), limit);
	ck_assert_uint_ge(bytes_of(cache), limit - ((size_t)1 << 20));
}
END_TEST

START_TEST(a_chunk_in_use_stays_whatever_else_comes)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(2 * CHUNK);
	const struct hf_chunk *held;

	get(cache, 1, &held);
	for (unsigned n = 2; n < 50; n++)
		use(cache, n);
	ck_assert_uint_eq(held->at[0], 1);
	ck_assert(!use(cache, 1));
	hf_chunk_unref(held);
}
END_TEST

START_TEST(chunks_in_use_beyond_the_limit_go_as_they_are_given_back)
{
	const size_t limit = 4 * CHUNK;
	HF_OWNED(hf_cache) cache = hf_cache_new(limit);
	const struct hf_chunk *held[20];

	for (unsigned n = 0; n < 20; n++)
		get(cache, n, &held[n]);
	ck_assert_uint_ge(bytes_of(cache), 20 * CHUNK);
	for (unsigned n = 0; n < 20; n++)
		hf_chunk_unref(held[n]);
	ck_assert_uint_le(bytes_of(cache), limit);
}
END_TEST

START_TEST(a_cache_of_nothing_still_gives_chunks)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(0);

	ck_assert(use(cache, 1));
	ck_assert(use(cache, 1));
	ck_assert_uint_eq(bytes_of(cache), 0);
}
END_TEST

START_TEST(decoding_ahead_of_nobody_leaves_most_hot_chunks_alone)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(400 * CHUNK);
	unsigned hot = 0;

	for (unsigned n = 0; n < 400; n++)
		use(cache, n);
	for (unsigned n = 1000; n < 3000; n++)
		ahead(cache, n);
	for (unsigned n = 0; n < 400; n++)
		hot += has(cache, n);

	ck_assert_uint_ge(hot, 250);
}
END_TEST

START_TEST(what_was_decoded_ahead_and_used_is_hot)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(40 * CHUNK);

	ck_assert(ahead(cache, 1));
	ck_assert(!ahead(cache, 1));
	ck_assert(!use(cache, 1));
	for (unsigned n = 100; n < 200; n++)
		ahead(cache, n);
	ck_assert(has(cache, 1));
	ck_assert(!has(cache, 100));
	ck_assert(has(cache, 199));
}
END_TEST

START_TEST(an_error_is_not_kept)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(10 * CHUNK);
	const struct hf_cache_key key = key_of(1);
	struct hf_error *err = hf_error_new(HF_TRANSIENT, "the store is away");
	const struct hf_chunk *chunk;
	struct hf_claim *claim;

	ck_ok(hf_cache_get(cache, &key, &chunk, &claim));
	ck_assert_ptr_nonnull(claim);
	ck_assert_ptr_null(chunk);
	hf_cache_fail(claim, err);
	hf_error_free(err);

	ck_assert(!has(cache, 1));
	ck_assert(use(cache, 1));
}
END_TEST

/* Many threads ask for the same chunks; each is decoded by one of them. */
#define ASKERS 8
#define ASKED 200

struct asking {
	struct hf_cache *cache;
	pthread_barrier_t together;
	atomic_uint decoded[ASKED], failed;
	bool fail; /* the decode fails */
};

static void ask(struct asking *asking, unsigned n)
{
	const struct hf_cache_key key = key_of(n);
	const struct hf_chunk *chunk;
	struct hf_claim *claim;
	struct hf_error *err = hf_cache_get(asking->cache, &key, &chunk, &claim);

	if (claim) {
		atomic_fetch_add(&asking->decoded[n], 1);
		sched_yield();
		if (asking->fail) {
			err = hf_error_new(HF_CORRUPT, "chunk %u is bad", n);
			hf_cache_fail(claim, err);
		} else {
			settle(claim, n, &chunk);
		}
	}
	if (err) {
		ck_assert_int_eq(hf_error_kind(err), HF_CORRUPT);
		atomic_fetch_add(&asking->failed, 1);
		hf_error_free(err);
		return;
	}
	ck_assert_uint_eq(chunk->at[0], n & 0xff);
	hf_chunk_unref(chunk);
}

static void *ask_all(void *arg)
{
	struct asking *asking = arg;

	for (unsigned n = 0; n < ASKED; n++) {
		pthread_barrier_wait(&asking->together);
		ask(asking, n);
	}
	return NULL;
}

static void ask_together(struct asking *asking)
{
	pthread_t threads[ASKERS];

	pthread_barrier_init(&asking->together, NULL, ASKERS);
	for (unsigned i = 0; i < ASKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_all, asking), 0);
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&asking->together);
}

START_TEST(many_who_ask_together_cause_one_decode)
{
	HF_OWNED(hf_cache) cache = hf_cache_new((ASKED + 1) * 2 * CHUNK);
	struct asking asking = {.cache = cache};

	ask_together(&asking);
	for (unsigned n = 0; n < ASKED; n++)
		ck_assert_uint_eq(asking.decoded[n], 1);
}
END_TEST

START_TEST(all_who_wait_for_a_decode_that_fails_are_told)
{
	HF_OWNED(hf_cache) cache = hf_cache_new(10 * CHUNK);
	struct asking asking = {.cache = cache, .fail = true};

	ask_together(&asking);
	ck_assert_uint_eq(asking.failed, ASKERS * ASKED);
	ck_assert_uint_eq(bytes_of(cache), 0);
}
END_TEST

struct churning {
	struct hf_cache *cache;
	uint64_t state;
};

static void *churn(void *arg)
{
	struct churning *churning = arg;
	struct hf_cache *cache = churning->cache;

	for (unsigned i = 0; i < 3000; i++) {
		unsigned n = (unsigned)(hf_test_random(&churning->state) % 64);

		if (i % 5)
			use(cache, n);
		else
			ahead(cache, n);
	}
	return NULL;
}

START_TEST(a_small_cache_under_many_threads_gives_the_right_bytes)
{
	const size_t limit = 8 * CHUNK;
	HF_OWNED(hf_cache) cache = hf_cache_new(limit);
	const uint64_t seed = hf_test_seed();
	struct churning churning[4];
	pthread_t threads[4];

	for (unsigned i = 0; i < ARRAY_LEN(threads); i++) {
		churning[i] = (struct churning){.cache = cache, .state = seed + i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &churning[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(bytes_of(cache), limit);
}
END_TEST

HF_TEST_MAIN("cache", a_chunk_is_decoded_once_and_found_again, one_id_under_two_kinds_is_two_chunks,
	the_chunk_that_was_not_used_for_longest_goes_first, the_cache_stays_within_its_limit,
	a_large_cache_stays_within_its_limit_in_all_shards_together,
	a_chunk_in_use_stays_whatever_else_comes,
	chunks_in_use_beyond_the_limit_go_as_they_are_given_back,
	a_cache_of_nothing_still_gives_chunks,
	decoding_ahead_of_nobody_leaves_most_hot_chunks_alone,
	what_was_decoded_ahead_and_used_is_hot, an_error_is_not_kept,
	many_who_ask_together_cause_one_decode, all_who_wait_for_a_decode_that_fails_are_told,
	a_small_cache_under_many_threads_gives_the_right_bytes)
