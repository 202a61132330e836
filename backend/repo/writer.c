/*
 * put → [ workers: id · look up · zip ] → in order → packer → commit. Which chunks of this session
 * came before is known to the owner alone, so it needs no lock; two equal chunks inside one window
 * cost one wasted compression.
 */
#include "backend/repo/writer.h"

#include <stdlib.h>

#include "backend/base/idle.h"
#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "backend/format/zip.h"
#include "backend/repo/basis.h"
#include "backend/repo/catalog.h"
#include "backend/repo/commit.h"
#include "backend/repo/diary.h"
#include "backend/repo/packer.h"
#include "backend/repo/segments_read.h"

#define UPLOADERS 2
/* A commit is at most 8 MiB; what a record adds at the end must still fit. */
#define COMMIT_ROOM (HF_MAX_COMMIT - (1u << 20))

struct hf_writer {
	struct hf_repo *repo;
	struct hf_writer_options options;
	struct hf_pool *pool;
	struct hf_packer *packer;
	struct hf_map session; /* chunks placed since the last publish; before that, the catalog has
	                          them */
	struct hf_basis *basis;
	struct hf_buf records;  /* printed, for the next commit */
	struct hf_buf restated; /* those among them that a pack repeats */

	struct hf_idle zips;
};

struct put {
	struct hf_writer *writer;
	enum hf_object_kind kind;
	struct hf_buf plain, zipped;
	struct hf_id id;
	int64_t pack; /* that has a copy already */
	bool known, smaller;
	hf_stored_fn *stored;
	void *arg;
};

static void put_free(void *job)
{
	struct put *put = job;

	hf_buf_release(&put->plain);
	hf_buf_release(&put->zipped);
	free(put);
}

static void free_zip(void *zip)
{
	hf_zip_free(zip);
}

static hf_err put_work(void *job)
{
	struct put *put = job;
	struct hf_repo *repo = put->writer->repo;
	const enum hf_id_key which = put->kind == HF_META_PACK ? HF_META_ID : HF_CONTENT_ID;

	HF_TRY(hf_stop_check(put->writer->options.stop));
	hf_hmac_sha256(hf_repo_id_key(repo, which)->bytes, hf_buf_span(&put->plain), &put->id);
	HF_TRY(hf_catalog_safe_copy(hf_repo_catalog(repo), &put->id, &put->pack));
	put->known = put->pack != 0;
	if (put->known)
		return NULL;
	struct hf_zip *zip = hf_idle_take(&put->writer->zips);

	if (!zip)
		zip = hf_zip_new();
	put->smaller = hf_zip_pack(
		zip, put->writer->options.level, hf_buf_span(&put->plain), &put->zipped);
	hf_idle_give(&put->writer->zips, zip);
	return NULL;
}

static hf_err place(struct hf_writer *writer, const struct put *put)
{
	bool fresh;

	hf_map_put(&writer->session, &put->id, &fresh);
	if (!fresh)
		return NULL;
	return hf_packer_add(writer->packer, put->kind, &put->id, (uint32_t)put->plain.len,
		hf_buf_span(put->smaller ? &put->zipped : &put->plain));
}

static hf_err put_done(void *job)
{
	struct put *put = job;
	struct hf_error *err =
		put->known ? hf_basis_rely(put->writer->basis, put->pack) : place(put->writer, put);

	if (!err && put->stored)
		err = put->stored(put->arg, &put->id);
	put_free(put);
	return err;
}

static const struct hf_pool_ops put_ops = {put_work, put_done, put_free};

static hf_err put_commit(struct hf_writer *writer, struct hf_buf *body)
{
	char name[HF_COMMIT_NAME_LEN + 1];

	HF_TRY(hf_commit_put(writer->repo, hf_buf_span(body), 0, name));
	hf_basis_add_commit(writer->basis, name);
	hf_buf_clear(body);
	return NULL;
}

/* Pack records first, as many as fit; all but the last commit carry packs alone. */
static hf_err commit_all(struct hf_writer *writer)
{
	struct hf_sent *sent = hf_packer_sent(writer->packer);
	HF_RELEASED(hf_buf) body = {0}, relies = {0};
	size_t from = 0;

	hf_basis_add_own(writer->basis, hf_buf_span(&sent->records));
	hf_basis_print(writer->basis, &relies);

	for (size_t i = 0; i < sent->n; i++) {
		const size_t len = sent->ends[i] - from;

		if (body.len + len > COMMIT_ROOM)
			HF_TRY(put_commit(writer, &body));
		hf_buf_add(&body, sent->records.at + from, len);
		from = sent->ends[i];
	}
	if (body.len + relies.len > COMMIT_ROOM)
		HF_TRY(put_commit(writer, &body));
	hf_buf_add_span(&body, hf_buf_span(&relies));
	hf_buf_add_span(&body, hf_buf_span(&writer->records));
	HF_TRY(put_commit(writer, &body));
	hf_packer_sent_clear(writer->packer);
	hf_map_release(&writer->session);
	hf_buf_clear(&writer->records);
	return NULL;
}

/* ---- what a session that was cut off has left ---- */

static hf_err take_left(void *arg, struct hf_span record)
{
	struct hf_writer *writer = arg;

	hf_packer_adopt(writer->packer, record);
	return NULL;
}

static hf_err commit_left(void *arg)
{
	struct hf_writer *writer = arg;

	return hf_packer_sent(writer->packer)->n ? commit_all(writer) : NULL;
}

hf_err hf_writer_begin(
	struct hf_repo *repo, const struct hf_writer_options *options, struct hf_writer **out)
{
	HF_OWNED(hf_writer) writer = hf_calloc(1, sizeof(*writer));

	writer->repo = repo;
	writer->options = *options;
	hf_idle_init(&writer->zips, free_zip);
	if (writer->options.level == 0)
		writer->options.level = HF_ZIP_LEVEL;
	HF_TRY(hf_repo_need(repo, HF_WRITE, NULL));
	writer->basis = hf_basis_new(repo);
	HF_TRY(hf_repo_sync_to_write(repo));
	HF_TRY(hf_segments_read(repo));
	HF_TRY(hf_packer_new(
		repo, options->workers ? UPLOADERS : 0, options->progress, &writer->packer));
	HF_TRY(hf_pool_new(&put_ops, options->workers, 2 * options->workers + 2, &writer->pool));
	/* After that the catalog knows their chunks, like those of any commit. */
	HF_TRY(hf_diary_adopt(repo, take_left, commit_left, writer));
	*out = HF_STEAL(writer);
	return NULL;
}

void hf_writer_free(struct hf_writer *writer)
{
	if (!writer)
		return;
	hf_pool_free(writer->pool);
	hf_packer_free(writer->packer);
	hf_basis_free(writer->basis);
	hf_map_release(&writer->session);
	hf_buf_release(&writer->records);
	hf_buf_release(&writer->restated);
	hf_idle_release(&writer->zips);
	free(writer);
}

hf_err hf_writer_put(struct hf_writer *writer, enum hf_object_kind kind, struct hf_buf *plain,
	hf_stored_fn *stored, void *arg)
{
	struct put *put = hf_calloc(1, sizeof(*put));

	*put = (struct put){
		.writer = writer,
		.kind = kind,
		.plain = hf_buf_steal(plain),
		.stored = stored,
		.arg = arg,
	};
	return hf_pool_submit(writer->pool, put);
}

hf_err hf_writer_drain(struct hf_writer *writer)
{
	return hf_pool_drain(writer->pool);
}

hf_err hf_writer_add(struct hf_writer *writer, const struct hf_record *record)
{
	HF_RELEASED(hf_buf) one = {0};

	hf_record_print(record, &one);
	HF_TRY(hf_record_check(hf_buf_span(&one)));
	hf_buf_add_span(&writer->records, hf_buf_span(&one));
	if (record->kind >= HF_RECORD_SNAPSHOT && record->kind <= HF_RECORD_JOURNAL)
		hf_buf_add_span(&writer->restated, hf_buf_span(&one));
	return NULL;
}

hf_err hf_writer_publish(struct hf_writer *writer)
{
	HF_TRY(hf_writer_drain(writer));
	HF_TRY(hf_packer_flush(writer->packer, hf_buf_span(&writer->restated)));
	hf_buf_clear(&writer->restated);
	return commit_all(writer);
}

hf_err hf_writer_look(struct hf_writer *writer)
{
	HF_TRY(hf_repo_sync(writer->repo, NULL));
	return hf_basis_check(writer->basis);
}

void hf_writer_inherit(struct hf_writer *writer, const uint8_t snapshot[HF_SNAPSHOT_ID_LEN])
{
	hf_basis_inherit(writer->basis, snapshot);
}

hf_err hf_writer_rely(struct hf_writer *writer, const struct hf_id *chunk, bool *can)
{
	int64_t pack;

	HF_TRY(hf_catalog_safe_copy(hf_repo_catalog(writer->repo), chunk, &pack));
	*can = pack != 0;
	return *can ? hf_basis_rely(writer->basis, pack) : NULL;
}

uint64_t hf_writer_pending(const struct hf_writer *writer)
{
	return hf_packer_pending(writer->packer);
}

struct hf_repo *hf_writer_repo(const struct hf_writer *writer)
{
	return writer->repo;
}
