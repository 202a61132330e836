#include "tests/lib/stored_tree.h"

#include <stdlib.h>
#include <unistd.h>

#include "backend/repo/catalog.h"
#include "backend/tree/fingerprint.h"
#include "tests/lib/test.h"

#define PIECE (64u << 10)
#define LARGE_PIECE (1u << 20)
#define CACHE_BYTES (16u << 20)

void hf_stored_init(struct hf_stored_tree *tree)
{
	const struct hf_writer_options writing = {0};
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	struct hf_repo_options options = {0};
	uint8_t sealed[HF_SEALED_SECRET_LEN];
	HF_OWNED(hf_store) store = NULL;
	struct hf_settings settings;

	*tree = (struct hf_stored_tree){.mem = hf_mem_new(1), .dir = hf_test_dir()};
	options.cache_dir = hf_arena_str(&tree->arena, tree->dir, strlen(tree->dir));
	hf_secret_set(&secret, hf_span_str("thirty-two bytes at least, of a key file"));
	hf_settings_default(&settings);
	ck_ok(hf_mem_store_open(tree->mem, &store));
	ck_ok(hf_repo_init(store, &settings, "all", &unlock));
	ck_ok(hf_repo_open(HF_STEAL(store), &unlock, &options, &tree->repo));
	ck_ok(hf_writer_begin(tree->repo, &writing, &tree->writer));

	memset(&tree->secret, 's', sizeof(tree->secret));
	ck_ok(hf_fingerprint_secret_seal(hf_repo_newest_epoch(tree->repo), &tree->secret, sealed));
	tree->secret_at =
		hf_stored_bytes(tree, HF_META_PACK, hf_span(sealed, sizeof(sealed)), PIECE);
}

void hf_stored_end(struct hf_stored_tree *tree)
{
	hf_reader_free(tree->reader);
	hf_writer_free(tree->writer);
	hf_repo_free(tree->repo);
	hf_mem_free(tree->mem);
	hf_test_dir_free(tree->dir);
	hf_arena_release(&tree->arena);
}

static struct hf_error *note_id(void *arg, const struct hf_id *id)
{
	*(struct hf_id *)arg = *id;
	return NULL;
}

struct hf_extents hf_stored_bytes(
	struct hf_stored_tree *tree, enum hf_object_kind kind, struct hf_span bytes, size_t piece)
{
	struct hf_extents extents = {.n = (bytes.len + piece - 1) / piece};

	extents.at = hf_arena_alloc(&tree->arena, (extents.n + 1) * sizeof(*extents.at));
	for (size_t i = 0; i < extents.n; i++) {
		size_t len = HF_MIN(piece, bytes.len - i * piece);
		HF_RELEASED(hf_buf) plain = {0};

		hf_buf_add(&plain, bytes.at + i * piece, len);
		extents.at[i] = (struct hf_extent){.length = len};
		ck_ok(hf_writer_put(tree->writer, kind, &plain, note_id, &extents.at[i].chunk));
		ck_ok(hf_writer_drain(tree->writer));
	}
	return extents;
}

static struct hf_entry entry_of(const char *name, enum hf_type type)
{
	return (struct hf_entry){
		.name = hf_span_str(name),
		.type = type,
		.mode = type == HF_DIR   ? 0755
			: type == HF_LNK ? 0777
					 : 0644,
		.uid = geteuid(),
		.gid = getegid(),
		.mtime = INT64_C(1000000000),
		.nlink = 1,
	};
}

struct hf_entry hf_stored_file(
	struct hf_stored_tree *tree, const char *name, struct hf_span content)
{
	HF_OWNED(hf_fingerprint) fingerprint = hf_fingerprint_new(&tree->secret);
	struct hf_entry entry = entry_of(name, HF_REG);

	entry.extents = hf_stored_bytes(tree, HF_CONTENT_PACK, content,
		content.len > HF_INLINE_EXTENTS * PIECE ? LARGE_PIECE : PIECE);
	entry.size = content.len;
	entry.fingerprinted = true;
	entry.secret = tree->secret_at;
	hf_fingerprint_add(fingerprint, content);
	hf_fingerprint_end(fingerprint, entry.fingerprint);
	return entry;
}

struct hf_entry hf_stored_extents(
	struct hf_stored_tree *tree, const char *name, const struct hf_extents *extents)
{
	struct hf_entry entry = entry_of(name, HF_REG);
	HF_RELEASED(hf_buf) form = {0};

	entry.size = hf_extents_length(extents);
	entry.extents = *extents;
	entry.extents_file = extents->n > HF_INLINE_EXTENTS;
	if (entry.extents_file) {
		hf_extents_file_print(extents, &form);
		entry.extents = hf_stored_bytes(tree, HF_META_PACK, hf_buf_span(&form), PIECE);
		for (size_t i = 0; i < extents->n; i++)
			if (hf_extent_is_hole(&extents->at[i]))
				entry.hole_bytes += extents->at[i].length;
	}
	return entry;
}

struct hf_entry hf_stored_link(struct hf_stored_tree *tree, const char *name, const char *target)
{
	struct hf_entry entry = entry_of(name, HF_LNK);

	(void)tree;
	entry.target = hf_span_str(target);
	return entry;
}

struct hf_entry hf_stored_special(struct hf_stored_tree *tree, const char *name, enum hf_type type)
{
	(void)tree;
	return entry_of(name, type);
}

struct hf_entry hf_stored_raw_dir(
	struct hf_stored_tree *tree, const char *name, struct hf_span bytes)
{
	struct hf_entry entry = entry_of(name, HF_DIR);

	entry.extents = hf_stored_bytes(tree, HF_META_PACK, bytes, PIECE);
	entry.size = bytes.len > 0;
	return entry;
}

struct hf_entry hf_stored_dir(
	struct hf_stored_tree *tree, const char *name, const struct hf_entry *entries, size_t n)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) bytes = {0};
	struct hf_entry entry;

	for (size_t i = 0; i < n; i++)
		ck_ok(hf_dir_builder_add(builder, &entries[i]));
	hf_dir_builder_finish(builder, &bytes);
	entry = hf_stored_raw_dir(tree, name, hf_buf_span(&bytes));
	entry.size = n;
	return entry;
}

void hf_stored_publish(struct hf_stored_tree *tree)
{
	ck_ok(hf_writer_publish(tree->writer));
	hf_reader_free(tree->reader);
	ck_ok(hf_reader_open(tree->repo, CACHE_BYTES, 0, &tree->reader));
}

void hf_stored_hurt(struct hf_stored_tree *tree, const struct hf_extent *extent)
{
	struct hf_catalog *catalog = hf_repo_catalog(tree->repo);
	struct hf_location at[HF_MAX_LOCATIONS];
	char name[HF_COMMIT_NAME_LEN + 1];
	struct hf_pack pack;
	size_t n;

	ck_ok(hf_catalog_find(catalog, &extent->chunk, at, &n));
	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		struct hf_buf *object;

		ck_ok(hf_catalog_pack(catalog, at[i].pack, &pack));
		hf_pack_object_name(&pack, name);
		for (unsigned copy = 0; (object = hf_mem_at(tree->mem, name, copy)); copy++)
			object->at[at[i].row.offset] ^= 1;
	}
}
