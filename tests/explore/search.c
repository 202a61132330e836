#include "tests/explore/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What of a state is kept: the parts that the configuration uses. */
struct part {
	size_t at, size;
};

struct store {
	const struct model *model;
	struct part parts[4 + MAX_CHECKPOINTS];
	unsigned n_parts;
	size_t size;      /* of a kept state */
	uint8_t *states;  /* one after the other */
	uint32_t *before; /* of each, the one that it was reached from */
	uint32_t *table;  /* number of the state + 1; 0: free */
	size_t n, most, mask;
	uint32_t from;
	bool full;
	uint32_t latest; /* the last that was added, or was there */
	bool added;
};

static void add_part(struct store *store, size_t at, size_t size)
{
	store->parts[store->n_parts++] = (struct part){at, size};
	store->size += size;
}

static void *reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return at;
}

static bool current_only(const struct model *model)
{
	const uint32_t rules =
		RULE(R_LOOK_ORDER) | RULE(R_SETTLE_ORDER) | RULE(R_ANEW) | RULE(R_HIGHER);

	return (model->is.rules & rules) == rules;
}

static void store_open(struct store *store, const struct model *model, size_t memory)
{
	*store = (struct store){.model = model};
	add_part(store, offsetof(struct state, commits), model->n_slots * sizeof(struct commit));
	add_part(store, offsetof(struct state, procs), model->n_procs * sizeof(struct proc));
	add_part(store, offsetof(struct state, deleted),
		offsetof(struct state, expired) + 1 - offsetof(struct state, deleted));
	add_part(store, 0, (current_only(model) ? 1 : MAX_CHECKPOINTS) * sizeof(struct checkpoint));

	size_t slots = 1024;

	/* A table twice as large as what it holds at most. */
	while (slots / 2 * (store->size + 4) + slots * 4 <= memory / 2)
		slots *= 2;
	store->mask = slots - 1;
	store->most = (memory - slots * 4) / (store->size + 4);
	if (store->most > slots / 8 * 7)
		store->most = slots / 8 * 7;
	store->states = reserve(store->most * store->size);
	store->before = reserve(store->most * 4);
	store->table = reserve(slots * 4);
}

static void store_close(struct store *store)
{
	munmap(store->states, store->most * store->size);
	munmap(store->before, store->most * 4);
	munmap(store->table, (store->mask + 1) * 4);
}

static void pack(const struct store *store, const struct state *state, uint8_t *out)
{
	struct state moved = *state;

	if (current_only(store->model) && moved.n)
		moved.checkpoints[0] = moved.checkpoints[moved.n];
	for (unsigned i = 0; i < store->n_parts; i++) {
		memcpy(out, (uint8_t *)&moved + store->parts[i].at, store->parts[i].size);
		out += store->parts[i].size;
	}
}

static void unpack(const struct store *store, size_t which, struct state *out)
{
	const uint8_t *at = store->states + which * store->size;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < store->n_parts; i++) {
		memcpy((uint8_t *)out + store->parts[i].at, at, store->parts[i].size);
		at += store->parts[i].size;
	}
	if (current_only(store->model) && out->n) {
		out->checkpoints[out->n] = out->checkpoints[0];
		memset(&out->checkpoints[0], 0, sizeof(out->checkpoints[0]));
	}
}

static uint64_t hash(const uint8_t *at, size_t size)
{
	uint64_t sum = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;

		memcpy(&word, at + i, size - i < 8 ? size - i : 8);
		sum = (sum ^ word) * 0xff51afd7ed558ccdu;
		sum ^= sum >> 32;
	}
	return sum;
}

/* Notes the state if it is new. */
static void note(struct store *store, const struct state *state)
{
	uint8_t bytes[sizeof(struct state)];

	pack(store, state, bytes);
	size_t place = hash(bytes, store->size) & store->mask;

	store->added = false;
	for (; store->table[place]; place = (place + 1) & store->mask) {
		store->latest = store->table[place] - 1;
		if (memcmp(store->states + store->latest * store->size, bytes, store->size) == 0)
			return;
	}
	if (store->n == store->most) {
		store->full = true;
		return;
	}
	memcpy(store->states + store->n * store->size, bytes, store->size);
	store->before[store->n] = store->from;
	store->latest = (uint32_t)store->n;
	store->table[place] = (uint32_t)++store->n;
	store->added = true;
}

/* ---- the search ---- */

struct seeker {
	struct sink sink;
	struct store *store;
	const char *violation;
	uint32_t where;
};

static void seek(struct sink *sink, const struct state *next)
{
	struct seeker *seeker = (struct seeker *)sink;

	if (seeker->violation)
		return;
	note(seeker->store, next);
	if (!seeker->store->added)
		return;
	seeker->violation = model_violation(seeker->store->model, next);
	seeker->where = seeker->store->latest;
}

/* ---- the trace ---- */

struct teller {
	struct sink sink;
	char says[256];
	struct store *store;
	const uint8_t *wanted;
	bool told;
};

static void tell(struct sink *sink, const struct state *next)
{
	struct teller *teller = (struct teller *)sink;
	uint8_t bytes[sizeof(struct state)];

	pack(teller->store, next, bytes);
	if (teller->told || memcmp(bytes, teller->wanted, teller->store->size) != 0)
		return;
	printf("        %s\n", teller->says);
	teller->told = true;
}

static void print_trace(struct store *store, const uint32_t *way, unsigned steps)
{
	for (unsigned i = steps; i > 0; i--) {
		struct teller teller = {.store = store,
			.wanted = store->states + way[i - 1] * store->size,
			.sink.take = tell};
		struct state state;

		teller.sink.says = teller.says;
		unpack(store, way[i], &state);
		model_steps(store->model, &state, &teller.sink);
	}
}

static unsigned way_to(const struct store *store, uint32_t where, uint32_t *way)
{
	unsigned steps = 0;

	for (way[0] = where; where != 0 && steps < 255; way[++steps] = where)
		where = store->before[where];
	return steps;
}

struct found search(const struct model *model, size_t memory, bool trace)
{
	struct store store;
	struct state state;
	uint32_t way[256];
	struct seeker seeker = {.sink.take = seek, .store = &store};
	size_t i = 0;

	store_open(&store, model, memory);
	model_first(model, &state);
	note(&store, &state);
	for (; i < store.n && !seeker.violation && !store.full; i++) {
		unpack(&store, i, &state);
		store.from = (uint32_t)i;
		model_steps(model, &state, &seeker.sink);
	}
	struct found found = {
		.states = store.n,
		.violation = seeker.violation,
		.exhausted = i == store.n && !seeker.violation && !store.full,
		.depth = way_to(
			&store, seeker.violation ? seeker.where : (uint32_t)(store.n - 1), way),
	};

	if (seeker.violation && trace)
		print_trace(&store, way, found.depth);
	store_close(&store);
	return found;
}
