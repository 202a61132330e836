/* Sizes, hex, and names that are shown. */
#include "backend/base/text.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_buf) shown = {0};
	HF_RELEASED(hf_buf) again = {0};
	HF_FREED char *text = hf_strndup((const char *)bytes, len);
	HF_FREED char *hex = hf_alloc(2 * len + 1);
	HF_FREED uint8_t *back = hf_alloc(len);
	char size_text[HF_SIZE_TEXT];
	uint64_t size;

	hf_text_show(hf_span(bytes, len), &shown);
	hf_text_show(hf_buf_span(&shown), &again);
	FUZZ_ASSERT(hf_utf8_valid(hf_buf_span(&shown)));
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&shown), hf_buf_span(&again)));

	hf_hex(hf_span(bytes, len), hex);
	FUZZ_ASSERT(hf_unhex(hex, 2 * len, back));
	FUZZ_ASSERT(hf_span_equal(hf_span(back, len), hf_span(bytes, len)));

	if (hf_size_parse(text, &size)) {
		FUZZ_ASSERT(size <= UINT64_C(1) << 62);
		FUZZ_ASSERT(hf_size_parse(hf_size_text(size, size_text), &size));
	}
	hf_text_distance(text, "backup");
	return 0;
}
