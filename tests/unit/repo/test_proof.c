/* What a check read is known everywhere, and what was read longest ago is read first. */
#include "backend/repo/proof.h"

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "tests/lib/forged.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define PACKS 4u
#define CHUNK ((size_t)20 << 10)
#define MOMENT INT64_C(1795514400000000000)
#define DAY (24 * 3600 * HF_NS_PER_S)

static struct hf_small small;

static void publish(unsigned number)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, CHUNK);

	hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	ck_ok(hf_writer_publish(writer));
}

static void setup(void)
{
	hf_small_init(&small, 2);
	for (unsigned i = 0; i < PACKS; i++)
		publish(i);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* ---- which ---- */

START_TEST(what_was_never_proven_comes_first_then_the_longest_ago)
{
	struct hf_proof_pack packs[] = {{0, 300, 1, 10, false}, {1, 0, 9, 10, false},
		{2, 100, 5, 10, false}, {3, 0, 8, 10, false}, {4, 300, 0, 10, false},
		{5, 0, 1, 10, true}};
	const size_t wanted[] = {3, 1, 2, 4, 0, 5}; /* what is known to be bad is last */

	ck_assert_uint_eq(hf_proof_choose(packs, ARRAY_LEN(packs), 0), ARRAY_LEN(packs));
	for (size_t i = 0; i < ARRAY_LEN(packs); i++)
		ck_assert_uint_eq(packs[i].object, wanted[i]);
	ck_assert_uint_eq(hf_proof_choose(NULL, 0, 5), 0);
}
END_TEST

START_TEST(a_budget_is_kept_but_for_one_pack)
{
	const struct {
		uint64_t most;
		size_t chosen;
	} cases[] = {{1, 1}, {9, 1}, {10, 1}, {29, 1}, {30, 2}, {31, 2}, {34, 2}, {35, 3},
		{UINT64_MAX, 3}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct hf_proof_pack packs[] = {
			{0, 1, 1, 10, false}, {1, 2, 1, 20, false}, {2, 3, 1, 5, false}};

		ck_assert_uint_eq(
			hf_proof_choose(packs, ARRAY_LEN(packs), cases[i].most), cases[i].chosen);
	}
}
END_TEST

/* ---- what is left behind ---- */

struct seen {
	size_t n, proven, depth_1, depth_2;
};

static struct hf_error *look_at(void *arg, const struct hf_pack *pack)
{
	struct seen *seen = arg;

	seen->n++;
	seen->proven += pack->proven != 0;
	seen->depth_1 += pack->depth == 1;
	seen->depth_2 += pack->depth == 2;
	return NULL;
}

static struct seen look(struct hf_repo *repo)
{
	struct seen seen = {0};

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_catalog_each_pack(hf_repo_catalog(repo), look_at, &seen));
	return seen;
}

static struct hf_check_result check(struct hf_repo *repo, uint64_t most)
{
	const struct hf_check_options options = {.read_data = true, .most = most};
	struct hf_check_result result;

	ck_ok(hf_check_objects(repo, &options, &result));
	ck_assert_uint_eq(result.findings, 0);
	return result;
}

START_TEST(what_a_reader_read_is_known_to_every_machine)
{
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ);
	HF_OWNED(hf_repo) other = hf_small_open(&small);

	ck_assert_uint_eq(check(reader, 0).proven_packs, PACKS);
	ck_assert_uint_eq(look(other).depth_2, PACKS);
	ck_assert_uint_eq(look(small.repo).proven, PACKS);
}
END_TEST

START_TEST(who_cannot_decode_vouches_for_digests_alone)
{
	HF_OWNED(hf_repo) maintainer = hf_small_open_as(&small, HF_MAINTAIN);

	check(maintainer, 0);
	ck_assert_uint_eq(look(small.repo).depth_1, PACKS);
}
END_TEST

START_TEST(a_writers_key_reads_and_leaves_nothing)
{
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	const size_t commits = hf_mem_count(small.mem, "commits/");

	ck_assert_uint_eq(check(writer, 0).proven_packs, 0);
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
	ck_assert_uint_eq(look(small.repo).proven, 0);
}
END_TEST

START_TEST(a_check_without_content_proves_nothing)
{
	const struct hf_check_options options = {0};
	const size_t commits = hf_mem_count(small.mem, "commits/");
	struct hf_check_result result;

	ck_ok(hf_check_objects(small.repo, &options, &result));
	ck_assert_uint_eq(result.proven_packs, 0);
	ck_assert_uint_eq(hf_mem_count(small.mem, "commits/"), commits);
}
END_TEST

START_TEST(small_budgets_go_round)
{
	for (unsigned i = 1; i <= PACKS; i++) {
		ck_assert_uint_eq(check(small.repo, 1).proven_packs, 1);
		ck_assert_uint_eq(look(small.repo).proven, i);
	}
	check(small.repo, 1);
	ck_assert_uint_eq(look(small.repo).proven, PACKS);
}
END_TEST

START_TEST(a_budget_is_of_bytes_of_packs)
{
	struct hf_pack pack;

	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 1, &pack));
	ck_assert_uint_eq(check(small.repo, 2 * pack.size + pack.size / 2).proven_packs, 2);
	ck_assert_uint_eq(look(small.repo).proven, 2);
}
END_TEST

static void hurt_one(void)
{
	struct hf_pack pack;
	char name[HF_COMMIT_NAME_LEN + 1];

	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 1, &pack));
	hf_pack_object_name(&pack, name);
	hf_mem_at(small.mem, name, 0)->at[HF_HEADER_LEN + 5] ^= 1;
}

START_TEST(a_pack_that_is_hurt_is_not_proven)
{
	const struct hf_check_options options = {.read_data = true};
	struct hf_check_result result;

	hurt_one();
	ck_ok(hf_check_objects(small.repo, &options, &result));
	ck_assert_uint_eq(result.findings, 2); /* the pack, and its chunk */
	ck_assert_uint_eq(look(small.repo).proven, PACKS - 1);
}
END_TEST

START_TEST(a_pack_that_is_known_to_be_hurt_does_not_hold_up_the_others)
{
	const struct hf_check_options options = {.read_data = true, .most = 1};
	struct hf_check_result result;

	hurt_one();
	for (unsigned i = 0; i < PACKS; i++)
		ck_ok(hf_check_objects(small.repo, &options, &result));
	ck_assert_uint_eq(look(small.repo).proven, PACKS - 1);
}
END_TEST

static struct hf_error *no_puts(void *arg, enum hf_store_call call, const char *name)
{
	(void)arg;
	(void)name;
	return call == HF_CALL_PUT ? hf_error_new(HF_SYSTEM, "Read-only file system") : NULL;
}

START_TEST(a_store_that_is_read_only_is_checked_all_the_same)
{
	hf_mem_hook(small.mem, no_puts, NULL);
	ck_assert_uint_eq(check(small.repo, 0).proven_packs, PACKS);
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(look(small.repo).proven, 0);
}
END_TEST

/* Stops the check at its third content pack. */
struct stopping {
	struct hf_stop stop;
	unsigned packs;
};

static struct hf_error *stop_at_third(void *arg, enum hf_store_call call, const char *name)
{
	struct stopping *stopping = arg;

	if (call == HF_CALL_STAT && strncmp(name, "packs/", 6) == 0 && ++stopping->packs == 3)
		atomic_store(&stopping->stop.raised, 1);
	return NULL;
}

START_TEST(what_was_read_before_a_stop_counts)
{
	struct stopping stopping = {0};
	const struct hf_check_options options = {.read_data = true, .stop = &stopping.stop};
	struct hf_check_result result;

	hf_mem_hook(small.mem, stop_at_third, &stopping);
	ck_fails(HF_CANCELLED, hf_check_objects(small.repo, &options, &result));
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(look(small.repo).proven, 2);
}
END_TEST

/* ---- which proof counts ---- */

static struct hf_id first_pack(void)
{
	struct hf_pack pack;

	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), 1, &pack));
	return pack.id;
}

/* A commit of that date which says that the first pack was read then. */
static void prove_at(struct hf_repo *as, int64_t date, int64_t time, uint8_t depth)
{
	struct hf_id id = first_pack();
	const struct hf_record record = {.kind = HF_RECORD_PROVEN,
		.proven = {.time = time, .depth = depth, .packs = {&id, 1}}};
	HF_RELEASED(hf_buf) printed = {0};

	hf_record_print(&record, &printed);
	const struct hf_forged_commit forged = {
		.as = as, .time = date, .records = hf_buf_span(&printed)};

	hf_forged_commit_put(&forged);
}

/* As a catalog sees it that was there all the time, and as a new one does. */
static void expect_proven(int64_t time, uint8_t depth)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	struct hf_repo *const repos[] = {small.repo, fresh};
	const struct hf_id id = first_pack();

	ck_ok(hf_repo_sync(small.repo, NULL));
	for (size_t i = 0; i < ARRAY_LEN(repos); i++) {
		struct hf_pack pack = {0};

		for (int64_t n = 1; !hf_id_equal(&pack.id, &id); n++)
			ck_ok(hf_catalog_pack(hf_repo_catalog(repos[i]), n, &pack));
		ck_assert_int_eq(pack.proven, time);
		ck_assert_uint_eq(pack.depth, depth);
	}
}

START_TEST(the_newest_commit_counts_in_whichever_order_they_come)
{
	prove_at(small.repo, MOMENT, MOMENT - DAY, 2);
	expect_proven(MOMENT - DAY, 2);
	prove_at(small.repo, MOMENT - 2 * DAY, MOMENT - 3 * DAY, 1);
	expect_proven(MOMENT - DAY, 2);
	prove_at(small.repo, MOMENT + HF_NS_PER_S, MOMENT - 4 * DAY, 1);
	expect_proven(MOMENT - 4 * DAY, 1);
}
END_TEST

START_TEST(nothing_is_proven_later_than_it_was_told)
{
	prove_at(small.repo, MOMENT, MOMENT + 3000 * DAY, 2);
	expect_proven(MOMENT, 2);
}
END_TEST

START_TEST(a_proof_may_come_before_its_pack)
{
	HF_OWNED(hf_catalog) catalog = NULL;
	struct hf_pack pack = {.id = {{7}}, .kind = HF_CONTENT_PACK, .size = 100}, found;
	const struct hf_table none = {0};
	const struct hf_record record = {.kind = HF_RECORD_PROVEN,
		.proven = {.time = 5, .depth = 2, .packs = {&pack.id, 1}}};
	const struct hf_seen seen = {.slot = 1, .time = 9};
	int64_t n;

	ck_ok(hf_catalog_open(NULL, &catalog));
	ck_ok(hf_catalog_add_proven(catalog, &record, &seen));
	ck_ok(hf_catalog_add_pack(catalog, &pack, &none, &n));
	ck_ok(hf_catalog_pack(catalog, n, &found));
	ck_assert_int_eq(found.proven, 5);
	ck_assert_uint_eq(found.depth, 2);
}
END_TEST

START_TEST(what_a_revoked_slot_proved_is_taken_back)
{
	int64_t now;

	ck_ok(hf_store_now(hf_repo_store(small.repo), &now));
	now -= now % HF_NS_PER_S;
	{
		HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_READ);

		prove_at(small.repo, now - 100 * HF_NS_PER_S, now - 2 * DAY, 1);
		prove_at(thief, now, now, 2);
	}
	expect_proven(now, 2);
	ck_ok(hf_repo_revoke(small.repo, "rights-2", now - 50 * HF_NS_PER_S));
	expect_proven(now - 2 * DAY, 1);
}
END_TEST

START_TEST(who_may_not_decode_cannot_claim_it)
{
	HF_OWNED(hf_repo) maintainer = hf_small_open_as(&small, HF_MAINTAIN);
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);

	prove_at(maintainer, MOMENT, MOMENT, 2);
	prove_at(writer, MOMENT, MOMENT, 1);
	expect_proven(0, 0);
	prove_at(maintainer, MOMENT, MOMENT, 1);
	expect_proven(MOMENT, 1);
}
END_TEST

/* ---- what is shown ---- */

START_TEST(the_oldest_unproven_byte_is_the_one_that_was_left_alone_longest)
{
	struct hf_catalog *catalog = hf_repo_catalog(small.repo);
	struct hf_proofs proofs;
	struct hf_pack pack;

	ck_ok(hf_catalog_pack(catalog, 1, &pack));
	ck_ok(hf_catalog_proofs(catalog, pack.seen, &proofs));
	ck_assert_uint_eq(proofs.never_packs, PACKS);
	ck_assert_uint_eq(proofs.never_bytes, hf_mem_bytes(small.mem, "packs/"));
	ck_assert_uint_eq(proofs.old_bytes, 0);
	ck_assert_int_eq(proofs.oldest, pack.seen);
	ck_ok(hf_catalog_proofs(catalog, pack.seen + DAY, &proofs));
	ck_assert_uint_eq(proofs.old_bytes, hf_mem_bytes(small.mem, "packs/"));

	prove_at(small.repo, MOMENT - DAY, MOMENT - 2 * DAY, 1);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_catalog_proofs(catalog, MOMENT - DAY, &proofs));
	ck_assert_uint_eq(proofs.never_packs, PACKS - 1);
	ck_assert_int_eq(proofs.oldest, HF_MIN(MOMENT - 2 * DAY, pack.seen));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proof");
	TCase *tests = hf_test_case(suite, "proof");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_was_never_proven_comes_first_then_the_longest_ago);
	tcase_add_test(tests, a_budget_is_kept_but_for_one_pack);
	tcase_add_test(tests, what_a_reader_read_is_known_to_every_machine);
	tcase_add_test(tests, who_cannot_decode_vouches_for_digests_alone);
	tcase_add_test(tests, a_writers_key_reads_and_leaves_nothing);
	tcase_add_test(tests, a_check_without_content_proves_nothing);
	tcase_add_test(tests, small_budgets_go_round);
	tcase_add_test(tests, a_budget_is_of_bytes_of_packs);
	tcase_add_test(tests, a_pack_that_is_known_to_be_hurt_does_not_hold_up_the_others);
	tcase_add_test(tests, a_pack_that_is_hurt_is_not_proven);
	tcase_add_test(tests, a_store_that_is_read_only_is_checked_all_the_same);
	tcase_add_test(tests, what_was_read_before_a_stop_counts);
	tcase_add_test(tests, the_newest_commit_counts_in_whichever_order_they_come);
	tcase_add_test(tests, nothing_is_proven_later_than_it_was_told);
	tcase_add_test(tests, a_proof_may_come_before_its_pack);
	tcase_add_test(tests, what_a_revoked_slot_proved_is_taken_back);
	tcase_add_test(tests, who_may_not_decode_cannot_claim_it);
	tcase_add_test(tests, the_oldest_unproven_byte_is_the_one_that_was_left_alone_longest);
	return hf_test_run_suite(suite);
}
