/* What benchmarks begin with: clocks, an end where anything fails, a repository of their own. */
#ifndef HF_BENCH_H
#define HF_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/base/error.h"
#include "backend/base/text.h"
#include "backend/repo/repo.h"

/* Seconds: CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID. */
static inline double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void or_die(struct hf_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", hf_error_text(err));
	exit(1);
}

/* Opens the repository DIR/repo, with DIR for its cache; make: it is not there yet. */
static inline struct hf_repo *open_repo(const char *dir, bool make)
{
	HF_RELEASED(hf_secret) secret = {0};
	const struct hf_unlock unlock = {.kind = HF_KEY_FILE, .secret = &secret};
	HF_FREED char *path = hf_format("%s/repo", dir);
	const struct hf_repo_options options = {.cache_dir = dir};
	struct hf_settings settings;
	struct hf_store *store;
	struct hf_repo *repo;

	hf_secret_set(&secret, hf_span_str("a key file of the benchmark, long enough"));
	hf_settings_default(&settings);
	or_die(hf_store_open(path, make, &store));
	if (make)
		or_die(hf_repo_init(store, &settings, "bench", &unlock));
	or_die(hf_repo_open(store, &unlock, &options, &repo));
	return repo;
}

#endif
