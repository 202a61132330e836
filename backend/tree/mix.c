#include "backend/tree/mix.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t fold(uint64_t state, uint64_t word)
{
	state = (state ^ word) * (GOLDEN | 1);
	return state ^ (state >> 32);
}

uint64_t hf_mix_bytes(uint64_t seed, struct hf_span bytes)
{
	uint64_t a = seed, b = seed ^ GOLDEN, word = 0;
	const uint8_t *at = bytes.at;
	size_t left = bytes.len;

	for (; left >= 16; left -= 16, at += 16) {
		uint64_t words[2];

		memcpy(words, at, 16);
		a = fold(a + GOLDEN, words[0]);
		b = fold(b + GOLDEN, words[1]);
	}
	for (size_t i = 0; i < left; i++) {
		word = word << 8 | at[i];
		if (i == 7) {
			a = fold(a + GOLDEN, word);
			word = 0;
		}
	}
	return hf_mix(fold(a, hf_mix(b ^ word)) ^ bytes.len);
}

void hf_mix_key(uint64_t a, uint64_t b, struct hf_id *out)
{
	uint64_t words[4];

	words[0] = hf_mix(a + GOLDEN);
	words[1] = hf_mix(b ^ words[0]);
	words[2] = hf_mix(words[1] + GOLDEN);
	words[3] = hf_mix(words[2] + GOLDEN);
	memcpy(out->bytes, words, sizeof(words));
}
