#include "backend/format/hash.h"

#include <pthread.h>

#include "tests/lib/test.h"
#include "tests/lib/vectors.h"

static void check_sha256(const struct hf_vector *vector)
{
	HF_OWNED(hf_sha256) sha = hf_sha256_new();
	struct hf_id whole, pieces;

	hf_sha256(vector->bytes[0], &whole);
	for (size_t i = 0; i < vector->bytes[0].len; i++)
		hf_sha256_add(sha, hf_span(vector->bytes[0].at + i, 1));
	hf_sha256_end(sha, &pieces);

	ck_assert_mem_eq(whole.bytes, vector->bytes[1].at, HF_ID_LEN);
	ck_assert_mem_eq(pieces.bytes, vector->bytes[1].at, HF_ID_LEN);
}

START_TEST(sha256_gives_the_known_digests_whole_and_byte_by_byte)
{
	hf_vectors_each("sha256.txt", 2, check_sha256);
}
END_TEST

START_TEST(a_million_letters_give_the_published_digest)
{
	static const uint8_t published[] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81,
		0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67, 0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20,
		0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0};
	HF_RELEASED(hf_buf) letters = {0};
	struct hf_id digest;

	memset(hf_buf_grow(&letters, 1000000), 'a', 1000000);
	hf_sha256(hf_buf_span(&letters), &digest);

	ck_assert_mem_eq(digest.bytes, published, HF_ID_LEN);
}
END_TEST

START_TEST(a_digest_starts_afresh_after_its_end)
{
	HF_OWNED(hf_sha256) sha = hf_sha256_new();
	struct hf_id first, second, empty;

	hf_sha256_add(sha, hf_span_str("abc"));
	hf_sha256_end(sha, &first);
	hf_sha256_add(sha, hf_span_str("abc"));
	hf_sha256_end(sha, &second);
	ck_assert(hf_id_equal(&first, &second));

	hf_sha256_end(sha, &first);
	hf_sha256(hf_span(NULL, 0), &empty);
	ck_assert(hf_id_equal(&first, &empty));
}
END_TEST

static void check_hmac(const struct hf_vector *vector)
{
	HF_OWNED(hf_hmac) hmac = hf_hmac_new(vector->bytes[0].at);
	struct hf_id whole, pieces;

	hf_hmac_sha256(vector->bytes[0].at, vector->bytes[1], &whole);
	ck_assert_mem_eq(whole.bytes, vector->bytes[2].at, HF_ID_LEN);

	for (size_t message = 0; message < 3; message++) {
		for (size_t i = 0; i < vector->bytes[1].len; i++)
			hf_hmac_add(hmac, hf_span(vector->bytes[1].at + i, 1));
		hf_hmac_end(hmac, &pieces);
		ck_assert_mem_eq(pieces.bytes, vector->bytes[2].at, HF_ID_LEN);
	}
}

START_TEST(hmac_gives_the_known_answers_whole_and_for_each_of_many_messages)
{
	hf_vectors_each("hmac.txt", 3, check_hmac);
}
END_TEST

static void *hash_often(void *arg)
{
	const uint8_t *key = arg;
	struct hf_id *last = hf_calloc(1, sizeof(*last));

	for (size_t i = 0; i < 1000; i++) {
		struct hf_id plain;

		hf_sha256(hf_span(last->bytes, sizeof(last->bytes)), &plain);
		hf_hmac_sha256(key, hf_span(plain.bytes, sizeof(plain.bytes)), last);
	}
	return last;
}

START_TEST(threads_that_hash_at_once_agree)
{
	uint8_t key[32] = {1};
	pthread_t threads[4];
	HF_FREED struct hf_id *expected = NULL;

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_often, key), 0);
	expected = hash_often(key);

	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		void *got = NULL;

		pthread_join(threads[i], &got);
		ck_assert(hf_id_equal(got, expected));
		free(got);
	}
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
	hf_sha256_free(NULL);
	hf_hmac_free(NULL);
}
END_TEST

HF_TEST_MAIN("hash", threads_that_hash_at_once_agree,
	sha256_gives_the_known_digests_whole_and_byte_by_byte,
	a_million_letters_give_the_published_digest, a_digest_starts_afresh_after_its_end,
	hmac_gives_the_known_answers_whole_and_for_each_of_many_messages, freeing_nothing_is_fine)
