/*
 * Zeros at the beginning of a piece are only counted: should the piece turn out to have other
 * bytes, they are added then, behind its number. So a piece of zeros leaves no trace but in the
 * size, whether it came as bytes or as a hole.
 */
#include "backend/tree/fingerprint.h"

#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/tree/content.h"

#define PIECE (1u << 20)

struct hf_fingerprint {
	struct hf_hmac *hmac;
	uint64_t size;  /* so far */
	uint32_t zeros; /* of the piece, while it has had nothing else */
	bool begun;     /* the piece's number was added */
};

static const uint8_t no_bytes[4096];

struct hf_fingerprint *hf_fingerprint_new(const struct hf_key *secret)
{
	struct hf_fingerprint *fingerprint = hf_calloc(1, sizeof(*fingerprint));

	fingerprint->hmac = hf_hmac_new(secret->bytes);
	return fingerprint;
}

void hf_fingerprint_free(struct hf_fingerprint *fingerprint)
{
	if (!fingerprint)
		return;
	hf_hmac_free(fingerprint->hmac);
	free(fingerprint);
}

static void add_number(struct hf_fingerprint *fingerprint, uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	hf_hmac_add(fingerprint->hmac, hf_span(bytes, sizeof(bytes)));
}

static void add_zeros(struct hf_fingerprint *fingerprint, size_t len)
{
	while (len > 0) {
		const size_t some = HF_MIN(len, sizeof(no_bytes));

		hf_hmac_add(fingerprint->hmac, hf_span(no_bytes, some));
		len -= some;
	}
}

static bool all_zero(struct hf_span bytes)
{
	if (bytes.len == 0 || bytes.at[0] != 0)
		return bytes.len == 0;
	return memcmp(bytes.at, bytes.at + 1, bytes.len - 1) == 0;
}

static void went_on(struct hf_fingerprint *fingerprint, uint64_t len)
{
	fingerprint->size += len;
	if (fingerprint->size % PIECE == 0) {
		fingerprint->zeros = 0;
		fingerprint->begun = false;
	}
}

/* bytes: within one piece. */
static void add_part(struct hf_fingerprint *fingerprint, struct hf_span bytes)
{
	if (!fingerprint->begun && all_zero(bytes)) {
		fingerprint->zeros += (uint32_t)bytes.len;
		went_on(fingerprint, bytes.len);
		return;
	}
	if (!fingerprint->begun) {
		add_number(fingerprint, fingerprint->size / PIECE);
		add_zeros(fingerprint, fingerprint->zeros);
		fingerprint->begun = true;
	}
	hf_hmac_add(fingerprint->hmac, bytes);
	went_on(fingerprint, bytes.len);
}

static uint64_t left_of_piece(const struct hf_fingerprint *fingerprint)
{
	return PIECE - fingerprint->size % PIECE;
}

void hf_fingerprint_add(struct hf_fingerprint *fingerprint, struct hf_span bytes)
{
	while (bytes.len > 0) {
		const size_t some = (size_t)HF_MIN(bytes.len, left_of_piece(fingerprint));

		add_part(fingerprint, hf_span(bytes.at, some));
		bytes = hf_span(bytes.at + some, bytes.len - some);
	}
}

void hf_fingerprint_skip(struct hf_fingerprint *fingerprint, uint64_t zeros)
{
	const uint64_t first = HF_MIN(zeros, left_of_piece(fingerprint));

	if (fingerprint->begun)
		add_zeros(fingerprint, (size_t)first);
	else
		fingerprint->zeros += (uint32_t)first;
	went_on(fingerprint, first);
	zeros -= first;
	/* Whole pieces of zeros are passed over; what is left begins the last one. */
	fingerprint->size += zeros - zeros % PIECE;
	fingerprint->zeros += (uint32_t)(zeros % PIECE);
	fingerprint->size += zeros % PIECE;
}

void hf_fingerprint_end(struct hf_fingerprint *fingerprint, uint8_t out[HF_FINGERPRINT_LEN])
{
	struct hf_id whole;

	add_number(fingerprint, fingerprint->size);
	hf_hmac_end(fingerprint->hmac, &whole);
	memcpy(out, whole.bytes, HF_FINGERPRINT_LEN);
	fingerprint->size = 0;
	fingerprint->zeros = 0;
	fingerprint->begun = false;
}

hf_err hf_fingerprint_secret_read(
	struct hf_reader *reader, const struct hf_extents *extents, struct hf_key *secret)
{
	const struct hf_slot_secrets *ours = hf_repo_secrets(hf_reader_repo(reader));
	HF_OWNED(hf_content) content = NULL;
	HF_RELEASED(hf_buf) sealed = {0};

	HF_TRY(hf_content_open_meta(reader, extents, &content));
	HF_TRY(hf_content_read_all(content, HF_SEALED_SECRET_LEN, &sealed));
	return hf_fingerprint_secret_open(ours, hf_buf_span(&sealed), secret);
}
