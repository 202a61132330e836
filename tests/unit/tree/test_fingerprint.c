/* One content has one fingerprint, however its bytes arrive. */
#include "backend/tree/fingerprint.h"

#include "backend/format/hash.h"
#include "tests/lib/test.h"

#define MIB (1u << 20)

static const struct hf_key secret = {{1, 2, 3}};

static void whole(struct hf_span bytes, uint8_t out[HF_FINGERPRINT_LEN])
{
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(&secret);

	hf_fingerprint_add(fingerprint, bytes);
	hf_fingerprint_end(fingerprint, out);
}

/* As docs/format.md section 7 says it, from the whole content. */
static void by_the_book(struct hf_span bytes, uint8_t out[HF_FINGERPRINT_LEN])
{
	HF_RELEASED(hf_buf) message = {0};
	struct hf_id id;

	for (uint64_t i = 0; i * MIB < bytes.len; i++) {
		struct hf_span piece = {bytes.at + i * MIB, HF_MIN(MIB, bytes.len - i * MIB)};
		bool zero = true;

		for (size_t at = 0; at < piece.len; at++)
			zero = zero && piece.at[at] == 0;
		if (zero)
			continue;
		hf_put_u64(&message, i);
		hf_buf_add_span(&message, piece);
	}
	hf_put_u64(&message, bytes.len);
	hf_hmac_sha256(secret.bytes, hf_buf_span(&message), &id);
	memcpy(out, id.bytes, HF_FINGERPRINT_LEN);
}

/* 3.5 MiB: other bytes, a hole over two borders, other bytes, zeros at the end. */
static void make(struct hf_buf *content)
{
	uint64_t state = hf_test_seed();

	memset(hf_buf_grow(content, 3 * MIB + MIB / 2), 0, 3 * MIB + MIB / 2);
	for (size_t i = 0; i < 1000; i++)
		content->at[i] = (uint8_t)hf_test_random(&state);
	for (size_t i = 2 * MIB + 5000; i < 3 * MIB; i++)
		content->at[i] = (uint8_t)hf_test_random(&state);
}

START_TEST(it_is_what_the_format_says)
{
	HF_RELEASED(hf_buf) content = {0};
	const size_t lengths[] = {0, 1, 999, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 7};
	uint8_t a[HF_FINGERPRINT_LEN], b[HF_FINGERPRINT_LEN];

	make(&content);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		whole(hf_span(content.at, lengths[i]), a);
		by_the_book(hf_span(content.at, lengths[i]), b);
		ck_assert_mem_eq(a, b, sizeof(a));
	}
}
END_TEST

START_TEST(pieces_of_any_size_give_the_same)
{
	HF_RELEASED(hf_buf) content = {0};
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(&secret);
	uint8_t want[HF_FINGERPRINT_LEN], got[HF_FINGERPRINT_LEN];
	uint64_t state = hf_test_seed();

	make(&content);
	whole(hf_buf_span(&content), want);

	for (unsigned round = 0; round < 20; round++) {
		for (size_t at = 0, len; at < content.len; at += len) {
			len = 1 + hf_test_random(&state) % 300000;
			len = HF_MIN(len, content.len - at);
			hf_fingerprint_add(fingerprint, hf_span(content.at + at, len));
		}
		hf_fingerprint_end(fingerprint, got);
		ck_assert_mem_eq(want, got, sizeof(want));
	}
}
END_TEST

START_TEST(a_hole_is_the_same_as_its_zeros)
{
	HF_RELEASED(hf_buf) content = {0};
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(&secret);
	uint8_t want[HF_FINGERPRINT_LEN], got[HF_FINGERPRINT_LEN];

	make(&content);
	whole(hf_buf_span(&content), want);

	for (size_t from = 1000; from < 2 * MIB + 5000; from += 77777) {
		const size_t to = 2 * MIB + 5000;

		hf_fingerprint_add(fingerprint, hf_span(content.at, from));
		hf_fingerprint_skip(fingerprint, to - from);
		hf_fingerprint_add(fingerprint, hf_span(content.at + to, 3 * MIB - to));
		hf_fingerprint_skip(fingerprint, content.len - 3 * MIB);
		hf_fingerprint_end(fingerprint, got);
		ck_assert_mem_eq(want, got, sizeof(want));
	}
}
END_TEST

START_TEST(one_flipped_bit_gives_another)
{
	HF_RELEASED(hf_buf) content = {0};
	uint8_t want[HF_FINGERPRINT_LEN], got[HF_FINGERPRINT_LEN];
	const size_t places[] = {0, 999, 1000, MIB, 2 * MIB - 1, 3 * MIB, 3 * MIB + MIB / 2 - 1};

	make(&content);
	whole(hf_buf_span(&content), want);

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		content.at[places[i]] ^= 0x10;
		whole(hf_buf_span(&content), got);
		content.at[places[i]] ^= 0x10;
		ck_assert_mem_ne(want, got, sizeof(want));
	}
}
END_TEST

HF_TEST_MAIN("fingerprint", it_is_what_the_format_says, pieces_of_any_size_give_the_same,
	a_hole_is_the_same_as_its_zeros, one_flipped_bit_gives_another)
