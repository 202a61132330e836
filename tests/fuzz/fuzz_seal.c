/* Bytes that nobody sealed never unseal and leave nothing; sealed, they come back. */
#include "backend/format/seal.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct hf_key key = {{1, 2, 3}};
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&key);
	const struct hf_span input = hf_span(bytes, len);
	const struct hf_span bound = hf_span(bytes, len % 64 < len ? len % 64 : len);
	const uint64_t place = len % 3 ? len : HF_NONCE_LAST;
	HF_FREED uint8_t *sealed = hf_alloc(len + HF_TAG_LEN);

	memset(sealed, 0xa5, len);
	FUZZ_ASSERT(!fuzz_good(hf_unseal(sealer, place, bound, input, sealed)));
	for (size_t i = 0; i + HF_TAG_LEN < len; i++)
		FUZZ_ASSERT(sealed[i] == 0);

	hf_seal(sealer, place, bound, input, sealed);
	FUZZ_ASSERT(fuzz_good(
		hf_unseal(sealer, place, bound, hf_span(sealed, len + HF_TAG_LEN), sealed)));
	FUZZ_ASSERT(hf_span_equal(hf_span(sealed, len), input));
	return 0;
}
