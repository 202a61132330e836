#include "tests/lib/small_repo.h"

#include "backend/repo/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "backend/base/time.h"
#include "tests/lib/test.h"

static hf_err try_open(
	struct hf_small *small, const char *key, const char *cache, struct hf_repo **out)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_repo_options options = {.cache_dir = cache};
	HF_OWNED(hf_repo) repo = NULL;
	struct hf_store *store;

	hf_secret_set(&secret, hf_span_str(key));
	ck_ok(hf_mem_store_open(small->mem, &store));
	struct hf_error *err = hf_repo_open(store, &unlock, &options, &repo);

	if (err)
		hf_store_free(store);
	HF_TRY(err);
	HF_TRY(hf_repo_sync(repo, NULL));
	*out = HF_STEAL(repo);
	return NULL;
}

static struct hf_repo *open_with(struct hf_small *small, const char *key)
{
	HF_FREED char *cache = hf_format("%s/%u", small->dir, small->opened++);
	struct hf_repo *repo;

	ck_ok(try_open(small, key, cache, &repo));
	return repo;
}

#define FIRST_KEY "the key of the first slot, which has all the rights"

void hf_small_init(struct hf_small *small, unsigned copies)
{
	struct hf_settings settings;

	hf_settings_default(&settings);
	hf_small_init_with(small, copies, &settings);
}

void hf_small_init_with(struct hf_small *small, unsigned copies, const struct hf_settings *settings)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	HF_OWNED(hf_store) store = NULL;

	*small = (struct hf_small){.mem = hf_mem_new(copies), .dir = hf_test_dir()};
	hf_secret_set(&secret, hf_span_str(FIRST_KEY));
	ck_ok(hf_mem_store_open(small->mem, &store));
	ck_ok(hf_repo_init(store, settings, "first", &unlock));
	small->repo = hf_small_open(small);
}

void hf_small_end(struct hf_small *small)
{
	hf_repo_free(small->repo);
	hf_mem_free(small->mem);
	hf_test_dir_free(small->dir);
}

struct hf_repo *hf_small_open(struct hf_small *small)
{
	return open_with(small, FIRST_KEY);
}

hf_err hf_small_try(struct hf_small *small, const char *cache, struct hf_repo **out)
{
	return try_open(small, FIRST_KEY, cache, out);
}

hf_err hf_small_add_slot(struct hf_repo *as, const char *name, uint32_t rights, const char *key)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_slot_wish wish = {.name = name, .rights = rights};

	hf_secret_set(&secret, hf_span_str(key));
	return hf_repo_add_slot(as, &wish, &unlock);
}

struct hf_repo *hf_small_open_as(struct hf_small *small, uint32_t rights)
{
	HF_FREED char *key =
		hf_format("the key of one more slot, the rights of which are %u", rights);
	HF_FREED char *name = hf_format("rights-%u", rights);

	ck_ok(hf_small_add_slot(small->repo, name, rights, key));
	return open_with(small, key);
}

struct hf_repo *hf_small_open_limited(struct hf_small *small, uint32_t rights, const char *source)
{
	static const char key[] = "the key of a slot that has one source only";
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_slot_wish wish = {
		.name = "limited", .rights = rights, .sources = &source, .n_sources = 1};

	hf_secret_set(&secret, hf_span_str(key));
	ck_ok(hf_repo_add_slot(small->repo, &wish, &unlock));
	return open_with(small, key);
}

struct hf_writer *hf_small_writer(struct hf_repo *repo)
{
	const struct hf_writer_options options = {0};
	struct hf_writer *writer;

	ck_ok(hf_writer_begin(repo, &options, &writer));
	return writer;
}

static struct hf_error *note_id(void *arg, const struct hf_id *id)
{
	*(struct hf_id *)arg = *id;
	return NULL;
}

struct hf_id hf_small_put(struct hf_writer *writer, enum hf_object_kind kind, struct hf_span bytes)
{
	HF_RELEASED(hf_buf) plain = {0};
	struct hf_id id;

	hf_buf_add_span(&plain, bytes);
	ck_ok(hf_writer_put(writer, kind, &plain, note_id, &id));
	ck_ok(hf_writer_drain(writer));
	return id;
}

bool hf_small_stored(struct hf_catalog *catalog, const struct hf_id *chunk)
{
	int64_t pack;

	ck_ok(hf_catalog_safe_copy(catalog, chunk, &pack));
	return pack != 0;
}

struct hf_buf hf_small_bytes(unsigned number, size_t len)
{
	uint64_t state = number;
	struct hf_buf bytes = {0};

	while (bytes.len < len) {
		const uint64_t random = hf_test_random(&state);

		hf_buf_add(&bytes, &random, HF_MIN(sizeof(random), len - bytes.len));
		hf_buf_add(&bytes, "ordinary", HF_MIN(8u, len - bytes.len));
	}
	return bytes;
}

struct hf_entry hf_small_file(const char *name, const struct hf_id *chunk, size_t len)
{
	struct hf_entry entry = {
		.name = hf_span_str(name), .type = HF_REG, .mode = 0644, .size = len};
	const struct hf_extent extent = {.chunk = *chunk, .length = len};

	hf_extents_add(&entry.extents, &extent);
	return entry;
}

struct hf_entry hf_small_dir(
	struct hf_writer *writer, const char *name, const struct hf_entry *entries, size_t n)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_entry dir = {.name = hf_span_str(name), .type = HF_DIR, .mode = 0755, .size = n};
	struct hf_extent extent = {0};

	for (size_t i = 0; i < n; i++)
		ck_ok(hf_dir_builder_add(builder, &entries[i]));
	hf_dir_builder_finish(builder, &bytes);
	if (bytes.len) {
		extent.chunk = hf_small_put(writer, HF_META_PACK, hf_buf_span(&bytes));
		extent.length = bytes.len;
		hf_extents_add(&dir.extents, &extent);
	}
	return dir;
}

void hf_small_snapshot(
	struct hf_writer *writer, const char *source, int64_t moment, const struct hf_entry *root)
{
	HF_RELEASED(hf_buf) form = {0};
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT};

	hf_entry_print_alone(root, &form);
	record.snapshot = (struct hf_snapshot){
		.source = hf_span_str(source),
		.moment = moment,
		.started = moment,
		.ended = moment,
		.root = hf_buf_span(&form),
		.host = hf_span_str("here"),
		.user = hf_span_str("root"),
	};
	hf_random(record.snapshot.run, sizeof(record.snapshot.run));
	ck_ok(hf_writer_add(writer, &record));
}
