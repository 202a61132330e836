#include "backend/repo/told.h"

#include <string.h>

#include "backend/format/hash.h"
#include "backend/format/zip.h"
#include "backend/repo/state.h"

void hf_told_release(struct hf_told *told)
{
	hf_buf_release(&told->printed);
	hf_buf_release(&told->object);
	hf_last_release(&told->last);
	hf_arena_release(&told->arena);
}

/* ---- what it completes ---- */

static hf_err judge_slot(struct hf_repo *repo, const struct hf_epoch_keys *keys,
	const struct hf_restated *restated, struct hf_told *told)
{
	const struct hf_slot *slot = hf_keys_slot(hf_repo_keyring(repo), restated->slot);
	const struct hf_signing signing = {.domain = PACK_DOMAIN, .slot = restated->slot};

	if (!slot || slot->revoked)
		return hf_error_new(HF_DENIED, "slot %u, which made it, %s", restated->slot,
			slot ? "was revoked" : "does not exist");
	if (memcmp(restated->store, repo->store_id, HF_STORE_ID_LEN) != 0)
		return hf_error_new(HF_DENIED, "it was made for another store");
	HF_TRY(hf_last_verify(
		hf_buf_span(&told->object), &told->last, keys, &signing, slot->sign_public));
	told->slot = slot;
	return NULL;
}

static hf_err read_records(
	struct hf_repo *repo, const struct hf_epoch_keys *keys, struct hf_told *told)
{
	struct hf_restated restated = {0};

	if (told->last.body.len == 0)
		return NULL;
	HF_TRY(hf_restated_parse(told->last.body, &told->arena, &restated));
	HF_TRY(judge_slot(repo, keys, &restated, told));
	told->records = restated.records;
	told->n = restated.n;
	return NULL;
}

/* ---- its chunks ---- */

struct chunks {
	struct hf_sealer *sealer;
	struct hf_zip *zip;
	struct hf_buf sealed, plain;
	struct hf_object_keys keys;
};
static void chunks_release(struct chunks *chunks)
{
	hf_sealer_free(chunks->sealer);
	hf_zip_free(chunks->zip);
	hf_buf_release(&chunks->sealed);
	hf_buf_release(&chunks->plain);
	hf_object_keys_release(&chunks->keys);
}

static hf_err judge_chunk(struct hf_repo *repo, const struct hf_told *told,
	const struct hf_row *row, struct chunks *chunks)
{
	const struct hf_chunk_place place = {
		.repository = hf_repo_keyring(repo)->repository,
		.header = told->object.at,
		.row = row,
	};
	const enum hf_id_key which =
		told->last.header.kind == HF_META_PACK ? HF_META_ID : HF_CONTENT_ID;
	struct hf_id real;
	uint8_t *plain;

	hf_buf_clear(&chunks->sealed);
	hf_buf_add(&chunks->sealed, told->object.at + row->offset, row->stored);
	hf_buf_clear(&chunks->plain);
	plain = hf_buf_grow(&chunks->plain, row->plain);
	HF_TRY(hf_chunk_open(chunks->sealer, chunks->zip, &place, &chunks->sealed, plain));
	hf_hmac_sha256(hf_repo_id_key(repo, which)->bytes, hf_buf_span(&chunks->plain), &real);
	return hf_id_equal(&real, &row->id)
		? NULL
		: hf_error_new(HF_CORRUPT, "a chunk is not what it is named after");
}

/* Who can't read content is believed by nobody for what it is (judge.c). */
static hf_err judge_chunks(
	struct hf_repo *repo, const struct hf_epoch_keys *keys, const struct hf_told *told)
{
	__attribute__((cleanup(chunks_release))) struct chunks chunks = {0};

	HF_TRY(hf_object_keys_derive(&told->last.header, keys, &chunks.keys));
	if (!chunks.keys.reads || !hf_repo_secrets(repo)->has_ids)
		return NULL;
	chunks.sealer = hf_sealer_new(&chunks.keys.chunks);
	chunks.zip = hf_zip_new();
	for (size_t i = 0; i < told->last.table.n; i++) {
		const struct hf_row *row = &told->last.table.rows[i];

		if (!hf_id_is_zero(&row->id))
			HF_TRY(judge_chunk(repo, told, row, &chunks));
	}
	return NULL;
}

/* ---- the whole ---- */

hf_err hf_told_read(
	struct hf_repo *repo, const struct hf_id *id, struct hf_buf *bytes, struct hf_told *out)
{
	struct hf_record record = {.kind = HF_RECORD_PACK, .pack = {.id = *id, .size = bytes->len}};
	const struct hf_epoch_keys *keys;

	out->object = hf_buf_steal(bytes);
	HF_TRY(hf_header_parse(hf_buf_span(&out->object), &record.pack.header));
	keys = hf_repo_epoch(repo, record.pack.header.epoch);
	if (!keys)
		return hf_error_new(
			HF_DENIED, "this key has no keys of epoch %u", record.pack.header.epoch);
	HF_TRY(hf_last_open(hf_buf_span(&out->object), keys, &out->last));
	HF_TRY(read_records(repo, keys, out));
	HF_TRY(judge_chunks(repo, keys, out));
	record.pack.table = out->last.table;
	hf_record_print(&record, &out->printed);
	return hf_record_check(hf_buf_span(&out->printed));
}
