/* What tombstones hide, whoever made them and in whichever order they come. */
#include "backend/repo/forget.h"

#include <sqlite3.h>
#include <string.h>

#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/commit.h"
#include "backend/repo/history.h"
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

static struct hf_snapshot_info newest(struct hf_repo *repo, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;

	ck_ok(hf_history_at(repo, source, INT64_MAX, &arena, &info));
	info.snapshot = (struct hf_snapshot){.moment = info.snapshot.moment};
	return info;
}

/* Snapshots at the moments 1 … n, published one after the other; their ids. */
static void publish(const char *source, uint8_t (*ids)[HF_SNAPSHOT_ID_LEN], int n)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

	for (int i = 0; i < n; i++) {
		hf_small_snapshot(writer, source, i + 1, &root);
		ck_ok(hf_writer_publish(writer));
		memcpy(ids[i], newest(small.repo, source).id, HF_SNAPSHOT_ID_LEN);
	}
}

/* The moments that are shown, as digits: "123". */
static const char *shown(struct hf_repo *repo, const char *source)
{
	static char text[64];
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_moments(repo, source, &arena, &all));
	ck_assert_uint_lt(all.n, sizeof(text));
	for (size_t i = 0; i < all.n; i++)
		text[i] = (char)('0' + all.at[i].snapshot.moment);
	text[all.n] = '\0';
	return text;
}

static void put_by_hand(struct hf_repo *repo, const struct hf_tombstone *tombstone)
{
	const struct hf_record record = {.kind = HF_RECORD_TOMBSTONE, .tombstone = *tombstone};
	HF_RELEASED(hf_buf) printed = {0};

	hf_record_print(&record, &printed);
	ck_ok(hf_commit_put(repo, hf_buf_span(&printed), 0, NULL));
}

START_TEST(what_is_forgotten_is_in_no_answer)
{
	uint8_t ids[3][HF_SNAPSHOT_ID_LEN];
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info info;
	struct hf_catalog_counts counts;
	char hex[2 * HF_SNAPSHOT_ID_LEN + 1];
	const uint64_t before = hf_history_version(small.repo);

	publish("files/a", ids, 3);
	ck_ok(hf_forget(small.repo, ids, 2));
	ck_assert_uint_ne(hf_history_version(small.repo), before);

	ck_assert_str_eq(shown(small.repo, NULL), "3");
	ck_assert_str_eq(shown(small.repo, "files/a"), "3");
	ck_fails(HF_NOT_FOUND, hf_history_at(small.repo, "files/a", 2, &arena, &info));
	hf_hex(hf_span(ids[0], HF_SNAPSHOT_ID_LEN), hex);
	ck_fails(HF_NOT_FOUND, hf_history_by_id(small.repo, hex, &arena, &info));
	ck_ok(hf_catalog_counts(hf_repo_catalog(small.repo), &counts));
	ck_assert_uint_eq(counts.snapshots, 1);

	HF_OWNED(hf_repo) elsewhere = hf_small_open(&small);

	ck_assert_str_eq(shown(elsewhere, NULL), "3");
}
END_TEST

START_TEST(a_tombstone_that_comes_again_says_nothing_new)
{
	uint8_t ids[3][HF_SNAPSHOT_ID_LEN];

	publish("files/a", ids, 3);
	for (int i = 0; i < 3; i++) {
		ck_ok(hf_forget(small.repo, ids, 1));
		ck_assert_str_eq(shown(small.repo, "files/a"), "23");
	}
}
END_TEST

START_TEST(two_that_forget_at_once_leave_the_newest)
{
	uint8_t ids[2][HF_SNAPSHOT_ID_LEN];

	publish("files/a", ids, 2);
	HF_OWNED(hf_repo) one = hf_small_open(&small);
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	/* Neither has seen what the other did; each leaves one. */
	put_by_hand(one, &(struct hf_tombstone){.snapshots = &ids[0], .n_snapshots = 1});
	put_by_hand(other, &(struct hf_tombstone){.snapshots = &ids[1], .n_snapshots = 1});
	ck_assert_str_eq(shown(one, "files/a"), "2");
	ck_assert_str_eq(shown(other, "files/a"), "2");
	ck_assert_str_eq(shown(small.repo, "files/a"), "2");
}
END_TEST

START_TEST(a_writer_can_not_forget_even_by_hand)
{
	uint8_t ids[2][HF_SNAPSHOT_ID_LEN];

	publish("files/a", ids, 2);
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE | HF_READ);

	ck_fails(HF_DENIED, hf_forget(writer, ids, 1));
	put_by_hand(writer, &(struct hf_tombstone){.snapshots = ids, .n_snapshots = 2});
	put_by_hand(writer, &(struct hf_tombstone){.source = hf_span_str("files/a")});
	ck_assert_str_eq(shown(writer, "files/a"), "12");
	ck_assert_str_eq(shown(small.repo, "files/a"), "12");
}
END_TEST

START_TEST(a_maintainer_without_other_rights_can_forget)
{
	uint8_t ids[2][HF_SNAPSHOT_ID_LEN];

	publish("files/a", ids, 2);
	HF_OWNED(hf_repo) maintainer = hf_small_open_as(&small, HF_MAINTAIN);

	ck_ok(hf_forget(maintainer, ids, 1));
	ck_assert_str_eq(shown(small.repo, "files/a"), "2");
}
END_TEST

/* ---- each order of arrival, on a catalog alone ---- */

/* What comes: a snapshot of the source "files/a", or a tombstone. */
struct event {
	char snapshot; /* its moment, a digit; 0: a tombstone … */
	int64_t seen;
	const char *forgets; /* … of these */
	bool whole;          /* … or of the source */
	const char *patterns;
};

static void id_of(char moment, uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	const char body[] = {'b', 'o', 'd', 'y', moment};

	hf_snapshot_id(hf_span(body, sizeof(body)), id);
}

static void take(struct hf_catalog *catalog, const struct event *event)
{
	const char body[] = {'b', 'o', 'd', 'y', event->snapshot};
	const struct hf_seen seen = {
		.slot = 1, .time = event->seen, .commit = {{(uint8_t)event->seen}}};
	uint8_t ids[8][HF_SNAPSHOT_ID_LEN];
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT,
		.body = hf_span(body, sizeof(body)),
		.snapshot = {.source = hf_span_str("files/a"), .moment = event->snapshot}};

	if (event->snapshot) {
		ck_ok(hf_catalog_add_snapshot(catalog, &record, &seen));
		return;
	}
	record = (struct hf_record){.kind = HF_RECORD_TOMBSTONE};
	record.tombstone.snapshots = ids;
	for (const char *at = event->forgets ? event->forgets : ""; *at; at++)
		id_of(*at, ids[record.tombstone.n_snapshots++]);
	if (event->whole)
		record.tombstone.source = hf_span_str("files/a");
	ck_ok(hf_catalog_add_tombstone(
		catalog, &record, &seen, hf_span_str(event->patterns ? event->patterns : "")));
}

static hf_err note_moment(void *arg, const struct hf_snapshot_row *row)
{
	const char moment[] = {(char)row->moment, '\0'};

	strcat(arg, moment);
	return NULL;
}

static void expect(const struct event *const *events, size_t n, const char *shows)
{
	HF_OWNED(hf_catalog) catalog = NULL;
	const struct hf_snapshot_query query = {.source = "files/a"};
	char text[16] = "";

	ck_ok(hf_catalog_open(NULL, &catalog));
	for (size_t i = 0; i < n; i++)
		take(catalog, events[i]);
	ck_ok(hf_catalog_snapshots(catalog, &query, note_moment, text));
	ck_assert_str_eq(text, shows);
}

/* Heap's algorithm, without recursion. */
static unsigned in_each_order(const struct event *events, size_t n, const char *shows)
{
	const struct event *order[8] = {NULL};
	size_t done[8] = {0}, i = 0;
	unsigned orders = 1;

	for (size_t k = 0; k < n; k++)
		order[k] = &events[k];
	expect(order, n, shows);
	while (i < n) {
		if (done[i] == i) {
			done[i++] = 0;
			continue;
		}
		const size_t with = i % 2 ? done[i] : 0;
		const struct event *was = order[with];

		order[with] = order[i];
		order[i] = was;
		expect(order, n, shows);
		orders++;
		done[i]++;
		i = 0;
	}
	return orders;
}

static const struct {
	const char *what, *shows;
	size_t n;
	struct event events[5];
} orders[] = {
	{"the newest stays when all are named", "3", 5,
		{{'1', 10}, {'2', 20}, {'3', 30}, {0, 40, "12"}, {0, 41, "23"}}},
	{"what was the newest when it was named goes once a newer one is there", "3", 4,
		{{'1', 10}, {'2', 20}, {0, 25, "12"}, {'3', 30}}},
	{"the newest is so by the store's time, not by its own moment", "2", 4,
		{{'9', 10}, {'2', 20}, {0, 25, "9"}, {0, 26, "2"}}},
	{"in one commit the later moment is the newer", "2", 3,
		{{'1', 10}, {'2', 10}, {0, 25, "12"}}},
	{"a whole source goes with its newest", "", 4,
		{{'1', 10}, {'2', 20}, {0, 25, NULL, true}, {0, 26, "1"}}},
	{"what comes after its whole source was forgotten stays", "34", 5,
		{{'1', 10}, {'2', 20}, {0, 25, NULL, true}, {'3', 30}, {'4', 40}}},
	{"a newer tombstone of the whole source counts", "4", 5,
		{{'1', 10}, {0, 15, NULL, true}, {'3', 30}, {0, 35, NULL, true}, {'4', 40}}},
	{"a slot that is limited to other sources forgets nothing here", "12", 3,
		{{'1', 10}, {'2', 20}, {0, 25, "1", false, "pg/*\nfiles/b\n"}}},
	{"a slot that is limited to this source among others does", "2", 4,
		{{'1', 10}, {'2', 20}, {0, 25, "1", false, "pg/*\n"},
			{0, 26, "1", false, "pg/*\nfiles/*\n"}}},
	{"a record that is repeated later is as old as it was at first", "1", 4,
		{{'1', 20}, {'2', 10}, {'2', 30}, {0, 40, "12"}}},
};

START_TEST(no_order_of_arrival_changes_what_is_shown)
{
	static const unsigned factorial[] = {1, 1, 2, 6, 24, 120};

	ck_assert_msg(in_each_order(orders[_i].events, orders[_i].n, orders[_i].shows) ==
			factorial[orders[_i].n],
		"%s", orders[_i].what);
}
END_TEST

START_TEST(a_catalog_of_an_older_version_is_made_anew)
{
	char *dir = hf_test_dir(), *path = hf_test_path(dir, "catalog");
	HF_OWNED(hf_catalog) catalog = NULL;
	sqlite3 *db;
	int64_t value;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE facts(x); PRAGMA user_version = 1", NULL,
				 NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	ck_ok(hf_catalog_open(path, &catalog));
	ck_ok(hf_catalog_set(catalog, "keyring", 7));
	ck_ok(hf_catalog_fact(catalog, "keyring", &value));
	ck_assert_int_eq(value, 7);
	free(path);
	hf_test_dir_free(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("forget");
	TCase *tests = hf_test_case(suite, "forget"), *pure = hf_test_case(suite, "catalog");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_forgotten_is_in_no_answer);
	tcase_add_test(tests, a_tombstone_that_comes_again_says_nothing_new);
	tcase_add_test(tests, two_that_forget_at_once_leave_the_newest);
	tcase_add_test(tests, a_writer_can_not_forget_even_by_hand);
	tcase_add_test(tests, a_maintainer_without_other_rights_can_forget);
	tcase_add_loop_test(
		pure, no_order_of_arrival_changes_what_is_shown, 0, (int)ARRAY_LEN(orders));
	tcase_add_test(pure, a_catalog_of_an_older_version_is_made_anew);
	return hf_test_run_suite(suite);
}
