#include "backend/format/entry.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) first = {0};
	HF_RELEASED(hf_buf) second = {0};
	struct hf_extents extents;
	uint64_t length;

	if (!fuzz_good(hf_extents_block_parse(bytes, &arena, &extents)))
		return 0;
	length = hf_extents_length(&extents);
	hf_extents_print(&extents, &first);
	FUZZ_ASSERT(fuzz_good(hf_extents_block_parse(hf_buf_span(&first), &arena, &extents)));
	FUZZ_ASSERT(hf_extents_length(&extents) == length);
	hf_extents_print(&extents, &second);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
	return 0;
}
