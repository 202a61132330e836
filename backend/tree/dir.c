/*
 * Directories block by block. Decoded blocks of all readers share one cache: a look-up, a readdir
 * and the next look-up in one directory decode its block once. A directory is known by the digest
 * of its extents, which are keyed ids, so equal digests are equal bytes, in whichever snapshot they
 * stand.
 */
#include "backend/tree/dir.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/format/hash.h"
#include "backend/tree/content.h"

#define SHARDS 8
#define SLOTS 512              /* hash chains of a shard */
#define SHARD_BYTES (4u << 20) /* of decoded blocks, estimated: 32 MiB in all */

struct block {
	struct hf_dir_block shown;
	atomic_uint refs;
	struct hf_arena arena;
	size_t weight;
	struct hf_id dir;
	size_t number;
	struct block *next;          /* in its hash chain */
	struct block *newer, *older; /* by last use */
};

struct shard {
	pthread_mutex_t lock; /* guards everything below */
	size_t bytes;
	struct block *slots[SLOTS];
	struct block *newest, *oldest;
};

struct hf_dir {
	struct hf_content *content; /* NULL: no names */
	struct hf_id id;
	struct hf_arena arena;
	struct hf_buf index_bytes;
	struct hf_block_index index;
};

/*
 * The one thing in this layer that outlives its users: a cache, bounded, shared by all mounts of
 * the process.
 */
static struct shard shards[SHARDS];
static pthread_once_t shards_once = PTHREAD_ONCE_INIT;

static void shards_init(void)
{
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&shards[i].lock, NULL);
}

static struct block *block_of(const struct hf_dir_block *shown)
{
	/* Shown blocks are const to their readers only; each is the first member of one of ours. */
	union {
		const struct hf_dir_block *shown;
		struct block *block;
	} both = {.shown = shown};

	return both.block;
}

const struct hf_dir_block *hf_dir_block_ref(const struct hf_dir_block *shown)
{
	atomic_fetch_add_explicit(&block_of(shown)->refs, 1, memory_order_relaxed);
	return shown;
}

void hf_dir_block_unref(const struct hf_dir_block *shown)
{
	struct block *block;

	if (!shown)
		return;
	block = block_of(shown);
	if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1)
		return;
	hf_arena_release(&block->arena);
	free(block);
}

static size_t hash_of(const struct hf_id *dir, size_t number)
{
	uint64_t hash;

	memcpy(&hash, dir->bytes, sizeof(hash));
	hash = (hash + number) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(hash >> 32);
}

static struct block **find_slot(struct shard *shard, const struct hf_id *dir, size_t number)
{
	struct block **slot = &shard->slots[hash_of(dir, number) / SHARDS % SLOTS];

	while (*slot && ((*slot)->number != number || !hf_id_equal(&(*slot)->dir, dir)))
		slot = &(*slot)->next;
	return slot;
}

static void leave_order(struct shard *shard, struct block *block)
{
	*(block->newer ? &block->newer->older : &shard->newest) = block->older;
	*(block->older ? &block->older->newer : &shard->oldest) = block->newer;
}

static void enter_order(struct shard *shard, struct block *block)
{
	block->newer = NULL;
	block->older = shard->newest;
	*(shard->newest ? &shard->newest->newer : &shard->oldest) = block;
	shard->newest = block;
}

/*
 * Takes blocks out, oldest first, until `more` bytes have room; gives them as a chain to let go of
 * without the lock.
 */
static struct block *make_room(struct shard *shard, size_t more)
{
	struct block *gone = NULL;

	while (shard->oldest && shard->bytes + more > SHARD_BYTES) {
		struct block *block = shard->oldest;

		*find_slot(shard, &block->dir, block->number) = block->next;
		leave_order(shard, block);
		shard->bytes -= block->weight;
		block->next = gone;
		gone = block;
	}
	return gone;
}

static const struct hf_dir_block *cached(const struct hf_id *dir, size_t number)
{
	struct shard *shard = &shards[hash_of(dir, number) % SHARDS];
	const struct hf_dir_block *shown = NULL;
	struct block *block;

	pthread_mutex_lock(&shard->lock);
	block = *find_slot(shard, dir, number);
	if (block) {
		leave_order(shard, block);
		enter_order(shard, block);
		shown = hf_dir_block_ref(&block->shown);
	}
	pthread_mutex_unlock(&shard->lock);
	return shown;
}

static void keep(struct block *block)
{
	struct shard *shard = &shards[hash_of(&block->dir, block->number) % SHARDS];
	struct block *gone = NULL, **slot;

	if (block->weight > SHARD_BYTES / 4)
		return;
	pthread_mutex_lock(&shard->lock);
	if (!*find_slot(shard, &block->dir, block->number)) {
		gone = make_room(shard, block->weight);
		slot = find_slot(shard, &block->dir, block->number);
		block->next = NULL;
		*slot = block;
		enter_order(shard, block);
		shard->bytes += block->weight;
		hf_dir_block_ref(&block->shown);
	}
	pthread_mutex_unlock(&shard->lock);
	while (gone) {
		struct block *next = gone->next;

		hf_dir_block_unref(&gone->shown);
		gone = next;
	}
}

static void identify(const struct hf_extents *extents, bool extents_file, struct hf_id *out)
{
	HF_RELEASED(hf_buf) bytes = {0};

	hf_put_u8(&bytes, extents_file);
	for (size_t i = 0; i < extents->n; i++) {
		hf_put_id(&bytes, &extents->at[i].chunk);
		hf_put_u32(&bytes, extents->at[i].offset);
		hf_put_u64(&bytes, extents->at[i].length);
	}
	hf_sha256(hf_buf_span(&bytes), out);
}

static hf_err open_index(struct hf_dir *dir)
{
	HF_TRY(hf_content_read_index(dir->content, &dir->index_bytes));
	return hf_dir_index_parse(hf_buf_span(&dir->index_bytes), hf_content_size(dir->content),
		&dir->arena, &dir->index);
}

hf_err hf_dir_open(struct hf_reader *reader, const struct hf_entry *entry, struct hf_dir **out)
{
	HF_OWNED(hf_dir) dir = hf_calloc(1, sizeof(*dir));

	pthread_once(&shards_once, shards_init);
	if (entry->type != HF_DIR)
		return hf_error_new(HF_INVALID, "not a directory");
	if (entry->extents.n > 0) {
		identify(&entry->extents, entry->extents_file, &dir->id);
		HF_TRY(hf_error_in(
			hf_content_open(reader, entry, &dir->content), "reading a directory"));
		HF_TRY(hf_error_in(open_index(dir), "reading a directory's index"));
	}
	*out = HF_STEAL(dir);
	return NULL;
}

void hf_dir_free(struct hf_dir *dir)
{
	if (!dir)
		return;
	hf_content_free(dir->content);
	hf_buf_release(&dir->index_bytes);
	hf_arena_release(&dir->arena);
	free(dir);
}

void hf_dir_digest(const struct hf_entry *entry, struct hf_id *out)
{
	HF_RELEASED(hf_buf) form = {0};

	hf_buf_add(&form, &entry->extents_file, sizeof(entry->extents_file));
	hf_extents_print(&entry->extents, &form);
	hf_sha256(hf_buf_span(&form), out);
}

size_t hf_dir_blocks(const struct hf_dir *dir)
{
	return dir->index.n;
}

static hf_err load_block(struct hf_dir *dir, size_t i, struct block *block)
{
	const struct hf_block *place = &dir->index.blocks[i];
	HF_RELEASED(hf_buf) bytes = {0};
	size_t len, got;

	if (place->to <= place->from || place->to - place->from > HF_MAX_BLOCK)
		return hf_error_new(HF_CORRUPT, "a block of impossible length");
	len = (size_t)(place->to - place->from);
	HF_TRY(hf_content_read(dir->content, place->from, hf_buf_grow(&bytes, len), len, &got));
	if (got != len)
		return hf_error_new(HF_CORRUPT, "it ends early");
	HF_TRY(hf_dir_block_parse(
		hf_buf_span(&bytes), &block->arena, &block->shown.entries, &block->shown.n));
	if (block->shown.n == 0 || block->shown.n > HF_BLOCK_ENTRIES ||
		!hf_span_equal(block->shown.entries[0].name, place->first_name))
		return hf_error_new(HF_CORRUPT, "it is not the block that the index tells of");
	/* Entries are far larger decoded than stored; what else the arena holds is about the stored
	 * bytes. */
	block->weight = sizeof(*block) + block->shown.n * sizeof(*block->shown.entries) + 2 * len;
	return NULL;
}

hf_err hf_dir_get(struct hf_dir *dir, size_t i, const struct hf_dir_block **out)
{
	HF_DIR_BLOCK_REF shown = cached(&dir->id, i);
	struct block *block;

	if (!shown) {
		block = hf_calloc(1, sizeof(*block));
		atomic_init(&block->refs, 1);
		block->dir = dir->id;
		block->number = i;
		block->shown.first = (uint64_t)i * HF_BLOCK_ENTRIES;
		shown = &block->shown;
		HF_TRY(hf_error_in(
			load_block(dir, i, block), "reading block %zu of a directory", i));
		keep(block);
	}
	*out = HF_STEAL(shown);
	return NULL;
}

/* The first entry of the block, from `from` on, whose name is not less. */
static size_t not_less(const struct hf_dir_block *block, size_t from, struct hf_span name)
{
	size_t low = from, high = block->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (hf_span_compare(block->entries[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct hf_entry *entry_at(
	const struct hf_dir_block *block, size_t i, struct hf_span name)
{
	if (i >= block->n || !hf_span_equal(block->entries[i].name, name))
		return NULL;
	return &block->entries[i];
}

hf_err hf_dir_lookup(struct hf_dir *dir, struct hf_span name, const struct hf_dir_block **block,
	const struct hf_entry **entry)
{
	size_t i = hf_dir_index_find(&dir->index, name);
	HF_DIR_BLOCK_REF found = NULL;

	*block = NULL;
	*entry = NULL;
	if (i >= dir->index.n)
		return NULL;
	HF_TRY(hf_dir_get(dir, i, &found));
	*entry = entry_at(found, not_less(found, 0, name), name);
	if (*entry)
		*block = HF_STEAL(found);
	return NULL;
}

void hf_dir_cursor_begin(struct hf_dir_cursor *cursor, struct hf_dir *dir)
{
	*cursor = (struct hf_dir_cursor){.dir = dir};
}

void hf_dir_cursor_end(struct hf_dir_cursor *cursor)
{
	hf_dir_block_unref(cursor->block);
	*cursor = (struct hf_dir_cursor){0};
}

static hf_err cursor_load(struct hf_dir_cursor *cursor, size_t i)
{
	hf_dir_block_unref(cursor->block);
	cursor->block = NULL;
	cursor->block_number = i;
	cursor->next = 0;
	if (i >= hf_dir_blocks(cursor->dir))
		return NULL;
	return hf_dir_get(cursor->dir, i, &cursor->block);
}

hf_err hf_dir_cursor_next(struct hf_dir_cursor *cursor, const struct hf_entry **entry)
{
	*entry = NULL;
	if (!cursor->block)
		HF_TRY(cursor_load(cursor, cursor->block_number));
	else if (cursor->next >= cursor->block->n)
		HF_TRY(cursor_load(cursor, cursor->block_number + 1));
	if (cursor->block)
		*entry = &cursor->block->entries[cursor->next++];
	return NULL;
}

hf_err hf_dir_cursor_seek(
	struct hf_dir_cursor *cursor, struct hf_span name, const struct hf_entry **entry)
{
	const struct hf_dir_block *block = cursor->block;
	size_t i;

	*entry = NULL;
	if (!block || hf_span_compare(block->entries[block->n - 1].name, name) < 0) {
		i = hf_dir_index_find(&cursor->dir->index, name);
		if (i >= cursor->dir->index.n || i < cursor->block_number)
			i = cursor->block_number;
		if (!block || i != cursor->block_number)
			HF_TRY(cursor_load(cursor, i));
	}
	if (!cursor->block)
		return NULL;
	cursor->next = not_less(cursor->block, cursor->next, name);
	*entry = entry_at(cursor->block, cursor->next, name);
	return NULL;
}
