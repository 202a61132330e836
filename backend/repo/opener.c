/* Chunks by id, read and opened from the copy that is good. */
#include "backend/repo/opener.h"

#include <pthread.h>
#include <stdlib.h>

#include "backend/base/idle.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/zip.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/segments_read.h"

/* Packs whose keys are kept: their number in the catalog says where. About 2 MB when all are. */
#define KEPT_PACKS 1024u
#define KEPT_BUFFER ((size_t)1 << 20)

/* A pack that was met: what every chunk in it needs. */
struct met {
	int64_t n;
	unsigned edition; /* of the catalog, whose number that is */
	enum hf_object_kind kind;
	uint64_t size;
	uint8_t header[HF_HEADER_LEN];
	uint8_t repository[HF_REPO_ID_LEN];
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_object_keys keys;
	unsigned refs;            /* guarded by the opener's lock, as the next */
	struct hf_sealer *sealer; /* idle, NULL while somebody has it */
};

/* What a thread needs while it opens chunks. */
struct tools {
	struct hf_zip *zip;
	struct hf_buf sealed;
};

struct hf_opener {
	struct hf_repo *repo;
	struct hf_idle tools;
	pthread_mutex_t lock; /* guards everything below */
	struct met *met[KEPT_PACKS];
};

/* ---- what is kept ---- */

static void tools_free(void *thing)
{
	struct tools *tools = thing;

	hf_zip_free(tools->zip);
	hf_buf_release(&tools->sealed);
	free(tools);
}

static struct tools *tools_take(struct hf_opener *opener)
{
	struct tools *tools = hf_idle_take(&opener->tools);

	if (tools)
		return tools;
	tools = hf_calloc(1, sizeof(*tools));
	tools->zip = hf_zip_new();
	return tools;
}

static void tools_give(struct hf_opener *opener, struct tools *tools)
{
	if (tools->sealed.cap > KEPT_BUFFER)
		hf_buf_release(&tools->sealed);
	hf_idle_give(&opener->tools, tools);
}

static void met_free(struct met *met)
{
	if (!met)
		return;
	hf_object_keys_release(&met->keys);
	hf_sealer_free(met->sealer);
	free(met);
}
HF_OWNABLE(met)

static struct met **met_slot(struct hf_opener *opener, int64_t n)
{
	return &opener->met[(uint64_t)n % KEPT_PACKS];
}

static unsigned edition_of(const struct hf_opener *opener)
{
	return hf_catalog_edition(hf_repo_catalog(opener->repo));
}

static hf_err meet(struct hf_opener *opener, int64_t n, struct met **out)
{
	HF_OWNED(met) met = hf_calloc(1, sizeof(*met));
	const struct hf_epoch_keys *epoch;
	struct hf_header header;
	struct hf_pack pack;

	met->edition = edition_of(opener);
	HF_TRY(hf_catalog_pack(hf_repo_catalog(opener->repo), n, &pack));
	met->n = n;
	met->kind = pack.kind;
	met->size = pack.size;
	memcpy(met->header, pack.header, sizeof(met->header));
	hf_pack_object_name(&pack, met->name);

	HF_TRY(hf_error_in(
		hf_header_parse(hf_span(pack.header, HF_HEADER_LEN), &header), "%s", met->name));
	epoch = hf_repo_epoch(opener->repo, header.epoch);
	if (!epoch)
		return hf_error_new(HF_DENIED, "%s: this key was not given the keys of epoch %u",
			met->name, header.epoch);
	memcpy(met->repository, epoch->repository, sizeof(met->repository));
	HF_TRY(hf_error_in(hf_object_keys_derive(&header, epoch, &met->keys), "%s", met->name));
	if (!met->keys.reads)
		return hf_error_new(HF_DENIED, "%s: this key may not read content", met->name);
	met->refs = 1;
	*out = HF_STEAL(met);
	return NULL;
}

/* The slot keeps one reference, each user has one. */
static hf_err met_take(struct hf_opener *opener, int64_t n, struct met **out)
{
	struct met **slot = met_slot(opener, n), *met, *gone = NULL;

	pthread_mutex_lock(&opener->lock);
	met = *slot;
	if (met && met->n == n && met->edition == edition_of(opener))
		met->refs++;
	else
		met = NULL;
	pthread_mutex_unlock(&opener->lock);
	if (!met) {
		HF_TRY(meet(opener, n, &met));
		pthread_mutex_lock(&opener->lock);
		met->refs++;
		gone = *slot;
		*slot = met;
		if (gone && --gone->refs > 0)
			gone = NULL;
		pthread_mutex_unlock(&opener->lock);
	}
	met_free(gone);
	*out = met;
	return NULL;
}

static void met_give(struct hf_opener *opener, struct met *met)
{
	bool last;

	pthread_mutex_lock(&opener->lock);
	last = --met->refs == 0;
	pthread_mutex_unlock(&opener->lock);
	if (last)
		met_free(met);
}

static struct hf_sealer *sealer_take(struct hf_opener *opener, struct met *met)
{
	struct hf_sealer *sealer;

	pthread_mutex_lock(&opener->lock);
	sealer = HF_STEAL(met->sealer);
	pthread_mutex_unlock(&opener->lock);
	return sealer ? sealer : hf_sealer_new(&met->keys.chunks);
}

static void sealer_give(struct hf_opener *opener, struct met *met, struct hf_sealer *sealer)
{
	pthread_mutex_lock(&opener->lock);
	if (!met->sealer)
		met->sealer = HF_STEAL(sealer);
	pthread_mutex_unlock(&opener->lock);
	hf_sealer_free(sealer);
}

/* ---- one place ---- */

/* The catalog is a file that can be damaged: sizes are judged before anything is allocated. */
static hf_err check_row(const struct met *met, const struct hf_row *row)
{
	if (row->plain == 0 || row->plain > HF_MAX_CHUNK || row->stored < HF_TAG_LEN ||
		row->stored > row->plain + HF_TAG_LEN || row->offset < HF_HEADER_LEN ||
		row->stored > met->size || row->offset > met->size - row->stored)
		return hf_error_new(HF_CORRUPT, "the catalog has an impossible place for it");
	return NULL;
}

/* Without the keys of ids (a maintainer's slot) the seal binds a metadata chunk to its id. */
static hf_err check_id(const struct hf_opener *opener, enum hf_object_kind kind,
	const struct hf_id *id, struct hf_span plain)
{
	const enum hf_id_key which = kind == HF_META_PACK ? HF_META_ID : HF_CONTENT_ID;
	struct hf_id real;

	if (!hf_repo_secrets(opener->repo)->has_ids)
		return NULL;
	hf_hmac_sha256(hf_repo_id_key(opener->repo, which)->bytes, plain, &real);
	if (!hf_equal_secret(real.bytes, id->bytes, HF_ID_LEN))
		return hf_error_new(HF_CORRUPT, "its bytes are not those that it is named after");
	return NULL;
}

/* To the bytes that the row's id is of. */
static hf_err unseal(struct hf_opener *opener, struct met *met, struct hf_zip *zip,
	enum hf_object_kind kind, const struct hf_row *row, struct hf_buf *sealed, uint8_t *plain)
{
	const struct hf_chunk_place place = {
		.repository = met->repository, .header = met->header, .row = row};
	struct hf_sealer *sealer = sealer_take(opener, met);
	struct hf_error *err = hf_chunk_open(sealer, zip, &place, sealed, plain);

	sealer_give(opener, met, sealer);
	return err ? err : check_id(opener, kind, &row->id, hf_span(plain, row->plain));
}

static hf_err read_copy(struct hf_opener *opener, struct met *met, unsigned copy,
	const struct hf_row *row, struct hf_buf *sealed)
{
	hf_buf_clear(sealed);
	return hf_store_get(
		hf_repo_store(opener->repo), met->name, copy, row->offset, row->stored, sealed);
}

/* What a search for a good copy knows. */
struct search {
	enum hf_object_kind kind;
	const struct hf_id *id;
	uint8_t *plain;
	size_t len;
	struct hf_error *err; /* the one to report, should none be good */
};

/* A store that is away may come back: that is worth more to the caller than "corrupt". */
static void remember(struct search *search, struct hf_error *err)
{
	enum hf_error_kind kind = hf_error_kind(err);
	bool may_pass = kind != HF_CORRUPT && kind != HF_NOT_FOUND;
	bool had = search->err && hf_error_kind(search->err) != HF_CORRUPT;

	if (kind == HF_NOT_FOUND)
		err = hf_error_as(err, HF_CORRUPT);
	if (search->err && (had || !may_pass)) {
		hf_error_free(err); /* the first one says enough */
		return;
	}
	hf_error_free(search->err);
	search->err = err;
}

/* No other copy in the same store is better off. */
static bool hopeless(const struct search *search)
{
	enum hf_error_kind kind = search->err ? hf_error_kind(search->err) : HF_CORRUPT;

	return kind == HF_TRANSIENT || kind == HF_CANCELLED;
}

static bool try_copies(struct hf_opener *opener, struct tools *tools, struct met *met,
	const struct hf_row *row, struct search *search)
{
	unsigned copies = hf_store_copies(hf_repo_store(opener->repo), met->name);

	for (unsigned copy = 0; copy < copies && !hopeless(search); copy++) {
		struct hf_error *err = read_copy(opener, met, copy, row, &tools->sealed);

		if (!err)
			err = hf_error_in(unseal(opener, met, tools->zip, search->kind, row,
						  &tools->sealed, search->plain),
				"%s", met->name);
		if (!err)
			return true;
		remember(search, err);
	}
	return false;
}

static bool try_place(struct hf_opener *opener, struct tools *tools, const struct hf_location *at,
	struct search *search)
{
	struct met *met;
	struct hf_error *err = met_take(opener, at->pack, &met);
	bool good = false;

	if (err) {
		remember(search, err);
		return false;
	}
	err = check_row(met, &at->row);
	if (err) {
		remember(search, hf_error_in(err, "%s", met->name));
	} else {
		search->len = at->row.plain;
		search->plain = hf_realloc(search->plain, search->len);
		good = try_copies(opener, tools, met, &at->row, search);
	}
	met_give(opener, met);
	return good;
}

/* ---- what users call ---- */

struct hf_opener *hf_opener_new(struct hf_repo *repo)
{
	struct hf_opener *opener = hf_calloc(1, sizeof(*opener));

	opener->repo = repo;
	hf_idle_init(&opener->tools, tools_free);
	pthread_mutex_init(&opener->lock, NULL);
	return opener;
}

void hf_opener_free(struct hf_opener *opener)
{
	if (!opener)
		return;
	for (size_t i = 0; i < KEPT_PACKS; i++)
		met_free(opener->met[i]);
	hf_idle_release(&opener->tools);
	pthread_mutex_destroy(&opener->lock);
	free(opener);
}

/* The copies that the catalog knows of. */
static hf_err try_places(struct hf_opener *opener, struct search *search, bool *good)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n = 0, tried = 0;

	HF_TRY(hf_segments_find(opener->repo, search->id, places, &n));
	if (n == 0 && !search->err)
		search->err = hf_error_new(HF_CORRUPT, "no pack has it");
	while (n > 0) {
		struct tools *tools = tools_take(opener);

		for (size_t i = 0; i < n && !*good && !hopeless(search); i++)
			*good = try_place(opener, tools, &places[i], search);
		tools_give(opener, tools);
		if (n < HF_MAX_LOCATIONS || *good || hopeless(search))
			return NULL;
		/* Any number of false ones may stand before the true one. */
		tried += n;
		HF_TRY(hf_catalog_find_more(
			hf_repo_catalog(opener->repo), search->id, tried, places, &n));
	}
	return NULL;
}

hf_err hf_opener_chunk(struct hf_opener *opener, enum hf_object_kind kind, const struct hf_id *id,
	uint8_t **bytes, size_t *len)
{
	struct search search = {.kind = kind, .id = id};
	char hex[HF_ID_HEX + 1];
	bool good = false, more = false;
	struct hf_error *err = try_places(opener, &search, &good);

	/* There may be a copy in a table that was not read yet. */
	if (!err && !good && !hopeless(&search))
		err = hf_segments_page_in(opener->repo, id, &more);
	if (!err && more)
		err = try_places(opener, &search, &good);
	if (err)
		remember(&search, err);
	if (!good) {
		free(search.plain);
		return hf_error_in(search.err, "chunk %s", hf_id_hex(id, hex));
	}
	hf_error_free(
		search.err); /* another copy was bad: check tells, a reader has what it wants */
	*bytes = search.plain;
	*len = search.len;
	return NULL;
}

hf_err hf_opener_unseal(struct hf_opener *opener, const struct hf_location *place,
	enum hf_object_kind kind, struct hf_buf *sealed, uint8_t *plain)
{
	struct tools *tools;
	struct met *met;
	struct hf_error *err;

	HF_TRY(met_take(opener, place->pack, &met));
	tools = tools_take(opener);
	err = check_row(met, &place->row);
	if (!err)
		err = unseal(opener, met, tools->zip, kind, &place->row, sealed, plain);
	tools_give(opener, tools);
	met_give(opener, met);
	return err;
}

hf_err hf_opener_frame(struct hf_opener *opener, const struct hf_location *place,
	enum hf_object_kind kind, struct hf_buf *out)
{
	const struct hf_row *row = &place->row;
	struct search search = {.kind = kind, .id = &row->id};
	struct tools *tools = tools_take(opener);
	const bool good = try_place(opener, tools, place, &search);

	/* It was opened where it lies: what is left of a compressed one is its frame. */
	if (good && row->stored == row->plain + HF_TAG_LEN)
		hf_buf_add(out, search.plain, row->plain);
	else if (good)
		hf_buf_add(out, tools->sealed.at, row->stored - HF_TAG_LEN);
	tools_give(opener, tools);
	free(search.plain);
	if (!good)
		return search.err;
	hf_error_free(search.err); /* another copy was bad: this one will do */
	return NULL;
}
