/* Forgetting: tombstones that hide snapshots at once, and let a prune take what only they used. */
#ifndef HF_REPO_FORGET_H
#define HF_REPO_FORGET_H

#include "backend/repo/repo.h"

/*
 * Publishes tombstones for these snapshots, and looks whether they count. HF_DENIED without
 * `maintain`. A source's newest finished snapshot stays, whoever names it.
 */
hf_err hf_forget(struct hf_repo *repo, uint8_t (*ids)[HF_SNAPSHOT_ID_LEN], size_t n);

#endif
