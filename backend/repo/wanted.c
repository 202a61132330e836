#include "backend/repo/wanted.h"

#include "backend/repo/catalog.h"
#include "backend/repo/commit.h"

#define BATCH_BYTES (4u << 20) /* of records: 60,000 fit into a commit twice */

static hf_err publish(struct hf_repo *repo, struct hf_buf *records)
{
	HF_TRY(hf_commit_put(repo, hf_buf_span(records), 0, NULL));
	hf_buf_clear(records);
	return NULL;
}

hf_err hf_repo_mark_wanted(struct hf_repo *repo, const struct hf_wanted *copies, size_t n)
{
	HF_RELEASED(hf_buf) records = {0};
	bool known;

	HF_TRY(hf_repo_need(repo, HF_READ, NULL));
	HF_TRY(hf_repo_sync_to_write(repo));
	for (size_t i = 0; i < n; i++) {
		const struct hf_record record = {.kind = HF_RECORD_WANTED, .wanted = copies[i]};

		HF_TRY(hf_catalog_is_bad_copy(
			hf_repo_catalog(repo), &copies[i].chunk, &copies[i].pack, &known));
		if (known)
			continue;
		hf_record_print(&record, &records);
		if (records.len >= BATCH_BYTES)
			HF_TRY(publish(repo, &records));
	}
	return records.len > 0 ? publish(repo, &records) : NULL;
}
