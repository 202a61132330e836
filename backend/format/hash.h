/*
 * SHA-256 and HMAC-SHA-256, by OpenSSL; whole and streaming. A keyed state is made once and copied
 * for each message.
 */
#ifndef HF_FORMAT_HASH_H
#define HF_FORMAT_HASH_H

#include "backend/base/buf.h"
#include "backend/base/id.h"

void hf_sha256(struct hf_span bytes, struct hf_id *out);

struct hf_sha256;
struct hf_sha256 *hf_sha256_new(void);
void hf_sha256_add(struct hf_sha256 *sha, struct hf_span bytes);
void hf_sha256_end(struct hf_sha256 *sha, struct hf_id *out); /* and ready for the next message */
void hf_sha256_free(struct hf_sha256 *sha);
HF_OWNABLE(hf_sha256)

/* A streaming HMAC under one 32-byte key; one thread at a time, any number of messages. */
struct hf_hmac;
struct hf_hmac *hf_hmac_new(const uint8_t key[32]);
void hf_hmac_add(struct hf_hmac *hmac, struct hf_span bytes);
void hf_hmac_end(struct hf_hmac *hmac, struct hf_id *out); /* and ready for the next message */
void hf_hmac_free(struct hf_hmac *hmac);                   /* wipes the key */
HF_OWNABLE(hf_hmac)
/* One message: a chunk's id. Any thread. */
void hf_hmac_sha256(const uint8_t key[32], struct hf_span bytes, struct hf_id *out);

#endif
