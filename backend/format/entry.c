/* What an entry may be, and a directory built of entries. */
#include "backend/format/entry.h"

#include <stdlib.h>

#include "backend/format/block_index.h"
#include "backend/format/dir_block.h"

/* ---- what an entry may be ---- */

const char *hf_name_problem(struct hf_span name)
{
	if (name.len == 0)
		return "a name without bytes";
	if (name.len > HF_MAX_NAME)
		return "a name that is too long";
	if (name.at[0] == '.' && (name.len == 1 || (name.len == 2 && name.at[1] == '.')))
		return "a name of dots";
	if (memchr(name.at, '/', name.len) || memchr(name.at, 0, name.len))
		return "a name with '/' or NUL";
	return NULL;
}

/* text: a str of at most max bytes. */
static bool is_text(struct hf_span text, size_t max)
{
	return text.len <= max && (text.len == 0 || !memchr(text.at, 0, text.len));
}

const char *hf_xattrs_problem(const struct hf_xattr *xattrs, size_t n)
{
	if (n > HF_MAX_XATTRS)
		return "too many xattrs";
	for (size_t i = 0; i < n; i++) {
		if (xattrs[i].name.len == 0 || !is_text(xattrs[i].name, HF_MAX_NAME))
			return "an xattr's name";
		if (xattrs[i].value.len > HF_MAX_XATTR_VALUE)
			return "an xattr's value";
		if (i && hf_span_compare(xattrs[i - 1].name, xattrs[i].name) >= 0)
			return "xattrs out of order";
	}
	return NULL;
}

/* Extents of something in meta that is there. */
static bool is_meta(const struct hf_extents *extents)
{
	return extents->n > 0 && extents->n <= HF_MAX_META_EXTENTS &&
		!hf_extents_problem(extents, false);
}

static const char *regular_problem(const struct hf_entry *entry)
{
	if (entry->size > HF_MAX_EXTENT)
		return "a file's size";
	if (entry->extents_file)
		return entry->size && entry->hole_bytes <= entry->size && is_meta(&entry->extents)
			? NULL
			: "a file of extents";
	if (entry->extents.n > HF_INLINE_EXTENTS)
		return "too many extents";
	if (hf_extents_length(&entry->extents) != entry->size)
		return "extents that are not the file's size";
	return hf_extents_problem(&entry->extents, true);
}

static const char *directory_problem(const struct hf_entry *entry)
{
	if (entry->linked)
		return "a linked directory";
	if (entry->size == 0)
		return entry->extents.n || entry->extents_file ? "an empty directory with bytes"
							       : NULL;
	if (!is_meta(&entry->extents))
		return "a directory's extents";
	return NULL;
}

static const char *kind_problem(const struct hf_entry *entry)
{
	switch (entry->type) {
	case HF_REG:
		return regular_problem(entry);
	case HF_DIR:
		return directory_problem(entry);
	case HF_LNK:
		return entry->target.len && is_text(entry->target, HF_MAX_TARGET)
			? NULL
			: "a link's target";
	case HF_CHR:
	case HF_BLK:
	case HF_FIFO:
	case HF_SOCK:
		return NULL;
	}
	return "an unknown type";
}

/* What only files with content can have. */
static const char *content_problem(const struct hf_entry *entry)
{
	const bool regular = entry->type == HF_REG;

	if (!regular && entry->type != HF_DIR &&
		(entry->extents.n || entry->extents_file || entry->incomplete))
		return "content where there is none";
	if (!regular && (entry->fingerprinted || entry->page_map.n))
		return "a fingerprint or page map of what is no file";
	if (entry->fingerprinted && !is_meta(&entry->secret))
		return "a fingerprint without its secret";
	if (entry->page_map.n && !is_meta(&entry->page_map))
		return "a page map's extents";
	return NULL;
}

const char *hf_entry_problem(const struct hf_entry *entry, bool alone)
{
	const char *problem = NULL;

	if (entry->name.len || !alone)
		problem = hf_name_problem(entry->name);
	if (!problem && entry->mode > 07777)
		problem = "a mode";
	if (!problem && entry->linked && (entry->nlink == 0 || entry->nlink > INT64_MAX))
		problem = "a count of links";
	if (!problem)
		problem = kind_problem(entry);
	return problem ? problem : content_problem(entry);
}

/* What parsed entries need not be asked: their tables were. */
static const char *new_entry_problem(const struct hf_entry *entry)
{
	const char *problem = hf_entry_problem(entry, false);

	if (!problem && !(is_text(entry->user, HF_MAX_NAME) && is_text(entry->group, HF_MAX_NAME)))
		problem = "an owner's name";
	return problem ? problem : hf_xattrs_problem(entry->xattrs, entry->n_xattrs);
}

/* ---- a directory ---- */

/*
 * A block ends behind a name that says so (one in 32, after 16 entries), so that a name that comes
 * or goes changes the blocks near it and no other: about 40 entries a block. Readers follow the
 * index.
 */
#define BLOCK_LEAST 16u
#define BLOCK_END_SHIFT 27
#define BLOCK_FULL (64u << 10) /* bytes: large xattrs make short blocks */

struct hf_dir_builder {
	struct hf_dir_block_writer block;
	struct hf_buf blocks; /* those that ended */
	struct hf_buf rows;   /* of the index, of all blocks that began */
	size_t n_blocks, n;
};

struct hf_dir_builder *hf_dir_builder_new(void)
{
	return hf_calloc(1, sizeof(struct hf_dir_builder));
}

void hf_dir_builder_free(struct hf_dir_builder *builder)
{
	if (!builder)
		return;
	hf_dir_block_writer_release(&builder->block);
	hf_buf_release(&builder->blocks);
	hf_buf_release(&builder->rows);
	free(builder);
}

/* FNV-1a; its high bits, because the low ones know only the low bits of each byte. */
static bool ends_block(struct hf_span name)
{
	uint32_t hash = UINT32_C(2166136261);

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ name.at[i]) * UINT32_C(16777619);
	return hash >> BLOCK_END_SHIFT == 0;
}

hf_err hf_dir_builder_add(struct hf_dir_builder *builder, const struct hf_entry *entry)
{
	struct hf_dir_block_writer *block = &builder->block;
	const char *problem = new_entry_problem(entry);

	if (!problem && builder->n && hf_span_compare(hf_buf_span(&block->last), entry->name) >= 0)
		problem = "a name out of order";
	if (!problem && builder->rows.len > HF_MAX_INDEX - 2 * HF_MAX_NAME)
		problem = "too many names";
	if (problem)
		return hf_error_new(HF_INVALID, "entry of a directory: %s", problem);

	if (block->n == 0) {
		hf_put_sized(&builder->rows, entry->name);
		hf_put_var(&builder->rows, builder->blocks.len);
		builder->n_blocks++;
	}
	hf_dir_block_writer_add(block, entry);
	builder->n++;
	if (block->n == HF_BLOCK_ENTRIES || hf_dir_block_writer_size(block) >= BLOCK_FULL ||
		(block->n >= BLOCK_LEAST && ends_block(entry->name)))
		hf_dir_block_writer_end(block, &builder->blocks);
	return NULL;
}

size_t hf_dir_builder_count(const struct hf_dir_builder *builder)
{
	return builder->n;
}

void hf_dir_builder_finish(struct hf_dir_builder *builder, struct hf_buf *out)
{
	if (builder->n == 0)
		return;
	if (builder->block.n)
		hf_dir_block_writer_end(&builder->block, &builder->blocks);
	hf_buf_add_span(out, hf_buf_span(&builder->blocks));
	hf_block_index_print(builder->n_blocks, hf_buf_span(&builder->rows), out);

	hf_buf_clear(&builder->blocks);
	hf_buf_clear(&builder->rows);
	builder->n_blocks = 0;
	builder->n = 0;
}
