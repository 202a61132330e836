#include "fs/view/moments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/text.h"
#include "backend/base/time.h"

static bool same_second(int64_t a, int64_t b)
{
	return a / HF_NS_PER_S == b / HF_NS_PER_S;
}

/* By when the repository got them: who comes later takes no name away. */
static bool came_before(const struct hf_snapshot_info *a, const struct hf_snapshot_info *b)
{
	if (a->seen != b->seen)
		return a->seen < b->seen;
	if (a->snapshot.moment != b->snapshot.moment)
		return a->snapshot.moment < b->snapshot.moment;
	return memcmp(a->id, b->id, sizeof(a->id)) < 0;
}

static bool is_first_of_second(const struct hf_snapshots *snapshots, size_t i)
{
	const struct hf_snapshot_info *info = &snapshots->at[i];

	for (int side = -1; side <= 1; side += 2) {
		for (size_t other = i + (size_t)side; other < snapshots->n; other += (size_t)side) {
			const struct hf_snapshot_info *one = &snapshots->at[other];

			if (!same_second(one->snapshot.moment, info->snapshot.moment))
				break;
			if (came_before(one, info))
				return false;
		}
	}
	return true;
}

static bool is_first_of_moment(const struct hf_snapshots *snapshots, size_t i)
{
	return i == 0 || snapshots->at[i - 1].snapshot.moment != snapshots->at[i].snapshot.moment;
}

#define ID_DIGITS 8

static char *name_with_id(const struct hf_snapshot_info *info, bool fraction)
{
	char text[HF_TIME_TEXT], hex[2 * HF_SNAPSHOT_ID_LEN + 1];

	hf_hex(hf_span(info->id, HF_SNAPSHOT_ID_LEN), hex);
	return hf_format(
		"%s-%.*s", hf_time_name(info->snapshot.moment, fraction, text), ID_DIGITS, hex);
}

char *hf_moment_name(const struct hf_snapshots *snapshots, size_t i)
{
	const struct hf_snapshot_info *info = &snapshots->at[i];
	const int64_t moment = info->snapshot.moment;
	const bool first = is_first_of_second(snapshots, i);
	char text[HF_TIME_TEXT];

	if (first || (moment % HF_NS_PER_S != 0 && is_first_of_moment(snapshots, i)))
		return hf_strdup(hf_time_name(moment, !first, text));
	return name_with_id(info, true);
}

#define SECOND_LEN ((size_t)19) /* 2026-11-24T10-00-00 */

/* All that it may be called begins with its second: of 10,000 few are worth a closer look. */
static bool is_in_second(const struct hf_snapshot_info *info, struct hf_span name)
{
	char text[HF_TIME_TEXT];

	hf_time_name(info->snapshot.moment, false, text);
	return name.len > SECOND_LEN && memcmp(name.at, text, SECOND_LEN) == 0;
}

static bool is_called(const struct hf_snapshots *snapshots, size_t i, struct hf_span name)
{
	HF_FREED char *shown = hf_moment_name(snapshots, i);
	HF_FREED char *precise = name_with_id(&snapshots->at[i], true);
	HF_FREED char *coarse = name_with_id(&snapshots->at[i], false);

	return hf_span_equal(hf_span_str(shown), name) ||
		hf_span_equal(hf_span_str(precise), name) ||
		hf_span_equal(hf_span_str(coarse), name);
}

bool hf_moment_find(const struct hf_snapshots *snapshots, struct hf_span name, size_t *i)
{
	for (*i = 0; *i < snapshots->n; (*i)++) {
		if (is_in_second(&snapshots->at[*i], name) && is_called(snapshots, *i, name))
			return true;
	}
	return false;
}

static int by_time(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void hf_times_sort(int64_t *times, size_t *n)
{
	size_t kept = 0;

	if (*n == 0)
		return;
	qsort(times, *n, sizeof(*times), by_time);
	for (size_t i = 1; i < *n; i++) {
		if (times[i] != times[kept])
			times[++kept] = times[i];
	}
	*n = kept + 1;
}

char *hf_times_name(const int64_t *times, size_t n, size_t i)
{
	char text[HF_TIME_TEXT];
	const bool fraction = (i > 0 && same_second(times[i - 1], times[i])) ||
		(i + 1 < n && same_second(times[i], times[i + 1]));

	return hf_strdup(hf_time_name(times[i], fraction, text));
}

hf_err hf_time_typed(struct hf_span text, struct hf_typed_time *out)
{
	HF_FREED char *copy = hf_strndup((const char *)text.at, text.len);
	char name[HF_TIME_TEXT];
	struct hf_error *err = hf_time_parse(copy, hf_time_now(), &out->until, &out->relative);

	if (err)
		return hf_error_as(err, HF_NOT_FOUND);
	if (out->relative)
		out->until -= out->until % HF_NS_PER_S; /* nobody means nanoseconds by "2h ago" */
	snprintf(out->name, sizeof(out->name), "%s", hf_time_name(out->until, true, name));
	if (out->until % HF_NS_PER_S == 0)
		out->until = HF_MIN(out->until, INT64_MAX - HF_NS_PER_S + 1) + HF_NS_PER_S - 1;
	return NULL;
}
