/* Hashes for tables and for choices: fast, not secret. Pure. */
#ifndef HF_TREE_MIX_H
#define HF_TREE_MIX_H

#include "backend/base/buf.h"
#include "backend/base/id.h"

/* A bijection in which every bit depends on every bit (splitmix64's). */
static inline uint64_t hf_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Of bytes, about 4 GB/s. */
uint64_t hf_mix_bytes(uint64_t seed, struct hf_span bytes);
/* A key of a hf_map for the pair (a, b); different pairs have different keys. */
void hf_mix_key(uint64_t a, uint64_t b, struct hf_id *out);

#endif
