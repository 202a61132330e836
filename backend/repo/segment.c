/*
 * A writer fills blocks of rows, and closes its object when it is large enough; the next rows go to
 * another. So memory is that of one object, and objects of one pass do not overlap.
 */
#include "backend/repo/segment.h"

#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/zip.h"
#include "backend/repo/ending.h"

#define BLOCK_BYTES ((size_t)64 << 10)
#define OBJECT_BYTES ((size_t)12 << 20)

struct hf_segment_writer {
	struct hf_repo *repo;
	enum hf_segment_kind kind;
	uint8_t level;
	struct hf_zip *zip;
	struct hf_segment_refs done;

	/* the open object */
	struct hf_builder *builder; /* NULL: none */
	struct hf_segment_ref ref;
	struct hf_id *first; /* of each block */
	size_t n_blocks, cap_blocks;
	struct hf_id *packs;
	size_t n_packs, cap_packs;
	struct hf_map by_pack; /* index + 1 */

	/* the open block */
	struct hf_buf block;
	struct hf_id block_first, last;
	size_t n_rows;

	/* copies of one chunk */
	struct hf_chunk_row *copies;
	size_t n_copies, cap_copies;
};

void hf_segment_refs_release(struct hf_segment_refs *refs)
{
	free(refs->at);
	*refs = (struct hf_segment_refs){0};
}

static void add_ref(struct hf_segment_refs *refs, const struct hf_segment_ref *ref)
{
	refs->at = hf_grow(refs->at, &refs->cap, refs->n + 1, sizeof(*refs->at));
	refs->at[refs->n++] = *ref;
}

struct hf_segment_writer *hf_segment_writer_new(
	struct hf_repo *repo, enum hf_segment_kind kind, uint8_t level)
{
	struct hf_segment_writer *writer = hf_calloc(1, sizeof(*writer));

	writer->repo = repo;
	writer->kind = kind;
	writer->level = level;
	writer->zip = hf_zip_new();
	return writer;
}

void hf_segment_writer_free(struct hf_segment_writer *writer)
{
	if (!writer)
		return;
	hf_builder_free(writer->builder);
	hf_zip_free(writer->zip);
	hf_segment_refs_release(&writer->done);
	hf_map_release(&writer->by_pack);
	hf_buf_release(&writer->block);
	free(writer->first);
	free(writer->packs);
	free(writer->copies);
	free(writer);
}

/* ---- objects ---- */

static hf_err close_object(struct hf_segment_writer *writer)
{
	const struct hf_segment segment = {
		.kind = writer->kind,
		.first = writer->first,
		.n_blocks = writer->n_blocks,
		.packs = {.at = writer->packs, .n = writer->n_packs},
	};
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_header header;

	hf_segment_print(&segment, &body);
	struct hf_sealing sealing = {
		.keys = hf_repo_newest_epoch(writer->repo), .body = hf_buf_span(&body)};

	hf_random(sealing.random, sizeof(sealing.random));
	hf_builder_seal(writer->builder, &sealing, &object, &header, &writer->ref.object);
	writer->ref.size = object.len;
	writer->ref.last = writer->last;
	hf_builder_free(HF_STEAL(writer->builder));
	writer->n_blocks = writer->n_packs = 0;
	hf_map_release(&writer->by_pack);
	hf_pack_name(HF_META_PACK, &writer->ref.object, name);
	/* Before it is there: one copy may be, though it fails. */
	add_ref(&writer->done, &writer->ref);
	return hf_store_put(hf_repo_store(writer->repo), name, hf_buf_span(&object));
}

void hf_segment_remove(struct hf_repo *repo, const struct hf_segment_ref *ref)
{
	char name[HF_PACK_NAME_LEN + 1];

	hf_pack_name(HF_META_PACK, &ref->object, name);
	hf_error_free(hf_store_remove(hf_repo_store(repo), name)); /* else a later prune's work */
}

void hf_segment_writer_undo(struct hf_segment_writer *writer)
{
	for (size_t i = 0; i < writer->done.n; i++)
		hf_segment_remove(writer->repo, &writer->done.at[i]);
	writer->done.n = 0;
}

static void open_object(struct hf_segment_writer *writer, const struct hf_id *key)
{
	if (writer->builder)
		return;
	writer->builder = hf_builder_new(HF_SEGMENT);
	writer->ref = (struct hf_segment_ref){
		.kind = writer->kind, .level = writer->level, .first = *key};
}

/* ---- blocks ---- */

static void close_block(struct hf_segment_writer *writer)
{
	const struct hf_span plain = hf_buf_span(&writer->block);
	HF_RELEASED(hf_buf) zipped = {0};
	struct hf_id id;

	if (plain.len == 0)
		return;
	hf_sha256(plain, &id);
	const bool smaller = hf_zip_pack(writer->zip, HF_ZIP_LEVEL, plain, &zipped);

	hf_builder_add(
		writer->builder, &id, (uint32_t)plain.len, smaller ? hf_buf_span(&zipped) : plain);
	writer->first = hf_grow(
		writer->first, &writer->cap_blocks, writer->n_blocks + 1, sizeof(*writer->first));
	writer->first[writer->n_blocks++] = writer->block_first;
	writer->n_rows = 0;
	hf_buf_clear(&writer->block);
}

hf_err hf_segment_write(
	struct hf_segment_writer *writer, const struct hf_id *key, struct hf_span row)
{
	if (writer->n_rows == HF_SEGMENT_ROWS ||
		(writer->n_rows && writer->block.len + row.len > BLOCK_BYTES))
		close_block(writer);
	/* An object of chunks is closed between two chunks: its packs are numbered. */
	if (writer->builder && writer->n_rows == 0 && writer->kind != HF_SEGMENT_CHUNKS &&
		hf_builder_size(writer->builder) > OBJECT_BYTES)
		HF_TRY(close_object(writer));
	open_object(writer, key);
	if (writer->n_rows++ == 0)
		writer->block_first = *key;
	hf_buf_add_span(&writer->block, row);
	writer->last = *key;
	writer->ref.rows++;
	return NULL;
}

/* ---- chunks ---- */

static int by_place(const void *a, const void *b)
{
	const struct hf_chunk_row *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static hf_err flush_copies(struct hf_segment_writer *writer)
{
	HF_RELEASED(hf_buf) row = {0};

	if (writer->n_copies > 1)
		qsort(writer->copies, writer->n_copies, sizeof(*writer->copies), by_place);
	for (size_t i = 0; i < writer->n_copies; i++) {
		hf_buf_clear(&row);
		hf_chunk_rows_print(&writer->copies[i], 1, &row);
		HF_TRY(hf_segment_write(writer, &writer->copies[i].id, hf_buf_span(&row)));
	}
	writer->n_copies = 0;
	return NULL;
}

static uint32_t pack_index(struct hf_segment_writer *writer, const struct hf_id *pack)
{
	union hf_map_value *value;
	bool fresh;

	value = hf_map_put(&writer->by_pack, pack, &fresh);
	if (fresh) {
		writer->packs = hf_grow(writer->packs, &writer->cap_packs, writer->n_packs + 1,
			sizeof(*writer->packs));
		writer->packs[writer->n_packs++] = *pack;
		value->number = writer->n_packs;
	}
	return (uint32_t)value->number - 1;
}

hf_err hf_segment_write_chunk(
	struct hf_segment_writer *writer, const struct hf_id *pack, const struct hf_row *row)
{
	if (writer->n_copies && !hf_id_equal(&writer->copies[0].id, &row->id)) {
		HF_TRY(flush_copies(writer));
		/* An index is that of one object: what comes next may open another. */
		if (writer->builder && hf_builder_size(writer->builder) > OBJECT_BYTES) {
			close_block(writer);
			HF_TRY(close_object(writer));
		}
	}
	writer->copies = hf_grow(
		writer->copies, &writer->cap_copies, writer->n_copies + 1, sizeof(*writer->copies));
	writer->copies[writer->n_copies++] = (struct hf_chunk_row){
		.id = row->id,
		.pack = pack_index(writer, pack),
		.offset = row->offset,
		.stored = row->stored,
		.plain = row->plain,
	};
	return NULL;
}

hf_err hf_segment_writer_end(struct hf_segment_writer *writer, struct hf_segment_refs *refs)
{
	HF_TRY(flush_copies(writer));
	close_block(writer);
	if (writer->builder)
		HF_TRY(close_object(writer));
	for (size_t i = 0; i < writer->done.n; i++)
		add_ref(refs, &writer->done.at[i]);
	writer->done.n = 0;
	return NULL;
}

/* ---- reading ---- */

struct hf_segment_reader {
	struct hf_repo *repo;
	char name[HF_PACK_NAME_LEN + 1];
	unsigned copy;        /* that its table was read from */
	struct hf_buf object; /* all of it, where its digest was computed; else empty */
	struct hf_ending ending;
	struct hf_arena arena;
	struct hf_segment segment;
	struct hf_object_keys keys;
	struct hf_sealer *sealer;
	struct hf_zip *zip;
	struct hf_buf sealed, plain;
};

void hf_segment_reader_free(struct hf_segment_reader *reader)
{
	if (!reader)
		return;
	hf_buf_release(&reader->object);
	hf_ending_release(&reader->ending);
	hf_arena_release(&reader->arena);
	hf_object_keys_release(&reader->keys);
	hf_sealer_free(reader->sealer);
	hf_zip_free(reader->zip);
	hf_buf_release(&reader->sealed);
	hf_buf_release(&reader->plain);
	free(reader);
}

static hf_err get(struct hf_segment_reader *reader, unsigned copy, uint64_t from, size_t len,
	struct hf_buf *out)
{
	const struct hf_buf *object = &reader->object;

	if (object->len == 0)
		return hf_store_get(
			hf_repo_store(reader->repo), reader->name, copy, from, len, out);
	if (from > object->len || len > object->len - from)
		return hf_error_new(HF_CORRUPT, "it has %zu bytes", object->len);
	hf_buf_add(out, object->at + from, len);
	return NULL;
}

static hf_err get_range(void *arg, uint64_t from, size_t len, struct hf_buf *out)
{
	struct hf_segment_reader *reader = arg;

	return get(reader, reader->copy, from, len, out);
}

static hf_err read_table(struct hf_segment_reader *reader, uint64_t size)
{
	const struct hf_ranges ranges = {
		.kind = HF_SEGMENT, .size = size, .get = get_range, .arg = reader};
	const struct hf_last *last = &reader->ending.last;

	HF_TRY(hf_ending_read(reader->repo, &ranges, &reader->ending));
	HF_TRY(hf_segment_parse(last->body, &reader->arena, &reader->segment));
	if (reader->segment.n_blocks != last->table.n)
		return hf_error_new(HF_CORRUPT, "it has other blocks than keys of blocks");
	hf_object_keys_release(&reader->keys);
	return hf_object_keys_derive(
		&last->header, hf_repo_epoch(reader->repo, last->header.epoch), &reader->keys);
}

typedef hf_err open_copy_fn(struct hf_segment_reader *reader, const struct hf_segment_ref *ref);

static hf_err open_copy(struct hf_segment_reader *reader, const struct hf_segment_ref *ref)
{
	HF_TRY(read_table(reader, ref->size));
	return reader->segment.kind == ref->kind
		? NULL
		: hf_error_new(HF_CORRUPT, "it is a segment of another kind");
}

static hf_err open_whole_copy(struct hf_segment_reader *reader, const struct hf_segment_ref *ref)
{
	struct hf_id digest;

	hf_buf_clear(&reader->object);
	HF_TRY(hf_store_get_all(hf_repo_store(reader->repo), reader->name, reader->copy,
		(size_t)ref->size, &reader->object));
	hf_sha256(hf_buf_span(&reader->object), &digest);
	if (reader->object.len != ref->size || !hf_id_equal(&digest, &ref->object))
		return hf_error_new(HF_CORRUPT, "its digest is not its name");
	return open_copy(reader, ref);
}

static hf_err open_any(struct hf_repo *repo, const struct hf_segment_ref *ref, open_copy_fn *open,
	struct hf_segment_reader **out)
{
	HF_OWNED(hf_segment_reader) reader = hf_calloc(1, sizeof(*reader));
	struct hf_error *first = NULL;

	reader->repo = repo;
	hf_pack_name(HF_META_PACK, &ref->object, reader->name);
	const unsigned copies = hf_store_copies(hf_repo_store(repo), reader->name);

	for (; reader->copy < copies; reader->copy++) {
		struct hf_error *err = open(reader, ref);

		if (!err)
			break;
		if (first)
			hf_error_free(err); /* the first copy's says enough */
		else
			first = err;
	}
	if (reader->copy == copies)
		return hf_error_in(first, "%s", reader->name);
	hf_error_free(first); /* the other copy is good */
	reader->sealer = hf_sealer_new(&reader->keys.chunks);
	reader->zip = hf_zip_new();
	*out = HF_STEAL(reader);
	return NULL;
}

hf_err hf_segment_open(
	struct hf_repo *repo, const struct hf_segment_ref *ref, struct hf_segment_reader **out)
{
	return open_any(repo, ref, open_copy, out);
}

hf_err hf_segment_open_whole(
	struct hf_repo *repo, const struct hf_segment_ref *ref, struct hf_segment_reader **out)
{
	return open_any(repo, ref, open_whole_copy, out);
}

void hf_segment_digest(const struct hf_segment_reader *reader, struct hf_id *digest)
{
	HF_RELEASED(hf_buf) parts = {0};

	hf_buf_add(&parts, reader->name, sizeof(reader->name));
	hf_buf_add_span(&parts, hf_buf_span(&reader->ending.header));
	hf_buf_add_span(&parts, hf_buf_span(&reader->ending.end));
	hf_sha256(hf_buf_span(&parts), digest);
}

const struct hf_segment *hf_segment_table(const struct hf_segment_reader *reader)
{
	return &reader->segment;
}

static hf_err read_block(struct hf_segment_reader *reader, size_t i, unsigned copy)
{
	const struct hf_row *row = &reader->ending.last.table.rows[i];
	const struct hf_epoch_keys *epoch =
		hf_repo_epoch(reader->repo, reader->ending.last.header.epoch);
	const struct hf_chunk_place place = {
		.repository = epoch->repository, .header = reader->ending.header.at, .row = row};
	struct hf_id id;

	hf_buf_clear(&reader->sealed);
	hf_buf_clear(&reader->plain);
	HF_TRY(get(reader, copy, row->offset, row->stored, &reader->sealed));
	HF_TRY(hf_chunk_open(reader->sealer, reader->zip, &place, &reader->sealed,
		hf_buf_grow(&reader->plain, row->plain)));
	hf_sha256(hf_buf_span(&reader->plain), &id);
	return hf_id_equal(&id, &row->id)
		? NULL
		: hf_error_new(HF_CORRUPT, "a block is not what its table says");
}

hf_err hf_segment_block(struct hf_segment_reader *reader, size_t i, struct hf_span *rows)
{
	const unsigned copies = hf_store_copies(hf_repo_store(reader->repo), reader->name);
	struct hf_error *err = read_block(reader, i, reader->copy);

	for (unsigned copy = 0; err && copy < copies; copy++) {
		if (copy == reader->copy)
			continue;
		struct hf_error *other = read_block(reader, i, copy);

		if (other) {
			hf_error_free(other); /* the first one says enough */
			continue;
		}
		hf_error_free(err); /* this copy is good */
		err = NULL;
	}
	*rows = hf_buf_span(&reader->plain);
	return hf_error_in(err, "%s", reader->name);
}

void hf_segment_find(
	const struct hf_segment_reader *reader, const struct hf_id *key, size_t *from, size_t *to)
{
	const struct hf_segment *segment = &reader->segment;
	size_t low = 0, high = segment->n_blocks;

	/* The first block whose key is not less; its predecessor may end with the key. */
	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (memcmp(&segment->first[mid], key, HF_ID_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*from = low > 0 ? low - 1 : 0;
	while (low < segment->n_blocks && memcmp(&segment->first[low], key, HF_ID_LEN) == 0)
		low++;
	*to = low;
}
