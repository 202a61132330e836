#include "backend/format/key.h"

#include <pthread.h>

#include "tests/lib/test.h"
#include "tests/lib/vectors.h"

static struct hf_key key_of(struct hf_span bytes)
{
	struct hf_key key;

	ck_assert_uint_eq(bytes.len, sizeof(key.bytes));
	memcpy(key.bytes, bytes.at, sizeof(key.bytes));
	return key;
}

static void check_hkdf(const struct hf_vector *vector)
{
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_derive derive = {
		.repository = vector->bytes[0].at,
		.label = hf_arena_str(&arena, vector->bytes[1].at, vector->bytes[1].len),
		.ikm = vector->bytes[2],
		.context = vector->bytes[3],
	};
	uint8_t *out = hf_arena_alloc(&arena, vector->bytes[4].len);

	hf_derive(&derive, out, vector->bytes[4].len);

	ck_assert_mem_eq(out, vector->bytes[4].at, vector->bytes[4].len);
}

START_TEST(keys_are_derived_as_rfc_5869_and_the_label_say)
{
	hf_vectors_each("hkdf.txt", 5, check_hkdf);
}
END_TEST

START_TEST(every_input_of_a_derivation_changes_its_output)
{
	const uint8_t one[HF_REPO_ID_LEN] = {1}, two[HF_REPO_ID_LEN] = {2};
	const struct hf_span ikm = hf_span_str("secret"), context = hf_span_str("context");
	const struct hf_derive cases[] = {
		{one, "id", ikm, context},
		{two, "id", ikm, context},
		{one, "meta-id", ikm, context},
		{one, "id", context, context},
		{one, "id", ikm, ikm},
		{one, "id", ikm, {NULL, 0}},
	};
	struct hf_key keys[ARRAY_LEN(cases)];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		hf_derive(&cases[i], keys[i].bytes, sizeof(keys[i].bytes));
		for (size_t j = 0; j < i; j++)
			ck_assert_mem_ne(keys[i].bytes, keys[j].bytes, sizeof(keys[i].bytes));
	}
}
END_TEST

static void check_scrypt(const struct hf_vector *vector)
{
	const struct hf_scrypt cost = {
		.log2n = (uint32_t)atoi(vector->text[0]),
		.r = (uint32_t)atoi(vector->text[1]),
		.p = (uint32_t)atoi(vector->text[2]),
	};
	uint8_t out[64];

	ck_ok(hf_scrypt(&cost, vector->bytes[3], vector->bytes[4], out));

	ck_assert_mem_eq(out, vector->bytes[5].at, sizeof(out));
}

START_TEST(scrypt_gives_the_known_answers)
{
	hf_vectors_each("scrypt.txt", 6, check_scrypt);
}
END_TEST

START_TEST(scrypt_refuses_costs_outside_the_limits)
{
	const struct hf_scrypt bad[] = {{14, 8, 1}, {21, 8, 1}, {15, 4, 1}, {15, 16, 1}, {15, 8, 0},
		{15, 8, 5}, {0, 0, 0}, {64 + 15, 8, 1}, {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
	uint8_t out[64];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_INVALID,
			hf_scrypt(&bad[i], hf_span_str("secret"), hf_span_str("salt"), out));
}
END_TEST

static void check_x25519(const struct hf_vector *vector)
{
	static const uint8_t nine[32] = {9};
	const struct hf_key secret = key_of(vector->bytes[0]);
	struct hf_key agreed;

	ck_ok(hf_x25519(&secret, vector->bytes[1].at, &agreed));
	ck_assert_mem_eq(agreed.bytes, vector->bytes[2].at, sizeof(agreed.bytes));

	if (memcmp(vector->bytes[1].at, nine, sizeof(nine)) == 0) {
		uint8_t public_value[32];

		hf_x25519_public(&secret, public_value);
		ck_assert_mem_eq(public_value, vector->bytes[2].at, sizeof(public_value));
	}
}

START_TEST(agreements_are_those_of_rfc_7748)
{
	hf_vectors_each("x25519.txt", 3, check_x25519);
}
END_TEST

/* The points of small order below 2^255 (and p - 1, p, p + 1): every secret agrees on zero. */
START_TEST(a_point_that_agrees_on_nothing_is_refused_and_leaves_no_key)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	const struct hf_key secret = {{1, 2, 3}}, zero = {{0}};

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct hf_key agreed = {{9}};
		struct hf_id point;

		ck_assert(hf_id_parse(points[i], strlen(points[i]), &point));
		ck_fails(HF_CORRUPT, hf_x25519(&secret, point.bytes, &agreed));
		ck_assert_mem_eq(agreed.bytes, zero.bytes, sizeof(zero.bytes));
	}
}
END_TEST

static void check_ed25519(const struct hf_vector *vector)
{
	const struct hf_key seed = key_of(vector->bytes[0]);
	const struct hf_span message = vector->bytes[2];
	uint8_t public_key[32], signature[HF_SIGNATURE_LEN];

	hf_ed25519_public(&seed, public_key);
	hf_ed25519_sign(&seed, message, signature);

	ck_assert_mem_eq(public_key, vector->bytes[1].at, sizeof(public_key));
	ck_assert_mem_eq(signature, vector->bytes[3].at, sizeof(signature));
	ck_assert(hf_ed25519_verify(public_key, message, signature));
}

START_TEST(signatures_are_those_of_rfc_8032)
{
	hf_vectors_each("ed25519.txt", 4, check_ed25519);
}
END_TEST

START_TEST(a_signature_holds_for_no_other_bit_of_message_key_or_itself)
{
	const struct hf_key seed = {{7}};
	uint8_t message[] = "commit", public_key[32], signature[HF_SIGNATURE_LEN];
	const struct hf_span span = hf_span(message, sizeof(message));
	struct {
		uint8_t *at;
		size_t len;
	} parts[] = {{message, sizeof(message)}, {public_key, sizeof(public_key)},
		{signature, sizeof(signature)}};

	hf_ed25519_public(&seed, public_key);
	hf_ed25519_sign(&seed, span, signature);

	for (size_t part = 0; part < ARRAY_LEN(parts); part++) {
		for (size_t bit = 0; bit < parts[part].len * 8; bit++) {
			parts[part].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
			ck_assert(!hf_ed25519_verify(public_key, span, signature));
			parts[part].at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	ck_assert(hf_ed25519_verify(public_key, span, signature));
	ck_assert(!hf_ed25519_verify(public_key, hf_span(NULL, 0), signature));
}
END_TEST

/* S + L signs the same to a lax verifier: two names for one signed commit. */
START_TEST(a_signature_has_one_form_only)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6,
		0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	const struct hf_key seed = {{7}};
	const struct hf_span message = hf_span_str("commit");
	uint8_t public_key[32], signature[HF_SIGNATURE_LEN];
	unsigned carry = 0;

	hf_ed25519_public(&seed, public_key);
	hf_ed25519_sign(&seed, message, signature);
	for (size_t i = 0; i < sizeof(order); i++) {
		carry += (unsigned)signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}

	ck_assert_uint_eq(carry, 0);
	ck_assert(!hf_ed25519_verify(public_key, message, signature));
}
END_TEST

START_TEST(secrets_are_compared_in_whole)
{
	uint8_t a[32] = {1}, b[32] = {1};

	ck_assert(hf_equal_secret(a, b, sizeof(a)));
	ck_assert(hf_equal_secret(a, b, 0));
	for (size_t bit = 0; bit < sizeof(b) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!hf_equal_secret(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(a_key_is_zeros_after_its_release)
{
	const uint8_t zeros[HF_KEY_LEN] = {0};
	struct hf_key key;

	memset(key.bytes, 0xaa, sizeof(key.bytes));
	hf_key_release(&key);

	ck_assert_mem_eq(key.bytes, zeros, sizeof(zeros));
}
END_TEST

START_TEST(a_secret_can_be_set_again_from_a_part_of_itself)
{
	HF_RELEASED(hf_secret) secret = {0};

	hf_secret_set(&secret, hf_span_str("passphrase\n"));
	hf_secret_set(&secret, hf_span(secret.at, secret.len - 1));

	ck_assert_uint_eq(secret.len, 10);
	ck_assert_mem_eq(secret.at, "passphrase", 10);

	hf_secret_set(&secret, hf_span(NULL, 0));
	ck_assert_uint_eq(secret.len, 0);
}
END_TEST

START_TEST(randomness_differs_each_time)
{
	struct hf_key a, b;

	hf_random(a.bytes, sizeof(a.bytes));
	hf_random(b.bytes, sizeof(b.bytes));

	ck_assert_mem_ne(a.bytes, b.bytes, sizeof(a.bytes));
}
END_TEST

START_TEST(seeded_randomness_repeats_until_the_seed_is_taken_away)
{
	const uint8_t seed[32] = {1}, other[32] = {2};
	uint8_t first[100], second[100], again[100];

	hf_random_seed(seed);
	hf_random(first, sizeof(first));
	hf_random(second, sizeof(second));
	ck_assert_mem_ne(first, second, sizeof(first));
	ck_assert_mem_ne(first, first + 32, 32);

	hf_random_seed(seed);
	hf_random(again, sizeof(again));
	ck_assert_mem_eq(again, first, sizeof(first));

	hf_random_seed(other);
	hf_random(again, sizeof(again));
	ck_assert_mem_ne(again, first, sizeof(first));

	hf_random_seed(seed);
	hf_random_seed(NULL);
	hf_random(again, sizeof(again));
	ck_assert_mem_ne(again, first, sizeof(first));
}
END_TEST

static void *draw(void *arg)
{
	for (size_t i = 0; i < 100; i++)
		hf_random(arg, 33);
	return NULL;
}

START_TEST(threads_may_draw_at_once)
{
	const uint8_t seed[32] = {1};
	uint8_t last[4][33];
	pthread_t threads[4];

	hf_random_seed(seed);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, draw, last[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);

	for (size_t i = 1; i < ARRAY_LEN(threads); i++)
		ck_assert_mem_ne(last[i], last[i - 1], sizeof(last[i]));
}
END_TEST

HF_TEST_MAIN("key", keys_are_derived_as_rfc_5869_and_the_label_say,
	every_input_of_a_derivation_changes_its_output, scrypt_gives_the_known_answers,
	scrypt_refuses_costs_outside_the_limits, agreements_are_those_of_rfc_7748,
	a_point_that_agrees_on_nothing_is_refused_and_leaves_no_key,
	signatures_are_those_of_rfc_8032,
	a_signature_holds_for_no_other_bit_of_message_key_or_itself, a_signature_has_one_form_only,
	secrets_are_compared_in_whole, a_key_is_zeros_after_its_release,
	a_secret_can_be_set_again_from_a_part_of_itself, randomness_differs_each_time,
	seeded_randomness_repeats_until_the_seed_is_taken_away, threads_may_draw_at_once)
