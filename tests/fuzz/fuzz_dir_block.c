#include "backend/format/entry.h"
#include "tests/fuzz/fuzz.h"

static void print(const struct hf_entry *entries, size_t n, struct hf_buf *out)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();

	for (size_t i = 0; i < n; i++)
		FUZZ_ASSERT(fuzz_good(hf_dir_builder_add(builder, &entries[i])));
	hf_dir_builder_finish(builder, out);
}

static int take_alone(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_entry entry;

	if (!fuzz_good(hf_entry_parse_alone(bytes, &arena, &entry)))
		return 0;
	hf_entry_print_alone(&entry, &out);
	FUZZ_ASSERT(fuzz_good(hf_entry_parse_alone(hf_buf_span(&out), &arena, &entry)));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) first = {0};
	HF_RELEASED(hf_buf) second = {0};
	struct hf_entry *entries;
	struct hf_block_index index;
	uint32_t index_len;
	size_t n, n_again;

	if (!fuzz_good(hf_dir_block_parse(bytes, &arena, &entries, &n)))
		return take_alone(bytes);
	print(entries, n, &first);
	FUZZ_ASSERT(fuzz_good(
		hf_block_index_len(hf_span(first.at + first.len - 4, 4), first.len, &index_len)));
	FUZZ_ASSERT(fuzz_good(
		hf_dir_index_parse(hf_span(first.at + first.len - 4 - index_len, index_len),
			first.len, &arena, &index)));
	if (index.n > 1)
		return 0;
	FUZZ_ASSERT(fuzz_good(hf_dir_block_parse(
		hf_span(first.at, index.blocks[0].to), &arena, &entries, &n_again)));
	print(entries, n_again, &second);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
	return 0;
}
