#include "backend/base/time.h"

#include <string.h>

#include "tests/lib/test.h"

#define S HF_NS_PER_S
#define DAY (86400 * S)
/* 2026-11-24 22:50:00.5 UTC, a Tuesday. */
#define NOW (INT64_C(1795560600) * S + S / 2)
#define MIDNIGHT (INT64_C(1795478400) * S)

static const struct {
	const char *text;
	int64_t time;
} good[] = {
	{"1970-01-01T00:00:00Z", 0},
	{"2026-11-24T22:50:00Z", NOW - S / 2},
	{"2026-11-24T22:50:00.5Z", NOW},
	{"2026-11-24t22:50:00.5z", NOW},
	{"2026-11-24T22:50:00.500000000999Z", NOW},
	{"2026-11-24T22:50:00.000000001Z", NOW - S / 2 + 1},
	{"2026-11-24T23:50:00.5+01:00", NOW},
	{"2026-11-24T17:20:00.5-05:30", NOW},
	{"2026-11-25T00:50:00.5+0200", NOW},
	{"2026-11-25 00:50:00.5+02", NOW},
	{"2026-11-24 22:50:00.5", NOW},
	{"2026-11-24 22:50", NOW - S / 2},
	{"2026-11-24T22:50", NOW - S / 2},
	{"2026-11-24 22:50Z", NOW - S / 2},
	{"2026-11-24 22:50 UTC", NOW - S / 2},
	{"2026-11-24 22:50 GMT", NOW - S / 2},
	{"2026-11-24 23:50 +01:00", NOW - S / 2},
	{"2026-11-24 21:50-01", NOW - S / 2},
	{"2026-11-24T22-50-00Z", NOW - S / 2},
	{"2026-11-24T22-50-00.5Z", NOW},
	{"2026-11-24T22-50-00", NOW - S / 2},
	{"2026-11-24T22-50", NOW - S / 2},
	{"2026-11-24T22-50Z", NOW - S / 2},
	{"2026-11-24T17-50-00-05:00", NOW - S / 2},
	{"2026-11-24", MIDNIGHT},
	{"20261124T225000Z", NOW - S / 2},
	{"2024-02-29 00:00", INT64_C(1709164800) * S},
	{"2000-02-29T00:00:00Z", INT64_C(951782400) * S},
	{"2016-12-31T23:59:60Z", INT64_C(1483228800) * S},
	{"1969-12-31T23:59:59.5Z", -S / 2},
	{"1677-09-21T00:12:44Z", INT64_C(-9223372036) * S},
	{"2262-04-11T23:47:16.854775807Z", INT64_MAX},
	{"@0", 0},
	{"@1795560600.5", NOW},
	{"@1795560600", NOW - S / 2},
	{"@-1.5", -3 * S / 2},
	{"now", NOW},
	{"NOW", NOW},
	{"today", MIDNIGHT},
	{"yesterday", MIDNIGHT - DAY},
	{"today 14:30", MIDNIGHT + 52200 * S},
	{"yesterday 14:30", MIDNIGHT - DAY + 52200 * S},
	{"Yesterday 14:30:01.25", MIDNIGHT - DAY + 52201 * S + S / 4},
	{"today 00:30 +02:00", MIDNIGHT + DAY - 5400 * S},
	{"2h ago", NOW - 7200 * S},
	{"90s ago", NOW - 90 * S},
	{"5m ago", NOW - 300 * S},
	{"5min ago", NOW - 300 * S},
	{"1 hour ago", NOW - 3600 * S},
	{"2 days 3 hours ago", NOW - 2 * DAY - 3 * 3600 * S},
	{"1h30m ago", NOW - 5400 * S},
	{"2 Weeks ago", NOW - 14 * DAY},
	{"0s ago", NOW},
};

START_TEST(a_time_is_read_in_every_usual_form)
{
	int64_t time;

	ck_ok(hf_time_parse(good[_i].text, NOW, &time, NULL));
	ck_assert_msg(time == good[_i].time, "%s: %lld, not %lld", good[_i].text, (long long)time,
		(long long)good[_i].time);
}
END_TEST

static const char *const bad[] = {
	"",
	" ",
	"x",
	"2026",
	"2026-11",
	"2026-11-24 ",
	" 2026-11-24",
	"2026-11-24T",
	"2026-11-24x",
	"2026-13-01",
	"2026-00-01",
	"2026-01-00",
	"2026-01-32",
	"2026-02-29",
	"1900-02-29",
	"2026-04-31",
	"0000-01-01",
	"26-11-24",
	"2026-1-1",
	"2026/11/24",
	"20261124",
	"20261124T",
	"20261124T1000Z",
	"20261124T100000.5Z",
	"2026-11-24T22",
	"2026-11-24T22:5",
	"2026-11-24T22:50:",
	"2026-11-24T22:50:0",
	"2026-11-24T22:50:00.",
	"2026-11-24T22:50:00.Z",
	"2026-11-24T22:50.5Z",
	"2026-11-24T22:50:00ZZ",
	"2026-11-24T22:50:00 ",
	"2026-11-24T22:50Zx",
	"2026-11-24T22:50:00+",
	"2026-11-24T22:50:00+1",
	"2026-11-24T22:50:00+01:",
	"2026-11-24T22:50:00+01:0",
	"2026-11-24T22:50:00+01:60",
	"2026-11-24T22:50:00+24:00",
	"2026-11-24T22:50:00  Z",
	"2026-11-24T22:50:00CET",
	"2026-11-24T24:00:00Z",
	"2026-11-24T22:60:00Z",
	"2026-11-24T22:50:60Z",
	"2026-11-24T22:59:61Z",
	"2026-11-24  22:50",
	"2026-11-24T22:50-00Z",
	"2026-11-24T22-50:00Z",
	"2026-11-24T22-50-Z",
	"1677-09-21T00:12:43Z",
	"2262-04-11T23:47:16.854775808Z",
	"9999-12-31",
	"@",
	"@-",
	"@x",
	"@1.",
	"@.5",
	"@1x",
	"@1 ",
	"@ 1",
	"@+1",
	"@9223372037",
	"@99999999999999999999",
	"@-9223372038",
	"today14:30",
	"today 14",
	"today 14:30x",
	"todays",
	"tomorrow",
	"today ",
	"today  14:30",
	"yesterday 24:00",
	"ago",
	"2h",
	"2 ago",
	"h ago",
	"2hago",
	"2h  ago",
	"2h ago ",
	"-2h ago",
	"2x ago",
	"2h 3 ago",
	"1.5h ago",
	"2months ago",
	"now ",
	"nowx",
	"99999999999999999999s ago",
	"9223372037s ago",
	"300000w ago",
	"2h\nago",
};

START_TEST(what_is_no_time_is_refused)
{
	int64_t time;

	ck_fails_with(HF_INVALID, bad[_i], hf_time_parse(bad[_i], NOW, &time, NULL));
}
END_TEST

START_TEST(the_caller_learns_whether_a_time_moves_with_the_clock)
{
	static const struct {
		const char *text;
		bool relative;
	} times[] = {{"2026-11-24", false}, {"@5", false}, {"now", true}, {"today", true},
		{"yesterday 10:00", true}, {"2h ago", true}};

	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t time;
		bool relative = !times[i].relative;

		ck_ok(hf_time_parse(times[i].text, NOW, &time, &relative));
		ck_assert_int_eq(relative, times[i].relative);
	}
}
END_TEST

START_TEST(a_time_is_shown_in_utc_in_each_form)
{
	char out[HF_TIME_TEXT];

	ck_assert_str_eq(hf_time_name(NOW, true, out), "2026-11-24T22-50-00.5Z");
	ck_assert_str_eq(hf_time_name(NOW, false, out), "2026-11-24T22-50-00Z");
	ck_assert_str_eq(hf_time_name(NOW - S / 2, true, out), "2026-11-24T22-50-00Z");
	ck_assert_str_eq(hf_time_name(1, true, out), "1970-01-01T00-00-00.000000001Z");
	ck_assert_str_eq(hf_time_rfc3339(NOW, out), "2026-11-24T22:50:00.5Z");
	ck_assert_str_eq(hf_time_rfc3339(-1, out), "1969-12-31T23:59:59.999999999Z");
	ck_assert_str_eq(hf_time_rfc3339(INT64_MAX, out), "2262-04-11T23:47:16.854775807Z");
	ck_assert_str_eq(hf_time_rfc3339(INT64_MIN, out), "1677-09-21T00:12:43.145224192Z");
	ck_assert_str_eq(hf_time_table(NOW, out), "2026-11-24 22:50:00");
	ck_assert_str_eq(hf_time_compact(NOW, out), "20261124T225000Z");
}
END_TEST

START_TEST(every_shown_form_is_read_back_as_the_same_time)
{
	uint64_t state = hf_test_seed();

	for (unsigned i = 0; i < 20000; i++) {
		int64_t time = (int64_t)hf_test_random(&state), second = time / S * S, back;
		char out[HF_TIME_TEXT];

		if (time < INT64_MIN + S)
			continue;
		if (second > time)
			second -= S;
		ck_ok(hf_time_parse(hf_time_name(time, true, out), NOW, &back, NULL));
		ck_assert_int_eq(back, time);
		ck_ok(hf_time_parse(hf_time_rfc3339(time, out), NOW, &back, NULL));
		ck_assert_int_eq(back, time);
		ck_ok(hf_time_parse(hf_time_table(time, out), NOW, &back, NULL));
		ck_assert_int_eq(back, second);
		hf_time_compact(time, out);
		ck_ok(hf_time_parse_compact(out, strlen(out), &back));
		ck_assert_int_eq(back, second);
	}
}
END_TEST

START_TEST(the_compact_form_is_read_to_the_byte)
{
	static const char *const wrong[] = {"", "20261124T100000", "20261124T100000z",
		"20261124t100000Z", "20261124T100000ZZ", "2026-11-24T10:00", "20261324T100000Z",
		"20261124T250000Z", "20261124T10000 Z", "20261124T1000+0Z"};
	int64_t time;

	ck_ok(hf_time_parse_compact("19700101T000001Zrest", 16, &time));
	ck_assert_int_eq(time, S);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_fails(HF_INVALID, hf_time_parse_compact(wrong[i], strlen(wrong[i]), &time));
}
END_TEST

START_TEST(a_duration_is_a_sum_of_numbers_with_units)
{
	static const char *const wrong[] = {
		"", "3", "d", "3x", "-3d", "3d ", " 3d", "3d4", "3 d 4", "1.5h", "106752d", "3dh"};
	int64_t ns;

	ck_ok(hf_duration_parse("3d", &ns));
	ck_assert_int_eq(ns, 3 * DAY);
	ck_ok(hf_duration_parse("12h", &ns));
	ck_assert_int_eq(ns, DAY / 2);
	ck_ok(hf_duration_parse("2w", &ns));
	ck_assert_int_eq(ns, 14 * DAY);
	ck_ok(hf_duration_parse("1h30m", &ns));
	ck_assert_int_eq(ns, 5400 * S);
	ck_ok(hf_duration_parse("1 hour 30 minutes", &ns));
	ck_assert_int_eq(ns, 5400 * S);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_fails(HF_INVALID, hf_duration_parse(wrong[i], &ns));
}
END_TEST

START_TEST(a_duration_is_shown_by_its_two_largest_parts)
{
	static const struct {
		int64_t ns;
		const char *text;
	} durations[] = {{0, "0s"}, {S / 4, "250ms"}, {42 * S, "42s"}, {63 * S, "1m 03s"},
		{3780 * S, "1h 03m"}, {3 * DAY + 4 * 3600 * S, "3d 4h"}, {-42 * S, "-42s"},
		{INT64_MAX, "106751d 23h"}, {INT64_MIN, "-106751d 23h"}};
	char out[HF_TIME_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(durations); i++)
		ck_assert_str_eq(hf_duration_text(durations[i].ns, out), durations[i].text);
}
END_TEST

START_TEST(a_test_can_set_the_clock_and_give_it_back)
{
	int64_t before = hf_time_monotonic();

	hf_time_set(NOW);
	ck_assert_int_eq(hf_time_now(), NOW);
	hf_time_set(0);
	ck_assert_int_gt(hf_time_now(), INT64_C(1600000000) * S);
	ck_assert_int_ne(hf_time_now(), NOW);
	ck_assert_int_ge(hf_time_monotonic(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("time");
	TCase *times = hf_test_case(suite, "time");

	tcase_add_loop_test(times, a_time_is_read_in_every_usual_form, 0, (int)ARRAY_LEN(good));
	tcase_add_loop_test(times, what_is_no_time_is_refused, 0, (int)ARRAY_LEN(bad));
	tcase_add_test(times, the_caller_learns_whether_a_time_moves_with_the_clock);
	tcase_add_test(times, a_time_is_shown_in_utc_in_each_form);
	tcase_add_test(times, every_shown_form_is_read_back_as_the_same_time);
	tcase_add_test(times, the_compact_form_is_read_to_the_byte);
	tcase_add_test(times, a_duration_is_a_sum_of_numbers_with_units);
	tcase_add_test(times, a_duration_is_shown_by_its_two_largest_parts);
	tcase_add_test(times, a_test_can_set_the_clock_and_give_it_back);
	return hf_test_run_suite(suite);
}
