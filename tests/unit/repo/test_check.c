/* A check finds every hurt in every object, says what is lost, and is silent when all is well. */
#include "backend/repo/check.h"

#include <string.h>

#include "backend/base/map.h"
#include "backend/repo/catalog.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CHUNK ((size_t)20 << 10)
#define CHUNKS 6u

static struct hf_small small;
static struct hf_id content[CHUNKS], meta[CHUNKS];

static void publish(struct hf_repo *repo)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);

	for (unsigned i = 0; i < CHUNKS; i++) {
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(i, CHUNK + i);

		content[i] = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
		meta[i] = hf_small_put(writer, HF_META_PACK, hf_buf_span(&bytes));
	}
	ck_ok(hf_writer_publish(writer));
}

static void setup(void)
{
	hf_small_init(&small, 2);
	publish(small.repo);
}

static void teardown(void)
{
	hf_small_end(&small);
}

/* What a check told. */
struct told {
	struct hf_check_result result;
	struct hf_map lost;          /* chunks */
	char object[128], text[256]; /* of the first finding */
	bool all_lost;
};

static void told_release(struct told *told)
{
	hf_map_release(&told->lost);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static void note(void *arg, const struct hf_finding *finding)
{
	struct told *told = arg;

	if (!finding->note && !told->object[0]) {
		snprintf(told->object, sizeof(told->object), "%s", finding->object);
		snprintf(told->text, sizeof(told->text), "%s", finding->text);
		told->all_lost = finding->lost;
	}
	if (finding->chunk && finding->lost)
		hf_map_put(&told->lost, finding->chunk, NULL)->number = 1;
}

static void check_in(struct hf_repo *repo, bool read_data, unsigned workers, struct told *told)
{
	const struct hf_check_options options = {
		.read_data = read_data, .workers = workers, .found = note, .arg = told};

	ck_ok(hf_check_objects(repo, &options, &told->result));
}

static void check(bool read_data, struct told *told)
{
	check_in(small.repo, read_data, 0, told);
}

static void expect_clean(bool read_data)
{
	TOLD told = {0};

	check(read_data, &told);
	ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
	ck_assert_uint_eq(told.result.lost_chunks, 0);
}

START_TEST(a_whole_repository_gives_no_findings)
{
	for (unsigned workers = 0; workers < 3; workers += 2) {
		TOLD structure = {0}, data = {0};

		check_in(small.repo, false, workers, &structure);
		check_in(small.repo, true, workers, &data);
		ck_assert_msg(
			structure.result.findings == 0, "%s: %s", structure.object, structure.text);
		ck_assert_msg(data.result.findings == 0, "%s: %s", data.object, data.text);
		ck_assert_uint_eq(structure.result.notes + data.result.notes, 0);
		/* keyring, checkpoint, commit, content pack, meta pack; the first that reads
		 * content leaves another commit */
		ck_assert_uint_eq(structure.result.objects, workers ? 6 : 5);
		ck_assert_uint_eq(data.result.objects, workers ? 6 : 5);
		ck_assert_uint_gt(data.result.bytes, structure.result.bytes);
	}
}
END_TEST

START_TEST(every_key_can_check)
{
	const uint32_t rights[] = {HF_WRITE, HF_READ, HF_MAINTAIN};

	for (size_t i = 0; i < ARRAY_LEN(rights); i++) {
		struct hf_repo *other = hf_small_open_as(&small, rights[i]);
		TOLD told = {0};

		check_in(other, true, 0, &told);
		ck_assert_msg(told.result.findings == 0, "%s: %s", told.object, told.text);
		hf_repo_free(other);
	}
}
END_TEST

/* ---- hurting each object ---- */

struct objects {
	char names[32][128];
	size_t n;
};

static struct hf_error *add_object(void *arg, const struct hf_object *object)
{
	struct objects *objects = arg;

	ck_assert_uint_lt(objects->n, ARRAY_LEN(objects->names));
	snprintf(objects->names[objects->n++], sizeof(objects->names[0]), "%s", object->name);
	return NULL;
}

static void list_objects(struct objects *objects)
{
	static const char *const folders[] = {
		"keyring/", "checkpoints/", "commits/", "meta/", "packs/"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		ck_ok(hf_store_list(
			hf_repo_store(small.repo), folders[i], "", add_object, objects));
}

static bool is_content(const char *name)
{
	return strncmp(name, "packs/", 6) == 0;
}

static unsigned copies_of(const char *name)
{
	return hf_store_copies(hf_repo_store(small.repo), name);
}

static void expect_found(const char *name, const char *how)
{
	TOLD told = {0};

	check(is_content(name), &told);
	ck_assert_msg(told.result.findings > 0, "%s %s: not found", name, how);
	ck_assert_str_eq(told.object, name);
	ck_assert_msg(told.all_lost == (copies_of(name) == 1), "%s %s", name, how);
	if (copies_of(name) > 1)
		ck_assert_uint_eq(told.result.lost_chunks, 0);
}

static void flip_some_bits(const char *name, unsigned copy, uint64_t *state)
{
	struct hf_buf *object = hf_mem_at(small.mem, name, copy);
	const unsigned tries = is_content(name) ? 60 : 40;

	for (unsigned i = 0; i < tries; i++) {
		/* The ends are where the structure is: first and last bytes more often. */
		uint64_t byte = hf_test_random(state) % object->len;

		if (i < 16)
			byte = i < 8 ? i * 8 : object->len - 1 - (i - 8) * 8;
		object->at[byte] ^= (uint8_t)(1u << i % 8);
		expect_found(name, "with a flipped bit");
		object->at[byte] ^= (uint8_t)(1u << i % 8);
	}
}

START_TEST(a_flipped_bit_in_any_copy_of_any_object_is_found)
{
	uint64_t state = hf_test_seed();
	struct objects objects = {0};

	list_objects(&objects);
	for (size_t i = 0; i < objects.n; i++) {
		for (unsigned copy = 0; copy < copies_of(objects.names[i]); copy++)
			flip_some_bits(objects.names[i], copy, &state);
	}
	expect_clean(true);
}
END_TEST

START_TEST(an_object_that_is_cut_or_longer_is_found)
{
	struct objects objects = {0};

	list_objects(&objects);
	for (size_t i = 0; i < objects.n; i++) {
		const char *name = objects.names[i];

		for (unsigned copy = 0; copy < copies_of(name); copy++) {
			struct hf_buf *object = hf_mem_at(small.mem, name, copy);
			const size_t lens[] = {0, 1, 63, 64, object->len / 2, object->len - 1};
			const size_t len = object->len;

			for (size_t l = 0; l < ARRAY_LEN(lens); l++) {
				object->len = lens[l];
				expect_found(name, "cut");
			}
			object->len = len;
			hf_buf_add(object, "", 1);
			expect_found(name, "with a byte more");
			object->len = len;
		}
	}
	expect_clean(true);
}
END_TEST

START_TEST(an_object_that_is_gone_is_found)
{
	struct objects objects = {0};

	list_objects(&objects);
	for (size_t i = 0; i < objects.n; i++) {
		const char *name = objects.names[i];

		for (unsigned copy = 0; copy < copies_of(name); copy++) {
			HF_RELEASED(hf_buf) kept = {0};

			hf_buf_add_span(&kept, hf_buf_span(hf_mem_at(small.mem, name, copy)));
			hf_mem_lose(small.mem, name, copy);
			expect_found(name, "missing");
			ck_ok(hf_store_mend(
				hf_repo_store(small.repo), name, copy, hf_buf_span(&kept)));
		}
	}
	expect_clean(true);
}
END_TEST

START_TEST(an_object_that_is_gone_in_both_copies_is_lost)
{
	struct objects objects = {0};

	list_objects(&objects);
	for (size_t i = 0; i < objects.n; i++) {
		const char *name = objects.names[i];
		HF_RELEASED(hf_buf) kept = {0};
		TOLD told = {0};

		hf_buf_add_span(&kept, hf_buf_span(hf_mem_at(small.mem, name, 0)));
		for (unsigned copy = 0; copy < copies_of(name); copy++)
			hf_mem_lose(small.mem, name, copy);
		check(false, &told);
		ck_assert_msg(told.result.findings > 0, "%s", name);
		ck_assert_str_eq(told.object, name);
		ck_assert(told.all_lost);
		ck_ok(hf_store_put(hf_repo_store(small.repo), name, hf_buf_span(&kept)));
	}
	expect_clean(true);
}
END_TEST

static void swap(const char *a, const char *b, unsigned copy)
{
	struct hf_buf *one = hf_mem_at(small.mem, a, copy), *other = hf_mem_at(small.mem, b, copy);
	const struct hf_buf kept = *one;

	*one = *other;
	*other = kept;
}

START_TEST(two_objects_that_are_swapped_are_found)
{
	struct objects objects = {0};
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(100, CHUNK);

	hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	hf_small_put(writer, HF_META_PACK, hf_buf_span(&bytes));
	ck_ok(hf_writer_publish(writer));
	list_objects(&objects);
	for (size_t i = 0; i < objects.n; i++) {
		for (size_t j = 0; j < i; j++) {
			TOLD told = {0};

			swap(objects.names[i], objects.names[j], 0);
			check(true, &told);
			ck_assert_msg(told.result.findings >= 2, "%s with %s", objects.names[i],
				objects.names[j]);
			swap(objects.names[i], objects.names[j], 0);
		}
	}
	expect_clean(true);
}
END_TEST

/* ---- what is lost, and what is not ---- */

static void pack_name(
	const struct hf_id *chunk, char name[HF_COMMIT_NAME_LEN + 1], struct hf_row *row)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), chunk, places, &n));
	ck_assert_uint_gt(n, 0);
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &pack));
	hf_pack_object_name(&pack, name);
	*row = places[0].row;
}

START_TEST(a_flipped_bit_in_a_chunk_loses_that_chunk_only)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	pack_name(&content[2], name, &row);
	hf_mem_at(small.mem, name, 0)->at[row.offset + 5] ^= 1;
	check(true, &told);
	ck_assert_uint_eq(told.result.lost_chunks, 1);
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &content[2]));
}
END_TEST

static struct hf_error *count_wanted(void *arg, const struct hf_id *id)
{
	(void)id;
	++*(size_t *)arg;
	return NULL;
}

static size_t wanted_in(struct hf_repo *repo)
{
	size_t n = 0;

	ck_ok(hf_repo_sync(repo, NULL));
	ck_ok(hf_catalog_each_wanted(hf_repo_catalog(repo), count_wanted, &n));
	return n;
}

START_TEST(what_is_lost_is_marked_by_who_may_read_and_reads)
{
	HF_OWNED(hf_repo) writer = hf_small_open_as(&small, HF_WRITE);
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD structure = {0}, blind = {0}, reader = {0};

	pack_name(&content[0], name, &row);
	hf_mem_lose(small.mem, name, 0);
	check(false, &structure);
	check_in(writer, true, 0, &blind);
	ck_assert_uint_eq(structure.result.wanted_chunks + blind.result.wanted_chunks, 0);
	ck_assert_uint_eq(wanted_in(small.repo), 0);
	check(true, &reader);
	ck_assert_uint_eq(reader.result.wanted_chunks, CHUNKS);
	ck_assert_uint_eq(wanted_in(writer), CHUNKS);
}
END_TEST

START_TEST(a_pack_that_is_gone_loses_all_its_chunks)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	pack_name(&content[0], name, &row);
	hf_mem_lose(small.mem, name, 0);
	check(false, &told);
	ck_assert_uint_eq(told.result.lost_chunks, CHUNKS);
	for (unsigned i = 0; i < CHUNKS; i++)
		ck_assert_ptr_nonnull(hf_map_get(&told.lost, &content[i]));
}
END_TEST

START_TEST(a_pack_that_is_cut_loses_only_what_stood_behind_the_cut)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	pack_name(&content[3], name, &row);
	hf_mem_at(small.mem, name, 0)->len = row.offset + 10;
	check(false, &told);
	ck_assert_uint_eq(told.result.lost_chunks, CHUNKS - 3);
	ck_assert_ptr_null(hf_map_get(&told.lost, &content[2]));
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &content[3]));
}
END_TEST

START_TEST(nothing_is_lost_while_one_copy_of_each_chunk_is_good)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	/* One chunk is bad in the first copy, another in the second. */
	pack_name(&meta[1], name, &row);
	hf_mem_at(small.mem, name, 0)->at[row.offset + 5] ^= 1;
	pack_name(&meta[4], name, &row);
	hf_mem_at(small.mem, name, 1)->at[row.offset + 5] ^= 1;
	check(true, &told);
	ck_assert_uint_eq(told.result.findings, 2);
	ck_assert_uint_eq(told.result.lost_chunks, 0);
}
END_TEST

START_TEST(a_chunk_that_another_pack_has_is_not_lost)
{
	struct hf_repo *other;
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	teardown();
	hf_small_init(&small, 2);
	other = hf_small_open(&small);
	{
		HF_OWNED(hf_writer) early = hf_small_writer(other);
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(0, CHUNK);

		publish(small.repo);
		hf_small_put(early, HF_CONTENT_PACK, hf_buf_span(&bytes));
		ck_ok(hf_writer_publish(early));
	}
	hf_repo_free(other);
	ck_ok(hf_repo_sync(small.repo, NULL));

	pack_name(&content[1], name, &row);
	hf_mem_lose(small.mem, name, 0);
	check(false, &told);
	ck_assert_uint_eq(told.result.lost_chunks, CHUNKS - 1);
	ck_assert_ptr_null(hf_map_get(&told.lost, &content[0]));
}
END_TEST

START_TEST(a_pack_that_no_commit_names_is_told_but_is_no_finding)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	char name[HF_PACK_NAME_LEN + 1];
	const struct hf_id id = {{9}};
	TOLD told = {0};

	hf_pack_name(HF_CONTENT_PACK, &id, name);
	ck_ok(hf_store_put(hf_repo_store(small.repo), name, hf_span_str("left behind")));
	ck_ok(hf_store_put(hf_repo_store(small.repo), "packs/README", hf_span_str("a note")));
	check(true, &told);
	ck_assert_uint_eq(told.result.findings, 0);
	ck_assert_uint_eq(told.result.notes, 2);
}
END_TEST

START_TEST(a_pack_larger_than_a_window_is_checked_whole)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	const unsigned n = 12;
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_id ids[12];
	struct hf_row row;
	TOLD told = {0};

	for (unsigned i = 0; i < n; i++) {
		HF_RELEASED(hf_buf) bytes = hf_small_bytes(1000 + i, HF_MAX_CHUNK - i);

		ids[i] = hf_small_put(writer, HF_CONTENT_PACK, hf_buf_span(&bytes));
	}
	ck_ok(hf_writer_publish(writer));
	expect_clean(true);

	pack_name(&ids[7], name, &row);
	hf_mem_at(small.mem, name, 0)->at[row.offset + row.stored / 2] ^= 1;
	check_in(small.repo, true, 2, &told);
	ck_assert_uint_eq(told.result.lost_chunks, 1);
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &ids[7]));
}
END_TEST

/* ---- a store that is away ---- */

static struct hf_error *away(void *arg, enum hf_store_call call, const char *name)
{
	(void)name;
	(void)call;
	return *(enum hf_error_kind *)arg
		? hf_error_new(*(enum hf_error_kind *)arg, "the store is away")
		: NULL;
}

START_TEST(a_store_that_is_away_fails_the_check_and_finds_nothing)
{
	enum hf_error_kind kind = HF_TRANSIENT;
	const struct hf_check_options options = {.read_data = true, .workers = 1};
	struct hf_check_result result;

	hf_mem_hook(small.mem, away, &kind);
	ck_fails(HF_TRANSIENT, hf_check_objects(small.repo, &options, &result));
	kind = HF_SYSTEM;
	ck_fails(HF_SYSTEM, hf_check_objects(small.repo, &options, &result));
	kind = 0;
	expect_clean(true);
	hf_mem_hook(small.mem, NULL, NULL);
}
END_TEST

static struct hf_error *bad_sector(void *arg, enum hf_store_call call, const char *name)
{
	return call == HF_CALL_GET && strcmp(name, arg) == 0
		? hf_error_new(HF_SYSTEM, "Input/output error")
		: NULL;
}

START_TEST(a_bad_sector_under_one_object_is_a_finding)
{
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;
	TOLD told = {0};

	pack_name(&content[0], name, &row);
	hf_mem_hook(small.mem, bad_sector, name);
	check(true, &told);
	ck_assert_str_eq(told.object, name);
	ck_assert_uint_eq(told.result.lost_chunks, CHUNKS);
	hf_mem_hook(small.mem, NULL, NULL);
}
END_TEST

static struct hf_error *short_memory(void *arg, enum hf_store_call call, const char *name)
{
	return call == HF_CALL_GET && strcmp(name, arg) == 0
		? hf_error_new(HF_LOCAL, "Cannot allocate memory")
		: NULL;
}

START_TEST(what_this_machine_lacks_is_no_finding)
{
	const struct hf_check_options options = {.read_data = true, .workers = 1};
	struct hf_check_result result;
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_row row;

	pack_name(&content[0], name, &row);
	hf_mem_hook(small.mem, short_memory, name);
	ck_fails(HF_LOCAL, hf_check_objects(small.repo, &options, &result));
	hf_mem_hook(small.mem, NULL, NULL);
	expect_clean(true);
}
END_TEST

START_TEST(a_check_can_be_stopped)
{
	struct hf_stop stop = {0};
	const struct hf_check_options options = {.read_data = true, .workers = 1, .stop = &stop};
	struct hf_check_result result;

	atomic_store(&stop.raised, 1);
	ck_fails(HF_CANCELLED, hf_check_objects(small.repo, &options, &result));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check");
	TCase *tests = hf_test_case(suite, "check");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_whole_repository_gives_no_findings);
	tcase_add_test(tests, every_key_can_check);
	tcase_add_test(tests, a_flipped_bit_in_any_copy_of_any_object_is_found);
	tcase_add_test(tests, an_object_that_is_cut_or_longer_is_found);
	tcase_add_test(tests, an_object_that_is_gone_is_found);
	tcase_add_test(tests, an_object_that_is_gone_in_both_copies_is_lost);
	tcase_add_test(tests, two_objects_that_are_swapped_are_found);
	tcase_add_test(tests, a_flipped_bit_in_a_chunk_loses_that_chunk_only);
	tcase_add_test(tests, what_is_lost_is_marked_by_who_may_read_and_reads);
	tcase_add_test(tests, a_pack_that_is_gone_loses_all_its_chunks);
	tcase_add_test(tests, a_pack_that_is_cut_loses_only_what_stood_behind_the_cut);
	tcase_add_test(tests, nothing_is_lost_while_one_copy_of_each_chunk_is_good);
	tcase_add_test(tests, a_chunk_that_another_pack_has_is_not_lost);
	tcase_add_test(tests, a_pack_that_no_commit_names_is_told_but_is_no_finding);
	tcase_add_test(tests, a_pack_larger_than_a_window_is_checked_whole);
	tcase_add_test(tests, a_store_that_is_away_fails_the_check_and_finds_nothing);
	tcase_add_test(tests, a_bad_sector_under_one_object_is_a_finding);
	tcase_add_test(tests, what_this_machine_lacks_is_no_finding);
	tcase_add_test(tests, a_check_can_be_stopped);
	return hf_test_run_suite(suite);
}
