/* Clocks, and times as text. */
#include "backend/base/time.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define S_PER_DAY INT64_C(86400)

static _Atomic int64_t set_now;

int64_t hf_time_now(void)
{
	int64_t set = atomic_load(&set_now);
	struct timespec wall;

	if (set)
		return set;
	clock_gettime(CLOCK_REALTIME, &wall);
	return wall.tv_sec * HF_NS_PER_S + wall.tv_nsec;
}

void hf_time_set(int64_t now)
{
	atomic_store(&set_now, now);
}

bool hf_time_is_set(void)
{
	return atomic_load(&set_now) != 0;
}

int64_t hf_time_monotonic(void)
{
	struct timespec boot;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	return boot.tv_sec * HF_NS_PER_S + boot.tv_nsec;
}

struct civil {
	int year;
	unsigned month, day, hour, minute, second, fraction;
};

/* The calendar of 400-year eras that begin in March, so that the leap day comes last. */
static void civil_of_days(int64_t days, struct civil *out)
{
	int64_t since = days + 719468, era = (since >= 0 ? since : since - 146096) / 146097;
	unsigned day_of_era = (unsigned)(since - era * 146097);
	unsigned year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * day_of_year + 2) / 153;

	out->day = day_of_year - (153 * month + 2) / 5 + 1;
	out->month = month < 10 ? month + 3 : month - 9;
	out->year = (int)(era * 400) + (int)year + (out->month <= 2);
}

static struct civil civil_of(int64_t time)
{
	int64_t second = time / HF_NS_PER_S - (time % HF_NS_PER_S < 0);
	int64_t day = second / S_PER_DAY - (second % S_PER_DAY < 0);
	unsigned of_day = (unsigned)(second - day * S_PER_DAY);
	int64_t fraction = time % HF_NS_PER_S;
	struct civil civil = {.hour = of_day / 3600,
		.minute = of_day / 60 % 60,
		.second = of_day % 60,
		.fraction = (unsigned)(fraction < 0 ? fraction + HF_NS_PER_S : fraction)};

	civil_of_days(day, &civil);
	return civil;
}

/* ".5", "" for 0: at most ten characters and a NUL. */
static const char *fraction_text(unsigned fraction, char out[12])
{
	int n;

	out[0] = '\0';
	if (!fraction)
		return out;
	n = snprintf(out, 12, ".%09u", fraction % 1000000000u);
	while (n > 0 && out[n - 1] == '0')
		out[--n] = '\0';
	return out;
}

const char *hf_time_name(int64_t time, bool fraction, char out[HF_TIME_TEXT])
{
	struct civil c = civil_of(time);
	char part[12];

	snprintf(out, HF_TIME_TEXT, "%04d-%02u-%02uT%02u-%02u-%02u%sZ", c.year, c.month, c.day,
		c.hour, c.minute, c.second, fraction_text(fraction ? c.fraction : 0, part));
	return out;
}

const char *hf_time_rfc3339(int64_t time, char out[HF_TIME_TEXT])
{
	struct civil c = civil_of(time);
	char part[12];

	snprintf(out, HF_TIME_TEXT, "%04d-%02u-%02uT%02u:%02u:%02u%sZ", c.year, c.month, c.day,
		c.hour, c.minute, c.second, fraction_text(c.fraction, part));
	return out;
}

const char *hf_time_table(int64_t time, char out[HF_TIME_TEXT])
{
	struct civil c = civil_of(time);

	snprintf(out, HF_TIME_TEXT, "%04d-%02u-%02u %02u:%02u:%02u", c.year, c.month, c.day, c.hour,
		c.minute, c.second);
	return out;
}

const char *hf_time_compact(int64_t time, char out[HF_TIME_TEXT])
{
	struct civil c = civil_of(time);

	snprintf(out, HF_TIME_TEXT, "%04d%02u%02uT%02u%02u%02uZ", c.year, c.month, c.day, c.hour,
		c.minute, c.second);
	return out;
}

const char *hf_duration_text(int64_t ns, char out[HF_TIME_TEXT])
{
	const char *sign = ns < 0 ? "-" : "";
	uint64_t length = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	uint64_t s = length / (uint64_t)HF_NS_PER_S;

	if (length && !s)
		snprintf(out, HF_TIME_TEXT, "%s%ums", sign, (unsigned)(length / 1000000));
	else if (s < 60)
		snprintf(out, HF_TIME_TEXT, "%s%us", sign, (unsigned)s);
	else if (s < 3600)
		snprintf(out, HF_TIME_TEXT, "%s%um %02us", sign, (unsigned)(s / 60),
			(unsigned)(s % 60));
	else if (s < 86400)
		snprintf(out, HF_TIME_TEXT, "%s%uh %02um", sign, (unsigned)(s / 3600),
			(unsigned)(s / 60 % 60));
	else
		snprintf(out, HF_TIME_TEXT, "%s%ud %uh", sign, (unsigned)(s / 86400),
			(unsigned)(s / 3600 % 24));
	return out;
}
