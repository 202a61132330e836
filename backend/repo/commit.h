/* Publishing: printed records become one signed commit in the store and in the catalog. */
#ifndef HF_REPO_COMMIT_H
#define HF_REPO_COMMIT_H

#include "backend/repo/repo.h"

/*
 * records: hf_record_print() of each, one after another. Dated by the store's clock, never before
 * `not_before`. Looks for a newer keyring first. HF_DENIED: our slot was revoked.
 */
hf_err hf_commit_put(struct hf_repo *repo, struct hf_span records, int64_t not_before);

#endif
