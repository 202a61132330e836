/*
 * A copy that is bad, written anew from one that is good. Good are bytes whose digest is what the
 * object's name or its own end says, nothing else: so no evidence is ever overwritten but by what
 * must have stood there.
 */
#ifndef HF_REPO_MEND_H
#define HF_REPO_MEND_H

#include "backend/base/id.h"
#include "backend/store/store.h"

#define HF_MEND_COPIES 2u

/*
 * bad: the copies to be written, as far as another one is good; which were, is told in mended. id
 * NULL: a keyring or checkpoint, which end with the digest of what is before it.
 */
hf_err hf_mend(struct hf_store *store, const char *name, const struct hf_id *id,
	const bool bad[HF_MEND_COPIES], bool mended[HF_MEND_COPIES]);

#endif
