/* Every kept malformed input is refused by its parser, and every good one taken. */
#include "backend/format/checkpoint.h"
#include "backend/format/hash.h"
#include "backend/format/keyring.h"
#include "tests/lib/inputs.h"
#include "tests/lib/section.h"
#include "tests/lib/test.h"

static bool is_good(struct hf_error *err)
{
	const bool good = !err;

	if (err)
		ck_assert_int_eq(hf_error_kind(err), HF_CORRUPT);
	hf_error_free(err); /* whether there is one is all that is asked */
	return good;
}

static bool takes_dir_block(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_entry *entries, alone;
	size_t n;

	return is_good(hf_dir_block_parse(bytes, &arena, &entries, &n)) ||
		is_good(hf_entry_parse_alone(bytes, &arena, &alone));
}

typedef hf_err (*index_fn)(
	struct hf_span bytes, uint64_t size, struct hf_arena *arena, struct hf_block_index *out);

static bool takes_index(struct hf_span bytes, index_fn parse)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_block_index index;
	uint32_t len;

	if (!is_good(hf_block_index_len(hf_span(bytes.at + bytes.len - 4, 4), bytes.len, &len)))
		return false;
	return is_good(
		parse(hf_span(bytes.at + bytes.len - 4 - len, len), bytes.len, &arena, &index));
}

static bool takes_dir_index(struct hf_span bytes)
{
	return takes_index(bytes, hf_dir_index_parse);
}

static bool takes_extents_index(struct hf_span bytes)
{
	return takes_index(bytes, hf_extents_index_parse);
}

static bool takes_extents(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_extents extents;

	return is_good(hf_extents_block_parse(bytes, &arena, &extents));
}

static bool takes_page_map(struct hf_span bytes)
{
	struct hf_page_map map;

	return is_good(hf_page_map_parse(bytes, &map));
}

static bool takes_record(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_wire wire = hf_wire(bytes);
	struct hf_record record;

	hf_record_parse(&wire, &arena, &record);
	return is_good(hf_wire_end(&wire, "record"));
}

static bool takes_commit(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_commit commit;

	return is_good(hf_commit_parse(bytes, &arena, &commit));
}

static bool takes_object_name(struct hf_span bytes)
{
	HF_FREED char *name = hf_strndup((const char *)bytes.at, bytes.len);
	struct hf_id id;
	int64_t time;
	uint32_t n;

	return is_good(hf_commit_name_parse(name, &time, &id)) ||
		is_good(hf_pack_name_parse(name, &id)) ||
		is_good(hf_numbered_name_parse("keyring", name, &n));
}

static bool takes_checkpoint(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_checkpoint checkpoint;

	return is_good(hf_checkpoint_parse(bytes, &arena, &checkpoint));
}

static bool takes_segment(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	const struct hf_span rest = hf_span(bytes.at + 1, bytes.len - 1);
	struct hf_segment segment;
	struct hf_chunk_row *chunks;
	struct hf_pack_row *packs;
	size_t n;

	switch (bytes.at[0]) {
	case 0:
		return is_good(hf_segment_parse(rest, &arena, &segment));
	case 1:
		return is_good(hf_chunk_rows_parse(rest, &arena, &chunks, &n));
	default:
		return is_good(hf_pack_rows_parse(rest, &arena, &packs, &n));
	}
}

static bool takes_container(struct hf_span bytes)
{
	struct hf_epoch_keys keys = hf_test_section_keys();
	HF_RELEASED(hf_buf) object = {0};
	HF_RELEASED(hf_last) last = {0};

	hf_test_section_seal(bytes, &object);
	return is_good(hf_last_open(hf_buf_span(&object), &keys, &last));
}

/* The files have no digest, so that each has one defect. */
static bool takes_keyring(struct hf_span bytes)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) whole = {0};
	struct hf_keyring keyring;
	struct hf_id digest;

	hf_sha256(bytes, &digest);
	hf_buf_add_span(&whole, bytes);
	hf_buf_add(&whole, digest.bytes, sizeof(digest.bytes));
	return is_good(hf_keyring_parse(hf_buf_span(&whole), &arena, &keyring));
}

static const struct {
	const char *form;
	hf_takes_fn *takes;
} forms[] = {
	{"checkpoint", takes_checkpoint},
	{"commit", takes_commit},
	{"container", takes_container},
	{"dir_block", takes_dir_block},
	{"dir_index", takes_dir_index},
	{"extents", takes_extents},
	{"extents_index", takes_extents_index},
	{"keyring", takes_keyring},
	{"object_name", takes_object_name},
	{"page_map", takes_page_map},
	{"record", takes_record},
	{"segment", takes_segment},
	{"source", hf_source_valid},
};

START_TEST(malformed_inputs_are_refused_and_good_ones_taken)
{
	hf_inputs_judge(forms[_i].form, forms[_i].takes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("malformed");
	TCase *tests = hf_test_case(suite, "malformed");

	tcase_add_loop_test(
		tests, malformed_inputs_are_refused_and_good_ones_taken, 0, ARRAY_LEN(forms));
	return hf_test_run_suite(suite);
}
