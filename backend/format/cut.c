/*
 * The rule, for a content of bytes b[0], b[1], … that begins where the last chunk ended:
 *
 *     fp(n) = gear[b[n-1]] + 2 gear[b[n-2]] + 4 gear[b[n-3]] + …     64 bytes back, modulo 2^64
 *
 *     0 ........ min ................ normal ................ max
 *                 |  log2(normal) + 2   |  log2(normal) - 2    |     high bits of fp(n) that
 *                 |  must be zero       |  must be zero        |     end the chunk at n
 *
 * The first n from min on that fits is the length; max ends it at last. The hash begins 64 bytes
 * before min, so that every n is judged by the 64 bytes before it and by nothing that depends on
 * where the chunk began: after an insertion the old cuts are found again as soon as they can be.
 *
 * One table, eight steps unrolled: 3.2 GB/s where a plain loop has 1.5. Two or four lanes that hash
 * apart were slower (1.1 to 2.1), and a step of two bytes with a second table loses the highest
 * bit, where the masks lie.
 */
#include "backend/format/cut.h"

#include <assert.h>

#define WINDOW 64
#define NORMALIZATION 2

void hf_gear_init(struct hf_gear *gear, const uint8_t bytes[HF_GEAR_LEN])
{
	for (size_t i = 0; i < ARRAY_LEN(gear->table); i++) {
		uint64_t value = 0;

		for (size_t j = 8; j > 0; j--)
			value = value << 8 | bytes[8 * i + j - 1];
		gear->table[i] = value;
	}
}

struct scan {
	const uint64_t *table;
	const uint8_t *at;
	size_t n; /* bytes looked at */
	uint64_t fp;
};

#define STEPS 8

/* Looks on until n is `to`, or true: n is the first where fp is below the limit. */
static bool find(struct scan *scan, size_t to, uint64_t limit)
{
	const uint64_t *table = scan->table;
	const uint8_t *at = scan->at;
	uint64_t fp = scan->fp;
	size_t n = scan->n;

	for (; n + STEPS <= to; n += STEPS) {
#pragma GCC unroll 8
		for (size_t i = 0; i < STEPS; i++) {
			fp = (fp << 1) + table[at[n + i]];
			if (__builtin_expect(fp < limit, 0)) {
				scan->n = n + i + 1;
				return true;
			}
		}
	}
	for (; n < to; n++) {
		fp = (fp << 1) + table[at[n]];
		if (fp < limit) {
			scan->n = n + 1;
			return true;
		}
	}
	scan->fp = fp;
	scan->n = n;
	return false;
}

static uint64_t limit_of(unsigned zero_bits)
{
	return UINT64_C(1) << (64 - zero_bits);
}

static size_t next_by_content(const struct hf_cutter *cutter, struct hf_span bytes, bool last)
{
	const size_t end = HF_MIN(bytes.len, (size_t)cutter->max);
	const unsigned bits = (unsigned)__builtin_ctz(cutter->normal);
	struct scan scan = {.table = cutter->gear->table, .at = bytes.at};

	if (bytes.len < cutter->min)
		return last ? bytes.len : 0;
	scan.n = cutter->min > WINDOW ? cutter->min - WINDOW : 0;
	find(&scan, cutter->min - 1, 0); /* nothing is below 0 */
	if (find(&scan, HF_MIN(end, (size_t)cutter->normal - 1), limit_of(bits + NORMALIZATION)))
		return scan.n;
	if (find(&scan, end, limit_of(bits - NORMALIZATION)))
		return scan.n;
	return last || end == cutter->max ? end : 0;
}

size_t hf_cutter_next(const struct hf_cutter *cutter, struct hf_span bytes, bool last)
{
	assert(cutter->min >= 1 && cutter->min < cutter->normal && cutter->normal < cutter->max);
	assert(cutter->normal >= 8 && (cutter->normal & (cutter->normal - 1)) == 0);
	if (cutter->gear)
		return next_by_content(cutter, bytes, last);
	if (bytes.len >= cutter->normal)
		return cutter->normal;
	return last ? bytes.len : 0;
}
