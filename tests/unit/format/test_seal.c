#include "backend/format/seal.h"

#include "tests/lib/test.h"
#include "tests/lib/vectors.h"

static struct hf_key key_of(struct hf_span bytes)
{
	struct hf_key key;

	ck_assert_uint_eq(bytes.len, sizeof(key.bytes));
	memcpy(key.bytes, bytes.at, sizeof(key.bytes));
	return key;
}

static void check_seal(const struct hf_vector *vector)
{
	const uint64_t place = strtoull(vector->text[0], NULL, 10);
	const struct hf_key key = key_of(vector->bytes[1]);
	const struct hf_span bound = vector->bytes[2], plain = vector->bytes[3],
			     sealed = vector->bytes[4];
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	HF_RELEASED(hf_buf) out = {0};

	hf_seal(sealer, place, bound, plain, hf_buf_grow(&out, sealed.len));
	ck_assert(hf_span_equal(hf_buf_span(&out), sealed));

	hf_buf_clear(&out);
	ck_ok(hf_unseal(sealer, place, bound, sealed, hf_buf_grow(&out, plain.len)));
	ck_assert(hf_span_equal(hf_buf_span(&out), plain));
}

START_TEST(sealed_bytes_are_those_that_another_program_computes)
{
	hf_vectors_each("seal.txt", 5, check_seal);
}
END_TEST

START_TEST(sealing_and_unsealing_in_place_give_the_plain_bytes_back)
{
	const struct hf_key key = {{1}};
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	const struct hf_span bound = hf_span_str("bound");
	uint8_t apart[1000 + HF_TAG_LEN], place[1000 + HF_TAG_LEN], plain[1000];

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 7);
	memcpy(place, plain, sizeof(plain));

	hf_seal(sealer, 64, bound, hf_span(plain, sizeof(plain)), apart);
	hf_seal(sealer, 64, bound, hf_span(place, sizeof(plain)), place);
	ck_assert_mem_eq(place, apart, sizeof(apart));

	ck_ok(hf_unseal(sealer, 64, bound, hf_span(place, sizeof(place)), place));
	ck_assert_mem_eq(place, plain, sizeof(plain));
}
END_TEST

START_TEST(a_flipped_bit_anywhere_is_found_and_leaves_no_plain_byte)
{
	const struct hf_key key = {{1}};
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	const struct hf_span bound = hf_span_str("bound");
	uint8_t sealed[40 + HF_TAG_LEN], out[40];
	const uint8_t plain[40] = {1, 2, 3}, zeros[40] = {0};

	hf_seal(sealer, 64, bound, hf_span(plain, sizeof(plain)), sealed);

	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		memset(out, 9, sizeof(out));
		ck_fails_with(HF_CORRUPT, "tag mismatch",
			hf_unseal(sealer, 64, bound, hf_span(sealed, sizeof(sealed)), out));
		ck_assert_mem_eq(out, zeros, sizeof(out));
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_ok(hf_unseal(sealer, 64, bound, hf_span(sealed, sizeof(sealed)), out));
	ck_assert_mem_eq(out, plain, sizeof(out));
}
END_TEST

START_TEST(another_place_key_or_bound_data_does_not_unseal)
{
	const struct hf_key key = {{1}}, other = {{2}};
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	HF_OWNED(hf_sealer) stranger = hf_sealer_new(&other);
	const struct hf_span bound = hf_span_str("bound");
	uint8_t bytes[5 + HF_TAG_LEN], out[5];
	const struct hf_span sealed = hf_span(bytes, sizeof(bytes));

	hf_seal(sealer, 64, bound, hf_span_str("plain"), bytes);

	ck_fails(HF_CORRUPT, hf_unseal(sealer, 65, bound, sealed, out));
	ck_fails(HF_CORRUPT, hf_unseal(sealer, HF_NONCE_LAST, bound, sealed, out));
	ck_fails(HF_CORRUPT, hf_unseal(sealer, 64, hf_span_str("bounD"), sealed, out));
	ck_fails(HF_CORRUPT, hf_unseal(sealer, 64, hf_span(NULL, 0), sealed, out));
	ck_fails(HF_CORRUPT, hf_unseal(stranger, 64, bound, sealed, out));
	ck_ok(hf_unseal(sealer, 64, bound, sealed, out));
}
END_TEST

START_TEST(what_is_cut_off_is_corrupt)
{
	const struct hf_key key = {{1}};
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	uint8_t sealed[5 + HF_TAG_LEN], out[5];

	hf_seal(sealer, 64, hf_span(NULL, 0), hf_span_str("plain"), sealed);

	for (size_t len = 0; len < sizeof(sealed); len++)
		ck_fails(HF_CORRUPT,
			hf_unseal(sealer, 64, hf_span(NULL, 0), hf_span(sealed, len), out));
}
END_TEST

/* The tag of a big chunk must not hang on what the context sealed or failed to unseal before. */
START_TEST(one_context_serves_any_order_of_calls)
{
	const struct hf_key key = {{1}};
	HF_OWNED(hf_sealer) used = hf_sealer_new(&key);
	const struct hf_span bound = hf_span_str("bound");

	for (uint64_t place = 0; place < 50; place++) {
		HF_OWNED(hf_sealer) fresh = hf_sealer_new(&key);
		uint8_t plain[3000], a[sizeof(plain) + HF_TAG_LEN], b[sizeof(a)];
		const struct hf_span text = hf_span(plain, place * 61);

		memset(plain, (int)place, sizeof(plain));
		hf_seal(used, place, bound, text, a);
		hf_seal(fresh, place, bound, text, b);
		ck_assert_mem_eq(a, b, text.len + HF_TAG_LEN);

		ck_fails(HF_CORRUPT,
			hf_unseal(used, place + 1, bound, hf_span(a, text.len + HF_TAG_LEN), b));
		ck_ok(hf_unseal(used, place, bound, hf_span(a, text.len + HF_TAG_LEN), a));
		if (text.len)
			ck_assert_mem_eq(a, plain, text.len);
	}
}
END_TEST

HF_TEST_MAIN("seal", sealed_bytes_are_those_that_another_program_computes,
	sealing_and_unsealing_in_place_give_the_plain_bytes_back,
	a_flipped_bit_anywhere_is_found_and_leaves_no_plain_byte,
	another_place_key_or_bound_data_does_not_unseal, what_is_cut_off_is_corrupt,
	one_context_serves_any_order_of_calls)
