#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/base/time.h"
#include "backend/format/checkpoint.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/repo/state.h"

#define ROUNDS 5 /* of starting again when something listed had vanished */

static hf_err put(
	struct hf_store *store, const struct hf_keys *keys, const struct hf_checkpoint *checkpoint)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CHECKPOINT);
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	const struct hf_signing signing = {
		.domain = CHECKPOINT_DOMAIN,
		.seed = &keys->secrets.sign_seed,
		.slot = checkpoint->slot,
		.n = checkpoint->n,
	};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_header header;

	hf_checkpoint_print(checkpoint, &body);
	struct hf_sealing sealing = {
		.keys = &keys->secrets.epochs[keys->secrets.n_epochs - 1],
		.body = hf_buf_span(&body),
		.signing = &signing,
	};

	if (body.len > HF_MAX_LAST_SECTION - HF_SIGNATURE_LEN - 16)
		return hf_error_new(HF_INVALID,
			"checkpoint %u would be larger than the format allows", checkpoint->n);
	hf_random(sealing.random, sizeof(sealing.random));
	hf_builder_seal(builder, &sealing, &object, &header, NULL);
	hf_numbered_name("checkpoints", checkpoint->n, name);
	return hf_store_put(store, name, hf_buf_span(&object));
}

hf_err hf_checkpoint_make_first(struct hf_store *store, const struct hf_keys *keys)
{
	struct hf_checkpoint first = {.slot = keys->slot->n, .n = 1, .keyring = keys->keyring.n};

	hf_random(first.store, sizeof(first.store));
	struct hf_error *err = put(store, keys, &first);

	if (err && hf_error_kind(err) == HF_EXISTS) {
		hf_error_free(err); /* another made it: as good */
		return NULL;
	}
	return err;
}

hf_err hf_checkpoint_put(struct hf_repo *repo, struct hf_checkpoint *checkpoint)
{
	const struct hf_keys *keys = atomic_load(&repo->keys);

	checkpoint->slot = keys->slot->n;
	checkpoint->keyring = keys->keyring.n;
	memcpy(checkpoint->store, repo->store_id, HF_STORE_ID_LEN);
	return put(repo->store, keys, checkpoint);
}

void hf_opened_checkpoint_release(struct hf_opened_checkpoint *opened)
{
	hf_last_release(&opened->last);
	hf_buf_release(&opened->object);
	hf_arena_release(&opened->arena);
}

/* What was sealed under a keyring that came since ours was read: it is there, then. */
static hf_err find_keys(struct hf_repo *repo, uint32_t epoch, const struct hf_epoch_keys **out)
{
	*out = hf_repo_epoch(repo, epoch);
	if (*out || epoch < hf_repo_newest_epoch(repo)->epoch)
		return NULL;
	HF_TRY(hf_sync_follow_keyring(repo));
	*out = hf_repo_epoch(repo, epoch);
	return NULL;
}

static hf_err judge(struct hf_repo *repo, uint32_t n, struct hf_opened_checkpoint *opened)
{
	struct hf_span object = hf_buf_span(&opened->object);
	const struct hf_epoch_keys *keys;
	struct hf_header header;

	HF_TRY(hf_header_parse(object, &header));
	HF_TRY(find_keys(repo, header.epoch, &keys));
	if (!keys || header.kind != HF_CHECKPOINT)
		return hf_error_new(HF_CORRUPT, "no checkpoint of an epoch that is known");
	HF_TRY(hf_last_open(object, keys, &opened->last));
	HF_TRY(hf_checkpoint_parse(opened->last.body, &opened->arena, &opened->checkpoint));
	/* Its slot may be new, too. */
	if (opened->checkpoint.keyring > hf_repo_keyring(repo)->n)
		HF_TRY(hf_sync_follow_keyring(repo));
	const struct hf_slot *slot = hf_keys_slot(hf_repo_keyring(repo), opened->checkpoint.slot);

	/* It says what there is of every source. */
	if (!slot || !hf_slot_may(slot, HF_MAINTAIN) || slot->n_sources > 0 ||
		(slot->revoked && n > slot->last_checkpoint))
		return hf_error_new(
			HF_DENIED, "slot %u may make no checkpoint", opened->checkpoint.slot);
	const struct hf_signing signing = {.domain = CHECKPOINT_DOMAIN, .slot = slot->n, .n = n};

	HF_TRY(hf_last_verify(object, &opened->last, keys, &signing, slot->sign_public));
	if (opened->checkpoint.n != n)
		return hf_error_new(
			HF_CORRUPT, "it says that it is number %u", opened->checkpoint.n);
	return NULL;
}

static hf_err read_and_judge(struct hf_repo *repo, uint32_t n, unsigned copy, const char *name,
	struct hf_opened_checkpoint *opened)
{
	hf_buf_clear(&opened->object);
	HF_TRY(hf_store_get_all(repo->store, name, copy, HF_MAX_CHECKPOINT, &opened->object));
	return judge(repo, n, opened);
}

hf_err hf_checkpoint_verify(struct hf_repo *repo, uint32_t n, unsigned copy)
{
	HF_RELEASED(hf_opened_checkpoint) opened = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_numbered_name("checkpoints", n, name);
	pthread_mutex_lock(&repo->lock);
	struct hf_error *err = read_and_judge(repo, n, copy, name, &opened);

	pthread_mutex_unlock(&repo->lock);
	return err;
}

static hf_err read_checkpoint(
	struct hf_repo *repo, uint32_t n, unsigned copy, struct hf_opened_checkpoint *opened)
{
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_numbered_name("checkpoints", n, name);
	return hf_error_in(read_and_judge(repo, n, copy, name, opened), "%s", name);
}

static void note(struct hf_repo *repo, const struct hf_opened_checkpoint *opened)
{
	repo->checkpoint = opened->checkpoint.n;
	repo->cutoff = opened->checkpoint.cutoff;
	memcpy(repo->store_id, opened->checkpoint.store, HF_STORE_ID_LEN);
	hf_sha256(hf_buf_span(&opened->object), &repo->checkpoint_id);
}

/* The first copy that holds. */
static hf_err try_checkpoint(struct hf_repo *repo, uint32_t n)
{
	struct hf_error *first = NULL;

	for (unsigned copy = 0; copy < hf_store_copies(repo->store, "checkpoints/0"); copy++) {
		HF_RELEASED(hf_opened_checkpoint) opened = {0};
		struct hf_error *err = read_checkpoint(repo, n, copy, &opened);

		if (!err) {
			note(repo, &opened);
			if (first && hf_error_kind(first) != HF_NOT_FOUND)
				hf_repo_tell(repo, HF_WARN,
					"a checkpoint can't be used; its twin is", NULL,
					hf_error_text(first));
			hf_error_free(first); /* this copy holds */
			return NULL;
		}
		/* That it lacks a copy says nothing of the one that is there. */
		if (first && hf_error_kind(first) == HF_NOT_FOUND) {
			hf_error_free(first); /* the other copy's reason says more */
			first = NULL;
		}
		if (first)
			hf_error_free(err); /* the first copy's says enough */
		else
			first = err;
	}
	/* One that went with a newer one is no news. */
	if (first && hf_error_kind(first) != HF_UNSUPPORTED && hf_error_kind(first) != HF_NOT_FOUND)
		hf_repo_tell(
			repo, HF_WARN, "a checkpoint can't be used", NULL, hf_error_text(first));
	return first;
}

static bool passed_over(enum hf_error_kind kind)
{
	return kind == HF_CORRUPT || kind == HF_NOT_FOUND || kind == HF_DENIED ||
		kind == HF_UNSUPPORTED;
}

/* *vanished: one that was listed is not there any more, so a newer one is. */
static hf_err load_listed(struct hf_repo *repo, const struct hf_numbers *numbers, bool *vanished)
{
	struct hf_error *first = NULL;

	for (size_t i = numbers->n; i > 0 && numbers->at[i - 1] > repo->checkpoint; i--) {
		struct hf_error *err = try_checkpoint(repo, numbers->at[i - 1]);

		if (!err) {
			hf_error_free(first); /* told; a lower one holds */
			return NULL;
		}
		*vanished |= hf_error_kind(err) == HF_NOT_FOUND;
		if (hf_error_kind(err) == HF_UNSUPPORTED)
			hf_repo_note_newer(repo, hf_error_copy(err));
		if (first)
			hf_error_free(err); /* told */
		else
			first = err;
	}
	/* Whoever can put an object could else stop everybody: the one we have holds. */
	if (first && repo->checkpoint > 0 && passed_over(hf_error_kind(first))) {
		hf_error_free(first); /* told */
		return NULL;
	}
	return first;
}

hf_err hf_checkpoint_load(struct hf_repo *repo, bool *found)
{
	struct hf_error *err = NULL;
	bool vanished = true;

	for (int round = 0; vanished && round < ROUNDS; round++) {
		HF_RELEASED(hf_numbers) numbers = {0};

		hf_error_free(err); /* looked for anew */
		vanished = false;
		HF_TRY(hf_numbers_list(repo->store, "checkpoints", &numbers));
		*found = numbers.n > 0;
		err = load_listed(repo, &numbers, &vanished);
	}
	return err;
}

hf_err hf_checkpoint_open(struct hf_repo *repo, struct hf_opened_checkpoint *out)
{
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_error *first = NULL;
	struct hf_id digest;

	hf_numbered_name("checkpoints", repo->checkpoint, name);
	for (unsigned copy = 0; copy < hf_store_copies(repo->store, name); copy++) {
		HF_RELEASED(hf_opened_checkpoint) opened = {0};
		struct hf_error *err = read_checkpoint(repo, repo->checkpoint, copy, &opened);

		if (!err) {
			hf_sha256(hf_buf_span(&opened.object), &digest);
			if (!hf_id_equal(&digest, &repo->checkpoint_id))
				err = hf_error_new(HF_CORRUPT, "%s is not what it was", name);
		}
		if (!err) {
			hf_error_free(first); /* this copy holds */
			*out = opened;
			opened = (struct hf_opened_checkpoint){0};
			return NULL;
		}
		if (first)
			hf_error_free(err); /* the first copy's says enough */
		else
			first = err;
	}
	return first;
}
