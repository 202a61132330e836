#include "backend/format/checkpoint.h"

#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"

#define CHUNK_ROW_LEN (HF_ID_LEN + 4 * 4)
#define PACK_ROW_LEAST (HF_ID_LEN + 1 + HF_HEADER_LEN + 1 + 4 + 2 * 2 + 1)
#define SETTLED_LEN (2 * HF_ID_LEN + 1)
#define SEGMENT_REF_LEAST (2 + 3 * HF_ID_LEN + 2)
#define MAX_LEVEL 32
#define SOURCE_KEY_LEN 24

static int compare_ids(const struct hf_id *a, const struct hf_id *b)
{
	return memcmp(a->bytes, b->bytes, HF_ID_LEN);
}

static bool segment_kind_known(uint8_t kind)
{
	return kind >= HF_SEGMENT_CHUNKS && kind <= HF_SEGMENT_COMMITS;
}

/* ---- ids ---- */

static void print_ids(const struct hf_ids *ids, struct hf_buf *out)
{
	hf_put_var(out, ids->n);
	for (size_t i = 0; i < ids->n; i++)
		hf_put_id(out, &ids->at[i]);
}

static void parse_id(struct hf_wire *wire, struct hf_id *out)
{
	hf_wire_copy(wire, out->bytes, HF_ID_LEN);
}

static struct hf_id *parse_n_ids(struct hf_wire *wire, struct hf_arena *arena, size_t n)
{
	struct hf_id *ids = hf_arena_alloc(arena, n * sizeof(*ids));

	for (size_t i = 0; i < n; i++)
		parse_id(wire, &ids[i]);
	return ids;
}

static void parse_ids(struct hf_wire *wire, struct hf_arena *arena, struct hf_ids *out)
{
	out->n = hf_wire_count(wire, HF_ID_LEN, HF_MAX_LAST_SECTION / HF_ID_LEN);
	out->at = parse_n_ids(wire, arena, out->n);
}

/* ---- the checkpoint ---- */

static void print_segment_ref(const struct hf_segment_ref *ref, struct hf_buf *out)
{
	hf_put_u8(out, (uint8_t)ref->kind);
	hf_put_u8(out, ref->level);
	hf_put_id(out, &ref->object);
	hf_put_var(out, ref->size);
	hf_put_var(out, ref->rows);
	hf_put_id(out, &ref->first);
	hf_put_id(out, &ref->last);
}

void hf_checkpoint_print(const struct hf_checkpoint *checkpoint, struct hf_buf *out)
{
	hf_put_u32(out, checkpoint->slot);
	hf_buf_add(out, checkpoint->store, sizeof(checkpoint->store));
	hf_put_u32(out, checkpoint->n);
	hf_put_id(out, &checkpoint->previous);
	hf_put_time(out, checkpoint->cutoff);
	hf_put_u32(out, checkpoint->keyring);
	hf_put_var(out, checkpoint->n_settled);
	for (size_t i = 0; i < checkpoint->n_settled; i++) {
		hf_put_id(out, &checkpoint->settled[i].commit);
		hf_put_id(out, &checkpoint->settled[i].pack);
		hf_put_u8(out, checkpoint->settled[i].swept);
	}
	print_ids(&checkpoint->swept, out);
	hf_put_var(out, checkpoint->n_segments);
	for (size_t i = 0; i < checkpoint->n_segments; i++)
		print_segment_ref(&checkpoint->segments[i], out);
	for (size_t i = 0; i < checkpoint->n_records; i++)
		hf_record_print(&checkpoint->records[i], out);
}

static void parse_settled(struct hf_wire *wire, struct hf_arena *arena, struct hf_checkpoint *out)
{
	size_t n = hf_wire_count(wire, SETTLED_LEN, HF_MAX_LAST_SECTION / SETTLED_LEN);

	out->settled = hf_arena_alloc(arena, n * sizeof(*out->settled));
	out->n_settled = n;
	for (size_t i = 0; i < n; i++) {
		uint8_t swept;

		parse_id(wire, &out->settled[i].commit);
		parse_id(wire, &out->settled[i].pack);
		swept = hf_wire_u8(wire);
		out->settled[i].swept = swept;
		if (swept > 1)
			hf_wire_fail(wire);
	}
}

static void parse_segment_ref(struct hf_wire *wire, struct hf_segment_ref *out)
{
	uint8_t kind = hf_wire_u8(wire);

	out->kind = (enum hf_segment_kind)kind;
	out->level = hf_wire_u8(wire);
	parse_id(wire, &out->object);
	out->size = hf_wire_var_max(wire, HF_MAX_PACK);
	out->rows = hf_wire_var(wire);
	parse_id(wire, &out->first);
	parse_id(wire, &out->last);
	if (!segment_kind_known(kind) || out->level > MAX_LEVEL || !out->rows ||
		compare_ids(&out->first, &out->last) > 0)
		hf_wire_fail(wire);
}

static void parse_segments(struct hf_wire *wire, struct hf_arena *arena, struct hf_checkpoint *out)
{
	size_t n = hf_wire_count(wire, SEGMENT_REF_LEAST, HF_MAX_SEGMENTS);

	out->segments = hf_arena_alloc(arena, n * sizeof(*out->segments));
	out->n_segments = n;
	for (size_t i = 0; i < n; i++)
		parse_segment_ref(wire, &out->segments[i]);
}

/* Tombstones and kinds 5-11, each behind the origin that says whose it is. */
static bool record_belongs(const struct hf_checkpoint *checkpoint, size_t i)
{
	enum hf_record_kind kind = checkpoint->records[i].kind;
	bool origin_before = i > 0 && checkpoint->records[i - 1].kind == HF_RECORD_ORIGIN;

	if (kind == HF_RECORD_ORIGIN)
		return !origin_before && i + 1 < checkpoint->n_records;
	return origin_before && kind >= HF_RECORD_TOMBSTONE && kind <= HF_RECORD_RESULT;
}

static hf_err parse_records(struct hf_span rest, struct hf_arena *arena, struct hf_checkpoint *out)
{
	HF_TRY(hf_records_parse(rest, arena, &out->records, &out->n_records));
	for (size_t i = 0; i < out->n_records; i++)
		if (!record_belongs(out, i))
			return hf_error_new(HF_CORRUPT,
				"checkpoint: a record of kind %d out of place",
				(int)out->records[i].kind);
	return NULL;
}

hf_err hf_checkpoint_parse(struct hf_span body, struct hf_arena *arena, struct hf_checkpoint *out)
{
	struct hf_wire wire = hf_wire(body);
	struct hf_checkpoint checkpoint = {.slot = hf_wire_u32(&wire)};

	hf_wire_copy(&wire, checkpoint.store, sizeof(checkpoint.store));
	checkpoint.n = hf_wire_u32(&wire);
	parse_id(&wire, &checkpoint.previous);
	checkpoint.cutoff = hf_wire_time(&wire);
	checkpoint.keyring = hf_wire_u32(&wire);
	if (!checkpoint.n || (checkpoint.n == 1) != hf_id_is_zero(&checkpoint.previous))
		hf_wire_fail(&wire);
	parse_settled(&wire, arena, &checkpoint);
	parse_ids(&wire, arena, &checkpoint.swept);
	parse_segments(&wire, arena, &checkpoint);
	if (wire.bad)
		return hf_error_new(HF_CORRUPT, "checkpoint: bad form");
	HF_TRY(parse_records(wire.rest, arena, &checkpoint));
	*out = checkpoint;
	return NULL;
}

/* ---- blocks of chunk rows ---- */

void hf_chunk_rows_print(const struct hf_chunk_row *rows, size_t n, struct hf_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		hf_put_id(out, &rows[i].id);
		hf_put_u32(out, rows[i].pack);
		hf_put_u32(out, rows[i].offset);
		hf_put_u32(out, rows[i].stored);
		hf_put_u32(out, rows[i].plain);
	}
}

static bool chunk_row_possible(const struct hf_chunk_row *row)
{
	return row->plain > 0 && row->plain <= HF_MAX_CHUNK && row->stored > HF_TAG_LEN &&
		row->stored <= row->plain + HF_TAG_LEN && row->offset >= HF_HEADER_LEN &&
		row->offset <= HF_MAX_PACK - row->stored && !hf_id_is_zero(&row->id);
}

static int compare_chunk_rows(const struct hf_chunk_row *a, const struct hf_chunk_row *b)
{
	int by_id = compare_ids(&a->id, &b->id);

	if (by_id)
		return by_id;
	if (a->pack != b->pack)
		return a->pack < b->pack ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

hf_err hf_chunk_rows_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_chunk_row **rows, size_t *n)
{
	struct hf_wire wire = hf_wire(block);
	size_t count = block.len / CHUNK_ROW_LEN;
	struct hf_chunk_row *parsed;

	if (count > HF_SEGMENT_ROWS)
		return hf_error_new(HF_CORRUPT, "chunk rows: %zu in a block", count);
	parsed = hf_arena_alloc(arena, count * sizeof(*parsed));
	for (size_t i = 0; i < count; i++) {
		parse_id(&wire, &parsed[i].id);
		parsed[i].pack = hf_wire_u32(&wire);
		parsed[i].offset = hf_wire_u32(&wire);
		parsed[i].stored = hf_wire_u32(&wire);
		parsed[i].plain = hf_wire_u32(&wire);
		if (!chunk_row_possible(&parsed[i]) ||
			(i && compare_chunk_rows(&parsed[i - 1], &parsed[i]) >= 0))
			hf_wire_fail(&wire);
	}
	HF_TRY(hf_wire_end(&wire, "chunk rows"));
	*rows = parsed;
	*n = count;
	return NULL;
}

/* ---- blocks of pack rows ---- */

void hf_pack_rows_print(const struct hf_pack_row *rows, size_t n, struct hf_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t header[HF_HEADER_LEN];

		hf_header_print(&rows[i].header, header);
		hf_put_id(out, &rows[i].id);
		hf_put_var(out, rows[i].size);
		hf_buf_add(out, header, sizeof(header));
		hf_put_u8(out, (uint8_t)rows[i].tier);
		hf_put_u32(out, rows[i].slot);
		hf_put_time(out, rows[i].seen);
		hf_put_time(out, rows[i].proven);
		hf_put_u8(out, rows[i].depth);
	}
}

static hf_err parse_pack_row(struct hf_wire *wire, struct hf_pack_row *out)
{
	struct hf_span header;
	uint8_t tier;

	parse_id(wire, &out->id);
	out->size = hf_wire_var_max(wire, HF_MAX_PACK);
	header = hf_wire_bytes(wire, HF_HEADER_LEN);
	tier = hf_wire_u8(wire);
	out->tier = (enum hf_tier)tier;
	out->slot = hf_wire_u32(wire);
	out->seen = hf_wire_time(wire);
	out->proven = hf_wire_time(wire);
	out->depth = hf_wire_u8(wire);
	if (tier > HF_DEEP_ARCHIVE || out->depth > 2 || out->size < HF_HEADER_LEN)
		hf_wire_fail(wire);
	if (wire->bad)
		return NULL;
	return hf_error_in(hf_header_parse(header, &out->header), "pack rows");
}

hf_err hf_pack_rows_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_pack_row **rows, size_t *n)
{
	struct hf_wire wire = hf_wire(block);
	size_t most = HF_MIN(block.len / PACK_ROW_LEAST, HF_SEGMENT_ROWS), count = 0;
	struct hf_pack_row *parsed = hf_arena_alloc(arena, most * sizeof(*parsed));

	while (count < most && wire.rest.len && !wire.bad) {
		HF_TRY(parse_pack_row(&wire, &parsed[count]));
		if (count && compare_ids(&parsed[count - 1].id, &parsed[count].id) >= 0)
			hf_wire_fail(&wire);
		count++;
	}
	HF_TRY(hf_wire_end(&wire, "pack rows"));
	*rows = parsed;
	*n = count;
	return NULL;
}

/* ---- a segment's body ---- */

void hf_segment_print(const struct hf_segment *segment, struct hf_buf *out)
{
	hf_put_u8(out, (uint8_t)segment->kind);
	hf_put_var(out, segment->n_blocks);
	for (size_t i = 0; i < segment->n_blocks; i++)
		hf_put_id(out, &segment->first[i]);
	if (segment->kind == HF_SEGMENT_CHUNKS)
		print_ids(&segment->packs, out);
}

hf_err hf_segment_parse(struct hf_span body, struct hf_arena *arena, struct hf_segment *out)
{
	struct hf_wire wire = hf_wire(body);
	uint8_t kind = hf_wire_u8(&wire);
	struct hf_segment segment = {.kind = (enum hf_segment_kind)kind};

	if (!segment_kind_known(kind))
		hf_wire_fail(&wire);
	segment.n_blocks = hf_wire_count(&wire, HF_ID_LEN, HF_MAX_LAST_SECTION / HF_ID_LEN);
	segment.first = parse_n_ids(&wire, arena, segment.n_blocks);
	for (size_t i = 1; i < segment.n_blocks; i++)
		if (compare_ids(&segment.first[i - 1], &segment.first[i]) > 0)
			hf_wire_fail(&wire);
	if (kind == HF_SEGMENT_CHUNKS)
		parse_ids(&wire, arena, &segment.packs);
	HF_TRY(hf_wire_end(&wire, "segment"));
	*out = segment;
	return NULL;
}

void hf_record_key(const struct hf_record *record, struct hf_id *out)
{
	enum hf_record_kind kind = record->kind == HF_RECORD_UNFINISHED ? record->of : record->kind;
	bool journal = kind == HF_RECORD_JOURNAL;
	int64_t time = journal ? record->journal.from : record->snapshot.moment;
	/* Biased, so that times before 1970 sort first as bytes. */
	uint64_t biased = (uint64_t)time ^ (UINT64_C(1) << 63);

	hf_sha256(journal ? record->journal.source : record->snapshot.source, out);
	for (size_t i = 0; i < HF_ID_LEN - SOURCE_KEY_LEN; i++)
		out->bytes[SOURCE_KEY_LEN + i] = (uint8_t)(biased >> (56 - 8 * i));
}
