#include "backend/repo/retention.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/time.h"

#define HOUR (3600 * HF_NS_PER_S)
#define DAY (24 * HOUR)
#define FLOOD_TIMES 4
#define FLOOD_MORE 8
#define LEAST_DAYS 3 /* that a source which ended is judged by */

static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int hf_retained_compare(const void *one, const void *other)
{
	const struct hf_retained *a = one, *b = other;
	int way = order(a->seen, b->seen);

	if (way == 0)
		way = order(a->moment, b->moment);
	return way ? way : memcmp(a->id, b->id, sizeof(a->id));
}

static int compare_pointers(const void *one, const void *other)
{
	return hf_retained_compare(
		*(const struct hf_retained *const *)one, *(const struct hf_retained *const *)other);
}

/* One source under decision, oldest first. */
struct choice {
	const struct hf_retention *policy;
	const struct hf_retained *all, **at;
	struct hf_decision *out;
	size_t n;
	int64_t now;
};

static void keep(struct choice *choice, size_t i, enum hf_keep why)
{
	choice->out[choice->at[i] - choice->all].keep |= why;
}

/* How long ago; never less than 0 and never an overflow, whatever the clocks said. */
static int64_t age(const struct choice *choice, size_t i)
{
	int64_t ago;

	if (choice->at[i]->seen >= choice->now)
		return 0;
	return __builtin_sub_overflow(choice->now, choice->at[i]->seen, &ago) ? INT64_MAX : ago;
}

/* ---- periods ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Months since year 0 of the day that is so many days after 1970-01-01 (Hinnant's algorithm). */
static int64_t month_of(int64_t days)
{
	const int64_t shifted = days + 719468, era = floor_div(shifted, 146097);
	const int64_t of_era = shifted - era * 146097;
	const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);

	/* Years of this count begin in March. */
	return (year + era * 400) * 12 + (5 * of_year + 2) / 153 + 2;
}

/* The number of the period that a time is in. Weeks begin on Mondays; 1970-01-01 was a Thursday. */
static int64_t period_of(int64_t time, enum hf_keep rule)
{
	const int64_t days = floor_div(time, DAY);

	switch (rule) {
	case HF_KEEP_HOURLY:
		return floor_div(time, HOUR);
	case HF_KEEP_WEEKLY:
		return floor_div(days + 3, 7);
	case HF_KEEP_MONTHLY:
		return month_of(days);
	case HF_KEEP_YEARLY:
		return floor_div(month_of(days), 12);
	default:
		return days;
	}
}

/*
 * The first one of each of the newest `most` periods that have any. The first, since more of them
 * can be added behind it, but none before it.
 */
static void keep_periods(struct choice *choice, enum hf_keep rule, uint64_t most)
{
	size_t first = choice->n;

	for (size_t i = choice->n; i > 0; i--) {
		const struct hf_retained *one = choice->at[i - 1];

		if (one->ttl)
			continue;
		if (first < choice->n &&
			period_of(one->seen, rule) != period_of(choice->at[first]->seen, rule)) {
			if (most == 0)
				return;
			keep(choice, first, rule);
			most--;
		}
		first = i - 1;
	}
	if (first < choice->n && most > 0)
		keep(choice, first, rule);
}

static void keep_last(struct choice *choice, uint64_t most)
{
	for (size_t i = choice->n; i > 0 && most > 0; i--) {
		if (choice->at[i - 1]->ttl)
			continue;
		keep(choice, i - 1, HF_KEEP_LAST);
		most--;
	}
}

/* From the newest on, so that a source that is not backed up any more doesn't fade away. */
static void keep_within(struct choice *choice, int64_t within)
{
	const int64_t newest = choice->at[choice->n - 1]->seen;
	int64_t from;

	if (within <= 0 || __builtin_sub_overflow(HF_MIN(newest, choice->now), within, &from))
		return;
	for (size_t i = 0; i < choice->n; i++) {
		if (choice->at[i]->ttl == 0 && choice->at[i]->seen >= from)
			keep(choice, i, HF_KEEP_WITHIN);
	}
}

/* ---- what no rule may touch ---- */

static void keep_young(struct choice *choice)
{
	for (size_t i = 0; i < choice->n; i++) {
		if (choice->at[i]->ttl == 0 && age(choice, i) < choice->policy->protect)
			keep(choice, i, HF_KEEP_PROTECTED);
	}
}

static void keep_newest(struct choice *choice)
{
	keep(choice, choice->n - 1, HF_KEEP_NEWEST);
	for (size_t i = choice->n; i > 0; i--) {
		if (choice->at[i - 1]->good) {
			keep(choice, i - 1, HF_KEEP_GOOD);
			return;
		}
	}
}

static void follow_ttls(struct choice *choice)
{
	for (size_t i = 0; i < choice->n; i++) {
		const int64_t ttl = choice->at[i]->ttl;

		if (ttl && age(choice, i) < ttl)
			keep(choice, i, HF_KEEP_TTL);
		else if (ttl)
			choice->out[choice->at[i] - choice->all].expired = true;
	}
}

/* ---- a flood ---- */

/* How many of one day (24 hours, back from now) there are. */
struct day {
	size_t n;
	bool young;  /* one of them is younger than `protect` */
	bool judged; /* so, or a rule lets one of them go: it was not thinned out yet */
};

static int compare_days(const void *one, const void *other)
{
	const struct day *a = one, *b = other;

	return (a->n > b->n) - (a->n < b->n);
}

/* Those with a ttl count too: they are no less of a flood. */
static size_t count_days(const struct choice *choice, struct day *days)
{
	size_t n = 0;
	int64_t last = -1;

	for (size_t i = choice->n; i > 0; i--) {
		const int64_t ago = age(choice, i - 1);
		const bool young = ago < choice->policy->protect;
		const bool goes = choice->at[i - 1]->ttl == 0 &&
			choice->out[choice->at[i - 1] - choice->all].keep == 0;

		if (ago / DAY != last)
			days[n++] = (struct day){0};
		last = ago / DAY;
		days[n - 1].n++;
		days[n - 1].young |= young;
		days[n - 1].judged |= young || goes;
	}
	return n;
}

/* Those that are young, or all that are judged, come first; how many. */
static size_t pick_days(struct day *days, size_t n, bool young)
{
	size_t picked = 0;

	for (size_t i = 0; i < n; i++) {
		if (young ? days[i].young : days[i].judged)
			days[picked++] = days[i];
	}
	qsort(days, picked, sizeof(*days), compare_days);
	return picked;
}

/* A day alone is judged as of a source with one snapshot a day; of two, by the lesser. */
static size_t rhythm_of(const struct day *days, size_t n)
{
	return n <= 1 ? 1 : days[(n - 1) / 2].n;
}

static bool is_flood(const struct choice *choice)
{
	HF_FREED struct day *days = hf_calloc(choice->n, sizeof(*days));
	const size_t n = pick_days(days, count_days(choice, days), false);
	const size_t most = n ? days[n - 1].n : 0;
	const size_t rhythm = rhythm_of(days, n);
	const size_t young = pick_days(days, n, true);

	if (choice->policy->protect <= 0 || age(choice, 0) < choice->policy->protect)
		return false; /* nothing could go */
	/* An ended source is thinned out from its first day on: of its last ones alone, which may
	 * have been many each day, nothing can be told. */
	if (young == 0 && n < LEAST_DAYS)
		return false;
	return most > FLOOD_TIMES * HF_MAX(rhythm, young ? rhythm_of(days, young) : 0) + FLOOD_MORE;
}

static bool has_rules(const struct hf_retention *policy)
{
	return policy->last || policy->hourly || policy->daily || policy->weekly ||
		policy->monthly || policy->yearly || policy->within > 0;
}

static void keep_all(struct choice *choice, enum hf_keep why)
{
	for (size_t i = 0; i < choice->n; i++) {
		if (choice->at[i]->ttl == 0)
			keep(choice, i, why);
	}
}

static void apply_rules(struct choice *choice)
{
	const struct hf_retention *policy = choice->policy;

	keep_last(choice, policy->last);
	keep_periods(choice, HF_KEEP_HOURLY, policy->hourly);
	keep_periods(choice, HF_KEEP_DAILY, policy->daily);
	keep_periods(choice, HF_KEEP_WEEKLY, policy->weekly);
	keep_periods(choice, HF_KEEP_MONTHLY, policy->monthly);
	keep_periods(choice, HF_KEEP_YEARLY, policy->yearly);
	keep_within(choice, policy->within);
	keep_young(choice);
}

bool hf_retention_decide(const struct hf_retention *policy, const struct hf_retained *all, size_t n,
	int64_t now, struct hf_decision *out)
{
	struct choice choice = {.policy = policy, .all = all, .out = out, .n = n, .now = now};
	bool flood = false;

	memset(out, 0, n * sizeof(*out));
	if (n == 0)
		return false;
	choice.at = hf_calloc(n, sizeof(struct hf_retained *));
	for (size_t i = 0; i < n; i++)
		choice.at[i] = &all[i];
	qsort(choice.at, n, sizeof(struct hf_retained *), compare_pointers);
	keep_newest(&choice);
	follow_ttls(&choice);
	if (!has_rules(policy)) {
		keep_all(&choice, HF_KEEP_NO_RULE);
	} else {
		apply_rules(&choice);
		flood = is_flood(&choice);
	}
	if (flood)
		keep_all(&choice, HF_KEEP_FLOOD);
	free(choice.at);
	return flood;
}

void hf_decision_text(const struct hf_decision *decision, struct hf_buf *out)
{
	static const char *const reasons[] = {"newest", "newest good", "last", "hourly", "daily",
		"weekly", "monthly", "yearly", "within", "protected", "time to live", "no rule",
		"flood"};
	const char *comma = "";

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		if (!(decision->keep & (1u << i)))
			continue;
		hf_buf_printf(out, "%s%s", comma, reasons[i]);
		comma = ", ";
	}
	if (decision->keep == 0)
		hf_buf_printf(out, "%s",
			decision->expired ? "its time to live is over" : "no rule keeps it");
}
