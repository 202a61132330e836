/*
 * Bytes from outside, read straight through and judged once: after a bad read every read gives 0
 * (or an empty span) and hf_wire_end() fails. Lengths are compared with what is left, never added
 * first. The printers are the same forms in the other direction.
 */
#ifndef HF_FORMAT_WIRE_H
#define HF_FORMAT_WIRE_H

#include "backend/base/buf.h"
#include "backend/base/error.h"
#include "backend/base/id.h"

struct hf_wire {
	struct hf_span rest;
	bool bad;
};

static inline struct hf_wire hf_wire(struct hf_span bytes)
{
	return (struct hf_wire){.rest = bytes};
}

uint8_t hf_wire_u8(struct hf_wire *wire);
uint16_t hf_wire_u16(struct hf_wire *wire); /* little-endian, as all */
uint32_t hf_wire_u32(struct hf_wire *wire);
uint64_t hf_wire_u64(struct hf_wire *wire);
uint64_t hf_wire_var(struct hf_wire *wire); /* LEB128, shortest form only, below 2^63 */
int64_t hf_wire_svar(struct hf_wire *wire); /* zigzag */
/* A var that must be at most max. */
uint64_t hf_wire_var_max(struct hf_wire *wire, uint64_t max);
struct hf_span hf_wire_bytes(struct hf_wire *wire, size_t len); /* borrowed from the input */
void hf_wire_copy(struct hf_wire *wire, void *at, size_t len);  /* zeros when bad */
struct hf_span hf_wire_sized(struct hf_wire *wire, size_t max); /* var length, bytes */
struct hf_span hf_wire_str(struct hf_wire *wire, size_t max);   /* the same, no NUL inside */
int64_t hf_wire_time(struct hf_wire *wire);                     /* svar s, var ns < 10^9 → ns */
void hf_wire_fail(struct hf_wire *wire);
/* A count of things of at least item_size bytes each: bad if they can't all be in what is left. */
size_t hf_wire_count(struct hf_wire *wire, size_t item_size, size_t max);
/* HF_CORRUPT unless all was good and used up. what: "commit", "directory block". */
hf_err hf_wire_end(const struct hf_wire *wire, const char *what);

void hf_put_u8(struct hf_buf *out, uint8_t value);
void hf_put_u16(struct hf_buf *out, uint16_t value);
void hf_put_u32(struct hf_buf *out, uint32_t value);
void hf_put_u64(struct hf_buf *out, uint64_t value);
void hf_put_var(struct hf_buf *out, uint64_t value);
void hf_put_svar(struct hf_buf *out, int64_t value);
void hf_put_sized(struct hf_buf *out, struct hf_span bytes);
void hf_put_time(struct hf_buf *out, int64_t time);
void hf_put_id(struct hf_buf *out, const struct hf_id *id);
size_t hf_var_len(uint64_t value); /* bytes that put_var writes */

#endif
