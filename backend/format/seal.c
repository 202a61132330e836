/* AES-256-GCM through EVP: the key's schedule is made once, each call sets the nonce only. */
#include "backend/format/seal.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "backend/format/openssl.h"

#define NONCE_LEN 12

struct hf_sealer {
	EVP_CIPHER_CTX *context;
};

struct hf_sealer *hf_sealer_new(const struct hf_key *key)
{
	struct hf_sealer *sealer = hf_alloc(sizeof(*sealer));
	EVP_CIPHER *algorithm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);

	sealer->context = EVP_CIPHER_CTX_new();
	hf_must(algorithm && sealer->context);
	hf_must(EVP_EncryptInit_ex2(sealer->context, algorithm, key->bytes, NULL, NULL) == 1);
	EVP_CIPHER_free(algorithm); /* the context holds its own reference */
	return sealer;
}

/* OpenSSL wipes the key's schedule when it frees it. */
void hf_sealer_free(struct hf_sealer *sealer)
{
	if (!sealer)
		return;
	EVP_CIPHER_CTX_free(sealer->context);
	free(sealer);
}

static void print_nonce(uint64_t place, uint8_t nonce[NONCE_LEN])
{
	memset(nonce, place == HF_NONCE_LAST ? 0xff : 0, NONCE_LEN);
	for (size_t i = 0; i < sizeof(place); i++)
		nonce[NONCE_LEN - 1 - i] = (uint8_t)(place >> 8 * i);
}

/* EVP counts in int. What Holdfast seals has bounds far below (limits.h). */
static int length(struct hf_span bytes)
{
	assert(bytes.len <= INT_MAX);
	return (int)bytes.len;
}

void hf_seal(struct hf_sealer *sealer, uint64_t place, struct hf_span bound, struct hf_span plain,
	uint8_t *to)
{
	EVP_CIPHER_CTX *context = sealer->context;
	uint8_t nonce[NONCE_LEN];
	int done = 0;

	print_nonce(place, nonce);
	hf_must(EVP_EncryptInit_ex2(context, NULL, NULL, nonce, NULL) == 1);
	if (bound.len)
		hf_must(EVP_EncryptUpdate(context, NULL, &done, bound.at, length(bound)) == 1);
	if (plain.len)
		hf_must(EVP_EncryptUpdate(context, to, &done, plain.at, length(plain)) == 1);
	hf_must(EVP_EncryptFinal_ex(context, to + plain.len, &done) == 1);
	hf_must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, HF_TAG_LEN, to + plain.len) ==
		1);
}

hf_err hf_unseal(struct hf_sealer *sealer, uint64_t place, struct hf_span bound,
	struct hf_span sealed, uint8_t *to)
{
	EVP_CIPHER_CTX *context = sealer->context;
	uint8_t nonce[NONCE_LEN], tag[HF_TAG_LEN];
	struct hf_span text;
	int done = 0;

	if (sealed.len < HF_TAG_LEN)
		return hf_error_new(HF_CORRUPT, "shorter than a tag");
	text = hf_span(sealed.at, sealed.len - HF_TAG_LEN);
	memcpy(tag, sealed.at + text.len, sizeof(tag));
	print_nonce(place, nonce);
	hf_must(EVP_DecryptInit_ex2(context, NULL, NULL, nonce, NULL) == 1);
	hf_must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, HF_TAG_LEN, tag) == 1);
	if (bound.len)
		hf_must(EVP_DecryptUpdate(context, NULL, &done, bound.at, length(bound)) == 1);
	if (text.len)
		hf_must(EVP_DecryptUpdate(context, to, &done, text.at, length(text)) == 1);
	if (EVP_DecryptFinal_ex(context, tag, &done) == 1) /* writes nothing in this mode */
		return NULL;
	ERR_clear_error();
	hf_wipe(to, text.len);
	return hf_error_new(HF_CORRUPT, "tag mismatch");
}
