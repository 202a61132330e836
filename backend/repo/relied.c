/*
 * A commit may rely on a pack that another commit named, and that one may come too late for a
 * checkpoint and count no more. The pack's own last section tells what is in it.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/format/limits.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/state.h"

#define TAIL 36u

struct ids {
	struct hf_id *at;
	size_t n, cap;
};
static void ids_release(struct ids *ids)
{
	free(ids->at);
}

static hf_err collect(void *arg, const struct hf_id *id)
{
	struct ids *ids = arg;

	ids->at = hf_grow(ids->at, &ids->cap, ids->n + 1, sizeof(*ids->at));
	ids->at[ids->n++] = *id;
	return NULL;
}

static hf_err read_last(struct hf_repo *repo, const char *name, enum hf_object_kind kind,
	struct hf_pack *pack, struct hf_last *last)
{
	HF_RELEASED(hf_buf) header = {0}, end = {0};
	const struct hf_epoch_keys *epoch;
	struct hf_header parsed;
	size_t need;

	HF_TRY(hf_store_stat(repo->store, name, 0, &pack->size));
	if (pack->size < HF_HEADER_LEN + TAIL)
		return hf_error_new(HF_CORRUPT, "it is too short");
	HF_TRY(hf_store_get(repo->store, name, 0, 0, HF_HEADER_LEN, &header));
	HF_TRY(hf_header_parse(hf_buf_span(&header), &parsed));
	epoch = hf_repo_epoch(repo, parsed.epoch);
	if (!epoch || parsed.kind != kind)
		return hf_error_new(HF_CORRUPT, "it is no pack of an epoch that is known");
	HF_TRY(hf_store_get(repo->store, name, 0, pack->size - TAIL, TAIL, &end));
	HF_TRY(hf_last_end_len(kind, hf_buf_span(&end), pack->size, &need));
	hf_buf_clear(&end);
	HF_TRY(hf_store_get(repo->store, name, 0, pack->size - need, need, &end));
	memcpy(pack->header, header.at, HF_HEADER_LEN);
	return hf_last_open_end(hf_buf_span(&header), hf_buf_span(&end), pack->size, epoch, last);
}

static hf_err take(struct hf_repo *repo, const struct hf_id *id, enum hf_object_kind kind)
{
	HF_RELEASED(hf_last) last = {0};
	struct hf_pack pack = {.id = *id, .kind = kind};
	char name[HF_PACK_NAME_LEN + 1];
	int64_t n;

	hf_pack_name(kind, id, name);
	HF_TRY(hf_error_in(read_last(repo, name, kind, &pack, &last), "%s", name));
	return hf_catalog_add_pack(repo->catalog, &pack, &last.table, &n);
}

hf_err hf_relied_take(struct hf_repo *repo)
{
	__attribute__((cleanup(ids_release))) struct ids ids = {0};

	HF_TRY(hf_catalog_each_unknown(repo->catalog, collect, &ids));
	for (size_t i = 0; i < ids.n; i++) {
		struct hf_error *err = take(repo, &ids.at[i], HF_META_PACK);

		if (err && hf_error_kind(err) == HF_NOT_FOUND) {
			hf_error_free(err); /* then it is one of content */
			err = take(repo, &ids.at[i], HF_CONTENT_PACK);
		}
		if (err && hf_error_kind(err) != HF_SYSTEM && hf_error_kind(err) != HF_TRANSIENT) {
			hf_log(HF_INFO, "a pack that a commit relies on can't be read", "why",
				hf_error_text(err), NULL);
			hf_error_free(err); /* who needs its chunks is told; check tells, too */
			err = NULL;
		}
		HF_TRY(err);
	}
	return NULL;
}
