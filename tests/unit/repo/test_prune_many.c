/* More chunks than a commit can name. */
#include <stdlib.h>

#include "backend/repo/prune.h"
#include "tests/lib/small_repo.h"
#include "tests/lib/test.h"

/* Half of them, with 35 bytes in a record each, are more than a commit's 8 MiB. */
#define CHUNKS 500000u

struct ids {
	struct hf_id *at;
	size_t n;
};

static struct hf_error *note_id(void *arg, const struct hf_id *id)
{
	struct ids *ids = arg;

	ids->at[ids->n++] = *id;
	return NULL;
}

static void put_all(struct hf_repo *repo, struct ids *ids)
{
	HF_OWNED(hf_writer) writer = hf_small_writer(repo);

	for (uint32_t i = 0; i < CHUNKS; i++) {
		HF_RELEASED(hf_buf) bytes = {0};

		hf_buf_add(&bytes, &i, sizeof(i));
		ck_ok(hf_writer_put(writer, HF_CONTENT_PACK, &bytes, note_id, ids));
	}
	ck_ok(hf_writer_publish(writer));
	ck_assert_uint_eq(ids->n, CHUNKS);
}

/* Every second chunk is needed. */
static struct hf_error *mark_half(void *arg, int64_t now, struct hf_id_sort *live)
{
	const struct ids *ids = arg;

	(void)now;
	for (size_t i = 0; i < ids->n; i += 2)
		HF_TRY(hf_id_sort_add(live, &ids->at[i]));
	return NULL;
}

START_TEST(what_one_run_moves_fits_into_one_commit)
{
	struct hf_small small;
	struct ids ids = {hf_calloc(CHUNKS, sizeof(struct hf_id)), 0};
	const struct hf_prune_options options = {.grace = 0, .mark = mark_half, .arg = &ids};
	struct hf_prune_result result = {.repacked_bytes = 1};
	unsigned runs = 0;

	hf_small_init(&small, 1);
	put_all(small.repo, &ids);
	hf_mem_pass(small.mem, 30);
	while (result.repacked_bytes > 0 && runs < 20) {
		ck_ok(hf_prune_run(small.repo, &options, &result));
		ck_assert_uint_eq(result.missing, 0);
		runs++;
	}
	/* It goes on with the next run, and comes to an end. */
	ck_assert_uint_gt(runs, 2);
	ck_assert_uint_lt(runs, 20);
	/* 4 bytes, 16 of a seal, 36 of a row; a fifth more for what is left alone. */
	ck_assert_uint_lt(result.live_bytes + result.wasted_bytes, CHUNKS / 2 * 56 * 6 / 5);
	free(ids.at);
	hf_small_end(&small);
}
END_TEST

HF_TEST_MAIN("prune_many", what_one_run_moves_fits_into_one_commit)
