/* Secrets: derivation, agreement and signatures through EVP, randomness and its seeded twin. */
#include "backend/format/key.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/openssl.h"

#define SCRYPT_LEN 64

void hf_wipe(void *at, size_t len)
{
	if (len)
		OPENSSL_cleanse(at, len);
}

bool hf_equal_secret(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void hf_key_release(struct hf_key *key)
{
	hf_wipe(key->bytes, sizeof(key->bytes));
}

void hf_secret_set(struct hf_secret *secret, struct hf_span bytes)
{
	uint8_t *copy = hf_alloc(bytes.len);

	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	hf_secret_release(secret); /* after the copy: bytes may be a part of it */
	secret->at = copy;
	secret->len = bytes.len;
}

void hf_secret_release(struct hf_secret *secret)
{
	hf_wipe(secret->at, secret->len);
	free(secret->at);
	secret->at = NULL;
	secret->len = 0;
}

/* The seeded twin: HMAC-SHA-256 of a counter under the seed. */
static struct {
	atomic_bool on;
	pthread_mutex_t lock; /* guards everything below */
	uint8_t seed[32];
	uint64_t blocks;
} twin = {.lock = PTHREAD_MUTEX_INITIALIZER};

void hf_random_seed(const uint8_t seed[32])
{
	pthread_mutex_lock(&twin.lock);
	if (seed)
		memcpy(twin.seed, seed, sizeof(twin.seed));
	twin.blocks = 0;
	atomic_store(&twin.on, seed != NULL);
	pthread_mutex_unlock(&twin.lock);
}

static void fill_from_twin(uint8_t *at, size_t len)
{
	pthread_mutex_lock(&twin.lock);
	for (size_t done = 0; done < len; done += HF_ID_LEN) {
		struct hf_id block;

		hf_hmac_sha256(twin.seed, hf_span(&twin.blocks, sizeof(twin.blocks)), &block);
		memcpy(at + done, block.bytes, HF_MIN(len - done, (size_t)HF_ID_LEN));
		twin.blocks++;
	}
	pthread_mutex_unlock(&twin.lock);
}

void hf_random(void *at, size_t len)
{
	assert(len <= INT_MAX);
	if (atomic_load(&twin.on)) {
		fill_from_twin(at, len);
		return;
	}
	hf_must_have_openssl();
	hf_must(RAND_bytes(at, (int)len) == 1);
}

/* Looked up once: each object derives several keys. It stays until the process ends. */
static EVP_KDF *hkdf;

static void find_hkdf(void)
{
	hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	hf_must(hkdf != NULL);
}

static EVP_KDF_CTX *begin_hkdf(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	hf_must(pthread_once(&once, find_hkdf) == 0);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);

	hf_must(context != NULL);
	return context;
}

/* OpenSSL takes inputs as pointers to what it doesn't write, and no NULL. */
static OSSL_PARAM octets(const char *name, struct hf_span bytes)
{
	return OSSL_PARAM_construct_octet_string(
		name, bytes.len ? (void *)(uintptr_t)bytes.at : (void *)(uintptr_t) "", bytes.len);
}

void hf_derive(const struct hf_derive *derive, void *out, size_t len)
{
	HF_RELEASED(hf_buf) info = {0};
	char digest[] = "SHA256";
	EVP_KDF_CTX *context = begin_hkdf();

	assert(derive->ikm.len > 0 && len <= 2048);
	hf_buf_printf(&info, "holdfast 1 %s", derive->label);
	hf_buf_add(&info, "", 1);
	hf_buf_add_span(&info, derive->context);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets(OSSL_KDF_PARAM_SALT, hf_span(derive->repository, HF_REPO_ID_LEN)),
		octets(OSSL_KDF_PARAM_KEY, derive->ikm),
		octets(OSSL_KDF_PARAM_INFO, hf_buf_span(&info)),
		OSSL_PARAM_construct_end(),
	};
	hf_must(EVP_KDF_derive(context, out, len, params) == 1);
	EVP_KDF_CTX_free(context);
}

static bool within_limits(const struct hf_scrypt *cost)
{
	return cost->log2n >= HF_MIN_SCRYPT_LOG2N && cost->log2n <= HF_MAX_SCRYPT_LOG2N &&
		cost->r == HF_SCRYPT_R && cost->p >= 1 && cost->p <= HF_MAX_SCRYPT_P;
}

hf_err hf_scrypt(const struct hf_scrypt *cost, struct hf_span passphrase, struct hf_span salt,
	uint8_t out[SCRYPT_LEN])
{
	uint64_t n = UINT64_C(1) << (cost->log2n & 63), memory;
	uint32_t r = cost->r, p = cost->p;
	EVP_KDF *kdf;
	EVP_KDF_CTX *context;
	bool derived;

	if (!within_limits(cost))
		return hf_error_new(HF_INVALID, "scrypt costs 2^%u, %u, %u are not allowed",
			cost->log2n, cost->r, cost->p);
	memory = 128 * (uint64_t)r * (n + p + 2); /* what RFC 7914 works in */
	const OSSL_PARAM params[] = {
		octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
		octets(OSSL_KDF_PARAM_SALT, salt),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
	context = EVP_KDF_CTX_new(kdf);
	hf_must(context != NULL);
	EVP_KDF_free(kdf); /* the context holds its own reference */
	derived = EVP_KDF_derive(context, out, SCRYPT_LEN, params) == 1;
	EVP_KDF_CTX_free(context);
	if (derived)
		return NULL;
	ERR_clear_error();
	return hf_error_new(HF_LOCAL, "scrypt needs %zu MiB of memory", (size_t)(memory >> 20));
}

static EVP_PKEY *secret_key(const char *type, const struct hf_key *secret)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(
		NULL, type, NULL, secret->bytes, sizeof(secret->bytes));

	hf_must(key != NULL);
	return key;
}

static EVP_PKEY *public_key_of(const char *type, const uint8_t bytes[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, bytes, 32);

	hf_must(key != NULL);
	return key;
}

static void print_public(const char *type, const struct hf_key *secret, uint8_t out[32])
{
	EVP_PKEY *key = secret_key(type, secret);
	size_t len = 32;

	hf_must(EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == 32);
	EVP_PKEY_free(key);
}

void hf_x25519_public(const struct hf_key *secret, uint8_t out[32])
{
	print_public("X25519", secret, out);
}

hf_err hf_x25519(const struct hf_key *secret, const uint8_t point[32], struct hf_key *out)
{
	EVP_PKEY *own = secret_key("X25519", secret), *peer = public_key_of("X25519", point);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	size_t len = sizeof(out->bytes);
	bool agreed;

	hf_must(context && EVP_PKEY_derive_init(context) == 1);
	hf_must(EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1);
	agreed = EVP_PKEY_derive(context, out->bytes, &len) == 1; /* fails on all zeros */
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(own);
	if (agreed)
		return NULL;
	ERR_clear_error();
	hf_key_release(out);
	return hf_error_new(HF_CORRUPT, "a public value that agrees on nothing");
}

void hf_ed25519_public(const struct hf_key *seed, uint8_t out[32])
{
	print_public("ED25519", seed, out);
}

void hf_ed25519_sign(
	const struct hf_key *seed, struct hf_span message, uint8_t out[HF_SIGNATURE_LEN])
{
	EVP_PKEY *key = secret_key("ED25519", seed);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = HF_SIGNATURE_LEN;

	hf_must(context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
	hf_must(EVP_DigestSign(context, out, &len, message.at, message.len) == 1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static bool verify_once(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN])
{
	EVP_PKEY *key = public_key_of("ED25519", public_key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good;

	hf_must(context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1);
	good = EVP_DigestVerify(context, signature, HF_SIGNATURE_LEN, message.at, message.len) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return good;
}

/* RFC 8032, 7.1, test 1. */
static bool knows_a_good_one(void)
{
	static const uint8_t public_key[32] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5,
		0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23,
		0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	static const uint8_t signature[HF_SIGNATURE_LEN] = {0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60,
		0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a, 0x84, 0x87, 0x7f, 0x1e,
		0xb8, 0xe5, 0xd9, 0x74, 0xd8, 0x73, 0xe0, 0x65, 0x22, 0x49, 0x01, 0x55, 0x5f, 0xb8,
		0x82, 0x15, 0x90, 0xa3, 0x3b, 0xac, 0xc6, 0x1e, 0x39, 0x70, 0x1c, 0xf9, 0xb4, 0x6b,
		0xd2, 0x5b, 0xf5, 0xf0, 0x59, 0x5b, 0xbe, 0x24, 0x65, 0x51, 0x41, 0x43, 0x8e, 0x7a,
		0x10, 0x0b};

	return verify_once(public_key, hf_span_str(""), signature);
}

/*
 * OpenSSL calls a signature false where it lacks memory, too, and does not always say so: what is
 * false must be so twice, while a good one is seen to be good.
 */
bool hf_ed25519_verify(const uint8_t public_key[32], struct hf_span message,
	const uint8_t signature[HF_SIGNATURE_LEN])
{
	const bool good = verify_once(public_key, message, signature) ||
		verify_once(public_key, message, signature);

	hf_must(good || knows_a_good_one());
	return good;
}
