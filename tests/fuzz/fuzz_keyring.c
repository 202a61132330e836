/*
 * A keyring without its digest, which is put behind, or nothing but the digest would be tested.
 * What is taken prints to the same bytes up to the signature. No key file opens a keyring that its
 * root did not sign.
 */
#include "backend/format/hash.h"
#include "backend/format/keyring.h"
#include "tests/fuzz/fuzz.h"

static void check_print(const struct hf_keyring *keyring)
{
	HF_RELEASED(hf_buf) again = {0};
	const struct hf_key seed = {{0}};
	struct hf_span signed_bytes = keyring->signed_bytes;

	hf_keyring_print(keyring, &seed, &again);
	FUZZ_ASSERT(again.len == signed_bytes.len + HF_SIGNATURE_LEN + HF_ID_LEN);
	FUZZ_ASSERT(hf_span_equal(hf_span(again.at, signed_bytes.len), signed_bytes));
}

static void check_locked(const struct hf_keyring *keyring)
{
	HF_RELEASED(hf_secret) secret = {0};
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_slot *slot;
	static const uint8_t zeros[32];

	hf_secret_set(&secret, hf_span(zeros, sizeof(zeros)));
	FUZZ_ASSERT(!fuzz_good(hf_keyring_unlock(keyring, &unlock, &slot, &secrets)));
	FUZZ_ASSERT(!fuzz_good(hf_keyring_follow(keyring, &secrets, &slot, &secrets)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) whole = {0};
	struct hf_keyring keyring;
	struct hf_id digest;

	hf_sha256(hf_span(bytes, len), &digest);
	hf_buf_add(&whole, bytes, len);
	hf_buf_add(&whole, digest.bytes, sizeof(digest.bytes));
	if (!fuzz_good(hf_keyring_parse(hf_buf_span(&whole), &arena, &keyring)))
		return 0;
	check_print(&keyring);
	check_locked(&keyring);
	return 0;
}
