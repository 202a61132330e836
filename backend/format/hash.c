/*
 * SHA-256 through EVP. A look-up of the algorithm costs more than a small message, so it is made
 * once in a process. HMAC by hand over copied states: EVP_MAC would look SHA-256 up for each new
 * key.
 */
#include "backend/format/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "backend/format/openssl.h"

#define BLOCK_LEN 64

static EVP_MD *algorithm; /* set once, never freed: threads may hash until the process ends */

static void fetch(void)
{
	hf_must_have_openssl();
	algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	hf_must(algorithm != NULL);
}

static const EVP_MD *sha256(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch);
	return algorithm;
}

static EVP_MD_CTX *begin(void)
{
	EVP_MD_CTX *state = EVP_MD_CTX_new();

	hf_must(state && EVP_DigestInit_ex2(state, sha256(), NULL) == 1);
	return state;
}

static void restart(EVP_MD_CTX *state)
{
	hf_must(EVP_DigestInit_ex2(state, sha256(), NULL) == 1);
}

static void add(EVP_MD_CTX *state, const void *at, size_t len)
{
	hf_must(EVP_DigestUpdate(state, at, len) == 1);
}

static void end(EVP_MD_CTX *state, struct hf_id *out)
{
	hf_must(EVP_DigestFinal_ex(state, out->bytes, NULL) == 1);
}

void hf_sha256(struct hf_span bytes, struct hf_id *out)
{
	hf_must(EVP_Digest(bytes.at, bytes.len, out->bytes, NULL, sha256(), NULL) == 1);
}

struct hf_sha256 {
	EVP_MD_CTX *state;
};

struct hf_sha256 *hf_sha256_new(void)
{
	struct hf_sha256 *sha = hf_alloc(sizeof(*sha));

	sha->state = begin();
	return sha;
}

void hf_sha256_add(struct hf_sha256 *sha, struct hf_span bytes)
{
	add(sha->state, bytes.at, bytes.len);
}

void hf_sha256_end(struct hf_sha256 *sha, struct hf_id *out)
{
	end(sha->state, out);
	restart(sha->state);
}

void hf_sha256_free(struct hf_sha256 *sha)
{
	if (!sha)
		return;
	EVP_MD_CTX_free(sha->state);
	free(sha);
}

/* The key, padded with zeros to a block, as RFC 2104 xors it with ipad or opad. */
static void add_padded_key(EVP_MD_CTX *state, const uint8_t key[32], uint8_t pad)
{
	uint8_t block[BLOCK_LEN];

	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < 32; i++)
		block[i] ^= key[i];
	add(state, block, sizeof(block));
	OPENSSL_cleanse(block, sizeof(block));
}

#define INNER_PAD 0x36
#define OUTER_PAD 0x5c

/* Copying a state costs 60 ns less than hashing the key's block again, even with SHA instructions.
 */
struct hf_hmac {
	EVP_MD_CTX *inner, *outer; /* after the key's block */
	EVP_MD_CTX *state;         /* of the message under way */
};

static void copy(EVP_MD_CTX *to, const EVP_MD_CTX *from)
{
	hf_must(EVP_MD_CTX_copy_ex(to, from) == 1);
}

struct hf_hmac *hf_hmac_new(const uint8_t key[32])
{
	struct hf_hmac *hmac = hf_alloc(sizeof(*hmac));

	hmac->inner = begin();
	hmac->outer = begin();
	hmac->state = begin();
	add_padded_key(hmac->inner, key, INNER_PAD);
	add_padded_key(hmac->outer, key, OUTER_PAD);
	copy(hmac->state, hmac->inner);
	return hmac;
}

void hf_hmac_add(struct hf_hmac *hmac, struct hf_span bytes)
{
	add(hmac->state, bytes.at, bytes.len);
}

void hf_hmac_end(struct hf_hmac *hmac, struct hf_id *out)
{
	struct hf_id inner;

	end(hmac->state, &inner);
	copy(hmac->state, hmac->outer);
	add(hmac->state, inner.bytes, sizeof(inner.bytes));
	end(hmac->state, out);
	copy(hmac->state, hmac->inner);
}

/* OpenSSL wipes a digest's state when it frees it. */
void hf_hmac_free(struct hf_hmac *hmac)
{
	if (!hmac)
		return;
	EVP_MD_CTX_free(hmac->inner);
	EVP_MD_CTX_free(hmac->outer);
	EVP_MD_CTX_free(hmac->state);
	free(hmac);
}

void hf_hmac_sha256(const uint8_t key[32], struct hf_span bytes, struct hf_id *out)
{
	EVP_MD_CTX *state = begin();
	struct hf_id inner;

	add_padded_key(state, key, INNER_PAD);
	add(state, bytes.at, bytes.len);
	end(state, &inner);
	restart(state);
	add_padded_key(state, key, OUTER_PAD);
	add(state, inner.bytes, sizeof(inner.bytes));
	end(state, out);
	EVP_MD_CTX_free(state);
}
