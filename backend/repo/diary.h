/*
 * What a session is about to send, in a local file: were it killed, the next one on this machine
 * finds there the packs that no commit names yet, and commits those that arrived. A cache like the
 * catalog: without it they are only sent again. Writing: any thread; all else: the owner's.
 */
#ifndef HF_REPO_DIARY_H
#define HF_REPO_DIARY_H

#include "backend/format/commit.h"
#include "backend/repo/repo.h"

struct hf_diary;

/* NULL where there is no cache to write to. */
struct hf_diary *hf_diary_begin(struct hf_repo *repo);
/* Leaves the file if something in it is not committed. NULL ok, here and below. */
void hf_diary_free(struct hf_diary *diary);
HF_OWNABLE(hf_diary)

/* Before the pack is put: what the commit will say of it. */
void hf_diary_write(struct hf_diary *diary, struct hf_span record);
/* A commit names all that was written. */
void hf_diary_clear(struct hf_diary *diary);

/*
 * Gives each pack that a session which is gone has left, if the store has it whole, and ends that
 * session's diary once `commit` has succeeded. Too old ones may be on their way out: those go.
 */
typedef struct hf_error *hf_left_fn(void *arg, struct hf_span record);
hf_err hf_diary_adopt(
	struct hf_repo *repo, hf_left_fn *each, struct hf_error *(*commit)(void *arg), void *arg);

#endif
