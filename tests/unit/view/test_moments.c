/* A name of a snapshot that was shown once goes on naming it when others come or go. */
#include "fs/view/moments.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/time.h"
#include "tests/lib/test.h"

#define SECOND INT64_C(1795514400000000000) /* 2026-11-24 10:00:00 */
#define HALF (HF_NS_PER_S / 2)
#define PLAIN "2026-11-24T10-00-00Z"

/* Those of one source, as the history gives them. */
static struct hf_snapshot_info at[64];
static struct hf_snapshots timeline;

static int by_moment(const void *a, const void *b)
{
	const struct hf_snapshot_info *x = a, *y = b;

	if (x->snapshot.moment != y->snapshot.moment)
		return x->snapshot.moment < y->snapshot.moment ? -1 : 1;
	if (x->seen != y->seen)
		return x->seen < y->seen ? -1 : 1;
	return memcmp(x->id, y->id, sizeof(x->id));
}

static void add(uint8_t id, int64_t moment, int64_t seen)
{
	at[timeline.n++] = (struct hf_snapshot_info){
		.id = {id, 0xbb}, .snapshot = {.moment = moment}, .seen = seen};
	qsort(at, timeline.n, sizeof(*at), by_moment);
}

static size_t place_of(uint8_t id)
{
	for (size_t i = 0; i < timeline.n; i++) {
		if (at[i].id[0] == id)
			return i;
	}
	ck_abort_msg("no snapshot %u", id);
}

static void forget(uint8_t id)
{
	const size_t i = place_of(id);

	timeline.n--;
	memmove(&at[i], &at[i + 1], (timeline.n - i) * sizeof(*at));
}

static void setup(void)
{
	timeline = (struct hf_snapshots){.at = at};
}

static void is_shown(uint8_t id, const char *name)
{
	HF_FREED char *shown = hf_moment_name(&timeline, place_of(id));

	ck_assert_str_eq(shown, name);
}

static void finds(const char *name, uint8_t id)
{
	size_t i;

	ck_assert_msg(hf_moment_find(&timeline, hf_span_str(name), &i), "%s", name);
	ck_assert_uint_eq(at[i].id[0], id);
}

START_TEST(a_snapshot_alone_in_its_second_has_no_fraction)
{
	add(1, SECOND + HALF, 100);
	add(2, SECOND + HF_NS_PER_S, 101);
	is_shown(1, PLAIN);
	is_shown(2, "2026-11-24T10-00-01Z");
}
END_TEST

START_TEST(who_comes_later_gets_the_longer_name)
{
	add(1, SECOND + HALF, 100);
	add(2, SECOND + HALF / 2, 101); /* its moment is before */
	add(3, SECOND + HALF, 102);
	add(4, SECOND, 103);
	is_shown(1, PLAIN);
	is_shown(2, "2026-11-24T10-00-00.25Z");
	is_shown(3, "2026-11-24T10-00-00.5Z-03bb0000");
	is_shown(4, "2026-11-24T10-00-00Z-04bb0000");
}
END_TEST

START_TEST(when_the_first_is_forgotten_the_others_keep_what_names_them)
{
	add(1, SECOND, 100);
	add(2, SECOND + HALF, 101);
	add(3, SECOND + HALF, 102);
	is_shown(3, "2026-11-24T10-00-00.5Z-03bb0000");
	forget(1);
	is_shown(2, PLAIN);
	finds("2026-11-24T10-00-00.5Z-03bb0000", 3);
	forget(2);
	is_shown(3, PLAIN);
	finds("2026-11-24T10-00-00.5Z-03bb0000", 3);
	finds("2026-11-24T10-00-00Z-03bb0000", 3);
}
END_TEST

START_TEST(all_names_differ_and_stay_whatever_comes)
{
	uint64_t state = hf_test_seed();
	char *names[ARRAY_LEN(at)];

	for (uint8_t id = 0; id < ARRAY_LEN(at); id++) {
		add(id, SECOND + (int64_t)(hf_test_random(&state) % 8) * (HF_NS_PER_S / 4),
			100 + id);
		names[id] = hf_moment_name(&timeline, place_of(id));
		for (uint8_t other = 0; other <= id; other++) {
			is_shown(other, names[other]);
			finds(names[other], other);
		}
	}
	for (uint8_t id = 0; id < ARRAY_LEN(at); id++)
		free(names[id]);
}
END_TEST

START_TEST(what_names_nothing_is_not_found)
{
	size_t i;

	add(1, SECOND, 100);
	ck_assert(!hf_moment_find(&timeline, hf_span_str(PLAIN "-02bb0000"), &i));
	ck_assert(!hf_moment_find(&timeline, hf_span_str("2026-11-24T10-00-01Z-01bb0000"), &i));
	ck_assert(!hf_moment_find(&timeline, hf_span_str(""), &i));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("moments");
	TCase *tests = hf_test_case(suite, "moments");

	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, a_snapshot_alone_in_its_second_has_no_fraction);
	tcase_add_test(tests, who_comes_later_gets_the_longer_name);
	tcase_add_test(tests, when_the_first_is_forgotten_the_others_keep_what_names_them);
	tcase_add_test(tests, all_names_differ_and_stay_whatever_comes);
	tcase_add_test(tests, what_names_nothing_is_not_found);
	return hf_test_run_suite(suite);
}
