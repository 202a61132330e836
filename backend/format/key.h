/*
 * Secrets and what is derived from them, by OpenSSL: scrypt, HKDF, X25519, Ed25519, randomness.
 * Secret values are wiped by their cleanup, compared in constant time, never printed.
 */
#ifndef HF_FORMAT_KEY_H
#define HF_FORMAT_KEY_H

#include "backend/base/buf.h"
#include "backend/base/error.h"
#include "backend/base/id.h"

#define HF_KEY_LEN 32
#define HF_REPO_ID_LEN 16
#define HF_SIGNATURE_LEN 64

/* A 32-byte secret. HF_RELEASED(hf_key) wipes it. */
struct hf_key {
	uint8_t bytes[HF_KEY_LEN];
};
void hf_key_release(struct hf_key *key);
void hf_wipe(void *at, size_t len);
bool hf_equal_secret(const void *a, const void *b, size_t len); /* constant time */

/* Secret bytes of any length (a passphrase, a key file), wiped when released. */
struct hf_secret {
	uint8_t *at;
	size_t len;
};
void hf_secret_set(struct hf_secret *secret, struct hf_span bytes); /* copies */
void hf_secret_release(struct hf_secret *secret);

/* Fresh randomness. Tests may seed it, so that two runs give the same bytes (never in the program).
 */
void hf_random(void *at, size_t len);
void hf_random_seed(const uint8_t seed[32]); /* NULL: back to the system's */

/*
 * HKDF-SHA-256(salt = repository id, ikm, info = "holdfast 1 " label 00 context) → len bytes (≤
 * 2048).
 */
struct hf_derive {
	const uint8_t *repository; /* HF_REPO_ID_LEN */
	const char *label;
	struct hf_span ikm, context;
};
void hf_derive(const struct hf_derive *derive, void *out, size_t len);

/* 64 bytes of scrypt. HF_INVALID outside the limits of limits.h. */
struct hf_scrypt {
	uint32_t log2n, r, p;
};
hf_err hf_scrypt(const struct hf_scrypt *cost, struct hf_span passphrase, struct hf_span salt,
	uint8_t out[64]);

void hf_x25519_public(const struct hf_key *secret, uint8_t out[32]);
/* HF_CORRUPT when the agreement is all zero (a bad point). */
hf_err hf_x25519(const struct hf_key *secret, const uint8_t point[32], struct hf_key *out);

void hf_ed25519_public(const struct hf_key *seed, uint8_t out[32]);
void hf_ed25519_sign(
	const struct hf_key *seed, struct hf_span message, uint8_t out[HF_SIGNATURE_LEN]);
bool hf_ed25519_verify(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN]);

#endif
