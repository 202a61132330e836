/* Globs: the pattern up to the first NUL, the text behind it. */
#include "backend/base/text.h"
#include "tests/fuzz/fuzz.h"

/* With every byte quoted, a pattern matches the text that it was, and nothing that is longer. */
static void check_quoted(const char *text)
{
	HF_RELEASED(hf_buf) pattern = {0};
	struct hf_span whole = hf_span_str(text);

	for (const char *at = text; *at; at++)
		hf_buf_printf(&pattern, "\\%c", *at);
	FUZZ_ASSERT(hf_glob_match(hf_buf_text(&pattern), whole));
	FUZZ_ASSERT(!hf_glob_match(hf_buf_text(&pattern), hf_span(text, whole.len + 1)));
	FUZZ_ASSERT(hf_glob_match("**", whole));
	FUZZ_ASSERT(hf_glob_match("*", whole) == !strchr(text, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_FREED char *pattern = hf_strndup((const char *)bytes, len);
	size_t rest = HF_MIN(strlen(pattern) + 1, len);
	HF_FREED char *wider = hf_format("%s**", pattern);
	struct hf_span text = hf_span(bytes + rest, len - rest);

	/* pattern × text steps: more than this is only slow */
	if (len > 4096)
		return 0;
	if (hf_glob_match(pattern, text) && rest > 1 && bytes[rest - 2] != '\\')
		FUZZ_ASSERT(hf_glob_match(wider, text) || strchr(pattern, '['));
	check_quoted(pattern);
	return 0;
}
