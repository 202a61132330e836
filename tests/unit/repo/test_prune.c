/* What is forgotten goes, what lives stays, and whoever dies on the way leaves nothing broken. */
#include "backend/repo/prune.h"

#include <string.h>

#include "backend/repo/check.h"
#include "backend/repo/commit.h"
#include "backend/repo/forget.h"
#include "backend/repo/segments_read.h"
#include "backend/tree/mark.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CACHE ((size_t)1 << 20)

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 1);
}

static void teardown(void)
{
	hf_small_end(&small);
}

static struct hf_prune_result prune(int64_t grace)
{
	struct hf_prune_result result = {0};

	ck_ok(hf_numbered_prune(small.repo, grace, &result));
	return result;
}

/* Everything that is given up goes: two runs, each followed by the wait. */
static void prune_all(void)
{
	for (int i = 0; i < 3; i++) {
		hf_mem_pass(small.mem, 4);
		prune(-1);
	}
}

/* Calls from the at-th on fail, of those that are meant; as if the process ended there. */
struct end {
	unsigned calls; /* 0: all */
	const char *prefix;
	unsigned at, count;
};

static struct hf_error *end_there(void *arg, enum hf_store_call call, const char *name)
{
	struct end *end = arg;

	if ((!end->calls || end->calls & call) &&
		strncmp(name, end->prefix, strlen(end->prefix)) == 0)
		end->count++;
	return end->at && end->count >= end->at ? hf_error_new(HF_SYSTEM, "%s: ended", name) : NULL;
}

static struct hf_id the_id(const uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	struct hf_id padded = {{0}};

	memcpy(padded.bytes, id, HF_SNAPSHOT_ID_LEN);
	return padded;
}

static struct hf_id backup(const char *source, int64_t moment, hf_files files)
{
	uint8_t id[HF_SNAPSHOT_ID_LEN];

	ck_ok(hf_numbered_backup(small.repo, source, moment, files, id));
	return the_id(id);
}

static void forget(struct hf_repo *repo, const struct hf_id *id)
{
	uint8_t ids[1][HF_SNAPSHOT_ID_LEN];

	memcpy(ids[0], id->bytes, HF_SNAPSHOT_ID_LEN);
	ck_ok(hf_forget(repo, ids, 1));
}

#define EXPECT(...) \
	hf_numbered_expect(&small, NULL, (const hf_files[]){__VA_ARGS__}, \
		sizeof((const hf_files[]){__VA_ARGS__}) / sizeof(hf_files))

START_TEST(what_is_forgotten_goes_and_what_lives_stays)
{
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0xf000);
	const uint64_t before = hf_mem_bytes(small.mem, "packs/");

	forget(small.repo, &first);
	prune_all();
	EXPECT(0xf000);
	ck_assert_uint_lt(hf_mem_bytes(small.mem, "packs/"), before / 2);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
}
END_TEST

START_TEST(what_is_shared_with_what_is_forgotten_stays)
{
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0x0ff0);
	backup("files/b", 3, 0x0003);
	forget(small.repo, &first);
	prune_all();
	EXPECT(0x0ff0, 0x0003);
}
END_TEST

START_TEST(each_step_waits_for_the_grace_period)
{
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0xf000);
	forget(small.repo, &first);

	/* Too young to be given up. */
	hf_mem_pass(small.mem, 2);
	ck_assert_uint_eq(prune(-1).announced, 0);
	/* Announced: a pack of content and one of metadata. */
	hf_mem_pass(small.mem, 2);
	ck_assert_uint_eq(prune(-1).announced, 2);
	/* Not due, and not announced a second time. */
	hf_mem_pass(small.mem, 2);
	struct hf_prune_result result = prune(-1);

	ck_assert_uint_eq(result.announced, 0);
	ck_assert_uint_eq(result.waiting, 2);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	EXPECT(0xf000);
	/* Due. */
	hf_mem_pass(small.mem, 2);
	prune(-1);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	EXPECT(0xf000);
}
END_TEST

START_TEST(without_grace_one_run_does_it_all)
{
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0xf000);
	forget(small.repo, &first);
	hf_mem_pass(small.mem, 1);
	ck_assert_uint_ge(prune(0).swept, 2);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	EXPECT(0xf000);
}
END_TEST

START_TEST(a_dry_run_changes_nothing)
{
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0xf000);
	forget(small.repo, &first);
	hf_mem_pass(small.mem, 4);
	const size_t objects = hf_mem_count(small.mem, "");
	HF_OWNED(hf_reader) reader = NULL;

	ck_ok(hf_reader_open(small.repo, CACHE, 0, &reader));
	HF_OWNED(hf_marker) marker = hf_marker_new(reader, NULL, NULL);
	const struct hf_prune_options options = {
		.grace = 0, .dry_run = true, .mark = hf_mark_live, .arg = marker};
	struct hf_prune_result result;

	ck_ok(hf_prune_run(small.repo, &options, &result));
	ck_assert_uint_eq(result.announced, 2);
	ck_assert_uint_eq(hf_mem_count(small.mem, ""), objects);
}
END_TEST

START_TEST(what_is_needed_again_is_kept)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	const struct hf_id first = backup("files/a", 1, 0x00ff);

	backup("files/a", 2, 0xf000);
	/* Somebody begins before the announcement, and needs what it names. */
	ck_ok(hf_repo_sync(other, NULL));
	HF_OWNED(hf_writer) writer = hf_small_writer(other);
	const struct hf_numbered_snapshot snapshot = {.source = "files/b", .moment = 3};
	struct hf_entry root;

	ck_ok(hf_numbered_put(writer, 0x00ff, &root));
	forget(small.repo, &first);
	hf_mem_pass(small.mem, 4);
	ck_assert_uint_ge(prune(-1).announced, 1);
	ck_ok(hf_numbered_add(writer, &snapshot, &root, false, NULL));
	ck_ok(hf_writer_publish(writer));
	/* It is told, and its content is safe nevertheless. */
	ck_fails(HF_TRANSIENT, hf_writer_look(writer));
	hf_extents_release(&root.extents);
	hf_mem_pass(small.mem, 4);
	prune(-1);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	/* A pack like any other again: who needs it may rely on it. */
	backup("files/b", 4, 0x00ff);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	EXPECT(0xf000, 0x00ff);
}
END_TEST

START_TEST(a_pack_that_is_mostly_waste_is_written_anew)
{
	const struct hf_id first = backup("files/a", 1, 0xffff);

	backup("files/a", 2, 0x0001);
	forget(small.repo, &first);
	const uint64_t before = hf_mem_bytes(small.mem, "packs/");

	hf_mem_pass(small.mem, 4);
	ck_assert_uint_gt(prune(-1).repacked_bytes, 0);
	EXPECT(0x0001);
	hf_mem_pass(small.mem, 4);
	prune(-1);
	EXPECT(0x0001);
	ck_assert_uint_lt(hf_mem_bytes(small.mem, "packs/"), before / 4);
	/* Once is enough. */
	hf_mem_pass(small.mem, 4);
	ck_assert_uint_eq(prune(-1).announced, 0);
	/* What was written anew is what a writer finds. */
	backup("files/a", 3, 0x0001);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
}
END_TEST

START_TEST(what_no_commit_names_goes_after_the_grace_period_only)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	struct end end = {.calls = HF_CALL_PUT, .prefix = "commits/", .at = 1};

	backup("files/a", 1, 0x000f);
	hf_mem_hook(small.mem, end_there, &end);
	ck_fails(HF_SYSTEM, hf_numbered_backup(other, "files/b", 2, 0x0ff0, NULL));
	hf_mem_hook(small.mem, NULL, NULL);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	/* However short the wait is to be: a backup may be on its way to name them. */
	hf_mem_pass(small.mem, 2);
	ck_assert_uint_eq(prune(0).left, 0);
	hf_mem_pass(small.mem, 2);
	ck_assert_uint_eq(prune(-1).left, 2);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	hf_mem_pass(small.mem, 4);
	prune(-1);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	EXPECT(0x000f);
}
END_TEST

START_TEST(a_swept_pack_is_not_brought_back_by_a_late_commit)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	HF_OWNED(hf_writer) writer = hf_small_writer(other);
	const struct hf_numbered_snapshot snapshot = {.source = "files/b", .moment = 2};
	struct end end = {.calls = HF_CALL_PUT, .prefix = "commits/", .at = 1};
	struct hf_entry root;
	int64_t pack;

	ck_ok(hf_numbered_put(writer, 0x0ff0, &root));
	hf_mem_hook(small.mem, end_there, &end);
	ck_fails(HF_SYSTEM, hf_writer_publish(writer));
	hf_mem_hook(small.mem, NULL, NULL);
	backup("files/a", 1, 0x000f);
	prune_all();
	/* It wakes up, and names what is gone. */
	ck_ok(hf_numbered_add(writer, &snapshot, &root, false, NULL));
	ck_ok(hf_writer_publish(writer));
	ck_fails(HF_TRANSIENT, hf_writer_look(writer));
	ck_ok(hf_catalog_safe_copy(hf_repo_catalog(other), &root.extents.at[0].chunk, &pack));
	ck_assert_int_eq(pack, 0);
	hf_extents_release(&root.extents);
	/* Whoever comes now stores it again. */
	backup("files/b", 3, 0x0ff0);
	EXPECT(0x000f, 0x0ff0);
	prune_all();
	EXPECT(0x000f, 0x0ff0);
}
END_TEST

START_TEST(a_checkpoint_tells_all_that_its_commits_told)
{
	for (unsigned i = 0; i < 5; i++)
		backup(i % 2 ? "files/a" : "files/b", i + 1, 0x11u << i);
	struct hf_id gone = backup("files/c", 6, 0xf0000);

	backup("files/c", 7, 0x3);
	forget(small.repo, &gone);
	prune_all();
	/* One checkpoint, and no commit that it contains. */
	ck_assert_uint_eq(hf_mem_count(small.mem, "checkpoints/"), 1);
	ck_assert_uint_le(hf_mem_count(small.mem, "commits/"), 1);
	EXPECT(0x11, 0x22, 0x44, 0x88, 0x110, 0x3);

	/* A writer with no catalog finds what is stored. */
	const size_t packs = hf_mem_count(small.mem, "packs/");
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_ok(hf_numbered_backup(fresh, "files/d", 8, 0x1ff, NULL));
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), packs);
	/* What was forgotten stays so. */
	EXPECT(0x11, 0x22, 0x44, 0x88, 0x110, 0x3, 0x1ff);
}
END_TEST

START_TEST(who_reads_takes_in_no_more_of_the_tables_than_it_needs)
{
	const struct hf_id first = backup("files/a", 1, 0xf0000);

	for (unsigned i = 0; i < 3; i++)
		backup("files/a", i + 2, 0x11u << i);
	forget(small.repo, &first);
	prune_all();
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshot_info newest;
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_entry root;
	bool any;
	size_t n;

	ck_ok(hf_history_at(fresh, "files/a", INT64_MAX, &arena, &newest));
	ck_ok(hf_entry_parse_alone(newest.snapshot.root, &arena, &root));
	const struct hf_id *chunk = &root.extents.at[0].chunk;

	ck_ok(hf_catalog_find(hf_repo_catalog(fresh), chunk, places, &n));
	ck_assert_uint_eq(n, 0);
	ck_ok(hf_segments_page_in(fresh, chunk, &any));
	ck_assert(any);
	ck_ok(hf_catalog_find(hf_repo_catalog(fresh), chunk, places, &n));
	ck_assert_uint_eq(n, 1);
	/* With all of it in, nothing is left to look into. */
	ck_ok(hf_segments_read(fresh));
	ck_ok(hf_segments_page_in(fresh, chunk, &any));
	ck_assert(!any);
}
END_TEST

START_TEST(twenty_prunes_in_a_row_leave_a_small_checkpoint)
{
	struct hf_id before = backup("files/a", 1, 0x3);

	for (unsigned i = 0; i < 20; i++) {
		const struct hf_id next = backup("files/a", i + 2, 0x3u << (i % 16 + 1));

		forget(small.repo, &before);
		before = next;
		hf_mem_pass(small.mem, 4);
		prune(-1);
	}
	prune_all();
	EXPECT(0x3u << 4);
	/* Segments of four kinds, each but once written whole and then added to. */
	ck_assert_uint_lt(hf_mem_count(small.mem, "meta/"), 80);
}
END_TEST

START_TEST(of_two_copies_by_who_may_delete_one_stays)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	const struct hf_numbered_snapshot second = {.source = "files/b", .moment = 2};
	struct hf_entry root = {0};

	/* Two that did not know of each other store the same content. */
	HF_OWNED(hf_writer) writer = hf_small_writer(other);

	backup("files/a", 1, 0x1);
	ck_ok(hf_numbered_put(writer, 0x1, &root));
	ck_ok(hf_numbered_add(writer, &second, &root, true, NULL));
	ck_ok(hf_writer_publish(writer));
	ck_ok(hf_writer_look(writer));
	hf_extents_release(&root.extents);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 2);
	prune_all();
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	EXPECT(0x1, 0x1);
}
END_TEST

START_TEST(a_copy_that_is_marked_bad_does_not_spare_the_good_one)
{
	HF_OWNED(hf_repo) other = hf_small_open(&small);
	const struct hf_entry none = {0};
	struct hf_entry root[2] = {none, none};
	struct hf_location places[HF_MAX_LOCATIONS];
	HF_RELEASED(hf_buf) mark = {0};
	struct hf_pack bad;
	size_t n;

	/* Two that did not know of each other store the same content. */
	ck_ok(hf_repo_sync(other, NULL));
	HF_OWNED(hf_writer) writer = hf_small_writer(other);

	backup("files/a", 1, 0x1);
	ck_ok(hf_numbered_put(writer, 0x1, &root[0]));
	ck_ok(hf_numbered_add(writer,
		&(struct hf_numbered_snapshot){.source = "files/b", .moment = 2}, &root[0], true,
		NULL));
	ck_ok(hf_writer_publish(writer));
	ck_ok(hf_writer_look(writer));
	const struct hf_id chunk = root[0].extents.at[0].chunk;

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &chunk, places, &n));
	ck_assert_uint_eq(n, 2);
	/* The first of them is found to be bad. */
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &bad));
	const struct hf_record wanted = {
		.kind = HF_RECORD_WANTED, .wanted = {.chunk = chunk, .pack = bad.id}};
	char name[HF_COMMIT_NAME_LEN + 1];

	hf_pack_object_name(&bad, name);
	hf_mem_at(small.mem, name, 0)->at[places[0].row.offset] ^= 1;
	hf_record_print(&wanted, &mark);
	ck_ok(hf_commit_put(small.repo, hf_buf_span(&mark), 0, NULL));
	hf_extents_release(&root[0].extents);
	prune_all();
	EXPECT(0x1, 0x1);
}
END_TEST

static struct hf_error *hurt_first(void *arg, const struct hf_object *object)
{
	if (*(bool *)arg)
		return NULL;
	hf_mem_at(small.mem, object->name, 0)->at[HF_HEADER_LEN + 10] ^= 1;
	*(bool *)arg = true;
	return NULL;
}

static uint64_t findings(void)
{
	const struct hf_check_options options = {.read_data = true};
	struct hf_check_result result;
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_ok(hf_check_objects(fresh, &options, &result));
	return result.findings;
}

/* What was lost in it is stored again, but its other chunks are needed: they move. */
START_TEST(a_pack_that_is_hurt_goes_once_what_it_lost_is_healed)
{
	const hf_files files[] = {UINT32_MAX, UINT32_MAX};
	bool done = false;

	ck_ok(hf_numbered_backup(small.repo, "files/a", 1, files[0], NULL));
	ck_ok(hf_store_list(hf_repo_store(small.repo), "packs/", "", hurt_first, &done));
	ck_assert_uint_gt(findings(), 0);
	/* Nothing is healed yet: it stays, whatever is hurt. */
	prune_all();
	ck_assert_uint_gt(findings(), 0);
	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(hf_numbered_backup(small.repo, "files/a", 2, files[1], NULL));
	prune_all();
	ck_assert_uint_eq(findings(), 0);
	hf_numbered_expect(&small, "files/a", files, ARRAY_LEN(files));
}
END_TEST

START_TEST(a_key_prunes_as_far_as_its_rights_go)
{
	HF_OWNED(hf_repo) blind = hf_small_open_as(&small, HF_MAINTAIN);
	HF_OWNED(hf_repo) reader = hf_small_open_as(&small, HF_READ | HF_WRITE);
	const struct hf_id first = backup("files/a", 1, 0xff0f);
	const struct hf_id second = backup("files/a", 2, 0x00f0);
	struct hf_prune_result result;

	backup("files/a", 3, 0x0001);
	forget(small.repo, &first);
	forget(small.repo, &second);
	hf_mem_pass(small.mem, 4);
	ck_fails(HF_DENIED, hf_numbered_prune(reader, -1, &result));
	/* Content can't be moved by who can't read it. What is dead goes. */
	ck_ok(hf_numbered_prune(blind, -1, &result));
	hf_mem_pass(small.mem, 4);
	ck_ok(hf_numbered_prune(blind, -1, &result));
	EXPECT(0x0001);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
	hf_mem_pass(small.mem, 4);
	ck_ok(hf_numbered_prune(small.repo, 0, &result));
	EXPECT(0x0001);
	ck_assert_uint_eq(hf_mem_count(small.mem, "packs/"), 1);
}
END_TEST

/* A state in which one run settles, sweeps, finds leftovers, repacks and announces. */
static struct hf_mem *busy_state(void)
{
	struct end end = {.calls = HF_CALL_PUT, .prefix = "commits/", .at = 1};
	const struct hf_id first = backup("files/a", 1, 0x00ff);
	const struct hf_id second = backup("files/b", 2, 0xff00);

	backup("files/a", 3, 0xf0000);
	forget(small.repo, &first);
	hf_mem_pass(small.mem, 4);
	prune(-1);
	hf_mem_pass(small.mem, 4);
	backup("files/b", 4, 0x0100);
	forget(small.repo, &second);
	hf_mem_hook(small.mem, end_there, &end);
	ck_fails(HF_SYSTEM, hf_numbered_backup(small.repo, "files/c", 5, 0x30000000, NULL));
	hf_mem_hook(small.mem, NULL, NULL);
	hf_mem_pass(small.mem, 4);
	return hf_mem_save(small.mem);
}

START_TEST(a_maintainer_may_die_at_any_call)
{
	HF_OWNED(hf_mem) saved = busy_state();
	struct end end = {.prefix = "", .at = 1};
	struct hf_error *err = hf_error_new(HF_SYSTEM, "none yet");

	const unsigned step = getenv("HF_BIG") ? 1 : 11;

	for (; err; end.at += step) {
		hf_mem_go_back(small.mem, saved);
		HF_OWNED(hf_repo) dies = hf_small_open(&small);
		HF_OWNED(hf_repo) next = NULL;
		struct hf_prune_result result;

		hf_error_free(err); /* every one is expected, until there is none */
		end.count = 0;
		hf_mem_hook(small.mem, end_there, &end);
		err = hf_numbered_prune(dies, -1, &result);
		hf_mem_hook(small.mem, NULL, NULL);
		if (!err)
			ck_assert(result.swept && result.left && result.repacked_bytes);
		EXPECT(0xf0000, 0x0100);
		next = hf_small_open(&small);
		ck_ok(hf_numbered_prune(next, 0, &result));
		EXPECT(0xf0000, 0x0100);
	}
	ck_assert_uint_gt(end.at, 20);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prune");
	TCase *tests = hf_test_case(suite, "prune");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_forgotten_goes_and_what_lives_stays);
	tcase_add_test(tests, what_is_shared_with_what_is_forgotten_stays);
	tcase_add_test(tests, each_step_waits_for_the_grace_period);
	tcase_add_test(tests, without_grace_one_run_does_it_all);
	tcase_add_test(tests, a_dry_run_changes_nothing);
	tcase_add_test(tests, what_is_needed_again_is_kept);
	tcase_add_test(tests, a_pack_that_is_mostly_waste_is_written_anew);
	tcase_add_test(tests, what_no_commit_names_goes_after_the_grace_period_only);
	tcase_add_test(tests, a_swept_pack_is_not_brought_back_by_a_late_commit);
	tcase_add_test(tests, a_checkpoint_tells_all_that_its_commits_told);
	tcase_add_test(tests, who_reads_takes_in_no_more_of_the_tables_than_it_needs);
	tcase_add_test(tests, twenty_prunes_in_a_row_leave_a_small_checkpoint);
	tcase_add_test(tests, of_two_copies_by_who_may_delete_one_stays);
	tcase_add_test(tests, a_copy_that_is_marked_bad_does_not_spare_the_good_one);
	tcase_add_test(tests, a_pack_that_is_hurt_goes_once_what_it_lost_is_healed);
	tcase_add_test(tests, a_key_prunes_as_far_as_its_rights_go);
	tcase_add_test(tests, a_maintainer_may_die_at_any_call);
	return hf_test_run_suite(suite);
}
