/* The body of a commit's last section. */
#include "backend/format/commit.h"

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/record.h"

void hf_snapshot_id(struct hf_span body, uint8_t out[HF_SNAPSHOT_ID_LEN])
{
	struct hf_id digest;

	hf_sha256(body, &digest);
	memcpy(out, digest.bytes, HF_SNAPSHOT_ID_LEN);
}

void hf_snapshot_record_id(const struct hf_record *record, uint8_t out[HF_SNAPSHOT_ID_LEN])
{
	HF_RELEASED(hf_buf) printed = {0};

	hf_record_print(record, &printed);
	struct hf_wire wire = hf_wire(hf_buf_span(&printed));

	hf_wire_var(&wire);
	hf_snapshot_id(hf_wire_sized(&wire, printed.len), out);
}

void hf_commit_print(const struct hf_commit *commit, struct hf_buf *out)
{
	hf_put_u32(out, commit->slot);
	hf_put_time(out, commit->time);
	hf_buf_add(out, commit->store, HF_STORE_ID_LEN);
	hf_put_u32(out, commit->keyring);
	hf_put_u32(out, commit->checkpoint);
	hf_put_id(out, &commit->checkpoint_id);
	for (size_t i = 0; i < commit->n_records; i++)
		hf_record_print(&commit->records[i], out);
}

/* A record is some bytes here and some hundred in memory, so they are counted before there is room
 * for them. */
static size_t count_records(struct hf_wire wire)
{
	struct hf_span body;
	size_t n = 0;

	while (wire.rest.len && !wire.bad) {
		hf_record_frame(&wire, &body);
		n++;
	}
	return wire.bad ? SIZE_MAX : n;
}

static void parse_records(
	struct hf_wire *wire, struct hf_arena *arena, struct hf_record **records, size_t *n)
{
	*records = NULL;
	*n = count_records(*wire);
	if (*n > HF_MAX_RECORDS) {
		*n = 0;
		hf_wire_fail(wire);
		return;
	}
	*records = hf_arena_alloc(arena, *n * sizeof(**records));
	for (size_t i = 0; i < *n; i++)
		hf_record_parse(wire, arena, &(*records)[i]);
}

hf_err hf_records_parse(
	struct hf_span body, struct hf_arena *arena, struct hf_record **records, size_t *n)
{
	struct hf_wire wire = hf_wire(body);

	parse_records(&wire, arena, records, n);
	return hf_wire_end(&wire, "records");
}

void hf_restated_print(
	const struct hf_restated *restated, struct hf_span printed, struct hf_buf *out)
{
	hf_put_u32(out, restated->slot);
	hf_buf_add(out, restated->store, HF_STORE_ID_LEN);
	hf_buf_add_span(out, printed);
}

hf_err hf_restated_parse(struct hf_span body, struct hf_arena *arena, struct hf_restated *out)
{
	struct hf_wire wire = hf_wire(body);

	out->slot = hf_wire_u32(&wire);
	hf_wire_copy(&wire, out->store, HF_STORE_ID_LEN);
	parse_records(&wire, arena, &out->records, &out->n);
	return hf_wire_end(&wire, "pack");
}

hf_err hf_commit_parse(struct hf_span body, struct hf_arena *arena, struct hf_commit *out)
{
	struct hf_wire wire = hf_wire(body);

	out->slot = hf_wire_u32(&wire);
	out->time = hf_wire_time(&wire);
	hf_wire_copy(&wire, out->store, HF_STORE_ID_LEN);
	out->keyring = hf_wire_u32(&wire);
	out->checkpoint = hf_wire_u32(&wire);
	hf_wire_copy(&wire, out->checkpoint_id.bytes, HF_ID_LEN);
	if (out->time % HF_NS_PER_S)
		hf_wire_fail(&wire);
	parse_records(&wire, arena, &out->records, &out->n_records);
	return hf_wire_end(&wire, "commit");
}
