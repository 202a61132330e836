#include "backend/format/entry.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_buf) again = {0};
	struct hf_page_map map;

	if (!fuzz_good(hf_page_map_parse(bytes, &map)))
		return 0;
	hf_page_map_print(&map, &again);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&again), bytes));
	return 0;
}
