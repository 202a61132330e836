/* A source's past, asked of the catalog. */
#include "backend/repo/history.h"

#include <string.h>

#include "backend/base/text.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static const struct hf_entry root = {.type = HF_DIR, .mode = 0755};

/* A snapshot record with what these tests look at. */
struct made {
	const char *source;
	int64_t moment;
	uint8_t run;
	bool unfinished;
	const char *label; /* value of "app" */
};

static void add(struct hf_writer *writer, const struct made *made)
{
	HF_RELEASED(hf_buf) form = {0};
	struct hf_pair label = {.key = hf_span_str("app")};
	struct hf_record record = {
		.kind = made->unfinished ? HF_RECORD_UNFINISHED : HF_RECORD_SNAPSHOT,
		.of = HF_RECORD_SNAPSHOT,
	};

	hf_entry_print_alone(&root, &form);
	record.snapshot = (struct hf_snapshot){
		.run = {made->run},
		.source = hf_span_str(made->source),
		.moment = made->moment,
		.started = made->moment - 1,
		.ended = made->moment,
		.root = hf_buf_span(&form),
		.files = made->run,
		.host = hf_span_str("here"),
		.user = hf_span_str("root"),
	};
	if (made->label) {
		label.value = hf_span_str(made->label);
		record.snapshot.labels = (struct hf_pairs){.at = &label, .n = 1};
	}
	ck_ok(hf_writer_add(writer, &record));
}

static void publish(const struct made *made, size_t n)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

	for (size_t i = 0; i < n; i++)
		add(writer, &made[i]);
	ck_ok(hf_writer_publish(writer));
}

static const struct made three[] = {
	{.source = "files/a", .moment = 300, .run = 3},
	{.source = "files/a", .moment = 100, .run = 1, .label = "web"},
	{.source = "files/b", .moment = 200, .run = 2, .label = "db"},
};

START_TEST(snapshots_come_in_order_of_their_moments_with_all_they_say)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all, of_a;

	publish(three, ARRAY_LEN(three));
	ck_ok(hf_history_snapshots(small.repo, NULL, &arena, &all));
	ck_ok(hf_history_snapshots(small.repo, "files/a", &arena, &of_a));

	ck_assert_uint_eq(all.n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(all.at[i].snapshot.moment, 100 * ((int64_t)i + 1));
		ck_assert_uint_eq(all.at[i].snapshot.files, i + 1);
		ck_assert(all.at[i].finished);
		ck_assert_int_gt(all.at[i].seen, 0);
		ck_assert(hf_span_equal(all.at[i].snapshot.host, hf_span_str("here")));
	}
	ck_assert_uint_eq(of_a.n, 2);
	ck_assert_int_eq(of_a.at[1].snapshot.moment, 300);
	ck_assert(hf_span_equal(of_a.at[0].snapshot.labels.at[0].value, hf_span_str("web")));
}
END_TEST

START_TEST(moments_are_the_same_snapshots_without_their_bodies)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots whole, moments;

	publish(three, ARRAY_LEN(three));
	ck_ok(hf_history_snapshots(small.repo, NULL, &arena, &whole));
	ck_ok(hf_history_moments(small.repo, NULL, &arena, &moments));

	ck_assert_uint_eq(moments.n, whole.n);
	for (size_t i = 0; i < moments.n; i++) {
		ck_assert_mem_eq(moments.at[i].id, whole.at[i].id, HF_SNAPSHOT_ID_LEN);
		ck_assert_int_eq(moments.at[i].snapshot.moment, whole.at[i].snapshot.moment);
		ck_assert(
			hf_span_equal(moments.at[i].snapshot.source, whole.at[i].snapshot.source));
		ck_assert_uint_eq(moments.at[i].snapshot.root.len, 0);
	}
}
END_TEST

START_TEST(the_newest_at_or_before_a_time_is_found)
{
	const struct {
		int64_t time, moment;
	} asked[] = {{100, 100}, {101, 100}, {299, 100}, {300, 300}, {INT64_MAX, 300}};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;

	publish(three, ARRAY_LEN(three));
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		ck_ok(hf_history_at(small.repo, "files/a", asked[i].time, &arena, &info));
		ck_assert_int_eq(info.snapshot.moment, asked[i].moment);
	}
	ck_fails(HF_NOT_FOUND, hf_history_at(small.repo, "files/a", 99, &arena, &info));
	ck_fails(HF_NOT_FOUND, hf_history_at(small.repo, "files/c", INT64_MAX, &arena, &info));
}
END_TEST

START_TEST(a_snapshot_is_found_by_its_id_and_by_a_part_of_it)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;
	struct hf_snapshots all;
	char hex[2 * HF_SNAPSHOT_ID_LEN + 1];

	publish(three, ARRAY_LEN(three));
	ck_ok(hf_history_snapshots(small.repo, NULL, &arena, &all));
	for (size_t i = 0; i < all.n; i++) {
		hf_hex(hf_span(all.at[i].id, HF_SNAPSHOT_ID_LEN), hex);
		ck_ok(hf_history_by_id(small.repo, hex, &arena, &info));
		ck_assert_mem_eq(info.id, all.at[i].id, HF_SNAPSHOT_ID_LEN);
		hex[8] = '\0';
		ck_ok(hf_history_by_id(small.repo, hex, &arena, &info));
		ck_assert_mem_eq(info.id, all.at[i].id, HF_SNAPSHOT_ID_LEN);
	}
	ck_fails(HF_NOT_FOUND,
		hf_history_by_id(small.repo, "00000000000000000000000000000000", &arena, &info));
	ck_fails(HF_INVALID, hf_history_by_id(small.repo, "abc", &arena, &info));
	ck_fails(HF_INVALID, hf_history_by_id(small.repo, "abcx", &arena, &info));
	ck_fails(HF_INVALID, hf_history_by_id(small.repo, "%%%%", &arena, &info));
}
END_TEST

START_TEST(an_unfinished_snapshot_is_found_until_its_run_is_finished)
{
	const struct made begun[] = {
		{.source = "files/a", .moment = 100, .run = 1, .unfinished = true},
		{.source = "files/a", .moment = 200, .run = 2, .unfinished = true},
	};
	const struct made ended = {.source = "files/a", .moment = 210, .run = 2};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;
	struct hf_snapshots all;
	bool found;

	ck_ok(hf_history_unfinished(small.repo, "files/a", &arena, &info, &found));
	ck_assert(!found);

	publish(begun, ARRAY_LEN(begun));
	ck_ok(hf_history_snapshots(small.repo, NULL, &arena, &all));
	ck_assert_uint_eq(all.n, 0);
	ck_ok(hf_history_unfinished(small.repo, "files/a", &arena, &info, &found));
	ck_assert(found);
	ck_assert(!info.finished);
	ck_assert_int_eq(info.snapshot.moment, 200);
	ck_assert_uint_eq(info.snapshot.files, 2);

	publish(&ended, 1);
	ck_ok(hf_history_unfinished(small.repo, "files/a", &arena, &info, &found));
	ck_assert(found);
	ck_assert_int_eq(info.snapshot.moment, 100);
}
END_TEST

START_TEST(sources_and_labels_are_sorted_names)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_names sources, keys, values;
	struct hf_snapshots web;

	publish(three, ARRAY_LEN(three));
	ck_ok(hf_history_sources(small.repo, &arena, &sources));
	ck_ok(hf_history_labels(small.repo, NULL, &arena, &keys));
	ck_ok(hf_history_labels(small.repo, "app", &arena, &values));
	ck_ok(hf_history_labelled(small.repo, "app", "web", &arena, &web));

	ck_assert_uint_eq(sources.n, 2);
	ck_assert_str_eq((const char *)sources.at[0].at, "files/a");
	ck_assert_str_eq((const char *)sources.at[1].at, "files/b");
	ck_assert_uint_eq(keys.n, 1);
	ck_assert_str_eq((const char *)keys.at[0].at, "app");
	ck_assert_uint_eq(values.n, 2);
	ck_assert_str_eq((const char *)values.at[0].at, "db");
	ck_assert_uint_eq(web.n, 1);
	ck_assert_int_eq(web.at[0].snapshot.moment, 100);
}
END_TEST

START_TEST(the_version_changes_when_a_snapshot_comes_and_only_then)
{
	const uint64_t before = hf_history_version(small.repo);

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert_uint_eq(hf_history_version(small.repo), before);
	publish(three, 1);
	ck_assert_uint_ne(hf_history_version(small.repo), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *tests = hf_test_case(suite, "history");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, snapshots_come_in_order_of_their_moments_with_all_they_say);
	tcase_add_test(tests, moments_are_the_same_snapshots_without_their_bodies);
	tcase_add_test(tests, the_newest_at_or_before_a_time_is_found);
	tcase_add_test(tests, a_snapshot_is_found_by_its_id_and_by_a_part_of_it);
	tcase_add_test(tests, an_unfinished_snapshot_is_found_until_its_run_is_finished);
	tcase_add_test(tests, sources_and_labels_are_sorted_names);
	tcase_add_test(tests, the_version_changes_when_a_snapshot_comes_and_only_then);
	return hf_test_run_suite(suite);
}
