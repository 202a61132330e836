/*
 * A pack as it says itself what it is, for when no commit is left that says it. Nobody's word but
 * that of the slot which signed the pack's body counts for what it completes; that each chunk is
 * what its id says is computed, for whoever names the pack vouches for that.
 */
#ifndef HF_REPO_TOLD_H
#define HF_REPO_TOLD_H

#include "backend/repo/repo.h"

struct hf_told {
	struct hf_buf printed;      /* the pack record that a commit would have */
	const struct hf_slot *slot; /* that signed the records; NULL: there are none */
	struct hf_record *records;  /* in the arena */
	size_t n;

	struct hf_buf object;
	struct hf_last last;
	struct hf_arena arena;
};
void hf_told_release(struct hf_told *told);
/*
 * bytes: the whole pack, whose digest is its id; stolen. HF_CORRUPT: it is not what it says, or
 * says what its slot did not sign; HF_DENIED: no keys of its epoch, or a slot that does not exist,
 * was revoked, or belongs to another store.
 */
hf_err hf_told_read(
	struct hf_repo *repo, const struct hf_id *id, struct hf_buf *bytes, struct hf_told *out);

#endif
