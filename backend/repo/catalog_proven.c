#include "backend/repo/catalog.h"
#include "backend/repo/catalog_db.h"

/* A reader's clock may be ahead, or lie: a pack must not count as read later than it was told. */
hf_err hf_catalog_add_proven(
	struct hf_catalog *catalog, const struct hf_record *record, const struct hf_seen *seen)
{
	const struct hf_proven *proven = &record->proven;

	for (size_t i = 0; i < proven->packs.n; i++) {
		HF_USE use = hf_use_begin(catalog, ADD_PROVEN);

		hf_use_id(&use, 1, &proven->packs.at[i]);
		hf_use_int(&use, 2, seen->time);
		hf_use_id(&use, 3, &seen->commit);
		hf_use_int(&use, 4, HF_MIN(proven->time, seen->time));
		hf_use_int(&use, 5, proven->depth);
		HF_TRY(hf_use_run(&use, "adding what was read"));
	}
	/* Kept whole too: checkpoints carry it on. */
	return hf_catalog_add_record(catalog, record, seen);
}

hf_err hf_catalog_proofs(struct hf_catalog *catalog, int64_t before, struct hf_proofs *out)
{
	HF_USE use = hf_use_begin(catalog, PROOFS);
	bool row;

	hf_use_int(&use, 1, before);
	HF_TRY(hf_use_step(&use, &row));
	*out = (struct hf_proofs){
		.never_packs = (uint64_t)sqlite3_column_int64(use.statement, 0),
		.never_bytes = (uint64_t)sqlite3_column_int64(use.statement, 1),
		.old_packs = (uint64_t)sqlite3_column_int64(use.statement, 2),
		.old_bytes = (uint64_t)sqlite3_column_int64(use.statement, 3),
		.oldest = sqlite3_column_int64(use.statement, 4),
	};
	return NULL;
}
