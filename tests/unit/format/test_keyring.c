#include "backend/format/keyring.h"

#include <stdio.h>

#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "tests/lib/repo_keys.h"
#include "tests/lib/test.h"

static struct hf_test_repo_keys keys;

static void make(void)
{
	hf_test_repo_keys_make(&keys);
}

static void release(void)
{
	hf_test_repo_keys_release(&keys);
}

/* ---- unlocking as a program would, from bytes ---- */

static hf_err unlock_kind(
	struct hf_span bytes, enum hf_unlock_kind kind, struct hf_span secret, const char *name)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_secret) copy = {0};
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	const struct hf_unlock unlock = {.kind = kind, .secret = &copy, .slot = name};
	const struct hf_slot *slot;
	struct hf_keyring keyring;

	hf_secret_set(&copy, secret);
	HF_TRY(hf_keyring_parse(bytes, &arena, &keyring));
	return hf_keyring_unlock(&keyring, &unlock, &slot, &secrets);
}

static hf_err unlock_file(struct hf_span bytes, const char *name)
{
	HF_RELEASED(hf_secret) file = {0};

	hf_test_key_file(name, &file);
	return unlock_kind(bytes, HF_KEY_FILE, hf_span(file.at, file.len), NULL);
}

static hf_err unlock_passphrase(struct hf_span bytes, const char *passphrase)
{
	return unlock_kind(bytes, HF_PASSPHRASE, hf_span_str(passphrase), NULL);
}

static hf_err add(struct hf_keyring *keyring, const struct hf_slot_wish *wish,
	enum hf_unlock_kind kind, struct hf_span bytes)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {
		.kind = kind, .secret = &secret, .cost = {HF_MIN_SCRYPT_LOG2N, HF_SCRYPT_R, 1}};

	hf_secret_set(&secret, bytes);
	return hf_keyring_add_slot(
		keyring, &keys.arena, &keys.secrets[HF_TEST_ADMIN], wish, &unlock);
}

static struct hf_buf printed(const struct hf_keyring *keyring)
{
	struct hf_buf bytes = {0};

	hf_keyring_print(keyring, &keys.secrets[HF_TEST_ADMIN].root_seed, &bytes);
	return bytes;
}

/* Puts the right digest behind bytes that were changed. */
static void digest_anew(struct hf_buf *bytes)
{
	struct hf_id digest;

	hf_sha256(hf_span(bytes->at, bytes->len - HF_ID_LEN), &digest);
	memcpy(bytes->at + bytes->len - HF_ID_LEN, digest.bytes, HF_ID_LEN);
}

/* ---- tests ---- */

START_TEST(a_parsed_keyring_prints_to_the_same_bytes)
{
	HF_RELEASED(hf_buf) again = printed(&keys.keyring);

	ck_assert_uint_eq(again.len, keys.bytes.len);
	ck_assert_mem_eq(again.at, keys.bytes.at, again.len);
	ck_assert_int_eq(keys.keyring.settings.grace, hf_test_settings.grace);
	ck_assert_uint_eq(keys.keyring.settings.cut_max, hf_test_settings.cut_max);
	ck_assert_int_eq(keys.keyring.epochs[0].since, HF_TEST_NOW);
}
END_TEST

START_TEST(each_slot_gets_the_keys_of_its_rights_and_no_others)
{
	static const struct {
		enum hf_test_slot slot;
		bool ids, reads, root;
	} wanted[] = {
		{HF_TEST_ADMIN, true, true, true},
		{HF_TEST_WRITER, true, false, false},
		{HF_TEST_READER, true, true, false},
		{HF_TEST_MAINTAINER, false, false, false},
	};
	const struct hf_slot_secrets *admin = &keys.secrets[HF_TEST_ADMIN];
	static const struct hf_key none;

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct hf_slot_secrets *got = &keys.secrets[wanted[i].slot];
		const struct hf_epoch_keys *epoch = &got->epochs[0];

		ck_assert_int_eq(got->has_ids, wanted[i].ids);
		ck_assert_int_eq(got->has_root, wanted[i].root);
		ck_assert_int_eq(epoch->reads, wanted[i].reads);
		ck_assert_mem_eq(
			epoch->metadata.bytes, admin->epochs[0].metadata.bytes, HF_KEY_LEN);
		ck_assert_mem_eq(
			got->ids.bytes, wanted[i].ids ? admin->ids.bytes : none.bytes, HF_KEY_LEN);
		ck_assert_mem_eq(epoch->content.bytes,
			wanted[i].reads ? admin->epochs[0].content.bytes : none.bytes, HF_KEY_LEN);
		ck_assert_mem_eq(got->root_seed.bytes,
			wanted[i].root ? admin->root_seed.bytes : none.bytes, HF_KEY_LEN);
	}
}
END_TEST

START_TEST(a_key_that_fits_no_slot_is_told_from_damage)
{
	struct hf_span bytes = hf_buf_span(&keys.bytes);

	ck_fails(HF_NO_KEY, unlock_file(bytes, "stranger"));
	ck_fails(HF_NO_KEY, unlock_passphrase(bytes, "passphrase"));
	ck_fails(HF_INVALID, unlock_kind(bytes, HF_KEY_FILE, hf_span(bytes.at, 31), NULL));
	ck_fails(HF_INVALID, unlock_kind(bytes, HF_COMMAND_KEY, hf_span(bytes.at, 0), NULL));
}
END_TEST

START_TEST(a_named_slot_is_the_only_one_tried)
{
	HF_RELEASED(hf_secret) file = {0};
	struct hf_span bytes = hf_buf_span(&keys.bytes), secret;

	hf_test_key_file("reader", &file);
	secret = hf_span(file.at, file.len);
	ck_ok(unlock_kind(bytes, HF_KEY_FILE, secret, "reader"));
	ck_fails(HF_NO_KEY, unlock_kind(bytes, HF_KEY_FILE, secret, "writer"));
	ck_fails(HF_NO_KEY, unlock_kind(bytes, HF_COMMAND_KEY, secret, "reader"));
}
END_TEST

START_TEST(passphrases_key_files_and_commands_unlock)
{
	static const char *const sources[] = {"pg/*", "files/home"};
	const struct hf_slot_wish by_passphrase = {.name = "laptop", .rights = HF_READ | HF_WRITE};
	const struct hf_slot_wish by_command = {.name = "kms",
		.rights = HF_WRITE,
		.hint = "key/1",
		.sources = sources,
		.n_sources = 2};
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_keyring parsed;

	ck_ok(add(&keys.keyring, &by_passphrase, HF_PASSPHRASE, hf_span_str("correct horse")));
	ck_ok(add(&keys.keyring, &by_command, HF_COMMAND_KEY, hf_span(keys.bytes.at, 40)));
	bytes = printed(&keys.keyring);

	ck_ok(unlock_passphrase(hf_buf_span(&bytes), "correct horse"));
	ck_fails(HF_NO_KEY, unlock_passphrase(hf_buf_span(&bytes), "correct horses"));
	ck_ok(unlock_kind(hf_buf_span(&bytes), HF_COMMAND_KEY, hf_span(keys.bytes.at, 40), "kms"));
	ck_ok(unlock_file(hf_buf_span(&bytes), "writer"));
	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &keys.arena, &parsed));
	ck_assert_uint_eq(parsed.n_slots, HF_TEST_SLOTS + 2);
	ck_assert(hf_span_equal(parsed.slots[5].hint, hf_span_str("key/1")));
	ck_assert(hf_span_equal(parsed.slots[5].sources[1], hf_span_str("files/home")));
	ck_assert_uint_eq(parsed.slots[4].cost.log2n, HF_MIN_SCRYPT_LOG2N);
}
END_TEST

START_TEST(no_more_than_16_passphrase_slots_are_tried)
{
	const struct hf_slot *slot = NULL;
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_PASSPHRASE, .secret = &secret};
	const struct hf_slot_wish wish = {.name = "mine", .rights = HF_READ};
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	struct hf_slot slots[HF_MAX_PASSPHRASE_SLOTS + 1] = {{0}};
	struct hf_keyring many = keys.keyring;

	ck_ok(add(&many, &wish, HF_PASSPHRASE, hf_span_str("mine")));
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		slots[i] = many.slots[many.n_slots - 1];
		slots[i].n = (uint32_t)i + 1;
		slots[i].salt[0] ^= (uint8_t)(i < HF_MAX_PASSPHRASE_SLOTS);
	}
	many.slots = slots;
	many.n_slots = ARRAY_LEN(slots);
	hf_secret_set(&secret, hf_span_str("mine"));

	ck_fails(HF_NO_KEY, hf_keyring_unlock(&many, &unlock, &slot, &secrets));
	ck_assert_ptr_null(slot);
}
END_TEST

START_TEST(a_flipped_bit_anywhere_in_a_keyring_is_found)
{
	struct hf_buf *bytes = &keys.bytes;

	for (size_t bit = 0; bit < bytes->len * 8; bit++) {
		HF_OWNED(hf_error) err = NULL;

		bytes->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = unlock_file(hf_buf_span(bytes), "admin");
		ck_assert_msg(err != NULL, "bit %zu was accepted", bit);
		ck_assert_msg(
			hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_UNSUPPORTED,
			"bit %zu: %s", bit, hf_error_text(err));
		bytes->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* The digest is for scrubbers: who changes bits on purpose computes it anew. */
START_TEST(a_flipped_bit_under_a_fitting_digest_is_found)
{
	struct hf_buf *bytes = &keys.bytes;

	for (size_t bit = 0; bit < (bytes->len - HF_ID_LEN) * 8; bit++) {
		HF_OWNED(hf_error) err = NULL;

		bytes->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		digest_anew(bytes);
		err = unlock_file(hf_buf_span(bytes), "admin");
		ck_assert_msg(err != NULL, "bit %zu was accepted", bit);
		bytes->at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(a_truncated_keyring_is_found)
{
	for (size_t len = 0; len < keys.bytes.len; len++) {
		HF_RELEASED(hf_buf) part = {0};

		hf_buf_add(&part, keys.bytes.at, len);
		ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&part), "admin"));
		if (len < HF_ID_LEN)
			continue;
		digest_anew(&part);
		ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&part), "admin"));
	}
}
END_TEST

START_TEST(a_slot_planted_under_another_root_is_refused)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_slot_secrets) other = {0};
	HF_RELEASED(hf_secret) file = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &file};
	const struct hf_slot_wish wish = {.name = "planted", .rights = HF_ADMIN};
	struct hf_keyring theirs, mixed = keys.keyring;
	HF_RELEASED(hf_buf) bytes = {0};

	/* The true slots, and one more, signed by who holds another root key. */
	hf_keyring_make(&hf_test_settings, HF_TEST_NOW, &arena, &theirs, &other);
	memcpy(other.repository, mixed.repository, sizeof(other.repository));
	memcpy(mixed.root_public, other.root_public, sizeof(mixed.root_public));
	hf_test_key_file("planted", &file);
	ck_ok(hf_keyring_add_slot(&mixed, &arena, &other, &wish, &unlock));
	hf_keyring_print(&mixed, &other.root_seed, &bytes);

	ck_fails_with(HF_CORRUPT, "root key", unlock_file(hf_buf_span(&bytes), "admin"));
	ck_fails_with(HF_CORRUPT, "root key", unlock_file(hf_buf_span(&bytes), "reader"));
}
END_TEST

START_TEST(a_keyring_of_another_repository_under_the_same_root_is_refused)
{
	struct hf_keyring moved = keys.keyring;
	HF_RELEASED(hf_buf) bytes = {0};

	moved.repository[0] ^= 1;
	bytes = printed(&moved);

	/* The key file gives another lock there, so already no slot fits. */
	ck_fails(HF_NO_KEY, unlock_file(hf_buf_span(&bytes), "admin"));
}
END_TEST

START_TEST(an_epoch_replaced_by_the_root_itself_does_not_fit_its_grants)
{
	struct hf_keyring changed = keys.keyring;
	HF_RELEASED(hf_buf) bytes = {0};

	hf_x25519_public(&keys.secrets[HF_TEST_ADMIN].box, changed.epochs[0].content_public);
	bytes = printed(&changed);
	ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&bytes), "admin"));
	ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&bytes), "reader"));
	hf_buf_release(&bytes);

	memset(changed.epochs[0].content_public, 0, 32);
	bytes = printed(&changed);
	ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&bytes), "writer"));
}
END_TEST

static const struct hf_slot *follow(
	struct hf_span bytes, const struct hf_slot_secrets *known, struct hf_slot_secrets *out)
{
	const struct hf_slot *slot = NULL;
	struct hf_keyring keyring;

	ck_ok(hf_keyring_parse(bytes, &keys.arena, &keyring));
	ck_ok(hf_keyring_follow(&keyring, known, &slot, out));
	return slot;
}

START_TEST(a_new_epoch_has_new_keys_and_leads_to_all_older_ones)
{
	struct hf_slot_secrets *admin = &keys.secrets[HF_TEST_ADMIN];
	struct hf_epoch_keys first = admin->epochs[0];
	HF_RELEASED(hf_buf) bytes = {0};

	for (int i = 0; i < 3; i++)
		ck_ok(hf_keyring_add_epoch(&keys.keyring, &keys.arena, admin, HF_TEST_NOW + i));
	bytes = printed(&keys.keyring);

	for (int i = HF_TEST_ADMIN; i <= HF_TEST_MAINTAINER; i++) {
		HF_RELEASED(hf_slot_secrets) got = {0};

		ck_assert_uint_eq(follow(hf_buf_span(&bytes), &keys.secrets[i], &got)->n, i);
		ck_assert_uint_eq(got.n_epochs, 4);
		ck_assert_mem_eq(got.epochs[0].metadata.bytes, first.metadata.bytes, HF_KEY_LEN);
		ck_assert_mem_ne(got.epochs[3].metadata.bytes, first.metadata.bytes, HF_KEY_LEN);
		ck_assert_uint_eq(got.epochs[2].epoch, 3);
		ck_assert_int_eq(got.epochs[1].reads, keys.secrets[i].epochs[0].reads);
		if (got.epochs[0].reads)
			ck_assert_mem_eq(
				got.epochs[0].content.bytes, first.content.bytes, HF_KEY_LEN);
		ck_assert_mem_eq(got.ids.bytes, keys.secrets[i].ids.bytes, HF_KEY_LEN);
	}
	ck_ok(unlock_file(hf_buf_span(&bytes), "reader"));
}
END_TEST

START_TEST(a_broken_chain_of_epochs_is_found)
{
	struct hf_slot_secrets *admin = &keys.secrets[HF_TEST_ADMIN];

	ck_ok(hf_keyring_add_epoch(&keys.keyring, &keys.arena, admin, HF_TEST_NOW));
	for (int i = 0; i < 2; i++) {
		struct hf_epoch *epoch = &keys.keyring.epochs[1];
		uint8_t *link = i ? epoch->older_content.bytes : epoch->older_metadata.bytes;
		HF_RELEASED(hf_buf) bytes = {0};

		link[5] ^= 1;
		bytes = printed(&keys.keyring);
		ck_fails(HF_CORRUPT, unlock_file(hf_buf_span(&bytes), "reader"));
		link[5] ^= 1;
	}
}
END_TEST

START_TEST(a_revoked_slot_is_denied_and_gets_no_new_keys)
{
	struct hf_slot *slot = &keys.keyring.slots[HF_TEST_WRITER - 1];
	static struct hf_id counts[] = {{{1}}, {{2}}};
	struct hf_slot_secrets got = {0};
	HF_RELEASED(hf_buf) bytes = {0};
	const struct hf_slot *found;
	struct hf_keyring parsed;

	slot->revoked = true;
	slot->revoked_at = HF_TEST_NOW + 5;
	slot->last_checkpoint = 17;
	slot->counts = counts;
	slot->n_counts = 2;
	ck_ok(hf_keyring_add_epoch(
		&keys.keyring, &keys.arena, &keys.secrets[HF_TEST_ADMIN], HF_TEST_NOW + 5));
	bytes = printed(&keys.keyring);

	ck_fails(HF_DENIED, unlock_file(hf_buf_span(&bytes), "writer"));
	ck_ok(unlock_file(hf_buf_span(&bytes), "reader"));
	ck_ok(hf_keyring_parse(hf_buf_span(&bytes), &keys.arena, &parsed));
	ck_fails(
		HF_DENIED, hf_keyring_follow(&parsed, &keys.secrets[HF_TEST_WRITER], &found, &got));
	slot = &parsed.slots[HF_TEST_WRITER - 1];
	ck_assert(slot->revoked && slot->grant.len == 0);
	ck_assert_int_eq(slot->revoked_at, HF_TEST_NOW + 5);
	ck_assert_uint_eq(slot->last_checkpoint, 17);
	ck_assert_uint_eq(slot->n_counts, 2);
	ck_assert(hf_id_equal(&slot->counts[1], &counts[1]));
}
END_TEST

START_TEST(a_slot_of_a_revoked_name_is_new_and_found_first)
{
	const struct hf_slot_wish wish = {.name = "writer", .rights = HF_WRITE};
	HF_RELEASED(hf_secret) file = {0};
	HF_RELEASED(hf_buf) bytes = {0};

	hf_test_key_file("writer", &file);
	ck_fails(HF_INVALID, add(&keys.keyring, &wish, HF_KEY_FILE, hf_span(file.at, file.len)));
	keys.keyring.slots[HF_TEST_WRITER - 1].revoked = true;
	ck_ok(add(&keys.keyring, &wish, HF_KEY_FILE, hf_span(file.at, file.len)));
	bytes = printed(&keys.keyring);

	ck_ok(unlock_file(hf_buf_span(&bytes), "writer"));
	ck_assert_uint_eq(keys.keyring.slots[HF_TEST_SLOTS].n, HF_TEST_SLOTS + 1);
}
END_TEST

START_TEST(wishes_that_no_reader_would_take_are_invalid)
{
	static const char long_name[] = "0123456789012345678901234567890123456789"
					"0123456789012345678901234";
	static const char *const empty[] = {""};
	const struct hf_slot_wish bad[] = {
		{.name = "", .rights = HF_READ},
		{.name = long_name, .rights = HF_READ},
		{.name = "\xff", .rights = HF_READ},
		{.name = "x", .rights = 0},
		{.name = "x", .rights = 16},
		{.name = "x", .rights = HF_READ, .sources = empty, .n_sources = 1},
		{.name = "reader", .rights = HF_READ},
	};
	const struct hf_slot_wish good = {.name = "x", .rights = HF_READ};
	struct hf_span bytes = hf_buf_span(&keys.bytes);
	HF_RELEASED(hf_secret) file = {0};
	const struct hf_unlock dear = {
		.kind = HF_PASSPHRASE, .secret = &file, .cost = {HF_MAX_SCRYPT_LOG2N + 1, 8, 1}};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_fails(HF_INVALID,
			add(&keys.keyring, &bad[i], HF_KEY_FILE, hf_span(bytes.at, 32)));
	ck_fails(HF_INVALID, add(&keys.keyring, &good, HF_KEY_FILE, hf_span(bytes.at, 31)));
	ck_fails(HF_INVALID, add(&keys.keyring, &good, HF_PASSPHRASE, hf_span(bytes.at, 0)));
	hf_test_key_file("x", &file);
	ck_fails(HF_INVALID,
		hf_keyring_add_slot(
			&keys.keyring, &keys.arena, &keys.secrets[HF_TEST_ADMIN], &good, &dear));
	ck_fails(HF_DENIED,
		hf_keyring_add_slot(
			&keys.keyring, &keys.arena, &keys.secrets[HF_TEST_READER], &good, &dear));
	ck_fails(HF_DENIED,
		hf_keyring_add_epoch(&keys.keyring, &keys.arena, &keys.secrets[HF_TEST_WRITER], 0));
}
END_TEST

START_TEST(scrypt_costs_beyond_the_bounds_are_refused_before_they_are_paid)
{
	const struct hf_slot_wish wish = {.name = "laptop", .rights = HF_READ};
	static const struct hf_scrypt bad[] = {{HF_MIN_SCRYPT_LOG2N - 1, 8, 1},
		{HF_MAX_SCRYPT_LOG2N + 1, 8, 1}, {63, 8, 1}, {15, 16, 1}, {15, 8, 0}, {15, 8, 5}};

	ck_ok(add(&keys.keyring, &wish, HF_PASSPHRASE, hf_span_str("correct horse")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		HF_RELEASED(hf_buf) bytes = {0};

		keys.keyring.slots[HF_TEST_SLOTS].cost = bad[i];
		bytes = printed(&keys.keyring);
		ck_fails(HF_CORRUPT, unlock_passphrase(hf_buf_span(&bytes), "correct horse"));
	}
}
END_TEST

START_TEST(a_newer_version_or_feature_is_unsupported_not_damage)
{
	keys.bytes.at[8] = 2;
	ck_fails(HF_UNSUPPORTED, unlock_file(hf_buf_span(&keys.bytes), "admin"));
	keys.bytes.at[8] = 1;
	for (size_t bit = 0; bit < 64; bit++) {
		HF_RELEASED(hf_buf) bytes = {0};

		keys.keyring.features = UINT64_C(1) << bit;
		bytes = printed(&keys.keyring);
		ck_fails(HF_UNSUPPORTED, unlock_file(hf_buf_span(&bytes), "admin"));
	}
	keys.keyring.features = 0;
	keys.keyring.settings.cutter = 2;
	{
		HF_RELEASED(hf_buf) bytes = printed(&keys.keyring);

		ck_fails(HF_UNSUPPORTED, unlock_file(hf_buf_span(&bytes), "admin"));
	}
}
END_TEST

START_TEST(id_keys_and_gear_differ_and_stay_over_epochs)
{
	struct hf_slot_secrets *admin = &keys.secrets[HF_TEST_ADMIN];
	uint8_t gear[2048], writers_gear[2048];
	struct hf_key id, meta, page, later;

	hf_id_key_derive(admin, HF_CONTENT_ID, &id);
	hf_id_key_derive(admin, HF_META_ID, &meta);
	hf_id_key_derive(admin, HF_PAGE_ID, &page);
	hf_gear_derive(admin, gear);
	hf_gear_derive(&keys.secrets[HF_TEST_WRITER], writers_gear);
	ck_ok(hf_keyring_add_epoch(&keys.keyring, &keys.arena, admin, 0));
	hf_id_key_derive(admin, HF_CONTENT_ID, &later);

	ck_assert_mem_ne(id.bytes, meta.bytes, HF_KEY_LEN);
	ck_assert_mem_ne(id.bytes, page.bytes, HF_KEY_LEN);
	ck_assert_mem_eq(id.bytes, later.bytes, HF_KEY_LEN);
	ck_assert_mem_eq(gear, writers_gear, sizeof(gear));
}
END_TEST

START_TEST(a_fingerprint_secret_is_opened_by_readers_only)
{
	const struct hf_key secret = {{4, 2}};
	struct hf_key got = {{0}};
	uint8_t sealed[HF_SEALED_SECRET_LEN];
	struct hf_span bytes = hf_span(sealed, sizeof(sealed));

	ck_ok(hf_fingerprint_secret_seal(&keys.secrets[HF_TEST_WRITER].epochs[0], &secret, sealed));

	ck_ok(hf_fingerprint_secret_open(&keys.secrets[HF_TEST_READER], bytes, &got));
	ck_assert_mem_eq(got.bytes, secret.bytes, HF_KEY_LEN);
	ck_fails(HF_DENIED, hf_fingerprint_secret_open(&keys.secrets[HF_TEST_WRITER], bytes, &got));
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* The top bit of a point's last byte is ignored when agreeing, but bound. */
		ck_fails(HF_CORRUPT,
			hf_fingerprint_secret_open(&keys.secrets[HF_TEST_READER], bytes, &got));
		sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	bytes.len--;
	ck_fails(
		HF_CORRUPT, hf_fingerprint_secret_open(&keys.secrets[HF_TEST_READER], bytes, &got));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keyring");
	TCase *all = hf_test_case(suite, "keyring");

	tcase_add_checked_fixture(all, make, release);
	tcase_add_test(all, a_parsed_keyring_prints_to_the_same_bytes);
	tcase_add_test(all, each_slot_gets_the_keys_of_its_rights_and_no_others);
	tcase_add_test(all, a_key_that_fits_no_slot_is_told_from_damage);
	tcase_add_test(all, a_named_slot_is_the_only_one_tried);
	tcase_add_test(all, passphrases_key_files_and_commands_unlock);
	tcase_add_test(all, no_more_than_16_passphrase_slots_are_tried);
	tcase_add_test(all, a_flipped_bit_anywhere_in_a_keyring_is_found);
	tcase_add_test(all, a_flipped_bit_under_a_fitting_digest_is_found);
	tcase_add_test(all, a_truncated_keyring_is_found);
	tcase_add_test(all, a_slot_planted_under_another_root_is_refused);
	tcase_add_test(all, a_keyring_of_another_repository_under_the_same_root_is_refused);
	tcase_add_test(all, an_epoch_replaced_by_the_root_itself_does_not_fit_its_grants);
	tcase_add_test(all, a_new_epoch_has_new_keys_and_leads_to_all_older_ones);
	tcase_add_test(all, a_broken_chain_of_epochs_is_found);
	tcase_add_test(all, a_revoked_slot_is_denied_and_gets_no_new_keys);
	tcase_add_test(all, a_slot_of_a_revoked_name_is_new_and_found_first);
	tcase_add_test(all, wishes_that_no_reader_would_take_are_invalid);
	tcase_add_test(all, scrypt_costs_beyond_the_bounds_are_refused_before_they_are_paid);
	tcase_add_test(all, a_newer_version_or_feature_is_unsupported_not_damage);
	tcase_add_test(all, id_keys_and_gear_differ_and_stay_over_epochs);
	tcase_add_test(all, a_fingerprint_secret_is_opened_by_readers_only);
	return hf_test_run_suite(suite);
}
