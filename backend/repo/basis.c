#include "backend/repo/basis.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/base/map.h"
#include "backend/format/wire.h"
#include "backend/repo/catalog_state.h"
#include "backend/repo/commit.h"

/* A record has at most 64 KiB. */
#define RELIES 1500u

struct ids {
	struct hf_id *at;
	size_t n, cap;
};

struct hf_basis {
	struct hf_repo *repo;
	uint8_t *met; /* by the catalog's number of the pack: a bit */
	size_t met_len;
	struct ids packs;  /* all that must stay */
	struct ids unsaid; /* those of others that no commit of ours names yet */
	char (*commits)[HF_COMMIT_NAME_LEN + 1];
	size_t n_commits, cap_commits;
	uint8_t parent[HF_SNAPSHOT_ID_LEN];
	bool inherits;
	int64_t begun; /* the date of our first commit; 0: none yet */
};

struct hf_basis *hf_basis_new(struct hf_repo *repo)
{
	struct hf_basis *basis = hf_calloc(1, sizeof(*basis));

	basis->repo = repo;
	return basis;
}

void hf_basis_free(struct hf_basis *basis)
{
	if (!basis)
		return;
	free(basis->met);
	free(basis->packs.at);
	free(basis->unsaid.at);
	free(basis->commits);
	free(basis);
}

static void add(struct ids *ids, const struct hf_id *id)
{
	ids->at = hf_grow(ids->at, &ids->cap, ids->n + 1, sizeof(*ids->at));
	ids->at[ids->n++] = *id;
}

static bool meet(struct hf_basis *basis, int64_t pack)
{
	const size_t byte = (size_t)pack / 8;
	const uint8_t bit = (uint8_t)(1u << (pack % 8));

	if (byte >= basis->met_len) {
		const size_t len = HF_MAX(byte + 1, 2 * basis->met_len);

		basis->met = hf_realloc(basis->met, len);
		memset(basis->met + basis->met_len, 0, len - basis->met_len);
		basis->met_len = len;
	}
	if (basis->met[byte] & bit)
		return false;
	basis->met[byte] |= bit;
	return true;
}

hf_err hf_basis_rely(struct hf_basis *basis, int64_t n)
{
	struct hf_pack pack;

	if (!meet(basis, n))
		return NULL;
	HF_TRY(hf_catalog_pack(hf_repo_catalog(basis->repo), n, &pack));
	add(&basis->packs, &pack.id);
	if (!pack.stated)
		add(&basis->unsaid, &pack.id);
	return NULL;
}

void hf_basis_add_own(struct hf_basis *basis, struct hf_span records)
{
	struct hf_wire wire = hf_wire(records);

	while (wire.rest.len > 0 && !wire.bad) {
		struct hf_span body;
		struct hf_id id;

		hf_wire_var(&wire);
		body = hf_wire_sized(&wire, wire.rest.len);
		if (wire.bad || body.len < HF_ID_LEN)
			return;
		memcpy(id.bytes, body.at, HF_ID_LEN);
		add(&basis->packs, &id);
	}
}

void hf_basis_add_commit(struct hf_basis *basis, const char *name)
{
	struct hf_id id;
	int64_t time = 0;

	basis->commits = hf_grow(
		basis->commits, &basis->cap_commits, basis->n_commits + 1, sizeof(*basis->commits));
	snprintf(basis->commits[basis->n_commits++], sizeof(*basis->commits), "%s", name);
	hf_error_free(hf_commit_name_parse(name, &time, &id)); /* our own name is one */
	if (!basis->begun)
		basis->begun = time;
}

void hf_basis_inherit(struct hf_basis *basis, const uint8_t snapshot[HF_SNAPSHOT_ID_LEN])
{
	memcpy(basis->parent, snapshot, HF_SNAPSHOT_ID_LEN);
	basis->inherits = true;
}

void hf_basis_print(struct hf_basis *basis, struct hf_buf *out)
{
	for (size_t from = 0; from < basis->unsaid.n; from += RELIES) {
		const struct hf_record record = {
			.kind = HF_RECORD_RELIES,
			.relies.packs = {.at = basis->unsaid.at + from,
				.n = HF_MIN(basis->unsaid.n - from, RELIES)},
		};

		hf_record_print(&record, out);
	}
	basis->unsaid.n = 0;
}

static struct hf_error *shaken(const char *why)
{
	return hf_error_new(HF_TRANSIENT, "%s while this went on", why);
}

/* Each on its own: a copy elsewhere would do, but this is rare, and to begin anew is simple. */
static hf_err check_packs(const struct hf_basis *basis)
{
	struct hf_catalog *catalog = hf_repo_catalog(basis->repo);

	for (size_t i = 0; i < basis->packs.n; i++) {
		bool announced, swept;

		HF_TRY(hf_catalog_is_announced(catalog, &basis->packs.at[i], &announced));
		HF_TRY(hf_catalog_is_swept(catalog, &basis->packs.at[i], &swept));
		if (announced || swept)
			return shaken("packs that it relies on were given up");
	}
	return NULL;
}

hf_err hf_basis_check(struct hf_basis *basis)
{
	bool stands;
	int64_t now;

	for (size_t i = 0; i < basis->n_commits; i++) {
		HF_TRY(hf_commit_stands(basis->repo, basis->commits[i], &stands));
		if (!stands)
			return shaken("a checkpoint was made or announced");
	}
	HF_TRY(hf_store_now(hf_repo_store(basis->repo), &now));
	/* Others give up what is unfinished for so long. */
	if (basis->begun && now - basis->begun > HF_UNFINISHED_LIFE / 2)
		return shaken("half a month passed");
	HF_TRY(check_packs(basis));
	if (!basis->inherits)
		return NULL;
	HF_TRY(hf_catalog_snapshot_stands(hf_repo_catalog(basis->repo), basis->parent, &stands));
	return stands ? NULL : shaken("the snapshot before was forgotten");
}
