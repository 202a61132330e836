/*
 * A container as it is (nothing but noise gets there), and one with this last section. What is
 * taken has a table that prints to the same bytes; chunks that nobody sealed are not opened.
 */
#include "backend/format/container.h"
#include "backend/format/zip.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/section.h"

#define CHUNKS_TRIED 8u

static void check_chunks(
	struct hf_span object, const struct hf_epoch_keys *keys, const struct hf_last *last)
{
	HF_RELEASED(hf_object_keys) object_keys = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	HF_OWNED(hf_zip) zip = hf_zip_new();

	FUZZ_ASSERT(fuzz_good(hf_object_keys_derive(&last->header, keys, &object_keys)));
	sealer = hf_sealer_new(&object_keys.chunks);
	for (size_t i = 0; i < HF_MIN(last->table.n, CHUNKS_TRIED); i++) {
		const struct hf_row *row = &last->table.rows[i];
		const struct hf_chunk_place place = {keys->repository, object.at, row};
		HF_RELEASED(hf_buf) sealed = {0};
		HF_RELEASED(hf_buf) plain = {0};

		FUZZ_ASSERT(row->offset + (uint64_t)row->stored <= last->chunks_end);
		hf_buf_add(&sealed, object.at + row->offset, row->stored);
		FUZZ_ASSERT(!fuzz_good(hf_chunk_open(
			sealer, zip, &place, &sealed, hf_buf_grow(&plain, row->plain))));
	}
}

static void check_object(struct hf_span object, struct hf_span section)
{
	struct hf_epoch_keys keys = hf_test_section_keys();
	HF_RELEASED(hf_last) last = {0};
	HF_RELEASED(hf_buf) table = {0};

	if (!fuzz_good(hf_last_open(object, &keys, &last)))
		return;
	hf_table_print(&last.table, &table);
	FUZZ_ASSERT(table.len + last.body.len <= section.len);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&table), hf_span(section.at, table.len)));
	check_chunks(object, &keys, &last);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_buf) object = {0};
	struct hf_span section;

	check_object(hf_span(bytes, len), hf_span(bytes, len));
	section = hf_test_section_seal(hf_span(bytes, len), &object);
	check_object(hf_buf_span(&object), section);
	return 0;
}
