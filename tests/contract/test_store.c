/* What backend/store/store.h promises, held against each kind of store. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend/base/time.h"
#include "tests/contract/place.h"
#include "tests/lib/test.h"

/* Opens the kind that the loop is at; both end with the scope. */
#define ON_EACH_STORE(place, store) \
	HF_RELEASED(place) place; \
	HF_OWNED(hf_store) store = NULL; \
	place_begin(&(place), _i); \
	place_open(&(place), &(store))

/* Bytes that tell from which seed and of what length they are. */
static struct hf_buf bytes_of(uint64_t seed, size_t len)
{
	struct hf_buf bytes = {0};
	uint64_t state = seed ^ len;

	while (bytes.len < len) {
		const uint64_t random = hf_test_random(&state);

		hf_buf_add(&bytes, &random, HF_MIN(sizeof(random), len - bytes.len));
	}
	return bytes;
}

static void put_text(struct hf_store *store, const char *name, const char *text)
{
	ck_ok(hf_store_put(store, name, hf_span_str(text)));
}

static void holds(struct hf_store *store, const char *name, unsigned copy, struct hf_span want)
{
	HF_RELEASED(hf_buf) got = {0};
	uint64_t size;

	ck_ok(hf_store_get_all(store, name, copy, want.len, &got));
	ck_assert(hf_span_equal(hf_buf_span(&got), want));
	ck_ok(hf_store_stat(store, name, copy, &size));
	ck_assert_uint_eq(size, want.len);
}

START_TEST(what_was_put_is_read_back_whole_and_in_parts)
{
	static const size_t lengths[] = {0, 1, 4095, 65536, (1 << 20) + 1};
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		HF_RELEASED(hf_buf) bytes = bytes_of(i, lengths[i]);
		HF_RELEASED(hf_buf) part = {0};
		HF_FREED char *name = hf_format("packs/0%zu/object", i);
		const size_t from = lengths[i] / 3, len = lengths[i] / 2;

		ck_ok(hf_store_put(store, name, hf_buf_span(&bytes)));
		holds(store, name, 0, hf_buf_span(&bytes));
		hf_buf_add(&part, "before", 6);
		ck_ok(hf_store_get(store, name, 0, from, len, &part));
		ck_assert_uint_eq(part.len, 6 + len);
		ck_assert(memcmp(part.at, "before", 6) == 0);
		ck_assert(len == 0 || memcmp(part.at + 6, bytes.at + from, len) == 0);
		ck_ok(hf_store_get(store, name, 0, lengths[i], 0, &part));
	}
}
END_TEST

START_TEST(a_taken_name_is_refused_and_keeps_its_bytes)
{
	static const char *const names[] = {"keyring/0000000001", "packs/ab/x", "commits/c"};
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_text(store, names[i], "first");
		ck_fails(HF_EXISTS, hf_store_put(store, names[i], hf_span_str("second")));
		ck_fails(HF_EXISTS, hf_store_put(store, names[i], hf_span_str("first")));
		for (unsigned copy = 0; copy < hf_store_copies(store, names[i]); copy++)
			holds(store, names[i], copy, hf_span_str("first"));
	}
}
END_TEST

START_TEST(a_range_beyond_the_end_is_corrupt_and_appends_nothing)
{
	static const struct {
		uint64_t from;
		size_t len;
	} ranges[] = {{0, 11}, {10, 1}, {11, 0}, {5, 6}, {UINT64_MAX, 2}, {1, SIZE_MAX},
		{0, SIZE_MAX}, {UINT64_MAX, SIZE_MAX}, {1, SIZE_MAX / 2}};
	HF_RELEASED(hf_buf) got = {0};
	ON_EACH_STORE(place, store);

	put_text(store, "packs/ab/x", "ten bytes.");
	hf_buf_add(&got, "as before", 9);
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		ck_fails(HF_CORRUPT,
			hf_store_get(store, "packs/ab/x", 0, ranges[i].from, ranges[i].len, &got));
		ck_assert_uint_eq(got.len, 9);
	}
	ck_fails(HF_CORRUPT, hf_store_get_all(store, "packs/ab/x", 0, 9, &got));
	ck_assert_uint_eq(got.len, 9);
}
END_TEST

START_TEST(an_absent_object_is_not_found)
{
	HF_RELEASED(hf_buf) got = {0};
	uint64_t size;
	ON_EACH_STORE(place, store);

	put_text(store, "packs/ab/there", "x");
	put_text(store, "commits/there", "x");
	ck_fails(HF_NOT_FOUND, hf_store_get(store, "packs/ab/absent", 0, 0, 1, &got));
	ck_fails(HF_NOT_FOUND, hf_store_get(store, "packs/cd/absent", 0, 0, 0, &got));
	ck_fails(HF_NOT_FOUND, hf_store_get_all(store, "commits/absent", 0, 9, &got));
	ck_fails(HF_NOT_FOUND, hf_store_stat(store, "keyring/absent", 0, &size));
	ck_fails(HF_NOT_FOUND, hf_store_stat(store, "packs/ab/there", 1, &size));
	ck_fails(HF_NOT_FOUND, hf_store_stat(store, "commits/there", 2, &size));
	ck_fails(HF_NOT_FOUND, hf_store_get(store, "commits/there", 9, 0, 1, &got));
}
END_TEST

START_TEST(names_that_are_none_are_refused)
{
	static const char *const names[] = {"", "/", "keyring", "keyring/", "/keyring/1",
		"keyring//1", "keyring/.", "keyring/..", "../keyring/1", "keyring/../x",
		"packs/ab/", "packs/ab/c/d", "packs/.tmp-1", "packs/a b", "packs/a\n", "packs/\x7f",
		"packs/\xc3\xa4", "twin/keyring/1", "other/1", "pack/1", "packss/1", "./keyring/1"};
	HF_RELEASED(hf_buf) got = {0};
	HF_FREED char *longest = hf_format("keyring/%0*d", 255 - 8, 1);
	HF_FREED char *too_long = hf_format("keyring/%0*d", 256 - 8, 1);
	uint64_t size;
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ck_fails(HF_INVALID, hf_store_put(store, names[i], hf_span_str("x")));
		ck_fails(HF_INVALID, hf_store_get(store, names[i], 0, 0, 0, &got));
		ck_fails(HF_INVALID, hf_store_stat(store, names[i], 0, &size));
		ck_fails(HF_INVALID, hf_store_remove(store, names[i]));
		ck_fails(HF_INVALID, hf_store_mend(store, names[i], 0, hf_span_str("x")));
	}
	put_text(store, longest, "x");
	holds(store, longest, 0, hf_span_str("x"));
	ck_fails(HF_INVALID, hf_store_put(store, too_long, hf_span_str("x")));
}
END_TEST

/* Adds "name:size " of each object. */
static struct hf_error *note(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s:%" PRIu64 " ", object->name, object->size);
	return NULL;
}

static struct hf_error *note_name(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s ", object->name);
	return NULL;
}

static void lists(struct hf_store *store, const char *prefix, const char *after, const char *want)
{
	HF_RELEASED(hf_buf) got = {0};
	HF_RELEASED(hf_buf) bare = {0};

	ck_ok(hf_store_list(store, prefix, after, note, &got));
	ck_assert_str_eq(hf_buf_text(&got), want);
	hf_buf_clear(&got);
	ck_ok(hf_store_list(store, prefix, after, note_name, &got));
	ck_ok(hf_store_names(store, prefix, after, note_name, &bare));
	ck_assert_str_eq(hf_buf_text(&bare), hf_buf_text(&got));
}

START_TEST(a_listing_is_in_bytewise_order_and_obeys_prefix_and_after)
{
	/* '-' and '.' sort before '/', so "ab-" and "ab.x" come before what is in "ab/". */
	static const char *const names[] = {"packs/ab/2", "packs/ab/10", "packs/ab.x", "packs/ab-",
		"packs/b/1", "packs/a/1", "packs/ab0", "commits/20260102T000000Z-b",
		"commits/20260102T000000Z-a", "commits/20251231T000000Z-c", "keyring/1",
		"meta/zz/1"};
	ON_EACH_STORE(place, store);

	lists(store, "", "", "");
	lists(store, "packs/", "", "");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		put_text(store, names[i], "123456789012" + i);
	lists(store, "packs/", "",
		"packs/a/1:7 packs/ab-:9 packs/ab.x:10 packs/ab/10:11 packs/ab/2:12 packs/ab0:6 "
		"packs/b/1:8 ");
	lists(store, "packs/ab/", "", "packs/ab/10:11 packs/ab/2:12 ");
	lists(store, "packs/", "packs/ab/10", "packs/ab/2:12 packs/ab0:6 packs/b/1:8 ");
	lists(store, "packs/", "packs/ab/1",
		"packs/ab/10:11 packs/ab/2:12 packs/ab0:6 packs/b/1:8 ");
	lists(store, "packs/a", "packs/ab/zz", "packs/ab0:6 ");
	lists(store, "packs/ab/10", "", "packs/ab/10:11 ");
	lists(store, "packs/ab/10", "packs/ab/10", "");
	lists(store, "packs/ab/100", "", "");
	lists(store, "commits/2026", "",
		"commits/20260102T000000Z-a:4 commits/20260102T000000Z-b:5 ");
	lists(store, "commits/", "commits/20260101",
		"commits/20260102T000000Z-a:4 commits/20260102T000000Z-b:5 ");
	lists(store, "", "keyring/0",
		"keyring/1:2 meta/zz/1:1 packs/a/1:7 packs/ab-:9 packs/ab.x:10 "
		"packs/ab/10:11 packs/ab/2:12 packs/ab0:6 packs/b/1:8 ");
	lists(store, "", "packs/b/1", "");
	lists(store, "../", "", "");
	lists(store, "twin/", "", "");
	lists(store, "/", "", "");
}
END_TEST

static struct hf_error *stop_at_second(void *arg, const struct hf_object *object)
{
	unsigned *n = arg;

	return ++*n < 2 ? NULL : hf_error_new(HF_DENIED, "%s is enough", object->name);
}

START_TEST(who_is_shown_a_listing_can_end_it_with_an_error_of_its_own)
{
	struct hf_error *err;
	unsigned n = 0;
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < 5; i++) {
		HF_FREED char *name = hf_format("commits/%zu", i);

		put_text(store, name, "");
	}
	err = hf_store_list(store, "commits/", "", stop_at_second, &n);
	ck_assert_str_eq(hf_error_text(err), "commits/1 is enough");
	ck_fails(HF_DENIED, err);
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(a_removed_object_is_gone_and_removing_it_again_is_no_error)
{
	static const char *const names[] = {"packs/ab/x", "commits/x"};
	HF_RELEASED(hf_buf) got = {0};
	uint64_t size;
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_text(store, names[i], "old");
		holds(store, names[i], 0, hf_span_str("old"));
		ck_ok(hf_store_remove(store, names[i]));
		for (unsigned copy = 0; copy < 2; copy++) {
			ck_fails(HF_NOT_FOUND, hf_store_get(store, names[i], copy, 0, 1, &got));
			ck_fails(HF_NOT_FOUND, hf_store_stat(store, names[i], copy, &size));
		}
		lists(store, "", "", "");
		ck_ok(hf_store_remove(store, names[i]));
		ck_ok(hf_store_remove(store, "packs/99/never"));
		put_text(store, names[i], "new");
		holds(store, names[i], 0, hf_span_str("new"));
		ck_ok(hf_store_remove(store, names[i]));
	}
}
END_TEST

START_TEST(a_copy_can_be_mended)
{
	static const char *const names[] = {"packs/ab/x", "meta/ab/x", "keyring/1"};
	ON_EACH_STORE(place, store);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_text(store, names[i], "good");
		for (unsigned copy = 0; copy < hf_store_copies(store, names[i]); copy++) {
			struct hf_error *err;

			holds(store, names[i], copy, hf_span_str("good"));
			err = hf_store_mend(store, names[i], copy, hf_span_str("as good"));
			if (err && hf_error_kind(err) == HF_UNSUPPORTED) {
				hf_error_free(err); /* not every store can */
				continue;
			}
			ck_ok(err);
			holds(store, names[i], copy, hf_span_str("as good"));
		}
		ck_fails(HF_NOT_FOUND, hf_store_mend(store, names[i], 2, hf_span_str("x")));
	}
}
END_TEST

START_TEST(errors_name_the_store_and_the_object_once)
{
	HF_RELEASED(hf_buf) got = {0};
	struct hf_error *err;
	const char *at;
	ON_EACH_STORE(place, store);

	err = hf_store_get(store, "packs/ab/absent", 0, 0, 1, &got);
	at = strstr(hf_error_text(err), "packs/ab/absent");
	ck_assert_ptr_nonnull(at);
	ck_assert_ptr_null(strstr(at + 1, "packs/ab/absent: "));
	ck_assert_ptr_eq(strstr(hf_error_text(err), hf_store_url(store)), hf_error_text(err));
	ck_fails(HF_NOT_FOUND, err);
}
END_TEST

START_TEST(the_clock_goes_on_and_a_test_can_set_it)
{
	const int64_t hour = 3600 * HF_NS_PER_S;
	int64_t before, first, second;
	ON_EACH_STORE(place, store);

	before = hf_time_now();
	ck_ok(hf_store_now(store, &first));
	ck_ok(hf_store_now(store, &second));
	ck_assert_int_ge(second, first);
	ck_assert_int_gt(first, before - hour);
	ck_assert_int_lt(second, before + hour);
	hf_time_set(42 * HF_NS_PER_S);
	ck_ok(hf_store_now(store, &first));
	hf_time_set(0);
	ck_assert_int_eq(first, 42 * HF_NS_PER_S);
	lists(store, "", "", "");
}
END_TEST

#define RACERS 4
#define ROUNDS 24

struct racer {
	struct hf_store *store;
	pthread_barrier_t *line;
	unsigned number, wins;
};

/* Each round's object is 64 KiB of the racer's own number. True: it has won. */
static bool race(struct hf_store *store, unsigned round, unsigned number)
{
	HF_FREED char *name = hf_format("%s/%010u", round % 2 ? "keyring" : "packs/ab", round);
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_error *err;

	memset(hf_buf_grow(&bytes, 65536), (int)number, 65536);
	err = hf_store_put(store, name, hf_buf_span(&bytes));
	if (!err) {
		/* Acknowledged, so seen. */
		holds(store, name, 0, hf_buf_span(&bytes));
		return true;
	}
	ck_fails(HF_EXISTS, err);
	return false;
}

static void check_rounds(struct hf_store *store)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		HF_FREED char *name =
			hf_format("%s/%010u", round % 2 ? "keyring" : "packs/ab", round);
		HF_RELEASED(hf_buf) first = {0};

		ck_ok(hf_store_get_all(store, name, 0, 65536, &first));
		ck_assert_uint_eq(first.len, 65536);
		/* All bytes are one racer's. */
		ck_assert_int_eq(memcmp(first.at, first.at + 1, first.len - 1), 0);
		for (unsigned copy = 1; copy < hf_store_copies(store, name); copy++)
			holds(store, name, copy, hf_buf_span(&first));
	}
}

static void *run_racer(void *arg)
{
	struct racer *racer = arg;

	for (unsigned round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(racer->line);
		racer->wins += race(racer->store, round, racer->number);
	}
	return NULL;
}

START_TEST(of_threads_that_create_one_name_one_wins)
{
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	pthread_barrier_t line;
	unsigned wins = 0;
	ON_EACH_STORE(place, store);

	pthread_barrier_init(&line, NULL, RACERS);
	for (unsigned i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){store, &line, i + 1, 0};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run_racer, &racers[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		pthread_join(threads[i], NULL);
		wins += racers[i].wins;
	}
	pthread_barrier_destroy(&line);
	ck_assert_uint_eq(wins, ROUNDS);
	check_rounds(store);
}
END_TEST

START_TEST(of_processes_that_create_one_name_one_wins)
{
	pid_t children[RACERS];
	unsigned wins = 0;
	ON_EACH_STORE(place, store);

	if (!place.shared)
		return;
	for (unsigned i = 0; i < RACERS; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			unsigned won = 0;

			for (unsigned round = 0; round < ROUNDS; round++)
				won += race(store, round, i + 1);
			_exit((int)won);
		}
	}
	for (unsigned i = 0; i < RACERS; i++) {
		int status;

		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert(WIFEXITED(status));
		wins += (unsigned)WEXITSTATUS(status);
	}
	ck_assert_uint_eq(wins, ROUNDS);
	check_rounds(store);
}
END_TEST

/* Puts "<top>/<seed>-<length>" for ever. */
static void put_for_ever(struct hf_store *store, uint64_t seed)
{
	static const char *const tops[] = {"packs/ab", "packs/cd", "meta/ab", "commits"};

	for (;;) {
		const uint64_t random = hf_test_random(&seed);
		const size_t len = random % 3 ? random % 5000 : random % 300000;
		HF_RELEASED(hf_buf) bytes = bytes_of(random, len);
		HF_FREED char *name =
			hf_format("%s/%" PRIu64 "-%zu", tops[random % 4], random, len);

		ck_ok(hf_store_put(store, name, hf_buf_span(&bytes)));
	}
}

/* What the name says is what it holds. Removes it, so that the next round is quick. */
static struct hf_error *check_named(void *arg, const struct hf_object *object)
{
	struct hf_store *store = arg;
	const char *dash = strrchr(object->name, '-');
	const uint64_t seed = strtoull(strrchr(object->name, '/') + 1, NULL, 10);
	HF_RELEASED(hf_buf) want = bytes_of(seed, strtoull(dash + 1, NULL, 10));
	struct hf_error *err;

	ck_assert_uint_eq(object->size, want.len);
	holds(store, object->name, 0, hf_buf_span(&want));
	/* Whoever puts it again completes what the killed one left half done. */
	err = hf_store_put(store, object->name, hf_buf_span(&want));
	ck_fails(HF_EXISTS, err);
	for (unsigned copy = 1; copy < hf_store_copies(store, object->name); copy++)
		holds(store, object->name, copy, hf_buf_span(&want));
	return hf_store_remove(store, object->name);
}

START_TEST(a_writer_that_is_killed_leaves_only_whole_objects)
{
	uint64_t state = hf_test_seed();
	ON_EACH_STORE(place, store);

	if (!place.shared)
		return;
	for (unsigned kill_no = 0; kill_no < 12; kill_no++) {
		const uint64_t random = hf_test_random(&state);
		const struct timespec wait = {.tv_nsec = (long)(random % 25000000)};
		const pid_t child = fork();

		if (child == 0)
			put_for_ever(store, random);
		/* Not to wait for something: to hit it anywhere. */
		nanosleep(&wait, NULL);
		kill(child, SIGKILL);
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
		ck_ok(hf_store_list(store, "", "", check_named, store));
		lists(store, "", "", "");
	}
}
END_TEST

struct putter {
	struct hf_store *store;
	atomic_bool stop;
};

static void *put_between(void *arg)
{
	struct putter *putter = arg;

	for (unsigned i = 0; !atomic_load(&putter->stop); i++) {
		HF_FREED char *name = hf_format("commits/%06u-new", i % 1000);
		struct hf_error *err = hf_store_put(putter->store, name, hf_span_str("x"));

		if (!err && i % 3 == 0)
			err = hf_store_remove(putter->store, name);
		hf_error_free(err); /* those that are there already */
	}
	return NULL;
}

static struct hf_error *count_old(void *arg, const struct hf_object *object)
{
	unsigned *next = arg;
	unsigned number;
	char tail[8];

	ck_assert_int_eq(sscanf(object->name, "commits/%06u-%7s", &number, tail), 2);
	if (strcmp(tail, "old") == 0)
		ck_assert_uint_eq(number, (*next)++);
	return NULL;
}

START_TEST(a_listing_shows_what_was_there_once_while_others_put_and_remove)
{
	struct putter putter;
	pthread_t thread;
	ON_EACH_STORE(place, store);

	for (unsigned i = 0; i < 200; i++) {
		HF_FREED char *name = hf_format("commits/%06u-old", i);

		put_text(store, name, "x");
	}
	putter.store = store;
	atomic_init(&putter.stop, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, put_between, &putter), 0);
	for (unsigned i = 0; i < 30; i++) {
		unsigned next = 0;

		ck_ok(hf_store_list(store, "commits/", "", count_old, &next));
		ck_assert_uint_eq(next, 200);
	}
	atomic_store(&putter.stop, true);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	static const TTest *const *const tests[] = {
		&what_was_put_is_read_back_whole_and_in_parts,
		&a_taken_name_is_refused_and_keeps_its_bytes,
		&a_range_beyond_the_end_is_corrupt_and_appends_nothing,
		&an_absent_object_is_not_found,
		&names_that_are_none_are_refused,
		&a_listing_is_in_bytewise_order_and_obeys_prefix_and_after,
		&who_is_shown_a_listing_can_end_it_with_an_error_of_its_own,
		&a_removed_object_is_gone_and_removing_it_again_is_no_error,
		&a_copy_can_be_mended,
		&errors_name_the_store_and_the_object_once,
		&the_clock_goes_on_and_a_test_can_set_it,
		&of_threads_that_create_one_name_one_wins,
		&of_processes_that_create_one_name_one_wins,
		&a_writer_that_is_killed_leaves_only_whole_objects,
		&a_listing_shows_what_was_there_once_while_others_put_and_remove,
	};
	Suite *suite = suite_create("store contract");
	TCase *all = hf_test_case(suite, "each store");

	for (size_t i = 0; i < ARRAY_LEN(tests); i++)
		tcase_add_loop_test(all, *tests[i], 0, place_kinds());
	return hf_test_run_suite(suite);
}
