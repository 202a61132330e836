/*
 * Keyring 1 has epoch 1 and six slots; in it were sealed checkpoint 1 and the content pack. Keyring
 * 2 revokes the last slot and begins epoch 2, in which the meta pack and the commit were sealed, so
 * a reader must walk the chain of epochs. No frame is made here: zstd's next version may make
 * another.
 */
#include "tests/lib/vector_repository.h"

#include <stdlib.h>

#include "backend/base/text.h"
#include "backend/base/time.h"
#include "backend/format/checkpoint.h"
#include "backend/format/hash.h"
#include "backend/format/limits.h"
#include "tests/lib/repo_keys.h"
#include "tests/lib/test.h"

#define LAPTOP_SLOT 5
#define THIEF_SLOT 6
#define PAGE 4096u
#define RUN (2 * PAGE)
#define SECOND HF_NS_PER_S
#define EPOCH_2 (HF_TEST_NOW + 3600 * SECOND)
#define COMMITTED (HF_TEST_NOW + 7200 * SECOND)

static const char letter[] = "Holdfast keeps what it is given.\n";
static const char riding[] = "a segment of the write-ahead log, small enough to ride in its commit";
/* "line 1 of a text that is worth compressing", … 24: by zstd 1.5.4 -3 */
static const char text_frame[] =
	"28b52ffd0008fd030032440f1780d53941c8e6b7d78a56ec9009d075dd6c0af744933a01ff7fdbb66d0b4e90c"
	"32888e101a3b0b5638fb394a6640bd0864d94b219b82ceab2ea9ec2261800c12300f3002603980298c7ee9a0c"
	"dd3585dc350fdc3519b76b0ab66b1eb56b3268d71466d7bc0f178401c4024802e80288059004d005100b40ccb"
	"5aa0c";
/* RUN bytes 'a': a window of 8 KiB, one block of the kind that repeats a byte */
static const char run_frame[] = "28b52ffd0018030001"
				"61";

struct maker {
	struct hf_vector_repository *out;
	struct hf_test_repo_keys keys;
	struct hf_arena arena;
	struct hf_key content_id, meta_id, page_key, fingerprint_key;
	uint8_t store[HF_STORE_ID_LEN];
	struct hf_id checkpoint;
	struct hf_id letter, run, text, riding, secret, page_map, sub; /* chunks */
	uint64_t sub_len, text_len, root_len;
	struct hf_id root;
	struct hf_record packs[2], snapshot;
	struct hf_buf root_form;
	struct hf_buf contents;
};

/* ---- files ---- */

char *hf_vector_path(const char *name)
{
	return hf_format("%s/%s", HF_TEST_VECTORS, name);
}

static void add_file(struct hf_vector_repository *out, const char *name, struct hf_span bytes)
{
	struct hf_vector_file file = {.name = hf_strdup(name)};

	hf_buf_add_span(&file.bytes, bytes);
	out->files = hf_grow(out->files, &out->cap, out->n + 1, sizeof(*out->files));
	out->files[out->n++] = file;
}

static void add_object(struct maker *maker, const char *name, struct hf_span bytes)
{
	HF_FREED char *path = hf_format("repository/%s", name);

	add_file(maker->out, path, bytes);
}

/* A line of contents.txt: SHA-256, size, path. */
static void note_content(struct maker *maker, const char *path, struct hf_span bytes)
{
	char hex[HF_ID_HEX + 1];
	struct hf_id digest;

	hf_sha256(bytes, &digest);
	hf_buf_printf(&maker->contents, "%s %zu %s\n", hf_id_hex(&digest, hex), bytes.len, path);
}

/* ---- keys ---- */

static void add_keyring(struct maker *maker)
{
	HF_RELEASED(hf_buf) bytes = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];

	hf_keyring_print(
		&maker->keys.keyring, &maker->keys.secrets[HF_TEST_ADMIN].root_seed, &bytes);
	hf_numbered_name("keyring", maker->keys.keyring.n, name);
	add_object(maker, name, hf_buf_span(&bytes));
}

static void add_slot(struct maker *maker, const struct hf_slot_wish *wish, struct hf_span bytes,
	enum hf_unlock_kind kind)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {
		.kind = kind, .secret = &secret, .cost = {HF_MIN_SCRYPT_LOG2N, HF_SCRYPT_R, 1}};

	hf_secret_set(&secret, bytes);
	ck_ok(hf_keyring_add_slot(&maker->keys.keyring, &maker->arena,
		&maker->keys.secrets[HF_TEST_ADMIN], wish, &unlock));
}

static void make_keyrings(struct maker *maker)
{
	static const char *const patterns[] = {"files/**", "pg/*"};
	const struct hf_slot_wish laptop = {.name = "laptop",
		.rights = HF_READ | HF_WRITE,
		.sources = patterns,
		.n_sources = 2};
	const struct hf_slot_wish thief = {
		.name = "thief", .rights = HF_WRITE, .hint = "the command's hint"};
	struct hf_slot *revoked;

	hf_test_repo_keys_make(&maker->keys);
	add_slot(maker, &laptop, hf_span_str(HF_VECTOR_PASSPHRASE), HF_PASSPHRASE);
	add_slot(maker, &thief, hf_span_str("thirty-two bytes from a command."), HF_COMMAND_KEY);
	add_keyring(maker);

	maker->keys.keyring.n = 2;
	revoked = &maker->keys.keyring.slots[THIEF_SLOT - 1];
	revoked->revoked = true;
	revoked->revoked_at = EPOCH_2;
	ck_ok(hf_keyring_add_epoch(
		&maker->keys.keyring, &maker->arena, &maker->keys.secrets[HF_TEST_ADMIN], EPOCH_2));
	add_keyring(maker);
}

static void add_key_files(struct maker *maker)
{
	static const char *const names[] = {"admin", "writer", "reader", "maintainer"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		HF_FREED char *path = hf_format("keys/%s.key", names[i]);
		HF_RELEASED(hf_secret) file = {0};

		hf_test_key_file(names[i], &file);
		add_file(maker->out, path, hf_span(file.at, file.len));
	}
}

/* ---- sealing ---- */

static struct hf_id add_chunk(struct hf_builder *builder, const struct hf_key *key,
	struct hf_span plain, const char *frame)
{
	uint8_t bytes[sizeof(text_frame) / 2];
	struct hf_id id;

	hf_hmac_sha256(key->bytes, plain, &id);
	if (frame) {
		ck_assert(hf_unhex(frame, strlen(frame), bytes));
		hf_builder_add(
			builder, &id, (uint32_t)plain.len, hf_span(bytes, strlen(frame) / 2));
	} else {
		hf_builder_add(builder, &id, (uint32_t)plain.len, plain);
	}
	return id;
}

static struct hf_sealing sealing_in(const struct maker *maker, uint32_t epoch, struct hf_span body)
{
	struct hf_sealing sealing = {
		.keys = &maker->keys.secrets[HF_TEST_ADMIN].epochs[epoch - 1], .body = body};

	hf_random(sealing.random, sizeof(sealing.random));
	return sealing;
}

/* Seals a pack, and makes the record of it; its table lives as long as the builder. */
static void seal_pack(struct maker *maker, struct hf_builder *builder, const struct hf_sealing *how,
	struct hf_record *record)
{
	struct hf_sealing sealing = *how;
	HF_RELEASED(hf_buf) object = {0};
	struct hf_table table;
	char name[HF_PACK_NAME_LEN + 1];

	sealing.pad = true;
	*record = (struct hf_record){.kind = HF_RECORD_PACK};
	hf_builder_seal(builder, &sealing, &object, &record->pack.header, &record->pack.id);
	table = *hf_builder_table(builder);
	record->pack.size = object.len;
	record->pack.table.n = table.n;
	record->pack.table.rows =
		hf_arena_copy(&maker->arena, table.rows, table.n * sizeof(*table.rows));
	hf_pack_name((enum hf_object_kind)record->pack.header.kind, &record->pack.id, name);
	add_object(maker, name, hf_buf_span(&object));
}

static void make_checkpoint(struct maker *maker)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CHECKPOINT);
	struct hf_checkpoint checkpoint = {.slot = HF_TEST_ADMIN, .n = 1, .keyring = 1};
	const struct hf_signing signing = {"holdfast checkpoint 1",
		&maker->keys.secrets[HF_TEST_ADMIN].sign_seed, HF_TEST_ADMIN, 1};
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	struct hf_sealing sealing;

	hf_random(maker->store, sizeof(maker->store));
	memcpy(checkpoint.store, maker->store, sizeof(maker->store));
	hf_checkpoint_print(&checkpoint, &body);
	sealing = sealing_in(maker, 1, hf_buf_span(&body));
	sealing.signing = &signing;
	hf_builder_seal(builder, &sealing, &object, NULL, &maker->checkpoint);
	add_object(maker, "checkpoints/0000000001", hf_buf_span(&object));
}

/* ---- contents ---- */

static void make_content_pack(struct maker *maker)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_CONTENT_PACK);
	HF_RELEASED(hf_buf) run = {0}, text = {0}, pages = {0};

	memset(hf_buf_grow(&run, RUN), 'a', RUN);
	for (int i = 1; i <= 24; i++)
		hf_buf_printf(&text, "line %d of a text that is worth compressing\n", i);
	memset(hf_buf_grow(&pages, PAGE), 0, PAGE);
	hf_buf_add_span(&pages, hf_buf_span(&run));
	note_content(maker, "empty", hf_span(NULL, 0));
	note_content(maker, "letter", hf_span_str(letter));
	note_content(maker, "pages", hf_buf_span(&pages));
	note_content(maker, "sub/letter-too", hf_span_str(letter));
	note_content(maker, "sub/text", hf_buf_span(&text));

	maker->text_len = text.len;
	maker->letter = add_chunk(builder, &maker->content_id, hf_span_str(letter), NULL);
	maker->run = add_chunk(builder, &maker->content_id, hf_buf_span(&run), run_frame);
	maker->text = add_chunk(builder, &maker->content_id, hf_buf_span(&text), text_frame);
	const struct hf_sealing sealing = sealing_in(maker, 1, hf_span(NULL, 0));

	seal_pack(maker, builder, &sealing, &maker->packs[0]);
}

static struct hf_extents extents_of(struct maker *maker, const struct hf_id *chunk, uint64_t length)
{
	const struct hf_extent extent = {*chunk, length, 0};

	return (struct hf_extents){
		.at = hf_arena_copy(&maker->arena, &extent, sizeof(extent)), .n = 1};
}

static struct hf_entry entry_of(const char *name, enum hf_type type, uint32_t mode)
{
	return (struct hf_entry){
		.name = hf_span_str(name),
		.type = type,
		.mode = mode,
		.uid = 1000,
		.gid = 100,
		.user = hf_span_str("ada"),
		.group = hf_span_str("users"),
		.mtime = HF_TEST_NOW - 5 * SECOND + 123456789,
		.ctime = HF_TEST_NOW - 4 * SECOND,
	};
}

static struct hf_entry letter_entry(struct maker *maker, const char *name)
{
	static const struct hf_xattr note = {
		{(const uint8_t *)"user.note", 9}, {(const uint8_t *)"from Ada", 8}};
	struct hf_entry entry = entry_of(name, HF_REG, 0640);
	HF_OWNED(hf_hmac) hmac = hf_hmac_new(maker->fingerprint_key.bytes);
	uint8_t number[8] = {0}, size[8] = {sizeof(letter) - 1};
	struct hf_id whole;

	hf_hmac_add(hmac, hf_span(number, sizeof(number)));
	hf_hmac_add(hmac, hf_span_str(letter));
	hf_hmac_add(hmac, hf_span(size, sizeof(size)));
	hf_hmac_end(hmac, &whole);
	memcpy(entry.fingerprint, whole.bytes, HF_FINGERPRINT_LEN);
	entry.fingerprinted = true;
	entry.secret = extents_of(maker, &maker->secret, HF_SEALED_SECRET_LEN);
	hf_sha256(hf_span_str("letter"), &whole);
	memcpy(entry.link_id, whole.bytes, HF_LINK_ID_LEN);
	entry.linked = true;
	entry.nlink = 2;
	entry.size = sizeof(letter) - 1;
	entry.extents = extents_of(maker, &maker->letter, entry.size);
	entry.xattrs = &note;
	entry.n_xattrs = 1;
	return entry;
}

/* A page of zeros as a hole, then the run. */
static struct hf_entry pages_entry(struct maker *maker)
{
	struct hf_entry entry = entry_of("pages", HF_REG, 0600);
	const struct hf_extent extents[] = {{.length = PAGE}, {maker->run, RUN, 0}};

	entry.size = PAGE + RUN;
	entry.extents.at = hf_arena_copy(&maker->arena, extents, sizeof(extents));
	entry.extents.n = ARRAY_LEN(extents);
	entry.page_map = extents_of(maker, &maker->page_map, 12 + 3 * 16);
	return entry;
}

static struct hf_id add_page_map(struct maker *maker, struct hf_builder *builder)
{
	HF_RELEASED(hf_buf) bytes = {0};
	uint8_t page[PAGE], fingerprints[3 * 16] = {0};
	const struct hf_page_map map = {PAGE, 3, fingerprints};
	struct hf_id whole;

	memset(page, 'a', sizeof(page));
	hf_hmac_sha256(maker->page_key.bytes, hf_span(page, sizeof(page)), &whole);
	memcpy(fingerprints + 16, whole.bytes, 16);
	memcpy(fingerprints + 32, whole.bytes, 16);
	hf_page_map_print(&map, &bytes);
	return add_chunk(builder, &maker->meta_id, hf_buf_span(&bytes), NULL);
}

static struct hf_id add_directory(struct maker *maker, struct hf_builder *builder,
	const struct hf_entry *entries, size_t n, uint64_t *len)
{
	HF_OWNED(hf_dir_builder) directory = hf_dir_builder_new();
	HF_RELEASED(hf_buf) bytes = {0};

	for (size_t i = 0; i < n; i++)
		ck_ok(hf_dir_builder_add(directory, &entries[i]));
	hf_dir_builder_finish(directory, &bytes);
	*len = bytes.len;
	return add_chunk(builder, &maker->meta_id, hf_buf_span(&bytes), NULL);
}

static void add_directories(struct maker *maker, struct hf_builder *builder)
{
	struct hf_entry text = entry_of("text", HF_REG, 0644), sub = entry_of("sub", HF_DIR, 02755);
	struct hf_entry link = entry_of("link", HF_LNK, 0777);
	struct hf_entry below[] = {
		letter_entry(maker, "letter-too"), entry_of("pipe", HF_FIFO, 0600), text};
	struct hf_entry top[] = {entry_of("empty", HF_REG, 0644), letter_entry(maker, "letter"),
		link, pages_entry(maker), sub};

	below[2].size = maker->text_len;
	below[2].extents = extents_of(maker, &maker->text, maker->text_len);
	maker->sub = add_directory(maker, builder, below, ARRAY_LEN(below), &maker->sub_len);
	top[2].target = hf_span_str("sub/text");
	top[4].size = ARRAY_LEN(below);
	top[4].extents = extents_of(maker, &maker->sub, maker->sub_len);
	maker->root = add_directory(maker, builder, top, ARRAY_LEN(top), &maker->root_len);
}

static struct hf_record snapshot_record(struct maker *maker)
{
	static struct hf_pair labels[] = {
		{{(const uint8_t *)"purpose", 7}, {(const uint8_t *)"vectors", 7}}};
	static struct hf_span paths[] = {{(const uint8_t *)"/srv/vectors", 12}};
	struct hf_entry entry = entry_of("", HF_DIR, 0755);
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT};
	struct hf_snapshot *snapshot = &record.snapshot;

	entry.size = 5;
	entry.extents = extents_of(maker, &maker->root, maker->root_len);
	hf_entry_print_alone(&entry, &maker->root_form);
	hf_random(snapshot->run, sizeof(snapshot->run));
	snapshot->source = hf_span_str(HF_VECTOR_SOURCE);
	snapshot->moment = COMMITTED - 2 * SECOND;
	snapshot->started = COMMITTED - 3 * SECOND;
	snapshot->ended = snapshot->moment;
	snapshot->root = hf_buf_span(&maker->root_form);
	snapshot->files = 5;
	snapshot->bytes = 2 * (sizeof(letter) - 1) + PAGE + RUN + maker->text_len;
	snapshot->entries = 8;
	snapshot->host = hf_span_str("vector.example");
	snapshot->user = hf_span_str("ada");
	snapshot->paths = paths;
	snapshot->n_paths = ARRAY_LEN(paths);
	snapshot->labels = (struct hf_pairs){labels, ARRAY_LEN(labels)};
	return record;
}

/* It completes the snapshot, and says so. */
static void seal_meta_pack(struct maker *maker, struct hf_builder *builder)
{
	const struct hf_signing signing = {"holdfast pack 1",
		&maker->keys.secrets[HF_TEST_WRITER].sign_seed, HF_TEST_WRITER, 0};
	struct hf_restated restated = {.slot = HF_TEST_WRITER};
	HF_RELEASED(hf_buf) printed = {0}, body = {0};
	struct hf_sealing sealing;

	maker->snapshot = snapshot_record(maker);
	memcpy(restated.store, maker->store, sizeof(maker->store));
	hf_record_print(&maker->snapshot, &printed);
	hf_restated_print(&restated, hf_buf_span(&printed), &body);
	sealing = sealing_in(maker, 2, hf_buf_span(&body));
	sealing.signing = &signing;
	seal_pack(maker, builder, &sealing, &maker->packs[1]);
}

static void make_meta_pack(struct maker *maker)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_META_PACK);
	uint8_t sealed[HF_SEALED_SECRET_LEN];

	hf_random(maker->fingerprint_key.bytes, HF_KEY_LEN);
	ck_ok(hf_fingerprint_secret_seal(
		&maker->keys.secrets[HF_TEST_ADMIN].epochs[1], &maker->fingerprint_key, sealed));
	maker->secret = add_chunk(builder, &maker->meta_id, hf_span(sealed, sizeof(sealed)), NULL);
	maker->page_map = add_page_map(maker, builder);
	add_directories(maker, builder);
	seal_meta_pack(maker, builder);
}

/* ---- the commit ---- */

static struct hf_record journal_record(struct maker *maker)
{
	static struct hf_pair values[] = {
		{{(const uint8_t *)"segno", 5}, {(const uint8_t *)"1", 1}}};

	return (struct hf_record){
		.kind = HF_RECORD_JOURNAL,
		.journal = {.source = hf_span_str("pg/main"),
			.name = hf_span_str("000000010000000000000001"),
			.from = HF_TEST_NOW,
			.to = HF_TEST_NOW + 60 * SECOND,
			.size = sizeof(riding) - 1,
			.extents = extents_of(maker, &maker->riding, sizeof(riding) - 1),
			.values = {values, ARRAY_LEN(values)}},
	};
}

static void make_commit(struct maker *maker)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_COMMIT);
	HF_RELEASED(hf_buf) body = {0}, object = {0};
	const struct hf_signing signing = {"holdfast commit 1",
		&maker->keys.secrets[HF_TEST_WRITER].sign_seed, HF_TEST_WRITER, 0};
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_sealing sealing;
	struct hf_id id;

	maker->riding = add_chunk(builder, &maker->content_id, hf_span_str(riding), NULL);
	note_content(maker, "journal pg/main 000000010000000000000001", hf_span_str(riding));
	struct hf_record records[] = {
		maker->packs[0], maker->packs[1], maker->snapshot, journal_record(maker)};
	struct hf_commit commit = {.slot = HF_TEST_WRITER,
		.time = COMMITTED,
		.keyring = 2,
		.checkpoint = 1,
		.checkpoint_id = maker->checkpoint,
		.records = records,
		.n_records = ARRAY_LEN(records)};

	memcpy(commit.store, maker->store, sizeof(maker->store));
	hf_commit_print(&commit, &body);
	sealing = sealing_in(maker, 2, hf_buf_span(&body));
	sealing.signing = &signing;
	sealing.pad = true;
	hf_builder_seal(builder, &sealing, &object, NULL, &id);
	hf_commit_name(commit.time, &id, name);
	add_object(maker, name, hf_buf_span(&object));
}

static int compare_rows(const void *a, const void *b)
{
	return memcmp(a, b, HF_ID_LEN); /* the id comes first */
}

/* Of the content pack's chunks, in one block. Apart from the repository: no checkpoint names it. */
static void make_segment(struct maker *maker)
{
	HF_OWNED(hf_builder) builder = hf_builder_new(HF_SEGMENT);
	HF_RELEASED(hf_buf) block = {0}, body = {0}, object = {0};
	const struct hf_pack_record *pack = &maker->packs[0].pack;
	struct hf_chunk_row rows[3];
	struct hf_segment segment = {.kind = HF_SEGMENT_CHUNKS, .n_blocks = 1};
	struct hf_sealing sealing;
	struct hf_id pack_id = pack->id, id;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct hf_row *row = &pack->table.rows[i];

		rows[i] = (struct hf_chunk_row){row->id, 0, row->offset, row->stored, row->plain};
	}
	qsort(rows, ARRAY_LEN(rows), sizeof(rows[0]), compare_rows);
	hf_chunk_rows_print(rows, ARRAY_LEN(rows), &block);
	hf_sha256(hf_buf_span(&block), &id);
	hf_builder_add(builder, &id, (uint32_t)block.len, hf_buf_span(&block));
	segment.first = &rows[0].id;
	segment.packs = (struct hf_ids){&pack_id, 1};
	hf_segment_print(&segment, &body);
	sealing = sealing_in(maker, 2, hf_buf_span(&body));
	hf_builder_seal(builder, &sealing, &object, NULL, NULL);
	add_file(maker->out, "segment.bin", hf_buf_span(&object));
}

void hf_vector_repository_make(struct hf_vector_repository *out)
{
	static const uint8_t seed[32] = "the seed of the test vectors, v1";
	struct maker maker = {.out = out};
	const struct hf_slot_secrets *admin = &maker.keys.secrets[HF_TEST_ADMIN];

	*out = (struct hf_vector_repository){0};
	hf_random_seed(seed);
	make_keyrings(&maker);
	add_key_files(&maker);
	hf_id_key_derive(admin, HF_CONTENT_ID, &maker.content_id);
	hf_id_key_derive(admin, HF_META_ID, &maker.meta_id);
	hf_id_key_derive(admin, HF_PAGE_ID, &maker.page_key);
	make_checkpoint(&maker);
	make_content_pack(&maker);
	make_meta_pack(&maker);
	make_commit(&maker);
	make_segment(&maker);
	add_file(out, "contents.txt", hf_buf_span(&maker.contents));
	hf_buf_release(&maker.contents);
	hf_buf_release(&maker.root_form);
	hf_test_repo_keys_release(&maker.keys);
	hf_arena_release(&maker.arena);
}

void hf_vector_repository_release(struct hf_vector_repository *repository)
{
	for (size_t i = 0; i < repository->n; i++) {
		free(repository->files[i].name);
		hf_buf_release(&repository->files[i].bytes);
	}
	free(repository->files);
	*repository = (struct hf_vector_repository){0};
}
