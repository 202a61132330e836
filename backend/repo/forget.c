#include "backend/repo/forget.h"

#include "backend/repo/commit.h"
#include "backend/repo/state.h"

#define BATCH 4000u /* ids: a record has at most 64 KiB */
#define ROUNDS 8

static hf_err put(struct hf_repo *repo, uint8_t (*ids)[HF_SNAPSHOT_ID_LEN], size_t n,
	char name[HF_COMMIT_NAME_LEN + 1])
{
	HF_RELEASED(hf_buf) printed = {0};
	const struct hf_record record = {
		.kind = HF_RECORD_TOMBSTONE, .tombstone = {.snapshots = ids, .n_snapshots = n}};

	hf_record_print(&record, &printed);
	return hf_commit_put(repo, hf_buf_span(&printed), 0, name);
}

/*
 * A commit that is dated before a checkpoint's cutoff and not contained in it does not count, and
 * both may come between its date and its arrival.
 */
static hf_err put_and_look(struct hf_repo *repo, uint8_t (*ids)[HF_SNAPSHOT_ID_LEN], size_t n)
{
	for (int round = 0; round < ROUNDS; round++) {
		char name[HF_COMMIT_NAME_LEN + 1];
		bool stands;

		HF_TRY(put(repo, ids, n, name));
		HF_TRY(hf_repo_sync(repo, NULL));
		HF_TRY(hf_commit_stands(repo, name, &stands));
		if (stands)
			return NULL;
	}
	return hf_error_new(HF_TRANSIENT,
		"checkpoints are made faster than snapshots can be forgotten; try again");
}

hf_err hf_forget(struct hf_repo *repo, uint8_t (*ids)[HF_SNAPSHOT_ID_LEN], size_t n)
{
	HF_TRY(hf_repo_need(repo, HF_MAINTAIN, NULL));
	for (size_t from = 0; from < n; from += BATCH)
		HF_TRY(put_and_look(repo, ids + from, HF_MIN(n - from, BATCH)));
	return NULL;
}
