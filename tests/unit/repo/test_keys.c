/* Which keyring counts, among those that whoever can put objects has planted. */
#include "backend/format/limits.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define PLANTED 40u

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 2);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* Signed by the root that it says. Its slots are the real ones: a key would fit them. */
static void plant(uint32_t from, uint32_t n, uint8_t root_byte, bool own_root)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) bytes = {0}, printed = {0};
	const struct hf_key root = {{root_byte}};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_keyring keyring;

	hf_numbered_name("keyring", from, name);
	ck_ok(hf_store_get_all(hf_repo_store(small.repo), name, 0, HF_MAX_KEYRING, &bytes));
	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &arena, &keyring));
	keyring.n = n;
	if (own_root)
		hf_ed25519_public(&root, keyring.root_public);
	hf_keyring_print(&keyring, &root, &printed);
	hf_numbered_name("keyring", n, name);
	ck_ok(hf_store_put(hf_repo_store(small.repo), name, hf_buf_span(&printed)));
}

static void opens_with_keyring(uint32_t n)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_assert_uint_eq(hf_repo_keyring(fresh)->n, n);
}

static struct hf_error *open_with_phrase(const char *phrase)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_PASSPHRASE, .secret = &secret};
	const struct hf_repo_options options = {.cache_dir = small.dir};
	HF_OWNED(hf_store) store = NULL;
	HF_OWNED(hf_repo) repo = NULL;

	hf_secret_set(&secret, hf_span_str(phrase));
	ck_ok(hf_mem_store_open(small.mem, &store));
	HF_TRY(hf_repo_open(store, &unlock, &options, &repo));
	store = NULL;
	return NULL;
}

static void add_phrase(const char *phrase)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_PASSPHRASE,
		.secret = &secret,
		.cost = {.log2n = HF_MIN_SCRYPT_LOG2N, .r = HF_SCRYPT_R, .p = 1}};
	const struct hf_slot_wish wish = {.name = "phrase", .rights = HF_READ};

	hf_secret_set(&secret, hf_span_str(phrase));
	ck_ok(hf_repo_add_slot(small.repo, &wish, &unlock));
}

START_TEST(any_number_of_planted_keyrings_locks_nobody_out)
{
	for (uint32_t i = 0; i < PLANTED; i++)
		plant(1, 2 + i, (uint8_t)(1 + i), _i);
	opens_with_keyring(1);
}
END_TEST

/* The planted ones have the passphrase's slot too: none of them is worth a scrypt. */
START_TEST(a_passphrase_opens_below_any_number_of_planted_keyrings)
{
	add_phrase("correct horse");
	for (uint32_t i = 0; i < PLANTED; i++)
		plant(2, 3 + i, (uint8_t)(1 + i), true);
	ck_ok(open_with_phrase("correct horse"));
	ck_fails(HF_NO_KEY, open_with_phrase("wrong horse"));
}
END_TEST

START_TEST(a_real_keyring_above_planted_ones_counts)
{
	plant(1, 2, 1, true);
	plant(1, 3, 2, true);
	ck_fails(HF_EXISTS, hf_repo_rotate(small.repo));
	hf_mem_lose(small.mem, "keyring/0000000002", 0);
	hf_mem_lose(small.mem, "keyring/0000000002", 1);
	ck_ok(hf_repo_rotate(small.repo));
	opens_with_keyring(2);
}
END_TEST

/* Then the next one says whose repository it is. */
START_TEST(the_lowest_keyring_may_rot)
{
	ck_ok(hf_repo_rotate(small.repo));
	hf_mem_at(small.mem, "keyring/0000000001", 0)->at[50] ^= 1;
	opens_with_keyring(2);
	hf_mem_at(small.mem, "keyring/0000000001", 1)->at[50] ^= 1;
	opens_with_keyring(2);
}
END_TEST

START_TEST(who_changes_the_keyring_supplies_the_twin_that_a_killed_one_left_out)
{
	HF_OWNED(hf_repo) next = NULL;

	ck_ok(hf_repo_rotate(small.repo));
	hf_mem_lose(small.mem, "keyring/0000000002", 1);
	next = hf_small_open(&small);
	ck_ok(hf_repo_rotate(next));
	ck_assert_ptr_nonnull(hf_mem_at(small.mem, "keyring/0000000002", 1));
	opens_with_keyring(3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keys");
	TCase *tests = hf_test_case(suite, "keys");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, any_number_of_planted_keyrings_locks_nobody_out, 0, 2);
	tcase_add_test(tests, a_passphrase_opens_below_any_number_of_planted_keyrings);
	tcase_add_test(tests, a_real_keyring_above_planted_ones_counts);
	tcase_add_test(tests, the_lowest_keyring_may_rot);
	tcase_add_test(tests, who_changes_the_keyring_supplies_the_twin_that_a_killed_one_left_out);
	return hf_test_run_suite(suite);
}
