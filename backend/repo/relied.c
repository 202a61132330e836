/*
 * A commit may rely on a pack that another commit named, and that one may come too late for a
 * checkpoint and count no more; and two commits may say different things of one pack. The pack's
 * own last section tells what is in it.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/ending.h"
#include "backend/repo/state.h"

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

struct copy {
	struct hf_store *store;
	const char *name;
	unsigned number;
};

static hf_err get(void *arg, uint64_t from, size_t len, struct hf_buf *out)
{
	const struct copy *copy = arg;

	return hf_store_get(copy->store, copy->name, copy->number, from, len, out);
}

static hf_err read_last(struct hf_repo *repo, const char *name, unsigned number,
	struct hf_pack *pack, struct hf_ending *ending)
{
	struct copy copy = {repo->store, name, number};
	struct hf_ranges ranges = {.kind = pack->kind, .get = get, .arg = &copy};

	HF_TRY(hf_store_stat(repo->store, name, number, &ranges.size));
	pack->size = ranges.size;
	HF_TRY(hf_ending_read(repo, &ranges, ending));
	memcpy(pack->header, ending->header.at, HF_HEADER_LEN);
	return NULL;
}

/* The first copy that holds. */
static hf_err read_pack(struct hf_repo *repo, struct hf_pack *pack, struct hf_ending *ending)
{
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_error *err;

	hf_pack_name(pack->kind, &pack->id, name);
	err = read_last(repo, name, 0, pack, ending);
	for (unsigned copy = 1; err && copy < hf_store_copies(repo->store, name); copy++) {
		struct hf_error *other = read_last(repo, name, copy, pack, ending);

		hf_error_free(other ? other : err); /* the first copy's reason is the one to tell */
		err = other ? err : NULL;
	}
	return hf_error_in(err, "%s", name);
}

/* What the pack itself says: meta first, where a look costs least. */
static hf_err read_either(struct hf_repo *repo, struct hf_pack *pack, struct hf_ending *ending)
{
	pack->kind = HF_META_PACK;
	struct hf_error *err = read_pack(repo, pack, ending);

	if (!err || hf_error_kind(err) != HF_NOT_FOUND)
		return err;
	hf_error_free(err); /* then it is one of content */
	pack->kind = HF_CONTENT_PACK;
	return read_pack(repo, pack, ending);
}

static hf_err take(struct hf_repo *repo, const struct hf_id *id)
{
	HF_RELEASED(hf_ending) ending = {.last = {0}};
	struct hf_pack pack = {.id = *id};
	int64_t n;

	HF_TRY(read_either(repo, &pack, &ending));
	return hf_catalog_add_pack(repo->catalog, &pack, &ending.last.table, &n);
}

hf_err hf_relied_settle(struct hf_repo *repo, const struct hf_id *id)
{
	HF_RELEASED(hf_ending) ending = {.last = {0}};
	struct hf_pack pack = {.id = *id};
	struct hf_error *err = read_either(repo, &pack, &ending);

	if (!err)
		return hf_catalog_correct_pack(repo->catalog, &pack, &ending.last.table);
	if (hf_error_may_pass(err))
		return err; /* the store is away */
	hf_log(HF_INFO, "commits differ about a pack that can't be read", "why", hf_error_text(err),
		NULL);
	hf_error_free(err); /* who needs its chunks is told; check tells, too */
	return NULL;
}

/*
 * A commit that relies on a pack is younger than that, so what is not there now is lost, swept or a
 * lie: who needs its chunks is told, and check tells, too. A lie may name hundreds of thousands, so
 * they are looked for once (until the catalog is read anew), and told of in one line.
 */
static hf_err drop(struct hf_repo *repo, const struct ids *gone, struct hf_error *why)
{
	const struct hf_ids ids = {gone->at, gone->n};

	if (gone->n == 0)
		return NULL;
	hf_log(HF_INFO, "packs that commits rely on can't be read", "why", hf_error_text(why),
		NULL);
	return hf_catalog_drop_relied(repo->catalog, &ids);
}

hf_err hf_relied_take(struct hf_repo *repo)
{
	__attribute__((cleanup(ids_release))) struct ids ids = {0}, gone = {0};
	HF_OWNED(hf_error) why = NULL;

	HF_TRY(hf_catalog_each_unknown(repo->catalog, collect, &ids));
	for (size_t i = 0; i < ids.n; i++) {
		struct hf_error *err = take(repo, &ids.at[i]);

		if (!err)
			continue;
		if (hf_error_may_pass(err))
			return err; /* the store is away */
		hf_error_free(why); /* one will do */
		why = err;
		HF_TRY(collect(&gone, &ids.at[i]));
	}
	return drop(repo, &gone, why);
}
