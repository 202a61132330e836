/*
 * What a backup supplies beside its snapshot. Chunks that are wanted are stored anew when their
 * files are read again; that is enough where the same bytes are cut in the same way. A small file's
 * bytes come to lie in another shared chunk: then a substitute is published for each range of a
 * lost chunk that a snapshot of this source has under the same path, for a file of the same size.
 * Whether it had the same content the reader's fingerprint decides. With nothing wanted all of this
 * costs nothing. One thread.
 */
#ifndef HF_TREE_HEAL_H
#define HF_TREE_HEAL_H

#include "backend/base/map.h"
#include "backend/repo/reader.h"
#include "backend/repo/writer.h"
#include "backend/tree/puts.h"

struct hf_heal {
	struct hf_repo *repo;
	struct hf_reader *reader; /* NULL: nothing is wanted */
	struct hf_puts *puts;
	const struct hf_stop *stop;
	struct hf_map wanted; /* chunks */
	struct hf_map hurt;   /* by path: what snapshots have there in lost shared chunks */
	size_t n_hurt;
	struct hf_supply *supplies; /* to be published when all chunks are known */
	size_t n, cap;
	struct hf_map said; /* records that were added */
};
hf_err hf_heal_open(struct hf_heal *heal, struct hf_repo *repo, const char *source);
void hf_heal_release(struct hf_heal *heal);

/* Is something wanted that the entry needs, so that its file must be read again? */
hf_err hf_heal_needs(struct hf_heal *heal, const struct hf_entry *entry, bool *needs);
/* path: hf_inodes_key(). The entry was taken over as it is. */
void hf_heal_kept(struct hf_heal *heal, uint64_t path, const struct hf_entry *entry);
/* It was read; content NULL: entry's extents as they are. */
void hf_heal_read(struct hf_heal *heal, uint64_t path, const struct hf_entry *entry,
	struct hf_pieces *content);
/* Once all chunks are published: adds the substitutes, in several commits if they are many. */
hf_err hf_heal_finish(struct hf_heal *heal, struct hf_writer *writer);

/* ---- heal_find.c ---- */

/* A small file in a lost shared chunk, as some snapshot of the source has it. */
struct hf_hurt {
	struct hf_hurt *next; /* of the same path */
	uint64_t size;
	bool supplied; /* by our own slot, for every lost extent */
	size_t n;
	struct hf_extent extents[];
};
/* Fills hurt from all snapshots of the source. */
hf_err hf_heal_find(struct hf_heal *heal, const char *source);

#endif
