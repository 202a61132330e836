/*
 * Extents to bytes: prefix sums over extents, and, for a file of extents, over the blocks of its
 * index.
 */
#include "backend/tree/content.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/tree/substitute.h"

/*
 * Parsed blocks of a file of extents that stay at hand: 8 × 256 extents are about 110 KiB, whatever
 * the file's size.
 */
#define KEPT_RUNS 8
#define NO_BLOCK SIZE_MAX

/* Neighbouring extents: all of a file, or one block of its file of extents. Shared, immutable. */
struct run {
	atomic_uint refs;
	size_t n;         /* > 0 */
	uint64_t *starts; /* [n + 1]: where each begins in the file, and where the last one ends */
	struct hf_extent extents[];
};

struct hf_content {
	struct hf_reader *reader;
	enum hf_object_kind kind;
	uint64_t size;
	struct run *whole;      /* NULL: empty, or a file of extents */
	struct hf_proof *proof; /* NULL: nothing can stand in for what is lost of it */

	struct hf_content *file; /* of extents; NULL: none */
	struct hf_arena arena;
	struct hf_buf index_bytes;
	struct hf_block_index index;

	pthread_mutex_t lock; /* guards everything below */
	struct {
		size_t block;
		struct run *run;
	} kept[KEPT_RUNS];
	size_t oldest;
	uint8_t *healed; /* all of it, once something stood in; then it stays till the end */
};

/* Where a pass stands: an extent of a run that it holds. */
struct spot {
	struct run *run;
	size_t i;
};

static void run_unref(struct run *run)
{
	if (!run || atomic_fetch_sub_explicit(&run->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(run->starts);
	free(run);
}

static struct run *run_ref(struct run *run)
{
	atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
	return run;
}

static void spot_release(struct spot *spot)
{
	run_unref(spot->run);
	spot->run = NULL;
}

static hf_err run_new(const struct hf_extents *extents, uint64_t begin, struct run **out)
{
	size_t bytes = extents->n * sizeof(*extents->at);
	struct run *run = hf_alloc(sizeof(*run) + bytes);
	uint64_t at = begin;

	atomic_init(&run->refs, 1);
	run->n = extents->n;
	run->starts = hf_alloc((extents->n + 1) * sizeof(*run->starts));
	if (bytes > 0)
		memcpy(run->extents, extents->at, bytes);
	for (size_t i = 0; i < run->n; i++) {
		uint64_t length = run->extents[i].length;

		run->starts[i] = at;
		if (length == 0 || length > HF_MAX_EXTENT || at > HF_MAX_EXTENT - length) {
			run_unref(run);
			return hf_error_new(HF_CORRUPT, "an extent of impossible length");
		}
		at += length;
	}
	run->starts[run->n] = at;
	*out = run;
	return NULL;
}

static struct hf_content *content_new(struct hf_reader *reader, enum hf_object_kind kind)
{
	struct hf_content *content = hf_calloc(1, sizeof(*content));

	content->reader = reader;
	content->kind = kind;
	pthread_mutex_init(&content->lock, NULL);
	for (size_t i = 0; i < KEPT_RUNS; i++)
		content->kept[i].block = NO_BLOCK;
	return content;
}

void hf_content_free(struct hf_content *content)
{
	if (!content)
		return;
	for (size_t i = 0; i < KEPT_RUNS; i++)
		run_unref(content->kept[i].run);
	pthread_mutex_destroy(&content->lock);
	run_unref(content->whole);
	hf_content_free(content->file);
	hf_proof_free(content->proof);
	free(content->healed);
	hf_buf_release(&content->index_bytes);
	hf_arena_release(&content->arena);
	free(content);
}

static hf_err read_exactly(struct hf_content *content, uint64_t from, void *at, size_t len)
{
	size_t got;

	HF_TRY(hf_content_read(content, from, at, len, &got));
	if (got != len)
		return hf_error_new(HF_CORRUPT, "it ends early");
	return NULL;
}

hf_err hf_content_read_index(struct hf_content *content, struct hf_buf *out)
{
	uint64_t size = content->size;
	uint8_t last4[4];
	uint32_t len;
	size_t before = out->len;
	struct hf_error *err;

	if (size < sizeof(last4))
		return hf_error_new(HF_CORRUPT, "too short for an index");
	HF_TRY(read_exactly(content, size - sizeof(last4), last4, sizeof(last4)));
	HF_TRY(hf_block_index_len(hf_span(last4, sizeof(last4)), size, &len));
	if (len > HF_MAX_INDEX || len > size - sizeof(last4))
		return hf_error_new(HF_CORRUPT, "an index of impossible length");
	err = read_exactly(content, size - sizeof(last4) - len, hf_buf_grow(out, len), len);
	if (err)
		out->len = before;
	return err;
}

static hf_err load_run(struct hf_content *content, size_t i, struct run **out)
{
	const struct hf_block *block = &content->index.blocks[i];
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_arena) arena = {0};
	struct hf_extents extents = {0};

	if (block->to <= block->from || block->to - block->from > HF_MAX_BLOCK)
		return hf_error_new(HF_CORRUPT, "a block of impossible length");
	size_t len = (size_t)(block->to - block->from);
	HF_TRY(read_exactly(content->file, block->from, hf_buf_grow(&bytes, len), len));
	HF_TRY(hf_extents_block_parse(hf_buf_span(&bytes), &arena, &extents));
	if (extents.n == 0)
		return hf_error_new(HF_CORRUPT, "an empty block");
	return run_new(&extents, block->first_offset, out);
}

static struct run *kept_run(struct hf_content *content, size_t block)
{
	struct run *run = NULL;

	pthread_mutex_lock(&content->lock);
	for (size_t i = 0; i < KEPT_RUNS && !run; i++)
		if (content->kept[i].block == block)
			run = run_ref(content->kept[i].run);
	pthread_mutex_unlock(&content->lock);
	return run;
}

static void keep_run(struct hf_content *content, size_t block, struct run *run)
{
	struct run *old;

	run_ref(run);
	pthread_mutex_lock(&content->lock);
	old = content->kept[content->oldest].run;
	content->kept[content->oldest].run = run;
	content->kept[content->oldest].block = block;
	content->oldest = (content->oldest + 1) % KEPT_RUNS;
	pthread_mutex_unlock(&content->lock);
	run_unref(old);
}

/*
 * Block i of the file of extents. Two threads may parse the same one at once: harmless, and no lock
 * is held meanwhile.
 */
static hf_err block_run(struct hf_content *content, size_t i, struct run **out)
{
	struct run *run = kept_run(content, i);
	uint64_t end = i + 1 < content->index.n ? content->index.blocks[i + 1].first_offset
						: content->size;

	if (!run) {
		HF_TRY(hf_error_in(
			load_run(content, i, &run), "block %zu of a file of extents", i));
		/* The size of a directory's file of extents is not known before its last block is.
		 */
		if (end != 0 && run->starts[run->n] != end) {
			run_unref(run);
			return hf_error_new(
				HF_CORRUPT, "block %zu of a file of extents ends elsewhere", i);
		}
		keep_run(content, i, run);
	}
	*out = run;
	return NULL;
}

static size_t last_not_after(const struct hf_block_index *index, uint64_t at)
{
	size_t low = 0, high = index->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (index->blocks[mid].first_offset <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static size_t extent_at(const struct run *run, uint64_t at)
{
	size_t low = 0, high = run->n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (run->starts[mid] <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Moves the spot to the extent that holds byte `at` < size. */
static hf_err spot_find(struct hf_content *content, uint64_t at, struct spot *spot)
{
	struct run *run = spot->run;

	if (run && spot->i + 1 < run->n && at == run->starts[spot->i + 1]) {
		spot->i++;
		return NULL;
	}
	if (!run || at < run->starts[0] || at >= run->starts[run->n]) {
		spot_release(spot);
		if (content->whole)
			spot->run = run_ref(content->whole);
		else
			HF_TRY(block_run(content, last_not_after(&content->index, at), &spot->run));
		if (at < spot->run->starts[0] || at >= spot->run->starts[spot->run->n])
			return hf_error_new(HF_CORRUPT, "blocks of extents out of order");
	}
	spot->i = extent_at(spot->run, at);
	return NULL;
}

static uint64_t spot_end(const struct spot *spot)
{
	return spot->run->starts[spot->i + 1];
}

static hf_err open_file_of_extents(struct hf_content *content, const struct hf_entry *entry)
{
	HF_TRY(hf_content_open_meta(content->reader, &entry->extents, &content->file));
	HF_TRY(hf_content_read_index(content->file, &content->index_bytes));
	HF_TRY(hf_extents_index_parse(hf_buf_span(&content->index_bytes), content->file->size,
		&content->arena, &content->index));
	if (content->index.n == 0 || content->index.blocks[0].first_offset != 0)
		return hf_error_new(HF_CORRUPT, "its index does not begin at 0");
	if (entry->type != HF_DIR) {
		content->size = entry->size;
		return NULL;
	}

	struct run *last = NULL;

	HF_TRY(block_run(content, content->index.n - 1, &last));
	content->size = last->starts[last->n];
	run_unref(last);
	return NULL;
}

hf_err hf_content_open(
	struct hf_reader *reader, const struct hf_entry *entry, struct hf_content **out)
{
	bool dir = entry->type == HF_DIR;
	HF_OWNED(hf_content) content = content_new(reader, dir ? HF_META_PACK : HF_CONTENT_PACK);

	if (entry->extents_file) {
		HF_TRY(hf_error_in(open_file_of_extents(content, entry), "file of extents"));
	} else {
		HF_TRY(run_new(&entry->extents, 0, &content->whole));
		content->size = content->whole->starts[content->whole->n];
	}
	if (!dir && content->size != entry->size)
		return hf_error_new(HF_CORRUPT, "%llu bytes of extents for a size of %llu",
			(unsigned long long)content->size, (unsigned long long)entry->size);
	content->proof = hf_proof_new(hf_reader_repo(reader), entry);
	*out = HF_STEAL(content);
	return NULL;
}

hf_err hf_content_open_meta(
	struct hf_reader *reader, const struct hf_extents *extents, struct hf_content **out)
{
	HF_OWNED(hf_content) content = content_new(reader, HF_META_PACK);

	HF_TRY(run_new(extents, 0, &content->whole));
	content->size = content->whole->starts[content->whole->n];
	*out = HF_STEAL(content);
	return NULL;
}

uint64_t hf_content_size(const struct hf_content *content)
{
	return content->size;
}

static uint64_t range_end(const struct hf_content *content, uint64_t from, uint64_t len)
{
	if (from >= content->size)
		return from;
	return len < content->size - from ? from + len : content->size;
}

hf_err hf_content_each(
	struct hf_content *content, uint64_t from, uint64_t len, hf_extent_fn *each, void *arg)
{
	__attribute__((cleanup(spot_release))) struct spot spot = {0};
	uint64_t end = range_end(content, from, len);

	for (uint64_t at = from, next; at < end; at = next) {
		HF_TRY(spot_find(content, at, &spot));
		next = HF_MIN(spot_end(&spot), end);

		struct hf_extent piece = spot.run->extents[spot.i];

		piece.length = next - at;
		if (!hf_extent_is_hole(&piece)) {
			uint64_t offset = piece.offset + (at - spot.run->starts[spot.i]);

			if (offset + piece.length > HF_MAX_CHUNK)
				return hf_error_new(HF_CORRUPT, "an extent beyond any chunk's end");
			piece.offset = (uint32_t)offset;
		}
		HF_TRY(each(arg, at, &piece));
	}
	return NULL;
}

/* A visit: small files and pages lie side by side in a chunk, so the last one is kept at hand. */
struct visit {
	struct hf_content *content;
	const struct hf_chunk *chunk;
	struct hf_id id;
	hf_piece_fn *piece;
	void *arg;
};

static void visit_release(struct visit *visit)
{
	hf_chunk_unref(visit->chunk);
}

/* ---- what is lost, and something stands in for it ---- */

static hf_err add_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	(void)from;
	hf_extents_add(arg, extent);
	return NULL;
}

static hf_err heal(struct hf_content *content, struct hf_buf *out)
{
	struct hf_extents extents = {0};
	struct hf_error *err = hf_content_each(content, 0, content->size, add_extent, &extents);

	if (!err)
		err = hf_substitute_read(content->reader, &extents, content->proof, out);
	hf_extents_release(&extents);
	return err;
}

/* Two threads may do it at once: harmless, and no lock is held meanwhile. */
static hf_err healed(struct hf_content *content, const uint8_t **out)
{
	HF_RELEASED(hf_buf) bytes = {0};

	pthread_mutex_lock(&content->lock);
	*out = content->healed;
	pthread_mutex_unlock(&content->lock);
	if (*out)
		return NULL;
	HF_TRY(heal(content, &bytes));
	pthread_mutex_lock(&content->lock);
	if (!content->healed)
		content->healed = hf_buf_steal(&bytes).at;
	*out = content->healed;
	pthread_mutex_unlock(&content->lock);
	return NULL;
}

/* Takes lost: why the extent's chunk can't be had. */
static hf_err visit_instead(
	struct visit *visit, uint64_t from, uint64_t length, struct hf_error *lost)
{
	const uint8_t *whole;
	struct hf_error *err;

	if (!visit->content->proof || hf_error_kind(lost) != HF_CORRUPT)
		return lost;
	err = healed(visit->content, &whole);
	if (err && hf_error_kind(err) == HF_CORRUPT) {
		hf_error_free(err); /* what was lost is what to tell */
		return lost;
	}
	hf_error_free(lost); /* it is whole again, or it can't be known now */
	HF_TRY(err);
	return visit->piece(visit->arg, from, hf_span(whole + from, (size_t)length), 0);
}

static hf_err visit_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct visit *visit = arg;
	struct hf_error *err;

	if (hf_extent_is_hole(extent))
		return visit->piece(visit->arg, from, hf_span(NULL, 0), extent->length);
	if (!visit->chunk || !hf_id_equal(&visit->id, &extent->chunk)) {
		hf_chunk_unref(visit->chunk);
		visit->chunk = NULL;
		err = hf_reader_get(visit->content->reader, visit->content->kind, &extent->chunk,
			&visit->chunk);
		if (err)
			return visit_instead(visit, from, extent->length, err);
		visit->id = extent->chunk;
	}
	if (extent->offset > visit->chunk->len ||
		extent->length > visit->chunk->len - extent->offset)
		return hf_error_new(HF_CORRUPT, "an extent beyond its chunk's end");
	return visit->piece(visit->arg, from,
		hf_span(visit->chunk->at + extent->offset, (size_t)extent->length), 0);
}

hf_err hf_content_visit(
	struct hf_content *content, uint64_t from, uint64_t len, hf_piece_fn *piece, void *arg)
{
	__attribute__((cleanup(visit_release))) struct visit visit = {
		.content = content,
		.piece = piece,
		.arg = arg,
	};

	return hf_content_each(content, from, len, visit_extent, &visit);
}

static hf_err copy_piece(void *arg, uint64_t from, struct hf_span bytes, uint64_t zeros)
{
	uint8_t **at = arg;

	(void)from;
	if (bytes.len > 0)
		memcpy(*at, bytes.at, bytes.len);
	else
		memset(*at, 0, (size_t)zeros);
	*at += bytes.len + zeros;
	return NULL;
}

hf_err hf_content_read(struct hf_content *content, uint64_t from, void *at, size_t len, size_t *got)
{
	uint8_t *next = at;

	HF_TRY(hf_content_visit(content, from, len, copy_piece, &next));
	*got = (size_t)(next - (uint8_t *)at);
	return NULL;
}

hf_err hf_content_read_all(struct hf_content *content, size_t max, struct hf_buf *out)
{
	size_t before = out->len;
	struct hf_error *err;

	if (content->size > max)
		return hf_error_new(HF_CORRUPT, "%llu bytes where at most %zu can be",
			(unsigned long long)content->size, max);
	err = read_exactly(
		content, 0, hf_buf_grow(out, (size_t)content->size), (size_t)content->size);
	if (err)
		out->len = before;
	return err;
}

hf_err hf_content_seek(struct hf_content *content, uint64_t from, bool hole, uint64_t *found)
{
	__attribute__((cleanup(spot_release))) struct spot spot = {0};
	uint64_t at = from;

	while (at < content->size) {
		HF_TRY(spot_find(content, at, &spot));
		if (hf_extent_is_hole(&spot.run->extents[spot.i]) == hole)
			break;
		at = spot_end(&spot);
	}
	*found = HF_MIN(at, content->size);
	return NULL;
}

static hf_err prefetch_extent(void *arg, uint64_t from, const struct hf_extent *extent)
{
	struct visit *visit = arg;

	(void)from;
	if (!hf_extent_is_hole(extent) && !hf_id_equal(&visit->id, &extent->chunk)) {
		visit->id = extent->chunk;
		hf_reader_prefetch(visit->content->reader, visit->content->kind, &visit->id);
	}
	return NULL;
}

void hf_content_prefetch(struct hf_content *content, uint64_t from, uint64_t len)
{
	struct visit visit = {.content = content};

	/* It does not matter: who reads there meets the same error and tells it. */
	hf_error_free(hf_content_each(content, from, len, prefetch_extent, &visit));
}

hf_err hf_content_extent(struct hf_content *content, uint64_t from, uint64_t *begin, uint64_t *end)
{
	__attribute__((cleanup(spot_release))) struct spot spot = {0};

	if (from >= content->size)
		return hf_error_new(HF_INVALID, "beyond the end");
	HF_TRY(spot_find(content, from, &spot));
	*begin = spot.run->starts[spot.i];
	*end = spot_end(&spot);
	return NULL;
}
