/*
 * Objects whose second copy was not there when a check looked for it. Their writer may have been
 * between the two: so they are looked at again at the check's end, when nobody needed to wait, and
 * for one of the last minute a second is waited.
 */
#ifndef HF_REPO_HALVES_H
#define HF_REPO_HALVES_H

#include "backend/repo/check.h"

struct hf_halves {
	struct hf_half *at;
	size_t n, cap;
};
void hf_halves_release(struct hf_halves *halves);

/* Is this one: the first copy good, the second missing? wrong: why each copy is bad, NULL: good. */
bool hf_halves_are(char *const *wrong, unsigned copies);
/* fresh: it came after the check began. */
void hf_halves_add(struct hf_halves *halves, const char *object, bool fresh);
/* Finds each that has no good second copy still: of a fresh one that is a note. */
typedef struct hf_error *hf_half_fn(void *arg, const struct hf_finding *finding);
hf_err hf_halves_look_again(
	const struct hf_halves *halves, struct hf_repo *repo, hf_half_fn *found, void *arg);

#endif
