/* The checked calls, and the fault store that other tests rely on. */
#include "backend/store/store.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault_store.h"
#include "tests/lib/mem_store.h"
#include "tests/lib/test.h"

START_TEST(only_urls_of_known_kinds_open)
{
	static const char *const bad[] = {"", "file://relative", "file://", "gopher://x/y",
		"s3:/"
		"/bucket/prefix",
		"http://host/path"};
	HF_OWNED(hf_store) store = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_INVALID, hf_store_open(bad[i], false, &store));
	ck_fails(HF_NOT_FOUND, hf_store_open("file:///nonexistent/store", false, &store));
	/* A path is not a URL for having "://" somewhere. */
	ck_fails(HF_NOT_FOUND, hf_store_open("/nonexistent/a://b", false, &store));
	ck_assert_ptr_null(store);
}
END_TEST

START_TEST(a_file_url_and_its_path_are_the_same_store)
{
	char *dir = hf_test_dir();
	HF_FREED char *root = hf_test_path(dir, "with space/%20/store");
	HF_FREED char *url = hf_format("file://%s/", root);
	HF_OWNED(hf_store) by_url = NULL, *by_path = NULL;
	uint64_t size;

	ck_ok(hf_store_open(url, true, &by_url));
	ck_ok(hf_store_open(root, false, &by_path));
	ck_ok(hf_store_put(by_url, "packs/ab/x", hf_span_str("x")));
	ck_ok(hf_store_stat(by_path, "packs/ab/x", 0, &size));
	ck_assert_str_eq(hf_store_url(by_url), hf_store_url(by_path));
	hf_test_dir_free(dir);
}
END_TEST

static void close_nothing(struct hf_store *store)
{
	free(store);
}

static struct hf_store *store_of(const struct hf_store_ops *ops)
{
	struct hf_store *store = hf_calloc(1, sizeof(*store));

	store->ops = ops;
	store->url = hf_strdup("test");
	return store;
}

static struct hf_error *no_object(void *arg, const struct hf_object *object)
{
	(void)arg;
	return hf_error_new(HF_BUG, "%s was shown", object->name);
}

START_TEST(what_a_driver_lacks_is_unsupported)
{
	static const struct hf_store_ops ops = {.scheme = "bare", .close = close_nothing};
	HF_OWNED(hf_store) store = store_of(&ops);
	HF_RELEASED(hf_buf) got = {0};
	uint64_t size;
	int64_t now;

	ck_fails_with(HF_UNSUPPORTED, "test: packs/ab/x: a bare store",
		hf_store_put(store, "packs/ab/x", hf_span_str("x")));
	ck_fails(HF_UNSUPPORTED, hf_store_get(store, "packs/ab/x", 0, 0, 1, &got));
	ck_fails(HF_UNSUPPORTED, hf_store_get_all(store, "packs/ab/x", 0, 1, &got));
	ck_fails(HF_UNSUPPORTED, hf_store_stat(store, "packs/ab/x", 0, &size));
	ck_fails(HF_UNSUPPORTED, hf_store_list(store, "packs/", "", no_object, NULL));
	ck_fails(HF_UNSUPPORTED, hf_store_remove(store, "packs/ab/x"));
	ck_fails(HF_UNSUPPORTED, hf_store_mend(store, "packs/ab/x", 0, hf_span_str("x")));
	ck_fails(HF_UNSUPPORTED, hf_store_now(store, &now));
	ck_assert_uint_eq(hf_store_copies(store, "commits/x"), 1);
}
END_TEST

static struct hf_error *list_badly(struct hf_store *store, const char *prefix, const char *after,
	bool bare, hf_object_fn *each, void *arg)
{
	static const char *const names[] = {"keyring/1", "commits/b", "../etc/passwd", "commits/c",
		"commits/d e", "commits/d", "commits/d"};

	(void)bare;
	(void)store;
	(void)prefix;
	(void)after;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		HF_TRY(each(arg, &(struct hf_object){.name = names[i]}));
	return NULL;
}

static struct hf_error *note(void *arg, const struct hf_object *object)
{
	hf_buf_printf(arg, "%s ", object->name);
	return NULL;
}

START_TEST(a_drivers_listing_is_cut_to_what_was_asked_for_and_must_be_in_order)
{
	static const struct hf_store_ops ops = {
		.scheme = "bad", .list = list_badly, .close = close_nothing};
	HF_OWNED(hf_store) store = store_of(&ops);
	HF_RELEASED(hf_buf) got = {0};

	ck_fails_with(HF_CORRUPT, "out of order: commits/d",
		hf_store_list(store, "commits/", "commits/b", note, &got));
	ck_assert_str_eq(hf_buf_text(&got), "commits/c commits/d ");
	hf_buf_clear(&got);
	ck_ok(hf_store_list(store, "keyring/", "", note, &got));
	ck_assert_str_eq(hf_buf_text(&got), "keyring/1 ");
}
END_TEST

static struct hf_error *get_less(struct hf_store *store, const char *name, unsigned copy,
	uint64_t from, size_t len, struct hf_buf *out)
{
	(void)store;
	(void)name;
	(void)copy;
	(void)from;
	hf_buf_grow(out, len - 1);
	return NULL;
}

START_TEST(a_driver_that_gives_less_than_asked_for_gives_nothing)
{
	static const struct hf_store_ops ops = {
		.scheme = "bad", .get = get_less, .close = close_nothing};
	HF_OWNED(hf_store) store = store_of(&ops);
	HF_RELEASED(hf_buf) got = {0};

	ck_fails(HF_CORRUPT, hf_store_get(store, "packs/ab/x", 0, 0, 5, &got));
	ck_assert_uint_eq(got.len, 0);
}
END_TEST

/* A fault store over a memory with three packs. */
struct faulty {
	struct hf_mem *mem;
	struct hf_fault fault;
	struct hf_store *store;
};

static void faulty_begin(struct faulty *faulty)
{
	struct hf_store *inner;

	memset(faulty, 0, sizeof(*faulty));
	faulty->mem = hf_mem_new(2);
	ck_ok(hf_mem_store_open(faulty->mem, &inner));
	ck_ok(hf_fault_store_open(inner, &faulty->fault, &faulty->store));
}

static void faulty_release(struct faulty *faulty)
{
	hf_store_free(faulty->store);
	hf_mem_free(faulty->mem);
}

START_TEST(the_fault_store_fails_the_chosen_call_with_the_chosen_kind)
{
	HF_RELEASED(faulty) at;

	faulty_begin(&at);
	at.fault.calls = HF_CALL_PUT;
	at.fault.prefix = "packs/";
	at.fault.at = 2;
	at.fault.times = 2;
	at.fault.kind = HF_TRANSIENT;
	ck_ok(hf_store_put(at.store, "packs/ab/1", hf_span_str("x")));
	ck_ok(hf_store_put(at.store, "commits/1", hf_span_str("x")));
	ck_fails(HF_TRANSIENT, hf_store_put(at.store, "packs/ab/2", hf_span_str("x")));
	ck_fails(HF_TRANSIENT, hf_store_put(at.store, "packs/ab/3", hf_span_str("x")));
	ck_ok(hf_store_put(at.store, "packs/ab/4", hf_span_str("x")));
	ck_assert_uint_eq(at.fault.count, 4);
	ck_assert_uint_eq(hf_mem_count(at.mem, "packs/"), 2);
}
END_TEST

START_TEST(the_fault_store_can_lose_the_answer_of_a_call_that_was_done)
{
	HF_RELEASED(faulty) at;

	faulty_begin(&at);
	at.fault.at = 1;
	at.fault.late = true;
	ck_fails(HF_SYSTEM, hf_store_put(at.store, "packs/ab/1", hf_span_str("x")));
	ck_assert_uint_eq(hf_mem_count(at.mem, "packs/ab/1"), 1);
}
END_TEST

START_TEST(the_fault_store_hurts_what_is_read)
{
	HF_RELEASED(faulty) at;
	HF_RELEASED(hf_buf) got = {0};

	faulty_begin(&at);
	ck_ok(hf_store_put(at.store, "packs/ab/1", hf_span_str("abcd")));
	at.fault.calls = HF_CALL_GET;
	at.fault.count = 0;
	at.fault.act = HF_FAULT_FLIP;
	at.fault.at = 1;
	at.fault.bit = 9;
	hf_buf_add(&got, "-", 1);
	ck_ok(hf_store_get(at.store, "packs/ab/1", 0, 0, 4, &got));
	ck_assert_str_eq(hf_buf_text(&got), "-a`cd");
	at.fault.act = HF_FAULT_CUT;
	at.fault.at = 2;
	ck_fails(HF_CORRUPT, hf_store_get(at.store, "packs/ab/1", 0, 0, 4, &got));
	ck_ok(hf_store_get(at.store, "packs/ab/1", 0, 0, 4, &got));
	ck_assert_str_eq(hf_buf_text(&got), "-a`cdabcd");
}
END_TEST

START_TEST(the_fault_store_vanishes_and_returns)
{
	HF_RELEASED(faulty) at;
	uint64_t size;

	faulty_begin(&at);
	ck_ok(hf_store_put(at.store, "packs/ab/1", hf_span_str("x")));
	at.fault.gone = true;
	ck_fails(HF_SYSTEM, hf_store_stat(at.store, "packs/ab/1", 0, &size));
	ck_fails(HF_SYSTEM, hf_store_list(at.store, "packs/", "", no_object, NULL));
	at.fault.gone = false;
	ck_ok(hf_store_stat(at.store, "packs/ab/1", 0, &size));
}
END_TEST

static void count_up(void *arg)
{
	++*(unsigned *)arg;
}

START_TEST(the_fault_store_calls_the_killer)
{
	HF_RELEASED(faulty) at;
	unsigned kills = 0;

	faulty_begin(&at);
	at.fault.act = HF_FAULT_KILL;
	at.fault.kill = count_up;
	at.fault.arg = &kills;
	at.fault.at = 2;
	ck_ok(hf_store_put(at.store, "packs/ab/1", hf_span_str("x")));
	ck_assert_uint_eq(kills, 0);
	ck_ok(hf_store_put(at.store, "packs/ab/2", hf_span_str("x")));
	ck_assert_uint_eq(kills, 1);
}
END_TEST

static struct hf_error *refuse_lists(void *arg, enum hf_store_call call, const char *name)
{
	++*(unsigned *)arg;
	return call == HF_CALL_LIST ? hf_error_new(HF_TRANSIENT, "%s: not now", name) : NULL;
}

START_TEST(a_memory_outlives_its_stores_and_its_hook_sees_each_call)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	HF_OWNED(hf_store) one = NULL, *two = NULL;
	unsigned calls = 0;
	uint64_t size;

	ck_ok(hf_mem_store_open(mem, &one));
	ck_ok(hf_store_put(one, "commits/x", hf_span_str("xyz")));
	hf_store_free(HF_STEAL(one));
	ck_ok(hf_mem_store_open(mem, &two));
	hf_mem_hook(mem, refuse_lists, &calls);
	ck_ok(hf_store_stat(two, "commits/x", 0, &size));
	ck_fails(HF_TRANSIENT, hf_store_list(two, "commits/", "", no_object, NULL));
	ck_assert_uint_eq(calls, 2);
	ck_assert_uint_eq(hf_mem_bytes(mem, ""), 3);
	ck_assert_ptr_null(hf_mem_at(mem, "commits/x", 1));
	hf_mem_at(mem, "commits/x", 0)->at[0] ^= 1;
	hf_mem_lose(mem, "commits/x", 0);
	ck_fails(HF_NOT_FOUND, hf_store_stat(two, "commits/x", 0, &size));
}
END_TEST

HF_TEST_MAIN("store", only_urls_of_known_kinds_open, a_file_url_and_its_path_are_the_same_store,
	what_a_driver_lacks_is_unsupported,
	a_drivers_listing_is_cut_to_what_was_asked_for_and_must_be_in_order,
	a_driver_that_gives_less_than_asked_for_gives_nothing,
	the_fault_store_fails_the_chosen_call_with_the_chosen_kind,
	the_fault_store_can_lose_the_answer_of_a_call_that_was_done,
	the_fault_store_hurts_what_is_read, the_fault_store_vanishes_and_returns,
	the_fault_store_calls_the_killer, a_memory_outlives_its_stores_and_its_hook_sees_each_call)
