/* A repository in memory: made, opened, written by one and read by another who has the store only.
 */
#include "backend/repo/repo.h"

#include "backend/base/time.h"
#include "backend/repo/catalog.h"
#include "backend/repo/reader.h"
#include "backend/repo/writer.h"
#include "tests/lib/fault_store.h"
#include "tests/lib/mem_store.h"
#include "tests/lib/repo_keys.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

/* ---- what every test arranges ---- */

struct key {
	struct hf_secret secret;
	struct hf_unlock unlock;
};
static void key_make(struct key *key, const char *name)
{
	*key = (struct key){.unlock = {.kind = HF_KEY_FILE}};
	hf_test_key_file(name, &key->secret);
	key->unlock.secret = &key->secret;
}

static void init(struct hf_mem *mem)
{
	HF_OWNED(hf_store) store = NULL;
	struct hf_settings settings;
	struct key key;

	hf_settings_default(&settings);
	key_make(&key, "first");
	ck_ok(hf_mem_store_open(mem, &store));
	ck_ok(hf_repo_init(store, &settings, "first", &key.unlock));
	hf_secret_release(&key.secret);
}

static struct hf_error *open_as(
	struct hf_mem *mem, const char *name, const char *cache, struct hf_repo **out)
{
	const struct hf_repo_options options = {.cache_dir = cache};
	struct hf_store *store = NULL;
	struct key key;

	key_make(&key, name);
	ck_ok(hf_mem_store_open(mem, &store));
	struct hf_error *err = hf_repo_open(store, &key.unlock, &options, out);

	if (err)
		hf_store_free(store);
	hf_secret_release(&key.secret);
	return err;
}

static struct hf_buf text_chunk(unsigned number, size_t len)
{
	struct hf_buf buf = {0};

	while (buf.len < len)
		hf_buf_printf(&buf, "chunk %u says %zu; ", number, buf.len);
	buf.len = len;
	return buf;
}

static hf_err note_id(void *arg, const struct hf_id *id)
{
	*(struct hf_id *)arg = *id;
	return NULL;
}

/* Puts n chunks of each kind and publishes them. */
static void write_chunks(struct hf_repo *repo, unsigned workers, unsigned n, struct hf_id *ids)
{
	const struct hf_writer_options options = {.workers = workers};
	HF_OWNED(hf_writer) writer = NULL;

	ck_ok(hf_writer_begin(repo, &options, &writer));
	for (unsigned i = 0; i < 2 * n; i++) {
		struct hf_buf plain = text_chunk(i, 1000 + 37 * i);

		ck_ok(hf_writer_put(
			writer, i % 2 ? HF_META_PACK : HF_CONTENT_PACK, &plain, note_id, &ids[i]));
	}
	ck_ok(hf_writer_publish(writer));
	ck_assert_uint_eq(hf_writer_pending(writer), 0);
}

static void read_chunks(struct hf_repo *repo, unsigned n, const struct hf_id *ids)
{
	HF_OWNED(hf_reader) reader = NULL;

	ck_ok(hf_reader_open(repo, 1 << 20, 0, &reader));
	for (unsigned i = 0; i < 2 * n; i++) {
		struct hf_buf plain = text_chunk(i, 1000 + 37 * i);
		HF_CHUNK_REF chunk = NULL;

		ck_ok(hf_reader_get(
			reader, i % 2 ? HF_META_PACK : HF_CONTENT_PACK, &ids[i], &chunk));
		ck_assert_uint_eq(chunk->len, plain.len);
		ck_assert_mem_eq(chunk->at, plain.at, plain.len);
		hf_buf_release(&plain);
	}
}

/* ---- the tests ---- */

START_TEST(chunks_of_one_machine_are_read_on_another)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(2);
	char *here = hf_test_dir(), *there = hf_test_dir();
	HF_OWNED(hf_repo) writer = NULL;
	HF_OWNED(hf_repo) reader = NULL;
	struct hf_id ids[20];
	bool changed;

	init(mem);
	ck_ok(open_as(mem, "first", here, &writer));
	ck_ok(open_as(mem, "first", there, &reader));
	write_chunks(writer, 2, 10, ids);

	ck_ok(hf_repo_sync(reader, &changed));
	ck_assert(changed);
	read_chunks(reader, 10, ids);
	ck_ok(hf_repo_sync(reader, &changed));
	ck_assert(!changed);
	hf_test_dir_free(here);
	hf_test_dir_free(there);
}
END_TEST

START_TEST(a_chunk_is_stored_once)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	char *cache = hf_test_dir();
	HF_OWNED(hf_repo) repo = NULL;
	struct hf_id first[20], second[20];

	init(mem);
	ck_ok(open_as(mem, "first", cache, &repo));
	write_chunks(repo, 2, 10, first);
	const size_t packs = hf_mem_count(mem, "packs/"), metas = hf_mem_count(mem, "meta/");

	write_chunks(repo, 2, 10, second);
	ck_assert_mem_eq(first, second, sizeof(first));
	ck_assert_uint_eq(hf_mem_count(mem, "packs/"), packs);
	ck_assert_uint_eq(hf_mem_count(mem, "meta/"), metas);
	hf_test_dir_free(cache);
}
END_TEST

START_TEST(many_workers_and_none_give_the_same_objects)
{
	static const uint8_t seed[32] = {7};
	HF_OWNED(hf_mem) one = hf_mem_new(1);
	HF_OWNED(hf_mem) other = hf_mem_new(1);
	struct hf_id ids[400];

	for (int i = 0; i < 2; i++) {
		HF_OWNED(hf_repo) repo = NULL;
		char *cache = hf_test_dir();

		hf_random_seed(seed);
		hf_time_set(HF_TEST_NOW);
		init(i ? other : one);
		ck_ok(open_as(i ? other : one, "first", cache, &repo));
		write_chunks(repo, i ? 4 : 0, 200, ids);
		hf_test_dir_free(cache);
	}
	for (const char *const *prefix =
			(const char *const[]){"packs/", "meta/", "commits/", "keyring/", NULL};
		*prefix; prefix++) {
		ck_assert_uint_eq(hf_mem_count(one, *prefix), hf_mem_count(other, *prefix));
		ck_assert_uint_eq(hf_mem_bytes(one, *prefix), hf_mem_bytes(other, *prefix));
	}
}
END_TEST

START_TEST(a_wrong_key_opens_nothing)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	char *cache = hf_test_dir();
	HF_OWNED(hf_repo) repo = NULL;

	init(mem);
	ck_fails(HF_NO_KEY, open_as(mem, "second", cache, &repo));
	hf_test_dir_free(cache);
}
END_TEST

START_TEST(a_second_init_is_refused_and_an_empty_store_is_no_repository)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	HF_OWNED(hf_store) store = NULL;
	HF_OWNED(hf_repo) repo = NULL;
	struct hf_settings settings;
	struct key key;

	hf_settings_default(&settings);
	key_make(&key, "first");
	ck_fails(HF_NOT_FOUND, open_as(mem, "first", NULL, &repo));
	init(mem);
	ck_ok(hf_mem_store_open(mem, &store));
	ck_fails(HF_EXISTS, hf_repo_init(store, &settings, "first", &key.unlock));
	hf_secret_release(&key.secret);
}
END_TEST

START_TEST(a_slot_with_write_adds_and_can_not_read)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	char *cache = hf_test_dir();
	HF_OWNED(hf_repo) admin = NULL;
	HF_OWNED(hf_repo) writer = NULL;
	const struct hf_slot_wish wish = {.name = "writer", .rights = HF_WRITE};
	struct hf_id ids[20];
	struct key key;

	init(mem);
	ck_ok(open_as(mem, "first", cache, &admin));
	key_make(&key, "writer");
	ck_ok(hf_repo_add_slot(admin, &wish, &key.unlock));
	hf_secret_release(&key.secret);
	ck_ok(open_as(mem, "writer", cache, &writer));

	write_chunks(writer, 2, 10, ids);
	ck_fails(HF_DENIED, hf_repo_need(writer, HF_READ, NULL));
	HF_OWNED(hf_reader) reader = NULL;
	HF_CHUNK_REF chunk = NULL;

	ck_ok(hf_reader_open(writer, 1 << 20, 0, &reader));
	ck_ok(hf_reader_get(reader, HF_META_PACK, &ids[1], &chunk));
	hf_chunk_unref(chunk);
	chunk = NULL;
	ck_fails(HF_DENIED, hf_reader_get(reader, HF_CONTENT_PACK, &ids[0], &chunk));
	ck_ok(hf_repo_sync(admin, NULL));
	read_chunks(admin, 10, ids);
	hf_test_dir_free(cache);
}
END_TEST

START_TEST(an_init_that_was_cut_off_is_completed)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	char *cache = hf_test_dir();
	HF_OWNED(hf_repo) repo = NULL;

	init(mem);
	hf_mem_lose(mem, "checkpoints/0000000001", 0);
	ck_ok(open_as(mem, "first", cache, &repo));
	ck_assert_uint_eq(hf_mem_count(mem, "checkpoints/"), 1);
	hf_test_dir_free(cache);
}
END_TEST

START_TEST(a_repository_that_lost_its_checkpoints_is_not_begun_anew)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(1);
	char *cache = hf_test_dir();
	struct hf_id ids[2];
	struct hf_repo *repo;

	init(mem);
	ck_ok(open_as(mem, "first", cache, &repo));
	write_chunks(repo, 0, 1, ids);
	hf_repo_free(repo);
	hf_mem_lose(mem, "checkpoints/0000000001", 0);
	ck_fails_with(HF_CORRUPT, "all checkpoints are gone", open_as(mem, "first", cache, &repo));
	ck_assert_uint_eq(hf_mem_count(mem, "checkpoints/"), 0);
	hf_test_dir_free(cache);
}
END_TEST

START_TEST(a_planted_keyring_locks_nobody_out)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(2);
	HF_OWNED(hf_mem) foreign = hf_mem_new(1);
	HF_OWNED(hf_store) store = NULL;
	char *cache = hf_test_dir();
	HF_OWNED(hf_repo) repo = NULL;
	struct hf_test_repo_keys other;

	init(mem);
	hf_test_repo_keys_make(&other);
	other.keyring.n = 2;
	HF_RELEASED(hf_buf) planted = {0};

	hf_keyring_print(&other.keyring, &other.secrets[HF_TEST_ADMIN].root_seed, &planted);
	ck_ok(hf_mem_store_open(mem, &store));
	ck_ok(hf_store_put(store, "keyring/0000000002", hf_buf_span(&planted)));

	ck_ok(open_as(mem, "first", cache, &repo));
	ck_assert_uint_eq(hf_repo_keyring(repo)->n, 1);
	ck_ok(hf_repo_sync(repo, NULL));
	hf_test_repo_keys_release(&other);
	hf_test_dir_free(cache);
}
END_TEST

static hf_err lose_twin(void *arg, const char *name)
{
	hf_mem_lose(arg, name, 1);
	return NULL;
}

static hf_err has_twin(void *arg, const char *name)
{
	ck_assert_ptr_nonnull(hf_mem_at(arg, name, 1));
	return NULL;
}

START_TEST(a_writer_supplies_the_twins_that_a_killed_one_left_out)
{
	HF_OWNED(hf_mem) mem = hf_mem_new(2);
	char *here = hf_test_dir(), *there = hf_test_dir();
	HF_OWNED(hf_repo) killed = NULL;
	HF_OWNED(hf_repo) next = NULL;
	struct hf_id ids[20];

	init(mem);
	ck_ok(open_as(mem, "first", here, &killed));
	write_chunks(killed, 0, 10, ids);
	ck_ok(hf_catalog_each_commit(hf_repo_catalog(killed), lose_twin, mem));
	ck_ok(lose_twin(mem, "keyring/0000000001"));
	ck_ok(lose_twin(mem, "checkpoints/0000000001"));

	ck_ok(open_as(mem, "first", there, &next));
	write_chunks(next, 0, 10, ids);
	ck_ok(hf_catalog_each_commit(hf_repo_catalog(killed), has_twin, mem));
	ck_ok(has_twin(mem, "keyring/0000000001"));
	ck_ok(has_twin(mem, "checkpoints/0000000001"));
	hf_test_dir_free(here);
	hf_test_dir_free(there);
}
END_TEST

struct packs {
	struct hf_store *store;
	const struct hf_epoch_keys *keys;
	size_t records;
};

static hf_err count_records(void *arg, const struct hf_object *object)
{
	struct packs *packs = arg;
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_last) last = {0};
	struct hf_restated restated = {0};

	ck_ok(hf_store_get_all(packs->store, object->name, 0, HF_MAX_PACK, &bytes));
	ck_ok(hf_last_open(hf_buf_span(&bytes), packs->keys, &last));
	ck_ok(hf_restated_parse(last.body, &arena, &restated));
	for (size_t i = 0; i < restated.n; i++)
		ck_assert_int_eq(restated.records[i].kind, HF_RECORD_SNAPSHOT);
	packs->records += restated.n;
	return NULL;
}

START_TEST(a_snapshot_stands_in_a_pack_too)
{
	struct hf_small small;
	struct packs packs = {0};

	hf_small_init(&small, 1);
	HF_OWNED(hf_writer) writer = hf_small_writer(small.repo);
	struct hf_entry root = hf_small_dir(writer, "", NULL, 0);

	hf_small_put(writer, HF_META_PACK, hf_span_str("something new"));
	hf_small_snapshot(writer, "files/one", HF_TEST_NOW, &root);
	ck_ok(hf_writer_publish(writer));

	packs.store = hf_repo_store(small.repo);
	packs.keys = hf_repo_newest_epoch(small.repo);
	ck_ok(hf_store_list(packs.store, "meta/", "", count_records, &packs));
	ck_assert_uint_eq(packs.records, 1);
	hf_extents_release(&root.extents);
	hf_writer_free(HF_STEAL(writer));
	hf_small_end(&small);
}
END_TEST

/* Every store call of a session fails once: what was there before is there after. */
START_TEST(no_failing_call_loses_what_was_published)
{
	struct hf_id before[20], after[20];
	bool failed = true;

	for (unsigned at = 1; failed; at++) {
		HF_OWNED(hf_mem) mem = hf_mem_new(2);
		struct hf_fault fault = {
			.calls = HF_CALL_PUT | HF_CALL_GET | HF_CALL_LIST | HF_CALL_NOW, .at = at};
		const struct hf_repo_options options = {.cache_dir = NULL};
		char *cache = hf_test_dir(), *fresh = hf_test_dir();
		struct hf_store *inner = NULL, *store = NULL;
		HF_OWNED(hf_repo) good = NULL;
		HF_OWNED(hf_repo) hurt = NULL;
		HF_OWNED(hf_repo) later = NULL;
		struct key key;

		init(mem);
		ck_ok(open_as(mem, "first", cache, &good));
		write_chunks(good, 0, 10, before);
		key_make(&key, "first");
		ck_ok(hf_mem_store_open(mem, &inner));
		ck_ok(hf_fault_store_open(inner, &fault, &store));
		setenv("HOLDFAST_CACHE_DIR", fresh, 1);
		struct hf_error *err = hf_repo_open(store, &key.unlock, &options, &hurt);
		HF_OWNED(hf_writer) writer = NULL;
		const struct hf_writer_options how = {0};

		if (err)
			hf_store_free(store);
		if (!err)
			err = hf_writer_begin(hurt, &how, &writer);
		for (unsigned i = 0; !err && i < 20; i++) {
			struct hf_buf plain = text_chunk(100 + i, 900);

			err = hf_writer_put(writer, HF_CONTENT_PACK, &plain, note_id, &after[i]);
		}
		if (!err)
			err = hf_writer_publish(writer);
		failed = atomic_load(&fault.count) >= at;
		hf_error_free(err); /* which one is not the point: what stays is */

		ck_ok(open_as(mem, "first", cache, &later));
		ck_ok(hf_repo_sync(later, NULL));
		read_chunks(later, 10, before);
		hf_secret_release(&key.secret);
		hf_test_dir_free(cache);
		hf_test_dir_free(fresh);
	}
}
END_TEST

HF_TEST_MAIN("repo", chunks_of_one_machine_are_read_on_another, a_chunk_is_stored_once,
	many_workers_and_none_give_the_same_objects, a_wrong_key_opens_nothing,
	a_second_init_is_refused_and_an_empty_store_is_no_repository,
	a_slot_with_write_adds_and_can_not_read, an_init_that_was_cut_off_is_completed,
	a_repository_that_lost_its_checkpoints_is_not_begun_anew, a_snapshot_stands_in_a_pack_too,
	a_planted_keyring_locks_nobody_out, a_writer_supplies_the_twins_that_a_killed_one_left_out,
	no_failing_call_loses_what_was_published)
