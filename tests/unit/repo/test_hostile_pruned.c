/*
 * The same as test_hostile_store.c, of a repository that was pruned twice: its checkpoints have
 * segments, which are all that tells of most packs and snapshots, as the commits are gone.
 */
#include <stdio.h>
#include <string.h>

#include "backend/base/time.h"
#include "backend/format/hash.h"
#include "backend/format/zip.h"
#include "backend/repo/catalog.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/forget.h"
#include "backend/repo/segment.h"
#include "backend/repo/segments_read.h"
#include "backend/repo/state.h"
#include "tests/lib/attacks.h"
#include "tests/lib/numbered.h"
#include "tests/lib/test.h"

#define DAY (24 * 3600 * HF_NS_PER_S)
#define CACHE ((size_t)1 << 20)
#define SOURCE "files/home"
#define MOST_SEGMENTS 32

static struct hf_small small, foreign;
static struct hf_mem *unpruned, *pruned_once;
/* What was backed up, by moment; the first two were forgotten and pruned, one after the other. */
static const hf_files backed_up[] = {
	[1] = 0x000f, [2] = 0x00f0, [3] = 0x0f00, [4] = 0xf000, [5] = 0xf0000};
#define FIRST_SHOWN 3

/* ---- the repository ---- */

static void backup(struct hf_small *at, int64_t moment, uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	ck_ok(hf_numbered_backup(at->repo, SOURCE, moment, backed_up[moment], id));
}

static void forget_and_prune(struct hf_small *at, uint8_t id[1][HF_SNAPSHOT_ID_LEN], int64_t days)
{
	ck_ok(hf_forget(at->repo, id, 1));
	hf_mem_shift(at->mem, days * DAY);
	ck_ok(hf_numbered_prune(at->repo, 0, NULL));
}

static bool all_is_there(struct hf_repo *repo)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	bool there;

	ck_ok(hf_reader_open(repo, CACHE, 0, &reader));
	ck_ok(hf_history_snapshots(repo, SOURCE, &arena, &all));
	there = all.n == ARRAY_LEN(backed_up) - FIRST_SHOWN;
	for (size_t i = 0; i < all.n; i++) {
		hf_files files;
		struct hf_error *err = hf_numbered_read(reader, &all.at[i], &files);

		there &= !err && all.at[i].snapshot.moment >= FIRST_SHOWN;
		if (!err)
			ck_assert_uint_eq(files, backed_up[all.at[i].snapshot.moment]);
		else
			ck_assert_msg(hf_error_kind(err) == HF_CORRUPT, "%s", hf_error_text(err));
		hf_error_free(err); /* told above */
	}
	return there;
}

static struct hf_attacked attacked = {.small = &small, .all_is_there = all_is_there};

static void setup(void)
{
	uint8_t first[1][HF_SNAPSHOT_ID_LEN], second[1][HF_SNAPSHOT_ID_LEN], id[HF_SNAPSHOT_ID_LEN];

	hf_small_init(&small, 2);
	backup(&small, 1, first[0]);
	backup(&small, 2, second[0]);
	backup(&small, 3, id);
	unpruned = hf_mem_save(small.mem);
	forget_and_prune(&small, first, 4);
	backup(&small, 4, id);
	pruned_once = hf_mem_save(small.mem);
	forget_and_prune(&small, second, 8);
	backup(&small, 5, id);
	hf_attacked_begin(&attacked);

	hf_small_init(&foreign, 2);
	backup(&foreign, 1, first[0]);
	backup(&foreign, 2, second[0]);
	forget_and_prune(&foreign, first, 4);
}

static void teardown(void)
{
	hf_attacked_end(&attacked);
	hf_mem_free(unpruned);
	hf_mem_free(pruned_once);
	hf_small_end(&foreign);
	hf_small_end(&small);
}

/* ---- names ---- */

struct segments {
	const char *kind;
	size_t skip;
	char name[HF_PACK_NAME_LEN + 1];
};

static struct hf_error *note_segment(void *arg, const struct hf_segment_ref *ref)
{
	static const char *const kinds[] = {"", "chunks", "packs", "records", "commits"};
	struct segments *segments = arg;

	if (strcmp(kinds[ref->kind], segments->kind) == 0 && segments->skip-- == 0)
		hf_pack_name(HF_META_PACK, &ref->object, segments->name);
	return NULL;
}

/* "chunks 1": the second segment of chunks; else a name as it is. The last name is kept: four. */
static const char *name_of(struct hf_small *of, const char *what)
{
	static struct segments found[4];
	static unsigned last;
	struct segments *segments = &found[last++ % ARRAY_LEN(found)];
	char kind[16];
	unsigned n;

	if (sscanf(what, "%15[a-z] %u", kind, &n) != 2)
		return what;
	*segments = (struct segments){.kind = kind, .skip = n};
	ck_ok(hf_catalog_each_segment(hf_repo_catalog(of->repo), note_segment, segments));
	ck_assert_msg(*segments->name, "there are not so many: %s", what);
	return segments->name;
}

static const char *one_of(const struct hf_attack *attack)
{
	return name_of(&small, attack->one);
}

/* ---- what he can do ---- */

static void flip(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&small, one_of(attack));

	bytes.at[bytes.len / 2] ^= 0x10;
	hf_attack_plant(&small, one_of(attack), hf_buf_span(&bytes));
}

static void cut(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&small, one_of(attack));

	hf_attack_plant(&small, one_of(attack), hf_span(bytes.at, bytes.len - 1));
}

static void take(const struct hf_attack *attack)
{
	hf_attack_lose(&small, one_of(attack));
}

static void take_first_copy(const struct hf_attack *attack)
{
	hf_mem_lose(small.mem, one_of(attack), 0);
}

static void pass_off(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&small, one_of(attack));

	hf_attack_plant(&small, name_of(&small, attack->other), hf_buf_span(&bytes));
}

static void swap(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&small, name_of(&small, attack->other));

	pass_off(attack);
	hf_attack_plant(&small, one_of(attack), hf_buf_span(&bytes));
}

static void pass_off_foreign(const struct hf_attack *attack)
{
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&foreign, name_of(&foreign, attack->one));

	hf_attack_plant(&small, name_of(&small, attack->other), hf_buf_span(&bytes));
}

/* Under its own name. */
static void bring_foreign(const struct hf_attack *attack)
{
	const char *name = name_of(&foreign, attack->one);
	HF_RELEASED(hf_buf) bytes = hf_attack_bytes(&foreign, name);

	hf_attack_plant(&small, name, hf_buf_span(&bytes));
}

static struct hf_error *lose_segment(void *arg, const struct hf_segment_ref *ref)
{
	char name[HF_PACK_NAME_LEN + 1];

	(void)arg;
	hf_pack_name(HF_META_PACK, &ref->object, name);
	hf_attack_lose(&small, name);
	return NULL;
}

static void take_segments(const struct hf_attack *attack)
{
	(void)attack;
	ck_ok(hf_catalog_each_segment(hf_repo_catalog(small.repo), lose_segment, NULL));
}

static struct hf_error *lose_object(void *arg, const struct hf_object *object)
{
	(void)arg;
	hf_attack_lose(&small, object->name);
	return NULL;
}

static void take_below(const struct hf_attack *attack)
{
	ck_ok(hf_store_list(hf_repo_store(small.repo), attack->one, "", lose_object, NULL));
}

/* What there was below the prefix in an older state, and is not there now, comes back. */
static struct hf_mem *older(const char *which)
{
	return strcmp(which, "unpruned") == 0 ? unpruned : pruned_once;
}

struct revival {
	struct hf_mem *from;
};

static struct hf_error *revive(void *arg, const struct hf_object *object)
{
	const struct revival *revival = arg;

	if (!hf_mem_at(small.mem, object->name, 0))
		hf_attack_plant(&small, object->name,
			hf_buf_span(hf_mem_at(revival->from, object->name, 0)));
	return NULL;
}

static void bring_back(const struct hf_attack *attack)
{
	struct revival revival = {older(attack->other)};
	HF_OWNED(hf_store) store = NULL;

	ck_ok(hf_mem_store_open(revival.from, &store));
	ck_ok(hf_store_list(store, attack->one, "", revive, &revival));
}

/* The checkpoints of an older state in the place of all, with whatever they name. */
static void roll_checkpoint_back(const struct hf_attack *attack)
{
	const struct hf_attack all = {.one = "checkpoints/"};
	const struct hf_attack checkpoints = {.one = "checkpoints/", .other = attack->one};
	const struct hf_attack segments = {.one = "meta/", .other = attack->one};

	take_below(&all);
	bring_back(&checkpoints);
	bring_back(&segments);
}

static void replace_all(const struct hf_attack *attack)
{
	hf_mem_go_back(small.mem, older(attack->one));
}

#define C "checkpoints/000000000"
static const struct hf_attack attacks[] = {
	{"flip a bit of a segment of chunks", flip, "chunks 0", NULL, LACKS, LACKS},
	{"flip a bit of a segment of packs", flip, "packs 0", NULL, FOUND, REFUSED},
	{"flip a bit of a segment of snapshots", flip, "records 0", NULL, FOUND, REFUSED},
	{"flip a bit of a segment of commits", flip, "commits 0", NULL, FOUND, FOUND},
	{"cut a segment of chunks short", cut, "chunks 0", NULL, LACKS, LACKS},
	{"cut a segment of packs short", cut, "packs 0", NULL, FOUND, REFUSED},
	{"cut a segment of snapshots short", cut, "records 0", NULL, FOUND, REFUSED},
	{"cut a segment of commits short", cut, "commits 0", NULL, FOUND, FOUND},
	{"delete a segment of chunks", take, "chunks 0", NULL, LACKS, LACKS},
	{"delete a segment of packs", take, "packs 0", NULL, FOUND, REFUSED},
	{"delete a segment of snapshots", take, "records 0", NULL, FOUND, REFUSED},
	{"delete a segment of commits", take, "commits 0", NULL, FOUND, FOUND},
	{"delete all segments", take_segments, NULL, NULL, LACKS, REFUSED},
	{"delete the first copy of a segment", take_first_copy, "chunks 0", NULL, FOUND, FOUND},
	{"swap two segments of chunks", swap, "chunks 0", "chunks 1", LACKS, LACKS},
	{"swap two segments of packs", swap, "packs 0", "packs 1", FOUND, REFUSED},
	{"swap two segments of snapshots", swap, "records 0", "records 1", FOUND, REFUSED},
	{"an older segment of chunks again in a newer one's place", pass_off, "chunks 0",
		"chunks 1", LACKS, LACKS},
	{"a segment of snapshots in the place of one of packs", pass_off, "records 0", "packs 0",
		FOUND, REFUSED},
	{"another repository's segment in a segment's place", pass_off_foreign, "chunks 0",
		"chunks 0", LACKS, LACKS},
	{"another repository's segment beside them", bring_foreign, "chunks 0", NULL, NOTED, NOTED},

	{"flip a bit of the checkpoint that a prune made", flip, C "3", NULL, REFUSED, REFUSED},
	{"cut the checkpoint that a prune made short", cut, C "3", NULL, REFUSED, REFUSED},
	{"delete the checkpoint that a prune made", take, C "3", NULL, REFUSED, REFUSED},
	{"another repository's checkpoint in the place of one that a prune made", pass_off_foreign,
		C "2", C "3", REFUSED, REFUSED},
	{"the checkpoint that a prune made again under the next number", pass_off, C "3", C "4",
		FOUND, FOUND},
	{"an older checkpoint again beside the one that a prune made", bring_back, "checkpoints/",
		"once", HARMLESS, HARMLESS},
	{"an older checkpoint with its segments in the place of the one that a prune made",
		roll_checkpoint_back, "once", NULL, REFUSED, LACKS},
	{"delete all commits that came after a prune", take_below, "commits/", NULL, FOUND, HINTED},
	{"bring back commits that a prune has swept", bring_back, "commits/", "unpruned", HARMLESS,
		HARMLESS},
	{"bring back packs that a prune has swept", bring_back, "packs/", "unpruned", NOTED, NOTED},
	{"roll the whole store back to before a prune", replace_all, "once", NULL, REFUSED, UNSEEN},
};

START_TEST(what_is_done_to_a_pruned_store_is_noticed_as_the_table_says)
{
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		hf_attack_try(&attacked, &attacks[i]);
}
END_TEST

/* Checkpoint 4, in that slot's name and by its key: the newest one, without its first segment, or
 * with one of packs that is not there. */
static void put_checkpoint(struct hf_repo *as, bool without)
{
	HF_RELEASED(hf_opened_checkpoint) newest = {0};
	struct hf_checkpoint next;

	ck_ok(hf_checkpoint_open(as, &newest));
	next = newest.checkpoint;
	next.n++;
	next.previous = as->checkpoint_id;
	next.segments += without;
	next.n_segments -= without;
	for (size_t i = 0; i < next.n_segments && !without; i++) {
		if (next.segments[i].kind == HF_SEGMENT_PACKS)
			next.segments[i].object.bytes[0] ^= 1;
	}
	ck_ok(hf_checkpoint_put(as, &next));
}

static struct hf_repo *open_new(const char *cache)
{
	HF_FREED char *dir = hf_test_path(small.dir, cache);
	struct hf_repo *repo;

	ck_ok(hf_small_try(&small, dir, &repo));
	return repo;
}

START_TEST(a_checkpoint_without_its_segments_is_refused_until_it_is_removed)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_MAINTAIN);
	HF_OWNED(hf_repo) followed = open_new("known");

	put_checkpoint(thief, false);
	ck_fails(HF_CORRUPT, hf_repo_sync(followed, NULL));
	ck_assert(all_is_there(followed));
	hf_attack_lose(&small, C "4");
	HF_OWNED(hf_repo) again = open_new("known");
	HF_OWNED(hf_repo) fresh = open_new("fresh");

	ck_assert(all_is_there(again));
	ck_assert(all_is_there(fresh));
}
END_TEST

START_TEST(a_writers_checkpoint_over_real_segments_is_passed_over)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE | HF_READ);

	put_checkpoint(thief, true);
	HF_OWNED(hf_repo) followed = open_new("known");
	HF_OWNED(hf_repo) fresh = open_new("fresh");

	ck_assert_uint_eq(followed->checkpoint, 3);
	ck_assert_uint_eq(fresh->checkpoint, 3);
	ck_assert(all_is_there(followed));
	ck_assert(all_is_there(fresh));
}
END_TEST

/* ---- a writer's key beside the store ---- */

static struct hf_error *note_ref(void *arg, const struct hf_segment_ref *ref)
{
	struct hf_segment_ref *out = arg;

	if (ref->kind == out->kind && !out->size)
		*out = *ref;
	return NULL;
}

/* One block of rows with that byte changed, and the rest as it was. */
static struct hf_buf seal_changed(
	struct hf_repo *thief, const struct hf_segment *table, struct hf_span rows, size_t at)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_SEGMENT);
	HF_OWNED(hf_zip) zip = hf_zip_new();
	HF_RELEASED(hf_buf) changed = {0}, zipped = {0}, body = {0};
	struct hf_buf object = {0};
	struct hf_header header;
	struct hf_id id;

	hf_buf_add_span(&changed, rows);
	changed.at[at] ^= 1;
	hf_sha256(hf_buf_span(&changed), &id);
	const bool smaller = hf_zip_pack(zip, HF_ZIP_LEVEL, hf_buf_span(&changed), &zipped);

	hf_builder_add(
		builder, &id, (uint32_t)changed.len, hf_buf_span(smaller ? &zipped : &changed));
	hf_segment_print(table, &body);
	struct hf_sealing sealing = {
		.keys = hf_repo_newest_epoch(thief), .body = hf_buf_span(&body)};

	hf_random(sealing.random, sizeof(sealing.random));
	hf_builder_seal(builder, &sealing, &object, &header, NULL);
	return object;
}

/* The first segment of that kind with a byte of its rows changed, behind the first `from`, under
 * the true one's name; as long as that one was. */
static void forge_segment(struct hf_repo *thief, enum hf_segment_kind kind, size_t from)
{
	HF_OWNED(hf_segment_reader) reader = NULL;
	HF_RELEASED(hf_buf) object = {0};
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_segment_ref ref = {.kind = kind};
	struct hf_span rows;

	ck_ok(hf_catalog_each_segment(hf_repo_catalog(thief), note_ref, &ref));
	ck_ok(hf_segment_open(thief, &ref, &reader));
	ck_assert_uint_eq(hf_segment_table(reader)->n_blocks, 1);
	ck_ok(hf_segment_block(reader, 0, &rows));
	for (size_t at = from; object.len != ref.size; at++) {
		ck_assert_uint_lt(at, rows.len);
		hf_buf_release(&object);
		object = seal_changed(thief, hf_segment_table(reader), rows, at);
	}
	hf_pack_name(HF_META_PACK, &ref.object, name);
	hf_attack_plant(&small, name, hf_buf_span(&object));
}

static void refused_as_forged(struct hf_error *err)
{
	ck_assert_uint_eq(hf_error_kind(err), HF_CORRUPT);
	ck_assert_ptr_nonnull(strstr(hf_error_text(err), "its digest is not its name"));
	hf_error_free(err); /* as it should be */
}

START_TEST(a_segment_that_a_writer_forged_is_refused)
{
	static const enum hf_segment_kind kinds[] = {HF_SEGMENT_RECORDS, HF_SEGMENT_PACKS};
	HF_FREED char *cache = hf_test_path(small.dir, "comes-with-nothing");
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	struct hf_repo *repo;

	forge_segment(thief, kinds[_i], 60);
	refused_as_forged(hf_small_try(&small, cache, &repo));
}
END_TEST

/* Of one chunk, that it lies elsewhere in its pack: such a row would stay in the catalog. */
START_TEST(a_table_of_chunks_that_a_writer_forged_is_refused)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) fresh = open_new("fresh");
	struct hf_segment_ref ref = {.kind = HF_SEGMENT_CHUNKS};
	bool any;

	ck_ok(hf_catalog_each_segment(hf_repo_catalog(thief), note_ref, &ref));
	forge_segment(thief, HF_SEGMENT_CHUNKS, 39);
	refused_as_forged(hf_segments_page_in(fresh, &ref.first, &any));
	refused_as_forged(hf_segments_read(fresh));
}
END_TEST

/* Also in between, when the true one has been read before. */
START_TEST(a_table_of_chunks_is_believed_once_it_was_read_whole)
{
	HF_OWNED(hf_repo) thief = hf_small_open_as(&small, HF_WRITE);
	HF_OWNED(hf_repo) fresh = open_new("fresh");
	struct hf_segment_ref ref = {.kind = HF_SEGMENT_CHUNKS};
	bool any;

	ck_ok(hf_catalog_each_segment(hf_repo_catalog(thief), note_ref, &ref));
	ck_ok(hf_segments_page_in(fresh, &ref.first, &any));
	ck_assert(any);
	forge_segment(thief, HF_SEGMENT_CHUNKS, 39);
	refused_as_forged(hf_segments_page_in(fresh, &ref.last, &any));
}
END_TEST

START_TEST(a_segment_that_is_gone_is_named)
{
	HF_FREED char *cache = hf_test_path(small.dir, "comes-with-nothing");
	const char *name = name_of(&small, "records 0");
	struct hf_repo *repo;

	hf_attack_lose(&small, name);
	struct hf_error *err = hf_small_try(&small, cache, &repo);

	ck_assert_uint_eq(hf_error_kind(err), HF_CORRUPT);
	ck_assert_ptr_nonnull(strstr(hf_error_text(err), name));
	ck_assert_ptr_nonnull(strstr(hf_error_text(err), "hint: bring meta/ back"));
	hf_error_free(err); /* as it should be */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostile_pruned");
	TCase *tests = hf_test_case(suite, "hostile_pruned");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, what_is_done_to_a_pruned_store_is_noticed_as_the_table_says);
	tcase_add_test(tests, a_checkpoint_without_its_segments_is_refused_until_it_is_removed);
	tcase_add_test(tests, a_writers_checkpoint_over_real_segments_is_passed_over);
	tcase_add_loop_test(tests, a_segment_that_a_writer_forged_is_refused, 0, 2);
	tcase_add_test(tests, a_table_of_chunks_that_a_writer_forged_is_refused);
	tcase_add_test(tests, a_table_of_chunks_is_believed_once_it_was_read_whole);
	tcase_add_test(tests, a_segment_that_is_gone_is_named);
	return hf_test_run_suite(suite);
}
