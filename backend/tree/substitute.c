#include "backend/tree/substitute.h"

#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/repo/catalog.h"
#include "backend/tree/fingerprint.h"

/*
 * A writer can say as much as he likes that is false. So there is an end to the trying; who needs
 * more has somebody to revoke.
 */
#define MOST_ATTEMPTS 64u
#define MOST_READS 65536u /* pieces of chunks, in one attempt */
#define MOST_DEPTH 8u     /* what stands in can be lost too */

struct hf_proof *hf_proof_new(const struct hf_repo *repo, const struct hf_entry *entry)
{
	struct hf_proof *proof;

	if (entry->type != HF_REG || !entry->fingerprinted || entry->size == 0 ||
		entry->size >= hf_repo_settings(repo)->bundle_below)
		return NULL;
	proof = hf_calloc(1, sizeof(*proof));
	memcpy(proof->fingerprint, entry->fingerprint, sizeof(proof->fingerprint));
	for (size_t i = 0; i < entry->secret.n; i++)
		hf_extents_add(&proof->secret, &entry->secret.at[i]);
	return proof;
}

void hf_proof_free(struct hf_proof *proof)
{
	if (!proof)
		return;
	hf_extents_release(&proof->secret);
	free(proof);
}

/*
 * One attempt takes, for each lost extent, the one of its substitutes that has this number, modulo
 * how many there are: who supplied all parts of a file is so met with all of them.
 */
struct attempt {
	struct hf_reader *reader;
	size_t number;
	size_t most; /* substitutes that any lost extent has */
	unsigned reads;
	struct hf_buf *out;
};

static hf_err add_extents(
	struct attempt *attempt, const struct hf_extents *extents, uint64_t length, unsigned depth);

static hf_err add_piece(
	struct attempt *attempt, const struct hf_extent *extent, const struct hf_chunk *chunk)
{
	if (extent->offset > chunk->len || extent->length > chunk->len - extent->offset)
		return hf_error_new(HF_CORRUPT, "an extent beyond its chunk's end");
	hf_buf_add(attempt->out, chunk->at + extent->offset, (size_t)extent->length);
	return NULL;
}

/* Takes lost: why the chunk itself can't be had. */
static hf_err add_instead(struct attempt *attempt, const struct hf_extent *extent, unsigned depth,
	struct hf_error *lost)
{
	struct hf_catalog *catalog = hf_repo_catalog(hf_reader_repo(attempt->reader));
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_extents instead;
	size_t n;
	struct hf_error *err = hf_catalog_count_substitutes(catalog, extent, 0, &n);

	if (!err && n == 0)
		return lost;
	hf_error_free(lost); /* what happens next is the better news */
	HF_TRY(err);
	attempt->most = HF_MAX(attempt->most, n);
	HF_TRY(hf_catalog_substitute(catalog, extent, attempt->number % n, &arena, &instead));
	return add_extents(attempt, &instead, extent->length, depth + 1);
}

static hf_err add_extent(struct attempt *attempt, const struct hf_extent *extent, unsigned depth)
{
	HF_CHUNK_REF chunk = NULL;
	struct hf_error *err;

	if (hf_extent_is_hole(extent)) {
		memset(hf_buf_grow(attempt->out, (size_t)extent->length), 0,
			(size_t)extent->length);
		return NULL;
	}
	if (attempt->reads++ == MOST_READS)
		return hf_error_new(HF_CORRUPT, "what stands in for it is in too many pieces");
	err = hf_reader_get(attempt->reader, HF_CONTENT_PACK, &extent->chunk, &chunk);
	if (!err)
		return add_piece(attempt, extent, chunk);
	if (hf_error_kind(err) != HF_CORRUPT || depth == MOST_DEPTH)
		return err;
	return add_instead(attempt, extent, depth, err);
}

static hf_err add_extents(
	struct attempt *attempt, const struct hf_extents *extents, uint64_t length, unsigned depth)
{
	for (size_t i = 0; i < extents->n && length > 0; i++) {
		struct hf_extent piece = extents->at[i];

		piece.length = HF_MIN(piece.length, length);
		HF_TRY(add_extent(attempt, &piece, depth));
		length -= piece.length;
	}
	if (length > 0)
		return hf_error_new(HF_CORRUPT, "what stands in for it is too short");
	return NULL;
}

static bool agrees(
	const struct hf_key *secret, struct hf_span bytes, const uint8_t wanted[HF_FINGERPRINT_LEN])
{
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(secret);
	uint8_t got[HF_FINGERPRINT_LEN];

	hf_fingerprint_add(fingerprint, bytes);
	hf_fingerprint_end(fingerprint, got);
	return hf_equal_secret(got, wanted, sizeof(got));
}

hf_err hf_substitute_read(struct hf_reader *reader, const struct hf_extents *extents,
	const struct hf_proof *proof, struct hf_buf *out)
{
	const uint64_t length = hf_extents_length(extents);
	struct attempt attempt = {.reader = reader, .out = out, .most = 1};
	HF_RELEASED(hf_key) secret = {0};

	HF_TRY(hf_error_in(hf_fingerprint_secret_read(reader, &proof->secret, &secret),
		"the secret of its fingerprint"));
	for (; attempt.number < HF_MIN(attempt.most, MOST_ATTEMPTS); attempt.number++) {
		struct hf_error *err;

		hf_buf_clear(out);
		attempt.reads = 0;
		err = add_extents(&attempt, extents, length, 0);
		if (!err && agrees(&secret, hf_buf_span(out), proof->fingerprint))
			return NULL;
		if (err && hf_error_kind(err) != HF_CORRUPT)
			return err;
		hf_error_free(err); /* the next one may be better */
	}
	hf_buf_clear(out);
	return hf_error_new(
		HF_CORRUPT, "nothing that agrees with its fingerprint stands in for it");
}
