/* Keyrings and checkpoints, whose signatures vouch for them; and how what is found is told. */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/format/limits.h"
#include "backend/repo/check_state.h"
#include "backend/repo/mend.h"
#include "backend/repo/state.h"

/* ---- what is told ---- */

void hf_check_report(struct hf_checking *check, const struct hf_finding *finding)
{
	if (finding->note)
		check->result->notes++;
	else if (finding->newer)
		check->result->newer++;
	else if (finding->mended)
		check->result->mended++;
	else
		check->result->findings++;
	if (finding->chunk && finding->lost)
		check->result->lost_chunks++;
	if (check->options->found)
		check->options->found(check->options->arg, finding);
}

void hf_check_report_newer(struct hf_checking *check, const char *object, const char *text)
{
	const struct hf_finding finding = {.object = object, .text = text, .newer = true};

	hf_check_report(check, &finding);
}

static const char *place_name(unsigned copy)
{
	return copy == 0 ? "first copy" : "second copy";
}

/* One that is the object's only one needs no name. */
void hf_check_report_copies(struct hf_checking *check, const struct hf_copies *copies)
{
	unsigned bad = 0;

	if (hf_halves_are(copies->wrong, copies->n) && !copies->mended[1]) {
		hf_halves_add(&check->halves, copies->object, copies->fresh);
		return;
	}
	for (unsigned copy = 0; copy < copies->n; copy++)
		bad += copies->wrong[copy] != NULL;
	for (unsigned copy = 0; copy < copies->n; copy++) {
		struct hf_finding finding = {.object = copies->object, .lost = bad == copies->n};
		HF_FREED char *text = NULL;

		if (!copies->wrong[copy])
			continue;
		finding.mended = copies->mended[copy];
		if (copies->n > 1)
			text = hf_format("%s: %s", place_name(copy), copies->wrong[copy]);
		finding.text = text ? text : copies->wrong[copy];
		hf_check_report(check, &finding);
	}
}

void hf_check_mend(struct hf_checking *check, const char *name, const struct hf_id *id,
	const bool *bad, bool *mended)
{
	struct hf_error *err;

	if (!check->options->repair)
		return;
	err = hf_mend(hf_repo_store(check->repo), name, id, bad, mended);
	if (err)
		hf_log(HF_WARN, "a bad copy can't be mended", "object", name, "why",
			hf_error_text(err), NULL);
	hf_error_free(err); /* told; and what was found is told as it is */
}

/* ---- what is named by number ---- */

static hf_err verify_keyring(struct hf_repo *repo, uint32_t n, unsigned copy)
{
	HF_RELEASED(hf_buf) bytes = {0};
	HF_RELEASED(hf_arena) arena = {0};
	char name[HF_NUMBERED_NAME_LEN + 1];
	struct hf_keyring keyring;

	hf_numbered_name("keyring", n, name);
	HF_TRY(hf_store_get_all(hf_repo_store(repo), name, copy, HF_MAX_KEYRING, &bytes));
	HF_TRY(hf_keyring_parse(hf_buf_span(&bytes), &arena, &keyring));
	if (keyring.n != n)
		return hf_error_new(HF_CORRUPT, "it says that it is number %u", keyring.n);
	if (!hf_keyring_verify(&keyring, hf_repo_secrets(repo)->root_public))
		return hf_error_new(HF_CORRUPT, "the repository's root did not sign it");
	return NULL;
}

struct numbered {
	const char *folder;
	hf_err (*verify)(struct hf_repo *repo, uint32_t n, unsigned copy);
	uint32_t newest, claimed; /* that we know, that a commit knew: they must be there */
	bool all;                 /* and all before it */
};

/* One of a newer version, or of a slot that may not make it, is evidence and stays. */
static bool is_bad(const struct hf_error *err)
{
	const enum hf_error_kind kind = hf_error_kind(err);

	return kind == HF_NOT_FOUND || kind == HF_CORRUPT || kind == HF_SYSTEM;
}

/* A sweep that was cut off, or half undone by a power cut, leaves one copy for the next. */
static bool is_to_go(const struct hf_checking *check, const struct numbered *numbered, uint32_t n)
{
	return !numbered->all && n < check->repo->checkpoint;
}

/* Where one is missing, a newer one may have come. */
static hf_err verify(
	struct hf_checking *check, const struct numbered *numbered, uint32_t n, unsigned copy)
{
	struct hf_error *err = numbered->verify(check->repo, n, copy);
	bool again = false;

	if (!err || hf_error_kind(err) != HF_NOT_FOUND)
		return err;
	struct hf_error *failed = hf_check_catch_up(check, &again);

	if (!failed && !again)
		return err;
	hf_error_free(err); /* asked again, or it could not be told what it means */
	return failed ? failed : numbered->verify(check->repo, n, copy);
}

static hf_err check_number(struct hf_checking *check, const struct numbered *numbered, uint32_t n)
{
	char name[HF_NUMBERED_NAME_LEN + 1], *wrong[HF_SCRUB_COPIES] = {NULL};
	bool bad[HF_SCRUB_COPIES] = {false}, mended[HF_SCRUB_COPIES] = {false};
	struct hf_error *err = NULL;
	unsigned copies, newer = 0;

	hf_numbered_name(numbered->folder, n, name);
	copies = HF_MIN(hf_store_copies(hf_repo_store(check->repo), name), HF_SCRUB_COPIES);
	for (unsigned copy = 0; copy < copies && !err; copy++) {
		err = verify(check, numbered, n, copy);
		if (!err || !hf_scrub_finds(check->repo, err))
			continue;
		if (is_to_go(check, numbered, n) && hf_error_kind(err) == HF_NOT_FOUND) {
			hf_error_free(err); /* as it should be */
			err = NULL;
			continue;
		}
		newer += hf_error_kind(err) == HF_UNSUPPORTED;
		bad[copy] = is_bad(err);
		wrong[copy] = hf_strdup(
			hf_error_kind(err) == HF_NOT_FOUND ? HF_SCRUB_MISSING : hf_error_text(err));
		hf_error_free(err); /* its text is the finding */
		err = NULL;
	}
	check->result->objects++;
	if (!err && bad[0] != bad[1] && !(wrong[0] && wrong[1]))
		hf_check_mend(check, name, NULL, bad, mended);
	if (newer == copies && !err)
		hf_check_report_newer(check, name, wrong[0]);
	else
		hf_check_report_copies(check,
			&(struct hf_copies){name, n > numbered->newest, copies, wrong, mended});
	for (unsigned copy = 0; copy < copies; copy++)
		free(wrong[copy]);
	return err;
}

static bool is_listed(const struct hf_numbers *listed, uint32_t n)
{
	for (size_t i = 0; i < listed->n; i++) {
		if (listed->at[i] == n)
			return true;
	}
	return false;
}

static hf_err check_numbered(struct hf_checking *check, const struct numbered *numbered)
{
	HF_RELEASED(hf_numbers) listed = {0};
	const uint32_t first = numbered->all ? 1 : numbered->newest;

	HF_TRY(hf_numbers_list(hf_repo_store(check->repo), numbered->folder, &listed));
	for (size_t i = 0; i < listed.n; i++)
		HF_TRY(check_number(check, numbered, listed.at[i]));
	for (uint32_t n = first; n <= numbered->newest; n++) {
		if (n && !is_listed(&listed, n))
			HF_TRY(check_number(check, numbered, n));
	}
	return numbered->claimed > numbered->newest && !is_listed(&listed, numbered->claimed)
		? check_number(check, numbered, numbered->claimed)
		: NULL;
}

hf_err hf_check_numbers(struct hf_checking *check)
{
	const struct numbered keyrings = {
		.folder = "keyring",
		.verify = verify_keyring,
		.newest = hf_repo_keyring(check->repo)->n,
		.claimed = check->repo->claimed_keyring,
		.all = true, /* keyrings are kept for ever */
	};
	const struct numbered checkpoints = {
		.folder = "checkpoints",
		.verify = hf_checkpoint_verify,
		.newest = check->repo->checkpoint,
		.claimed = check->repo->claimed_checkpoint,
	};

	HF_TRY(check_numbered(check, &keyrings));
	return check_numbered(check, &checkpoints);
}
