/* Slots that end, and epochs: what is told to whom, and what two admins at once do. */
#include <string.h>

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "tests/lib/fault_store.h"
#include "tests/lib/forged.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static struct hf_id publish(struct hf_repo *repo, const char *text)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);
	struct hf_id id = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str(text));

	ck_ok(hf_writer_publish(writer));
	return id;
}

static void put_snapshot(struct hf_repo *as, int64_t time, const struct hf_buf *record)
{
	const struct hf_forged_commit forged = {
		.as = as, .time = time, .records = hf_buf_span(record)};

	hf_forged_commit_put(&forged);
}

static size_t snapshots_in(struct hf_repo *repo, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_snapshots(repo, source, &arena, &snapshots));
	return snapshots.n;
}

static hf_err read_chunk(struct hf_repo *repo, const struct hf_id *id)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF chunk = NULL;

	HF_TRY(hf_reader_open(repo, 1 << 20, 0, &reader));
	return hf_reader_get(reader, HF_CONTENT_PACK, id, &chunk);
}

static uint32_t epoch_of(struct hf_repo *repo, const struct hf_id *chunk)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_header header;
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(repo), chunk, places, &n));
	ck_assert_uint_ge(n, 1);
	ck_ok(hf_catalog_pack(hf_repo_catalog(repo), places[0].pack, &pack));
	ck_ok(hf_header_parse(hf_span(pack.header, HF_HEADER_LEN), &header));
	return header.epoch;
}

/* ---- epochs ---- */

START_TEST(what_is_written_after_a_rotation_is_of_the_new_epoch_and_all_is_readable)
{
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);
	const struct hf_id old = publish(small.repo, "of the first epoch");

	ck_ok(hf_repo_rotate(small.repo));
	ck_ok(hf_repo_rotate(small.repo));
	const struct hf_id new = publish(small.repo, "of the third epoch");

	ck_ok(hf_repo_sync(reader, NULL));
	ck_assert_uint_eq(epoch_of(reader, &old), 1);
	ck_assert_uint_eq(epoch_of(reader, &new), 3);
	ck_ok(read_chunk(reader, &old));
	ck_ok(read_chunk(reader, &new));
}
END_TEST

START_TEST(a_session_that_began_before_a_rotation_goes_over_at_its_next_commit)
{
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_writer) writer = hf_small_writer(other);
	const struct hf_id first = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("before"));

	ck_ok(hf_repo_rotate(small.repo));
	ck_ok(hf_writer_publish(writer));
	const struct hf_id second = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("after"));

	ck_ok(hf_writer_publish(writer));
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_assert_uint_eq(epoch_of(small.repo, &first), 1);
	ck_assert_uint_eq(epoch_of(small.repo, &second), 2);
	ck_ok(read_chunk(small.repo, &first));
	ck_ok(read_chunk(small.repo, &second));
}
END_TEST

START_TEST(what_was_stored_in_an_older_epoch_is_not_stored_again)
{
	const struct hf_id before = publish(small.repo, "the same bytes");

	ck_ok(hf_repo_rotate(small.repo));
	const struct hf_id after = publish(small.repo, "the same bytes");

	ck_assert(hf_id_equal(&before, &after));
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
}
END_TEST

/* ---- revoking ---- */

START_TEST(a_writer_that_was_revoked_is_told_at_its_next_commit)
{
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_writer) writer = hf_small_writer(other);

	hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("before"));
	ck_ok(hf_writer_publish(writer));
	const size_t commits = hf_mem_count(small.mem, "commits/");

	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("after"));
	ck_fails(HF_DENIED, hf_writer_publish(writer));
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
}
END_TEST

START_TEST(a_revoked_key_opens_no_more)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_repo_options options = {.cache_dir = small.dir};
	const struct hf_slot_wish wish = {.name = "laptop", .rights = HF_READ};
	HF_OWNED(hf_store) store = NULL;
	struct hf_repo *repo;

	hf_secret_set(&secret, hf_span_str("the key of a laptop that will be stolen soon"));
	ck_ok(hf_mem_store_open(small.mem, &store));
	ck_ok(hf_repo_add_slot(small.repo, &wish, &unlock));
	ck_ok(hf_repo_revoke(small.repo, "laptop", INT64_MAX));
	ck_fails(HF_DENIED, hf_repo_open(store, &unlock, &options, &repo));
}
END_TEST

START_TEST(what_is_dated_after_the_theft_counts_no_more_where_it_had_counted)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_READ);
	HF_RELEASED(hf_buf) before = hf_forged_snapshot("files/home", MOMENT);
	HF_RELEASED(hf_buf) after = hf_forged_snapshot("files/home", MOMENT + 1);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	const int64_t theft = now - 1800 * HF_NS_PER_S;

	put_snapshot(thief, theft - 60 * HF_NS_PER_S, &before);
	put_snapshot(thief, theft + 60 * HF_NS_PER_S, &after);
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 2);

	ck_ok(hf_repo_revoke(small.repo, "rights-1", theft));
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 1);
	ck_assert_uint_eq(snapshots_in(small.repo, "files/home"), 1);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_in(fresh, "files/home"), 1);
}
END_TEST

START_TEST(a_revocation_can_be_tightened_and_never_loosened)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_READ);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	for (int i = 3; i > 0; i--) {
		HF_RELEASED(hf_buf) record = hf_forged_snapshot("files/home", MOMENT - i);

		put_snapshot(thief, now - i * 60 * HF_NS_PER_S, &record);
	}
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 3);
	const size_t epochs = hf_repo_keyring(small.repo)->n_epochs;

	for (int i = 1; i <= 3; i++) {
		ck_ok(hf_repo_revoke(small.repo, "rights-1", now - (i * 60 + 30) * HF_NS_PER_S));
		ck_assert_uint_eq(snapshots_in(other, "files/home"), (size_t)(3 - i));
	}
	/* What counts no more never counts again, and no epoch is begun for nothing. */
	ck_fails_with(HF_INVALID, "later one", hf_repo_revoke(small.repo, "rights-1", now));
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 0);
	ck_assert_uint_eq(hf_repo_keyring(small.repo)->n_epochs, epochs);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_in(fresh, "files/home"), 0);
}
END_TEST

START_TEST(a_key_is_one_slots_revoked_or_not)
{
	static const char key[] = "the only key of a slot, or so one would think";

	ck_ok(hf_small_add_slot(small.repo, "one", HF_WRITE, key));
	ck_fails_with(HF_INVALID, "slot one", hf_small_add_slot(small.repo, "more", HF_WRITE, key));
	ck_ok(hf_repo_revoke(small.repo, "one", INT64_MAX));
	ck_fails_with(HF_INVALID, "revoked", hf_small_add_slot(small.repo, "more", HF_WRITE, key));

	/* Nor as what a command prints. */
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_COMMAND_KEY, .secret = &secret};
	const struct hf_slot_wish wish = {.name = "more", .rights = HF_WRITE};

	hf_secret_set(&secret, hf_span_str(key));
	ck_fails_with(HF_INVALID, "revoked", hf_repo_add_slot(small.repo, &wish, &unlock));
}
END_TEST

START_TEST(what_an_honest_slot_said_too_stays_when_a_thief_said_it_first)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_READ);
	HF_RELEASED(hf_buf) record = hf_forged_snapshot("files/home", MOMENT);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	put_snapshot(thief, now - 3600 * HF_NS_PER_S, &record);
	put_snapshot(small.repo, now, &record);
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 1);

	ck_ok(hf_repo_revoke(small.repo, "rights-1", 0));
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 1);
}
END_TEST

START_TEST(what_a_thief_forgot_comes_back_and_what_others_forgot_does_not)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_MAINTAIN);
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_READ);
	static const char *const sources[] = {"files/home", "files/old"};
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	for (size_t i = 0; i < 2; i++) {
		HF_RELEASED(hf_buf) record = hf_forged_snapshot(sources[i], MOMENT);
		HF_RELEASED(hf_buf) printed = {0};
		struct hf_record tombstone = {.kind = HF_RECORD_TOMBSTONE};

		tombstone.tombstone.source = hf_span_str(sources[i]);
		hf_record_print(&tombstone, &printed);
		put_snapshot(small.repo, now - 60 * HF_NS_PER_S, &record);
		put_snapshot(i == 0 ? thief : small.repo, now, &printed);
		ck_assert_uint_eq(snapshots_in(other, sources[i]), 0);
	}

	ck_ok(hf_repo_revoke(small.repo, "rights-4", now - 30 * HF_NS_PER_S));
	ck_assert_uint_eq(snapshots_in(other, "files/home"), 1);
	ck_assert_uint_eq(snapshots_in(other, "files/old"), 0);
}
END_TEST

START_TEST(the_slot_in_use_and_what_is_no_live_slot_are_not_revoked)
{
	HF_OWNED(hf_repo) other = hf_small_open_as(&small, HF_WRITE);
	const uint32_t n = hf_repo_keyring(small.repo)->n;

	ck_fails_with(HF_INVALID, "in use", hf_repo_revoke(small.repo, "first", INT64_MAX));
	ck_fails(HF_NOT_FOUND, hf_repo_revoke(small.repo, "nobody", INT64_MAX));
	ck_fails(HF_DENIED, hf_repo_revoke(other, "first", INT64_MAX));
	ck_assert_uint_eq(hf_repo_keyring(small.repo)->n, n);
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	ck_fails_with(HF_INVALID, "already", hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
}
END_TEST

/* ---- two at once ---- */

struct race {
	struct hf_repo *other;
	unsigned left; /* how often the other is first */
	bool running;
};

/* Another admin's change lands between our look and our put. */
static struct hf_error *be_second(void *arg, enum hf_store_call call, const char *name)
{
	struct race *race = arg;

	if (call != HF_CALL_PUT || strncmp(name, "keyring/", 8) != 0 || race->running ||
		race->left == 0)
		return NULL;
	race->left--;
	race->running = true;
	ck_ok(hf_repo_rotate(race->other));
	race->running = false;
	return NULL;
}

START_TEST(of_changes_at_once_all_are_made)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	struct race race = {.other = other, .left = 5};
	const uint32_t n = hf_repo_keyring(small.repo)->n;

	hf_mem_hook(small.mem, be_second, &race);
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	hf_mem_hook(small.mem, NULL, NULL);

	ck_assert_uint_eq(race.left, 0);
	ck_assert_uint_eq(hf_repo_keyring(small.repo)->n, n + 6);
	ck_assert_uint_eq(hf_repo_keyring(small.repo)->n_epochs, 7);
	ck_fails(HF_DENIED, hf_repo_sync(thief, NULL));
	ck_ok(hf_repo_sync(other, NULL));
}
END_TEST

/* Each call of the store fails once: the keyring is the old one or the new one, and both hold. */
START_TEST(a_revocation_that_fails_at_any_call_can_be_made_again)
{
	bool failed = true;

	for (unsigned at = 1; failed; at++) {
		struct hf_small hurt;
		struct hf_fault fault = {.at = at};

		hf_small_init(&hurt, 2);
		hf_repo_free(hf_small_open_as(&hurt, HF_WRITE));
		const struct hf_id chunk = publish(hurt.repo, "what must stay");
		HF_RELEASED(hf_secret) secret = {0};
		const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
		HF_FREED char *cache = hf_test_path(hurt.dir, "faulty");
		const struct hf_repo_options options = {.cache_dir = cache};
		HF_OWNED(hf_repo) faulty = NULL;
		struct hf_store *inner, *store;

		hf_secret_set(&secret,
			hf_span_str("the key of the first slot, which has all the rights"));
		ck_ok(hf_mem_store_open(hurt.mem, &inner));
		ck_ok(hf_fault_store_open(inner, &fault, &store));
		struct hf_error *err = hf_repo_open(store, &unlock, &options, &faulty);

		if (err)
			hf_store_free(store);
		else
			err = hf_repo_revoke(faulty, "rights-1", INT64_MAX);
		failed = atomic_load(&fault.count) >= at;
		hf_error_free(err); /* which one is not the point: what stays is */

		ck_ok(hf_repo_sync(hurt.repo, NULL));
		if (!hf_repo_keyring(hurt.repo)->slots[1].revoked)
			ck_ok(hf_repo_revoke(hurt.repo, "rights-1", INT64_MAX));
		ck_ok(read_chunk(hurt.repo, &chunk));
		hf_repo_free(HF_STEAL(faulty));
		hf_small_end(&hurt);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("revoke");
	TCase *tests = hf_test_case(suite, "revoke");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(
		tests, what_is_written_after_a_rotation_is_of_the_new_epoch_and_all_is_readable);
	tcase_add_test(tests, a_session_that_began_before_a_rotation_goes_over_at_its_next_commit);
	tcase_add_test(tests, what_was_stored_in_an_older_epoch_is_not_stored_again);
	tcase_add_test(tests, a_writer_that_was_revoked_is_told_at_its_next_commit);
	tcase_add_test(tests, a_revoked_key_opens_no_more);
	tcase_add_test(tests, what_is_dated_after_the_theft_counts_no_more_where_it_had_counted);
	tcase_add_test(tests, a_revocation_can_be_tightened_and_never_loosened);
	tcase_add_test(tests, a_key_is_one_slots_revoked_or_not);
	tcase_add_test(tests, what_an_honest_slot_said_too_stays_when_a_thief_said_it_first);
	tcase_add_test(tests, what_a_thief_forgot_comes_back_and_what_others_forgot_does_not);
	tcase_add_test(tests, the_slot_in_use_and_what_is_no_live_slot_are_not_revoked);
	tcase_add_test(tests, of_changes_at_once_all_are_made);
	tcase_add_test(tests, a_revocation_that_fails_at_any_call_can_be_made_again);
	return hf_test_run_suite(suite);
}
