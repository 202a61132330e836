#include "backend/repo/packer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/repo/diary.h"
#include "backend/repo/state.h"
#include "backend/store/store.h"

struct hf_packer {
	struct hf_repo *repo;
	struct hf_pool *uploads;
	struct hf_progress *progress;
	struct hf_diary *diary;
	struct hf_builder *open[3]; /* by kind: content and meta packs */
	struct hf_sent sent;
	uint64_t pending;

	pthread_mutex_t lock; /* guards the names: of what may be there since the last clear */
	char (*names)[HF_PACK_NAME_LEN + 1];
	size_t n_names, cap_names;
};

/* One full pack. The randomness is drawn on the owner's thread: the same seed gives the same packs.
 */
struct upload {
	struct hf_packer *packer;
	enum hf_object_kind kind;
	struct hf_builder *builder;
	uint8_t random[32];
	struct hf_buf restated; /* records in its last section, signed */
	struct hf_buf record;   /* what the commit will say of it */
	uint64_t size;
};

static void upload_free(void *job)
{
	struct upload *upload = job;

	hf_builder_free(upload->builder);
	hf_buf_release(&upload->restated);
	hf_buf_release(&upload->record);
	free(upload);
}

static void note_name(struct hf_packer *packer, const char *name)
{
	pthread_mutex_lock(&packer->lock);
	packer->names = hf_grow(
		packer->names, &packer->cap_names, packer->n_names + 1, sizeof(*packer->names));
	snprintf(packer->names[packer->n_names++], sizeof(*packer->names), "%s", name);
	pthread_mutex_unlock(&packer->lock);
}

static void seal(struct upload *upload, struct hf_buf *object, struct hf_pack_record *out)
{
	struct hf_repo *repo = upload->packer->repo;
	const struct hf_keys *keys = atomic_load(&repo->keys);
	struct hf_restated restated = {.slot = keys->slot->n};
	const struct hf_signing signing = {
		.domain = PACK_DOMAIN, .seed = &keys->secrets.sign_seed, .slot = restated.slot};
	struct hf_sealing sealing = {.keys = hf_repo_newest_epoch(repo), .pad = true};
	HF_RELEASED(hf_buf) body = {0};

	if (upload->restated.len) {
		memcpy(restated.store, repo->store_id, sizeof(restated.store));
		hf_restated_print(&restated, hf_buf_span(&upload->restated), &body);
		sealing.body = hf_buf_span(&body);
		sealing.signing = &signing;
	}
	memcpy(sealing.random, upload->random, sizeof(sealing.random));
	hf_builder_seal(upload->builder, &sealing, object, &out->header, &out->id);
	out->size = object->len;
}

static hf_err upload_work(void *job)
{
	struct upload *upload = job;
	struct hf_repo *repo = upload->packer->repo;
	HF_RELEASED(hf_buf) object = {0};
	struct hf_record record = {.kind = HF_RECORD_PACK};
	char name[HF_PACK_NAME_LEN + 1];

	seal(upload, &object, &record.pack);
	upload->size = object.len;
	record.pack.table = *hf_builder_table(upload->builder);
	hf_record_print(&record, &upload->record);
	hf_diary_write(upload->packer->diary, hf_buf_span(&upload->record));
	hf_pack_name(upload->kind, &record.pack.id, name);
	note_name(upload->packer, name);
	struct hf_error *err = hf_store_put(hf_repo_store(repo), name, hf_buf_span(&object));

	if (err && hf_error_kind(err) == HF_EXISTS) {
		hf_error_free(err); /* the name is the digest: the same bytes are there */
		return NULL;
	}
	return err;
}

void hf_packer_adopt(struct hf_packer *packer, struct hf_span record)
{
	struct hf_sent *sent = &packer->sent;

	hf_buf_add_span(&sent->records, record);
	sent->ends = hf_grow(sent->ends, &sent->cap, sent->n + 1, sizeof(*sent->ends));
	sent->ends[sent->n++] = sent->records.len;
}

static hf_err upload_done(void *job)
{
	struct upload *upload = job;
	struct hf_packer *packer = upload->packer;

	hf_packer_adopt(packer, hf_buf_span(&upload->record));
	if (packer->progress)
		atomic_fetch_add_explicit(
			&packer->progress->stored, upload->size, memory_order_relaxed);
	upload_free(upload);
	return NULL;
}

static const struct hf_pool_ops upload_ops = {upload_work, upload_done, upload_free};

hf_err hf_packer_new(struct hf_repo *repo, unsigned uploaders, struct hf_progress *progress,
	struct hf_packer **out)
{
	HF_OWNED(hf_packer) packer = hf_calloc(1, sizeof(*packer));

	packer->repo = repo;
	packer->progress = progress;
	packer->diary = hf_diary_begin(repo);
	pthread_mutex_init(&packer->lock, NULL);
	HF_TRY(hf_pool_new(&upload_ops, uploaders, HF_MAX(uploaders, 1), &packer->uploads));
	*out = HF_STEAL(packer);
	return NULL;
}

void hf_packer_free(struct hf_packer *packer)
{
	if (!packer)
		return;
	hf_pool_free(packer->uploads);
	hf_diary_free(packer->diary);
	for (size_t i = 0; i < ARRAY_LEN(packer->open); i++)
		hf_builder_free(packer->open[i]);
	hf_buf_release(&packer->sent.records);
	free(packer->sent.ends);
	pthread_mutex_destroy(&packer->lock);
	free(packer->names);
	free(packer);
}

static hf_err send(struct hf_packer *packer, enum hf_object_kind kind, struct hf_span restated)
{
	struct upload *upload = hf_calloc(1, sizeof(*upload));

	upload->packer = packer;
	upload->kind = kind;
	upload->builder = HF_STEAL(packer->open[kind]);
	hf_buf_add_span(&upload->restated, restated);
	hf_random(upload->random, sizeof(upload->random));
	return hf_pool_submit(packer->uploads, upload);
}

hf_err hf_packer_add(struct hf_packer *packer, enum hf_object_kind kind, const struct hf_id *id,
	uint32_t plain_len, struct hf_span bytes)
{
	struct hf_builder **open = &packer->open[kind];

	if (!*open)
		*open = hf_builder_new(kind);
	hf_builder_add(*open, id, plain_len, bytes);
	packer->pending += bytes.len;
	if (hf_builder_size(*open) < HF_PACK_TARGET && hf_builder_table(*open)->n < HF_PACK_ROWS)
		return NULL;
	return send(packer, kind, hf_span(NULL, 0));
}

hf_err hf_packer_flush(struct hf_packer *packer, struct hf_span restated)
{
	const struct hf_span none = {0};
	const bool meta = packer->open[HF_META_PACK] != NULL;

	if (packer->open[HF_CONTENT_PACK])
		HF_TRY(send(packer, HF_CONTENT_PACK, meta ? none : restated));
	if (meta)
		HF_TRY(send(packer, HF_META_PACK, restated));
	return hf_pool_drain(packer->uploads);
}

struct hf_sent *hf_packer_sent(struct hf_packer *packer)
{
	return &packer->sent;
}

void hf_packer_undo(struct hf_packer *packer)
{
	hf_pool_free(HF_STEAL(packer->uploads)); /* those under way end first */
	for (size_t i = 0; i < packer->n_names; i++)
		/* What stays is a later prune's work. */
		hf_error_free(hf_store_remove(hf_repo_store(packer->repo), packer->names[i]));
	hf_packer_sent_clear(packer);
}

void hf_packer_sent_clear(struct hf_packer *packer)
{
	hf_buf_clear(&packer->sent.records);
	packer->sent.n = 0;
	packer->pending = 0;
	packer->n_names = 0;
	hf_diary_clear(packer->diary);
}

uint64_t hf_packer_pending(const struct hf_packer *packer)
{
	return packer->pending;
}
