#include "backend/format/commit.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) first = {0};
	HF_RELEASED(hf_buf) second = {0};
	struct hf_commit commit;

	if (!fuzz_good(hf_commit_parse(bytes, &arena, &commit)))
		return 0;
	hf_commit_print(&commit, &first);
	FUZZ_ASSERT(fuzz_good(hf_commit_parse(hf_buf_span(&first), &arena, &commit)));
	hf_commit_print(&commit, &second);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
	return 0;
}
