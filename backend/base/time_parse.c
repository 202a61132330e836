/*
 * Times and durations as people and programs write them. Every form is read by one function that
 * moves a cursor and says whether it fits; a text is a time if one form fits it to its last byte.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "backend/base/time.h"

#define S_PER_DAY INT64_C(86400)

/* A number of exactly n digits. */
static bool read_digits(const char **at, unsigned n, unsigned *out)
{
	unsigned number = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		number = number * 10 + (unsigned)((*at)[i] - '0');
	}
	*at += n;
	*out = number;
	return true;
}

static bool read_char(const char **at, const char *any_of)
{
	if (!**at || !strchr(any_of, **at))
		return false;
	++*at;
	return true;
}

/* The word at the front, letters only; case does not matter. */
static bool read_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncasecmp(*at, word, len) != 0 || isalpha((unsigned char)(*at)[len]))
		return false;
	*at += len;
	return true;
}

/* ".123" in nanoseconds, what is finer is cut off; absent is 0. */
static bool read_fraction(const char **at, int64_t *ns)
{
	int64_t unit = HF_NS_PER_S;

	*ns = 0;
	if (!read_char(at, "."))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); ++*at) {
		unit /= 10;
		*ns += unit * (**at - '0');
	}
	return true;
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2), era = y / 400;
	unsigned year_of_era = (unsigned)(y - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		day_of_year - 719468;
}

static bool read_date(const char **at, bool dashes, int64_t *days)
{
	static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned year, month, day;

	if (!read_digits(at, 4, &year) || (dashes && !read_char(at, "-")) ||
		!read_digits(at, 2, &month) || (dashes && !read_char(at, "-")) ||
		!read_digits(at, 2, &day))
		return false;
	if (!year || !month || month > 12 || !day ||
		day > lengths[month - 1] + (unsigned)(month == 2 && is_leap(year)))
		return false;
	*days = days_of(year, month, day);
	return true;
}

/* What stands between hours and minutes stands before the seconds too, or there are none. */
static bool read_seconds(const char **at, char separator, unsigned *second, int64_t *fraction)
{
	if (!separator)
		return read_digits(at, 2, second);
	if (**at != separator || !isdigit((unsigned char)(*at)[1]))
		return true;
	++*at;
	return read_digits(at, 2, second) && read_fraction(at, fraction);
}

/* HH:MM[:SS[.fraction]] with one of the separators; HHMMSS if there are none. */
static bool read_clock(const char **at, const char *separators, int64_t *ns)
{
	unsigned hour, minute, second = 0;
	int64_t fraction = 0;
	char separator;

	if (!read_digits(at, 2, &hour))
		return false;
	separator = *separators ? **at : '\0';
	if ((*separators && !read_char(at, separators)) || !read_digits(at, 2, &minute) ||
		!read_seconds(at, separator, &second, &fraction))
		return false;
	/* A leap second is the first of the next minute here, as for the kernel. */
	if (hour > 23 || minute > 59 || second > 60 || (second == 60 && minute != 59))
		return false;
	*ns = ((int64_t)hour * 3600 + minute * 60 + second) * HF_NS_PER_S + fraction;
	return true;
}

/* "Z", "UTC", "+02", "+0200", "-02:30", one space before it or none; absent is UTC. Seconds east.
 */
static bool read_zone(const char **at, int64_t *seconds)
{
	unsigned hour, minute = 0;
	int64_t sign;

	*seconds = 0;
	if (!**at)
		return true;
	if (**at == ' ')
		++*at;
	if (read_word(at, "z") || read_word(at, "utc") || read_word(at, "gmt"))
		return true;
	sign = **at == '-' ? -1 : 1;
	if (!read_char(at, "+-") || !read_digits(at, 2, &hour))
		return false;
	if (read_char(at, ":") || **at)
		if (!read_digits(at, 2, &minute))
			return false;
	if (hour > 23 || minute > 59)
		return false;
	*seconds = sign * ((int64_t)hour * 3600 + minute * 60);
	return true;
}

/* days and ns of the day, east of UTC; false when that is beyond what 64 bits of ns can tell. */
static bool compose(int64_t days, int64_t ns, int64_t east_s, int64_t *out)
{
	int64_t seconds = days * S_PER_DAY - east_s + ns / HF_NS_PER_S, whole;

	return !__builtin_mul_overflow(seconds, HF_NS_PER_S, &whole) &&
		!__builtin_add_overflow(whole, ns % HF_NS_PER_S, out);
}

/* A date, a date and a time, a compact one. */
static bool read_calendar(const char *at, int64_t *out)
{
	bool dashes = strlen(at) > 4 && at[4] == '-';
	int64_t days, ns = 0, east = 0;

	if (!read_date(&at, dashes, &days))
		return false;
	if ((*at || !dashes) &&
		(!read_char(&at, "Tt ") || !read_clock(&at, dashes ? ":-" : "", &ns) ||
			!read_zone(&at, &east)))
		return false;
	return !*at && compose(days, ns, east, out);
}

/* "today", "yesterday 14:30": in the zone that stands behind, else in UTC. */
static bool read_day_word(const char *at, int64_t now, int64_t *out)
{
	bool yesterday = read_word(&at, "yesterday");
	int64_t ns = 0, east = 0, seconds;

	if (!yesterday && !read_word(&at, "today"))
		return false;
	if (*at && (!read_char(&at, " ") || !read_clock(&at, ":", &ns) || !read_zone(&at, &east)))
		return false;
	if (*at)
		return false;
	seconds = now / HF_NS_PER_S - (now % HF_NS_PER_S < 0) + east;
	return compose(seconds / S_PER_DAY - (seconds % S_PER_DAY < 0) - yesterday, ns, east, out);
}

static bool read_epoch(const char *at, int64_t *out)
{
	bool negative;
	int64_t seconds = 0, ns;

	if (!read_char(&at, "@"))
		return false;
	negative = read_char(&at, "-");
	if (!isdigit((unsigned char)*at))
		return false;
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(seconds, 10, &seconds) ||
			__builtin_add_overflow(seconds, *at - '0', &seconds))
			return false;
	if (!read_fraction(&at, &ns) || *at)
		return false;
	return compose(0, negative ? -ns : ns, negative ? seconds : -seconds, out);
}

/* The word of a unit, in seconds; 0: none. */
static int64_t read_unit(const char **at)
{
	static const struct {
		const char *words[5];
		int64_t seconds;
	} units[] = {
		{{"s", "sec", "secs", "second", "seconds"}, 1},
		{{"m", "min", "mins", "minute", "minutes"}, 60},
		{{"h", "hr", "hrs", "hour", "hours"}, 3600},
		{{"d", "day", "days"}, S_PER_DAY},
		{{"w", "week", "weeks"}, 7 * S_PER_DAY},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		for (size_t k = 0; k < 5 && units[i].words[k]; k++)
			if (read_word(at, units[i].words[k]))
				return units[i].seconds;
	return 0;
}

/* "90s", "1h30m", "2 days 3 hours": any number of parts, which add up. */
static bool read_parts(const char **at, int64_t *out)
{
	*out = 0;
	do {
		int64_t number = 0, unit, ns;

		if (!isdigit((unsigned char)**at))
			return false;
		for (; isdigit((unsigned char)**at); ++*at)
			if (__builtin_mul_overflow(number, 10, &number) ||
				__builtin_add_overflow(number, **at - '0', &number))
				return false;
		read_char(at, " ");
		unit = read_unit(at);
		if (!unit || __builtin_mul_overflow(number, unit * HF_NS_PER_S, &ns) ||
			__builtin_add_overflow(*out, ns, out))
			return false;
		if (**at == ' ' && isdigit((unsigned char)(*at)[1]))
			++*at;
	} while (isdigit((unsigned char)**at));
	return true;
}

static bool read_ago(const char *at, int64_t now, int64_t *out)
{
	int64_t length;

	return read_parts(&at, &length) && read_char(&at, " ") && read_word(&at, "ago") && !*at &&
		!__builtin_sub_overflow(now, length, out);
}

hf_err hf_time_parse(const char *text, int64_t now, int64_t *out, bool *relative)
{
	bool depends = false, fits = read_calendar(text, out) || read_epoch(text, out);

	if (!fits) {
		depends = true;
		*out = now;
		fits = strcasecmp(text, "now") == 0 || read_day_word(text, now, out) ||
			read_ago(text, now, out);
	}
	if (relative)
		*relative = depends;
	if (fits)
		return NULL;
	return hf_error_new(HF_INVALID,
		"\"%s\" is not a time, or none from 1678 to 2261; hint: 2026-11-24T10:00:00Z, "
		"\"2026-11-24 10:00\", "
		"@1795514400, "
		"\"yesterday 14:30\", \"2h ago\"",
		text);
}

hf_err hf_time_parse_compact(const char *text, size_t len, int64_t *out)
{
	char copy[17];
	const char *at = copy;
	int64_t days, ns;

	if (len == 16) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (read_date(&at, false, &days) && read_char(&at, "T") &&
			read_clock(&at, "", &ns) && read_char(&at, "Z") &&
			compose(days, ns, 0, out))
			return NULL;
	}
	return hf_error_new(HF_INVALID, "not a time of the form 20261124T100000Z");
}

hf_err hf_duration_parse(const char *text, int64_t *out)
{
	const char *at = text;

	if (read_parts(&at, out) && !*at)
		return NULL;
	return hf_error_new(
		HF_INVALID, "\"%s\" is not a duration; hint: 90s, 30m, 12h, 3d, 2w, 1h30m", text);
}
