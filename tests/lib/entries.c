/* Entries for tests. */
#include "tests/lib/entries.h"

#include "tests/lib/test.h"

static uint64_t below(uint64_t *state, uint64_t n)
{
	return hf_test_random(state) % n;
}

static struct hf_span text(struct hf_arena *arena, const char *before, unsigned number)
{
	char *made = hf_format("%s%07u", before, number);
	const struct hf_span kept = hf_arena_span(arena, hf_span_str(made));

	free(made);
	return kept;
}

struct hf_extents hf_test_extents(uint64_t *state, size_t n, bool holes, struct hf_arena *arena)
{
	struct hf_extents extents = {.at = hf_arena_alloc(arena, n * sizeof(*extents.at)), .n = n};

	for (size_t i = 0; i < n; i++) {
		struct hf_extent *extent = &extents.at[i];
		const uint64_t chunk = below(state, 50);

		*extent = (struct hf_extent){.length = 1 + below(state, 100000)};
		if (holes && chunk % 5 == 0)
			continue;
		memset(extent->chunk.bytes, (int)(chunk * 5 + 1), HF_ID_LEN);
		extent->offset = (uint32_t)below(state, HF_MAX_CHUNK - extent->length + 1);
	}
	return extents;
}

static void add_xattrs(uint64_t *state, struct hf_arena *arena, struct hf_entry *entry)
{
	const size_t n = below(state, 4);
	struct hf_xattr *xattrs = hf_arena_alloc(arena, n * sizeof(*xattrs));

	for (size_t i = 0; i < n; i++) {
		xattrs[i].name = text(arena, "user.name", (unsigned)i);
		xattrs[i].value = text(arena, "", (unsigned)below(state, 3));
	}
	entry->xattrs = xattrs;
	entry->n_xattrs = n;
}

static void add_content(uint64_t *state, struct hf_arena *arena, struct hf_entry *entry)
{
	const uint64_t dice = below(state, 10);

	entry->extents = hf_test_extents(state, dice == 9 ? HF_INLINE_EXTENTS : dice, true, arena);
	entry->size = hf_extents_length(&entry->extents);
	if (dice == 8) {
		entry->extents = hf_test_extents(state, 3, false, arena);
		entry->extents_file = true;
		entry->size = UINT64_C(1) << 40;
		entry->hole_bytes = below(state, entry->size + 1);
		entry->hole_bytes = below(state, 1000);
	}
	if (below(state, 3)) {
		uint64_t same = below(state, 2);

		entry->fingerprinted = true;
		memset(entry->fingerprint, (int)below(state, 256), HF_FINGERPRINT_LEN);
		entry->secret = hf_test_extents(&same, 1, false, arena);
	}
	if (below(state, 5) == 0)
		entry->page_map = hf_test_extents(state, 1 + below(state, 3), false, arena);
	entry->incomplete = below(state, 20) == 0;
}

struct hf_entry hf_test_entry(uint64_t *state, unsigned number, struct hf_arena *arena)
{
	struct hf_entry entry = {.name = text(arena, "a name with number ", number),
		.type = (enum hf_type)(HF_REG + below(state, 2 * HF_SOCK)),
		.mode = (uint32_t)below(state, 010000),
		.uid = (uint32_t)below(state, 3) * 1000,
		.gid = (uint32_t)below(state, 2) * UINT32_MAX,
		.user = text(arena, "user", (unsigned)below(state, 2)),
		.mtime = (int64_t)(hf_test_random(state) % INT64_C(8000000000000000000)),
		.ctime = -(int64_t)below(state, 8000000000000000000u),
		.nlink = 1};

	if (entry.type > HF_SOCK)
		entry.type = HF_REG;
	if (entry.type != HF_DIR && below(state, 4) == 0) {
		entry.linked = true;
		entry.nlink = 1 + below(state, 1000);
		memset(entry.link_id, (int)below(state, 256), HF_LINK_ID_LEN);
	}
	if (entry.type == HF_CHR || entry.type == HF_BLK)
		entry.rdev_major = entry.rdev_minor = (uint32_t)hf_test_random(state);
	if (entry.type == HF_LNK)
		entry.target = text(arena, "../to/", number);
	if (entry.type == HF_DIR) {
		entry.size = below(state, 3);
		entry.extents = hf_test_extents(state, entry.size ? 2 : 0, false, arena);
		entry.incomplete = below(state, 20) == 0;
	}
	if (entry.type == HF_REG)
		add_content(state, arena, &entry);
	add_xattrs(state, arena, &entry);
	return entry;
}

bool hf_test_extents_equal(const struct hf_extents *a, const struct hf_extents *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (!hf_id_equal(&a->at[i].chunk, &b->at[i].chunk) ||
			a->at[i].length != b->at[i].length || a->at[i].offset != b->at[i].offset)
			return false;
	}
	return true;
}

static bool xattrs_equal(const struct hf_entry *a, const struct hf_entry *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++) {
		if (!hf_span_equal(a->xattrs[i].name, b->xattrs[i].name) ||
			!hf_span_equal(a->xattrs[i].value, b->xattrs[i].value))
			return false;
	}
	return true;
}

static bool stat_equal(const struct hf_entry *a, const struct hf_entry *b)
{
	return a->type == b->type && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
		hf_span_equal(a->user, b->user) && hf_span_equal(a->group, b->group) &&
		a->mtime == b->mtime && a->ctime == b->ctime && a->rdev_major == b->rdev_major &&
		a->rdev_minor == b->rdev_minor && a->linked == b->linked && a->nlink == b->nlink &&
		memcmp(a->link_id, b->link_id, HF_LINK_ID_LEN) == 0 &&
		(a->size == b->size || a->type == HF_LNK);
}

bool hf_test_entry_equal(const struct hf_entry *a, const struct hf_entry *b)
{
	return hf_span_equal(a->name, b->name) && stat_equal(a, b) &&
		hf_span_equal(a->target, b->target) && xattrs_equal(a, b) &&
		hf_test_extents_equal(&a->extents, &b->extents) &&
		a->extents_file == b->extents_file && a->hole_bytes == b->hole_bytes &&
		a->hole_bytes == b->hole_bytes && a->fingerprinted == b->fingerprinted &&
		memcmp(a->fingerprint, b->fingerprint, HF_FINGERPRINT_LEN) == 0 &&
		hf_test_extents_equal(&a->secret, &b->secret) &&
		hf_test_extents_equal(&a->page_map, &b->page_map) && a->incomplete == b->incomplete;
}
