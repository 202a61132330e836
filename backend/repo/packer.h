/*
 * Packs on their way: chunks fill an open pack of each kind; a full one is sealed, named and sent
 * by an uploader's thread. One owner's thread calls. Memory: an open pack of each kind, two on
 * their way.
 */
#ifndef HF_REPO_PACKER_H
#define HF_REPO_PACKER_H

#include "backend/base/pool.h"
#include "backend/base/talk.h"
#include "backend/repo/repo.h"

struct hf_packer;

/* uploaders 0: sends on the owner's thread. progress NULL ok. */
hf_err hf_packer_new(struct hf_repo *repo, unsigned uploaders, struct hf_progress *progress,
	struct hf_packer **out);
void hf_packer_free(struct hf_packer *packer);
HF_OWNABLE(hf_packer)

/* bytes: compressed, or the plain ones when they are plain_len. */
hf_err hf_packer_add(struct hf_packer *packer, enum hf_object_kind kind, const struct hf_id *id,
	uint32_t plain_len, struct hf_span bytes);
/*
 * Sends what is open, and waits for all. restated: printed records that the last of the packs
 * carries too, so that they could be found again if every commit were lost.
 */
hf_err hf_packer_flush(struct hf_packer *packer, struct hf_span restated);
/*
 * The printed pack records of all that was sent, one after another, since the last take; each with
 * its length.
 */
struct hf_sent {
	struct hf_buf records; /* hf_record_print() of each */
	size_t *ends;          /* where each ends in records */
	size_t n, cap;
};
struct hf_sent *hf_packer_sent(struct hf_packer *packer);
/* A printed pack record of a session that was cut off: it is sent already. */
void hf_packer_adopt(struct hf_packer *packer, struct hf_span record);
/*
 * Removes every pack that was sent, or was about to be, since the last clear, when no commit may
 * name one. Best effort; nothing else may be done with the packer then.
 */
void hf_packer_undo(struct hf_packer *packer);
void hf_packer_sent_clear(struct hf_packer *packer); /* they stand in a commit now */
uint64_t hf_packer_pending(
	const struct hf_packer *packer); /* bytes sent or open since the last clear */

#endif
