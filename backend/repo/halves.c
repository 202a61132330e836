#include "backend/repo/halves.h"

#include <stdlib.h>
#include <time.h>

#include "backend/base/time.h"
#include "backend/format/limits.h"
#include "backend/repo/scrub.h"
#include "backend/repo/state.h"

#define YOUNG (60 * HF_NS_PER_S)
#define WAITS 10 /* of a tenth of a second */

struct hf_half {
	char object[HF_COMMIT_NAME_LEN + 1];
	bool fresh;
};

void hf_halves_release(struct hf_halves *halves)
{
	free(halves->at);
}

bool hf_halves_are(char *const *wrong, unsigned copies)
{
	return copies == 2 && !wrong[0] && wrong[1] && strcmp(wrong[1], HF_SCRUB_MISSING) == 0;
}

void hf_halves_add(struct hf_halves *halves, const char *object, bool fresh)
{
	halves->at = hf_grow(halves->at, &halves->cap, halves->n + 1, sizeof(*halves->at));
	halves->at[halves->n].fresh = fresh;
	snprintf(halves->at[halves->n++].object, sizeof(halves->at->object), "%s", object);
}

/* The first copy was judged: the second is good if it is the same. */
static hf_err compare(struct hf_repo *repo, const char *object)
{
	HF_RELEASED(hf_buf) first = {0}, second = {0};

	HF_TRY(hf_store_get_all(repo->store, object, 0, HF_MAX_PACK, &first));
	HF_TRY(hf_store_get_all(repo->store, object, 1, HF_MAX_PACK, &second));
	return hf_span_equal(hf_buf_span(&first), hf_buf_span(&second))
		? NULL
		: hf_error_new(HF_CORRUPT, "it is not what the first copy is");
}

static hf_err note_time(void *arg, const struct hf_object *object)
{
	*(int64_t *)arg = object->time;
	return NULL;
}

/* A check may begin in the moment between the two, and be short. */
static hf_err is_young(struct hf_repo *repo, const char *object, bool *young)
{
	int64_t now, put = 0;

	HF_TRY(hf_store_now(repo->store, &now));
	HF_TRY(hf_store_list(repo->store, object, "", note_time, &put));
	*young = put > now - YOUNG;
	return NULL;
}

/* *waits: how often this check may still wait, for all of them. */
static hf_err compare_patiently(const struct hf_half *half, struct hf_repo *repo, unsigned *waits)
{
	const struct timespec tenth = {.tv_nsec = 100 * 1000 * 1000};
	struct hf_error *err = compare(repo, half->object);
	bool young = false;

	/* Of a fresh one it is a note anyway. */
	if (err && hf_error_kind(err) == HF_NOT_FOUND && *waits > 0 && !half->fresh)
		hf_error_free(
			is_young(repo, half->object, &young)); /* not known: it is not waited for */
	while (young && err && hf_error_kind(err) == HF_NOT_FOUND && *waits > 0) {
		hf_error_free(err); /* looked again */
		--*waits;
		nanosleep(&tenth, NULL);
		err = compare(repo, half->object);
	}
	return err;
}

/* Takes why: what comparing the two came to. */
static hf_err judge(const struct hf_half *half, struct hf_repo *repo, struct hf_error *why,
	hf_half_fn *found, void *arg)
{
	HF_OWNED(hf_error) err = why;

	if (!err)
		return NULL;
	if (!hf_scrub_finds(repo, err))
		return HF_STEAL(err);
	const bool missing = hf_error_kind(err) == HF_NOT_FOUND;
	HF_FREED char *text =
		hf_format("second copy: %s", missing ? HF_SCRUB_MISSING : hf_error_text(err));
	const struct hf_finding finding = {
		.object = half->object,
		.text = text,
		/* What was there before the check had a writer with all that time. */
		.note = missing && half->fresh,
	};

	return found(arg, &finding);
}

hf_err hf_halves_look_again(
	const struct hf_halves *halves, struct hf_repo *repo, hf_half_fn *found, void *arg)
{
	unsigned waits = WAITS;

	for (size_t i = 0; i < halves->n; i++) {
		const struct hf_half *half = &halves->at[i];

		HF_TRY(judge(half, repo, compare_patiently(half, repo, &waits), found, arg));
	}
	return NULL;
}
