#include "tests/lib/forged.h"

#include "backend/base/time.h"
#include "backend/format/checkpoint.h"
#include "backend/format/hash.h"
#include "tests/lib/test.h"

static int64_t whole_seconds(struct hf_repo *repo, int64_t time)
{
	if (!time)
		ck_ok(hf_store_now(hf_repo_store(repo), &time));
	return time - time % HF_NS_PER_S;
}

static void seal_chunks(struct hf_builder *builder, struct hf_repo *as, struct hf_span body,
	struct hf_signing *signing, struct hf_buf *object, struct hf_id *id)
{
	struct hf_sealing sealing = {.keys = hf_repo_newest_epoch(as),
		.body = body,
		.signing = body.len ? signing : NULL};
	struct hf_header header;

	signing->seed = &hf_repo_secrets(as)->sign_seed;
	hf_random(sealing.random, sizeof(sealing.random));
	hf_builder_seal(builder, &sealing, object, &header, id);
}

static void seal_and_sign(enum hf_object_kind kind, struct hf_repo *as, struct hf_span body,
	struct hf_signing *signing, struct hf_buf *object, struct hf_id *id)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(kind);

	seal_chunks(builder, as, body, signing, object, id);
}

void hf_forged_commit_put(const struct hf_forged_commit *forged)
{
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id id;
	struct hf_commit commit = {
		.slot = forged->slot ? forged->slot : hf_repo_slot(forged->as)->n,
		.time = whole_seconds(forged->as, forged->time),
		.keyring = forged->keyring ? forged->keyring : 1,
		.checkpoint = 1,
	};
	struct hf_signing signing = {.domain = "holdfast commit 1", .slot = commit.slot};

	memcpy(commit.store, hf_repo_store_id(forged->as), HF_STORE_ID_LEN);
	hf_commit_print(&commit, &body);
	hf_buf_add_span(&body, forged->records);
	seal_and_sign(HF_COMMIT, forged->as, hf_buf_span(&body), &signing, &object, &id);
	hf_commit_name(commit.time, &id, name);
	ck_ok(hf_store_put(hf_repo_store(forged->as), name, hf_buf_span(&object)));
}

void hf_forged_pack_put(const struct hf_forged_pack *forged)
{
	static const char lie[] = "not what its id says";
	const enum hf_object_kind kind = forged->chunk ? HF_CONTENT_PACK : HF_META_PACK;
	HF_OWNED(hf_builder) builder = hf_builder_new(kind);
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	struct hf_restated restated = {
		.slot = forged->slot ? forged->slot : hf_repo_slot(forged->as)->n};
	struct hf_signing signing = {.domain = "holdfast pack 1", .slot = restated.slot};
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_id id;

	memcpy(restated.store, hf_repo_store_id(forged->as), HF_STORE_ID_LEN);
	restated.store[0] ^= forged->elsewhere;
	if (forged->records.len)
		hf_restated_print(&restated, forged->records, &body);
	if (forged->chunk)
		hf_builder_add(builder, forged->chunk, sizeof(lie), hf_span(lie, sizeof(lie)));
	seal_chunks(builder, forged->as, hf_buf_span(&body), &signing, &object, &id);
	hf_pack_name(kind, &id, name);
	ck_ok(hf_store_put(hf_repo_store(forged->as), name, hf_buf_span(&object)));
}

void hf_forged_checkpoint_put(struct hf_repo *as, uint32_t slot, int64_t cutoff)
{
	HF_RELEASED(hf_buf) first = {0}, body = {0}, object = {0};
	struct hf_checkpoint checkpoint = {
		.slot = slot, .n = 2, .keyring = 1, .cutoff = whole_seconds(as, cutoff)};
	struct hf_signing signing = {.domain = "holdfast checkpoint 1", .slot = slot, .n = 2};
	struct hf_store *store = hf_repo_store(as);

	ck_ok(hf_store_get_all(store, "checkpoints/0000000001", 0, HF_MAX_CHECKPOINT, &first));
	hf_sha256(hf_buf_span(&first), &checkpoint.previous);
	memcpy(checkpoint.store, hf_repo_store_id(as), HF_STORE_ID_LEN);
	hf_checkpoint_print(&checkpoint, &body);
	seal_and_sign(HF_CHECKPOINT, as, hf_buf_span(&body), &signing, &object, NULL);
	ck_ok(hf_store_put(store, "checkpoints/0000000002", hf_buf_span(&object)));
}

struct hf_buf hf_forged_snapshot(const char *source, int64_t moment)
{
	const struct hf_entry root = {.name = hf_span_str(""), .type = HF_DIR, .mode = 0755};
	HF_RELEASED(hf_buf) form = {0};
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT};
	struct hf_buf printed = {0};

	hf_entry_print_alone(&root, &form);
	record.snapshot = (struct hf_snapshot){
		.source = hf_span_str(source),
		.moment = moment,
		.started = moment,
		.ended = moment,
		.root = hf_buf_span(&form),
		.host = hf_span_str("elsewhere"),
		.user = hf_span_str("thief"),
	};
	hf_random(record.snapshot.run, sizeof(record.snapshot.run));
	hf_record_print(&record, &printed);
	return printed;
}
