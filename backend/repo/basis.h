/*
 * What a session that writes stands on: packs that others named and that it relies on, its own
 * packs and commits, the finished snapshot that it takes over from. After its commits are in the
 * store it looks whether all of that is still there and will stay (docs/format.md section 5). One
 * thread.
 */
#ifndef HF_REPO_BASIS_H
#define HF_REPO_BASIS_H

#include "backend/repo/repo.h"

struct hf_basis;
struct hf_basis *hf_basis_new(struct hf_repo *repo);
void hf_basis_free(struct hf_basis *basis);
HF_OWNABLE(hf_basis)

/* A pack of the catalog, by its number there, that has what was not stored again. */
hf_err hf_basis_rely(struct hf_basis *basis, int64_t pack);
/* Printed pack records: what our next commit names itself. */
void hf_basis_add_own(struct hf_basis *basis, struct hf_span records);
void hf_basis_add_commit(struct hf_basis *basis, const char *name);
/* All that this finished snapshot reaches may be taken over while it stands. */
void hf_basis_inherit(struct hf_basis *basis, const uint8_t snapshot[HF_SNAPSHOT_ID_LEN]);

/* Appends records that name the packs that were relied on since the last time. */
void hf_basis_print(struct hf_basis *basis, struct hf_buf *out);
/* After a sync. HF_TRANSIENT: not all of it stands, and the session must begin anew. */
hf_err hf_basis_check(struct hf_basis *basis);

#endif
