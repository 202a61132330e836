#include "backend/tree/puts.h"

#include <stdlib.h>

void hf_puts_release(struct hf_puts *puts)
{
	free(puts->tickets);
	free(puts->idle);
	*puts = (struct hf_puts){0};
}

uint32_t hf_puts_ticket(struct hf_puts *puts)
{
	uint32_t ticket;

	if (puts->n_idle > 0) {
		ticket = puts->idle[--puts->n_idle];
	} else {
		puts->n += puts->n == 0;
		ticket = (uint32_t)puts->n++;
		puts->tickets = hf_grow(puts->tickets, &puts->cap, puts->n, sizeof(*puts->tickets));
	}
	puts->tickets[ticket] = (struct hf_ticket){.put = 0};
	return ticket;
}

static uint32_t *place_of(struct hf_puts *puts, uint64_t put)
{
	return &puts->under_way[put % ARRAY_LEN(puts->under_way)];
}

/* The next in the order of the puts. */
static struct hf_error *arrived(void *arg, const struct hf_id *id)
{
	struct hf_puts *puts = arg;

	puts->tickets[*place_of(puts, ++puts->arrived)].id = *id;
	return NULL;
}

static hf_err write_chunk(struct hf_puts *puts, enum hf_object_kind kind, struct hf_buf *plain)
{
	/* Any id will do in a dry run, but not that of a hole. */
	static const struct hf_id dry = {{1}};

	if (puts->writer)
		return hf_writer_put(puts->writer, kind, plain, arrived, puts);
	hf_buf_release(plain);
	return arrived(puts, &dry);
}

hf_err hf_puts_put(
	struct hf_puts *puts, enum hf_object_kind kind, struct hf_buf *plain, uint32_t ticket)
{
	puts->tickets[ticket].put = ++puts->made;
	*place_of(puts, puts->made) = ticket;
	HF_TRY(write_chunk(puts, kind, plain));
	if (puts->made > HF_PUTS_UNDER_WAY)
		puts->settled = HF_MAX(puts->settled, puts->made - HF_PUTS_UNDER_WAY);
	if (puts->arrived >= puts->settled)
		return NULL;
	/* A writer with a longer window than ours: what counts as known must be. */
	return hf_writer_drain(puts->writer);
}

hf_err hf_puts_drain(struct hf_puts *puts)
{
	if (puts->writer)
		HF_TRY(hf_writer_drain(puts->writer));
	puts->settled = puts->made;
	return NULL;
}

bool hf_puts_settled(const struct hf_puts *puts, uint32_t ticket)
{
	const uint64_t put = puts->tickets[ticket].put;

	return put > 0 && put <= puts->settled;
}

struct hf_pieces *hf_pieces_new(void)
{
	struct hf_pieces *pieces = hf_calloc(1, sizeof(*pieces));

	pieces->refs = 1;
	return pieces;
}

struct hf_pieces *hf_pieces_ref(struct hf_pieces *pieces)
{
	pieces->refs++;
	return pieces;
}

static void give_back(struct hf_puts *puts, const struct hf_pieces *pieces)
{
	for (size_t i = 0; i < pieces->n; i++) {
		const uint32_t ticket = pieces->at[i].ticket;

		/* One that is still under way will be written to when it arrives. */
		if (!ticket || puts->tickets[ticket].put > puts->arrived)
			continue;
		puts->idle =
			hf_grow(puts->idle, &puts->cap_idle, puts->n_idle + 1, sizeof(*puts->idle));
		puts->idle[puts->n_idle++] = ticket;
	}
}

void hf_pieces_unref(struct hf_puts *puts, struct hf_pieces *pieces)
{
	if (!pieces || --pieces->refs > 0)
		return;
	if (pieces->alone)
		give_back(puts, pieces);
	hf_pieces_unref(puts, pieces->listed);
	free(pieces->at);
	free(pieces);
}

void hf_pieces_add(struct hf_pieces *pieces, uint32_t ticket, uint32_t offset, uint64_t length)
{
	pieces->at = hf_grow(pieces->at, &pieces->cap, pieces->n + 1, sizeof(*pieces->at));
	pieces->at[pieces->n++] =
		(struct hf_piece){.ticket = ticket, .offset = offset, .length = length};
	if (ticket == 0)
		pieces->hole_bytes += length;
}

bool hf_pieces_settled(const struct hf_puts *puts, const struct hf_pieces *pieces)
{
	/* Put in order: when the last is known, all are. */
	for (size_t i = pieces->n; i > 0; i--) {
		if (pieces->at[i - 1].ticket)
			return hf_puts_settled(puts, pieces->at[i - 1].ticket);
	}
	return true;
}

void hf_pieces_extents(
	const struct hf_puts *puts, const struct hf_pieces *pieces, struct hf_extents *out)
{
	out->n = 0;
	for (size_t i = 0; i < pieces->n; i++) {
		const struct hf_piece *piece = &pieces->at[i];
		struct hf_extent extent = {.length = piece->length, .offset = piece->offset};

		if (piece->ticket)
			extent.chunk = puts->tickets[piece->ticket].id;
		hf_extents_add(out, &extent);
	}
}
