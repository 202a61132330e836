#include "backend/format/entry.h"

#include <stdio.h>

#include "tests/lib/entries.h"
#include "tests/lib/test.h"

static struct hf_entry file_named(const char *name)
{
	return (struct hf_entry){.name = hf_span_str(name), .type = HF_REG, .nlink = 1};
}

/* The index of a whole directory. */
static void open_index(struct hf_span dir, struct hf_arena *arena, struct hf_block_index *index)
{
	uint32_t len;

	ck_ok(hf_block_index_len(hf_span(dir.at + dir.len - 4, 4), dir.len, &len));
	ck_ok(hf_dir_index_parse(hf_span(dir.at + dir.len - 4 - len, len), dir.len, arena, index));
}

static void build(uint64_t seed, unsigned n, unsigned without, struct hf_buf *out)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();

	for (unsigned i = 0; i < n; i++) {
		HF_RELEASED(hf_arena) arena = {0};
		uint64_t state = seed + i;
		const struct hf_entry entry = hf_test_entry(&state, i, &arena);

		if (i != without)
			ck_ok(hf_dir_builder_add(builder, &entry));
	}
	ck_assert_uint_eq(hf_dir_builder_count(builder), n - (without < n));
	hf_dir_builder_finish(builder, out);
	ck_assert_uint_eq(hf_dir_builder_count(builder), 0);
}

START_TEST(what_is_built_is_read_back_entry_by_entry)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) dir = {0};
	const uint64_t seed = hf_test_seed();
	const unsigned n = 3000;
	struct hf_block_index index;
	unsigned number = 0;

	build(seed, n, UINT32_MAX, &dir);
	open_index(hf_buf_span(&dir), &arena, &index);
	ck_assert_uint_ge(index.n, n / HF_BLOCK_ENTRIES);

	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];
		struct hf_entry *entries;
		size_t n_entries;

		ck_ok(hf_dir_block_parse(hf_span(dir.at + block->from, block->to - block->from),
			&arena, &entries, &n_entries));
		ck_assert(hf_span_equal(entries[0].name, block->first_name));
		for (size_t k = 0; k < n_entries; k++, number++) {
			uint64_t state = seed + number;
			const struct hf_entry wanted = hf_test_entry(&state, number, &arena);

			ck_assert_msg(
				hf_test_entry_equal(&entries[k], &wanted), "entry %u", number);
		}
	}
	ck_assert_uint_eq(number, n);
}
END_TEST

START_TEST(equal_entries_give_equal_bytes_also_from_a_used_builder)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) first = {0};
	const uint64_t seed = hf_test_seed();

	build(seed, 500, UINT32_MAX, &first);
	for (int round = 0; round < 2; round++) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_RELEASED(hf_buf) again = {0};

		for (unsigned i = 0; i < 500; i++) {
			uint64_t state = seed + i;
			const struct hf_entry entry = hf_test_entry(&state, i, &arena);

			ck_ok(hf_dir_builder_add(builder, &entry));
		}
		hf_dir_builder_finish(builder, &again);
		ck_assert(hf_span_equal(hf_buf_span(&first), hf_buf_span(&again)));
	}
}
END_TEST

START_TEST(what_is_parsed_prints_to_the_same_bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) dir = {0};
	HF_RELEASED(hf_buf) again = {0};
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	struct hf_block_index index;

	build(hf_test_seed(), 1000, UINT32_MAX, &dir);
	open_index(hf_buf_span(&dir), &arena, &index);
	for (size_t i = 0; i < index.n; i++) {
		const struct hf_block *block = &index.blocks[i];
		struct hf_entry *entries;
		size_t n;

		ck_ok(hf_dir_block_parse(hf_span(dir.at + block->from, block->to - block->from),
			&arena, &entries, &n));
		for (size_t k = 0; k < n; k++)
			ck_ok(hf_dir_builder_add(builder, &entries[k]));
	}
	hf_dir_builder_finish(builder, &again);
	ck_assert(hf_span_equal(hf_buf_span(&dir), hf_buf_span(&again)));
}
END_TEST

static bool has_block(
	const struct hf_buf *dir, const struct hf_block_index *index, struct hf_span wanted)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct hf_block *block = &index->blocks[i];

		if (hf_span_equal(hf_span(dir->at + block->from, block->to - block->from), wanted))
			return true;
	}
	return false;
}

START_TEST(a_name_that_goes_changes_few_blocks)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) with = {0};
	HF_RELEASED(hf_buf) without = {0};
	struct hf_block_index before, after;
	unsigned changed = 0;

	build(1, 3000, UINT32_MAX, &with);
	build(1, 3000, 700, &without);
	open_index(hf_buf_span(&with), &arena, &before);
	open_index(hf_buf_span(&without), &arena, &after);
	for (size_t i = 0; i < after.n; i++) {
		const struct hf_block *block = &after.blocks[i];
		const struct hf_span bytes =
			hf_span(without.at + block->from, block->to - block->from);

		changed += !has_block(&with, &before, bytes);
	}

	ck_assert_uint_ge(changed, 1);
	ck_assert_uint_le(changed, 6);
}
END_TEST

START_TEST(an_empty_directory_has_no_bytes)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) out = {0};

	hf_dir_builder_finish(builder, &out);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(a_name_must_be_greater_than_the_last_also_across_blocks)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	char name[16];

	for (int i = 0; i < 200; i++) {
		struct hf_entry entry;

		snprintf(name, sizeof(name), "n%04d", i);
		entry = file_named(name);
		ck_ok(hf_dir_builder_add(builder, &entry));
		ck_fails_with(HF_INVALID, "order", hf_dir_builder_add(builder, &entry));
		entry = file_named("n");
		ck_fails_with(HF_INVALID, "order", hf_dir_builder_add(builder, &entry));
	}
	ck_assert_uint_eq(hf_dir_builder_count(builder), 200);
}
END_TEST

START_TEST(names_are_found_in_the_block_that_would_hold_them)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) dir = {0};
	struct hf_block_index index;

	build(1, 1000, UINT32_MAX, &dir);
	open_index(hf_buf_span(&dir), &arena, &index);

	ck_assert_uint_gt(index.n, 3);
	ck_assert_uint_eq(hf_dir_index_find(&index, hf_span_str("A")), index.n);
	ck_assert_uint_eq(hf_dir_index_find(&index, hf_span_str("b")), index.n - 1);
	for (size_t i = 0; i < index.n; i++) {
		struct hf_span name = index.blocks[i].first_name;

		ck_assert_uint_eq(hf_dir_index_find(&index, name), i);
		name.len--;
		ck_assert_uint_lt(hf_dir_index_find(&index, name) + 1, i ? i + 1 : index.n + 2);
	}
}
END_TEST

static struct hf_error *add_one(const struct hf_entry *entry)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();

	return hf_dir_builder_add(builder, entry);
}

static bool refused(const struct hf_entry *entry)
{
	struct hf_error *err = add_one(entry);
	const bool failed = err;

	hf_error_free(err); /* that there is one is the answer */
	return failed;
}

START_TEST(names_that_could_lead_elsewhere_are_refused)
{
	static const struct {
		const char *bytes;
		size_t len;
	} names[] = {{"", 0}, {".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\0b", 3}, {"\0", 1}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct hf_entry entry = file_named("x");

		entry.name = hf_span(names[i].bytes, names[i].len);
		ck_fails_with(HF_INVALID, "name", add_one(&entry));
	}
	ck_ok(add_one(&(struct hf_entry){.name = hf_span_str("..."), .type = HF_FIFO}));
	ck_ok(add_one(&(struct hf_entry){.name = hf_span_str(".a"), .type = HF_FIFO}));
	ck_ok(add_one(&(struct hf_entry){.name = hf_span_str("\xff\n\x01"), .type = HF_FIFO}));
}
END_TEST

START_TEST(a_name_may_be_as_long_as_its_limit_and_no_longer)
{
	char name[HF_MAX_NAME + 1];
	struct hf_entry entry = file_named("x");

	memset(name, 'n', sizeof(name));
	entry.name = hf_span(name, HF_MAX_NAME);
	ck_ok(add_one(&entry));
	entry.name = hf_span(name, HF_MAX_NAME + 1);
	ck_fails_with(HF_INVALID, "name", add_one(&entry));
}
END_TEST

/* Entries with one thing too many or too few, and what is said of each. */
static const struct hf_extent piece = {.chunk = {{1}}, .length = 10, .offset = 5};
static const struct hf_extent hole = {.length = 10};
static const struct hf_extent beyond = {.chunk = {{1}}, .length = 2, .offset = HF_MAX_CHUNK - 1};
static const struct hf_extent none = {.chunk = {{1}}};
static const struct hf_xattr twice[] = {
	{{(const uint8_t *)"user.a", 6}, {0}}, {{(const uint8_t *)"user.a", 6}, {0}}};
static const struct hf_xattr nameless[] = {{{0}, {0}}};

#define ONE(extent) ((struct hf_extents){.at = (struct hf_extent *)(uintptr_t) & (extent), .n = 1})

START_TEST(entries_that_contradict_themselves_are_refused)
{
	const struct {
		const char *said;
		struct hf_entry entry;
	} cases[] = {
		{"type", {.type = 0}},
		{"type", {.type = HF_SOCK + 1}},
		{"mode", {.type = HF_FIFO, .mode = 010000}},
		{"target", {.type = HF_LNK}},
		{"target", {.type = HF_LNK, .target = {(const uint8_t *)"a\0b", 3}}},
		{"links", {.type = HF_FIFO, .linked = true}},
		{"linked", {.type = HF_DIR, .linked = true, .nlink = 2}},
		{"size", {.type = HF_REG, .size = 1}},
		{"size", {.type = HF_REG, .size = 11, .extents = ONE(piece)}},
		{"size", {.type = HF_REG, .size = (UINT64_C(1) << 62) + 1}},
		{"chunk", {.type = HF_REG, .size = 2, .extents = ONE(beyond)}},
		{"length", {.type = HF_REG, .size = 0, .extents = ONE(none)}},
		{"file of extents", {.type = HF_REG, .size = 5, .extents_file = true}},
		{"file of extents",
			{.type = HF_REG, .size = 5, .extents_file = true, .extents = ONE(hole)}},
		{"file of extents",
			{.type = HF_REG,
				.size = 5,
				.hole_bytes = 6,
				.extents_file = true,
				.extents = ONE(piece)}},
		{"empty directory", {.type = HF_DIR, .extents = ONE(piece)}},
		{"directory's", {.type = HF_DIR, .size = 1}},
		{"directory's", {.type = HF_DIR, .size = 1, .extents = ONE(hole)}},
		{"content",
			{.type = HF_LNK,
				.target = {(const uint8_t *)"a", 1},
				.extents = ONE(piece)}},
		{"content", {.type = HF_FIFO, .incomplete = true}},
		{"fingerprint", {.type = HF_DIR, .fingerprinted = true, .secret = ONE(piece)}},
		{"secret", {.type = HF_REG, .fingerprinted = true}},
		{"secret", {.type = HF_REG, .fingerprinted = true, .secret = ONE(hole)}},
		{"page map", {.type = HF_REG, .page_map = ONE(hole)}},
		{"order", {.type = HF_FIFO, .xattrs = twice, .n_xattrs = 2}},
		{"name", {.type = HF_FIFO, .xattrs = nameless, .n_xattrs = 1}},
		{"owner", {.type = HF_FIFO, .user = {(const uint8_t *)"a\0b", 3}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct hf_entry entry = cases[i].entry;

		entry.name = hf_span_str("x");
		ck_fails_with(HF_INVALID, cases[i].said, add_one(&entry));
	}
}
END_TEST

START_TEST(limits_hold_at_and_break_beyond)
{
	static uint8_t bytes[HF_MAX_XATTR_VALUE + 1];
	struct hf_extent extents[HF_INLINE_EXTENTS + 1];
	struct hf_xattr xattrs[HF_MAX_XATTRS + 1];
	static char names[HF_MAX_XATTRS + 1][16];
	struct hf_entry entry = file_named("x");

	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < ARRAY_LEN(extents); i++)
		extents[i] = piece;
	for (size_t i = 0; i < ARRAY_LEN(xattrs); i++) {
		snprintf(names[i], sizeof(names[i]), "user.%05zu", i);
		xattrs[i] = (struct hf_xattr){
			hf_span_str(names[i]), hf_span(bytes, HF_MAX_XATTR_VALUE)};
	}

	for (unsigned more = 0; more < 2; more++) {
		entry = file_named("x");
		entry.extents = (struct hf_extents){.at = extents, .n = HF_INLINE_EXTENTS + more};
		entry.size = hf_extents_length(&entry.extents);
		ck_assert_int_eq(more, refused(&entry));

		entry = file_named("x");
		entry.xattrs = xattrs;
		entry.n_xattrs = HF_MAX_XATTRS + more;
		ck_assert_int_eq(more, refused(&entry));

		entry = (struct hf_entry){.name = hf_span_str("x"), .type = HF_LNK};
		entry.target = hf_span(bytes, HF_MAX_TARGET + more);
		ck_assert_int_eq(more, refused(&entry));
	}
	xattrs[0].value.len++;
	entry = file_named("x");
	entry.xattrs = xattrs;
	entry.n_xattrs = 1;
	ck_fails_with(HF_INVALID, "value", add_one(&entry));
}
END_TEST

START_TEST(the_largest_entry_fits_a_block_that_is_read)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) dir = {0};
	uint8_t *value = hf_arena_alloc(&arena, HF_MAX_XATTR_VALUE);
	struct hf_xattr *xattrs = hf_arena_alloc(&arena, HF_MAX_XATTRS * sizeof(*xattrs));
	uint64_t state = hf_test_seed();
	struct hf_entry entry = file_named("y"), *parsed;
	struct hf_block_index index;
	size_t n;

	memset(value, 'v', HF_MAX_XATTR_VALUE);
	for (size_t i = 0; i < HF_MAX_XATTRS; i++) {
		char *name = hf_format("user.%05zu%0999d", i, 0);

		xattrs[i].name = hf_arena_span(&arena, hf_span_str(name));
		xattrs[i].value = hf_span(value, HF_MAX_XATTR_VALUE);
		free(name);
	}
	entry.xattrs = xattrs;
	entry.n_xattrs = HF_MAX_XATTRS;
	entry.size = 1;
	entry.extents_file = true;
	entry.extents = hf_test_extents(&state, HF_MAX_META_EXTENTS, false, &arena);
	entry.page_map = entry.secret = entry.extents;
	entry.fingerprinted = true;

	ck_ok(hf_dir_builder_add(builder, &entry));
	hf_dir_builder_finish(builder, &dir);
	open_index(hf_buf_span(&dir), &arena, &index);
	ck_ok(hf_dir_block_parse(hf_span(dir.at, index.blocks[0].to), &arena, &parsed, &n));
	ck_assert(hf_test_entry_equal(parsed, &entry));
}
END_TEST

START_TEST(a_root_stands_alone_and_may_have_no_name)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_entry root = {.type = HF_DIR,
				.mode = 0755,
				.size = 7,
				.extents = ONE(piece),
				.nlink = 1},
			parsed, *entries;
	size_t n;

	hf_entry_print_alone(&root, &out);
	ck_ok(hf_entry_parse_alone(hf_buf_span(&out), &arena, &parsed));
	ck_assert(hf_test_entry_equal(&root, &parsed));
	ck_fails(HF_CORRUPT, hf_dir_block_parse(hf_buf_span(&out), &arena, &entries, &n));

	root.name = hf_span_str("home");
	hf_buf_clear(&out);
	hf_entry_print_alone(&root, &out);
	ck_ok(hf_entry_parse_alone(hf_buf_span(&out), &arena, &parsed));
	ck_assert(hf_test_entry_equal(&root, &parsed));
}
END_TEST

HF_TEST_MAIN("entry", what_is_built_is_read_back_entry_by_entry,
	equal_entries_give_equal_bytes_also_from_a_used_builder,
	what_is_parsed_prints_to_the_same_bytes, a_name_that_goes_changes_few_blocks,
	an_empty_directory_has_no_bytes, a_name_must_be_greater_than_the_last_also_across_blocks,
	names_are_found_in_the_block_that_would_hold_them,
	names_that_could_lead_elsewhere_are_refused,
	a_name_may_be_as_long_as_its_limit_and_no_longer,
	entries_that_contradict_themselves_are_refused, limits_hold_at_and_break_beyond,
	the_largest_entry_fits_a_block_that_is_read, a_root_stands_alone_and_may_have_no_name)
