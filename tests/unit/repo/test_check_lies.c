/* A hostile writer's packs and commits, before a check that reads everything. */
#include "backend/repo/check.h"

#include <stdio.h>
#include <string.h>

#include "backend/base/map.h"
#include "backend/format/hash.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define CHUNK ((size_t)20 << 10)

static struct hf_small small;

static void setup(void)
{
	hf_small_init(&small, 2);
}

static void teardown(void)
{
	hf_small_end(&small);
}

struct told {
	struct hf_check_result result;
	struct hf_map lost;
	char object[128]; /* of the first finding */
};

static void told_release(struct told *told)
{
	hf_map_release(&told->lost);
}
#define TOLD __attribute__((cleanup(told_release))) struct told

static void note(void *arg, const struct hf_finding *finding)
{
	struct told *told = arg;

	if (!finding->note && !told->object[0])
		snprintf(told->object, sizeof(told->object), "%s", finding->object);
	if (finding->chunk && finding->lost)
		hf_map_put(&told->lost, finding->chunk, NULL)->number = 1;
}

static void check(struct told *told)
{
	const struct hf_check_options options = {.read_data = true, .found = note, .arg = told};

	ck_ok(hf_check_objects(small.repo, &options, &told->result));
}

/*
 * A pack as a hostile writer makes it: a whole object of one honest and one false chunk, and in its
 * commit the table that the test wants.
 */
struct lie {
	struct hf_id honest, wronged;
	bool truthful; /* both chunks are what they say */
	struct hf_pack_record record;
	struct hf_row rows[3];
	char name[HF_PACK_NAME_LEN + 1];
};

static void make_lie(struct lie *lie)
{
	const struct hf_key *key = hf_repo_id_key(small.repo, HF_CONTENT_ID);
	HF_RELEASED(hf_buf) good = hf_small_bytes(70, CHUNK), bad = hf_small_bytes(71, CHUNK);
	HF_RELEASED(hf_buf) object = {0};
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CONTENT_PACK);
	const struct hf_sealing sealing = {.keys = hf_repo_newest_epoch(small.repo)};
	struct hf_store *store = hf_repo_store(small.repo);

	hf_hmac_sha256(key->bytes, hf_buf_span(&good), &lie->honest);
	hf_hmac_sha256(key->bytes,
		lie->truthful ? hf_buf_span(&bad) : hf_span_str("what it should be"),
		&lie->wronged);
	hf_builder_add(builder, &lie->honest, CHUNK, hf_buf_span(&good));
	hf_builder_add(builder, &lie->wronged, CHUNK, hf_buf_span(&bad));
	memcpy(lie->rows, hf_builder_table(builder)->rows, 2 * sizeof(lie->rows[0]));
	hf_builder_seal(builder, &sealing, &object, &lie->record.header, &lie->record.id);
	lie->record.size = object.len;
	lie->record.table = (struct hf_table){.rows = lie->rows, .n = 2};
	hf_pack_name(HF_CONTENT_PACK, &lie->record.id, lie->name);
	ck_ok(hf_store_put(store, lie->name, hf_buf_span(&object)));
}

static void publish_lie(const struct lie *lie)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	const struct hf_record record = {.kind = HF_RECORD_PACK, .pack = lie->record};

	ck_ok(hf_writer_add(writer, &record));
	ck_ok(hf_writer_publish(writer));
}

START_TEST(a_chunk_that_is_not_what_its_id_says_is_lost)
{
	struct lie lie = {0};
	TOLD told = {0};

	make_lie(&lie);
	publish_lie(&lie);
	check(&told);
	ck_assert_str_eq(told.object, lie.name);
	ck_assert_uint_eq(told.result.lost_chunks, 1);
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &lie.wronged));
}
END_TEST

START_TEST(a_commit_that_places_a_chunk_elsewhere_is_found)
{
	struct lie lie = {0};
	TOLD told = {0};

	make_lie(&lie);
	lie.rows[0].stored--; /* and all behind it lies one byte too early */
	publish_lie(&lie);
	check(&told);
	ck_assert_str_eq(told.object, lie.name);
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &lie.honest));
}
END_TEST

START_TEST(a_commit_that_invents_a_chunk_is_found)
{
	struct lie lie = {.truthful = true};
	struct hf_id invented = {{42}};
	TOLD told = {0};

	make_lie(&lie);
	lie.rows[2] = lie.rows[1];
	lie.rows[2].id = invented;
	lie.rows[2].offset += lie.rows[1].stored;
	lie.rows[2].stored = 20;
	lie.rows[2].plain = 4;
	lie.record.table.n = 3;
	publish_lie(&lie);
	check(&told);
	ck_assert_uint_eq(told.result.lost_chunks, 1);
	ck_assert_ptr_nonnull(hf_map_get(&told.lost, &invented));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("check_lies");
	TCase *tests = hf_test_case(suite, "check_lies");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_chunk_that_is_not_what_its_id_says_is_lost);
	tcase_add_test(tests, a_commit_that_places_a_chunk_elsewhere_is_found);
	tcase_add_test(tests, a_commit_that_invents_a_chunk_is_found);
	return hf_test_run_suite(suite);
}
