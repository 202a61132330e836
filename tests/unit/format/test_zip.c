#include "backend/format/zip.h"

#include <zstd.h>

#include "backend/format/limits.h"
#include "tests/lib/test.h"

#define TEXT "all work and no play makes a dull backup. "

/* Text that repeats with numbers between, so that a part of it compresses. */
static void fill(struct hf_buf *out, size_t len)
{
	for (unsigned i = 0; out->len < len; i++)
		hf_buf_printf(out, "%u " TEXT, i * 2654435761u);
	out->len = len;
}

static void fill_random(struct hf_buf *out, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		const uint8_t byte = (uint8_t)hf_test_random(&seed);

		hf_buf_add(out, &byte, 1);
	}
}

static void check_round_trip(struct hf_zip *zip, int level, struct hf_span plain)
{
	HF_RELEASED(hf_buf) frame = {0};
	HF_RELEASED(hf_buf) out = {0};

	ck_assert(hf_zip_pack(zip, level, plain, &frame));
	ck_assert_uint_lt(frame.len, plain.len);
	ck_ok(hf_zip_unpack(zip, hf_buf_span(&frame), hf_buf_grow(&out, plain.len), plain.len));
	ck_assert(hf_span_equal(hf_buf_span(&out), plain));
}

START_TEST(what_compresses_comes_back_at_every_level_and_size)
{
	const int levels[] = {-5, 1, HF_ZIP_LEVEL, 9};
	const size_t lens[] = {200, 255, 256, 257, 4096, 65791, 65792, 131072, 131073, 1000000};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};

	fill(&plain, 1000000);
	for (size_t l = 0; l < ARRAY_LEN(levels); l++) {
		for (size_t i = 0; i < ARRAY_LEN(lens); i++)
			check_round_trip(zip, levels[l], hf_span(plain.at, lens[i]));
	}
}
END_TEST

/* Level 19 would take a window of 8 MiB, level 22 one of 128, if the chunk were not shorter. */
START_TEST(the_largest_chunk_keeps_the_window_at_every_level)
{
	const int levels[] = {HF_ZIP_LEVEL, 19, 22};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};

	memset(hf_buf_grow(&plain, HF_MAX_CHUNK), 0, HF_MAX_CHUNK);
	plain.len = 0;
	fill(&plain, 100000);
	plain.len = HF_MAX_CHUNK;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		check_round_trip(zip, levels[i], hf_buf_span(&plain));
}
END_TEST

START_TEST(a_frame_is_appended_and_has_the_one_form)
{
	static const uint8_t begin[] = {'x', 0x28, 0xb5, 0x2f, 0xfd, 0};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) frame = {0};

	fill(&plain, 100000);
	hf_buf_add(&frame, "x", 1);
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame));

	ck_assert_mem_eq(frame.at, begin, sizeof(begin));
	ck_assert_uint_le(frame.at[6], 12 << 3);
}
END_TEST

START_TEST(the_same_bytes_give_the_same_frame_whatever_was_packed_before)
{
	HF_OWNED(hf_zip) used = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) large = {0};

	hf_buf_reserve(&large, 1 << 20); /* more room than is needed must not matter */
	fill(&plain, 300000);
	for (size_t len = 1000; len < plain.len; len *= 3) {
		HF_OWNED(hf_zip) fresh = hf_zip_new();
		HF_RELEASED(hf_buf) frame = {0};

		hf_buf_clear(&large);
		ck_assert(hf_zip_pack(used, HF_ZIP_LEVEL, hf_span(plain.at, len), &large));
		ck_assert(hf_zip_pack(fresh, HF_ZIP_LEVEL, hf_span(plain.at, len), &frame));
		ck_assert(hf_span_equal(hf_buf_span(&large), hf_buf_span(&frame)));
	}
}
END_TEST

START_TEST(what_does_not_shrink_is_left_alone)
{
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) frame = {0};

	fill_random(&plain, 200000, hf_test_seed());
	hf_buf_add(&frame, "x", 1);

	for (size_t len = 0; len < 300; len++)
		ck_assert(!hf_zip_pack(zip, HF_ZIP_LEVEL, hf_span(plain.at, len), &frame));
	ck_assert(!hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame));
	ck_assert(!hf_zip_pack(zip, HF_ZIP_LEVEL, hf_span(NULL, 0), &frame));
	ck_assert_uint_eq(frame.len, 1);
	ck_assert_uint_eq(frame.at[0], 'x');

	fill(&plain, 400000); /* the context is fit for work after a refusal */
	check_round_trip(zip, HF_ZIP_LEVEL, hf_buf_span(&plain));
}
END_TEST

START_TEST(another_length_than_the_tables_is_corrupt_and_nothing_is_written_beyond)
{
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) frame = {0};
	HF_FREED uint8_t *to = hf_alloc(200001);

	fill(&plain, 200000);
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame));

	for (size_t len = 1; len < 200000; len = len * 3 + 1) {
		to[len] = 0xa5;
		ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, len));
		ck_assert_uint_eq(to[len], 0xa5);
	}
	to[199999] = 0xa5;
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, 199999));
	ck_assert_uint_eq(to[199999], 0xa5);
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), NULL, 0));
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, 200001));
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, HF_MAX_CHUNK + 1));
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, SIZE_MAX));
	ck_ok(hf_zip_unpack(zip, hf_buf_span(&frame), to, 200000));
}
END_TEST

START_TEST(a_frame_cut_off_or_with_more_behind_is_corrupt)
{
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) frame = {0};
	uint8_t to[2000];

	fill(&plain, sizeof(to));
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame));

	for (size_t len = 0; len < frame.len; len++) {
		/* a copy, so that a read beyond it is seen */
		HF_RELEASED(hf_buf) cut = {0};

		hf_buf_add(&cut, frame.at, len);
		ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&cut), to, sizeof(to)));
	}
	hf_buf_add(&frame, "", 1);
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&frame), to, sizeof(to)));
}
END_TEST

START_TEST(several_frames_and_skippable_ones_are_corrupt)
{
	static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) twice = {0};
	HF_RELEASED(hf_buf) after = {0};
	HF_RELEASED(hf_buf) before = {0};
	uint8_t to[2000];

	fill(&plain, sizeof(to));
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_span(plain.at, 1000), &twice));
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_span(plain.at + 1000, 1000), &twice));
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &after));
	hf_buf_add(&before, skippable, sizeof(skippable));
	hf_buf_add_span(&before, hf_buf_span(&after));
	hf_buf_add(&after, skippable, sizeof(skippable));

	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&twice), to, sizeof(to)));
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&after), to, sizeof(to)));
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&before), to, sizeof(to)));
}
END_TEST

START_TEST(a_frame_of_another_form_is_corrupt)
{
	const ZSTD_cParameter flags[] = {ZSTD_c_contentSizeFlag, ZSTD_c_checksumFlag};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) wide = {0};
	uint8_t to[2000], frame[4000];

	fill(&plain, sizeof(to));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		ZSTD_CCtx *other = ZSTD_createCCtx();
		size_t len;

		ZSTD_CCtx_setParameter(other, ZSTD_c_contentSizeFlag, 0);
		ZSTD_CCtx_setParameter(other, flags[i], 1);
		len = ZSTD_compress2(other, frame, sizeof(frame), plain.at, plain.len);
		ck_assert(!ZSTD_isError(len));
		ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_span(frame, len), to, sizeof(to)));
		ZSTD_freeCCtx(other);
	}

	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &wide));
	wide.at[5] = 12 << 3; /* 4 MiB */
	ck_ok(hf_zip_unpack(zip, hf_buf_span(&wide), to, sizeof(to)));
	wide.at[5] = (12 << 3) + 1; /* 4.5 MiB */
	ck_fails(HF_CORRUPT, hf_zip_unpack(zip, hf_buf_span(&wide), to, sizeof(to)));
}
END_TEST

START_TEST(a_flipped_bit_does_no_harm)
{
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) plain = {0};
	HF_RELEASED(hf_buf) frame = {0};
	HF_FREED uint8_t *to = hf_alloc(2000);

	fill(&plain, 2000);
	ck_assert(hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame));

	for (size_t bit = 0; bit < frame.len * 8; bit++) {
		frame.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* either is fine: the seal and the id find what zstd does not */
		hf_error_free(hf_zip_unpack(zip, hf_buf_span(&frame), to, 2000));
		frame.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_ok(hf_zip_unpack(zip, hf_buf_span(&frame), to, 2000));
	ck_assert_mem_eq(to, plain.at, 2000);
}
END_TEST

HF_TEST_MAIN("zip", what_compresses_comes_back_at_every_level_and_size,
	the_largest_chunk_keeps_the_window_at_every_level, a_frame_is_appended_and_has_the_one_form,
	the_same_bytes_give_the_same_frame_whatever_was_packed_before,
	what_does_not_shrink_is_left_alone,
	another_length_than_the_tables_is_corrupt_and_nothing_is_written_beyond,
	a_frame_cut_off_or_with_more_behind_is_corrupt,
	several_frames_and_skippable_ones_are_corrupt, a_frame_of_another_form_is_corrupt,
	a_flipped_bit_does_no_harm)
