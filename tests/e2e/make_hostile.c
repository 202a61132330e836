/*
 * make_hostile: adds snapshots that a hostile writer could make to the repository of the
 * environment: well formed, well signed, and each of a source that is named after what is wrong
 * with it. Prints these names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base/fd.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define XATTRS 60u /* so that a directory of one chunk holds them */
#define MOMENT INT64_C(1795514400000000000)
#define LATEST (HF_MAX_TIME_S * INT64_C(999999999))
#define EARLIEST -LATEST

static struct hf_repo *repo;
static struct hf_writer *writer;

static struct hf_entry dir_of(const char *name, const struct hf_entry *entries, size_t n)
{
	return hf_small_dir(writer, name, entries, n);
}

static struct hf_id put_text(enum hf_object_kind kind, const char *text)
{
	return hf_small_put(writer, kind, hf_span_str(text));
}

static struct hf_id put_zeros(enum hf_object_kind kind)
{
	HF_FREED void *zeros = hf_calloc(1, HF_MAX_CHUNK);

	return hf_small_put(writer, kind, hf_span(zeros, HF_MAX_CHUNK));
}

static struct hf_entry many_of_one_chunk(struct hf_entry entry, enum hf_object_kind kind, size_t n)
{
	const struct hf_extent extent = {.chunk = put_zeros(kind), .length = HF_MAX_CHUNK};

	for (size_t i = 0; i < n; i++)
		hf_extents_add(&entry.extents, &extent);
	return entry;
}

/* ---- files ---- */

static struct hf_entry root_with(struct hf_entry file)
{
	struct hf_entry both[2] = {{.name = hf_span_str("before"), .type = HF_REG, .mode = 0644}};

	both[1] = file;
	both[1].name = hf_span_str("file");
	return dir_of("", both, 2);
}

static struct hf_entry one_extent(const struct hf_id *chunk, uint64_t offset, uint64_t length)
{
	struct hf_entry file = hf_small_file("file", chunk, length);

	file.extents.at[0].offset = (uint32_t)offset;
	return root_with(file);
}

static struct hf_entry whole(void)
{
	const struct hf_id chunk = put_text(HF_CONTENT_PACK, "all is well");

	return one_extent(&chunk, 0, 11);
}

static struct hf_entry exbibyte_of_hole(void)
{
	const struct hf_id none = {{0}};

	return one_extent(&none, 0, UINT64_C(1) << 60);
}

static struct hf_entry chunk_many_times(void)
{
	struct hf_entry file = {.type = HF_REG, .mode = 0644};

	file.size = (uint64_t)HF_INLINE_EXTENTS * HF_MAX_CHUNK;
	return root_with(many_of_one_chunk(file, HF_CONTENT_PACK, HF_INLINE_EXTENTS));
}

static struct hf_entry beyond_its_chunk(void)
{
	const struct hf_id chunk = put_text(HF_CONTENT_PACK, "nine bytes");

	return one_extent(&chunk, 5, HF_MAX_CHUNK - 5);
}

static struct hf_entry chunk_of_nowhere(void)
{
	const struct hf_id none = {{1, 2, 3}};

	return one_extent(&none, 0, 4096);
}

static struct hf_entry chunk_of_metadata(void)
{
	const struct hf_id chunk = put_text(HF_META_PACK, "this is no content");

	return one_extent(&chunk, 0, 18);
}

static struct hf_entry extents_of_nothing(void)
{
	const struct hf_id chunk = put_text(HF_META_PACK, "these are no extents at all");
	struct hf_entry file = hf_small_file("file", &chunk, 27);

	file.extents_file = true;
	file.size = UINT64_C(1) << 50;
	return root_with(file);
}

static struct hf_entry extents_without_end(void)
{
	struct hf_entry file = {.type = HF_REG, .mode = 0644, .extents_file = true};

	file.size = UINT64_C(1) << 50;
	return root_with(many_of_one_chunk(file, HF_META_PACK, HF_MAX_META_EXTENTS));
}

/* ---- directories ---- */

static struct hf_entry raw_dir(const char *name, const struct hf_id *chunk, uint64_t length)
{
	struct hf_entry dir = hf_small_file(name, chunk, length);

	dir.type = HF_DIR;
	dir.mode = 0755;
	dir.size = 1;
	return dir;
}

static struct hf_entry no_directory(void)
{
	const struct hf_id chunk = put_text(HF_META_PACK, "this is no directory at all");

	return raw_dir("", &chunk, 27);
}

static struct hf_entry no_directory_below(void)
{
	const struct hf_entry bad = no_directory();
	struct hf_entry dir = bad;

	dir.name = hf_span_str("dir");
	return dir_of("", &dir, 1);
}

static struct hf_entry directory_of_64_gib(void)
{
	struct hf_entry dir = {.type = HF_DIR, .mode = 0755, .size = UINT64_C(1) << 40};

	dir = many_of_one_chunk(dir, HF_META_PACK, HF_MAX_META_EXTENTS);
	dir.name = hf_span_str("dir");
	return dir_of("", &dir, 1);
}

static struct hf_entry deeper_than_may_be(void)
{
	struct hf_entry dir = whole();

	for (unsigned i = 0; i < HF_MAX_DEPTH + 100; i++) {
		dir.name = hf_span_str("d");
		dir = dir_of("", &dir, 1);
	}
	return dir;
}

/* 2^40 paths in 40 directories. */
static struct hf_entry each_twice(void)
{
	struct hf_entry dir = whole();

	for (unsigned i = 0; i < 40; i++) {
		struct hf_entry both[2] = {dir, dir};

		both[0].name = hf_span_str("a");
		both[1].name = hf_span_str("b");
		dir = dir_of("", both, 2);
	}
	return dir;
}

/* Under an id that is not its bytes', so that it can hold itself. */
static struct hf_entry holds_itself(void)
{
	HF_OWNED(hf_builder) packed = hf_builder_new(HF_META_PACK);
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	const struct hf_sealing sealing = {.keys = hf_repo_newest_epoch(repo)};
	struct hf_record record = {.kind = HF_RECORD_PACK};
	const struct hf_id id = {{77}};
	HF_RELEASED(hf_buf) bytes = {0}, object = {0};
	char name[HF_PACK_NAME_LEN + 1];
	struct hf_entry dir = raw_dir("again", &id, 1);

	/* Its length is known once it was built. */
	for (unsigned i = 0; i < 2; i++) {
		dir.extents.at[0].length = bytes.len ? bytes.len : 1000;
		hf_buf_clear(&bytes);
		ck_ok(hf_dir_builder_add(builder, &dir));
		hf_dir_builder_finish(builder, &bytes);
	}
	hf_builder_add(packed, &id, (uint32_t)bytes.len, hf_buf_span(&bytes));
	record.pack.table = *hf_builder_table(packed);
	struct hf_row row = record.pack.table.rows[0];

	record.pack.table.rows = &row;
	hf_builder_seal(packed, &sealing, &object, &record.pack.header, &record.pack.id);
	record.pack.size = object.len;
	hf_pack_name(HF_META_PACK, &record.pack.id, name);
	ck_ok(hf_store_put(hf_repo_store(repo), name, hf_buf_span(&object)));
	ck_ok(hf_writer_add(writer, &record));
	return dir_of("", &dir, 1);
}

static struct hf_entry odd_names(void)
{
	static const char *const names[] = {
		"\x01\x1b[2J", "\n", "\r", "--", "a\\b", "\xff\xfe", "\xe2\x80\xaetxt.exe"};
	static char longest[HF_MAX_NAME + 1];
	struct hf_entry entries[ARRAY_LEN(names) + 1];
	size_t n = 0;

	memset(longest, '~', HF_MAX_NAME);
	entries[n] = (struct hf_entry){.name = hf_span_str(names[0]), .type = HF_REG};
	entries[++n] = (struct hf_entry){.name = hf_span_str(names[1]), .type = HF_FIFO};
	entries[++n] = (struct hf_entry){.name = hf_span_str(names[2]), .type = HF_SOCK};
	entries[++n] =
		(struct hf_entry){.name = hf_span_str(names[3]), .type = HF_REG, .mode = 07777};
	entries[++n] = (struct hf_entry){.name = hf_span_str(names[4]),
		.type = HF_LNK,
		.target = hf_span_str("../../../../../../etc/passwd")};
	entries[++n] = (struct hf_entry){.name = hf_span_str(longest), .type = HF_REG};
	entries[++n] = (struct hf_entry){.name = hf_span_str(names[6]), .type = HF_REG};
	entries[++n] = (struct hf_entry){.name = hf_span_str(names[5]), .type = HF_REG};
	return dir_of("", entries, n + 1);
}

static struct hf_entry large_xattrs(void)
{
	static uint8_t value[HF_MAX_XATTR_VALUE];
	static char names[XATTRS][16];
	static struct hf_xattr xattrs[XATTRS];
	struct hf_entry file = {.type = HF_REG, .mode = 0644, .xattrs = xattrs};

	for (unsigned i = 0; i < XATTRS; i++) {
		snprintf(names[i], sizeof(names[i]), "user.x%05u", i);
		xattrs[i] = (struct hf_xattr){
			.name = hf_span_str(names[i]), .value = hf_span(value, sizeof(value))};
	}
	file.n_xattrs = XATTRS;
	return root_with(file);
}

/* ---- all ---- */

static const struct {
	const char *source;
	struct hf_entry (*make)(void);
} defects[] = {
	{"files/whole", whole},
	{"files/exbibyte-of-hole", exbibyte_of_hole},
	{"files/chunk-many-times", chunk_many_times},
	{"files/beyond-its-chunk", beyond_its_chunk},
	{"files/chunk-of-nowhere", chunk_of_nowhere},
	{"files/chunk-of-metadata", chunk_of_metadata},
	{"files/extents-of-nothing", extents_of_nothing},
	{"files/extents-without-end", extents_without_end},
	{"files/no-directory", no_directory},
	{"files/no-directory-below", no_directory_below},
	{"files/directory-of-64-gib", directory_of_64_gib},
	{"files/deeper-than-may-be", deeper_than_may_be},
	{"files/each-twice", each_twice},
	{"files/holds-itself", holds_itself},
	{"files/odd-names", odd_names},
	{"files/large-xattrs", large_xattrs},
};

static void add_snapshot(const char *source, const struct hf_entry *root, int64_t moment)
{
	HF_RELEASED(hf_buf) form = {0};
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT};
	struct hf_span paths[] = {hf_span_str("/\x1b]0;title\x07")};

	hf_entry_print_alone(root, &form);
	record.snapshot = (struct hf_snapshot){
		.source = hf_span_str(source),
		.moment = moment,
		.started = EARLIEST,
		.ended = LATEST,
		.root = hf_buf_span(&form),
		.files = INT64_MAX,
		.bytes = INT64_MAX,
		.entries = INT64_MAX,
		.failed = INT64_MAX,
		.host = hf_span_str("\x1b[31mhost"),
		.user = hf_span_str("user\r\n"),
		.paths = paths,
		.n_paths = 1,
		.ttl = LATEST,
	};
	hf_random(record.snapshot.run, sizeof(record.snapshot.run));
	ck_ok(hf_writer_add(writer, &record));
	ck_ok(hf_writer_publish(writer));
}

/* As a test, for the assertions that it and its libraries use. */
START_TEST(make)
{
	HF_RELEASED(hf_secret) secret = {0};
	HF_RELEASED(hf_buf) key = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	const struct hf_repo_options options = {.cache_dir = getenv("HOLDFAST_CACHE_DIR")};
	const struct hf_writer_options writing = {0};
	struct hf_store *store;

	ck_ok(hf_file_read(getenv("HOLDFAST_KEY_FILE"), 4096, &key));
	hf_secret_set(&secret, hf_buf_span(&key));
	ck_ok(hf_store_open(getenv("HOLDFAST_REPOSITORY"), false, &store));
	ck_ok(hf_repo_open(store, &unlock, &options, &repo));
	ck_ok(hf_writer_begin(repo, &writing, &writer));
	for (size_t i = 0; i < ARRAY_LEN(defects); i++) {
		const struct hf_entry root = defects[i].make();

		add_snapshot(defects[i].source, &root, MOMENT);
		if (i == 0) {
			add_snapshot(defects[i].source, &root, EARLIEST);
			add_snapshot(defects[i].source, &root, LATEST);
		}
		puts(defects[i].source);
	}
	hf_writer_free(writer);
	hf_repo_free(repo);
}
END_TEST

HF_TEST_MAIN("hostile", make)
