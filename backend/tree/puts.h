/*
 * Chunks on their way to the store. A ticket stands for a chunk whose id is not known yet; content
 * is pieces of tickets until they settle, and extents after.
 *
 * When a ticket settles is counted in puts, never in arrivals: HF_PUTS_UNDER_WAY puts later, or at
 * a drain. All that is decided by it (which directories share a chunk) is so the same for any
 * number of workers and any timing. One thread.
 */
#ifndef HF_TREE_PUTS_H
#define HF_TREE_PUTS_H

#include "backend/format/entry.h"
#include "backend/repo/writer.h"

/* The writer has at most 2 × workers + 2 under way; more workers than fit are not asked for. */
#define HF_PUTS_UNDER_WAY 32u
#define HF_PUTS_MAX_WORKERS (HF_PUTS_UNDER_WAY / 2 - 1)

struct hf_ticket {
	struct hf_id id;
	uint64_t put; /* the how manieth; 0: not yet */
};
struct hf_puts {
	struct hf_writer *writer; /* NULL: a dry run */
	uint64_t made, arrived, settled;
	struct hf_ticket *tickets; /* [0] is nobody's */
	size_t n, cap;
	uint32_t *idle; /* tickets to be used again */
	size_t n_idle, cap_idle;
	uint32_t under_way[HF_PUTS_UNDER_WAY * 2]; /* tickets, by put */
};
void hf_puts_release(struct hf_puts *puts);

/* For a chunk that is still being filled. */
uint32_t hf_puts_ticket(struct hf_puts *puts);
/* Takes plain's bytes, always. */
hf_err hf_puts_put(
	struct hf_puts *puts, enum hf_object_kind kind, struct hf_buf *plain, uint32_t ticket);
/* All puts made so far are settled after. */
hf_err hf_puts_drain(struct hf_puts *puts);
bool hf_puts_settled(const struct hf_puts *puts, uint32_t ticket);

struct hf_piece {
	uint32_t ticket; /* 0: a hole */
	uint32_t offset;
	uint64_t length;
};
/* Of one content. Counted. */
struct hf_pieces {
	unsigned refs;
	bool alone; /* its tickets are nobody else's: given back with it */
	struct hf_piece *at;
	size_t n, cap;
	uint64_t hole_bytes;
	struct hf_pieces *listed; /* too many: they stand in a file of extents, which is here */
};
struct hf_pieces *hf_pieces_new(void);
struct hf_pieces *hf_pieces_ref(struct hf_pieces *pieces);
void hf_pieces_unref(struct hf_puts *puts, struct hf_pieces *pieces); /* NULL ok */
void hf_pieces_add(struct hf_pieces *pieces, uint32_t ticket, uint32_t offset, uint64_t length);
bool hf_pieces_settled(const struct hf_puts *puts, const struct hf_pieces *pieces);
/* What they are, once settled: into an owned array that is used again. */
void hf_pieces_extents(
	const struct hf_puts *puts, const struct hf_pieces *pieces, struct hf_extents *out);

#endif
