/*
 * The pruning protocol as a transition system, one store operation a step: docs/format.md, sections
 * 5, 6 and 9. Nothing here is the program's own code: it is the protocol, written a second time.
 *
 * One source, whose first snapshot S0 lies in pack P0; one chunk, which every snapshot needs. Each
 * process has its own slots for commits and packs, so a state does not depend on the order in which
 * they were made. A process may stop for ever at any step: no step has to be taken.
 */
#ifndef TESTS_EXPLORE_MODEL_H
#define TESTS_EXPLORE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_PROCS 5
#define MAX_COMMITS 16
#define MAX_CHECKPOINTS 6

/* A rule is a bit; a set bit says that all keep it. */
enum rule {
	R_LOOK,             /* a writer looks after its commit */
	R_REDATE,           /* and commits anew if a cutoff passed its commit by */
	R_ANNOUNCED_CUTOFF, /* announced cutoffs count, not only settled ones */
	R_LOOK_AGAIN,       /* and looks again after that */
	R_LOOK_ORDER,       /* the look lists before it reads the checkpoint */
	R_SETTLE_ORDER,     /* first reads and the settling do so too */
	R_ANEW,             /* who finds checkpoint n+1 settles anew */
	R_HIGHER,           /* and who finds a higher one after creating */
	R_ABSENT,           /* what is announced is absent, in the look */
	R_FIRST_ABSENT,     /* and in the first read */
	R_LEFTOVERS,        /* packs that nobody names are announced too */
	R_TOMBED_PARENT,    /* what a parent reaches is looked at if a tombstone names it */
	R_SHOWN_PARENT,     /* and if it is not there any more */
	R_INHERITED,        /* a commit names what its parent reaches too */
	R_ADOPT,            /* a commit names the packs that the checkpoint lacks */
	R_LAST,             /* the last commit must be contained, not just any */
	R_OVER,             /* a settled announcement is over for its maintainer */
	R_OTHERS,           /* a checkpoint settles all announcements that its maker saw */
	R_LAPSED,           /* a maintainer announces anew if a cutoff passed its announcement by */
	R_FORGET_LOOK,      /* a tombstone is looked after */
	R_KEEP_TOMBS,       /* checkpoints keep tombstones */
	R_KEEP_SWEPT,       /* and the names of swept packs */
	R_FINISH,           /* a snapshot is finished only after a look */
	R_FINISH_LOOK,      /* and looked at once more when it is */
	R_UNFINISHED,       /* an unfinished snapshot keeps its packs alive */
	R_AGE,              /* until its age is up as of when the listing began */
	R_YOUNG,            /* and who is at half of that age does not finish any more */
	R_VANISHED,         /* who misses something that it listed starts again */
	R_STEADY,           /* settling starts again if a checkpoint came while it read the state */
	R_QUIET,            /* settling lists until two listings are the same */
	R_NEWEST,           /* a source's newest finished snapshot is immune */
	R_NEED,             /* what a live snapshot needs is kept */
	N_RULES
};
#define RULE(r) (1u << (r))
#define ALL_RULES (UINT32_MAX >> (32 - N_RULES))
extern const char *const rule_names[N_RULES];

enum kind { NOBODY, WRITER, MAINTAINER, FORGETTER };

struct config {
	uint32_t rules;
	enum kind kinds[MAX_PROCS];
	uint8_t slots[MAX_PROCS]; /* commits that each may make */
	uint8_t changed;          /* writers whose snapshots have nothing of S0: bit 1 + process */
	uint8_t heirs;    /* writers that take a finished snapshot that they see for parent */
	uint8_t expires;  /* writers whose unfinished snapshots may be given up, likewise */
	uint8_t dates;    /* the last one; the first is 0 */
	bool s0;          /* S0 is there */
	bool supplies;    /* maintainers may write again what lives */
	bool deletes;     /* commits that the checkpoint contains are deleted */
	bool no_packs;    /* writers store none: who would have to stops */
	bool any_pack;    /* writers may store what is there */
	bool plain;       /* announcements are of a cutoff or of all packs, dated last */
	bool first_reads; /* the writers' first reads in two steps */
	bool pages;       /* listings come in pages, in the order of their names */
	bool anyhow;      /* or have any of what came meanwhile; else they are of one moment */
};

struct commit {
	uint8_t names; /* packs; of a tombstone the snapshot */
	uint8_t date : 2, cutoff : 2, finished : 1, supplies : 1, put : 1, : 1;
};

struct checkpoint {
	uint16_t contained, settled;
	uint8_t swept, cutoff;
};

struct proc {
	uint16_t list, before; /* of the state that it reads; the listing before */
	uint8_t pc, least;     /* least: date of the next commit */
	uint8_t names;         /* packs that the next commit will name */
	uint8_t n;             /* number of the checkpoint that it read, or began from */
	uint8_t parent;        /* snapshot + 1 */
	uint8_t flags;         /* P_… */
};

struct state {
	struct checkpoint checkpoints[MAX_CHECKPOINTS];
	struct commit commits[MAX_COMMITS];
	struct proc procs[MAX_PROCS];
	uint16_t deleted;
	uint8_t n, packs, gone;
	uint8_t old, expired; /* unfinished snapshots whose age is half up, and up */
};

/* Takes each state that follows; says is told in words only if it is not NULL. */
struct sink {
	void (*take)(struct sink *sink, const struct state *next);
	char *says; /* 256 bytes */
};

/* A configuration with what follows from it. */
struct model {
	struct config is;
	uint8_t first_slot[MAX_PROCS + 1], first_pack[MAX_PROCS + 1];
	uint8_t owner[MAX_COMMITS];
	unsigned n_slots, n_procs;
	uint16_t of[FORGETTER + 1]; /* the slots of each kind of process */
};

void model_init(struct model *model, const struct config *config);
void model_first(const struct model *model, struct state *out);
void model_steps(const struct model *model, const struct state *state, struct sink *sink);
const char *model_violation(const struct model *model, const struct state *state); /* NULL: none */

#endif
