#include "backend/repo/repo.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/base/fd.h"
#include "backend/base/talk.h"
#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/repo/state.h"

void hf_settings_default(struct hf_settings *settings)
{
	/* docs/performance.md has what other sizes cost and gave. */
	*settings = (struct hf_settings){
		.grace = 3 * 24 * 3600 * HF_NS_PER_S,
		.cutter = 1,
		.cut_min = 32 << 10,
		.cut_normal = 128 << 10,
		.cut_max = 512 << 10,
		.bundle_below = 512 << 10,
		.bundle_normal = 2 << 20,
	};
}

/* ---- making one ---- */

hf_err hf_repo_init(struct hf_store *store, const struct hf_settings *settings, const char *slot,
	const struct hf_unlock *unlock)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_slot_secrets) root = {0};
	struct hf_keyring keyring;
	const struct hf_slot_wish wish = {.name = slot, .rights = HF_ALL_RIGHTS};
	int64_t now;

	HF_TRY(hf_store_now(store, &now));
	hf_keyring_make(settings, now, &arena, &keyring, &root);
	HF_TRY(hf_keyring_add_slot(&keyring, &arena, &root, &wish, unlock));
	/* Create-only: of two who race, one makes the repository and the other is told. */
	struct hf_error *err = hf_keys_put(store, &keyring, &root.root_seed);

	if (err && hf_error_kind(err) == HF_EXISTS) {
		hf_error_free(err); /* said better below */
		return hf_error_new(
			HF_EXISTS, "there is a repository at %s already", hf_store_url(store));
	}
	HF_TRY(err);
	/* Checkpoint 1 is made by whoever opens first; here that is us. */
	HF_OWNED(hf_repo) repo = hf_calloc(1, sizeof(*repo));
	bool found;

	repo->store = store;
	err = hf_keys_load(repo, unlock);
	if (!err)
		err = hf_checkpoint_make_first(store, atomic_load(&repo->keys));
	if (!err)
		err = hf_checkpoint_load(repo, &found);
	repo->store = NULL; /* the caller's */
	return err;
}

/* ---- opening ---- */

char *hf_repo_default_cache(void)
{
	const char *dir = getenv("HOLDFAST_CACHE_DIR");

	if (dir && *dir)
		return hf_strdup(dir);
	dir = getenv("XDG_CACHE_HOME");
	if (dir && *dir)
		return hf_format("%s/holdfast", dir);
	dir = getenv("HOME");
	if (dir && *dir)
		return hf_format("%s/.cache/holdfast", dir);
	return getuid() == 0 ? hf_strdup("/var/cache/holdfast") : NULL;
}

/* Where this repository's catalog lies; without a place to write, it is kept in memory. */
static hf_err open_catalog(struct hf_repo *repo, const char *cache)
{
	HF_FREED char *base = cache ? hf_strdup(cache) : hf_repo_default_cache();
	char id[2 * HF_REPO_ID_LEN + 1], store[2 * HF_STORE_ID_LEN + 1];

	hf_hex(hf_span(hf_repo_keyring(repo)->repository, HF_REPO_ID_LEN), id);
	hf_hex(hf_span(repo->store_id, HF_STORE_ID_LEN), store);
	if (base) {
		repo->cache_dir = hf_format("%s/%s-%.8s", base, id, store);
		HF_FREED char *path = hf_format("%s/catalog.sqlite", repo->cache_dir);
		struct hf_error *err = hf_dir_make_all(repo->cache_dir, 0700);

		if (!err && access(repo->cache_dir, W_OK) == 0) {
			err = hf_catalog_open(path, &repo->catalog);
			/* Its disk is full, or hurt: that must not keep anybody from a restore. */
			if (!err || hf_error_kind(err) != HF_LOCAL)
				return err;
		}
		hf_log(HF_WARN, "the cache can't be written; the catalog is rebuilt in memory",
			"cache", base, "why", err ? hf_error_text(err) : "no permission", NULL);
		hf_error_free(err); /* told */
		free(HF_STEAL(repo->cache_dir));
	}
	return hf_catalog_open(NULL, &repo->catalog);
}

static void derive_fixed(struct hf_repo *repo)
{
	const struct hf_slot_secrets *secrets = hf_repo_secrets(repo);
	uint8_t gear[HF_GEAR_LEN];

	if (!secrets->has_ids)
		return;
	for (int i = 0; i < 3; i++)
		hf_id_key_derive(secrets, (enum hf_id_key)i, &repo->id_keys[i]);
	hf_gear_derive(secrets, gear);
	hf_gear_init(&repo->gear, gear);
	hf_wipe(gear, sizeof(gear));
}

static hf_err note_any(void *arg, const struct hf_object *object)
{
	(void)object;
	*(bool *)arg = true;
	return NULL;
}

/*
 * An init that was cut off between keyring and checkpoint is completed by the first who may. Where
 * there are commits it was not: a new first checkpoint, with a new store id, would void them all.
 */
static hf_err load_checkpoint(struct hf_repo *repo)
{
	bool found, used = false;

	HF_TRY(hf_checkpoint_load(repo, &found));
	if (found)
		return NULL;
	HF_TRY(hf_store_names(repo->store, "commits/", "", note_any, &used));
	if (used)
		return hf_error_new(HF_CORRUPT,
			"all checkpoints are gone from %s; hint: bring checkpoints/ back from a "
			"copy of the store",
			hf_store_url(repo->store));
	if (!hf_repo_may(repo, HF_MAINTAIN))
		return hf_error_new(HF_CORRUPT,
			"%s has no checkpoint; hint: open it once with a key that may maintain",
			hf_store_url(repo->store));
	HF_TRY(hf_checkpoint_make_first(repo->store, atomic_load(&repo->keys)));
	HF_TRY(hf_checkpoint_load(repo, &found));
	return found ? NULL : hf_error_new(HF_CORRUPT, "the first checkpoint vanished");
}

static hf_err judge_number(struct hf_repo *repo, const char *what, int64_t n, int64_t known)
{
	if (n < known)
		return hf_error_new(HF_CORRUPT,
			"the store's newest %s is number %lld, but number %lld was seen before: it "
			"was rolled back",
			what, (long long)n, (long long)known);
	return hf_catalog_raise(repo->catalog, what, n);
}

/*
 * Neither keyring nor checkpoint may be older than what this machine has seen before. Another
 * process may have seen newer ones since we looked: what it noted must be there now.
 */
static hf_err refuse_rollback(struct hf_repo *repo)
{
	int64_t keyring, checkpoint;
	bool found;

	HF_TRY(hf_catalog_fact(repo->catalog, "keyring", &keyring));
	HF_TRY(hf_catalog_fact(repo->catalog, "checkpoint", &checkpoint));
	if (hf_repo_keyring(repo)->n < keyring)
		HF_TRY(hf_keys_refresh(repo));
	if (repo->checkpoint < checkpoint)
		HF_TRY(hf_checkpoint_load(repo, &found));
	HF_TRY(judge_number(repo, "keyring", hf_repo_keyring(repo)->n, keyring));
	return judge_number(repo, "checkpoint", repo->checkpoint, checkpoint);
}

hf_err hf_repo_open(struct hf_store *store, const struct hf_unlock *unlock,
	const struct hf_repo_options *options, struct hf_repo **out)
{
	struct hf_repo *repo = hf_calloc(1, sizeof(*repo));
	struct hf_error *err;

	pthread_mutex_init(&repo->lock, NULL);
	pthread_mutex_init(&repo->trust_lock, NULL);
	repo->store = store;
	err = hf_keys_load(repo, unlock);
	if (!err && hf_repo_keyring(repo)->n < options->at_least)
		err = hf_error_new(HF_CORRUPT,
			"the newest keyring is number %u, but at least %u was asked for",
			hf_repo_keyring(repo)->n, options->at_least);
	if (!err)
		err = load_checkpoint(repo);
	if (!err)
		err = open_catalog(repo, options->cache_dir);
	if (!err)
		err = refuse_rollback(repo);
	if (err) {
		repo->store = NULL; /* taken on success only */
		hf_repo_free(repo);
		return err;
	}
	derive_fixed(repo);
	*out = repo;
	return NULL;
}

void hf_repo_free(struct hf_repo *repo)
{
	if (!repo)
		return;
	hf_catalog_free(repo->catalog);
	hf_keys_free_all(atomic_load(&repo->keys));
	hf_wipe(repo->id_keys, sizeof(repo->id_keys));
	hf_wipe(&repo->gear, sizeof(repo->gear));
	hf_store_free(repo->store);
	hf_error_free(repo->newer); /* told */
	hf_map_release(&repo->told);
	hf_map_release(&repo->trusted);
	free(repo->cache_dir);
	free(repo);
}

/* ---- what a newer program wrote ---- */

void hf_repo_tell(struct hf_repo *repo, enum hf_level level, const char *what, const char *object,
	const char *why)
{
	HF_FREED char *all = hf_format("%s\n%s\n%s", what, object ? object : "", why);
	struct hf_id digest;
	bool fresh;

	hf_sha256(hf_span_str(all), &digest);
	hf_map_put(&repo->told, &digest, &fresh);
	if (fresh && object)
		hf_log(level, what, "object", object, "why", why, NULL);
	else if (fresh)
		hf_log(level, what, "why", why, NULL);
}

void hf_repo_note_newer(struct hf_repo *repo, struct hf_error *err)
{
	if (!repo->newer_told)
		hf_log(HF_WARN, "a newer holdfast wrote here; what it wrote is left out", "why",
			hf_error_text(err), NULL);
	repo->newer_told = true;
	if (repo->newer)
		hf_error_free(err); /* one is enough to tell */
	else
		repo->newer = err;
}

hf_err hf_repo_understood(struct hf_repo *repo)
{
	pthread_mutex_lock(&repo->lock);
	struct hf_error *err = hf_error_copy(repo->newer);

	pthread_mutex_unlock(&repo->lock);
	return hf_error_in(
		err, "a newer holdfast wrote here, so this one adds and removes nothing");
}

/* ---- what it is ---- */

static const struct hf_keys *keys_of(const struct hf_repo *repo)
{
	return atomic_load(&((struct hf_repo *)repo)->keys);
}

static void print_rights(uint32_t rights, struct hf_buf *out)
{
	static const char *const names[] = {"write", "read", "maintain", "admin"};

	for (int i = 0; i < 4; i++) {
		if (rights & (1u << i))
			hf_buf_printf(out, "%s%s", out->len ? "," : "", names[i]);
	}
}

hf_err hf_repo_need(const struct hf_repo *repo, enum hf_right right, const char *source)
{
	const struct hf_slot *slot = hf_repo_slot(repo);
	HF_RELEASED(hf_buf) has = {0}, needs = {0};

	if (!hf_slot_may(slot, right)) {
		print_rights(slot->rights, &has);
		print_rights(right, &needs);
		return hf_error_new(HF_DENIED,
			"this needs the right to %s; the key of slot \"%.*s\" has %s",
			hf_buf_text(&needs), (int)slot->name.len, (const char *)slot->name.at,
			hf_buf_text(&has));
	}
	if (source && !hf_repo_may_source(repo, source))
		return hf_error_new(HF_DENIED,
			"the key of slot \"%.*s\" is limited to other sources than %s",
			(int)slot->name.len, (const char *)slot->name.at, source);
	return NULL;
}

bool hf_repo_may_source(const struct hf_repo *repo, const char *source)
{
	return hf_slot_may_source(hf_repo_slot(repo), hf_span_str(source));
}

bool hf_repo_may(const struct hf_repo *repo, enum hf_right right)
{
	return hf_slot_may(hf_repo_slot(repo), right);
}

struct hf_store *hf_repo_store(const struct hf_repo *repo)
{
	return repo->store;
}
struct hf_catalog *hf_repo_catalog(const struct hf_repo *repo)
{
	return repo->catalog;
}
const struct hf_keyring *hf_repo_keyring(const struct hf_repo *repo)
{
	return &keys_of(repo)->keyring;
}
const struct hf_slot *hf_repo_slot(const struct hf_repo *repo)
{
	return keys_of(repo)->slot;
}
const struct hf_slot_secrets *hf_repo_secrets(const struct hf_repo *repo)
{
	return &keys_of(repo)->secrets;
}
const struct hf_settings *hf_repo_settings(const struct hf_repo *repo)
{
	return &keys_of(repo)->keyring.settings;
}
const struct hf_gear *hf_repo_gear(const struct hf_repo *repo)
{
	return &repo->gear;
}
const struct hf_key *hf_repo_id_key(const struct hf_repo *repo, enum hf_id_key which)
{
	return &repo->id_keys[which];
}
const uint8_t *hf_repo_store_id(const struct hf_repo *repo)
{
	return repo->store_id;
}
const char *hf_repo_cache_dir(const struct hf_repo *repo)
{
	return repo->cache_dir;
}

const struct hf_epoch_keys *hf_repo_epoch(const struct hf_repo *repo, uint32_t epoch)
{
	const struct hf_slot_secrets *secrets = hf_repo_secrets(repo);

	for (size_t i = 0; i < secrets->n_epochs; i++) {
		if (secrets->epochs[i].epoch == epoch)
			return &secrets->epochs[i];
	}
	return NULL;
}

const struct hf_epoch_keys *hf_repo_newest_epoch(const struct hf_repo *repo)
{
	const struct hf_slot_secrets *secrets = hf_repo_secrets(repo);

	return &secrets->epochs[secrets->n_epochs - 1];
}
