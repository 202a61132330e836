/* A count, as many kinds of reads, then the bytes that are read: what was read prints the same. */
#include "backend/format/wire.h"
#include "tests/fuzz/fuzz.h"

#define MAX_READS 64
#define LARGEST 1000

static void copy_sized(struct hf_wire *wire, struct hf_buf *out, bool text)
{
	const struct hf_span bytes =
		text ? hf_wire_str(wire, LARGEST) : hf_wire_sized(wire, LARGEST);

	FUZZ_ASSERT(bytes.len <= LARGEST);
	FUZZ_ASSERT(!text || bytes.len == 0 || !memchr(bytes.at, 0, bytes.len));
	hf_put_sized(out, bytes);
}

static void copy_counted(struct hf_wire *wire, struct hf_buf *out)
{
	const size_t n = hf_wire_count(wire, 3, LARGEST);

	FUZZ_ASSERT(n <= LARGEST && n <= wire->rest.len / 3);
	hf_put_var(out, n);
	hf_buf_add_span(out, hf_wire_bytes(wire, 3 * n));
}

static void copy_id(struct hf_wire *wire, struct hf_buf *out)
{
	struct hf_id id;

	hf_wire_copy(wire, &id, sizeof(id));
	FUZZ_ASSERT(!wire->bad || hf_id_is_zero(&id));
	hf_put_id(out, &id);
}

static void copy_one(struct hf_wire *wire, struct hf_buf *out, uint8_t kind)
{
	switch (kind % 11) {
	case 0:
		hf_put_u8(out, hf_wire_u8(wire));
		break;
	case 1:
		hf_put_u16(out, hf_wire_u16(wire));
		break;
	case 2:
		hf_put_u32(out, hf_wire_u32(wire));
		break;
	case 3:
		hf_put_u64(out, hf_wire_u64(wire));
		break;
	case 4:
		hf_put_var(out, hf_wire_var(wire));
		break;
	case 5:
		hf_put_svar(out, hf_wire_svar(wire));
		break;
	case 6:
		hf_put_time(out, hf_wire_time(wire));
		break;
	case 7:
		copy_sized(wire, out, false);
		break;
	case 8:
		copy_sized(wire, out, true);
		break;
	case 9:
		copy_counted(wire, out);
		break;
	case 10:
		copy_id(wire, out);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	HF_RELEASED(hf_buf) out = {0};
	struct hf_wire script = hf_wire(hf_span(bytes, len)), wire;
	const struct hf_span kinds = hf_wire_sized(&script, MAX_READS), input = script.rest;

	wire = hf_wire(input);
	for (size_t i = 0; i < kinds.len && !wire.bad; i++)
		copy_one(&wire, &out, kinds.at[i]);
	if (wire.bad) {
		FUZZ_ASSERT(!fuzz_good(hf_wire_end(&wire, "input")));
		FUZZ_ASSERT(wire.rest.len == 0 && hf_wire_u64(&wire) == 0);
		return 0;
	}
	FUZZ_ASSERT(out.len == input.len - wire.rest.len);
	FUZZ_ASSERT(hf_span_equal(hf_buf_span(&out), hf_span(input.at, out.len)));
	FUZZ_ASSERT(fuzz_good(hf_wire_end(&wire, "input")) == (wire.rest.len == 0));
	return 0;
}
