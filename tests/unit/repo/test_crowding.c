/*
 * Whoever stole a writer's key crowds out what honest slots said, by saying it first, more often,
 * or with a false date: nothing that was stored becomes unreadable by it.
 */
#include <string.h>

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/forget.h"
#include "backend/repo/reader.h"
#include "tests/lib/forged.h"
#include "tests/lib/numbered.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

static struct hf_small small;
static struct hf_repo *thief, *laptop;
static struct hf_id honest;
static struct hf_pack pack; /* that has it */
static int64_t now;

static void setup(void)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	hf_small_init(&small, 1);
	thief = hf_small_open_as(&small, HF_WRITE);
	laptop = hf_small_open_as(&small, HF_WRITE | HF_MAINTAIN);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);

	honest = hf_small_put(writer, HF_CONTENT_PACK, hf_span_str("what must stay readable"));
	ck_ok(hf_writer_publish(writer));
	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &honest, places, &n));
	ck_assert_uint_eq(n, 1);
	ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &pack));
	ck_ok(hf_store_now(hf_repo_store(thief), &now));
}

static void teardown(void)
{
	hf_repo_free(thief);
	hf_repo_free(laptop);
	hf_small_end(&small);
}

static hf_err reads(struct hf_repo *repo)
{
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF chunk = NULL;

	HF_TRY(hf_reader_open(repo, 1 << 20, 0, &reader));
	return hf_reader_get(reader, HF_CONTENT_PACK, &honest, &chunk);
}

static void all_read(void)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);

	ck_ok(hf_repo_sync(small.repo, NULL));
	ck_ok(reads(small.repo));
	ck_ok(reads(fresh));
}

/* Dated an hour back, so that who comes with nothing hears it first. */
static void say_first(const struct hf_pack_record *said)
{
	const struct hf_record record = {.kind = HF_RECORD_PACK, .pack = *said};
	HF_RELEASED(hf_buf) printed = {0};

	hf_record_print(&record, &printed);
	const struct hf_forged_commit forged = {
		.as = thief, .time = now - 3600 * HF_NS_PER_S, .records = hf_buf_span(&printed)};

	hf_forged_commit_put(&forged);
}

START_TEST(a_hundred_false_places_of_a_chunk_hide_no_true_one)
{
	struct hf_row row = {.id = honest, .plain = 9, .stored = 25, .offset = HF_HEADER_LEN};
	struct hf_pack_record said = {.size = 4096, .table = {.rows = &row, .n = 1}};

	ck_ok(hf_header_parse(hf_span(pack.header, HF_HEADER_LEN), &said.header));
	for (unsigned i = 0; i < 100; i++) {
		hf_random(said.id.bytes, sizeof(said.id.bytes));
		say_first(&said);
	}
	all_read();
}
END_TEST

/* Of an honest pack: that it has another chunk, the true one elsewhere, or another size or key. */
static void lie_nothing_in_it(struct hf_pack_record *said)
{
	memset(said->table.rows[0].id.bytes, 7, HF_ID_LEN);
}
static void lie_elsewhere(struct hf_pack_record *said)
{
	said->table.rows[0].stored--;
	said->table.rows[0].plain--;
}
static void lie_larger(struct hf_pack_record *said)
{
	said->size += 512;
}
static void lie_smaller(struct hf_pack_record *said)
{
	said->size = HF_HEADER_LEN + said->table.rows[0].stored;
}
static void lie_header(struct hf_pack_record *said)
{
	said->header.public_value[3] ^= 1;
}
static void lie_kind(struct hf_pack_record *said)
{
	said->header.kind = HF_META_PACK;
}
static void (*const lies[])(struct hf_pack_record *) = {
	lie_nothing_in_it, lie_elsewhere, lie_larger, lie_smaller, lie_header, lie_kind};

START_TEST(a_false_word_about_a_pack_hides_no_chunk_of_it)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	struct hf_pack_record said = {.id = pack.id, .size = pack.size, .table = {.n = 1}};
	size_t n;

	ck_ok(hf_header_parse(hf_span(pack.header, HF_HEADER_LEN), &said.header));
	ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &honest, places, &n));
	said.table.rows = &places[0].row;
	lies[_i](&said);
	say_first(&said);
	all_read();
}
END_TEST

/* Each chunk of each pack, as a row of a pack that the thief has not even put. */
struct claim {
	struct hf_row rows[64];
	size_t n;
};

static struct hf_error *claim_place(void *arg, const struct hf_location *place)
{
	struct claim *claim = arg;

	ck_assert_uint_lt(claim->n, ARRAY_LEN(claim->rows));
	claim->rows[claim->n++] = place->row;
	return NULL;
}

/* The source's only snapshot, read by somebody who comes with nothing. */
static hf_files read_anew(const char *source)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(&small);
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots shown;
	hf_files files;

	ck_ok(hf_reader_open(fresh, 1 << 20, 0, &reader));
	ck_ok(hf_history_snapshots(fresh, source, &arena, &shown));
	ck_assert_uint_eq(shown.n, 1);
	ck_ok(hf_numbered_read(reader, &shown.at[0], &files));
	return files;
}

/* By so many packs that are not even there; who comes with nothing hears of them first. */
static void claim_all(unsigned packs)
{
	struct claim claim = {.n = 0};

	ck_ok(hf_catalog_each_place(hf_repo_catalog(small.repo), claim_place, &claim));
	struct hf_pack_record said = {.size = 1 << 20, .table = {.rows = claim.rows, .n = claim.n}};

	ck_ok(hf_header_parse(hf_span(pack.header, HF_HEADER_LEN), &said.header));
	for (unsigned i = 0; i < packs; i++) {
		hf_random(said.id.bytes, sizeof(said.id.bytes));
		say_first(&said);
	}
}

/* A maintainer who comes with nothing prunes until all that it announced is gone. */
static void prunes_leave(hf_files files)
{
	HF_OWNED(hf_repo) maintainer = hf_small_open(&small);

	ck_ok(hf_numbered_prune(maintainer, 0, NULL));
	ck_ok(hf_numbered_prune(maintainer, 0, NULL));
	ck_assert_uint_eq(read_anew("files/a"), files);
}

/* In whose way they are: of who may do all, or of who may not read what prune would move. */
static const struct crowd {
	unsigned claims;
	struct hf_repo **of;
} crowds[] = {{1, &small.repo}, {100, &small.repo}, {1, &laptop}, {100, &laptop}};

static void backup_as(
	const struct crowd *crowd, int64_t moment, hf_files files, uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	ck_ok(hf_numbered_backup(*crowd->of, "files/a", moment, files, id));
	ck_ok(hf_repo_sync(small.repo, NULL));
}

START_TEST(a_false_copy_does_not_let_prune_delete_the_true_one)
{
	backup_as(&crowds[_i], 1, 0xff, NULL);
	claim_all(crowds[_i].claims);
	prunes_leave(0xff);
}
END_TEST

/* The same where most of the true one's pack is waste, so that it would be written anew. */
START_TEST(a_false_copy_does_not_keep_the_true_one_from_moving_along)
{
	uint8_t first[1][HF_SNAPSHOT_ID_LEN];

	backup_as(&crowds[_i], 1, 0xffff, first[0]);
	backup_as(&crowds[_i], 2, 0x7, NULL);
	ck_ok(hf_forget(small.repo, first, 1));
	claim_all(crowds[_i].claims);
	prunes_leave(0x7);
}
END_TEST

/* A slot that may read and write: it says that the true ones are bad, and that it has others. */
START_TEST(a_mark_and_a_false_copy_of_one_slot_cost_no_true_one)
{
	HF_OWNED(hf_repo) both = hf_small_open_as(&small, HF_READ | HF_WRITE);
	struct claim claim = {.n = 0};
	HF_RELEASED(hf_buf) marks = {0};

	backup_as(&crowds[_i], 1, 0xff, NULL);
	ck_ok(hf_catalog_each_place(hf_repo_catalog(small.repo), claim_place, &claim));
	for (size_t i = 0; i < claim.n; i++) {
		struct hf_record mark = {
			.kind = HF_RECORD_WANTED, .wanted = {.chunk = claim.rows[i].id}};
		struct hf_location places[HF_MAX_LOCATIONS];
		struct hf_pack true_one;
		size_t n;

		ck_ok(hf_catalog_find(hf_repo_catalog(small.repo), &claim.rows[i].id, places, &n));
		ck_ok(hf_catalog_pack(hf_repo_catalog(small.repo), places[0].pack, &true_one));
		mark.wanted.pack = true_one.id;
		hf_record_print(&mark, &marks);
	}
	const struct hf_forged_commit forged = {.as = both, .records = hf_buf_span(&marks)};

	hf_forged_commit_put(&forged);
	HF_OWNED(hf_repo) was = HF_STEAL(thief);

	thief = HF_STEAL(both);
	claim_all(crowds[_i].claims);
	prunes_leave(0xff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crowding");
	TCase *tests = hf_test_case(suite, "crowding");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_hundred_false_places_of_a_chunk_hide_no_true_one);
	tcase_add_loop_test(
		tests, a_false_word_about_a_pack_hides_no_chunk_of_it, 0, ARRAY_LEN(lies));
	tcase_add_loop_test(
		tests, a_false_copy_does_not_let_prune_delete_the_true_one, 0, ARRAY_LEN(crowds));
	tcase_add_loop_test(tests, a_false_copy_does_not_keep_the_true_one_from_moving_along, 0,
		ARRAY_LEN(crowds));
	tcase_add_loop_test(
		tests, a_mark_and_a_false_copy_of_one_slot_cost_no_true_one, 0, ARRAY_LEN(crowds));
	return hf_test_run_suite(suite);
}
