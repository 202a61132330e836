/*
 * Directories in the making. A draft is open from ENTER to LEAVE, then waits for what its entries'
 * content will be called, then is written: into a chunk that small directories share, or cut into
 * chunks of its own. A parent holds its children's extents, so it never shares their chunk: it
 * waits until that is closed and settled (puts.h), while later directories go on.
 *
 * A draft begins as a copy of the directory that stood there before: as long as every name is that
 * one's next, and as it was, they are only counted. If that lasts to the end, the old directory's
 * bytes are kept and nothing is written. One thread.
 */
#ifndef HF_TREE_DRAFT_H
#define HF_TREE_DRAFT_H

#include "backend/format/cut.h"
#include "backend/tree/dir.h"
#include "backend/tree/puts.h"

/* A name of a draft that is not printed yet. */
struct hf_member {
	struct hf_member *next;
	struct hf_entry entry;
	void *own;                        /* entry's memory, when it is a copy */
	const struct hf_dir_block *block; /* else, and kept's */
	const struct hf_entry *kept;      /* its extents and size are this one's */
	struct hf_pieces *content;        /* NULL: kept's, or entry's as they are */
	unsigned missing;                 /* parts still to come: metadata, content */
	bool dropped;                     /* it could not be read */
	bool sealed;                      /* its fingerprint is by this run's secret */
};

/* What stood there before; dir NULL: nothing. Borrowed until the draft ends. */
struct hf_draft_base {
	struct hf_dir *dir;
	const struct hf_entry *entry;
	const struct hf_dir_block *block; /* of entry; NULL: of a root */
	uint64_t number;                  /* of entry in the parent's base; HF_NOT_IN_BASE */
};
#define HF_NOT_IN_BASE UINT64_MAX

struct hf_draft {
	struct hf_drafts *drafts;
	struct hf_draft *parent;    /* until it ends */
	struct hf_draft *next;      /* waiting */
	struct hf_draft *up, *down; /* among all */
	struct hf_member *member;   /* its own, in the parent's; NULL: none needed so far */
	struct hf_draft_base base;
	uint64_t same; /* names that are base's first ones */
	bool changed;  /* it is not base any more; the names below go on behind `same` */
	struct hf_dir_builder *builder;
	struct hf_member *first, **end;
};

/* What could not be kept, because the format has no room for it, is told here. */
typedef void hf_refused_fn(void *arg, struct hf_span name, const struct hf_error *err);

struct hf_drafts {
	struct hf_puts *puts;
	struct hf_cutter cutter; /* of large directories */
	struct hf_pieces *secret;
	struct hf_member root;
	struct hf_buf open; /* the chunk that small directories share */
	uint32_t ticket;    /* its own */
	struct hf_draft *all, *waiting, **waiting_end;
	size_t fresh;                              /* that wait since the last look at all */
	uint64_t looked;                           /* what was settled then */
	struct hf_extents extents, secret_extents; /* used again and again */
	hf_refused_fn *refused;
	void *arg;
};

/* ---- one ---- */

/* member: its own; NULL: its metadata is base's too, and a member is made when one is needed. */
hf_err hf_draft_begin(struct hf_drafts *drafts, struct hf_draft *parent,
	const struct hf_draft_base *base, struct hf_member *member, struct hf_draft **out);
void hf_draft_free(struct hf_draft *draft);
/* The next name, as an earlier snapshot has it. number: its place in base, or HF_NOT_IN_BASE. */
hf_err hf_draft_copy(struct hf_draft *draft, const struct hf_entry *entry,
	const struct hf_dir_block *block, uint64_t number);
/* The next name, with `missing` parts to come. */
hf_err hf_draft_add(
	struct hf_draft *draft, struct hf_span name, unsigned missing, struct hf_member **out);
/* LEAVE. *kept: the old directory is kept whole and the draft is gone; else it is to wait. */
hf_err hf_draft_end(struct hf_draft *draft, bool *kept);
/* Prints the names that are ready. put: also files of extents, at places that the walk decides. */
hf_err hf_draft_advance(struct hf_draft *draft, bool put);

/* A missing part has come: the entry (copied), and its content, of which a reference is taken. */
void hf_member_set(
	struct hf_member *member, const struct hf_entry *entry, struct hf_pieces *content);
void hf_member_drop(struct hf_member *member);

/* ---- all ---- */

void hf_drafts_init(struct hf_drafts *drafts, struct hf_puts *puts, const struct hf_gear *gear);
void hf_drafts_release(struct hf_drafts *drafts);
/* Puts bytes in meta: into the shared chunk, or cut. */
hf_err hf_drafts_place(struct hf_drafts *drafts, struct hf_span bytes, struct hf_pieces **out);
/* The draft has all its names; it is written by a later step. */
void hf_drafts_wait(struct hf_drafts *drafts, struct hf_draft *draft);
/* Writes the waiting directories that are ready, in the order in which they were left. */
hf_err hf_drafts_step(struct hf_drafts *drafts);
/* Until none waits. Nothing that they need may be open any more. */
hf_err hf_drafts_drain(struct hf_drafts *drafts);
/* The root's entry, once all is drained; lives as long as drafts. */
hf_err hf_drafts_root(struct hf_drafts *drafts, struct hf_entry *out);
/* The tree so far, open directories as they stand. *any false: nothing is new. Entry in the arena.
 */
hf_err hf_drafts_print_open(struct hf_drafts *drafts, struct hf_draft *innermost,
	struct hf_arena *arena, struct hf_entry *root, bool *any);

/* Whether its content is known, and so it can be printed; and its entry as it is then. */
bool hf_member_settled(const struct hf_drafts *drafts, const struct hf_member *member);
/* Extents point into drafts' own arrays, until the next call. */
void hf_member_entry(
	struct hf_drafts *drafts, const struct hf_member *member, struct hf_entry *out);

#endif
