/* The cursor over bytes from outside, and the printers of the same forms. */
#include "backend/format/wire.h"

#include <assert.h>

#include "backend/base/time.h"
#include "backend/format/limits.h"

#define VAR_BITS 63
#define VAR_LIMIT (UINT64_C(1) << VAR_BITS)

void hf_wire_fail(struct hf_wire *wire)
{
	wire->bad = true;
	wire->rest.len = 0; /* so that no later read needs to look at `bad` */
}

struct hf_span hf_wire_bytes(struct hf_wire *wire, size_t len)
{
	const struct hf_span taken = hf_span(wire->rest.at, len);

	if (len > wire->rest.len) {
		hf_wire_fail(wire);
		return hf_span(NULL, 0);
	}
	if (len == 0)
		return taken;
	wire->rest.at += len;
	wire->rest.len -= len;
	return taken;
}

void hf_wire_copy(struct hf_wire *wire, void *at, size_t len)
{
	const struct hf_span taken = hf_wire_bytes(wire, len);

	if (taken.len)
		memcpy(at, taken.at, taken.len);
	else if (len)
		memset(at, 0, len);
}

static uint64_t read_little(struct hf_wire *wire, size_t len)
{
	const struct hf_span taken = hf_wire_bytes(wire, len);
	uint64_t value = 0;

	for (size_t i = taken.len; i > 0; i--)
		value = value << 8 | taken.at[i - 1];
	return value;
}

uint8_t hf_wire_u8(struct hf_wire *wire)
{
	return (uint8_t)read_little(wire, 1);
}

uint16_t hf_wire_u16(struct hf_wire *wire)
{
	return (uint16_t)read_little(wire, 2);
}

uint32_t hf_wire_u32(struct hf_wire *wire)
{
	return (uint32_t)read_little(wire, 4);
}

uint64_t hf_wire_u64(struct hf_wire *wire)
{
	return read_little(wire, 8);
}

/* 63 bits are nine bytes of seven, so a tenth byte is always too much. */
uint64_t hf_wire_var(struct hf_wire *wire)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < VAR_BITS; shift += 7) {
		const uint8_t byte = hf_wire_u8(wire);

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte == 0 && shift > 0) /* not the shortest form, or cut off */
			break;
		return value;
	}
	hf_wire_fail(wire);
	return 0;
}

int64_t hf_wire_svar(struct hf_wire *wire)
{
	const uint64_t zigzag = hf_wire_var(wire);
	const int64_t half = (int64_t)(zigzag >> 1);

	return zigzag & 1 ? -half - 1 : half;
}

uint64_t hf_wire_var_max(struct hf_wire *wire, uint64_t max)
{
	const uint64_t value = hf_wire_var(wire);

	if (value <= max)
		return value;
	hf_wire_fail(wire);
	return 0;
}

size_t hf_wire_count(struct hf_wire *wire, size_t item_size, size_t max)
{
	const uint64_t n = hf_wire_var_max(wire, max);

	assert(item_size > 0);
	if (n <= wire->rest.len / item_size)
		return (size_t)n;
	hf_wire_fail(wire);
	return 0;
}

struct hf_span hf_wire_sized(struct hf_wire *wire, size_t max)
{
	return hf_wire_bytes(wire, hf_wire_count(wire, 1, max));
}

struct hf_span hf_wire_str(struct hf_wire *wire, size_t max)
{
	const struct hf_span text = hf_wire_sized(wire, max);

	if (text.len == 0 || !memchr(text.at, 0, text.len))
		return text;
	hf_wire_fail(wire);
	return hf_span(NULL, 0);
}

int64_t hf_wire_time(struct hf_wire *wire)
{
	const int64_t seconds = hf_wire_svar(wire);
	const uint64_t ns = hf_wire_var_max(wire, HF_NS_PER_S - 1);

	if (wire->bad || seconds < -HF_MAX_TIME_S || seconds >= HF_MAX_TIME_S) {
		hf_wire_fail(wire);
		return 0;
	}
	return seconds * HF_NS_PER_S + (int64_t)ns;
}

hf_err hf_wire_end(const struct hf_wire *wire, const char *what)
{
	if (wire->bad)
		return hf_error_new(HF_CORRUPT, "%s: malformed", what);
	if (wire->rest.len)
		return hf_error_new(HF_CORRUPT, "%s: %zu bytes too many", what, wire->rest.len);
	return NULL;
}

static void put_little(struct hf_buf *out, uint64_t value, size_t len)
{
	uint8_t *at = hf_buf_grow(out, len);

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

void hf_put_u8(struct hf_buf *out, uint8_t value)
{
	put_little(out, value, 1);
}

void hf_put_u16(struct hf_buf *out, uint16_t value)
{
	put_little(out, value, 2);
}

void hf_put_u32(struct hf_buf *out, uint32_t value)
{
	put_little(out, value, 4);
}

void hf_put_u64(struct hf_buf *out, uint64_t value)
{
	put_little(out, value, 8);
}

size_t hf_var_len(uint64_t value)
{
	size_t len = 1;

	while (value >>= 7)
		len++;
	return len;
}

void hf_put_var(struct hf_buf *out, uint64_t value)
{
	const size_t len = hf_var_len(value);
	uint8_t *at = hf_buf_grow(out, len);

	assert(value < VAR_LIMIT);
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)((value >> 7 * i & 0x7f) | (i + 1 < len ? 0x80 : 0));
}

void hf_put_svar(struct hf_buf *out, int64_t value)
{
	const uint64_t twice = (uint64_t)value << 1;

	hf_put_var(out, value < 0 ? ~twice : twice);
}

void hf_put_sized(struct hf_buf *out, struct hf_span bytes)
{
	hf_put_var(out, bytes.len);
	hf_buf_add_span(out, bytes);
}

/* A file system knows times that the format does not: the nearest, or nobody could read it back. */
void hf_put_time(struct hf_buf *out, int64_t time)
{
	const int64_t first = -HF_MAX_TIME_S * HF_NS_PER_S;
	const int64_t near = HF_MAX(first, HF_MIN(time, -first - 1));
	const int64_t ns = (near % HF_NS_PER_S + HF_NS_PER_S) % HF_NS_PER_S;

	hf_put_svar(out, (near - ns) / HF_NS_PER_S);
	hf_put_var(out, (uint64_t)ns);
}

void hf_put_id(struct hf_buf *out, const struct hf_id *id)
{
	hf_buf_add(out, id->bytes, HF_ID_LEN);
}
