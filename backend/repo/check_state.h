/*
 * What check.c, check_again.c, check_chunks.c and check_numbers.c (keyrings, checkpoints, what is
 * told) share of one check. For these files only; the owner's thread.
 */
#ifndef HF_REPO_CHECK_STATE_H
#define HF_REPO_CHECK_STATE_H

#include "backend/base/map.h"
#include "backend/repo/catalog.h"
#include "backend/repo/check.h"
#include "backend/repo/halves.h"
#include "backend/repo/opener.h"
#include "backend/repo/proof.h"
#include "backend/repo/scrub.h"

/* An object that is named by its digest. */
struct hf_expected {
	struct hf_pack pack; /* n 0: a commit without chunks */
	bool known;          /* the catalog has it */
	bool listed;         /* the store has its first copy */
	bool broken;         /* in at least one copy, still */
	bool marked;         /* a chunk of it was found bad before */
	bool chosen;         /* its content is read, or its chunks are decoded */
	uint64_t listed_size;
	uint64_t places; /* rows of the catalog that point here */
};

/* A chunk that some pack which is not whole should have, or that was marked as lost before. */
struct hf_suspect {
	struct hf_id id;
	size_t object; /* in `at`; of a marked one nothing */
	bool marked;
};

struct hf_checking {
	struct hf_repo *repo;
	const struct hf_check_options *options;
	struct hf_check_result *result;
	struct hf_opener *opener;
	struct hf_scrubber *scrubber;
	struct hf_prover *prover;
	struct hf_expected *at;
	size_t n, cap;
	struct hf_map by_id;   /* index + 1 in `at` */
	struct hf_map by_pack; /* the same, by the catalog's number */
	struct hf_suspect *suspects;
	size_t n_suspects, suspects_cap;
	bool broken; /* any of `at` */
	struct hf_halves halves;
	struct hf_wanted *wanted; /* all copies of chunks that are lost */
	size_t n_wanted, wanted_cap;
	uint64_t unmarked;          /* how many chunks those are */
	struct hf_check_job **held; /* what is judged when the state was read again */
	size_t n_held, held_cap;
	uint32_t caught_up; /* the highest checkpoint that was listed before it was read again */
	bool segments_told;
};

/* ---- check.c ---- */
/* By the catalog's number. NULL: it came while we were looking. */
struct hf_expected *hf_check_of_pack(const struct hf_checking *check, int64_t pack);
/* The catalog's numbers of the packs, which may have changed. */
hf_err hf_check_number_packs(struct hf_checking *check);
/* Those that were not read yet. One that is bad is told, no error. */
hf_err hf_check_read_segments(struct hf_checking *check);

/* ---- check_again.c ---- */
/* A newer checkpoint stands: what is missing may have been let go. */
hf_err hf_check_is_behind(struct hf_checking *check, bool *is);
/* Not while objects are scrubbed: what the catalog says of packs changes. */
hf_err hf_check_read_again(struct hf_checking *check);
/* Reads it again if it is behind. */
hf_err hf_check_catch_up(struct hf_checking *check, bool *again);
/* By what was read last it was let go: it need not be there, nor be good. */
hf_err hf_check_is_over(struct hf_checking *check, const char *name, bool *over);

/* ---- check_chunks.c ---- */
hf_err hf_check_chunks(struct hf_checking *check);
/* Of what is lost, if this check may leave that behind; what can't be marked is told, no error. */
void hf_check_mark_wanted(struct hf_checking *check);

/* ---- check_numbers.c ---- */
void hf_check_report(struct hf_checking *check, const struct hf_finding *finding);
void hf_check_report_newer(struct hf_checking *check, const char *object, const char *text);
/* Each copy that is wrong (NULL: it is good), mended ones as such. A second copy that is missing is
 * looked for again at the end; fresh: its writer may be on its way to put it. */
struct hf_copies {
	const char *object;
	bool fresh;
	unsigned n;
	char *const *wrong;
	const bool *mended;
};
void hf_check_report_copies(struct hf_checking *check, const struct hf_copies *copies);
/* Mends what is bad if that is asked for. A store that can't be written is told, no error. */
void hf_check_mend(struct hf_checking *check, const char *name, const struct hf_id *id,
	const bool *bad, bool *mended);
hf_err hf_check_numbers(struct hf_checking *check);

#endif
