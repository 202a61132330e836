#include "tests/lib/numbered.h"

#include <stdio.h>
#include <string.h>

#include "backend/base/text.h"
#include "backend/format/key.h"
#include "backend/repo/check.h"
#include "backend/tree/check_tree.h"
#include "backend/tree/content.h"
#include "backend/tree/dir.h"
#include "backend/tree/mark.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

#define FILES 32
#define SIZE 3000u
#define CACHE ((size_t)1 << 20)

static struct hf_error *note_id(void *arg, const struct hf_id *id)
{
	*(struct hf_id *)arg = *id;
	return NULL;
}

static hf_err put_bytes(struct hf_writer *writer, enum hf_object_kind kind, struct hf_buf *bytes,
	struct hf_extents *extents)
{
	struct hf_extent extent = {.length = bytes->len};

	HF_TRY(hf_writer_put(writer, kind, bytes, note_id, &extent.chunk));
	HF_TRY(hf_writer_drain(writer));
	hf_extents_add(extents, &extent);
	return NULL;
}

static hf_err put_file(struct hf_writer *writer, unsigned number, struct hf_dir_builder *builder)
{
	HF_RELEASED(hf_buf) bytes = hf_small_bytes(number, SIZE);
	HF_RELEASED(hf_extents) extents = {0};
	char name[8];

	snprintf(name, sizeof(name), "%02u", number);
	HF_TRY(put_bytes(writer, HF_CONTENT_PACK, &bytes, &extents));
	const struct hf_entry entry = {.name = hf_span_str(name),
		.type = HF_REG,
		.mode = 0644,
		.size = SIZE,
		.extents = extents};

	return hf_dir_builder_add(builder, &entry);
}

hf_err hf_numbered_put(struct hf_writer *writer, hf_files files, struct hf_entry *root)
{
	HF_OWNED(hf_dir_builder) builder = hf_dir_builder_new();
	HF_RELEASED(hf_buf) bytes = {0};

	*root = (struct hf_entry){.type = HF_DIR, .mode = 0755};
	for (unsigned i = 0; i < FILES; i++) {
		if (!(files >> i & 1))
			continue;
		HF_TRY(put_file(writer, i, builder));
		root->size++;
	}
	hf_dir_builder_finish(builder, &bytes);
	return bytes.len ? put_bytes(writer, HF_META_PACK, &bytes, &root->extents) : NULL;
}

hf_err hf_numbered_add(struct hf_writer *writer, const struct hf_numbered_snapshot *snapshot,
	const struct hf_entry *root, bool finished, uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	HF_RELEASED(hf_buf) form = {0};
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT};

	hf_entry_print_alone(root, &form);
	record.snapshot = (struct hf_snapshot){
		.source = hf_span_str(snapshot->source),
		.moment = snapshot->moment,
		.started = snapshot->moment,
		.ended = snapshot->moment,
		.root = hf_buf_span(&form),
		.host = hf_span_str("here"),
		.user = hf_span_str("root"),
	};
	memcpy(record.snapshot.run, snapshot->run, sizeof(record.snapshot.run));
	if (id)
		hf_snapshot_record_id(&record, id);
	if (!finished) {
		record.kind = HF_RECORD_UNFINISHED;
		record.of = HF_RECORD_SNAPSHOT;
	}
	return hf_writer_add(writer, &record);
}

static hf_err publish_and_look(struct hf_writer *writer)
{
	HF_TRY(hf_writer_publish(writer));
	return hf_writer_look(writer);
}

static hf_err write_whole(struct hf_writer *writer, const struct hf_numbered_snapshot *snapshot,
	hf_files files, struct hf_entry *root, uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	HF_TRY(hf_numbered_put(writer, files, root));
	HF_TRY(hf_numbered_add(writer, snapshot, root, false, NULL));
	HF_TRY(publish_and_look(writer));
	HF_TRY(hf_numbered_add(writer, snapshot, root, true, id));
	return publish_and_look(writer);
}

hf_err hf_numbered_backup(struct hf_repo *repo, const char *source, int64_t moment, hf_files files,
	uint8_t id[HF_SNAPSHOT_ID_LEN])
{
	const struct hf_writer_options options = {0};
	struct hf_numbered_snapshot snapshot = {.source = source, .moment = moment};
	HF_OWNED(hf_writer) writer = NULL;
	struct hf_entry root = {0};

	hf_random(snapshot.run, sizeof(snapshot.run));
	HF_TRY(hf_writer_begin(repo, &options, &writer));
	struct hf_error *err = write_whole(writer, &snapshot, files, &root, id);

	hf_extents_release(&root.extents);
	return err;
}

/* ---- reading ---- */

static hf_err read_file(struct hf_reader *reader, const struct hf_entry *entry, hf_files *files)
{
	HF_OWNED(hf_content) content = NULL;
	HF_RELEASED(hf_buf) bytes = {0};
	const unsigned number =
		(unsigned)(entry->name.at[0] - '0') * 10 + (unsigned)(entry->name.at[1] - '0');
	HF_RELEASED(hf_buf) expected = hf_small_bytes(number, SIZE);

	HF_TRY(hf_content_open(reader, entry, &content));
	HF_TRY(hf_content_read_all(content, SIZE, &bytes));
	if (bytes.len != expected.len || memcmp(bytes.at, expected.at, bytes.len) != 0)
		return hf_error_new(HF_CORRUPT, "file %u has another content", number);
	*files |= (hf_files)1 << number;
	return NULL;
}

static void cursor_end(struct hf_dir_cursor *cursor)
{
	hf_dir_cursor_end(cursor);
}

hf_err hf_numbered_read(
	struct hf_reader *reader, const struct hf_snapshot_info *info, hf_files *files)
{
	HF_RELEASED(hf_arena) arena = {0};
	HF_OWNED(hf_dir) dir = NULL;
	__attribute__((cleanup(cursor_end))) struct hf_dir_cursor cursor = {0};
	const struct hf_entry *child;
	struct hf_entry root;

	*files = 0;
	HF_TRY(hf_entry_parse_alone(info->snapshot.root, &arena, &root));
	if (root.size == 0)
		return NULL;
	HF_TRY(hf_dir_open(reader, &root, &dir));
	hf_dir_cursor_begin(&cursor, dir);
	for (;;) {
		HF_TRY(hf_dir_cursor_next(&cursor, &child));
		if (!child)
			return NULL;
		HF_TRY(hf_error_in(read_file(reader, child, files), "file %.*s",
			(int)child->name.len, (const char *)child->name.at));
	}
}

/* ---- the rest ---- */

hf_err hf_numbered_prune(struct hf_repo *repo, int64_t grace, struct hf_prune_result *result)
{
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_prune_result ignored;
	struct hf_prune_options options = {.grace = grace, .mark = hf_mark_live};

	HF_TRY(hf_reader_open(repo, CACHE, 0, &reader));
	HF_OWNED(hf_marker) marker = hf_marker_new(reader, NULL, NULL);

	options.arg = marker;
	return hf_prune_run(repo, &options, result ? result : &ignored);
}

hf_err hf_numbered_rebuild(struct hf_repo *repo, struct hf_rebuilt *out)
{
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_check_tree whole = {0};
	const struct hf_rebuild_options options = {.whole = hf_check_snapshot, .arg = &whole};

	HF_TRY(hf_reader_open(repo, CACHE, 0, &reader));
	whole.reader = reader;
	return hf_rebuild(repo, &options, out);
}

hf_err hf_numbered_unended(struct hf_repo *repo, uint64_t *unended)
{
	HF_OWNED(hf_reader) reader = NULL;
	struct hf_check_tree whole = {0};
	const struct hf_rebuild_options options = {.whole = hf_check_snapshot, .arg = &whole};

	HF_TRY(hf_reader_open(repo, CACHE, 0, &reader));
	whole.reader = reader;
	return hf_rebuild_count_unended(repo, &options, unended);
}

struct findings {
	struct hf_buf text;
};

static void note_finding(void *arg, const struct hf_finding *finding)
{
	struct findings *findings = arg;

	if (!finding->note)
		hf_buf_printf(&findings->text, "%s%s: %s", findings->text.len ? "; " : "",
			finding->object, finding->text);
}

hf_err hf_numbered_check(struct hf_repo *repo)
{
	HF_RELEASED(hf_buf) text = {0};
	struct findings findings = {0};
	const struct hf_check_options options = {.found = note_finding, .arg = &findings};
	struct hf_check_result result;
	struct hf_error *err = hf_check_objects(repo, &options, &result);

	text = findings.text;
	HF_TRY(err);
	if (result.findings)
		return hf_error_new(HF_CORRUPT, "%.*s", (int)text.len, (const char *)text.at);
	return NULL;
}

void hf_numbered_expect(struct hf_small *small, const char *source, const hf_files *files, size_t n)
{
	HF_OWNED(hf_repo) fresh = hf_small_open(small);
	HF_OWNED(hf_reader) reader = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_snapshots all;
	hf_files read;

	ck_ok(hf_reader_open(fresh, CACHE, 0, &reader));
	ck_ok(hf_history_snapshots(fresh, source, &arena, &all));
	ck_assert_uint_eq(all.n, n);
	for (size_t i = 0; i < n; i++) {
		ck_ok(hf_numbered_read(reader, &all.at[i], &read));
		ck_assert_uint_eq(read, files[i]);
	}
	ck_ok(hf_numbered_check(fresh));
}
