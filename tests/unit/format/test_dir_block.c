#include "backend/format/dir_block.h"

#include "tests/lib/entries.h"
#include "tests/lib/test.h"

static const struct hf_extent piece = {.chunk = {{1}}, .length = 10, .offset = 5};
static const struct hf_extent secret = {.chunk = {{2}}, .length = 84};

/* A block with something in each table. */
static void sample(struct hf_buf *out)
{
	static const struct hf_xattr xattr = {
		{(const uint8_t *)"user.a", 6}, {(const uint8_t *)"value", 5}};
	struct hf_extent pieces[] = {piece, secret};
	struct hf_entry entry = {.name = hf_span_str("a file"),
		.type = HF_REG,
		.mode = 0644,
		.user = hf_span_str("root"),
		.mtime = 1700000000000000001,
		.linked = true,
		.nlink = 2,
		.size = 10,
		.extents = {.at = &pieces[0], .n = 1},
		.fingerprinted = true,
		.secret = {.at = &pieces[1], .n = 1},
		.page_map = {.at = &pieces[0], .n = 1},
		.xattrs = &xattr,
		.n_xattrs = 1};
	HF_RELEASED(hf_dir_block_writer) writer = {0};

	hf_dir_block_writer_add(&writer, &entry);
	entry = (struct hf_entry){
		.name = hf_span_str("a link"), .type = HF_LNK, .target = hf_span_str("a file")};
	hf_dir_block_writer_add(&writer, &entry);
	hf_dir_block_writer_end(&writer, out);
}

/* Own memory of exactly this size, so that a read beyond is seen. */
static struct hf_error *parse_copy(struct hf_span bytes, size_t *n)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_FREED uint8_t *copy = hf_alloc(bytes.len);
	struct hf_entry *entries;

	memcpy(copy, bytes.at, bytes.len);
	return hf_dir_block_parse(hf_span(copy, bytes.len), &arena, &entries, n);
}

START_TEST(a_block_cut_short_anywhere_is_refused)
{
	HF_RELEASED(hf_buf) block = {0};
	size_t n;

	sample(&block);
	ck_ok(parse_copy(hf_buf_span(&block), &n));
	ck_assert_uint_eq(n, 2);
	for (size_t len = 0; len < block.len; len++)
		ck_fails(HF_CORRUPT, parse_copy(hf_span(block.at, len), &n));
}
END_TEST

START_TEST(a_flipped_bit_anywhere_never_reads_beyond)
{
	HF_RELEASED(hf_buf) block = {0};
	size_t n, refused = 0;

	sample(&block);
	for (size_t bit = 0; bit < block.len * 8; bit++) {
		struct hf_error *err;

		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		err = parse_copy(hf_buf_span(&block), &n);
		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused += err != NULL;
		hf_error_free(err); /* either way is fine: the store's digests find flips */
	}
	ck_assert_uint_gt(refused, 0);
}
END_TEST

START_TEST(parsed_names_and_targets_end_with_a_nul)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) block = {0};
	struct hf_entry *entries;
	size_t n;

	sample(&block);
	ck_ok(hf_dir_block_parse(hf_buf_span(&block), &arena, &entries, &n));
	memset(block.at, 0xff, block.len); /* nothing may still lie there */

	ck_assert_str_eq((const char *)entries[1].name.at, "a link");
	ck_assert_str_eq((const char *)entries[1].target.at, "a file");
	ck_assert_uint_eq(entries[1].size, 6);
	ck_assert_str_eq((const char *)entries[0].user.at, "root");
	ck_assert_str_eq((const char *)entries[0].xattrs[0].name.at, "user.a");
	ck_assert(hf_span_equal(entries[0].xattrs[0].value, hf_span_str("value")));
}
END_TEST

START_TEST(tables_hold_each_thing_once)
{
	HF_RELEASED(hf_dir_block_writer) writer = {0};
	struct hf_extent pieces[] = {piece, secret};

	for (unsigned i = 0; i < 60; i++) {
		char name[] = {'a', (char)('0' + i / 10), (char)('0' + i % 10)};
		const struct hf_entry entry = {.name = hf_span(name, sizeof(name)),
			.type = HF_REG,
			.size = 10,
			.uid = i % 2,
			.extents = {.at = &pieces[0], .n = 1},
			.fingerprinted = true,
			.secret = {.at = &pieces[1], .n = 1}};

		hf_dir_block_writer_add(&writer, &entry);
	}
	ck_assert_uint_eq(writer.ids.n, 2);
	ck_assert_uint_eq(writer.owners.n, 2);
	ck_assert_uint_eq(writer.secrets.n, 1);
	ck_assert_uint_eq(writer.xattrs.n, 0);
}
END_TEST

START_TEST(random_bytes_are_refused)
{
	uint64_t state = hf_test_seed();

	for (unsigned i = 0; i < 20000; i++) {
		uint8_t bytes[64];
		size_t n, len = 1 + hf_test_random(&state) % sizeof(bytes);

		for (size_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)(hf_test_random(&state) % 8);
		hf_error_free(parse_copy(hf_span(bytes, len), &n)); /* it must only come back */
	}
}
END_TEST

/* Directories of as many extents as one may have, which take 24 times their stored size. */
static void many_extents(struct hf_extent *pieces, unsigned entries, struct hf_buf *out)
{
	HF_RELEASED(hf_dir_block_writer) writer = {0};

	for (unsigned i = 0; i < entries; i++) {
		char name = (char)('a' + i);
		const struct hf_entry entry = {.name = hf_span(&name, 1),
			.type = HF_DIR,
			.size = 1,
			.extents = {.at = pieces, .n = HF_MAX_META_EXTENTS}};

		hf_dir_block_writer_add(&writer, &entry);
	}
	hf_dir_block_writer_end(&writer, out);
}

START_TEST(a_block_cannot_make_its_reader_fill_the_memory)
{
	HF_RELEASED(hf_buf) most = {0};
	HF_RELEASED(hf_buf) more = {0};
	struct hf_extent *pieces = hf_calloc(HF_MAX_META_EXTENTS, sizeof(*pieces));
	size_t n;

	for (size_t i = 0; i < HF_MAX_META_EXTENTS; i++)
		pieces[i] = piece;
	many_extents(pieces, HF_MAX_BLOCK_EXTENTS / HF_MAX_META_EXTENTS, &most);
	many_extents(pieces, HF_MAX_BLOCK_EXTENTS / HF_MAX_META_EXTENTS + 1, &more);
	free(pieces);
	ck_ok(parse_copy(hf_buf_span(&most), &n));
	ck_fails_with(HF_CORRUPT, "too many extents", parse_copy(hf_buf_span(&more), &n));
}
END_TEST

HF_TEST_MAIN("dir_block", a_block_cut_short_anywhere_is_refused,
	a_flipped_bit_anywhere_never_reads_beyond, parsed_names_and_targets_end_with_a_nul,
	tables_hold_each_thing_once, random_bytes_are_refused,
	a_block_cannot_make_its_reader_fill_the_memory)
