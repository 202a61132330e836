#include "backend/format/commit.h"
#include "tests/fuzz/fuzz.h"

static bool parse(struct hf_span bytes, struct hf_arena *arena, struct hf_record *out)
{
	struct hf_wire wire = hf_wire(bytes);

	hf_record_parse(&wire, arena, out);
	return fuzz_good(hf_wire_end(&wire, "record"));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const struct hf_span bytes = hf_span(at, len);
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) first = {0};
	HF_RELEASED(hf_buf) second = {0};
	struct hf_record record;

	if (!parse(bytes, &arena, &record))
		return 0;
	hf_record_print(&record, &first);
	FUZZ_ASSERT(parse(hf_buf_span(&first), &arena, &record));
	hf_record_print(&record, &second);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
	return 0;
}
