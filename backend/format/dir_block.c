/* A directory's block, filled and read. */
#include "backend/format/dir_block.h"

/* Stored bytes of the shortest entry: name 2, flags, mode, owner, xattr set, two times of 2. */
#define MIN_ENTRY_LEN 10
#define MIN_OWNER_LEN 4
#define MIN_XATTR_LEN 3

/* ---- filling ---- */

static uint32_t put_owner(struct hf_dir_block_writer *writer, const struct hf_entry *entry)
{
	struct hf_buf *scratch = &writer->scratch;

	hf_buf_clear(scratch);
	hf_put_var(scratch, entry->uid);
	hf_put_var(scratch, entry->gid);
	hf_put_sized(scratch, entry->user);
	hf_put_sized(scratch, entry->group);
	return hf_intern_add(&writer->owners, hf_buf_span(scratch));
}

/* 0: none, else the set's number + 1. */
static uint32_t put_xattrs(struct hf_dir_block_writer *writer, const struct hf_entry *entry)
{
	struct hf_buf *scratch = &writer->scratch;

	if (entry->n_xattrs == 0)
		return 0;
	hf_buf_clear(scratch);
	hf_put_var(scratch, entry->n_xattrs);
	for (size_t i = 0; i < entry->n_xattrs; i++) {
		hf_put_sized(scratch, entry->xattrs[i].name);
		hf_put_sized(scratch, entry->xattrs[i].value);
	}
	return hf_intern_add(&writer->xattrs, hf_buf_span(scratch)) + 1;
}

static uint32_t put_secret(struct hf_dir_block_writer *writer, const struct hf_entry *entry)
{
	hf_buf_clear(&writer->scratch);
	hf_extents_put(&entry->secret, &writer->ids, &writer->scratch);
	return hf_intern_add(&writer->secrets, hf_buf_span(&writer->scratch));
}

static void put_name(struct hf_dir_block_writer *writer, struct hf_span name)
{
	struct hf_buf *last = &writer->last;
	const size_t most = writer->n ? HF_MIN(last->len, name.len) : 0;
	size_t shared = 0;

	while (shared < most && last->at[shared] == name.at[shared])
		shared++;
	hf_put_var(&writer->entries, shared);
	hf_put_sized(&writer->entries, hf_span(name.at + shared, name.len - shared));
	hf_buf_clear(last);
	hf_buf_add_span(last, name);
}

static uint64_t flags_of(const struct hf_entry *entry)
{
	return (uint64_t)entry->type | (entry->linked ? HF_FLAG_LINKED : 0) |
		(entry->extents_file ? HF_FLAG_EXTENTS_FILE : 0) |
		(entry->fingerprinted ? HF_FLAG_FINGERPRINT : 0) |
		(entry->page_map.n ? HF_FLAG_PAGE_MAP : 0) |
		(entry->incomplete ? HF_FLAG_INCOMPLETE : 0);
}

/* What each type has of its own. */
static void put_kind(struct hf_dir_block_writer *writer, const struct hf_entry *entry)
{
	struct hf_buf *out = &writer->entries;

	switch (entry->type) {
	case HF_REG:
	case HF_DIR:
		hf_put_var(out, entry->size);
		break;
	case HF_LNK:
		hf_put_sized(out, entry->target);
		break;
	case HF_CHR:
	case HF_BLK:
		hf_put_var(out, entry->rdev_major);
		hf_put_var(out, entry->rdev_minor);
		break;
	case HF_FIFO:
	case HF_SOCK:
		break;
	}
}

void hf_dir_block_writer_add(struct hf_dir_block_writer *writer, const struct hf_entry *entry)
{
	struct hf_buf *out = &writer->entries;

	put_name(writer, entry->name);
	hf_put_var(out, flags_of(entry));
	hf_put_var(out, entry->mode);
	hf_put_var(out, put_owner(writer, entry));
	hf_put_var(out, put_xattrs(writer, entry));
	hf_put_time(out, entry->mtime);
	hf_put_time(out, entry->ctime);
	put_kind(writer, entry);
	if (entry->linked) {
		hf_buf_add(out, entry->link_id, HF_LINK_ID_LEN);
		hf_put_var(out, entry->nlink);
	}
	if (entry->type == HF_REG || entry->type == HF_DIR)
		hf_extents_put(&entry->extents, &writer->ids, out);
	if (entry->type == HF_REG && entry->extents_file)
		hf_put_var(out, entry->hole_bytes);
	if (entry->fingerprinted) {
		hf_put_var(out, put_secret(writer, entry));
		hf_buf_add(out, entry->fingerprint, HF_FINGERPRINT_LEN);
	}
	if (entry->page_map.n)
		hf_extents_put(&entry->page_map, &writer->ids, out);
	writer->n++;
}

size_t hf_dir_block_writer_size(const struct hf_dir_block_writer *writer)
{
	return writer->ids.bytes.len + writer->owners.bytes.len + writer->xattrs.bytes.len +
		writer->secrets.bytes.len + writer->entries.len;
}

void hf_dir_block_writer_end(struct hf_dir_block_writer *writer, struct hf_buf *out)
{
	hf_intern_print(&writer->ids, out);
	hf_intern_print(&writer->owners, out);
	hf_intern_print(&writer->xattrs, out);
	hf_intern_print(&writer->secrets, out);
	hf_put_var(out, writer->n);
	hf_buf_add_span(out, hf_buf_span(&writer->entries));

	hf_intern_clear(&writer->ids);
	hf_intern_clear(&writer->owners);
	hf_intern_clear(&writer->xattrs);
	hf_intern_clear(&writer->secrets);
	hf_buf_clear(&writer->entries);
	writer->n = 0;
}

void hf_dir_block_writer_release(struct hf_dir_block_writer *writer)
{
	hf_intern_release(&writer->ids);
	hf_intern_release(&writer->owners);
	hf_intern_release(&writer->xattrs);
	hf_intern_release(&writer->secrets);
	hf_buf_release(&writer->entries);
	hf_buf_release(&writer->scratch);
	hf_buf_release(&writer->last);
}

void hf_entry_print_alone(const struct hf_entry *entry, struct hf_buf *out)
{
	HF_RELEASED(hf_dir_block_writer) writer = {0};

	hf_dir_block_writer_add(&writer, entry);
	hf_dir_block_writer_end(&writer, out);
}

/* ---- reading ---- */

struct owner {
	uint32_t uid, gid;
	struct hf_span user, group;
};
struct xattr_set {
	const struct hf_xattr *at;
	size_t n;
};

/* A block being read. No table but that of the ids can need more items than there are entries. */
struct block {
	struct hf_wire wire;
	struct hf_arena *arena;
	struct hf_id_table ids;
	struct owner owners[HF_BLOCK_ENTRIES];
	struct xattr_set sets[HF_BLOCK_ENTRIES];
	struct hf_extents secrets[HF_BLOCK_ENTRIES];
	size_t n_owners, n_sets, n_secrets;
	size_t n_extents;
	const char *problem; /* what is wrong, where more than "malformed" is known */
};

/* Remembers the first problem; NULL is none. */
static void judge(struct block *block, const char *problem)
{
	if (!problem || block->wire.bad)
		return;
	block->problem = problem;
	hf_wire_fail(&block->wire);
}

/* A copy that a NUL follows, for who needs a C string. */
static struct hf_span keep(struct block *block, struct hf_span bytes)
{
	return hf_span(hf_arena_str(block->arena, bytes.at, bytes.len), bytes.len);
}

/* A hole is 2 bytes here and 48 in memory: without a bound on all, a block could fill the memory.
 */
static void parse_extents(struct block *block, struct hf_extents *out)
{
	hf_extents_get(&block->wire, &block->ids, block->arena, out);
	block->n_extents += out->n;
	if (block->n_extents > HF_MAX_BLOCK_EXTENTS)
		judge(block, "too many extents");
}

static void parse_owners(struct block *block)
{
	struct hf_wire *wire = &block->wire;

	block->n_owners = hf_wire_count(wire, MIN_OWNER_LEN, HF_BLOCK_ENTRIES);
	for (size_t i = 0; i < block->n_owners && !wire->bad; i++) {
		struct owner *owner = &block->owners[i];

		owner->uid = (uint32_t)hf_wire_var_max(wire, UINT32_MAX);
		owner->gid = (uint32_t)hf_wire_var_max(wire, UINT32_MAX);
		owner->user = keep(block, hf_wire_str(wire, HF_MAX_NAME));
		owner->group = keep(block, hf_wire_str(wire, HF_MAX_NAME));
	}
}

static struct xattr_set parse_set(struct block *block)
{
	struct hf_wire *wire = &block->wire;
	const size_t n = hf_wire_count(wire, MIN_XATTR_LEN, HF_MAX_XATTRS);
	struct hf_xattr *xattrs = hf_arena_alloc(block->arena, n * sizeof(*xattrs));

	for (size_t i = 0; i < n && !wire->bad; i++) {
		xattrs[i].name = keep(block, hf_wire_str(wire, HF_MAX_NAME));
		xattrs[i].value = keep(block, hf_wire_sized(wire, HF_MAX_XATTR_VALUE));
	}
	if (!wire->bad)
		judge(block, n ? hf_xattrs_problem(xattrs, n) : "an empty set of xattrs");
	return (struct xattr_set){.at = xattrs, .n = n};
}

static void parse_tables(struct block *block)
{
	struct hf_wire *wire = &block->wire;

	hf_id_table_parse(wire, &block->ids);
	parse_owners(block);
	block->n_sets = hf_wire_count(wire, 1, HF_BLOCK_ENTRIES);
	for (size_t i = 0; i < block->n_sets && !wire->bad; i++)
		block->sets[i] = parse_set(block);
	block->n_secrets = hf_wire_count(wire, 1, HF_BLOCK_ENTRIES);
	for (size_t i = 0; i < block->n_secrets && !wire->bad; i++)
		parse_extents(block, &block->secrets[i]);
}

/* As much of the name before as can be must be shared, so that names have one form and ascend. */
static void parse_name(struct block *block, const struct hf_entry *before, struct hf_entry *entry)
{
	struct hf_wire *wire = &block->wire;
	const struct hf_span last = before ? before->name : hf_span(NULL, 0);
	const size_t shared = hf_wire_var_max(wire, last.len);
	const struct hf_span rest = hf_wire_sized(wire, HF_MAX_NAME - shared);
	char *name;

	if (wire->bad)
		return;
	if (before && (rest.len == 0 || (shared < last.len && rest.at[0] <= last.at[shared]))) {
		judge(block, "a name out of order");
		return;
	}
	name = hf_arena_alloc(block->arena, shared + rest.len + 1);
	if (shared)
		memcpy(name, last.at, shared);
	if (rest.len)
		memcpy(name + shared, rest.at, rest.len);
	name[shared + rest.len] = '\0';
	entry->name = hf_span(name, shared + rest.len);
}

static void parse_owner(struct block *block, struct hf_entry *entry)
{
	const size_t ref = hf_wire_var_max(&block->wire, UINT32_MAX);
	const struct owner *owner;

	if (ref >= block->n_owners) {
		judge(block, "no such owner");
		return;
	}
	owner = &block->owners[ref];
	entry->uid = owner->uid;
	entry->gid = owner->gid;
	entry->user = owner->user;
	entry->group = owner->group;
}

static void parse_xattrs(struct block *block, struct hf_entry *entry)
{
	const size_t ref = hf_wire_var_max(&block->wire, block->n_sets);

	if (ref == 0)
		return;
	entry->xattrs = block->sets[ref - 1].at;
	entry->n_xattrs = block->sets[ref - 1].n;
}

static void parse_kind(struct block *block, struct hf_entry *entry)
{
	struct hf_wire *wire = &block->wire;

	switch (entry->type) {
	case HF_REG:
	case HF_DIR:
		entry->size = hf_wire_var(wire);
		break;
	case HF_LNK:
		entry->target = keep(block, hf_wire_str(wire, HF_MAX_TARGET));
		entry->size = entry->target.len;
		break;
	case HF_CHR:
	case HF_BLK:
		entry->rdev_major = (uint32_t)hf_wire_var_max(wire, UINT32_MAX);
		entry->rdev_minor = (uint32_t)hf_wire_var_max(wire, UINT32_MAX);
		break;
	case HF_FIFO:
	case HF_SOCK:
		break;
	default:
		judge(block, "an unknown type");
	}
}

static void parse_fingerprint(struct block *block, struct hf_entry *entry)
{
	const size_t ref = hf_wire_var_max(&block->wire, UINT32_MAX);

	hf_wire_copy(&block->wire, entry->fingerprint, HF_FINGERPRINT_LEN);
	if (ref >= block->n_secrets) {
		judge(block, "no such secret");
		return;
	}
	entry->fingerprinted = true;
	entry->secret = block->secrets[ref];
}

/* What comes behind the times, as type and flags have it. */
static void parse_rest(struct block *block, uint64_t flags, struct hf_entry *entry)
{
	struct hf_wire *wire = &block->wire;

	parse_kind(block, entry);
	entry->nlink = 1;
	if (flags & HF_FLAG_LINKED) {
		entry->linked = true;
		hf_wire_copy(wire, entry->link_id, HF_LINK_ID_LEN);
		entry->nlink = hf_wire_var(wire);
	}
	if (entry->type == HF_REG || entry->type == HF_DIR)
		parse_extents(block, &entry->extents);
	entry->extents_file = flags & HF_FLAG_EXTENTS_FILE;
	if (entry->type == HF_REG && entry->extents_file)
		entry->hole_bytes = hf_wire_var_max(wire, entry->size);
	entry->incomplete = flags & HF_FLAG_INCOMPLETE;
	if (flags & HF_FLAG_FINGERPRINT)
		parse_fingerprint(block, entry);
	if (flags & HF_FLAG_PAGE_MAP) {
		parse_extents(block, &entry->page_map);
		if (entry->page_map.n == 0)
			judge(block, "an empty page map");
	}
}

static void parse_entry(
	struct block *block, const struct hf_entry *before, bool alone, struct hf_entry *entry)
{
	struct hf_wire *wire = &block->wire;
	uint64_t flags;

	*entry = (struct hf_entry){0};
	parse_name(block, before, entry);
	flags = hf_wire_var_max(wire, HF_FLAGS);
	entry->type = (enum hf_type)(flags & HF_FLAG_TYPE);
	entry->mode = (uint32_t)hf_wire_var_max(wire, UINT32_MAX);
	parse_owner(block, entry);
	parse_xattrs(block, entry);
	entry->mtime = hf_wire_time(wire);
	entry->ctime = hf_wire_time(wire);
	parse_rest(block, flags, entry);
	if (!wire->bad)
		judge(block, hf_entry_problem(entry, alone));
}

static hf_err parse_block(struct hf_span bytes, bool alone, struct hf_arena *arena,
	struct hf_entry **entries, size_t *n)
{
	struct block block;

	/* Only the tables' used items are ever read: clearing all of it would double the time. */
	block.wire = hf_wire(bytes);
	block.arena = arena;
	block.n_extents = 0;
	block.problem = NULL;
	if (bytes.len > HF_MAX_BLOCK)
		judge(&block, "too long");
	parse_tables(&block);
	*n = hf_wire_count(&block.wire, MIN_ENTRY_LEN, alone ? 1 : HF_BLOCK_ENTRIES);
	if (*n == 0)
		judge(&block, "no entry");
	*entries = hf_arena_alloc(arena, *n * sizeof(**entries));
	for (size_t i = 0; i < *n && !block.wire.bad; i++)
		parse_entry(&block, i ? &(*entries)[i - 1] : NULL, alone, &(*entries)[i]);
	if (block.problem)
		return hf_error_new(HF_CORRUPT, "directory block: %s", block.problem);
	return hf_wire_end(&block.wire, "directory block");
}

hf_err hf_dir_block_parse(
	struct hf_span block, struct hf_arena *arena, struct hf_entry **entries, size_t *n)
{
	return parse_block(block, false, arena, entries, n);
}

hf_err hf_entry_parse_alone(struct hf_span bytes, struct hf_arena *arena, struct hf_entry *out)
{
	struct hf_entry *entry;
	size_t n;

	HF_TRY(parse_block(bytes, true, arena, &entry, &n));
	*out = *entry;
	return NULL;
}
