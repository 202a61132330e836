/*
 * What one core does with each primitive: MB/s of CPU time, the best of several rounds, so that a
 * busy machine does not count. Contents: text-like bytes, of which zstd keeps about a third.
 */

#include "backend/format/cut.h"
#include "backend/format/hash.h"
#include "backend/format/key.h"
#include "backend/format/limits.h"
#include "backend/format/seal.h"
#include "backend/format/wire.h"
#include "backend/format/zip.h"
#include "tests/bench/bench.h"

#define LEN (8u << 20)
#define ROUNDS 7
#define CHUNK (128u << 10)
#define PAGE 8192u
#define SMALL 64u

struct bench {
	struct hf_buf content, out, frames; /* frames: each CHUNK, packed */
	size_t frame_at[LEN / CHUNK + 1];
	struct hf_gear gear;
	struct hf_key key;
	struct hf_hmac *hmac;
	struct hf_sealer *sealer;
	struct hf_zip *zip;
};

/* run does n things (bytes, if the unit is MB/s) and gives n. */
static void measure(
	struct bench *bench, const char *name, const char *unit, size_t (*run)(struct bench *bench))
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const double begin = now(CLOCK_THREAD_CPUTIME_ID);
		const size_t n = run(bench);
		const double rate = (double)n / (now(CLOCK_THREAD_CPUTIME_ID) - begin);

		best = HF_MAX(best, rate);
	}
	printf("%-34s %10.0f %s\n", name, unit[0] == 'M' ? best / 1e6 : best, unit);
}

static struct hf_span piece(const struct bench *bench, size_t at, size_t len)
{
	return hf_span(bench->content.at + at, len);
}

static size_t sha256_chunks(struct bench *bench)
{
	struct hf_id id;

	for (size_t at = 0; at < LEN; at += CHUNK)
		hf_sha256(piece(bench, at, CHUNK), &id);
	return LEN;
}

static size_t sha256_small(struct bench *bench)
{
	const size_t n = LEN / SMALL;
	struct hf_id id;

	for (size_t i = 0; i < n; i++)
		hf_sha256(piece(bench, i * SMALL, SMALL), &id);
	return n;
}

static size_t hmac_chunks(struct bench *bench)
{
	struct hf_id id;

	for (size_t at = 0; at < LEN; at += CHUNK)
		hf_hmac_sha256(bench->key.bytes, piece(bench, at, CHUNK), &id);
	return LEN;
}

static size_t hmac_pages(struct bench *bench)
{
	struct hf_id id;

	for (size_t at = 0; at < LEN; at += PAGE) {
		hf_hmac_add(bench->hmac, piece(bench, at, PAGE));
		hf_hmac_end(bench->hmac, &id);
	}
	return LEN;
}

static size_t seal_chunks(struct bench *bench)
{
	for (size_t at = 0; at < LEN; at += CHUNK)
		hf_seal(bench->sealer, at, hf_span("bound", 5), piece(bench, at, CHUNK),
			bench->out.at);
	return LEN;
}

static size_t unseal_chunks(struct bench *bench)
{
	uint8_t *sealed = bench->out.at;

	hf_seal(bench->sealer, 0, hf_span("bound", 5), piece(bench, 0, CHUNK), sealed);
	for (size_t at = 0; at < LEN; at += CHUNK)
		hf_error_free(hf_unseal(bench->sealer, 0, hf_span("bound", 5), /* good by making */
			hf_span(sealed, CHUNK + HF_TAG_LEN), sealed + 2 * CHUNK));
	return LEN;
}

static size_t seal_small(struct bench *bench)
{
	const size_t n = LEN / SMALL / 4;

	for (size_t i = 0; i < n; i++)
		hf_seal(bench->sealer, i, hf_span("bound", 5), piece(bench, i * SMALL, SMALL),
			bench->out.at);
	return n;
}

static size_t cut_content(struct bench *bench)
{
	const struct hf_cutter cutter = {&bench->gear, CHUNK / 4, CHUNK, CHUNK * 4};

	for (size_t at = 0; at < LEN;)
		at += hf_cutter_next(&cutter, piece(bench, at, LEN - at), true);
	return LEN;
}

static size_t zip_chunks(struct bench *bench)
{
	hf_buf_clear(&bench->frames);
	for (size_t i = 0; i < LEN / CHUNK; i++) {
		bench->frame_at[i] = bench->frames.len;
		if (!hf_zip_pack(bench->zip, HF_ZIP_LEVEL, piece(bench, i * CHUNK, CHUNK),
			    &bench->frames))
			abort();
	}
	bench->frame_at[LEN / CHUNK] = bench->frames.len;
	return LEN;
}

static size_t unzip_chunks(struct bench *bench)
{
	for (size_t i = 0; i < LEN / CHUNK; i++) {
		const struct hf_span frame = hf_span(bench->frames.at + bench->frame_at[i],
			bench->frame_at[i + 1] - bench->frame_at[i]);
		struct hf_error *err = hf_zip_unpack(bench->zip, frame, bench->out.at, CHUNK);

		if (err)
			abort();
	}
	return LEN;
}

static size_t vars(struct bench *bench)
{
	HF_RELEASED(hf_buf) out = {0};
	const size_t n = LEN / 8;
	struct hf_wire wire;

	(void)bench;
	for (size_t i = 0; i < n; i++)
		hf_put_var(&out, i * i >> (i % 32));
	wire = hf_wire(hf_buf_span(&out));
	for (size_t i = 0; i < n; i++)
		hf_wire_var(&wire);
	return n;
}

static size_t derivations(struct bench *bench)
{
	const struct hf_derive derive = {bench->content.at, "content",
		hf_span(bench->key.bytes, sizeof(bench->key.bytes)), piece(bench, 0, 96)};

	for (size_t i = 0; i < 1000; i++)
		hf_derive(&derive, bench->out.at, HF_KEY_LEN);
	return 1000;
}

static size_t agreements(struct bench *bench)
{
	uint8_t point[32];
	struct hf_key agreed;

	hf_x25519_public(&bench->key, point);
	for (size_t i = 0; i < 200; i++)
		hf_error_free(hf_x25519(&bench->key, point, &agreed)); /* a good point */
	return 200;
}

static size_t signatures(struct bench *bench)
{
	uint8_t signature[HF_SIGNATURE_LEN];

	for (size_t i = 0; i < 200; i++)
		hf_ed25519_sign(&bench->key, piece(bench, 0, SMALL), signature);
	return 200;
}

static size_t verifications(struct bench *bench)
{
	uint8_t public_key[32], signature[HF_SIGNATURE_LEN];

	hf_ed25519_public(&bench->key, public_key);
	hf_ed25519_sign(&bench->key, piece(bench, 0, SMALL), signature);
	for (size_t i = 0; i < 200; i++) {
		if (!hf_ed25519_verify(public_key, piece(bench, 0, SMALL), signature))
			abort();
	}
	return 200;
}

static size_t scrypt_floor(struct bench *bench)
{
	const struct hf_scrypt cost = {HF_MIN_SCRYPT_LOG2N, HF_SCRYPT_R, 1};

	hf_error_free(hf_scrypt(&cost, piece(bench, 0, 16), piece(bench, 16, 32), bench->out.at));
	return 1;
}

static void fill(struct hf_buf *content)
{
	uint32_t state = 1;

	while (content->len < LEN + CHUNK) {
		state = state * 1664525 + 1013904223;
		hf_buf_printf(content, "%s%u ", state >> 30 ? "row of the table number " : "\n",
			state >> 12);
	}
}

int main(void)
{
	static struct bench bench;

	fill(&bench.content);
	hf_buf_reserve(&bench.out, LEN);
	hf_random(&bench.key, sizeof(bench.key));
	hf_random(bench.gear.table, sizeof(bench.gear.table));
	bench.hmac = hf_hmac_new(bench.key.bytes);
	bench.sealer = hf_sealer_new(&bench.key);
	bench.zip = hf_zip_new();

	measure(&bench, "cut, normal 128 KiB", "MB/s", cut_content);
	measure(&bench, "SHA-256, 128 KiB", "MB/s", sha256_chunks);
	measure(&bench, "SHA-256, 64 bytes", "a second", sha256_small);
	measure(&bench, "HMAC whole, 128 KiB", "MB/s", hmac_chunks);
	measure(&bench, "HMAC streaming, 8 KiB", "MB/s", hmac_pages);
	measure(&bench, "zstd -3 pack, 128 KiB", "MB/s", zip_chunks);
	measure(&bench, "zstd -3 unpack, 128 KiB", "MB/s", unzip_chunks);
	measure(&bench, "seal, 128 KiB", "MB/s", seal_chunks);
	measure(&bench, "unseal, 128 KiB", "MB/s", unseal_chunks);
	measure(&bench, "seal, 64 bytes", "a second", seal_small);
	measure(&bench, "var printed and read", "a second", vars);
	measure(&bench, "HKDF", "a second", derivations);
	measure(&bench, "X25519", "a second", agreements);
	measure(&bench, "Ed25519 sign", "a second", signatures);
	measure(&bench, "Ed25519 verify", "a second", verifications);
	measure(&bench, "scrypt 2^15, 8, 1", "a second", scrypt_floor);

	hf_zip_free(bench.zip);
	hf_sealer_free(bench.sealer);
	hf_hmac_free(bench.hmac);
	hf_buf_release(&bench.frames);
	hf_buf_release(&bench.out);
	hf_buf_release(&bench.content);
	return 0;
}
