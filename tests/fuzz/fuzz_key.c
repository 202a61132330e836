/* A point, a signature and a message from anybody: an answer, and no key of zeros. */
#include "backend/format/key.h"
#include "backend/format/wire.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct hf_key secret = {{1, 2, 3}}, zero = {{0}};
	struct hf_wire wire = hf_wire(hf_span(bytes, len));
	uint8_t point[32], signature[HF_SIGNATURE_LEN];
	struct hf_key agreed;

	hf_wire_copy(&wire, point, sizeof(point));
	hf_wire_copy(&wire, signature, sizeof(signature));
	FUZZ_ASSERT(fuzz_good(hf_x25519(&secret, point, &agreed)) ==
		!hf_equal_secret(agreed.bytes, zero.bytes, sizeof(zero.bytes)));
	hf_ed25519_verify(point, wire.rest, signature);
	return 0;
}
