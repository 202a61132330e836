#include "backend/format/commit.h"

#include <stdio.h>

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "tests/lib/test.h"

static struct hf_record two[] = {
	{.kind = HF_RECORD_WANTED, .wanted = {.chunk = {{1}}, .pack = {{2}}}},
	{.kind = HF_RECORD_ORIGIN, .origin = {.commit = {{3}}, .slot = 4, .seen = 5}},
};

static struct hf_commit a_commit(void)
{
	return (struct hf_commit){.slot = 3,
		.time = 1795514400 * HF_NS_PER_S,
		.store = {1, 2, 3},
		.keyring = 4,
		.checkpoint = 5,
		.checkpoint_id = {{6}},
		.records = two,
		.n_records = 2};
}

START_TEST(a_commit_is_parsed_and_prints_the_same)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) first = {0};
	HF_RELEASED(hf_buf) second = {0};
	const struct hf_commit commit = a_commit();
	struct hf_commit parsed;

	hf_commit_print(&commit, &first);
	ck_ok(hf_commit_parse(hf_buf_span(&first), &arena, &parsed));
	ck_assert_uint_eq(parsed.slot, 3);
	ck_assert_int_eq(parsed.time, commit.time);
	ck_assert_mem_eq(parsed.store, commit.store, HF_STORE_ID_LEN);
	ck_assert_uint_eq(parsed.keyring, 4);
	ck_assert_uint_eq(parsed.checkpoint, 5);
	ck_assert(hf_id_equal(&parsed.checkpoint_id, &commit.checkpoint_id));
	ck_assert_uint_eq(parsed.n_records, 2);
	ck_assert_int_eq(parsed.records[1].kind, HF_RECORD_ORIGIN);
	ck_assert_int_eq(parsed.records[1].origin.seen, 5);
	hf_commit_print(&parsed, &second);
	ck_assert(hf_span_equal(hf_buf_span(&first), hf_buf_span(&second)));
}
END_TEST

START_TEST(a_commits_time_has_no_fraction)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_commit commit = a_commit();

	commit.time++;
	hf_commit_print(&commit, &out);
	ck_fails(HF_CORRUPT, hf_commit_parse(hf_buf_span(&out), &arena, &commit));
}
END_TEST

START_TEST(a_commit_cut_inside_anything_is_refused)
{
	HF_RELEASED(hf_buf) out = {0};
	const struct hf_commit commit = a_commit();
	size_t taken = 0;

	hf_commit_print(&commit, &out);
	for (size_t len = 0; len < out.len; len++) {
		HF_RELEASED(hf_arena) arena = {0};
		HF_FREED uint8_t *copy = hf_alloc(len);
		struct hf_commit parsed;
		struct hf_error *err;

		memcpy(copy, out.at, len);
		err = hf_commit_parse(hf_span(copy, len), &arena, &parsed);
		taken += !err; /* behind the head, and behind the first record */
		hf_error_free(err);
	}
	ck_assert_uint_eq(taken, 2);
}
END_TEST

START_TEST(a_packs_records_stand_without_a_head)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	struct hf_record *records;
	size_t n;

	ck_ok(hf_records_parse(hf_buf_span(&out), &arena, &records, &n));
	ck_assert_uint_eq(n, 0);
	hf_record_print(&two[0], &out);
	hf_record_print(&two[1], &out);
	ck_ok(hf_records_parse(hf_buf_span(&out), &arena, &records, &n));
	ck_assert_uint_eq(n, 2);
	hf_put_u8(&out, 0);
	ck_fails(HF_CORRUPT, hf_records_parse(hf_buf_span(&out), &arena, &records, &n));
}
END_TEST

START_TEST(more_records_than_the_limit_take_no_memory)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) out = {0};
	const struct hf_record least = {.kind = HF_RECORD_TIER};
	struct hf_record *records;
	size_t n;

	for (size_t i = 0; i < HF_MAX_RECORDS; i++)
		hf_record_print(&least, &out);
	ck_ok(hf_records_parse(hf_buf_span(&out), &arena, &records, &n));
	ck_assert_uint_eq(n, HF_MAX_RECORDS);
	hf_arena_release(&arena);
	hf_record_print(&least, &out);
	ck_fails(HF_CORRUPT, hf_records_parse(hf_buf_span(&out), &arena, &records, &n));
	ck_assert_ptr_null(arena.blocks);
}
END_TEST

START_TEST(a_snapshots_id_is_the_start_of_its_bodys_digest)
{
	uint8_t id[HF_SNAPSHOT_ID_LEN];
	struct hf_id digest;

	hf_sha256(hf_span_str("body"), &digest);
	hf_snapshot_id(hf_span_str("body"), id);
	ck_assert_mem_eq(id, digest.bytes, HF_SNAPSHOT_ID_LEN);
}
END_TEST

START_TEST(object_names_are_as_specified_and_read_back)
{
	static const char hex[] =
		"0102030000000000000000000000000000000000000000000000000000000000";
	const struct hf_id id = {{1, 2, 3}};
	char commit[HF_COMMIT_NAME_LEN + 1], pack[HF_PACK_NAME_LEN + 1];
	char numbered[HF_NUMBERED_NAME_LEN + 1], wanted[HF_COMMIT_NAME_LEN + 1];
	struct hf_id parsed;
	int64_t time;
	uint32_t n;

	hf_commit_name(1795514400 * HF_NS_PER_S, &id, commit);
	snprintf(wanted, sizeof(wanted), "commits/20261124T100000Z-%s", hex);
	ck_assert_str_eq(commit, wanted);
	ck_ok(hf_commit_name_parse(commit, &time, &parsed));
	ck_assert_int_eq(time, 1795514400 * HF_NS_PER_S);
	ck_assert(hf_id_equal(&id, &parsed));

	hf_pack_name(HF_CONTENT_PACK, &id, pack);
	snprintf(wanted, sizeof(wanted), "packs/01/%s", hex);
	ck_assert_str_eq(pack, wanted);
	hf_pack_name(HF_SEGMENT, &id, pack);
	snprintf(wanted, sizeof(wanted), "meta/01/%s", hex);
	ck_assert_str_eq(pack, wanted);
	ck_ok(hf_pack_name_parse(pack, &parsed));
	ck_assert(hf_id_equal(&id, &parsed));

	hf_numbered_name("checkpoints", UINT32_MAX, numbered);
	ck_assert_str_eq(numbered, "checkpoints/4294967295");
	ck_ok(hf_numbered_name_parse("checkpoints", numbered, &n));
	ck_assert_uint_eq(n, UINT32_MAX);
	ck_fails(HF_CORRUPT, hf_numbered_name_parse("keyring", numbered, &n));
}
END_TEST

START_TEST(source_names_have_the_parts_of_their_kind)
{
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {{"pg/main", true}, {"redis/a b", true}, {"velero/daily", true},
		{"pv/ns/claim", true}, {"bucket/b", true}, {"files/h-srv-data", true},
		{"files/...", true}, {"files/h\xc3\xb6he", true}, {"pg", false}, {"pg/", false},
		{"pg/a/b", false}, {"pg/a/", false}, {"pv/ns", false}, {"pv//claim", false},
		{"pv/a/b/c", false}, {"/pg/a", false}, {"", false}, {"mysql/a", false},
		{"files/..", false}, {"files/.", false}, {"pv/../x", false}, {"files/a\nb", false},
		{"files/\x7f", false}, {"files/\xc2\x9b", false}, {"files/\xff", false},
		{"files/\xe2\x80\xae", false}};
	static const struct {
		const char *pattern;
		bool valid;
	} globs[] = {{"pg/*", true}, {"pv/*/*", true}, {"*/x", true}, {"**", true},
		{"p*/a/b", true}, {"[fp]*/x", true}, {"x", false}, {"pg", false}, {"pg/a/b", false},
		{"pv/a", false}, {"fils/*", false}, {"*", false}, {"", false}};
	char longest[HF_MAX_SOURCE + 2] = "files/";

	for (size_t i = 0; i < ARRAY_LEN(globs); i++)
		ck_assert_msg(hf_source_glob_valid(globs[i].pattern) == globs[i].valid, "%s",
			globs[i].pattern);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_msg(hf_source_valid(hf_span_str(cases[i].name)) == cases[i].valid, "%s",
			cases[i].name);
	ck_assert(!hf_source_valid(hf_span("pg/a\0b", 6)));

	memset(longest + 6, 'f', sizeof(longest) - 7);
	ck_assert(hf_source_valid(hf_span(longest, HF_MAX_SOURCE)));
	ck_assert(!hf_source_valid(hf_span(longest, HF_MAX_SOURCE + 1)));
}
END_TEST

HF_TEST_MAIN("commit", a_commit_is_parsed_and_prints_the_same, a_commits_time_has_no_fraction,
	a_commit_cut_inside_anything_is_refused, a_packs_records_stand_without_a_head,
	more_records_than_the_limit_take_no_memory, a_snapshots_id_is_the_start_of_its_bodys_digest,
	object_names_are_as_specified_and_read_back, source_names_have_the_parts_of_their_kind)
