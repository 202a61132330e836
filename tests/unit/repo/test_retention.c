/* What a policy keeps of a source, and why. */
#include "backend/repo/retention.h"

#include <limits.h>

#include "backend/base/time.h"
#include "tests/lib/test.h"

#define HOUR (3600 * HF_NS_PER_S)
#define DAY (24 * HOUR)
#define MOST 4000

static struct hf_retained all[MOST];
static struct hf_decision out[MOST];
static size_t n;

static int64_t at(const char *text)
{
	int64_t time;

	ck_ok(hf_time_parse(text, 0, &time, NULL));
	return time;
}

static struct hf_retained *add(int64_t seen)
{
	struct hf_retained *one = &all[n];

	ck_assert_uint_lt(n, MOST);
	*one = (struct hf_retained){.seen = seen, .moment = seen, .good = true};
	one->id[0] = (uint8_t)(n >> 8);
	one->id[1] = (uint8_t)n;
	n++;
	return one;
}

static size_t count(unsigned why)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += (out[i].keep & why) != 0;
	return found;
}

static size_t kept(void)
{
	return count(UINT_MAX);
}

/* ---- tables: a policy, snapshots as they come, and what becomes of each ---- */

#define NOW "2026-11-24T12:00:00Z" /* a Tuesday */

static const struct table {
	const char *what;
	struct hf_retention policy;
	struct {
		const char *seen;
		const char *decision;
		int64_t ttl;
		bool bad;
	} rows[10];
} tables[] = {
	{"without a rule all stay", {0},
		{{"2020-01-01", "no rule"}, {"2026-11-24", "newest, newest good, no rule"}}},
	{"the last ones", {.last = 2},
		{{"2026-11-01", "no rule keeps it"}, {"2026-11-02", "last"},
			{"2026-11-03", "newest, newest good, last"}}},
	{"the last ones in whichever order they are given", {.last = 1},
		{{"2026-11-03", "newest, newest good, last"}, {"2026-11-01", "no rule keeps it"},
			{"2026-11-02", "no rule keeps it"}}},
	{"the first of each hour", {.hourly = 2},
		{{"2026-11-01 09:59:59", "no rule keeps it"}, {"2026-11-01 10:00", "hourly"},
			{"2026-11-01 10:59:59", "no rule keeps it"}, {"2026-11-01 13:30", "hourly"},
			{"2026-11-01 13:40", "newest, newest good"}}},
	{"the first of each day of UTC, where clocks are turned too", {.daily = 2},
		{{"2026-10-24 23:59:59", "no rule keeps it"}, {"2026-10-25 00:00", "daily"},
			{"2026-10-25 01:30", "no rule keeps it"},
			{"2026-10-25 23:59:59", "no rule keeps it"},
			{"2026-10-26 00:00", "newest, newest good, daily"}}},
	{"the first of each week, which begins on Monday", {.weekly = 2},
		{{"2026-10-25 23:59", "no rule keeps it"}, {"2026-10-26", "weekly"},
			{"2026-11-01 23:59", "no rule keeps it"}, {"2026-11-02", "weekly"},
			{"2026-11-08 23:59", "newest, newest good"}}},
	{"the first of each month, a leap year's too", {.monthly = 3},
		{{"2024-01-31", "no rule keeps it"}, {"2024-02-01", "monthly"},
			{"2024-02-29 23:59", "no rule keeps it"}, {"2024-03-01", "monthly"},
			{"2024-12-31 23:59", "monthly"},
			{"2024-12-31 23:59:59", "newest, newest good"}}},
	{"the first of each year", {.yearly = 3},
		{{"2023-12-31 23:59", "no rule keeps it"}, {"2024-12-31", "yearly"},
			{"2025-01-01", "yearly"}, {"2025-12-31", "no rule keeps it"},
			{"2026-01-01", "newest, newest good, yearly"}}},
	{"years before 1970 are years too", {.yearly = 3},
		{{"@-1", "yearly"}, {"@0", "yearly"}, {"@1", "no rule keeps it"},
			{"1972-01-01", "newest, newest good, yearly"}}},
	{"rules add up", {.last = 1, .daily = 1, .monthly = 2},
		{{"2026-10-05", "monthly"}, {"2026-11-01", "monthly"},
			{"2026-11-02 10:00", "daily"},
			{"2026-11-02 11:00", "newest, newest good, last"}}},
	{"what is near to the newest", {.within = 2 * DAY},
		{{"2026-01-01 00:00", "no rule keeps it"}, {"2026-01-01 00:01", "within"},
			{"2026-01-03 00:01", "newest, newest good, within"}}},
	{"nothing that is young goes by a rule", {.last = 1, .protect = 7 * DAY},
		{{"2026-11-17 12:00:00", "no rule keeps it"}, {"2026-11-17 12:00:01", "protected"},
			{"2026-11-24", "newest, newest good, last, protected"}}},
	{"the newest good one stays behind bad ones", {.last = 1},
		{{"2026-11-01", "no rule keeps it"}, {"2026-11-02", "newest good"},
			{"2026-11-03", "no rule keeps it", 0, true},
			{"2026-11-04", "newest, last", 0, true}}},
	{"a time to live of its own decides alone, and uses up no count",
		{.last = 1, .protect = 7 * DAY},
		{{"2026-11-01", "last"}, {"2026-11-02", "its time to live is over", 22 * DAY},
			{"2026-11-03", "time to live", 22 * DAY},
			{"2026-11-23", "its time to live is over", DAY},
			{"2026-11-24", "newest, newest good", 1}}},
	{"a time to live is over without a rule too", {0},
		{{"2026-11-01", "no rule"}, {"2026-11-02", "its time to live is over", DAY},
			{"2026-11-24", "newest, newest good, no rule"}}},
	{"one alone stays", {.last = 1}, {{"2000-01-01", "newest, newest good", 1}}},
	{"what is dated ahead of now is young", {.last = 1, .protect = 7 * DAY},
		{{"2026-11-01", "no rule keeps it"}, {"2026-11-24 10:00", "protected"},
			{"2036-01-01", "protected"},
			{"2036-01-02", "newest, newest good, last, protected"}}},
};

START_TEST(a_policy_keeps_what_the_table_says)
{
	const struct table *table = &tables[_i];

	for (size_t i = 0; i < ARRAY_LEN(table->rows) && table->rows[i].seen; i++) {
		struct hf_retained *one = add(at(table->rows[i].seen));

		one->ttl = table->rows[i].ttl;
		one->good = !table->rows[i].bad;
	}
	ck_assert(!hf_retention_decide(&table->policy, all, n, at(NOW), out));
	for (size_t i = 0; i < n; i++) {
		HF_RELEASED(hf_buf) text = {0};

		hf_decision_text(&out[i], &text);
		ck_assert_msg(strcmp(hf_buf_text(&text), table->rows[i].decision) == 0,
			"%s: %s: \"%s\", not \"%s\"", table->what, table->rows[i].seen,
			hf_buf_text(&text), table->rows[i].decision);
	}
}
END_TEST

/* ---- who wants good backups gone ---- */

static const struct hf_retention usual = {
	.last = 3, .daily = 7, .weekly = 4, .monthly = 12, .protect = HF_PROTECT_DEFAULT};

/* One each day, before now by 1 … days; those are all[0 … days - 1]. */
static void add_daily(int64_t now, int days)
{
	for (int i = days; i > 0; i--)
		add(now - i * DAY);
}

START_TEST(a_moment_that_is_false_moves_nothing)
{
	const int64_t now = at(NOW);
	static struct hf_decision before[MOST];

	add_daily(now, 100);
	hf_retention_decide(&usual, all, n, now, before);
	for (size_t i = 0; i < n; i++)
		all[i].moment = i % 2 ? INT64_MAX - (int64_t)i : INT64_MIN + (int64_t)i;
	hf_retention_decide(&usual, all, n, now, out);
	ck_assert_mem_eq(out, before, n * sizeof(*out));
}
END_TEST

START_TEST(a_flood_lets_nothing_go_and_is_told)
{
	const int64_t now = at(NOW);

	add_daily(now, 100);
	for (int i = 0; i < 13; i++)
		add(now - HOUR + i);
	ck_assert(hf_retention_decide(&usual, all, n, now, out));
	ck_assert_uint_eq(kept(), n);
	ck_assert_uint_eq(count(HF_KEEP_FLOOD), n);
}
END_TEST

START_TEST(a_flood_dated_a_day_ahead_is_one)
{
	const int64_t now = at(NOW);

	add_daily(now, 100);
	for (int i = 0; i < 24; i++)
		add(now + i * HOUR);
	ck_assert(hf_retention_decide(&usual, all, n, now, out));
	ck_assert_uint_eq(kept(), n);
}
END_TEST

START_TEST(a_flood_of_what_lives_for_a_short_time_is_one)
{
	const int64_t now = at(NOW);

	add_daily(now, 100);
	for (int i = 0; i < 50; i++)
		add(now - HOUR + i)->ttl = 1;
	ck_assert(hf_retention_decide(&usual, all, n, now, out));
	for (int i = 0; i < 100; i++)
		ck_assert(out[i].keep & HF_KEEP_FLOOD);
}
END_TEST

START_TEST(a_flood_that_nobody_saw_pushes_no_first_of_a_period_out)
{
	const int64_t now = at(NOW);
	struct hf_retention periods = usual;

	periods.last = 0;
	add_daily(now, 100);
	hf_retention_decide(&periods, all, n, now, out);
	static struct hf_decision before[MOST];

	memcpy(before, out, sizeof(before));
	/* Behind the first of each of the last 7 days, 100 each: a rhythm like another. */
	for (int day = 1; day <= 7; day++) {
		for (int i = 1; i <= 100; i++)
			add(now - day * DAY + i);
	}
	ck_assert(!hf_retention_decide(&periods, all, n, now, out));
	for (int i = 0; i < 99; i++)
		ck_assert_uint_eq(out[i].keep, before[i].keep);
}
END_TEST

START_TEST(a_steady_rhythm_is_no_flood_once_older_days_are_thinned_out)
{
	const int64_t now = at(NOW);

	for (int month = 12; month > 0; month--)
		add(now - month * 30 * DAY);
	for (int hour = 7 * 24; hour >= 0; hour--)
		add(now - hour * HOUR);
	ck_assert(!hf_retention_decide(&usual, all, n, now, out));
	ck_assert_uint_eq(count(HF_KEEP_FLOOD), 0);
}
END_TEST

/* So that who looks once a month doesn't come too late. */
START_TEST(a_flood_that_is_older_than_what_is_protected_is_one)
{
	const int64_t now = at(NOW);

	for (int i = 0; i < 100; i++)
		add(now - 11 * DAY + i);
	add_daily(now - 10 * DAY, 100);
	ck_assert(hf_retention_decide(&usual, all, n, now, out));
	ck_assert_uint_eq(kept(), n);
	/* Backups that go on don't hide it. */
	add_daily(now, 10);
	ck_assert(hf_retention_decide(&usual, all, n, now, out));
	ck_assert_uint_eq(kept(), n);
}
END_TEST

START_TEST(an_ended_sources_many_a_day_are_thinned_out)
{
	const int64_t end = at(NOW);

	for (int hour = 30 * 24; hour >= 0; hour--)
		add(end - hour * HOUR);
	/* Each night at about the same time, as long as anything is young and after. */
	for (int day = 0; day < 20; day++) {
		size_t left = 0;

		ck_assert(!hf_retention_decide(
			&usual, all, n, end + day * DAY + day % 3 * HOUR, out));
		for (size_t i = 0; i < n; i++) {
			if (out[i].keep)
				all[left++] = all[i];
		}
		n = left;
	}
	ck_assert_uint_lt(n, 20);
}
END_TEST

START_TEST(a_rhythm_that_became_quicker_or_slower_is_no_flood)
{
	const int64_t now = at(NOW);

	for (int day = 60; day > 20; day--)
		add(now - day * DAY);
	for (int hour = 20 * 24; hour >= 0; hour--)
		add(now - hour * HOUR);
	ck_assert(!hf_retention_decide(&usual, all, n, now, out));
	n = 0;
	for (int hour = 60 * 24; hour > 20 * 24; hour--)
		add(now - hour * HOUR);
	add_daily(now, 20);
	ck_assert(!hf_retention_decide(&usual, all, n, now, out));
}
END_TEST

START_TEST(a_clock_that_is_years_ahead_leaves_what_counts_keep)
{
	const int64_t now = at(NOW);

	add_daily(now, 400);
	hf_retention_decide(&usual, all, n, now + 50 * 365 * DAY, out);
	ck_assert_uint_eq(count(HF_KEEP_LAST), 3);
	ck_assert_uint_eq(count(HF_KEEP_DAILY), 7);
	ck_assert_uint_eq(count(HF_KEEP_MONTHLY), 12);
}
END_TEST

START_TEST(a_clock_that_went_back_protects_all_that_is_later)
{
	const int64_t now = at(NOW);

	add_daily(now, 400);
	hf_retention_decide(&usual, all, n, now - 500 * DAY, out);
	ck_assert_uint_eq(kept(), n);
}
END_TEST

START_TEST(the_ends_of_time_do_no_harm)
{
	static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
	const struct hf_retention all_rules = {.last = UINT64_MAX,
		.hourly = UINT64_MAX,
		.daily = 1,
		.weekly = 1,
		.monthly = 1,
		.yearly = UINT64_MAX,
		.within = INT64_MAX,
		.protect = INT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		add(ends[i])->ttl = i == 4 ? INT64_MAX : 0;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		hf_retention_decide(&all_rules, all, n, ends[i], out);
		ck_assert_uint_eq(kept(), n);
	}
	ck_assert(!hf_retention_decide(&all_rules, all, 0, 0, out));
}
END_TEST

START_TEST(forgetting_each_day_comes_to_what_forgetting_once_does)
{
	const int64_t start = at("2024-01-01 03:00");

	/* Each day one backup, and what no rule keeps goes. */
	for (int day = 0; day < 800; day++) {
		size_t left = 0;

		add(start + day * DAY);
		hf_retention_decide(&usual, all, n, start + day * DAY, out);
		for (size_t i = 0; i < n; i++) {
			if (out[i].keep)
				all[left++] = all[i];
		}
		n = left;
	}
	static struct hf_retained often[MOST];
	const size_t n_often = n;

	memcpy(often, all, sizeof(often));
	n = 0;
	for (int day = 0; day < 800; day++)
		add(start + day * DAY);
	hf_retention_decide(&usual, all, n, start + 799 * DAY, out);
	ck_assert_uint_eq(kept(), n_often);
	for (size_t i = 0, k = 0; i < n; i++) {
		if (out[i].keep)
			ck_assert_int_eq(all[i].seen, often[k++].seen);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("retention");
	TCase *tests = hf_test_case(suite, "retention");

	tcase_add_loop_test(tests, a_policy_keeps_what_the_table_says, 0, (int)ARRAY_LEN(tables));
	tcase_add_test(tests, a_moment_that_is_false_moves_nothing);
	tcase_add_test(tests, a_flood_lets_nothing_go_and_is_told);
	tcase_add_test(tests, a_flood_dated_a_day_ahead_is_one);
	tcase_add_test(tests, a_flood_of_what_lives_for_a_short_time_is_one);
	tcase_add_test(tests, a_flood_that_nobody_saw_pushes_no_first_of_a_period_out);
	tcase_add_test(tests, a_steady_rhythm_is_no_flood_once_older_days_are_thinned_out);
	tcase_add_test(tests, a_flood_that_is_older_than_what_is_protected_is_one);
	tcase_add_test(tests, an_ended_sources_many_a_day_are_thinned_out);
	tcase_add_test(tests, a_rhythm_that_became_quicker_or_slower_is_no_flood);
	tcase_add_test(tests, a_clock_that_is_years_ahead_leaves_what_counts_keep);
	tcase_add_test(tests, a_clock_that_went_back_protects_all_that_is_later);
	tcase_add_test(tests, the_ends_of_time_do_no_harm);
	tcase_add_test(tests, forgetting_each_day_comes_to_what_forgetting_once_does);
	return hf_test_run_suite(suite);
}
