#include "tests/lib/section.h"

#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/format/wire.h"

/* The public value is a literal: made anew each time, it took half of a fuzzer's time. */
struct hf_epoch_keys hf_test_section_keys(void)
{
	return (struct hf_epoch_keys){
		.epoch = 1,
		.content = {{1}},
		.content_public = {0x2f, 0xe5, 0x7d, 0xa3, 0x47, 0xcd, 0x62, 0x43, 0x15, 0x28, 0xda,
			0xac, 0x5f, 0xbb, 0x29, 0x07, 0x30, 0xff, 0xf6, 0x84, 0xaf, 0xc4, 0xcf,
			0xc2, 0xed, 0x90, 0x99, 0x5f, 0x58, 0xcb, 0x3b, 0x74},
		.reads = true,
	};
}

static struct hf_sealer *last_sealer(const struct hf_header *header)
{
	struct hf_epoch_keys keys = hf_test_section_keys();
	HF_RELEASED(hf_object_keys) object_keys = {0};
	HF_OWNED(hf_error) err = hf_object_keys_derive(header, &keys, &object_keys);

	if (err)
		abort(); /* the public value below is a point */
	return hf_sealer_new(&object_keys.last);
}

struct hf_span hf_test_section_seal(struct hf_span input, struct hf_buf *object)
{
	struct hf_wire wire = hf_wire(input);
	struct hf_header header = {.epoch = 1, .public_value = {9}};
	uint8_t bound[HF_REPO_ID_LEN + HF_HEADER_LEN] = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	size_t chunks;

	header.kind = (uint8_t)(1 + hf_wire_u8(&wire) % HF_SEGMENT);
	chunks = hf_wire_u16(&wire);
	sealer = last_sealer(&header);
	hf_header_print(&header, hf_buf_grow(object, HF_HEADER_LEN));
	memcpy(bound + HF_REPO_ID_LEN, object->at, HF_HEADER_LEN);
	memset(hf_buf_grow(object, chunks), 'c', chunks);
	hf_seal(sealer, HF_NONCE_LAST, hf_span(bound, sizeof(bound)), wire.rest,
		hf_buf_grow(object, wire.rest.len + HF_TAG_LEN));
	hf_put_u32(object, (uint32_t)(wire.rest.len + HF_TAG_LEN));
	if (header.kind == HF_CHECKPOINT) {
		struct hf_id digest;

		hf_sha256(hf_buf_span(object), &digest);
		hf_put_id(object, &digest);
	}
	return wire.rest;
}
