/* Four bytes that choose a cutter, then content: lengths keep their bounds, and come out the same
 * when less of the content is there, or are not told yet. */
#include "backend/format/cut.h"
#include "backend/format/wire.h"
#include "tests/fuzz/fuzz.h"

static void make_gear(struct hf_gear *gear)
{
	uint64_t state = 1;

	for (size_t i = 0; i < ARRAY_LEN(gear->table); i++) {
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		gear->table[i] = state ^ state >> 29;
	}
}

static void check_part(
	const struct hf_cutter *cutter, struct hf_span content, size_t there, size_t len)
{
	const size_t told = hf_cutter_next(cutter, hf_span(content.at, there), false);

	FUZZ_ASSERT(told == 0 || told == len);
	FUZZ_ASSERT(told == len || there < cutter->max);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct hf_wire wire = hf_wire(hf_span(bytes, len));
	struct hf_gear gear;
	struct hf_cutter cutter = {.gear = hf_wire_u8(&wire) % 4 ? &gear : NULL};
	struct hf_span content;

	make_gear(&gear);
	cutter.normal = UINT32_C(1) << (3 + hf_wire_u8(&wire) % 10);
	cutter.min = 1 + hf_wire_u8(&wire) % (cutter.normal - 1);
	cutter.max = cutter.normal + 1 + hf_wire_u8(&wire) * 16;
	content = wire.rest;
	while (content.len) {
		const size_t n = hf_cutter_next(&cutter, content, true);

		FUZZ_ASSERT(n >= 1 && n <= content.len && n <= cutter.max);
		FUZZ_ASSERT(n == content.len || n >= cutter.min);
		check_part(&cutter, content, n, n);
		check_part(&cutter, content, n - 1, n);
		check_part(&cutter, content, HF_MIN(content.len, n + 1), n);
		content = hf_span(content.at + n, content.len - n);
	}
	return 0;
}
