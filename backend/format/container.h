/*
 * The one container of every sealed object (docs/format.md section 2):
 *
 *     header 64 | sealed chunks | sealed last section | u32 its stored length   (checkpoint: +
 * SHA-256)
 *
 * A builder takes chunks that are already compressed, and seals everything at once under a key made
 * for this object alone: from 32 fresh random bytes and a digest of what is sealed. The kinds
 * differ in who can open the chunks (content packs and commits: readers; the rest: all slots) and
 * in what stands behind the table of the last section (the "body"). Pure; one thread at a time for
 * one builder.
 */
#ifndef HF_FORMAT_CONTAINER_H
#define HF_FORMAT_CONTAINER_H

#include "backend/format/key.h"
#include "backend/format/seal.h"

enum hf_object_kind {
	HF_CONTENT_PACK = 1,
	HF_META_PACK = 2,
	HF_COMMIT = 3,
	HF_CHECKPOINT = 4,
	HF_SEGMENT = 5,
};

#define HF_FORMAT_VERSION 1
#define HF_HEADER_LEN 64
#define HF_KNOWN_FEATURES UINT64_C(0) /* required-feature bits that this code understands */

struct hf_header {
	uint8_t kind;
	uint32_t epoch;
	uint64_t features;
	uint8_t public_value[32];
};
void hf_header_print(const struct hf_header *header, uint8_t out[HF_HEADER_LEN]);
/* HF_CORRUPT: no Holdfast object; HF_UNSUPPORTED: a newer version, or features not known here. */
hf_err hf_header_parse(struct hf_span bytes, struct hf_header *out);

/* One epoch's keys, as far as a slot has them. Wiped by its release. */
struct hf_epoch_keys {
	uint8_t repository[HF_REPO_ID_LEN];
	uint32_t epoch;
	struct hf_key metadata;     /* M_e */
	uint8_t content_public[32]; /* C_e */
	struct hf_key content;      /* c_e: readers only */
	bool reads;                 /* content is there */
};
void hf_epoch_keys_release(struct hf_epoch_keys *keys);

/* A chunk's row in an object's table. The offset is the chunk's place, and its nonce. */
struct hf_row {
	struct hf_id id; /* zero: padding */
	uint32_t offset; /* in the object; not stored: the sum of what stands before */
	uint32_t stored; /* with its tag; plain + 16 says "as is" */
	uint32_t plain;
};
struct hf_table {
	struct hf_row *rows;
	size_t n, cap;
};
void hf_table_release(struct hf_table *table);
void hf_table_print(const struct hf_table *table,
	struct hf_buf *out); /* var n, n × (id, var plain, var stored) */
struct hf_wire;
/* Marks the wire bad on rows that can't be. `first`: the offset of the first chunk. */
void hf_table_parse(struct hf_wire *wire, uint32_t first, struct hf_table *out);

/* ---- writing ---- */

struct hf_builder;
struct hf_builder *hf_builder_new(enum hf_object_kind kind);
void hf_builder_free(struct hf_builder *builder);
HF_OWNABLE(hf_builder)
/* bytes: a zstd frame, or the plain bytes themselves when bytes.len == plain_len. Copies. */
void hf_builder_add(struct hf_builder *builder, const struct hf_id *id, uint32_t plain_len,
	struct hf_span bytes);
/* Stored bytes so far, and the table's rows. */
size_t hf_builder_size(const struct hf_builder *builder);
const struct hf_table *hf_builder_table(const struct hf_builder *builder);

/*
 * Who signs (commits, checkpoints, packs with a body): domain is "holdfast commit 1", "holdfast
 * checkpoint 1" or "holdfast pack 1".
 */
struct hf_signing {
	const char *domain;
	const struct hf_key *seed;
	uint32_t slot, n; /* n: the checkpoint's number, only signed for a checkpoint */
};

struct hf_sealing {
	const struct hf_epoch_keys *keys;
	struct hf_span body;              /* behind the table, without the signature */
	const struct hf_signing *signing; /* NULL: segments, and packs without a body */
	uint8_t random[32];               /* fresh for each sealing: hf_random() */
	bool pad;                         /* to a Padmé size (kinds 1-3) */
};
/* Appends the whole object to out; the builder is used up. id (NULL ok): SHA-256 of the object. */
void hf_builder_seal(struct hf_builder *builder, const struct hf_sealing *sealing,
	struct hf_buf *out, struct hf_header *header, struct hf_id *id);

/* ---- reading ---- */

/* What opens one object's chunks: derived from its header once, then kept. */
struct hf_object_keys {
	struct hf_key chunks, last;
	bool reads; /* chunks is there */
};
void hf_object_keys_release(struct hf_object_keys *keys);
hf_err hf_object_keys_derive(const struct hf_header *header, const struct hf_epoch_keys *keys,
	struct hf_object_keys *out);

/* Behind the sealed last section: its length; behind a checkpoint's length a digest of all. */
#define HF_TAIL_LEN 4
#define HF_CHECKPOINT_DIGEST_LEN 32

/* An object's last section, opened. body and table live in `plain`. */
struct hf_last {
	struct hf_header header;
	struct hf_table table;
	struct hf_buf plain;
	struct hf_span body; /* without the signature; a pack may have none */
	uint32_t chunks_end; /* where the sealed chunks end in the object */
	uint8_t signature[HF_SIGNATURE_LEN];
};
void hf_last_release(struct hf_last *last);
/*
 * Opens the last section of a whole object in memory. What is signed (commits, checkpoints, packs
 * with a body) has its signature split off; hf_last_verify() judges it. HF_CORRUPT, HF_UNSUPPORTED,
 * HF_DENIED (no key).
 */
hf_err hf_last_open(struct hf_span object, const struct hf_epoch_keys *keys, struct hf_last *out);
/* How many of an object's last bytes hold its last section; `end` has the last HF_TAIL_LEN or
 * more, of a checkpoint 36. */
hf_err hf_last_end_len(enum hf_object_kind kind, struct hf_span end, uint64_t size, size_t *need);
/*
 * hf_last_open() with only the object's header and its end at hand (`end` is the last end.len of
 * size bytes). HF_INVALID: end holds less than hf_last_end_len() says. Judges no checkpoint's
 * digest.
 */
hf_err hf_last_open_end(struct hf_span header, struct hf_span end, uint64_t size,
	const struct hf_epoch_keys *keys, struct hf_last *out);
hf_err hf_last_verify(struct hf_span object, const struct hf_last *last,
	const struct hf_epoch_keys *keys, const struct hf_signing *signing,
	const uint8_t public_key[32]);

/* Where one chunk lies, and what binds it. */
struct hf_chunk_place {
	const uint8_t *repository;
	const uint8_t *header; /* the object's 64 bytes */
	const struct hf_row *row;
};
struct hf_zip;
/*
 * Unseals and unzips into plain (row->plain bytes). Uses sealed as scratch. Doesn't check the id.
 * HF_CORRUPT.
 */
hf_err hf_chunk_open(struct hf_sealer *sealer, struct hf_zip *zip,
	const struct hf_chunk_place *place, struct hf_buf *sealed, uint8_t *plain);

uint64_t hf_padme(
	uint64_t len); /* the padded length: at most 12 % more (Nikitin et al., PURBs, 2019) */

#endif
