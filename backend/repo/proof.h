/*
 * Which packs a check reads when it can't read all, and what it leaves behind of those that it
 * read: records in the repository, so that every machine knows when a byte was last proven. One
 * thread.
 */
#ifndef HF_REPO_PROOF_H
#define HF_REPO_PROOF_H

#include "backend/repo/repo.h"

struct hf_proof_pack {
	size_t object; /* the caller's number */
	int64_t proven, seen;
	uint64_t size;
	bool bad; /* known to be */
};
/*
 * Sorts: never proven first, then the longest ago, and last what is known to be bad: else it would
 * be first for ever. Gives how many from the front are at most `most` bytes, and at least one, so
 * that a small budget gets around, too; 0: all.
 */
size_t hf_proof_choose(struct hf_proof_pack *packs, size_t n, uint64_t most);

/*
 * Notes and commits in batches. A key that may neither read nor maintain leaves nothing, and where
 * the store can't be written it is said once: a check goes on.
 */
bool hf_proof_counts(const struct hf_repo *repo); /* of a key that may */
struct hf_prover;
struct hf_prover *hf_prover_new(struct hf_repo *repo);
void hf_prover_free(struct hf_prover *prover); /* what was noted since the last batch is lost */
HF_OWNABLE(hf_prover)
void hf_prover_add(struct hf_prover *prover, const struct hf_id *pack); /* was found whole */
void hf_prover_end(struct hf_prover *prover);                           /* commits the rest */

#endif
