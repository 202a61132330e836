/*
 * Frames have one form: magic, a zero descriptor (no content size, checksum or dictionary), a
 * window of at most 4 MiB, blocks. The chunk table tells the plain length and the seal proves the
 * bytes, so the frame's own fields would cost 1 to 10 bytes a chunk and say nothing new.
 */
#include "backend/format/zip.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "backend/format/limits.h"

#define DESCRIPTOR_AT 4
#define WINDOW_AT 5
#define HEADER_LEN 6
#define WINDOW_LOG_MIN 10
#define WINDOW_LOG_MAX 22 /* no chunk is longer, so zstd never asks for more */

struct hf_zip {
	ZSTD_CCtx *packer;   /* made when first used: a reader needs none, */
	ZSTD_DCtx *unpacker; /* a writer not this one */
};

/* What is wrapped in it fails only without memory: the end, as in base. */
static void must(bool done)
{
	if (done)
		return;
	fprintf(stderr, "holdfast: zstd failed: out of memory\n");
	_exit(1);
}

struct hf_zip *hf_zip_new(void)
{
	return hf_calloc(1, sizeof(struct hf_zip));
}

void hf_zip_free(struct hf_zip *zip)
{
	if (!zip)
		return;
	ZSTD_freeCCtx(zip->packer);
	ZSTD_freeDCtx(zip->unpacker);
	free(zip);
}

static void set(ZSTD_CCtx *packer, ZSTD_cParameter parameter, int value)
{
	must(!ZSTD_isError(ZSTD_CCtx_setParameter(packer, parameter, value)));
}

static ZSTD_CCtx *packer_of(struct hf_zip *zip)
{
	if (zip->packer)
		return zip->packer;
	zip->packer = ZSTD_createCCtx();
	must(zip->packer != NULL);
	set(zip->packer, ZSTD_c_contentSizeFlag, 0);
	set(zip->packer, ZSTD_c_checksumFlag, 0);
	set(zip->packer, ZSTD_c_dictIDFlag, 0);
	return zip->packer;
}

bool hf_zip_pack(struct hf_zip *zip, int level, struct hf_span plain, struct hf_buf *out)
{
	ZSTD_CCtx *packer = packer_of(zip);
	size_t len;

	assert(plain.len <= HF_MAX_CHUNK);
	if (plain.len <= HEADER_LEN)
		return false;
	set(packer, ZSTD_c_compressionLevel, level);
	/* Room for what is worth keeping, not a byte more: zstd gives up where it does not fit. */
	hf_buf_reserve(out, plain.len - 1);
	len = ZSTD_compress2(packer, out->at + out->len, plain.len - 1, plain.at, plain.len);
	if (ZSTD_isError(len)) {
		must(ZSTD_getErrorCode(len) == ZSTD_error_dstSize_tooSmall);
		return false;
	}
	out->len += len;
	return true;
}

static bool is_our_form(struct hf_span frame)
{
	return frame.len > HEADER_LEN && frame.at[DESCRIPTOR_AT] == 0 &&
		frame.at[WINDOW_AT] <= (WINDOW_LOG_MAX - WINDOW_LOG_MIN) << 3;
}

hf_err hf_zip_unpack(struct hf_zip *zip, struct hf_span frame, uint8_t *to, size_t plain_len)
{
	size_t len;

	if (plain_len > HF_MAX_CHUNK)
		return hf_error_new(HF_CORRUPT, "compressed: %zu bytes are too many", plain_len);
	/* zstd reads several frames as one, and passes over those that hold a comment. */
	if (!is_our_form(frame) || ZSTD_findFrameCompressedSize(frame.at, frame.len) != frame.len)
		return hf_error_new(HF_CORRUPT, "compressed: not one whole frame");
	if (!zip->unpacker)
		zip->unpacker = ZSTD_createDCtx();
	must(zip->unpacker != NULL);
	len = ZSTD_decompressDCtx(zip->unpacker, to, plain_len, frame.at, frame.len);
	if (ZSTD_isError(len))
		return hf_error_new(HF_CORRUPT, "compressed: %s", ZSTD_getErrorName(len));
	if (len != plain_len)
		return hf_error_new(HF_CORRUPT, "compressed: %zu bytes, not %zu", len, plain_len);
	return NULL;
}
