#include "tests/lib/repo_keys.h"

#include "backend/format/hash.h"
#include "tests/lib/test.h"

const struct hf_settings hf_test_settings = {
	.grace = INT64_C(7) * 86400 * 1000000000,
	.cutter = 1,
	.cut_min = 16 << 10,
	.cut_normal = 64 << 10,
	.cut_max = 256 << 10,
	.bundle_below = 64 << 10,
	.bundle_normal = 256 << 10,
};

void hf_test_key_file(const char *name, struct hf_secret *out)
{
	struct hf_id digest;

	hf_sha256(hf_span_str(name), &digest);
	hf_secret_set(out, hf_span(digest.bytes, sizeof(digest.bytes)));
}

static void add_slot(struct hf_keyring *keyring, struct hf_arena *arena,
	const struct hf_slot_secrets *root, const char *name, uint32_t rights)
{
	HF_RELEASED(hf_secret) file = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &file};
	const struct hf_slot_wish wish = {.name = name, .rights = rights};

	hf_test_key_file(name, &file);
	ck_ok(hf_keyring_add_slot(keyring, arena, root, &wish, &unlock));
}

void hf_test_repo_keys_make(struct hf_test_repo_keys *out)
{
	static const struct {
		const char *name;
		uint32_t rights;
	} slots[] = {{"admin", HF_ALL_RIGHTS}, {"writer", HF_WRITE}, {"reader", HF_READ},
		{"maintainer", HF_MAINTAIN}};
	HF_RELEASED(hf_slot_secrets) root = {0};
	struct hf_keyring made;

	*out = (struct hf_test_repo_keys){0};
	hf_keyring_make(&hf_test_settings, HF_TEST_NOW, &out->arena, &made, &root);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++)
		add_slot(&made, &out->arena, &root, slots[i].name, slots[i].rights);
	hf_keyring_print(&made, &root.root_seed, &out->bytes);
	ck_ok(hf_keyring_parse(hf_buf_span(&out->bytes), &out->arena, &out->keyring));
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		HF_RELEASED(hf_secret) file = {0};
		const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &file};
		const struct hf_slot *slot;

		hf_test_key_file(slots[i].name, &file);
		ck_ok(hf_keyring_unlock(&out->keyring, &unlock, &slot, &out->secrets[i + 1]));
		ck_assert_uint_eq(slot->n, i + 1);
	}
}

void hf_test_repo_keys_release(struct hf_test_repo_keys *keys)
{
	for (size_t i = 0; i < ARRAY_LEN(keys->secrets); i++)
		hf_slot_secrets_release(&keys->secrets[i]);
	hf_buf_release(&keys->bytes);
	hf_arena_release(&keys->arena);
}
