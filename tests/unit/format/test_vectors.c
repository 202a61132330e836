/*
 * The vectors are what this code writes, and what is read from them, as docs/format.md says and
 * from the key files alone, is what contents.txt tells. HF_WRITE_VECTORS=1 writes them anew.
 */
#include <dirent.h>
#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
#include "backend/format/checkpoint.h"
#include "backend/format/hash.h"
#include "backend/format/keyring.h"
#include "backend/format/limits.h"
#include "backend/format/zip.h"
#include "tests/lib/test.h"
#include "tests/lib/vector_repository.h"

#define MAX_PACKS 8

static struct hf_buf load(const char *name)
{
	HF_FREED char *path = hf_vector_path(name);
	struct hf_buf bytes = {0};

	ck_ok(hf_file_read(path, 16u << 20, &bytes));
	return bytes;
}

static void store(const struct hf_vector_file *file)
{
	HF_FREED char *path = hf_vector_path(file->name);
	HF_FREED char *dir = hf_strdup(path);

	*strrchr(dir, '/') = '\0';
	ck_ok(hf_dir_make_all(dir, 0755));
	ck_ok(hf_file_replace(path, hf_buf_span(&file->bytes), 0644));
}

START_TEST(the_vectors_are_what_is_written_from_their_seed)
{
	HF_RELEASED(hf_vector_repository) made = {0};

	hf_vector_repository_make(&made);
	ck_assert_uint_ge(made.n, 11);
	for (size_t i = 0; i < made.n; i++) {
		HF_RELEASED(hf_buf) kept = {0};

		if (getenv("HF_WRITE_VECTORS"))
			store(&made.files[i]);
		kept = load(made.files[i].name);
		ck_assert_msg(hf_span_equal(hf_buf_span(&kept), hf_buf_span(&made.files[i].bytes)),
			"%s differs", made.files[i].name);
	}
}
END_TEST

/* ---- a reader of nothing but the files ---- */

struct pack {
	struct hf_buf object;
	struct hf_table table;
	struct hf_object_keys keys;
};
struct reader {
	struct hf_arena arena;
	struct hf_buf keyring_bytes, commit_object;
	struct hf_keyring keyring;
	struct hf_slot_secrets secrets;
	struct hf_last last;
	struct hf_commit commit;
	struct pack packs[MAX_PACKS];
	size_t n_packs;
	struct hf_key content_id, meta_id;
	const char *expected; /* contents.txt */
	unsigned found;
};

static const struct hf_epoch_keys *epoch_of(const struct reader *reader, uint32_t n)
{
	ck_assert(n >= 1 && n <= reader->secrets.n_epochs);
	return &reader->secrets.epochs[n - 1];
}

static void unlock(struct reader *reader, enum hf_unlock_kind kind, struct hf_span secret)
{
	HF_RELEASED(hf_secret) copy = {0};
	const struct hf_unlock unlock = {.kind = kind, .secret = &copy};
	const struct hf_slot *slot;

	hf_secret_set(&copy, secret);
	reader->keyring_bytes = load("repository/keyring/0000000002");
	ck_ok(hf_keyring_parse(
		hf_buf_span(&reader->keyring_bytes), &reader->arena, &reader->keyring));
	ck_ok(hf_keyring_unlock(&reader->keyring, &unlock, &slot, &reader->secrets));
	ck_assert_uint_eq(reader->secrets.n_epochs, 2);
	hf_id_key_derive(&reader->secrets, HF_CONTENT_ID, &reader->content_id);
	hf_id_key_derive(&reader->secrets, HF_META_ID, &reader->meta_id);
}

static void add_pack(struct reader *reader, struct hf_buf object, const struct hf_table *table)
{
	struct pack *pack = &reader->packs[reader->n_packs++];
	struct hf_header header;

	ck_assert_uint_le(reader->n_packs, MAX_PACKS);
	pack->object = object;
	pack->table = *table;
	ck_ok(hf_header_parse(hf_buf_span(&object), &header));
	ck_ok(hf_object_keys_derive(&header, epoch_of(reader, header.epoch), &pack->keys));
	ck_assert(pack->keys.reads);
}

/* The commit's name, the only one there. */
static char *commit_name(void)
{
	HF_FREED char *path = hf_vector_path("repository/commits");
	DIR *dir = opendir(path);
	struct dirent *file;
	char *name = NULL;

	ck_assert_ptr_nonnull(dir);
	while ((file = readdir(dir)))
		if (file->d_name[0] != '.')
			name = hf_format("commits/%s", file->d_name);
	closedir(dir);
	ck_assert_ptr_nonnull(name);
	return name;
}

static void verify(const struct reader *reader, struct hf_span object, const struct hf_last *last,
	struct hf_signing signing)
{
	ck_ok(hf_last_verify(object, last, epoch_of(reader, last->header.epoch), &signing,
		reader->keyring.slots[signing.slot - 1].sign_public));
}

static void read_checkpoint(struct reader *reader)
{
	HF_RELEASED(hf_buf) object = load("repository/checkpoints/0000000001");
	HF_RELEASED(hf_last) last = {0};
	struct hf_checkpoint checkpoint;
	struct hf_id id;

	hf_sha256(hf_buf_span(&object), &id);
	ck_ok(hf_last_open(hf_buf_span(&object), epoch_of(reader, 1), &last));
	ck_ok(hf_checkpoint_parse(last.body, &reader->arena, &checkpoint));
	verify(reader, hf_buf_span(&object), &last,
		(struct hf_signing){
			.domain = "holdfast checkpoint 1", .slot = checkpoint.slot, .n = 1});
	ck_assert(hf_id_equal(&reader->commit.checkpoint_id, &id));
	ck_assert_mem_eq(checkpoint.store, reader->commit.store, HF_STORE_ID_LEN);
}

static void read_commit(struct reader *reader)
{
	HF_FREED char *name = commit_name();
	HF_FREED char *path = hf_format("repository/%s", name);
	struct hf_id id, digest;
	int64_t time;

	reader->commit_object = load(path);
	ck_ok(hf_commit_name_parse(name, &time, &id));
	hf_sha256(hf_buf_span(&reader->commit_object), &digest);
	ck_assert(hf_id_equal(&id, &digest));
	ck_ok(hf_last_open(
		hf_buf_span(&reader->commit_object), epoch_of(reader, 2), &reader->last));
	ck_ok(hf_commit_parse(reader->last.body, &reader->arena, &reader->commit));
	ck_assert_int_eq(reader->commit.time, time);
	verify(reader, hf_buf_span(&reader->commit_object), &reader->last,
		(struct hf_signing){.domain = "holdfast commit 1", .slot = reader->commit.slot});
	add_pack(reader, reader->commit_object, &reader->last.table);
}

/* The meta pack says again what it completes. */
static void read_restated(struct reader *reader, struct hf_span object, const struct hf_last *last)
{
	struct hf_restated restated;

	ck_assert_int_eq(last->body.len > 0, last->header.kind == HF_META_PACK);
	if (!last->body.len)
		return;
	ck_ok(hf_restated_parse(last->body, &reader->arena, &restated));
	verify(reader, object, last,
		(struct hf_signing){.domain = "holdfast pack 1", .slot = restated.slot});
	ck_assert_mem_eq(restated.store, reader->commit.store, HF_STORE_ID_LEN);
	ck_assert_uint_eq(restated.n, 1);
	ck_assert_int_eq(restated.records[0].kind, HF_RECORD_SNAPSHOT);
}

static void read_pack(struct reader *reader, const struct hf_pack_record *record)
{
	char name[HF_PACK_NAME_LEN + 1];
	HF_FREED char *path = NULL;
	HF_RELEASED(hf_last) last = {0};
	struct hf_buf object;
	struct hf_id digest;

	hf_pack_name((enum hf_object_kind)record->header.kind, &record->id, name);
	path = hf_format("repository/%s", name);
	object = load(path);
	hf_sha256(hf_buf_span(&object), &digest);
	ck_assert(hf_id_equal(&digest, &record->id));
	ck_assert_uint_eq(object.len, record->size);
	ck_assert_uint_eq(hf_padme(object.len), object.len);
	ck_ok(hf_last_open(hf_buf_span(&object), epoch_of(reader, record->header.epoch), &last));
	ck_assert_uint_eq(last.table.n, record->table.n);
	for (size_t i = 0; i < last.table.n; i++)
		ck_assert(hf_id_equal(&last.table.rows[i].id, &record->table.rows[i].id));
	read_restated(reader, hf_buf_span(&object), &last);
	add_pack(reader, object, &record->table);
}

/* key NULL: of a segment. */
static struct hf_buf open_chunk(const struct reader *reader, const struct pack *pack,
	const struct hf_row *row, const struct hf_key *key)
{
	HF_OWNED(hf_sealer) sealer = hf_sealer_new(&pack->keys.chunks);
	HF_OWNED(hf_zip) zip = hf_zip_new();
	const struct hf_chunk_place place = {reader->keyring.repository, pack->object.at, row};
	HF_RELEASED(hf_buf) sealed = {0};
	struct hf_buf plain = {0};
	struct hf_id id;

	hf_buf_add(&sealed, pack->object.at + row->offset, row->stored);
	ck_ok(hf_chunk_open(sealer, zip, &place, &sealed, hf_buf_grow(&plain, row->plain)));
	if (key)
		hf_hmac_sha256(key->bytes, hf_buf_span(&plain), &id);
	else
		hf_sha256(hf_buf_span(&plain), &id);
	ck_assert(hf_id_equal(&id, &row->id));
	return plain;
}

static struct hf_buf chunk(
	const struct reader *reader, const struct hf_id *id, const struct hf_key *key)
{
	for (size_t i = 0; i < reader->n_packs; i++)
		for (size_t j = 0; j < reader->packs[i].table.n; j++)
			if (hf_id_equal(&reader->packs[i].table.rows[j].id, id))
				return open_chunk(reader, &reader->packs[i],
					&reader->packs[i].table.rows[j], key);
	ck_abort_msg("a chunk is missing");
}

static struct hf_buf bytes_of(
	const struct reader *reader, const struct hf_extents *extents, const struct hf_key *key)
{
	struct hf_buf out = {0};

	for (size_t i = 0; i < extents->n; i++) {
		const struct hf_extent *extent = &extents->at[i];
		HF_RELEASED(hf_buf) plain = {0};

		if (hf_extent_is_hole(extent)) {
			memset(hf_buf_grow(&out, extent->length), 0, extent->length);
			continue;
		}
		plain = chunk(reader, &extent->chunk, key);
		ck_assert_uint_le(extent->offset + extent->length, plain.len);
		hf_buf_add(&out, plain.at + extent->offset, extent->length);
	}
	return out;
}

/* contents.txt has a line for it. */
static void expect(struct reader *reader, const char *path, struct hf_span bytes)
{
	char hex[HF_ID_HEX + 1];
	HF_FREED char *line = NULL;
	struct hf_id digest;

	hf_sha256(bytes, &digest);
	line = hf_format("%s %zu %s\n", hf_id_hex(&digest, hex), bytes.len, path);
	ck_assert_msg(strstr(reader->expected, line) != NULL, "not expected: %s", line);
	reader->found++;
}

static void expect_fingerprint(
	struct reader *reader, const struct hf_entry *entry, struct hf_span bytes)
{
	HF_RELEASED(hf_buf) sealed = bytes_of(reader, &entry->secret, &reader->meta_id);
	HF_OWNED(hf_hmac) hmac = NULL;
	struct hf_buf message = {0};
	struct hf_key secret;
	struct hf_id whole;

	ck_ok(hf_fingerprint_secret_open(&reader->secrets, hf_buf_span(&sealed), &secret));
	hf_put_u64(&message, 0);
	hf_buf_add_span(&message, bytes);
	hf_put_u64(&message, bytes.len);
	hf_hmac_sha256(secret.bytes, hf_buf_span(&message), &whole);
	ck_assert_mem_eq(whole.bytes, entry->fingerprint, HF_FINGERPRINT_LEN);
	hf_buf_release(&message);
}

static void walk(struct reader *reader, const struct hf_entry *directory, const char *path);

static void visit(struct reader *reader, const struct hf_entry *entry, const char *parent)
{
	HF_FREED char *path = hf_format("%s%s", parent, (const char *)entry->name.at);
	HF_RELEASED(hf_buf) bytes = {0};

	if (entry->type == HF_DIR)
		walk(reader, entry, path);
	if (entry->type == HF_LNK)
		ck_assert(hf_span_equal(entry->target, hf_span_str("sub/text")));
	if (entry->type != HF_REG)
		return;
	bytes = bytes_of(reader, &entry->extents, &reader->content_id);
	ck_assert_uint_eq(bytes.len, entry->size);
	expect(reader, path, hf_buf_span(&bytes));
	if (entry->fingerprinted)
		expect_fingerprint(reader, entry, hf_buf_span(&bytes));
}

static void walk(struct reader *reader, const struct hf_entry *directory, const char *path)
{
	HF_RELEASED(hf_buf) bytes = bytes_of(reader, &directory->extents, &reader->meta_id);
	HF_FREED char *below = hf_format("%s%s", path, *path ? "/" : "");
	struct hf_span end = hf_span(bytes.at + bytes.len - 4, 4);
	struct hf_block_index index;
	uint64_t names = 0;
	uint32_t len;

	ck_ok(hf_block_index_len(end, bytes.len, &len));
	ck_ok(hf_dir_index_parse(
		hf_span(bytes.at + bytes.len - 4 - len, len), bytes.len, &reader->arena, &index));
	for (size_t i = 0; i < index.n; i++) {
		struct hf_entry *entries;
		size_t n;

		ck_ok(hf_dir_block_parse(hf_span(bytes.at + index.blocks[i].from,
						 index.blocks[i].to - index.blocks[i].from),
			&reader->arena, &entries, &n));
		for (size_t j = 0; j < n; j++)
			visit(reader, &entries[j], below);
		names += n;
	}
	ck_assert_uint_eq(names, directory->size);
}

static void read_record(struct reader *reader, const struct hf_record *record)
{
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_entry root;

	if (record->kind == HF_RECORD_SNAPSHOT) {
		ck_ok(hf_entry_parse_alone(record->snapshot.root, &reader->arena, &root));
		walk(reader, &root, "");
	}
	if (record->kind == HF_RECORD_JOURNAL) {
		bytes = bytes_of(reader, &record->journal.extents, &reader->content_id);
		expect(reader, "journal pg/main 000000010000000000000001", hf_buf_span(&bytes));
	}
}

/* Its rows say where the content pack's chunks lie. */
static void read_segment(struct reader *reader)
{
	HF_RELEASED(hf_buf) object = load("segment.bin"), block = {0};
	HF_RELEASED(hf_last) last = {0};
	struct pack pack = {.object = object};
	struct hf_segment segment;
	struct hf_chunk_row *rows;
	size_t n;

	ck_ok(hf_last_open(hf_buf_span(&object), epoch_of(reader, 2), &last));
	ck_ok(hf_segment_parse(last.body, &reader->arena, &segment));
	ck_assert_uint_eq(segment.n_blocks, last.table.n);
	ck_ok(hf_object_keys_derive(&last.header, epoch_of(reader, 2), &pack.keys));
	block = open_chunk(reader, &pack, &last.table.rows[0], NULL);
	ck_ok(hf_chunk_rows_parse(hf_buf_span(&block), &reader->arena, &rows, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(hf_id_equal(&segment.first[0], &rows[0].id));
	for (size_t i = 0; i < n; i++) {
		HF_RELEASED(hf_buf) plain = chunk(reader, &rows[i].id, &reader->content_id);

		ck_assert_uint_eq(plain.len, rows[i].plain);
		ck_assert_uint_lt(rows[i].pack, segment.packs.n);
	}
}

static void release(struct reader *reader)
{
	hf_buf_release(&reader->keyring_bytes);
	hf_slot_secrets_release(&reader->secrets);
	hf_last_release(&reader->last);
	for (size_t i = 0; i < reader->n_packs; i++)
		hf_buf_release(&reader->packs[i].object);
	hf_arena_release(&reader->arena);
}

static void read_all_with(enum hf_unlock_kind kind, struct hf_span secret)
{
	HF_RELEASED(hf_buf) expected = load("contents.txt");
	struct reader reader = {.expected = hf_buf_text(&expected)};

	unlock(&reader, kind, secret);
	read_commit(&reader);
	read_checkpoint(&reader);
	for (size_t i = 0; i < reader.commit.n_records; i++)
		if (reader.commit.records[i].kind == HF_RECORD_PACK)
			read_pack(&reader, &reader.commit.records[i].pack);
	for (size_t i = 0; i < reader.commit.n_records; i++)
		read_record(&reader, &reader.commit.records[i]);
	ck_assert_uint_eq(reader.found, 6);
	read_segment(&reader);
	release(&reader);
}

START_TEST(all_that_the_vectors_hold_is_read_with_a_key_file)
{
	HF_RELEASED(hf_buf) file = load("keys/reader.key");

	read_all_with(HF_KEY_FILE, hf_buf_span(&file));
}
END_TEST

START_TEST(all_that_the_vectors_hold_is_read_with_the_passphrase)
{
	read_all_with(HF_PASSPHRASE, hf_span_str(HF_VECTOR_PASSPHRASE));
}
END_TEST

HF_TEST_MAIN("vectors", the_vectors_are_what_is_written_from_their_seed,
	all_that_the_vectors_hold_is_read_with_a_key_file,
	all_that_the_vectors_hold_is_read_with_the_passphrase)
