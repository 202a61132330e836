#include "backend/format/entry.h"
#include "tests/fuzz/fuzz.h"

/* The bytes are a whole file of blocks. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_block_index index;
	uint32_t index_len;

	if (bytes.len < 4 ||
		!fuzz_good(hf_block_index_len(
			hf_span(bytes.at + bytes.len - 4, 4), bytes.len, &index_len)))
		return 0;
	if (!fuzz_good(hf_dir_index_parse(hf_span(bytes.at + bytes.len - 4 - index_len, index_len),
		    bytes.len, &arena, &index)))
		return 0;
	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];

		FUZZ_ASSERT(block->from < block->to && block->to <= bytes.len - 4 - index_len);
		FUZZ_ASSERT(hf_dir_index_find(&index, block->first_name) == i);
	}
	return 0;
}
