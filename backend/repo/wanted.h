/* Marking what was found bad, so that the machine that still has the content learns of it. */
#ifndef HF_REPO_WANTED_H
#define HF_REPO_WANTED_H

#include "backend/repo/repo.h"

/*
 * Publishes that these copies are bad; those that are marked already are left out, and with none
 * left nothing is published. Syncs first. HF_DENIED without `read`: only who can decode may say so.
 */
hf_err hf_repo_mark_wanted(struct hf_repo *repo, const struct hf_wanted *copies, size_t n);

#endif
