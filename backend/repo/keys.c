#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/repo/state.h"

static void keys_free(struct hf_keys *keys)
{
	if (!keys)
		return;
	hf_slot_secrets_release(&keys->secrets);
	hf_buf_release(&keys->bytes);
	hf_arena_release(&keys->arena);
	free(keys);
}

static void hf_keys_free_at(struct hf_keys **at)
{
	keys_free(*at);
}
#define OWNED_KEYS __attribute__((cleanup(hf_keys_free_at))) struct hf_keys *

void hf_keys_free_all(struct hf_keys *keys)
{
	while (keys) {
		struct hf_keys *older = keys->older;

		keys_free(keys);
		keys = older;
	}
}

const struct hf_slot *hf_keys_slot(const struct hf_keyring *keyring, uint32_t n)
{
	for (size_t i = 0; i < keyring->n_slots; i++) {
		if (keyring->slots[i].n == n)
			return &keyring->slots[i];
	}
	return NULL;
}

bool hf_slot_may(const struct hf_slot *slot, unsigned rights)
{
	return (slot->rights & (rights | HF_ADMIN)) != 0;
}

bool hf_slot_may_source(const struct hf_slot *slot, struct hf_span source)
{
	if (slot->n_sources == 0)
		return true;
	for (size_t i = 0; i < slot->n_sources; i++) {
		HF_FREED char *pattern =
			hf_strndup((const char *)slot->sources[i].at, slot->sources[i].len);

		if (hf_glob_match(pattern, source))
			return true;
	}
	return false;
}

/* ---- reading keyrings ---- */

static hf_err note_number(void *arg, const struct hf_object *object)
{
	struct hf_numbers *numbers = arg;
	uint32_t n;
	struct hf_error *err = hf_numbered_name_parse(numbers->folder, object->name, &n);

	if (err) {
		hf_error_free(err); /* something else lies there: not ours to judge */
		return NULL;
	}
	numbers->at = hf_grow(numbers->at, &numbers->cap, numbers->n + 1, sizeof(*numbers->at));
	numbers->at[numbers->n++] = n;
	return NULL;
}

/* The list is in name order, and names have ten digits. */
hf_err hf_numbers_list(struct hf_store *store, const char *folder, struct hf_numbers *out)
{
	HF_FREED char *prefix = hf_format("%s/", folder);

	out->folder = folder;
	return hf_store_list(store, prefix, "", note_number, out);
}

void hf_numbers_release(struct hf_numbers *numbers)
{
	free(numbers->at);
}

static hf_err read_copy(struct hf_store *store, uint32_t n, unsigned copy, struct hf_keys *keys)
{
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_numbered_name("keyring", n, name);
	hf_buf_clear(&keys->bytes);
	HF_TRY(hf_store_get_all(store, name, copy, HF_MAX_KEYRING, &keys->bytes));
	struct hf_error *err =
		hf_keyring_parse(hf_buf_span(&keys->bytes), &keys->arena, &keys->keyring);

	if (err)
		return hf_error_in(err, "%s", name);
	if (keys->keyring.n != n)
		return hf_error_new(
			HF_CORRUPT, "%s says that it is number %u", name, keys->keyring.n);
	return NULL;
}

static void install(struct hf_repo *repo, struct hf_keys *keys)
{
	keys->older = atomic_load(&repo->keys);
	atomic_store(&repo->keys, keys);
}

/* Unlocks a copy of keyring n: with the key that was given, or with the secrets at hand. */
static hf_err try_copy(
	struct hf_repo *repo, uint32_t n, unsigned copy, const struct hf_unlock *unlock)
{
	OWNED_KEYS keys = hf_calloc(1, sizeof(*keys));
	struct hf_keys *known = atomic_load(&repo->keys);

	HF_TRY(read_copy(repo->store, n, copy, keys));
	if (unlock)
		HF_TRY(hf_keyring_unlock(&keys->keyring, unlock, &keys->slot, &keys->secrets));
	else
		HF_TRY(hf_keyring_follow(
			&keys->keyring, &known->secrets, &keys->slot, &keys->secrets));
	install(repo, HF_STEAL(keys));
	return NULL;
}

/* The first copy that holds; else why the first one does not. */
static hf_err try_keyring(struct hf_repo *repo, uint32_t n, const struct hf_unlock *unlock)
{
	struct hf_error *first = try_copy(repo, n, 0, unlock);

	/* A key that fits no slot of a whole keyring fits none of its twin. */
	if (!first || hf_error_kind(first) == HF_NO_KEY || hf_error_kind(first) == HF_DENIED ||
		hf_store_copies(repo->store, "keyring/0") < 2)
		return first;
	struct hf_error *second = try_copy(repo, n, 1, unlock);

	if (second) {
		hf_error_free(second); /* the first error says as much */
		return first;
	}
	hf_log(HF_WARN, "a keyring can't be used; its twin is", "why", hf_error_text(first), NULL);
	hf_error_free(first); /* told, and the twin holds */
	return NULL;
}

/* NO_KEY too: whoever can write to the store can plant a keyring with slots of his own. */
static bool passed_over(enum hf_error_kind kind)
{
	return kind == HF_CORRUPT || kind == HF_NOT_FOUND || kind == HF_NO_KEY;
}

/* A passphrase costs a quarter of a second for each keyring that it does not fit. */
#define KEYRINGS_TRIED 4

/*
 * The highest of the numbers that holds. A higher one that fails is told, and passed over for
 * reading.
 */
static hf_err try_from_highest(struct hf_repo *repo, const struct hf_numbers *numbers,
	uint32_t above, const struct hf_unlock *unlock)
{
	const size_t last = numbers->n > KEYRINGS_TRIED ? numbers->n - KEYRINGS_TRIED : 0;
	struct hf_error *first = NULL;

	for (size_t i = numbers->n; i > last && numbers->at[i - 1] > above; i--) {
		struct hf_error *err = try_keyring(repo, numbers->at[i - 1], unlock);

		if (!err && first)
			hf_log(HF_ERROR, "a keyring can't be used; an older one is", "why",
				hf_error_text(first), NULL);
		if (!err || !passed_over(hf_error_kind(err))) {
			hf_error_free(first); /* told, or the lower one's reason weighs more */
			return err;
		}
		if (first)
			hf_error_free(err); /* the highest one's reason is the one to tell */
		else
			first = err;
	}
	return first;
}

hf_err hf_keys_load(struct hf_repo *repo, const struct hf_unlock *unlock)
{
	HF_RELEASED(hf_numbers) numbers = {0};

	HF_TRY(hf_numbers_list(repo->store, "keyring", &numbers));
	if (numbers.n == 0)
		return hf_error_new(HF_NOT_FOUND,
			"no repository at %s; hint: `holdfast init` makes one",
			hf_store_url(repo->store));
	return try_from_highest(repo, &numbers, 0, unlock);
}

hf_err hf_keys_refresh(struct hf_repo *repo)
{
	HF_RELEASED(hf_numbers) numbers = {0};
	const uint32_t known = atomic_load(&repo->keys)->keyring.n;

	HF_TRY(hf_numbers_list(repo->store, "keyring", &numbers));
	struct hf_error *err = try_from_highest(repo, &numbers, known, NULL);

	if (err && passed_over(hf_error_kind(err))) {
		hf_log(HF_ERROR, "a newer keyring can't be used", "why", hf_error_text(err), NULL);
		hf_error_free(err); /* told; the one we have holds */
		return NULL;
	}
	return err;
}

hf_err hf_keys_put(
	struct hf_store *store, const struct hf_keyring *keyring, const struct hf_key *root_seed)
{
	HF_RELEASED(hf_buf) bytes = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_keyring_print(keyring, root_seed, &bytes);
	hf_numbered_name("keyring", keyring->n, name);
	return hf_store_put(store, name, hf_buf_span(&bytes));
}

/* ---- changing the keyring ---- */

/* The keyring as it stands, parsed afresh into `arena`, so that it can be changed. */
static hf_err copy_keyring(
	const struct hf_repo *repo, struct hf_arena *arena, struct hf_keyring *out)
{
	const struct hf_keys *keys = atomic_load(&((struct hf_repo *)repo)->keys);

	return hf_keyring_parse(hf_buf_span(&keys->bytes), arena, out);
}

hf_err hf_repo_add_slot(
	struct hf_repo *repo, const struct hf_slot_wish *wish, const struct hf_unlock *unlock)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_keyring keyring;

	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(hf_keys_refresh(repo));
	const struct hf_slot_secrets *admin = hf_repo_secrets(repo);

	HF_TRY(copy_keyring(repo, &arena, &keyring));
	keyring.n++;
	HF_TRY(hf_keyring_add_slot(&keyring, &arena, admin, wish, unlock));
	struct hf_error *err = hf_keys_put(repo->store, &keyring, &admin->root_seed);

	if (err && hf_error_kind(err) == HF_EXISTS)
		return hf_error_in(err, "another change to the keyring was first; hint: try again");
	HF_TRY(err);
	return hf_keys_refresh(repo);
}
