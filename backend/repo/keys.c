#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/format/limits.h"
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

bool hf_slot_counts(const struct hf_slot *slot, const struct hf_id *commit)
{
	if (!slot->revoked)
		return true;
	for (size_t i = 0; i < slot->n_counts; i++) {
		if (hf_id_equal(&slot->counts[i], commit))
			return true;
	}
	return false;
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
	return hf_store_names(store, prefix, "", note_number, out);
}

/* Only those above n: one short answer, however many there are. */
static hf_err list_above(
	struct hf_store *store, const char *folder, uint32_t n, struct hf_numbers *out)
{
	HF_FREED char *prefix = hf_format("%s/", folder);
	char after[HF_NUMBERED_NAME_LEN + 1];

	hf_numbered_name(folder, n, after);
	out->folder = folder;
	return hf_store_names(store, prefix, after, note_number, out);
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

/* Goes on to a newer keyring with the secrets at hand. */
static hf_err follow_keyring(const struct hf_keys *known, struct hf_keys *keys)
{
	if (!hf_keyring_verify(&keys->keyring, known->secrets.root_public))
		return hf_error_new(HF_CORRUPT,
			"keyring %u is not signed by this repository's root", keys->keyring.n);
	return hf_keyring_follow(&keys->keyring, &known->secrets, &keys->slot, &keys->secrets);
}

/* Whose keyrings are tried: who made the lowest one made the repository, and its root never
 * changes.
 */
struct attempt {
	const struct hf_unlock *unlock;
	uint8_t root[32];
};

/*
 * Whoever can put objects can plant any number of keyrings above the real ones. They cost a
 * signature each, and none of the tries with a passphrase, a quarter of a second and more.
 */
static hf_err unlock_keyring(const struct attempt *attempt, struct hf_keys *keys)
{
	if (!hf_keyring_verify(&keys->keyring, attempt->root))
		return hf_error_new(HF_CORRUPT,
			"keyring %u is not signed by the root of the lowest keyring",
			keys->keyring.n);
	return hf_keyring_unlock(&keys->keyring, attempt->unlock, &keys->slot, &keys->secrets);
}

/* attempt NULL: with the secrets at hand. */
static hf_err try_copy(
	struct hf_repo *repo, uint32_t n, unsigned copy, const struct attempt *attempt)
{
	OWNED_KEYS keys = hf_calloc(1, sizeof(*keys));

	HF_TRY(read_copy(repo->store, n, copy, keys));
	HF_TRY(attempt ? unlock_keyring(attempt, keys)
		       : follow_keyring(atomic_load(&repo->keys), keys));
	install(repo, HF_STEAL(keys));
	return NULL;
}

/* The first copy that holds; else why the first one does not. */
static hf_err try_keyring(struct hf_repo *repo, uint32_t n, const struct attempt *attempt)
{
	struct hf_error *first = try_copy(repo, n, 0, attempt);

	/* A key that fits no slot of a whole keyring fits none of its twin. */
	if (!first || hf_error_kind(first) == HF_NO_KEY || hf_error_kind(first) == HF_DENIED ||
		hf_store_copies(repo->store, "keyring/0") < 2)
		return first;
	struct hf_error *second = try_copy(repo, n, 1, attempt);

	if (second) {
		hf_error_free(second); /* the first error says as much */
		return first;
	}
	hf_repo_tell(
		repo, HF_WARN, "a keyring can't be used; its twin is", NULL, hf_error_text(first));
	hf_error_free(first); /* told, and the twin holds */
	return NULL;
}

/* Not NO_KEY: slots are added and never taken away, so what fits not the newest fits none. */
static bool passed_over(enum hf_error_kind kind)
{
	return kind == HF_CORRUPT || kind == HF_NOT_FOUND || kind == HF_UNSUPPORTED;
}

/*
 * The highest of the numbers that holds. A higher one that fails is told, and passed over for
 * reading.
 */
static hf_err try_from_highest(struct hf_repo *repo, const struct hf_numbers *numbers,
	uint32_t above, const struct attempt *attempt)
{
	struct hf_error *first = NULL;

	for (size_t i = numbers->n; i > 0 && numbers->at[i - 1] > above; i--) {
		struct hf_error *err = try_keyring(repo, numbers->at[i - 1], attempt);

		if (!err && first && hf_error_kind(first) != HF_UNSUPPORTED)
			hf_repo_tell(repo, HF_ERROR, "a keyring can't be used; an older one is",
				NULL, hf_error_text(first));
		if (err && hf_error_kind(err) == HF_UNSUPPORTED)
			hf_repo_note_newer(repo, hf_error_copy(err));
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

static hf_err read_root(
	struct hf_store *store, uint32_t n, unsigned copy, struct attempt *attempt, bool *found)
{
	OWNED_KEYS keys = hf_calloc(1, sizeof(*keys));

	HF_TRY(read_copy(store, n, copy, keys));
	memcpy(attempt->root, keys->keyring.root_public, sizeof(attempt->root));
	*found = hf_keyring_verify(&keys->keyring, attempt->root);
	return NULL;
}

/* That of the lowest keyring which can be read. Without any, none of them can be tried. */
static hf_err find_root(
	struct hf_store *store, const struct hf_numbers *numbers, struct attempt *attempt)
{
	const unsigned copies = hf_store_copies(store, "keyring/0");
	bool found = false;

	for (size_t i = 0; i < numbers->n && !found; i++) {
		for (unsigned copy = 0; copy < copies && !found; copy++) {
			struct hf_error *err =
				read_root(store, numbers->at[i], copy, attempt, &found);

			if (err && !passed_over(hf_error_kind(err)))
				return err;
			hf_error_free(err); /* told when it is tried */
		}
	}
	return NULL;
}

hf_err hf_keys_load(struct hf_repo *repo, const struct hf_unlock *unlock)
{
	HF_RELEASED(hf_numbers) numbers = {0};
	struct attempt attempt = {.unlock = unlock};

	HF_TRY(hf_numbers_list(repo->store, "keyring", &numbers));
	if (numbers.n == 0)
		return hf_error_new(HF_NOT_FOUND,
			"no repository at %s; hint: `holdfast init` makes one",
			hf_store_url(repo->store));
	HF_TRY(find_root(repo->store, &numbers, &attempt));
	return try_from_highest(repo, &numbers, 0, &attempt);
}

hf_err hf_keys_refresh(struct hf_repo *repo)
{
	HF_RELEASED(hf_numbers) numbers = {0};
	const uint32_t known = atomic_load(&repo->keys)->keyring.n;

	HF_TRY(list_above(repo->store, "keyring", known, &numbers));
	struct hf_error *err = try_from_highest(repo, &numbers, known, NULL);

	if (err && passed_over(hf_error_kind(err))) {
		if (hf_error_kind(err) != HF_UNSUPPORTED)
			hf_repo_tell(repo, HF_ERROR, "a keyring can't be used; an older one is",
				NULL, hf_error_text(err));
		hf_error_free(err); /* told; the one we have holds */
		err = NULL;
	}
	HF_TRY(err);
	return repo->catalog ? hf_catalog_raise(repo->catalog, "keyring", hf_repo_keyring(repo)->n)
			     : NULL;
}

hf_err hf_keys_put(
	struct hf_store *store, const struct hf_keyring *keyring, const struct hf_key *root_seed)
{
	HF_RELEASED(hf_buf) bytes = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_keyring_print(keyring, root_seed, &bytes);
	if (bytes.len > HF_MAX_KEYRING)
		return hf_error_new(HF_INVALID,
			"the keyring would grow to %zu bytes, and has room for %u", bytes.len,
			HF_MAX_KEYRING);
	hf_numbered_name("keyring", keyring->n, name);
	struct hf_error *err = hf_store_put(store, name, hf_buf_span(&bytes));

	if (!err || hf_error_kind(err) == HF_EXISTS ||
		!hf_supply_is_first(store, name, hf_buf_span(&bytes)))
		return err;
	return hf_error_in(err,
		"keyring %u is in force all the same, and only its second copy could not be "
		"written; hint: the next backup, forget, prune or change of keys writes it, as "
		"does `holdfast check --repair`",
		keyring->n);
}

/* ---- changing the keyring ---- */

/* The keyring as it stands, parsed afresh into `arena`, so that it can be changed. */
static hf_err copy_keyring(
	const struct hf_repo *repo, struct hf_arena *arena, struct hf_keyring *out)
{
	const struct hf_keys *keys = atomic_load(&((struct hf_repo *)repo)->keys);

	return hf_keyring_parse(hf_buf_span(&keys->bytes), arena, out);
}

/* The admin's secrets, for what changes them on the way to a keyring that may yet be refused. */
static void copy_secrets(const struct hf_slot_secrets *from, struct hf_slot_secrets *out)
{
	*out = *from;
	out->epochs = hf_calloc(from->n_epochs, sizeof(*out->epochs));
	memcpy(out->epochs, from->epochs, from->n_epochs * sizeof(*out->epochs));
}

/* What a change works on: the newest keyring, counted up, and what the admin's slot has. */
struct draft {
	struct hf_repo *repo;
	struct hf_arena arena;
	struct hf_keyring keyring;
	struct hf_slot_secrets admin;
};
static void draft_release(struct draft *draft)
{
	hf_slot_secrets_release(&draft->admin);
	hf_arena_release(&draft->arena);
}
typedef struct hf_error *change_fn(struct draft *draft, const void *arg);

static hf_err refresh_locked(struct hf_repo *repo)
{
	pthread_mutex_lock(&repo->lock);
	struct hf_error *err = hf_keys_refresh(repo);

	pthread_mutex_unlock(&repo->lock);
	return err;
}

static hf_err try_change(struct hf_repo *repo, change_fn *change, const void *arg)
{
	__attribute__((cleanup(draft_release))) struct draft draft = {.repo = repo};

	HF_TRY(refresh_locked(repo));
	HF_TRY(hf_repo_need(repo, HF_ADMIN, NULL));
	HF_TRY(copy_keyring(repo, &draft.arena, &draft.keyring));
	/* Nobody looks for its second copy once there is a higher one. */
	hf_supply_keyring(repo);
	copy_secrets(hf_repo_secrets(repo), &draft.admin);
	draft.keyring.n++;
	HF_TRY(change(&draft, arg));
	return hf_keys_put(repo->store, &draft.keyring, &draft.admin.root_seed);
}

/* Who comes second looks again and builds on the other's keyring, as long as others are first. */
static hf_err change_keyring(struct hf_repo *repo, change_fn *change, const void *arg)
{
	struct hf_error *err = try_change(repo, change, arg);

	while (err && hf_error_kind(err) == HF_EXISTS) {
		const uint32_t n = hf_repo_keyring(repo)->n;
		struct hf_error *failed = refresh_locked(repo);

		if (!failed && hf_repo_keyring(repo)->n == n)
			return hf_error_in(err,
				"keyring %u is there already, and is none that this repository's "
				"root signed; hint: look who put it there, then remove it",
				n + 1);
		hf_error_free(err); /* another change was first: what follows decides */
		err = failed ? failed : try_change(repo, change, arg);
	}
	HF_TRY(err);
	return refresh_locked(repo);
}

struct addition {
	const struct hf_slot_wish *wish;
	const struct hf_unlock *unlock;
};

static hf_err refuse_known_as(const struct draft *draft, const struct hf_unlock *unlock)
{
	HF_RELEASED(hf_slot_secrets) secrets = {0};
	const struct hf_slot *slot;
	struct hf_error *err =
		hf_keyring_unlock(hf_repo_keyring(draft->repo), unlock, &slot, &secrets);

	if (!err)
		return hf_error_new(HF_INVALID,
			"this key unlocks slot %.*s already; hint: each slot has a key of its own",
			(int)slot->name.len, (const char *)slot->name.at);
	if (hf_error_kind(err) == HF_DENIED)
		return hf_error_in(hf_error_as(err, HF_INVALID),
			"this key can't be used again; hint: make a new one");
	if (hf_error_kind(err) != HF_NO_KEY)
		return err;
	hf_error_free(err); /* as it should be */
	return NULL;
}

/* Else a slot could be revoked, and its key go on under another's name, or as what another way of
 * unlocking gives. */
static hf_err refuse_known_key(const struct draft *draft, const struct hf_unlock *unlock)
{
	static const enum hf_unlock_kind random[] = {HF_KEY_FILE, HF_COMMAND_KEY};

	HF_TRY(refuse_known_as(draft, unlock));
	for (size_t i = 0; i < ARRAY_LEN(random); i++) {
		struct hf_unlock other = *unlock;

		other.kind = random[i];
		if (other.kind != unlock->kind && unlock->secret->len >= HF_MIN_KEY_FILE)
			HF_TRY(refuse_known_as(draft, &other));
	}
	return NULL;
}

static hf_err add_slot(struct draft *draft, const void *arg)
{
	const struct addition *addition = arg;

	HF_TRY(refuse_known_key(draft, addition->unlock));
	return hf_keyring_add_slot(
		&draft->keyring, &draft->arena, &draft->admin, addition->wish, addition->unlock);
}

hf_err hf_repo_add_slot(
	struct hf_repo *repo, const struct hf_slot_wish *wish, const struct hf_unlock *unlock)
{
	const struct addition addition = {wish, unlock};

	return change_keyring(repo, add_slot, &addition);
}

static hf_err add_epoch(struct draft *draft, const void *arg)
{
	int64_t now;

	(void)arg;
	HF_TRY(hf_store_now(draft->repo->store, &now));
	return hf_keyring_add_epoch(&draft->keyring, &draft->arena, &draft->admin, now);
}

hf_err hf_repo_rotate(struct hf_repo *repo)
{
	return change_keyring(repo, add_epoch, NULL);
}

/* ---- revoking ---- */

struct revocation {
	const char *name;
	int64_t distrust_after;
};

/*
 * Names are unique among the slots that are not revoked. Of those that are, the last one of the
 * name is meant, where only less of it is to count.
 */
static hf_err find_slot(
	struct draft *draft, const struct revocation *revocation, struct hf_slot **out)
{
	const uint32_t own = hf_repo_slot(draft->repo)->n;
	const char *name = revocation->name;

	*out = NULL;
	for (size_t i = 0; i < draft->keyring.n_slots; i++) {
		struct hf_slot *slot = &draft->keyring.slots[i];

		if (hf_span_equal(slot->name, hf_span_str(name)))
			*out = slot;
	}
	if (!*out)
		return hf_error_new(
			HF_NOT_FOUND, "no slot %s; hint: `holdfast key list` shows them", name);
	/* Who revokes is an admin, so one always stays. */
	if ((*out)->n == own)
		return hf_error_new(HF_INVALID,
			"slot %s is the one in use; hint: revoke it with another admin's key",
			name);
	if ((*out)->revoked && revocation->distrust_after == INT64_MAX)
		return hf_error_new(HF_INVALID,
			"slot %s is revoked already; hint: `--distrust-after TIME` voids more of "
			"what it added",
			name);
	if ((*out)->revoked && (*out)->last_checkpoint != draft->repo->checkpoint)
		return hf_error_new(HF_INVALID,
			"slot %s was revoked before checkpoint %u, and what that contains stays; "
			"hint: forget its snapshots by their ids",
			name, draft->repo->checkpoint);
	return NULL;
}

struct counting {
	const struct hf_slot *slot;
	int64_t from, until; /* both count */
	struct hf_id *ids;
	size_t n, cap;
};

static hf_err count_commit(void *arg, const char *name)
{
	struct counting *counting = arg;
	struct hf_id id;
	int64_t time;

	HF_TRY(hf_commit_name_parse(name, &time, &id));
	if (time < counting->from || time > counting->until || !hf_slot_counts(counting->slot, &id))
		return NULL;
	if (counting->n == HF_MAX_REVOKED_COMMITS)
		return hf_error_new(HF_INVALID,
			"the slot has more than %d commits since the checkpoint; hint: "
			"`--distrust-after` with the time of the theft",
			HF_MAX_REVOKED_COMMITS);
	counting->ids =
		hf_grow(counting->ids, &counting->cap, counting->n + 1, sizeof(*counting->ids));
	counting->ids[counting->n++] = id;
	return NULL;
}

/* What a thief may add from now on, dated as he likes, is not among these. */
static hf_err list_counting(struct draft *draft, int64_t distrust_after, struct hf_slot *slot)
{
	struct counting counting = {
		.slot = slot, .from = draft->repo->cutoff, .until = distrust_after};
	struct hf_error *err =
		hf_catalog_each_commit_of(draft->repo->catalog, slot->n, count_commit, &counting);

	if (!err) {
		slot->counts = hf_arena_copy(
			&draft->arena, counting.ids, counting.n * sizeof(*counting.ids));
		slot->n_counts = counting.n;
	}
	free(counting.ids);
	return err;
}

static hf_err revoke(struct draft *draft, const void *arg)
{
	const struct revocation *revocation = arg;
	struct hf_slot *slot;
	size_t counted;

	HF_TRY(hf_repo_sync(draft->repo, NULL));
	HF_TRY(find_slot(draft, revocation, &slot));
	counted = slot->n_counts;
	HF_TRY(list_counting(draft, revocation->distrust_after, slot));
	if (slot->revoked && slot->n_counts == counted)
		return hf_error_new(HF_INVALID,
			"nothing that slot %s added after that time counts; hint: an earlier time "
			"voids more, and no later one makes anything count again",
			revocation->name);
	if (slot->revoked)
		return NULL;
	HF_TRY(hf_store_now(draft->repo->store, &slot->revoked_at));
	slot->last_checkpoint = draft->repo->checkpoint;
	slot->revoked = true;
	return add_epoch(draft, NULL);
}

hf_err hf_repo_revoke(struct hf_repo *repo, const char *name, int64_t distrust_after)
{
	const struct revocation revocation = {name, distrust_after};

	return change_keyring(repo, revoke, &revocation);
}
