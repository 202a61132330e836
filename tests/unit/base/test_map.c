#include "backend/base/map.h"

#include <time.h>

#include "tests/lib/test.h"

#define MANY 100000

static struct hf_id random_id(uint64_t *state)
{
	struct hf_id id;

	for (size_t i = 0; i < HF_ID_LEN; i += 8) {
		uint64_t x = hf_test_random(state);

		memcpy(id.bytes + i, &x, 8);
	}
	return id;
}

START_TEST(what_was_put_is_found_and_nothing_else)
{
	HF_RELEASED(hf_map) map = {0};
	uint64_t seed = hf_test_seed(), state = seed;
	bool fresh;

	for (unsigned i = 0; i < MANY; i++) {
		struct hf_id id = random_id(&state);

		hf_map_put(&map, &id, &fresh)->number = i;
		ck_assert(fresh);
	}

	ck_assert_uint_eq(map.n, MANY);
	state = seed;
	for (unsigned i = 0; i < MANY; i++) {
		struct hf_id id = random_id(&state);

		ck_assert_uint_eq(hf_map_get(&map, &id)->number, i);
		id.bytes[31] ^= 1;
		ck_assert_ptr_null(hf_map_get(&map, &id));
	}
}
END_TEST

START_TEST(an_empty_map_has_nothing_and_a_fresh_value_is_zero)
{
	HF_RELEASED(hf_map) map = {0};
	struct hf_id zero = {{0}};
	bool fresh;

	ck_assert_ptr_null(hf_map_get(&map, &zero));
	ck_assert_ptr_null(hf_map_put(&map, &zero, &fresh)->pointer);
	ck_assert(fresh);
	hf_map_put(&map, &zero, NULL)->number = 7;
	ck_assert_uint_eq(hf_map_put(&map, &zero, &fresh)->number, 7);
	ck_assert(!fresh);
	ck_assert_uint_eq(map.n, 1);
}
END_TEST

static void pour(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	*hf_map_put(arg, id, NULL) = *value;
}

static void sum(void *arg, const struct hf_id *id, union hf_map_value *value)
{
	(void)id;
	*(uint64_t *)arg += value->number;
}

START_TEST(one_map_poured_into_another_takes_linear_time)
{
	HF_RELEASED(hf_map) from = {0};
	HF_RELEASED(hf_map) to = {0};
	uint64_t state = hf_test_seed(), total = 0;
	clock_t began;

	for (unsigned i = 0; i < MANY * 3; i++) {
		struct hf_id id = random_id(&state);

		hf_map_put(&from, &id, NULL)->number = 1;
	}
	began = clock();
	hf_map_each(&from, pour, &to);

	/* Some hundredths of a second; with one hash for all sizes it would be minutes. */
	ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 10);
	hf_map_each(&to, sum, &total);
	ck_assert_uint_eq(total, MANY * 3);
}
END_TEST

HF_TEST_MAIN("map", what_was_put_is_found_and_nothing_else,
	an_empty_map_has_nothing_and_a_fresh_value_is_zero,
	one_map_poured_into_another_takes_linear_time)
