/* A segment's body, or a block of rows, as the first byte says: what is taken prints to the same.
 */
#include "backend/format/checkpoint.h"
#include "tests/fuzz/fuzz.h"

enum form { SEGMENT, CHUNK_ROWS, PACK_ROWS };

/* Prints what was taken into `again`. */
static bool takes(
	enum form form, struct hf_span bytes, struct hf_arena *arena, struct hf_buf *again)
{
	struct hf_segment segment;
	struct hf_chunk_row *chunks;
	struct hf_pack_row *packs;
	size_t n;

	switch (form) {
	case SEGMENT:
		if (!fuzz_good(hf_segment_parse(bytes, arena, &segment)))
			return false;
		hf_segment_print(&segment, again);
		return true;
	case CHUNK_ROWS:
		if (!fuzz_good(hf_chunk_rows_parse(bytes, arena, &chunks, &n)))
			return false;
		hf_chunk_rows_print(chunks, n, again);
		return true;
	case PACK_ROWS:
		if (!fuzz_good(hf_pack_rows_parse(bytes, arena, &packs, &n)))
			return false;
		hf_pack_rows_print(packs, n, again);
		return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) again = {0};

	if (len > 0 &&
		takes((enum form)(bytes[0] % 3), hf_span(bytes + 1, len - 1), &arena, &again))
		FUZZ_ASSERT(hf_span_equal(hf_buf_span(&again), hf_span(bytes + 1, len - 1)));
	return 0;
}
