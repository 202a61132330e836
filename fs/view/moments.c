#include "fs/view/moments.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/base/text.h"
#include "backend/base/time.h"

static bool same_second(int64_t a, int64_t b)
{
	return a / HF_NS_PER_S == b / HF_NS_PER_S;
}

char *hf_moment_name(const struct hf_snapshots *snapshots, size_t i)
{
	const int64_t moment = snapshots->at[i].snapshot.moment;
	bool fraction = false, id = false;
	char text[HF_TIME_TEXT], hex[2 * HF_SNAPSHOT_ID_LEN + 1];

	for (int side = -1; side <= 1; side += 2) {
		const size_t other = i + (size_t)side;

		if (other >= snapshots->n)
			continue;
		fraction |= same_second(snapshots->at[other].snapshot.moment, moment);
		id |= snapshots->at[other].snapshot.moment == moment;
	}
	hf_hex(hf_span(snapshots->at[i].id, HF_SNAPSHOT_ID_LEN), hex);
	return hf_format(
		"%s%s%.*s", hf_time_name(moment, fraction, text), id ? "-" : "", id ? 8 : 0, hex);
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
		out->until += HF_NS_PER_S - 1;
	return NULL;
}
