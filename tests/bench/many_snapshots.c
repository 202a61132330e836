/*
 * many_snapshots REPOSITORY KEY-FILE COUNT: publishes COUNT more snapshots like the newest one,
 * each an hour older and in a commit of its own. For timing what depends on how many there are.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/base/fd.h"
#include "backend/base/time.h"
#include "backend/repo/history.h"
#include "backend/repo/writer.h"
#include "backend/store/store.h"

static hf_err publish(struct hf_writer *writer, const struct hf_snapshot *like, int64_t moment)
{
	struct hf_record record = {.kind = HF_RECORD_SNAPSHOT, .snapshot = *like};

	record.snapshot.moment = moment;
	hf_random(record.snapshot.run, sizeof(record.snapshot.run));
	HF_TRY(hf_writer_add(writer, &record));
	return hf_writer_publish(writer);
}

static hf_err run(const char *url, const char *key_file, long count)
{
	const struct hf_writer_options how = {.workers = 0};
	const struct hf_repo_options options = {0};
	struct hf_secret secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	struct hf_store *store = NULL;
	HF_RELEASED(hf_arena) arena = {0};
	HF_RELEASED(hf_buf) key = {0};
	HF_OWNED(hf_repo) repo = NULL;
	HF_OWNED(hf_writer) writer = NULL;
	struct hf_names sources;
	struct hf_snapshot_info newest;

	HF_TRY(hf_file_read(key_file, 1 << 16, &key));
	hf_secret_set(&secret, hf_buf_span(&key));
	HF_TRY(hf_store_open(url, false, &store));
	HF_TRY(hf_repo_open(store, &unlock, &options, &repo));
	HF_TRY(hf_writer_begin(repo, &how, &writer));
	HF_TRY(hf_history_sources(repo, &arena, &sources));
	if (sources.n == 0)
		return hf_error_new(HF_NOT_FOUND, "no snapshot to take after");
	HF_TRY(hf_history_at(repo, (const char *)sources.at[0].at, INT64_MAX, &arena, &newest));
	for (long i = 1; i <= count; i++)
		HF_TRY(publish(
			writer, &newest.snapshot, newest.snapshot.moment - i * 3600 * HF_NS_PER_S));
	hf_secret_release(&secret);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: many_snapshots REPOSITORY KEY-FILE COUNT\n");
		return 2;
	}
	HF_OWNED(hf_error) err = run(argv[1], argv[2], atol(argv[3]));

	if (err)
		fprintf(stderr, "%s\n", hf_error_text(err));
	return err ? 1 : 0;
}
