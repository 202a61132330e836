/*
 * Records: kind, length, body. Each kind is one line of the table at the end: how its body is
 * printed and how it is read, beside each other, so that the two can be compared.
 */
#include "backend/format/record.h"

/* ---- what several kinds have ---- */

static void put_ids(struct hf_buf *out, const struct hf_ids *ids)
{
	hf_put_var(out, ids->n);
	for (size_t i = 0; i < ids->n; i++)
		hf_put_id(out, &ids->at[i]);
}

static void get_ids(struct hf_wire *wire, struct hf_arena *arena, struct hf_ids *out)
{
	out->n = hf_wire_count(wire, HF_ID_LEN, UINT32_MAX);
	out->at = hf_arena_alloc(arena, out->n * HF_ID_LEN);
	hf_wire_copy(wire, out->at, out->n * HF_ID_LEN);
}

static void put_strs(struct hf_buf *out, const struct hf_span *strs, size_t n)
{
	hf_put_var(out, n);
	for (size_t i = 0; i < n; i++)
		hf_put_sized(out, strs[i]);
}

static struct hf_span *get_strs(struct hf_wire *wire, struct hf_arena *arena, size_t max, size_t *n)
{
	struct hf_span *strs;

	*n = hf_wire_count(wire, 2, HF_MAX_SNAPSHOT);
	strs = hf_arena_alloc(arena, *n * sizeof(*strs));
	for (size_t i = 0; i < *n; i++) {
		strs[i] = hf_wire_str(wire, max);
		if (strs[i].len == 0)
			hf_wire_fail(wire);
	}
	return strs;
}

static void put_pairs(struct hf_buf *out, const struct hf_pairs *pairs)
{
	hf_put_var(out, pairs->n);
	for (size_t i = 0; i < pairs->n; i++) {
		hf_put_sized(out, pairs->at[i].key);
		hf_put_sized(out, pairs->at[i].value);
	}
}

struct pairs_limits {
	size_t n, key, value;
	bool text; /* values are text too */
};

static void get_pairs(struct hf_wire *wire, struct hf_arena *arena,
	const struct pairs_limits *limits, struct hf_pairs *out)
{
	out->n = hf_wire_count(wire, 2, limits->n);
	out->at = hf_arena_alloc(arena, out->n * sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++) {
		struct hf_pair *pair = &out->at[i];

		pair->key = hf_wire_str(wire, limits->key);
		pair->value = limits->text ? hf_wire_str(wire, limits->value)
					   : hf_wire_sized(wire, limits->value);
		if (pair->key.len == 0 || (i && hf_span_compare(pair[-1].key, pair->key) >= 0))
			hf_wire_fail(wire);
	}
}

static const struct pairs_limits label_limits = {
	HF_MAX_LABELS, HF_MAX_LABEL_KEY, HF_MAX_LABEL_VALUE, true};
static const struct pairs_limits value_limits = {
	HF_MAX_VALUES, HF_MAX_VALUE_KEY, HF_MAX_VALUE, false};

static struct hf_span get_source(struct hf_wire *wire)
{
	const struct hf_span source = hf_wire_str(wire, HF_MAX_SOURCE);

	if (!hf_source_valid(source))
		hf_wire_fail(wire);
	return source;
}

static int64_t get_duration(struct hf_wire *wire)
{
	return (int64_t)hf_wire_var(wire);
}

/* A u8 between two numbers. */
static uint8_t get_choice(struct hf_wire *wire, uint8_t least, uint8_t most)
{
	const uint8_t choice = hf_wire_u8(wire);

	if (choice < least || choice > most)
		hf_wire_fail(wire);
	return choice;
}

/* Of a file in meta, where holes are none. */
static void get_meta(struct hf_wire *wire, struct hf_arena *arena, struct hf_extents *out)
{
	hf_extents_parse(wire, arena, out);
	if (hf_extents_problem(out, false))
		hf_wire_fail(wire);
}

/* ---- packs ---- */

static void put_pack(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_pack_record *pack = &record->pack;
	uint8_t header[HF_HEADER_LEN];

	hf_put_id(out, &pack->id);
	hf_put_var(out, pack->size);
	hf_header_print(&pack->header, header);
	hf_buf_add(out, header, sizeof(header));
	hf_table_print(&pack->table, out);
}

/* An unknown feature here is damage: a commit that names such a pack needs the feature itself. */
static bool get_header(struct hf_wire *wire, struct hf_header *out)
{
	struct hf_error *err = hf_header_parse(hf_wire_bytes(wire, HF_HEADER_LEN), out);

	if (!err)
		return out->kind == HF_CONTENT_PACK || out->kind == HF_META_PACK;
	hf_error_free(err); /* the record is malformed, and that is said */
	return false;
}

static void get_pack(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_pack_record *pack = &out->pack;
	HF_RELEASED(hf_table) table = {0};
	uint64_t end = HF_HEADER_LEN;

	hf_wire_copy(wire, pack->id.bytes, HF_ID_LEN);
	pack->size = hf_wire_var_max(wire, HF_MAX_PACK);
	if (wire->rest.len < HF_HEADER_LEN || !get_header(wire, &pack->header)) {
		hf_wire_fail(wire);
		return;
	}
	hf_table_parse(wire, HF_HEADER_LEN, &table);
	for (size_t i = 0; i < table.n; i++)
		end += table.rows[i].stored;
	if (wire->bad || end > pack->size) {
		hf_wire_fail(wire);
		return;
	}
	pack->table.n = table.n;
	pack->table.rows = hf_arena_copy(arena, table.rows, table.n * sizeof(*table.rows));
}

static void put_relies(const struct hf_record *record, struct hf_buf *out)
{
	put_ids(out, &record->relies.packs);
	hf_extents_print(&record->relies.file, out);
}

static void get_relies(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	get_ids(wire, arena, &out->relies.packs);
	get_meta(wire, arena, &out->relies.file);
}

/* ---- what a backup adds ---- */

static void put_snapshot(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_snapshot *snapshot = &record->snapshot;

	hf_buf_add(out, snapshot->run, HF_RUN_LEN);
	hf_put_sized(out, snapshot->source);
	hf_put_time(out, snapshot->moment);
	hf_put_time(out, snapshot->started);
	hf_put_time(out, snapshot->ended);
	hf_put_sized(out, snapshot->root);
	hf_put_var(out, snapshot->files);
	hf_put_var(out, snapshot->bytes);
	hf_put_var(out, snapshot->entries);
	hf_put_var(out, snapshot->failed);
	hf_put_sized(out, snapshot->host);
	hf_put_sized(out, snapshot->user);
	put_strs(out, snapshot->paths, snapshot->n_paths);
	put_pairs(out, &snapshot->labels);
	hf_put_var(out, (uint64_t)snapshot->ttl);
	hf_buf_add(out, snapshot->parent, HF_SNAPSHOT_ID_LEN);
	hf_extents_print(&snapshot->reopen, out);
	put_pairs(out, &snapshot->values);
}

/* Looked at here already, so that no snapshot is shown whose root can't be. */
static struct hf_span get_root(struct hf_wire *wire)
{
	const struct hf_span root = hf_wire_sized(wire, HF_MAX_SNAPSHOT);
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry entry;
	struct hf_error *err = hf_entry_parse_alone(root, &arena, &entry);

	if (err)
		hf_wire_fail(wire);
	hf_error_free(err); /* the record is malformed, and that is said */
	return root;
}

static void get_snapshot(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_snapshot *snapshot = &out->snapshot;

	hf_wire_copy(wire, snapshot->run, HF_RUN_LEN);
	snapshot->source = get_source(wire);
	snapshot->moment = hf_wire_time(wire);
	snapshot->started = hf_wire_time(wire);
	snapshot->ended = hf_wire_time(wire);
	snapshot->root = get_root(wire);
	snapshot->files = hf_wire_var(wire);
	snapshot->bytes = hf_wire_var(wire);
	snapshot->entries = hf_wire_var(wire);
	snapshot->failed = hf_wire_var(wire);
	snapshot->host = hf_wire_str(wire, HF_MAX_TEXT);
	snapshot->user = hf_wire_str(wire, HF_MAX_TEXT);
	snapshot->paths = get_strs(wire, arena, HF_MAX_TEXT, &snapshot->n_paths);
	get_pairs(wire, arena, &label_limits, &snapshot->labels);
	snapshot->ttl = get_duration(wire);
	hf_wire_copy(wire, snapshot->parent, HF_SNAPSHOT_ID_LEN);
	get_meta(wire, arena, &snapshot->reopen);
	get_pairs(wire, arena, &value_limits, &snapshot->values);
}

static void put_journal(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_journal *journal = &record->journal;

	hf_put_sized(out, journal->source);
	hf_put_sized(out, journal->name);
	hf_put_time(out, journal->from);
	hf_put_time(out, journal->to);
	hf_put_var(out, journal->size);
	hf_put_u8(out, journal->extents_file);
	hf_extents_print(&journal->extents, out);
	put_pairs(out, &journal->values);
}

static void get_journal(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_journal *journal = &out->journal;

	journal->source = get_source(wire);
	journal->name = hf_wire_str(wire, HF_MAX_NAME);
	if (journal->name.len == 0)
		hf_wire_fail(wire);
	journal->from = hf_wire_time(wire);
	journal->to = hf_wire_time(wire);
	journal->size = hf_wire_var_max(wire, HF_MAX_EXTENT);
	journal->extents_file = get_choice(wire, 0, 1);
	if (journal->extents_file) {
		get_meta(wire, arena, &journal->extents);
		if (journal->extents.n == 0 || journal->size == 0)
			hf_wire_fail(wire);
	} else {
		hf_extents_parse(wire, arena, &journal->extents);
		if (hf_extents_length(&journal->extents) != journal->size)
			hf_wire_fail(wire);
	}
	get_pairs(wire, arena, &value_limits, &journal->values);
}

static void put_unfinished(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_u8(out, (uint8_t)record->of);
	if (record->of == HF_RECORD_JOURNAL)
		put_journal(record, out);
	else
		put_snapshot(record, out);
}

static void get_unfinished(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	out->of = (enum hf_record_kind)hf_wire_u8(wire);
	if (out->of == HF_RECORD_SNAPSHOT)
		get_snapshot(wire, arena, out);
	else if (out->of == HF_RECORD_JOURNAL)
		get_journal(wire, arena, out);
	else
		hf_wire_fail(wire);
}

static void put_substitute(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_substitute *substitute = &record->substitute;

	hf_put_id(out, &substitute->lost);
	hf_put_var(out, substitute->offset);
	hf_put_var(out, substitute->length);
	hf_extents_print(&substitute->extents, out);
}

static void get_substitute(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_substitute *substitute = &out->substitute;

	hf_wire_copy(wire, substitute->lost.bytes, HF_ID_LEN);
	substitute->offset = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK);
	substitute->length = (uint32_t)hf_wire_var_max(wire, HF_MAX_CHUNK - substitute->offset);
	hf_extents_parse(wire, arena, &substitute->extents);
	if (substitute->length == 0 ||
		hf_extents_length(&substitute->extents) != substitute->length)
		hf_wire_fail(wire);
}

/* ---- what a maintainer says ---- */

static void put_tombstone(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_tombstone *tombstone = &record->tombstone;

	hf_put_var(out, tombstone->n_snapshots);
	hf_buf_add(out, tombstone->snapshots, tombstone->n_snapshots * HF_SNAPSHOT_ID_LEN);
	hf_put_sized(out, tombstone->source);
	put_strs(out, tombstone->names, tombstone->n_names);
}

/* One that names nothing, or names of no source, would be taken for more than it says. */
static void get_tombstone(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_tombstone *tombstone = &out->tombstone;
	size_t len;

	tombstone->n_snapshots = hf_wire_count(wire, HF_SNAPSHOT_ID_LEN, UINT32_MAX);
	len = tombstone->n_snapshots * HF_SNAPSHOT_ID_LEN;
	tombstone->snapshots = hf_arena_alloc(arena, len);
	hf_wire_copy(wire, tombstone->snapshots, len);
	tombstone->source = hf_wire_str(wire, HF_MAX_SOURCE);
	tombstone->names = get_strs(wire, arena, HF_MAX_NAME, &tombstone->n_names);
	if (tombstone->source.len == 0 ? tombstone->n_names || !tombstone->n_snapshots
				       : !hf_source_valid(tombstone->source))
		hf_wire_fail(wire);
}

static void put_announce(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_time(out, record->announce.cutoff);
	put_ids(out, &record->announce.packs);
	put_ids(out, &record->announce.supplied);
}

static void get_announce(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	out->announce.cutoff = hf_wire_time(wire);
	get_ids(wire, arena, &out->announce.packs);
	get_ids(wire, arena, &out->announce.supplied);
}

static void put_tiering(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_u8(out, (uint8_t)record->tiering.tier);
	put_ids(out, &record->tiering.packs);
}

static void get_tiering(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	out->tiering.tier = (enum hf_tier)get_choice(wire, HF_HOT, HF_DEEP_ARCHIVE);
	get_ids(wire, arena, &out->tiering.packs);
}

static void put_origin(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_id(out, &record->origin.commit);
	hf_put_u32(out, record->origin.slot);
	hf_put_time(out, record->origin.seen);
}

static void get_origin(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	(void)arena;
	hf_wire_copy(wire, out->origin.commit.bytes, HF_ID_LEN);
	out->origin.slot = hf_wire_u32(wire);
	out->origin.seen = hf_wire_time(wire);
}

/* ---- what a reader found ---- */

static void put_wanted(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_id(out, &record->wanted.chunk);
	hf_put_id(out, &record->wanted.pack);
}

static void get_wanted(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	(void)arena;
	hf_wire_copy(wire, out->wanted.chunk.bytes, HF_ID_LEN);
	hf_wire_copy(wire, out->wanted.pack.bytes, HF_ID_LEN);
}

static void put_proven(const struct hf_record *record, struct hf_buf *out)
{
	hf_put_time(out, record->proven.time);
	hf_put_u8(out, record->proven.depth);
	put_ids(out, &record->proven.packs);
}

static void get_proven(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	out->proven.time = hf_wire_time(wire);
	out->proven.depth = get_choice(wire, 1, 2);
	get_ids(wire, arena, &out->proven.packs);
}

static void put_result(const struct hf_record *record, struct hf_buf *out)
{
	const struct hf_result *result = &record->result;

	hf_put_u8(out, result->kind);
	hf_put_sized(out, result->source);
	hf_put_time(out, result->moment);
	hf_put_time(out, result->started);
	hf_put_var(out, (uint64_t)result->took);
	hf_put_var(out, (uint64_t)result->objective);
	hf_put_u8(out, result->outcome);
	hf_put_sized(out, result->text);
}

static void get_result(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_result *result = &out->result;

	(void)arena;
	result->kind = get_choice(wire, 1, 2);
	result->source = get_source(wire);
	result->moment = hf_wire_time(wire);
	result->started = hf_wire_time(wire);
	result->took = get_duration(wire);
	result->objective = get_duration(wire);
	result->outcome = get_choice(wire, 0, 1);
	result->text = hf_wire_str(wire, HF_MAX_TEXT);
}

/* ---- the whole form ---- */

static const struct form {
	void (*put)(const struct hf_record *record, struct hf_buf *out);
	void (*get)(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out);
} forms[] = {
	[HF_RECORD_PACK] = {put_pack, get_pack},
	[HF_RECORD_SNAPSHOT] = {put_snapshot, get_snapshot},
	[HF_RECORD_UNFINISHED] = {put_unfinished, get_unfinished},
	[HF_RECORD_JOURNAL] = {put_journal, get_journal},
	[HF_RECORD_TOMBSTONE] = {put_tombstone, get_tombstone},
	[HF_RECORD_ANNOUNCE] = {put_announce, get_announce},
	[HF_RECORD_WANTED] = {put_wanted, get_wanted},
	[HF_RECORD_SUBSTITUTE] = {put_substitute, get_substitute},
	[HF_RECORD_PROVEN] = {put_proven, get_proven},
	[HF_RECORD_TIER] = {put_tiering, get_tiering},
	[HF_RECORD_RESULT] = {put_result, get_result},
	[HF_RECORD_ORIGIN] = {put_origin, get_origin},
	[HF_RECORD_RELIES] = {put_relies, get_relies},
};

void hf_record_print(const struct hf_record *record, struct hf_buf *out)
{
	HF_RELEASED(hf_buf) body = {0};

	forms[record->kind].put(record, &body);
	hf_put_var(out, record->kind);
	hf_put_sized(out, hf_buf_span(&body));
}

static size_t most_of(uint64_t kind)
{
	switch (kind) {
	case HF_RECORD_PACK:
		return HF_MAX_PACK_RECORD;
	case HF_RECORD_SNAPSHOT:
	case HF_RECORD_UNFINISHED:
		return HF_MAX_SNAPSHOT;
	default:
		return HF_MAX_RECORD;
	}
}

enum hf_record_kind hf_record_frame(struct hf_wire *wire, struct hf_span *body)
{
	const uint64_t kind = hf_wire_var_max(wire, ARRAY_LEN(forms) - 1);

	*body = hf_wire_sized(wire, most_of(kind));
	if (kind == 0)
		hf_wire_fail(wire);
	return (enum hf_record_kind)kind;
}

hf_err hf_record_parse_body(enum hf_record_kind kind, struct hf_span body, struct hf_arena *arena,
	struct hf_record *out)
{
	struct hf_wire wire = hf_wire(body);

	if (kind == 0 || kind >= ARRAY_LEN(forms) || body.len > most_of(kind))
		return hf_error_new(HF_CORRUPT, "no record is of kind %u and so long", kind);
	*out = (struct hf_record){.kind = kind, .body = body};
	forms[kind].get(&wire, arena, out);
	return hf_wire_end(&wire, "record");
}

void hf_record_parse(struct hf_wire *wire, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_span body;
	const enum hf_record_kind kind = hf_record_frame(wire, &body);
	struct hf_error *err;

	*out = (struct hf_record){0};
	if (wire->bad)
		return;
	err = hf_record_parse_body(kind, body, arena, out);
	if (err)
		hf_wire_fail(wire);
	hf_error_free(err); /* the wire's owner tells */
}

hf_err hf_record_check(struct hf_span printed)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_wire wire = hf_wire(printed);
	struct hf_record record;

	hf_record_parse(&wire, &arena, &record);
	if (!wire.bad && wire.rest.len == 0)
		return NULL;
	return hf_error_new(HF_INVALID,
		"a record of %zu bytes breaks a limit of the format; hint: fewer or shorter "
		"labels, "
		"paths and values",
		printed.len);
}
