/* Publishing: printed records become one signed commit in the store and in the catalog. */
#ifndef HF_REPO_COMMIT_H
#define HF_REPO_COMMIT_H

#include "backend/repo/repo.h"

/*
 * records: hf_record_print() of each, one after another. Dated by the store's clock, never before
 * `not_before` or any cutoff that is known. Looks for a newer keyring first. name (NULL ok): its
 * name. HF_DENIED: our slot was revoked.
 */
hf_err hf_commit_put(struct hf_repo *repo, struct hf_span records, int64_t not_before,
	char name[HF_COMMIT_NAME_LEN + 1]);
/*
 * After a sync: will it count for ever? No cutoff, announced or settled, is later than its date, or
 * the checkpoint contains it.
 */
hf_err hf_commit_stands(struct hf_repo *repo, const char *name, bool *stands);

#endif
