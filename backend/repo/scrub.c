/*
 * An object streams through a window: what comes in goes into the digest, chunks that are whole in
 * it are decoded, and what stands before the next chunk leaves. So memory does not grow with a
 * pack. A chunk is hashed just before it is decoded, and unsealed where it lies: it is still in the
 * processor's cache then. Windows are kept: to fault in the pages of a new one would cost a third
 * as much as decoding what it holds.
 */
#include "backend/repo/scrub.h"

#include <stdlib.h>

#include "backend/base/idle.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/repo/ending.h"

#define READ_BYTES ((size_t)16 << 20)

/* What one thread needs for the whole of a run. */
struct buffers {
	struct hf_buf window, plain;
	struct hf_sha256 *sha;
};

struct hf_scrubber {
	struct hf_repo *repo;
	struct hf_opener *opener;
	const struct hf_stop *stop;
	struct hf_progress *progress;
	struct hf_idle buffers;
};

/* One copy on its way through. */
struct stream {
	struct hf_scrubber *scrubber;
	struct hf_scrub *scrub;
	struct buffers *buffers;
	unsigned copy;
	uint64_t size;
	struct hf_ending ending; /* rows n 0: only the digest is asked for */
	uint64_t base;           /* where in the object the window begins */
	uint64_t hashed;         /* how much of the object is in the digest */
	size_t next;             /* row to be decoded */
	struct hf_error *bad;    /* the first chunk or row that is not what it should be */
};

static void stream_release(struct stream *stream)
{
	hf_ending_release(&stream->ending);
	hf_error_free(stream->bad); /* taken, or outdone by a worse one */
}
#define STREAM __attribute__((cleanup(stream_release))) struct stream

/* ---- what is kept ---- */

static void buffers_free(void *thing)
{
	struct buffers *buffers = thing;

	hf_buf_release(&buffers->window);
	hf_buf_release(&buffers->plain);
	hf_sha256_free(buffers->sha);
	free(buffers);
}

struct hf_scrubber *hf_scrubber_new(struct hf_repo *repo, struct hf_opener *opener,
	const struct hf_stop *stop, struct hf_progress *progress)
{
	struct hf_scrubber *scrubber = hf_calloc(1, sizeof(*scrubber));

	scrubber->repo = repo;
	scrubber->opener = opener;
	scrubber->stop = stop;
	scrubber->progress = progress;
	hf_idle_init(&scrubber->buffers, buffers_free);
	return scrubber;
}

void hf_scrubber_free(struct hf_scrubber *scrubber)
{
	if (!scrubber)
		return;
	hf_idle_release(&scrubber->buffers);
	free(scrubber);
}

static struct buffers *buffers_take(struct hf_scrubber *scrubber)
{
	struct buffers *buffers = hf_idle_take(&scrubber->buffers);

	if (buffers)
		return buffers;
	buffers = hf_calloc(1, sizeof(*buffers));
	buffers->sha = hf_sha256_new();
	return buffers;
}

/* ---- what is a finding ---- */

/* A bad sector hurts one object. Where nothing can be read the disk, or the machine, is away. */
static bool answers(struct hf_repo *repo)
{
	struct hf_store *store = hf_repo_store(repo);
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_numbered_name("keyring", hf_repo_keyring(repo)->n, name);
	for (unsigned copy = 0; copy < hf_store_copies(store, name); copy++) {
		HF_RELEASED(hf_buf) bytes = {0};
		struct hf_error *err = hf_store_get_all(store, name, copy, HF_MAX_KEYRING, &bytes);

		if (!err)
			return true;
		hf_error_free(err); /* the caller has one to tell */
	}
	return false;
}

bool hf_scrub_finds(struct hf_repo *repo, const struct hf_error *err)
{
	switch (hf_error_kind(err)) {
	case HF_NOT_FOUND:
	case HF_CORRUPT:
	case HF_UNSUPPORTED:
	case HF_DENIED:
		return true;
	case HF_SYSTEM:
		return answers(repo);
	default:
		return false;
	}
}

static hf_err get(void *arg, uint64_t from, size_t len, struct hf_buf *out)
{
	struct stream *stream = arg;
	const struct hf_scrubber *scrubber = stream->scrubber;

	HF_TRY(hf_stop_check(scrubber->stop));
	return hf_store_get(
		hf_repo_store(scrubber->repo), stream->scrub->name, stream->copy, from, len, out);
}

/* ---- the pack's own table ---- */

static bool same_place(const struct hf_row *a, const struct hf_row *b)
{
	return a->offset == b->offset && a->stored == b->stored && a->plain == b->plain;
}

/* With HF_MAX_LOCATIONS copies of a chunk the catalog does not show them all. */
static hf_err compare_row(const struct stream *stream, const struct hf_row *row)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	char hex[HF_ID_HEX + 1];
	size_t n;

	HF_TRY(hf_catalog_find(hf_repo_catalog(stream->scrubber->repo), &row->id, places, &n));
	for (size_t i = 0; i < n; i++) {
		if (places[i].pack == stream->scrub->pack.n && same_place(&places[i].row, row))
			return NULL;
	}
	if (n == HF_MAX_LOCATIONS)
		return NULL;
	return hf_error_new(HF_CORRUPT, "chunk %s lies elsewhere than the catalog says",
		hf_id_hex(&row->id, hex));
}

static void blame(struct stream *stream, struct hf_error *err)
{
	if (stream->bad)
		hf_error_free(err); /* the first one condemns the pack */
	else
		stream->bad = err;
}

static hf_err compare_table(struct stream *stream)
{
	const struct hf_table *table = &stream->ending.last.table;
	size_t rows = 0;

	for (size_t i = 0; i < table->n; i++) {
		struct hf_error *err;

		if (hf_id_is_zero(&table->rows[i].id))
			continue;
		rows++;
		err = compare_row(stream, &table->rows[i]);
		if (err && !hf_scrub_finds(stream->scrubber->repo, err))
			return err;
		if (err)
			blame(stream, err);
	}
	stream->scrub->rows = rows;
	return NULL;
}

static hf_err read_table(struct stream *stream)
{
	const struct hf_ranges ranges = {
		.kind = stream->scrub->pack.kind, .size = stream->size, .get = get, .arg = stream};

	HF_TRY(hf_ending_read(stream->scrubber->repo, &ranges, &stream->ending));
	return compare_table(stream);
}

/* ---- chunks ---- */

static void hash_up_to(struct stream *stream, uint64_t end)
{
	const struct buffers *buffers = stream->buffers;

	if (end <= stream->hashed)
		return;
	hf_sha256_add(buffers->sha,
		hf_span(buffers->window.at + (stream->hashed - stream->base),
			(size_t)(end - stream->hashed)));
	stream->hashed = end;
}

static hf_err decode_row(struct stream *stream, const struct hf_row *row)
{
	struct hf_scrubber *scrubber = stream->scrubber;
	struct buffers *buffers = stream->buffers;
	const struct hf_pack *pack = &stream->scrub->pack;
	const struct hf_location place = {.pack = pack->n, .row = *row};
	const enum hf_object_kind kind =
		pack->kind == HF_META_PACK ? HF_META_PACK : HF_CONTENT_PACK;
	/* Not a copy: the window's own bytes, which nobody needs any more. */
	struct hf_buf sealed = {
		.at = buffers->window.at + (row->offset - stream->base), .len = row->stored};
	char hex[HF_ID_HEX + 1];
	struct hf_error *err;

	hf_buf_clear(&buffers->plain);
	err = hf_opener_unseal(
		scrubber->opener, &place, kind, &sealed, hf_buf_grow(&buffers->plain, row->plain));
	if (err && !hf_scrub_finds(scrubber->repo, err))
		return err;
	if (err)
		blame(stream, hf_error_in(err, "chunk %s", hf_id_hex(&row->id, hex)));
	return NULL;
}

/* Hashes all of the window, decodes what is whole in it, and lets go of what stands before the
 * rest. */
static hf_err use_window(struct stream *stream)
{
	const struct hf_table *table = &stream->ending.last.table;
	struct hf_buf *window = &stream->buffers->window;
	const uint64_t end = stream->base + window->len;
	uint64_t keep = end;

	for (; stream->next < table->n; stream->next++) {
		const struct hf_row *row = &table->rows[stream->next];
		const uint64_t row_end = (uint64_t)row->offset + row->stored;

		if (hf_id_is_zero(&row->id))
			continue;
		if (row_end > end) {
			keep = HF_MIN(end, row->offset);
			break;
		}
		hash_up_to(stream, row_end);
		HF_TRY(decode_row(stream, row));
	}
	hash_up_to(stream, end);
	const size_t gone = (size_t)(keep - stream->base);

	memmove(window->at, window->at + gone, window->len - gone);
	window->len -= gone;
	stream->base = keep;
	return NULL;
}

static hf_err read_all(struct stream *stream)
{
	struct hf_progress *progress = stream->scrubber->progress;

	for (uint64_t at = 0; at < stream->size;) {
		const size_t len = (size_t)HF_MIN(stream->size - at, READ_BYTES);

		HF_TRY(get(stream, at, len, &stream->buffers->window));
		HF_TRY(use_window(stream));
		at += len;
		stream->scrub->bytes += len;
		if (progress)
			atomic_fetch_add_explicit(&progress->bytes, len, memory_order_relaxed);
	}
	return NULL;
}

/* ---- a copy, all copies ---- */

static hf_err scrub_stream(struct stream *stream)
{
	struct hf_scrub *scrub = stream->scrub;
	struct hf_repo *repo = stream->scrubber->repo;
	struct hf_error *table = NULL;
	struct hf_id digest;

	HF_TRY(hf_stop_check(stream->scrubber->stop));
	HF_TRY(hf_store_stat(hf_repo_store(repo), scrub->name, stream->copy, &stream->size));
	if (scrub->size && stream->size != scrub->size)
		return hf_error_new(HF_CORRUPT, "it has %llu bytes, not %llu",
			(unsigned long long)stream->size, (unsigned long long)scrub->size);
	/* All copies have one digest: what decodes in the first does in the second. */
	if (scrub->decode && stream->copy == 0)
		table = read_table(stream);
	if (table && !hf_scrub_finds(repo, table))
		return table;
	if (table)
		blame(stream, table);
	HF_TRY(read_all(stream));
	if (stream->next < stream->ending.last.table.n)
		blame(stream, hf_error_new(HF_CORRUPT, "its table is longer than itself"));
	hf_sha256_end(stream->buffers->sha, &digest);
	if (!hf_id_equal(&digest, &scrub->id))
		return hf_error_new(HF_CORRUPT, "its digest is not its name");
	scrub->named[stream->copy] = true;
	return HF_STEAL(stream->bad);
}

static hf_err scrub_copy(struct hf_scrubber *scrubber, struct hf_scrub *scrub, unsigned copy)
{
	struct buffers *buffers = buffers_take(scrubber);
	STREAM stream = {.scrubber = scrubber, .scrub = scrub, .buffers = buffers, .copy = copy};
	struct hf_error *err = scrub_stream(&stream);
	struct hf_id unfinished;

	hf_buf_clear(&buffers->window);
	hf_sha256_end(buffers->sha, &unfinished); /* of an object that was not read to its end */
	hf_idle_give(&scrubber->buffers, buffers);
	return err;
}

hf_err hf_scrub_run(struct hf_scrubber *scrubber, struct hf_scrub *scrub)
{
	struct hf_store *store = hf_repo_store(scrubber->repo);

	scrub->copies = HF_MIN(hf_store_copies(store, scrub->name), HF_SCRUB_COPIES);
	for (unsigned copy = 0; copy < scrub->copies; copy++) {
		struct hf_error *err = scrub_copy(scrubber, scrub, copy);

		if (!err)
			continue;
		if (!hf_scrub_finds(scrubber->repo, err))
			return err;
		scrub->wrong[copy] = hf_strdup(
			hf_error_kind(err) == HF_NOT_FOUND ? HF_SCRUB_MISSING : hf_error_text(err));
		hf_error_free(err); /* its text is the finding */
	}
	return NULL;
}

void hf_scrub_release(struct hf_scrub *scrub)
{
	for (unsigned copy = 0; copy < HF_SCRUB_COPIES; copy++) {
		free(scrub->wrong[copy]);
		scrub->wrong[copy] = NULL;
	}
}
