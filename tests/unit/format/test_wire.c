#include "backend/format/wire.h"

#include "backend/base/time.h"
#include "backend/format/limits.h"
#include "tests/lib/test.h"

#define VAR_MAX (UINT64_MAX >> 1)

static struct hf_wire wire_of(const char *bytes, size_t len)
{
	return hf_wire(hf_span(bytes, len));
}
#define WIRE(literal) wire_of(literal, sizeof(literal) - 1)

START_TEST(numbers_are_little_endian)
{
	struct hf_wire wire = WIRE("\x01\x02\x01\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x81");

	ck_assert_uint_eq(hf_wire_u8(&wire), 1);
	ck_assert_uint_eq(hf_wire_u16(&wire), 0x0102);
	ck_assert_uint_eq(hf_wire_u32(&wire), 0x01020304);
	ck_assert_uint_eq(hf_wire_u64(&wire), UINT64_C(0x8102030405060708));
	ck_ok(hf_wire_end(&wire, "numbers"));
}
END_TEST

START_TEST(what_is_printed_reads_back)
{
	const struct hf_id id = {{1, 2, 3}};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_id read;
	struct hf_wire wire;

	hf_put_u8(&out, 0xfe);
	hf_put_u16(&out, 0xfedc);
	hf_put_u32(&out, 0xfedcba98);
	hf_put_u64(&out, UINT64_C(0xfedcba9876543210));
	hf_put_sized(&out, hf_span_str("name"));
	hf_put_sized(&out, hf_span(NULL, 0));
	hf_put_id(&out, &id);
	wire = hf_wire(hf_buf_span(&out));

	ck_assert_uint_eq(hf_wire_u8(&wire), 0xfe);
	ck_assert_uint_eq(hf_wire_u16(&wire), 0xfedc);
	ck_assert_uint_eq(hf_wire_u32(&wire), 0xfedcba98);
	ck_assert_uint_eq(hf_wire_u64(&wire), UINT64_C(0xfedcba9876543210));
	ck_assert(hf_span_equal(hf_wire_str(&wire, 4), hf_span_str("name")));
	ck_assert_uint_eq(hf_wire_sized(&wire, 0).len, 0);
	hf_wire_copy(&wire, &read, sizeof(read));
	ck_assert(hf_id_equal(&read, &id));
	ck_ok(hf_wire_end(&wire, "all"));
}
END_TEST

START_TEST(every_length_of_a_var_reads_back_in_its_shortest_form)
{
	for (unsigned bit = 0; bit < 63; bit++) {
		for (int64_t off = -1; off <= 1; off++) {
			const uint64_t value = ((UINT64_C(1) << bit) + off) & VAR_MAX;
			HF_RELEASED(hf_buf) out = {0};
			struct hf_wire wire;

			hf_put_var(&out, value);
			wire = hf_wire(hf_buf_span(&out));

			ck_assert_uint_eq(out.len, hf_var_len(value));
			ck_assert_uint_eq(hf_wire_var(&wire), value);
			ck_ok(hf_wire_end(&wire, "var"));
		}
	}
}
END_TEST

START_TEST(a_var_has_known_bytes)
{
	struct hf_wire wire = WIRE("\x00\x7f\x80\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f");

	ck_assert_uint_eq(hf_wire_var(&wire), 0);
	ck_assert_uint_eq(hf_wire_var(&wire), 127);
	ck_assert_uint_eq(hf_wire_var(&wire), 128);
	ck_assert_uint_eq(hf_wire_var(&wire), 300);
	ck_assert_uint_eq(hf_wire_var(&wire), VAR_MAX);
	ck_ok(hf_wire_end(&wire, "vars"));
}
END_TEST

START_TEST(a_var_that_is_long_large_or_cut_off_is_bad)
{
	struct hf_wire bad[] = {
		WIRE("\x80\x00"),                                 /* zero in two bytes */
		WIRE("\xff\x80\x00"),                             /* 127 in three */
		WIRE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"), /* 2^63 - 1 in ten */
		WIRE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), /* 2^63 */
		WIRE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* 2^64 - 1 */
		WIRE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
		WIRE("\x80"),
		WIRE("\xff\xff"),
		WIRE(""),
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_uint_eq(hf_wire_var(&bad[i]), 0);
		ck_fails_with(HF_CORRUPT, "var: malformed", hf_wire_end(&bad[i], "var"));
	}
}
END_TEST

START_TEST(a_zigzag_keeps_both_ends)
{
	const int64_t values[] = {
		0, -1, 1, -64, 63, 64, -(INT64_C(1) << 62), (INT64_C(1) << 62) - 1};
	const size_t lens[] = {1, 1, 1, 1, 1, 2, 9, 9};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		HF_RELEASED(hf_buf) out = {0};
		struct hf_wire wire;

		hf_put_svar(&out, values[i]);
		wire = hf_wire(hf_buf_span(&out));

		ck_assert_uint_eq(out.len, lens[i]);
		ck_assert_int_eq(hf_wire_svar(&wire), values[i]);
		ck_ok(hf_wire_end(&wire, "svar"));
	}
}
END_TEST

START_TEST(a_time_keeps_its_nanoseconds_on_both_sides_of_1970)
{
	const int64_t last = HF_MAX_TIME_S * HF_NS_PER_S - 1;
	const int64_t times[] = {0, 1, -1, HF_NS_PER_S, -HF_NS_PER_S, -HF_NS_PER_S - 1,
		INT64_C(1795000000123456789), last, -last - 1};

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		HF_RELEASED(hf_buf) out = {0};
		struct hf_wire wire;

		hf_put_time(&out, times[i]);
		wire = hf_wire(hf_buf_span(&out));

		ck_assert_int_eq(hf_wire_time(&wire), times[i]);
		ck_ok(hf_wire_end(&wire, "time"));
	}
}
END_TEST

START_TEST(a_time_beyond_the_format_is_printed_as_the_nearest_that_reads_back)
{
	HF_RELEASED(hf_buf) out = {0};
	struct hf_wire wire;

	hf_put_time(&out, INT64_MAX);
	hf_put_time(&out, INT64_MIN);
	wire = hf_wire(hf_buf_span(&out));

	ck_assert_int_eq(hf_wire_time(&wire), HF_MAX_TIME_S * HF_NS_PER_S - 1);
	ck_assert_int_eq(hf_wire_time(&wire), -HF_MAX_TIME_S * HF_NS_PER_S);
	ck_ok(hf_wire_end(&wire, "times"));
}
END_TEST

START_TEST(a_time_out_of_bounds_is_bad)
{
	const struct {
		int64_t seconds;
		uint64_t ns;
	} bad[] = {{0, HF_NS_PER_S}, {HF_MAX_TIME_S, 0}, {-HF_MAX_TIME_S - 1, 0},
		{(INT64_C(1) << 62) - 1, 0}, {-(INT64_C(1) << 62), 0}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		HF_RELEASED(hf_buf) out = {0};
		struct hf_wire wire;

		hf_put_svar(&out, bad[i].seconds);
		hf_put_var(&out, bad[i].ns);
		wire = hf_wire(hf_buf_span(&out));

		ck_assert_int_eq(hf_wire_time(&wire), 0);
		ck_assert(wire.bad);
	}
}
END_TEST

START_TEST(a_length_is_compared_with_what_is_left)
{
	struct hf_wire wires[] = {WIRE("\x04"
				       "abc"),
		WIRE("\x03"
		     "abc"),
		WIRE("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
		     "abc")};

	ck_assert_uint_eq(hf_wire_sized(&wires[0], 100).len, 0);
	ck_assert(wires[0].bad);
	ck_assert_uint_eq(hf_wire_sized(&wires[1], 2).len, 0);
	ck_assert(wires[1].bad);
	ck_assert_uint_eq(hf_wire_sized(&wires[2], SIZE_MAX).len, 0);
	ck_assert(wires[2].bad);
}
END_TEST

START_TEST(a_string_has_no_nul)
{
	struct hf_wire wire = WIRE("\x03"
				   "a\0b");

	ck_assert_uint_eq(hf_wire_str(&wire, 100).len, 0);
	ck_fails(HF_CORRUPT, hf_wire_end(&wire, "name"));
}
END_TEST

START_TEST(a_count_of_more_things_than_can_be_there_is_bad)
{
	struct hf_wire fits = WIRE("\x02"
				   "abcdef"),
		       over = WIRE("\x02"
				   "abcde"),
		       many = WIRE("\x03"
				   "abcdef"),
		       huge = WIRE("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
				   "abc");

	ck_assert_uint_eq(hf_wire_count(&fits, 3, 10), 2);
	ck_assert(!fits.bad);
	ck_assert_uint_eq(hf_wire_count(&over, 3, 10), 0);
	ck_assert(over.bad);
	ck_assert_uint_eq(hf_wire_count(&many, 1, 2), 0);
	ck_assert(many.bad);
	ck_assert_uint_eq(hf_wire_count(&huge, 48, SIZE_MAX), 0);
	ck_assert(huge.bad);
}
END_TEST

START_TEST(after_a_bad_read_every_read_gives_nothing)
{
	struct hf_wire wire = WIRE("\x01\x02\x03\x04\x05\x06\x07\x08\x09");
	uint8_t bytes[4] = {9, 9, 9, 9};
	const uint8_t zeros[4] = {0};

	ck_assert_uint_eq(hf_wire_bytes(&wire, 10).len, 0);

	ck_assert_uint_eq(hf_wire_u8(&wire), 0);
	ck_assert_uint_eq(hf_wire_u16(&wire), 0);
	ck_assert_uint_eq(hf_wire_u32(&wire), 0);
	ck_assert_uint_eq(hf_wire_u64(&wire), 0);
	ck_assert_uint_eq(hf_wire_var(&wire), 0);
	ck_assert_int_eq(hf_wire_svar(&wire), 0);
	ck_assert_int_eq(hf_wire_time(&wire), 0);
	ck_assert_uint_eq(hf_wire_count(&wire, 1, 10), 0);
	ck_assert_uint_eq(hf_wire_str(&wire, 10).len, 0);
	hf_wire_copy(&wire, bytes, sizeof(bytes));
	ck_assert_mem_eq(bytes, zeros, sizeof(bytes));
	ck_fails(HF_CORRUPT, hf_wire_end(&wire, "all"));
}
END_TEST

START_TEST(bytes_left_over_are_an_error_that_counts_them)
{
	struct hf_wire wire = WIRE("\x01\x02\x03");

	hf_wire_u8(&wire);

	ck_fails_with(HF_CORRUPT, "commit: 2 bytes too many", hf_wire_end(&wire, "commit"));
}
END_TEST

START_TEST(nothing_at_all_is_a_good_input)
{
	struct hf_wire wire = hf_wire(hf_span(NULL, 0));

	hf_wire_copy(&wire, NULL, 0);
	ck_assert_uint_eq(hf_wire_bytes(&wire, 0).len, 0);
	ck_ok(hf_wire_end(&wire, "nothing"));
}
END_TEST

HF_TEST_MAIN("wire", numbers_are_little_endian, what_is_printed_reads_back,
	every_length_of_a_var_reads_back_in_its_shortest_form, a_var_has_known_bytes,
	a_var_that_is_long_large_or_cut_off_is_bad, a_zigzag_keeps_both_ends,
	a_time_keeps_its_nanoseconds_on_both_sides_of_1970,
	a_time_beyond_the_format_is_printed_as_the_nearest_that_reads_back,
	a_time_out_of_bounds_is_bad, a_length_is_compared_with_what_is_left, a_string_has_no_nul,
	a_count_of_more_things_than_can_be_there_is_bad, after_a_bad_read_every_read_gives_nothing,
	bytes_left_over_are_an_error_that_counts_them, nothing_at_all_is_a_good_input)
