#include "backend/base/text.h"
#include "backend/format/commit.h"
#include "tests/fuzz/fuzz.h"

/* A source's name is a path of the mount, and is shown as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_buf) shown = {0};

	if (!hf_source_valid(bytes))
		return 0;
	FUZZ_ASSERT(bytes.len <= HF_MAX_SOURCE && bytes.at[0] != '/');
	hf_text_show(bytes, &shown);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&shown), bytes));
	return 0;
}
