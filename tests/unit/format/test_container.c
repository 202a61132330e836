#include "backend/format/container.h"

#include <stdio.h>

#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "backend/format/wire.h"
#include "backend/format/zip.h"
#include "tests/lib/test.h"

#define N_CHUNKS 4
#define SLOT 7u
#define CHECKPOINT 3u

/* ---- a world of fixed keys ---- */

static void fill(void *at, size_t len, uint64_t seed)
{
	uint64_t state = seed;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = (uint8_t)hf_test_random(&state);
}

static struct hf_epoch_keys keys_of(uint64_t repository, uint32_t epoch)
{
	struct hf_epoch_keys keys = {.epoch = epoch, .reads = true};

	fill(keys.repository, sizeof(keys.repository), repository);
	fill(keys.metadata.bytes, HF_KEY_LEN, epoch * 1000u);
	fill(keys.content.bytes, HF_KEY_LEN, epoch * 1000u + 1);
	hf_x25519_public(&keys.content, keys.content_public);
	return keys;
}

static struct hf_epoch_keys writer_of(const struct hf_epoch_keys *reader)
{
	struct hf_epoch_keys keys = *reader;

	memset(&keys.content, 0, sizeof(keys.content));
	keys.reads = false;
	return keys;
}

static const struct hf_key seed = {{9, 8, 7}};

static bool is_signed(enum hf_object_kind kind, struct hf_span body)
{
	return kind == HF_COMMIT || kind == HF_CHECKPOINT || (kind != HF_SEGMENT && body.len > 0);
}

static struct hf_signing signing_of(enum hf_object_kind kind)
{
	return (struct hf_signing){
		.domain = kind == HF_COMMIT     ? "holdfast commit 1"
			: kind == HF_CHECKPOINT ? "holdfast checkpoint 1"
						: "holdfast pack 1",
		.seed = &seed,
		.slot = SLOT,
		.n = CHECKPOINT,
	};
}

/* ---- small objects: chunks 0 and 1 are of one length and as is, 2 is compressed ---- */

static struct hf_buf plain_of(size_t chunk)
{
	struct hf_buf plain = {0};
	size_t len = chunk == 2 ? 500 : 40 + (chunk == 3);

	fill(hf_buf_grow(&plain, len), len, 70 + chunk);
	if (chunk == 2)
		memset(plain.at, 'z', len);
	return plain;
}

static struct hf_builder *some_chunks(enum hf_object_kind kind)
{
	struct hf_builder *builder = hf_builder_new(kind);
	HF_OWNED(hf_zip) zip = hf_zip_new();

	for (size_t i = 0; i < N_CHUNKS; i++) {
		HF_RELEASED(hf_buf) plain = plain_of(i), frame = {0};
		bool zipped = hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&plain), &frame);
		struct hf_id id;

		ck_assert_int_eq(zipped, i == 2);
		hf_sha256(hf_buf_span(&plain), &id);
		hf_builder_add(builder, &id, (uint32_t)plain.len,
			zipped ? hf_buf_span(&frame) : hf_buf_span(&plain));
	}
	return builder;
}

static struct hf_buf object_with(enum hf_object_kind kind, const struct hf_epoch_keys *keys,
	uint8_t random, bool pad, const char *body)
{
	HF_OWNED(hf_builder) builder = some_chunks(kind);
	const struct hf_span behind = hf_span_str(body);
	struct hf_signing signing = signing_of(kind);
	struct hf_sealing sealing = {
		.keys = keys,
		.body = behind,
		.signing = is_signed(kind, behind) ? &signing : NULL,
		.random = {random},
		.pad = pad,
	};
	struct hf_buf object = {0};
	struct hf_header header;
	struct hf_id id, digest;

	hf_builder_seal(builder, &sealing, &object, &header, &id);
	hf_sha256(hf_buf_span(&object), &digest);
	ck_assert(hf_id_equal(&id, &digest));
	ck_assert_mem_eq(object.at + 32, header.public_value, 32);
	return object;
}

static const char body_text[] = "what stands behind the table";

static struct hf_buf object_of(
	enum hf_object_kind kind, const struct hf_epoch_keys *keys, uint8_t random, bool pad)
{
	return object_with(kind, keys, random, pad, body_text);
}

/* ---- reading as a reader would: the id of each chunk is checked after it was decoded ---- */

static hf_err read_chunk(struct hf_span object, const struct hf_row *row,
	const struct hf_epoch_keys *keys, struct hf_sealer *sealer)
{
	const struct hf_chunk_place place = {keys->repository, object.at, row};
	HF_RELEASED(hf_buf) sealed = {0}, plain = {0};
	HF_OWNED(hf_zip) zip = hf_zip_new();
	struct hf_id id;

	hf_buf_add(&sealed, object.at + row->offset, row->stored);
	HF_TRY(hf_chunk_open(sealer, zip, &place, &sealed, hf_buf_grow(&plain, row->plain)));
	hf_sha256(hf_buf_span(&plain), &id);
	if (!hf_id_is_zero(&row->id) && !hf_id_equal(&id, &row->id))
		return hf_error_new(HF_CORRUPT, "another chunk");
	return NULL;
}

static hf_err read_all(struct hf_span object, const struct hf_epoch_keys *keys)
{
	HF_RELEASED(hf_last) last = {0};
	HF_RELEASED(hf_object_keys) object_keys = {0};
	HF_OWNED(hf_sealer) sealer = NULL;
	uint8_t public_key[32];

	HF_TRY(hf_last_open(object, keys, &last));
	if (is_signed((enum hf_object_kind)last.header.kind, last.body)) {
		struct hf_signing signing = signing_of((enum hf_object_kind)last.header.kind);

		hf_ed25519_public(&seed, public_key);
		HF_TRY(hf_last_verify(object, &last, keys, &signing, public_key));
	}
	HF_TRY(hf_object_keys_derive(&last.header, keys, &object_keys));
	sealer = hf_sealer_new(&object_keys.chunks);
	for (size_t i = 0; i < last.table.n; i++)
		HF_TRY(read_chunk(object, &last.table.rows[i], keys, sealer));
	return NULL;
}

/* The read must fail, as one of the kinds that say: not this. */
static void refused(
	struct hf_span object, const struct hf_epoch_keys *keys, const char *what, size_t i)
{
	HF_OWNED(hf_error) err = read_all(object, keys);

	ck_assert_msg(err != NULL, "%s %zu was accepted", what, i);
	ck_assert_msg(hf_error_kind(err) == HF_CORRUPT || hf_error_kind(err) == HF_UNSUPPORTED ||
			hf_error_kind(err) == HF_DENIED,
		"%s %zu: %s", what, i, hf_error_text(err));
}

/* ---- tests ---- */

START_TEST(each_kind_gives_back_what_was_put_in)
{
	enum hf_object_kind kind = (enum hf_object_kind)_i;
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of(kind, &keys, 1, false);
	HF_RELEASED(hf_last) last = {0};

	ck_ok(read_all(hf_buf_span(&object), &keys));
	ck_ok(hf_last_open(hf_buf_span(&object), &keys, &last));

	ck_assert_uint_eq(last.table.n, N_CHUNKS);
	ck_assert_uint_eq(last.header.kind, kind);
	ck_assert(hf_span_equal(last.body, hf_span_str(body_text)));
}
END_TEST

START_TEST(an_object_without_chunks_is_read)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_COMMIT);
	struct hf_signing signing = signing_of(HF_COMMIT);
	const struct hf_sealing sealing = {.keys = &keys, .signing = &signing};
	HF_RELEASED(hf_buf) object = {0};

	hf_builder_seal(builder, &sealing, &object, NULL, NULL);
	ck_ok(read_all(hf_buf_span(&object), &keys));
}
END_TEST

START_TEST(an_object_is_appended_to_what_the_buffer_holds)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_OWNED(hf_builder) builder = some_chunks(HF_META_PACK);
	const struct hf_sealing sealing = {.keys = &keys};
	HF_RELEASED(hf_buf) out = {0};

	hf_buf_add(&out, "before", 6);
	hf_builder_seal(builder, &sealing, &out, NULL, NULL);
	ck_assert_mem_eq(out.at, "before", 6);
	ck_ok(read_all(hf_span(out.at + 6, out.len - 6), &keys));
}
END_TEST

START_TEST(a_flipped_bit_anywhere_in_an_object_is_found)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of((enum hf_object_kind)_i, &keys, 1, false);

	for (size_t bit = 0; bit < object.len * 8; bit++) {
		object.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused(hf_buf_span(&object), &keys, "bit", bit);
		object.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(a_truncated_or_lengthened_object_is_found)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of((enum hf_object_kind)_i, &keys, 1, false);

	for (size_t len = 0; len < object.len; len++)
		refused(hf_span(object.at, len), &keys, "length", len);
	for (size_t more = 1; more <= 32; more++) {
		*hf_buf_grow(&object, 1) = 0;
		refused(hf_buf_span(&object), &keys, "more", more);
	}
}
END_TEST

START_TEST(swapped_chunks_are_found)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of((enum hf_object_kind)_i, &keys, 1, false);
	uint8_t first[40 + HF_TAG_LEN];

	memcpy(first, object.at + HF_HEADER_LEN, sizeof(first));
	memcpy(object.at + HF_HEADER_LEN, object.at + HF_HEADER_LEN + sizeof(first), sizeof(first));
	memcpy(object.at + HF_HEADER_LEN + sizeof(first), first, sizeof(first));

	refused(hf_buf_span(&object), &keys, "kind", (size_t)_i);
}
END_TEST

START_TEST(chunks_or_the_header_of_another_object_are_refused)
{
	enum hf_object_kind kind = (enum hf_object_kind)_i;
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) one = object_of(kind, &keys, 1, false);
	HF_RELEASED(hf_buf) other = object_of(kind, &keys, 2, false);
	HF_RELEASED(hf_buf) mixed = {0};

	ck_assert_uint_eq(one.len, other.len);
	hf_buf_add_span(&mixed, hf_buf_span(&one));
	memcpy(mixed.at, other.at, HF_HEADER_LEN);
	refused(hf_buf_span(&mixed), &keys, "header", 0);
	memcpy(mixed.at, one.at, HF_HEADER_LEN);
	memcpy(mixed.at + HF_HEADER_LEN, other.at + HF_HEADER_LEN, 40 + HF_TAG_LEN);
	refused(hf_buf_span(&mixed), &keys, "chunk", 0);
}
END_TEST

START_TEST(keys_of_another_epoch_or_repository_open_nothing)
{
	enum hf_object_kind kind = (enum hf_object_kind)_i;
	struct hf_epoch_keys keys = keys_of(1, 1), epoch = keys_of(1, 2), other = keys_of(2, 1);
	HF_RELEASED(hf_buf) object = object_of(kind, &keys, 1, false);
	struct hf_last last = {0};

	ck_fails(HF_DENIED, hf_last_open(hf_buf_span(&object), &epoch, &last));
	epoch.epoch = 1;
	ck_fails(HF_CORRUPT, hf_last_open(hf_buf_span(&object), &epoch, &last));
	ck_fails(HF_CORRUPT, hf_last_open(hf_buf_span(&object), &other, &last));
	ck_assert_ptr_null(last.plain.at);
}
END_TEST

START_TEST(a_writer_reads_tables_but_no_content)
{
	enum hf_object_kind kind = _i == 0 ? HF_CONTENT_PACK : HF_COMMIT;
	struct hf_epoch_keys reader = keys_of(1, 1), writer = writer_of(&reader);
	HF_RELEASED(hf_buf) object = object_of(kind, &writer, 1, false);
	HF_RELEASED(hf_last) last = {0};
	HF_RELEASED(hf_object_keys) object_keys = {0};

	ck_ok(read_all(hf_buf_span(&object), &reader));
	ck_ok(hf_last_open(hf_buf_span(&object), &writer, &last));
	ck_ok(hf_object_keys_derive(&last.header, &writer, &object_keys));
	ck_assert(!object_keys.reads);

	/* Nor with any secret that it does have in the place of the content key. */
	const struct hf_key *const tries[] = {
		&object_keys.last, &object_keys.chunks, &writer.metadata};
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		HF_OWNED(hf_sealer) sealer = hf_sealer_new(tries[i]);

		ck_fails(HF_CORRUPT,
			read_chunk(hf_buf_span(&object), &last.table.rows[0], &writer, sealer));
	}
	writer.reads = true;
	writer.content = writer.metadata;
	refused(hf_buf_span(&object), &writer, "kind", (size_t)kind);
}
END_TEST

START_TEST(a_writer_reads_metadata)
{
	struct hf_epoch_keys reader = keys_of(1, 1), writer = writer_of(&reader);
	HF_RELEASED(hf_buf) object = object_of(HF_META_PACK, &reader, 1, false);

	ck_ok(read_all(hf_buf_span(&object), &writer));
}
END_TEST

START_TEST(a_newer_version_or_feature_is_unsupported_not_damage)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of(HF_META_PACK, &keys, 1, false);

	object.at[8] = HF_FORMAT_VERSION + 1;
	ck_fails(HF_UNSUPPORTED, read_all(hf_buf_span(&object), &keys));
	object.at[8] = HF_FORMAT_VERSION;
	for (size_t bit = 0; bit < 64; bit++) {
		object.at[16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_fails(HF_UNSUPPORTED, read_all(hf_buf_span(&object), &keys));
		object.at[16 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

static struct hf_buf commit_with(uint8_t random, const char *body)
{
	const struct hf_epoch_keys keys = keys_of(1, 1);

	return object_with(HF_COMMIT, &keys, random, false, body);
}

START_TEST(another_random_number_or_another_content_gives_another_key)
{
	HF_RELEASED(hf_buf) one = commit_with(1, "a"), same = commit_with(1, "a");
	HF_RELEASED(hf_buf) random = commit_with(2, "a"), content = commit_with(1, "b");

	ck_assert(hf_span_equal(hf_buf_span(&one), hf_buf_span(&same)));
	ck_assert_mem_ne(one.at + 32, random.at + 32, 32);
	ck_assert_mem_ne(one.at + 32, content.at + 32, 32);
	ck_assert_mem_ne(one.at + 64, random.at + 64, 40);
	ck_assert_mem_ne(one.at + 64, content.at + 64, 40);
}
END_TEST

START_TEST(no_two_sealings_of_an_object_share_a_nonce)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of((enum hf_object_kind)_i, &keys, 1, true);
	HF_RELEASED(hf_last) last = {0};
	uint64_t next = HF_HEADER_LEN;

	ck_ok(hf_last_open(hf_buf_span(&object), &keys, &last));

	for (size_t i = 0; i < last.table.n; next += last.table.rows[i++].stored) {
		ck_assert_uint_eq(last.table.rows[i].offset, next);
		ck_assert_uint_gt(last.table.rows[i].stored, HF_TAG_LEN);
	}
	ck_assert(next < HF_NONCE_LAST);
}
END_TEST

START_TEST(a_padded_object_has_a_padme_size_and_reads_the_same)
{
	struct hf_epoch_keys keys = keys_of(1, 1);

	for (size_t len = 0; len < 2000; len += 1 + len / 300) {
		HF_OWNED(hf_builder) builder = hf_builder_new(HF_CONTENT_PACK);
		HF_RELEASED(hf_buf) content = {0}, object = {0};
		const struct hf_sealing sealing = {.keys = &keys, .pad = true};
		struct hf_id id;

		fill(hf_buf_grow(&content, len + 1), len + 1, len);
		hf_sha256(hf_buf_span(&content), &id);
		hf_builder_add(builder, &id, (uint32_t)content.len, hf_buf_span(&content));
		hf_builder_seal(builder, &sealing, &object, NULL, NULL);

		ck_assert_uint_eq(hf_padme(object.len), object.len);
		ck_ok(read_all(hf_buf_span(&object), &keys));
	}
}
END_TEST

START_TEST(a_padded_pack_weighs_an_eighth_more_at_most)
{
	static const size_t sizes[] = {900, 70 << 10, 3 << 20, (16 << 20) + 1, 130 << 20};
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CONTENT_PACK);
	HF_RELEASED(hf_buf) content = {0}, object = {0};
	const struct hf_sealing sealing = {.keys = &keys, .pad = true};
	const struct hf_id id = {{1}};
	size_t size;

	hf_buf_grow(&content, 64 << 10);
	memset(content.at, 'c', content.len);
	while (hf_builder_size(builder) < sizes[_i])
		hf_builder_add(builder, &id, (uint32_t)HF_MIN(content.len, sizes[_i]),
			hf_span(content.at, HF_MIN(content.len, sizes[_i])));
	size = hf_builder_size(builder);
	hf_builder_seal(builder, &sealing, &object, NULL, NULL);

	ck_assert_uint_eq(hf_padme(object.len), object.len);
	ck_assert_uint_le(object.len, size + size / 8 + 120);
}
END_TEST

START_TEST(padme_lengths_are_those_of_the_paper)
{
	static const uint64_t known[][2] = {{0, 0}, {1, 1}, {8, 8}, {9, 10}, {15, 16}, {33, 36},
		{500, 512}, {1025, 1088}, {100000, 100352},
		{(16 << 20) + 1, (16 << 20) + (1 << 19)}};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		ck_assert_uint_eq(hf_padme(known[i][0]), known[i][1]);
	for (uint64_t len = 1; len < UINT64_C(1) << 40; len = len * 9 / 8 + 1) {
		ck_assert_uint_ge(hf_padme(len), len);
		ck_assert_uint_le(hf_padme(len), len + len / 8 + 1);
		ck_assert_uint_eq(hf_padme(hf_padme(len)), hf_padme(len));
	}
}
END_TEST

START_TEST(the_table_is_read_from_the_end_alone)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	enum hf_object_kind kind = (enum hf_object_kind)_i;
	HF_RELEASED(hf_buf) object = object_of(kind, &keys, 1, false);
	struct hf_span header = hf_span(object.at, HF_HEADER_LEN);
	size_t tail = kind == HF_CHECKPOINT ? 36 : 4, need;
	HF_RELEASED(hf_last) last = {0};

	ck_ok(hf_last_end_len(
		kind, hf_span(object.at + object.len - tail, tail), object.len, &need));
	ck_ok(hf_last_open_end(
		header, hf_span(object.at + object.len - need, need), object.len, &keys, &last));

	ck_assert_uint_eq(last.table.n, N_CHUNKS);
	ck_assert_uint_eq(last.chunks_end, object.len - need);
	ck_fails(HF_INVALID,
		hf_last_open_end(header, hf_span(object.at + object.len - need + 1, need - 1),
			object.len, &keys, &last));
	ck_fails(HF_CORRUPT,
		hf_last_open_end(header, hf_span(object.at + object.len - need, need),
			object.len + 1, &keys, &last));
}
END_TEST

START_TEST(a_signature_holds_for_one_slot_key_domain_and_number)
{
	static const enum hf_object_kind kinds[] = {
		HF_COMMIT, HF_CHECKPOINT, HF_CONTENT_PACK, HF_META_PACK};
	const enum hf_object_kind kind = kinds[_i];
	struct hf_epoch_keys keys = keys_of(1, 1);
	HF_RELEASED(hf_buf) object = object_of(kind, &keys, 1, false);
	struct hf_signing right = signing_of(kind), wrong = right;
	static const struct hf_key other_seed = {{1}};
	uint8_t public_key[32], other_key[32];
	HF_RELEASED(hf_last) last = {0};

	hf_ed25519_public(&seed, public_key);
	hf_ed25519_public(&other_seed, other_key);
	ck_ok(hf_last_open(hf_buf_span(&object), &keys, &last));

	ck_ok(hf_last_verify(hf_buf_span(&object), &last, &keys, &right, public_key));
	ck_fails(HF_CORRUPT, hf_last_verify(hf_buf_span(&object), &last, &keys, &right, other_key));
	wrong.slot++;
	ck_fails(
		HF_CORRUPT, hf_last_verify(hf_buf_span(&object), &last, &keys, &wrong, public_key));
	wrong = right;
	wrong.domain = "holdfast keyring 1";
	ck_fails(
		HF_CORRUPT, hf_last_verify(hf_buf_span(&object), &last, &keys, &wrong, public_key));
	wrong = right;
	wrong.n++;
	if (kind == HF_CHECKPOINT)
		ck_fails(HF_CORRUPT,
			hf_last_verify(hf_buf_span(&object), &last, &keys, &wrong, public_key));
}
END_TEST

START_TEST(an_agreement_of_zeros_is_refused)
{
	struct hf_epoch_keys keys = keys_of(1, 1);
	const struct hf_header header = {.kind = HF_CONTENT_PACK, .epoch = 1};
	struct hf_object_keys object_keys = {0};

	ck_fails(HF_CORRUPT, hf_object_keys_derive(&header, &keys, &object_keys));
}
END_TEST

static bool table_is_bad(const struct hf_row *rows, size_t n)
{
	HF_RELEASED(hf_buf) printed = {0};
	HF_RELEASED(hf_table) parsed = {0};
	struct hf_table table = {.n = n};
	struct hf_wire wire;

	table.rows = hf_calloc(n, sizeof(*rows));
	memcpy(table.rows, rows, n * sizeof(*rows));
	hf_table_print(&table, &printed);
	hf_table_release(&table);
	wire = hf_wire(hf_buf_span(&printed));
	hf_table_parse(&wire, HF_HEADER_LEN, &parsed);
	ck_assert(wire.bad || parsed.n == n);
	return wire.bad;
}

START_TEST(rows_that_can_not_be_are_refused)
{
	const struct hf_id id = {{1}}, none = {{0}};
	const struct hf_row good[] = {{id, 0, 26, 10}, {none, 0, 18, 2}, {none, 0, 18, 2}};
	const struct hf_row bad[] = {
		{id, 0, 27, 10},                                 /* larger than as is */
		{id, 0, 16, 10},                                 /* nothing but a tag */
		{id, 0, 17, 0},                                  /* of nothing */
		{id, 0, 20, HF_MAX_CHUNK + 1}, {none, 0, 17, 2}, /* padding is as is */
	};
	const struct hf_row behind[] = {{none, 0, 18, 2}, {id, 0, 26, 10}};

	ck_assert(!table_is_bad(good, ARRAY_LEN(good)));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(table_is_bad(&bad[i], 1), "row %zu", i);
	ck_assert(table_is_bad(behind, 2));
}
END_TEST

START_TEST(a_header_with_reserved_bytes_or_an_unknown_kind_is_corrupt)
{
	struct hf_header header = {.kind = HF_SEGMENT, .epoch = 5}, parsed;
	uint8_t printed[HF_HEADER_LEN];
	static const size_t at[] = {0, 9, 10, 11, 24, 31};

	hf_header_print(&header, printed);
	ck_ok(hf_header_parse(hf_span(printed, sizeof(printed)), &parsed));
	ck_assert_uint_eq(parsed.epoch, 5);
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		printed[at[i]] ^= 0x80;
		ck_fails(HF_CORRUPT, hf_header_parse(hf_span(printed, sizeof(printed)), &parsed));
		printed[at[i]] ^= 0x80;
	}
	ck_fails(HF_CORRUPT, hf_header_parse(hf_span(printed, sizeof(printed) - 1), &parsed));
	header.epoch = 0;
	hf_header_print(&header, printed);
	ck_fails(HF_CORRUPT, hf_header_parse(hf_span(printed, sizeof(printed)), &parsed));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("container");
	TCase *all = hf_test_case(suite, "container");
	const int kinds = HF_SEGMENT + 1;

	tcase_add_loop_test(all, each_kind_gives_back_what_was_put_in, 1, kinds);
	tcase_add_test(all, an_object_without_chunks_is_read);
	tcase_add_test(all, an_object_is_appended_to_what_the_buffer_holds);
	tcase_add_loop_test(all, a_flipped_bit_anywhere_in_an_object_is_found, 1, kinds);
	tcase_add_loop_test(all, a_truncated_or_lengthened_object_is_found, 1, kinds);
	tcase_add_loop_test(all, swapped_chunks_are_found, 1, kinds);
	tcase_add_loop_test(all, chunks_or_the_header_of_another_object_are_refused, 1, kinds);
	tcase_add_loop_test(all, keys_of_another_epoch_or_repository_open_nothing, 1, kinds);
	tcase_add_loop_test(all, a_writer_reads_tables_but_no_content, 0, 2);
	tcase_add_test(all, a_writer_reads_metadata);
	tcase_add_test(all, a_newer_version_or_feature_is_unsupported_not_damage);
	tcase_add_test(all, another_random_number_or_another_content_gives_another_key);
	tcase_add_loop_test(all, no_two_sealings_of_an_object_share_a_nonce, 1, kinds);
	tcase_add_test(all, a_padded_object_has_a_padme_size_and_reads_the_same);
	tcase_add_loop_test(all, a_padded_pack_weighs_an_eighth_more_at_most, 0, 5);
	tcase_add_test(all, padme_lengths_are_those_of_the_paper);
	tcase_add_loop_test(all, the_table_is_read_from_the_end_alone, 1, kinds);
	tcase_add_loop_test(all, a_signature_holds_for_one_slot_key_domain_and_number, 0, 4);
	tcase_add_test(all, an_agreement_of_zeros_is_refused);
	tcase_add_test(all, rows_that_can_not_be_are_refused);
	tcase_add_test(all, a_header_with_reserved_bytes_or_an_unknown_kind_is_corrupt);
	return hf_test_run_suite(suite);
}
