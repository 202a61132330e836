/* Times and durations: what is read is shown in every form, and read back as the same. */
#include "backend/base/buf.h"
#include "backend/base/time.h"
#include "tests/fuzz/fuzz.h"

/* hf_time_parse() takes only texts that the caller chose: refusing is fine. */
static bool accepted(struct hf_error *err)
{
	bool fine = !err;

	hf_error_free(err);
	return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const int64_t now = INT64_C(1795560600) * HF_NS_PER_S;
	HF_FREED char *text = hf_strndup((const char *)bytes, len);
	char shown[HF_TIME_TEXT];
	int64_t time, back;
	bool relative;

	if (accepted(hf_time_parse(text, now, &time, &relative))) {
		hf_time_name(time, true, shown);
		FUZZ_ASSERT(accepted(hf_time_parse(shown, now, &back, NULL)) && back == time);
		hf_time_rfc3339(time, shown);
		FUZZ_ASSERT(accepted(hf_time_parse(shown, now, &back, &relative)) && back == time);
		FUZZ_ASSERT(!relative);
	}
	if (accepted(hf_time_parse_compact((const char *)bytes, len, &time))) {
		hf_time_compact(time, shown);
		FUZZ_ASSERT(accepted(hf_time_parse_compact(shown, strlen(shown), &back)));
		FUZZ_ASSERT(back == time);
	}
	if (accepted(hf_duration_parse(text, &time)))
		FUZZ_ASSERT(time >= 0 && hf_duration_text(time, shown));
	return 0;
}
