/* A plain length (u32), then bytes that are taken as a frame and as plain bytes. */
#include "backend/format/limits.h"
#include "backend/format/wire.h"
#include "backend/format/zip.h"
#include "tests/fuzz/fuzz.h"

static void round_trip(struct hf_zip *zip, struct hf_span plain)
{
	HF_RELEASED(hf_buf) frame = {0};
	HF_FREED uint8_t *back = hf_alloc(plain.len);

	if (!hf_zip_pack(zip, 1, plain, &frame)) {
		FUZZ_ASSERT(frame.len == 0);
		return;
	}
	FUZZ_ASSERT(frame.len < plain.len);
	FUZZ_ASSERT(fuzz_good(hf_zip_unpack(zip, hf_buf_span(&frame), back, plain.len)));
	FUZZ_ASSERT(hf_span_equal(hf_span(back, plain.len), plain));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_OWNED(hf_zip) zip = hf_zip_new();
	struct hf_wire wire = hf_wire(hf_span(bytes, len));
	const uint32_t plain_len = hf_wire_u32(&wire);
	HF_FREED uint8_t *to = hf_alloc(HF_MIN(plain_len, HF_MAX_CHUNK)); /* exact: ASan looks on */

	if (fuzz_good(hf_zip_unpack(zip, wire.rest, to, plain_len)))
		round_trip(zip, hf_span(to, plain_len));
	if (wire.rest.len <= HF_MAX_CHUNK)
		round_trip(zip, wire.rest);
	return 0;
}
