/*
 * The chunks of every pack that is not whole, and those that were marked as lost before, are sought
 * in all their places: those that no place gives are lost.
 */
#include <stdlib.h>

#include "backend/base/talk.h"
#include "backend/repo/check_state.h"
#include "backend/repo/wanted.h"

static void report_lost(struct hf_checking *check, const struct hf_suspect *suspect,
	const struct hf_expected *expected, const struct hf_error *err)
{
	const bool denied = hf_error_kind(err) == HF_DENIED;
	char name[HF_COMMIT_NAME_LEN + 1];
	const struct hf_finding finding = {
		.object = name,
		.text = denied ? "this key can't tell whether the chunk can still be read"
			       : hf_error_text(err),
		.chunk = &suspect->id,
		.lost = true,
	};

	hf_pack_object_name(&expected->pack, name);
	hf_check_report(check, &finding);
}

/* Every copy of it was tried, and none was good. */
static hf_err want(struct hf_checking *check, const struct hf_id *chunk)
{
	struct hf_catalog *catalog = hf_repo_catalog(check->repo);
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	HF_TRY(hf_catalog_find(catalog, chunk, places, &n));
	for (size_t i = 0; i < n; i++) {
		struct hf_pack pack;

		HF_TRY(hf_catalog_pack(catalog, places[i].pack, &pack));
		check->wanted = hf_grow(check->wanted, &check->wanted_cap, check->n_wanted + 1,
			sizeof(*check->wanted));
		check->wanted[check->n_wanted++] = (struct hf_wanted){*chunk, pack.id};
	}
	check->unmarked += n > 0;
	return NULL;
}

/* NULL: no pack has it any more, so it is not known what it is, or it was let go. */
static hf_err pack_of(
	struct hf_checking *check, const struct hf_suspect *suspect, const struct hf_expected **out)
{
	struct hf_location places[HF_MAX_LOCATIONS];
	size_t n;

	HF_TRY(hf_catalog_find(hf_repo_catalog(check->repo), &suspect->id, places, &n));
	if (n > 0 && !suspect->marked)
		*out = &check->at[suspect->object];
	else
		*out = n > 0 ? hf_check_of_pack(check, places[0].pack) : NULL;
	return NULL;
}

static hf_err open_chunk(struct hf_checking *check, const struct hf_suspect *suspect,
	const struct hf_expected *expected)
{
	uint8_t *bytes;
	size_t len;

	HF_TRY(hf_opener_chunk(check->opener,
		expected->pack.kind == HF_META_PACK ? HF_META_PACK : HF_CONTENT_PACK, &suspect->id,
		&bytes, &len));
	free(bytes);
	return NULL;
}

/* It may have moved, or been let go, since the state was read. */
static hf_err try_again(struct hf_checking *check, bool *again)
{
	HF_TRY(hf_check_catch_up(check, again));
	return *again ? hf_check_read_segments(check) : NULL;
}

static hf_err try_suspect(struct hf_checking *check, const struct hf_suspect *suspect)
{
	const struct hf_expected *expected;
	struct hf_error *err = NULL;
	bool corrupt, again = true;

	HF_TRY(hf_stop_check(check->options->stop));
	while (again) {
		hf_error_free(err); /* tried again */
		HF_TRY(pack_of(check, suspect, &expected));
		if (!expected)
			return NULL;
		err = open_chunk(check, suspect, expected);
		if (!err || !hf_scrub_finds(check->repo, err))
			return err;
		struct hf_error *failed = try_again(check, &again);

		if (!failed)
			continue;
		hf_error_free(err); /* nobody knows whether it is a finding */
		return failed;
	}
	report_lost(check, suspect, expected, err);
	corrupt = hf_error_kind(err) == HF_CORRUPT;
	hf_error_free(err); /* its text is the finding */
	check->result->wanted_chunks += suspect->marked;
	return corrupt && !suspect->marked ? want(check, &suspect->id) : NULL;
}

/* Only a key that can decode may say so, and only a check that may leave something behind. */
void hf_check_mark_wanted(struct hf_checking *check)
{
	const struct hf_check_options *options = check->options;
	struct hf_error *err;

	if (!check->n_wanted || !hf_repo_may(check->repo, HF_READ) ||
		(!options->read_data && !options->repair))
		return;
	err = hf_repo_mark_wanted(check->repo, check->wanted, check->n_wanted);
	if (!err) {
		check->result->wanted_chunks += check->unmarked;
		return;
	}
	hf_log(HF_WARN, "lost chunks can't be marked as wanted", "why", hf_error_text(err), NULL);
	hf_error_free(err); /* told, and so is what is lost */
}

static void add_suspect(struct hf_checking *check, const struct hf_suspect *suspect)
{
	check->suspects = hf_grow(check->suspects, &check->suspects_cap, check->n_suspects + 1,
		sizeof(*check->suspects));
	check->suspects[check->n_suspects++] = *suspect;
}

static hf_err suspect_place(void *arg, const struct hf_location *place)
{
	struct hf_checking *check = arg;
	const struct hf_expected *expected = hf_check_of_pack(check, place->pack);

	if (expected && expected->broken)
		add_suspect(check,
			&(struct hf_suspect){
				.id = place->row.id, .object = (size_t)(expected - check->at)});
	return NULL;
}

/* What an earlier check found lost is so until a good copy comes: it is looked for each time. */
static hf_err suspect_marked(void *arg, const struct hf_id *chunk)
{
	add_suspect(arg, &(struct hf_suspect){.id = *chunk, .marked = true});
	return NULL;
}

/* Copies of one chunk stand together, that it is marked first. */
static int by_chunk(const void *a, const void *b)
{
	const struct hf_suspect *x = a, *y = b;
	const int order = memcmp(x->id.bytes, y->id.bytes, HF_ID_LEN);

	return order ? order : (int)y->marked - (int)x->marked;
}

hf_err hf_check_chunks(struct hf_checking *check)
{
	if (check->broken)
		HF_TRY(hf_catalog_each_place(hf_repo_catalog(check->repo), suspect_place, check));
	HF_TRY(hf_catalog_each_wanted(hf_repo_catalog(check->repo), suspect_marked, check));
	if (check->n_suspects > 0)
		qsort(check->suspects, check->n_suspects, sizeof(*check->suspects), by_chunk);
	for (size_t i = 0; i < check->n_suspects; i++) {
		const struct hf_suspect *suspect = &check->suspects[i];

		if (i == 0 || !hf_id_equal(&suspect->id, &suspect[-1].id))
			HF_TRY(try_suspect(check, suspect));
	}
	return NULL;
}
