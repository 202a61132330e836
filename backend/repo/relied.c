/*
 * A commit may rely on a pack that another commit named, and that one may come too late for a
 * checkpoint and count no more; and two commits may say different things of one pack. The pack's
 * own last section tells what is in it.
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

static hf_err read_last(struct hf_repo *repo, const char *name, unsigned copy, struct hf_pack *pack,
	struct hf_last *last)
{
	HF_RELEASED(hf_buf) header = {0}, end = {0};
	const struct hf_epoch_keys *epoch;
	struct hf_header parsed;
	size_t need;

	HF_TRY(hf_store_stat(repo->store, name, copy, &pack->size));
	if (pack->size < HF_HEADER_LEN + TAIL)
		return hf_error_new(HF_CORRUPT, "it is too short");
	HF_TRY(hf_store_get(repo->store, name, copy, 0, HF_HEADER_LEN, &header));
	HF_TRY(hf_header_parse(hf_buf_span(&header), &parsed));
	epoch = hf_repo_epoch(repo, parsed.epoch);
	if (!epoch || parsed.kind != pack->kind)
		return hf_error_new(HF_CORRUPT, "it is no pack of an epoch that is known");
	HF_TRY(hf_store_get(repo->store, name, copy, pack->size - TAIL, TAIL, &end));
	HF_TRY(hf_last_end_len(pack->kind, hf_buf_span(&end), pack->size, &need));
	hf_buf_clear(&end);
	HF_TRY(hf_store_get(repo->store, name, copy, pack->size - need, need, &end));
	memcpy(pack->header, header.at, HF_HEADER_LEN);
	return hf_last_open_end(hf_buf_span(&header), hf_buf_span(&end), pack->size, epoch, last);
}

/* The first copy that holds. */
static hf_err read_pack(struct hf_repo *repo, struct hf_pack *pack, struct hf_last *last)
{
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_error *err;

	hf_pack_name(pack->kind, &pack->id, name);
	err = read_last(repo, name, 0, pack, last);
	for (unsigned copy = 1; err && copy < hf_store_copies(repo->store, name); copy++) {
		struct hf_error *other = read_last(repo, name, copy, pack, last);

		hf_error_free(other ? other : err); /* the first copy's reason is the one to tell */
		err = other ? err : NULL;
	}
	return hf_error_in(err, "%s", name);
}

/* What the pack itself says: meta first, where a look costs least. */
static hf_err read_either(struct hf_repo *repo, struct hf_pack *pack, struct hf_last *last)
{
	pack->kind = HF_META_PACK;
	struct hf_error *err = read_pack(repo, pack, last);

	if (!err || hf_error_kind(err) != HF_NOT_FOUND)
		return err;
	hf_error_free(err); /* then it is one of content */
	pack->kind = HF_CONTENT_PACK;
	return read_pack(repo, pack, last);
}

/* A store that is away is another matter than a pack that can't be read. */
static hf_err pass_over(struct hf_error *err, const char *what)
{
	if (!err || hf_error_kind(err) == HF_SYSTEM || hf_error_kind(err) == HF_TRANSIENT)
		return err;
	hf_log(HF_INFO, what, "why", hf_error_text(err), NULL);
	hf_error_free(err); /* who needs its chunks is told; check tells, too */
	return NULL;
}

static hf_err take(struct hf_repo *repo, const struct hf_id *id)
{
	HF_RELEASED(hf_last) last = {0};
	struct hf_pack pack = {.id = *id};
	int64_t n;

	HF_TRY(read_either(repo, &pack, &last));
	return hf_catalog_add_pack(repo->catalog, &pack, &last.table, &n);
}

hf_err hf_relied_settle(struct hf_repo *repo, const struct hf_id *id)
{
	HF_RELEASED(hf_last) last = {0};
	struct hf_pack pack = {.id = *id};
	struct hf_error *err = read_either(repo, &pack, &last);

	if (err)
		return pass_over(err, "commits differ about a pack that can't be read");
	return hf_catalog_correct_pack(repo->catalog, &pack, &last.table);
}

hf_err hf_relied_take(struct hf_repo *repo)
{
	__attribute__((cleanup(ids_release))) struct ids ids = {0};

	HF_TRY(hf_catalog_each_unknown(repo->catalog, collect, &ids));
	for (size_t i = 0; i < ids.n; i++) {
		struct hf_error *err = take(repo, &ids.at[i]);

		HF_TRY(pass_over(err, "a pack that a commit relies on can't be read"));
	}
	return NULL;
}
