/*
 * Whoever stole a writer's key, and may put objects, does no harm: each test is an attack, first
 * through the program, then by objects made by hand.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/format/limits.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/history.h"
#include "backend/repo/reader.h"
#include "tests/lib/forged.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define MOMENT INT64_C(1795514400000000000)

static struct hf_small small;
static struct hf_repo *thief; /* a slot with `write` */
static struct hf_id honest;   /* a chunk of the honest snapshot of files/home */

static void setup(void)
{
	hf_small_init(&small, 1);
	thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_entry root = hf_small_dir(writer, "", NULL, 0);

	honest = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("what nobody else may read"));
	hf_small_snapshot(writer, "files/home", MOMENT, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&root.extents);
	ck_ok(hf_repo_sync(thief, NULL));
}

static void teardown(void)
{
	hf_repo_free(thief);
	hf_small_end(&small);
}

/* ---- what an honest client sees ---- */

static size_t snapshots_in(struct hf_repo *repo, const char *source)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots snapshots;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_history_snapshots(repo, source, &arena, &snapshots));
	return snapshots.n;
}

/* One that followed all along, and one that comes with an empty catalog. */
static void all_see(const char *source, size_t n)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_in(small.repo, source), n);
	ck_assert_uint_eq(snapshots_in(fresh, source), n);
}

static void put_records(struct hf_repo *as, uint32_t slot, int64_t time, struct hf_buf *records)
{
	const struct hf_forged_commit forged = {
		.as = as, .slot = slot, .time = time, .records = hf_buf_span(records)};

	hf_forged_commit_put(&forged);
	hf_buf_release(records);
}

static struct hf_buf tombstone(const char *source)
{
	struct hf_record record = {.kind = HF_RECORD_TOMBSTONE};
	struct hf_buf printed = {0};

	record.tombstone.source = hf_span_str(source);
	hf_record_print(&record, &printed);
	return printed;
}

/* ---- reading ---- */

static hf_err read_chunk(struct hf_repo *repo, const struct hf_id *id)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF chunk = NULL;

	HF_TRY(hf_reader_open(repo, 1 << 20, 0, &reader));
	return hf_reader_get(reader, HF_CONTENT_PACK, id, &chunk);
}

START_TEST(a_stolen_writers_key_decrypts_no_content_not_even_its_own)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(thief);
	struct hf_id own = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("of the thief"));

	ck_ok(hf_writer_publish(writer));
	ck_fails(HF_DENIED, read_chunk(thief, &honest));
	ck_fails(HF_DENIED, read_chunk(thief, &own));

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(read_chunk(small.repo, &honest));
	ck_ok(read_chunk(small.repo, &own));
}
END_TEST

START_TEST(a_stolen_writers_key_holds_no_content_key_of_any_epoch)
{
	const struct hf_key zero = {{0}};

	ck_ok(hf_repo_rotate(small.repo));
	ck_ok(hf_repo_sync(thief, NULL));
	const struct hf_slot_secrets *secrets = hf_repo_secrets(thief);

	ck_assert_uint_eq(secrets->n_epochs, 2);
	ck_assert(!secrets->has_root);
	ck_assert_mem_eq(secrets->root_seed.bytes, zero.bytes, HF_KEY_LEN);
	for (size_t i = 0; i < secrets->n_epochs; i++) {
		ck_assert(!secrets->epochs[i].reads);
		ck_assert_mem_eq(secrets->epochs[i].content.bytes, zero.bytes, HF_KEY_LEN);
	}
}
END_TEST

START_TEST(a_stolen_writers_key_tests_no_guess_against_a_fingerprint)
{
	const struct hf_key secret = {{1, 2, 3}};
	uint8_t sealed[HF_SEALED_SECRET_LEN];
	struct hf_key opened;

	ck_ok(hf_fingerprint_secret_seal(hf_repo_newest_epoch(small.repo), &secret, sealed));

	ck_fails(HF_DENIED,
		hf_fingerprint_secret_open(
			hf_repo_secrets(thief), hf_span(sealed, sizeof(sealed)), &opened));
	ck_ok(hf_fingerprint_secret_open(
		hf_repo_secrets(small.repo), hf_span(sealed, sizeof(sealed)), &opened));
	ck_assert_mem_eq(opened.bytes, secret.bytes, HF_KEY_LEN);
}
END_TEST

/* ---- taking away ---- */

START_TEST(a_stolen_writers_key_forgets_nothing)
{
	struct hf_buf records = tombstone("files/home");

	put_records(thief, 0, 0, &records);
	all_see("files/home", 1);
}
END_TEST

/* The thief knows the metadata key, and can write any slot's number. */
START_TEST(a_stolen_writers_key_speaks_for_no_other_slot)
{
	struct hf_buf lie = hf_forged_snapshot("files/home", MOMENT + 1);
	struct hf_buf records = tombstone("files/home");

	put_records(thief, hf_repo_slot(small.repo)->n, 0, &lie);
	put_records(thief, hf_repo_slot(small.repo)->n, 0, &records);
	all_see("files/home", 1);
}
END_TEST

START_TEST(a_stolen_writers_key_makes_no_checkpoint)
{
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(thief, hf_repo_slot(thief)->n, now + 3600 * HF_NS_PER_S);
	all_see("files/home", 1);
}
END_TEST

START_TEST(a_stolen_writers_key_makes_no_checkpoint_in_an_admins_name)
{
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(thief, hf_repo_slot(small.repo)->n, now + 3600 * HF_NS_PER_S);
	all_see("files/home", 1);
}
END_TEST

/* That the two above fail for the reason that they should. */
START_TEST(the_same_checkpoint_from_an_admin_is_believed)
{
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(small.repo), &now));
	hf_forged_checkpoint_put(small.repo, hf_repo_slot(small.repo)->n, now + 3600 * HF_NS_PER_S);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(snapshots_in(fresh, "files/home"), 0);
}
END_TEST

/* ---- the keyring ---- */

START_TEST(a_stolen_writers_key_changes_no_slot)
{
	ck_fails(HF_DENIED,
		hf_small_add_slot(thief, "backdoor", HF_ALL_RIGHTS,
			"thirty-two bytes that the thief can remember"));
	ck_fails(HF_DENIED, hf_repo_revoke(thief, "first", INT64_MAX));
	ck_fails(HF_DENIED, hf_repo_rotate(thief));
}
END_TEST

/* Keyring n+1 with one slot changed, signed by a root of the thief's own. */
static void put_forged_keyring(bool own_root_public)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) bytes = {0}, printed = {0};
	const struct hf_key root = {{7, 7, 7}};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_keyring keyring;

	hf_numbered_name("keyring", hf_repo_keyring(thief)->n, name);
	ck_ok(hf_store_get_all(hf_repo_store(thief), name, 0, HF_MAX_KEYRING, &bytes));
	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &arena, &keyring));
	keyring.n++;
	keyring.slots[0].sign_public[0] ^= 1;
	if (own_root_public)
		hf_ed25519_public(&root, keyring.root_public);
	hf_keyring_print(&keyring, &root, &printed);
	hf_numbered_name("keyring", keyring.n, name);
	ck_ok(hf_store_put(hf_repo_store(thief), name, hf_buf_span(&printed)));
}

START_TEST(a_keyring_that_another_root_signed_is_passed_over)
{
	const uint32_t n = hf_repo_keyring(small.repo)->n;

	put_forged_keyring(_i);
	all_see("files/home", 1);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(hf_repo_keyring(fresh)->n, n);
	ck_assert_uint_eq(hf_repo_keyring(small.repo)->n, n);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_entry root = hf_small_dir(writer, "", NULL, 0);

	hf_small_snapshot(writer, "files/home", MOMENT + 2, &root);
	ck_ok(hf_writer_publish(writer));
	hf_extents_release(&root.extents);
	all_see("files/home", 2);
}
END_TEST

/* ---- other sources ---- */

START_TEST(a_stolen_key_of_some_sources_adds_to_no_other)
{
	HF_OWNED(hf_repo) limited = hf_small_open_limited(&small, HF_WRITE, "files/own");
	struct hf_buf own = hf_forged_snapshot("files/own", MOMENT);
	struct hf_buf other = hf_forged_snapshot("files/home", MOMENT + 1);
	struct hf_buf longer = hf_forged_snapshot("files/owner", MOMENT + 1);

	ck_ok(hf_repo_need(limited, HF_WRITE, "files/own"));
	ck_fails(HF_DENIED, hf_repo_need(limited, HF_WRITE, "files/home"));
	put_records(limited, 0, 0, &own);
	put_records(limited, 0, 0, &other);
	put_records(limited, 0, 0, &longer);
	all_see("files/own", 1);
	all_see("files/home", 1);
	all_see("files/owner", 0);
}
END_TEST

START_TEST(a_commit_of_a_stolen_key_that_is_dated_far_ahead_does_not_count)
{
	struct hf_buf lie = hf_forged_snapshot("files/home", MOMENT + 1);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	put_records(thief, 0, now + 25 * 3600 * HF_NS_PER_S, &lie);
	all_see("files/home", 1);
}
END_TEST

START_TEST(a_commit_of_a_stolen_key_that_is_dated_before_the_checkpoint_does_not_count)
{
	const int64_t hour = 3600 * HF_NS_PER_S;
	struct hf_buf late = hf_forged_snapshot("files/home", MOMENT + 1);
	struct hf_buf later = hf_forged_snapshot("files/home", MOMENT + 2);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	hf_forged_checkpoint_put(small.repo, hf_repo_slot(small.repo)->n, now - hour);
	put_records(thief, 0, now - 2 * hour, &late);
	all_see("files/home", 1);
	put_records(thief, 0, now - hour / 2, &later);
	all_see("files/home", 2);
}
END_TEST

static int64_t late_commits(struct hf_repo *repo)
{
	int64_t late;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_catalog_fact(hf_repo_catalog(repo), "late", &late));
	return late;
}

/* To be the first of a period that is past. Only who had looked before can tell. */
START_TEST(a_commit_that_is_dated_back_is_told_by_who_followed)
{
	struct hf_buf true_one = hf_forged_snapshot("files/home", MOMENT + 1);
	struct hf_buf false_one = hf_forged_snapshot("files/home", MOMENT + 2);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	put_records(thief, 0, 0, &true_one);
	ck_assert_int_eq(late_commits(small.repo), 0);
	put_records(thief, 0, now - 20 * 24 * 3600 * HF_NS_PER_S, &false_one);
	ck_assert_int_eq(late_commits(small.repo), 1);
	ck_assert_int_eq(late_commits(small.repo), 1);
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_int_eq(late_commits(fresh), 0);
	/* Those that are read again after a revocation came long ago. */
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	ck_assert_int_eq(late_commits(small.repo), 1);
}
END_TEST

static uint64_t findings(struct hf_repo *repo)
{
	const struct hf_check_options options = {0};
	struct hf_check_result result;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_check_objects(repo, &options, &result));
	return result.findings;
}

START_TEST(what_a_thief_says_it_knew_is_told_until_its_key_is_revoked)
{
	struct hf_buf record = hf_forged_snapshot("files/home", MOMENT + 1);
	const struct hf_forged_commit forged = {
		.as = thief, .keyring = UINT32_MAX, .records = hf_buf_span(&record)};

	ck_assert_uint_eq(findings(small.repo), 0);
	hf_forged_commit_put(&forged);
	hf_buf_release(&record);
	all_see("files/home", 2);
	ck_assert_uint_eq(findings(small.repo), 1);
	ck_ok(hf_repo_revoke(small.repo, "rights-1", 0));
	ck_assert_uint_eq(findings(small.repo), 0);
	all_see("files/home", 1);
}
END_TEST

/* ---- after the revocation ---- */

START_TEST(what_a_revoked_writer_adds_is_void_however_it_is_dated)
{
	const int64_t hour = 3600 * HF_NS_PER_S;
	struct hf_buf before = hf_forged_snapshot("files/home", MOMENT + 1);
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(thief), &now));
	put_records(thief, 0, 0, &before);
	ck_ok(hf_repo_revoke(small.repo, "rights-1", INT64_MAX));
	for (int64_t ahead = -2; ahead <= 2; ahead++) {
		struct hf_buf lie = hf_forged_snapshot("files/home", MOMENT + 10 + ahead);

		put_records(thief, 0, now + ahead * hour, &lie);
	}
	all_see("files/home", 2);
	ck_fails(HF_DENIED, hf_repo_sync(thief, NULL));
}
END_TEST

START_TEST(a_revoked_writers_packs_stay_readable)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(thief);
	struct hf_id chunk =
		hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("others may share this"));

	ck_ok(hf_writer_publish(writer));
	ck_ok(hf_repo_revoke(small.repo, "rights-1", 0));
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(read_chunk(small.repo, &chunk));
	ck_ok(read_chunk(fresh, &chunk));
}
END_TEST

/* The reader keeps every secret it had; the store gives it every object. */
static hf_err open_as_known(void *arg, const struct hf_object *object)
{
	struct hf_repo *reader = arg;
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_header header;

	ck_ok(hf_store_get_all(hf_repo_store(reader), object->name, 0, HF_MAX_PACK, &bytes));
	ck_ok(hf_header_parse(hf_buf_span(&bytes), &header));
	if (header.epoch == 1)
		return NULL;
	ck_assert_ptr_null(hf_repo_epoch(reader, header.epoch));
	HF_RELEASED(hf_last) last = {0};
	struct hf_epoch_keys old = *hf_repo_epoch(reader, 1);

	old.epoch = header.epoch;
	ck_fails(HF_CORRUPT, hf_last_open(hf_buf_span(&bytes), &old, &last));
	return NULL;
}

START_TEST(a_revoked_reader_opens_nothing_that_is_written_after)
{
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_keyring keyring;
	const struct hf_slot *slot;

	ck_ok(hf_repo_revoke(small.repo, "rights-2", INT64_MAX));
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_id after = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("written after"));

	hf_small_put(writer, HF_META_PACK, hf_span_str("a directory of after"));
	ck_ok(hf_writer_publish(writer));

	ck_fails(HF_DENIED, hf_repo_sync(reader, NULL));
	ck_ok(read_chunk(reader, &honest));
	ck_fails(HF_CORRUPT, read_chunk(reader, &after));
	ck_ok(hf_store_list(hf_repo_store(reader), "packs/", "", open_as_known, reader));
	ck_ok(hf_store_list(hf_repo_store(reader), "meta/", "", open_as_known, reader));
	ck_ok(hf_store_list(hf_repo_store(reader), "commits/", "", open_as_known, reader));

	hf_numbered_name("keyring", hf_repo_keyring(small.repo)->n, name);
	ck_ok(hf_store_get_all(hf_repo_store(reader), name, 0, HF_MAX_KEYRING, &bytes));
	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &arena, &keyring));
	ck_assert_uint_eq(keyring.slots[2].grant.len, 0);
	keyring.slots[2].revoked = false; /* as if the reader's program did not care */
	ck_fails(HF_CORRUPT, hf_keyring_follow(&keyring, hf_repo_secrets(reader), &slot, &secrets));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stolen_writer");
	TCase *tests = hf_test_case(suite, "stolen_writer");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_stolen_writers_key_decrypts_no_content_not_even_its_own);
	tcase_add_test(tests, a_stolen_writers_key_holds_no_content_key_of_any_epoch);
	tcase_add_test(tests, a_stolen_writers_key_tests_no_guess_against_a_fingerprint);
	tcase_add_test(tests, a_stolen_writers_key_forgets_nothing);
	tcase_add_test(tests, a_stolen_writers_key_speaks_for_no_other_slot);
	tcase_add_test(tests, a_stolen_writers_key_makes_no_checkpoint);
	tcase_add_test(tests, a_stolen_writers_key_makes_no_checkpoint_in_an_admins_name);
	tcase_add_test(tests, the_same_checkpoint_from_an_admin_is_believed);
	tcase_add_test(tests, a_stolen_writers_key_changes_no_slot);
	tcase_add_loop_test(tests, a_keyring_that_another_root_signed_is_passed_over, 0, 2);
	tcase_add_test(tests, a_stolen_key_of_some_sources_adds_to_no_other);
	tcase_add_test(tests, a_commit_of_a_stolen_key_that_is_dated_far_ahead_does_not_count);
	tcase_add_test(
		tests, a_commit_of_a_stolen_key_that_is_dated_before_the_checkpoint_does_not_count);
	tcase_add_test(tests, a_commit_that_is_dated_back_is_told_by_who_followed);
	tcase_add_test(tests, what_a_thief_says_it_knew_is_told_until_its_key_is_revoked);
	tcase_add_test(tests, what_a_revoked_writer_adds_is_void_however_it_is_dated);
	tcase_add_test(tests, a_revoked_writers_packs_stay_readable);
	tcase_add_test(tests, a_revoked_reader_opens_nothing_that_is_written_after);
	return hf_test_run_suite(suite);
}
