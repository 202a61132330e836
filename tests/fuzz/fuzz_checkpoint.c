/* A checkpoint's body: what is taken prints to the same bytes. */
#include "backend/format/checkpoint.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) again = {0};
	struct hf_span body = hf_span(bytes, len);
	struct hf_checkpoint checkpoint;

	if (!fuzz_good(hf_checkpoint_parse(body, &arena, &checkpoint)))
		return 0;
	hf_checkpoint_print(&checkpoint, &again);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&again), body));
	return 0;
}
