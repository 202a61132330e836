/* Chunks by id, through the cache; and the threads that decode ahead. */
#include "backend/repo/reader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/repo/cache.h"
#include "backend/repo/opener.h"

#define MAX_AHEAD 64u /* chunks that wait to be decoded ahead; what comes on top is not */
#define MAX_WORKERS 64u

/* What is to be decoded ahead, the oldest first. */
struct ahead {
	pthread_mutex_t lock; /* guards everything below but the threads, which open and free own */
	pthread_cond_t more;
	struct hf_cache_key waiting[MAX_AHEAD];
	size_t first, n;
	bool closing;
	pthread_t threads[MAX_WORKERS];
	unsigned n_threads;
};

struct hf_reader {
	struct hf_repo *repo;
	struct hf_cache *cache;
	struct hf_opener *opener;
	struct ahead ahead;
};

/* ---- decoding ---- */

static hf_err decode(struct hf_reader *reader, const struct hf_cache_key *key,
	struct hf_claim *claim, const struct hf_chunk **out)
{
	struct hf_error *err;
	uint8_t *bytes;
	size_t len;

	err = hf_opener_chunk(reader->opener, key->kind, &key->id, &bytes, &len);
	if (err)
		hf_cache_fail(claim, err);
	else
		hf_cache_settle(claim, bytes, len, out);
	return err;
}

/* ---- decoding ahead ---- */

static bool next_ahead(struct ahead *ahead, struct hf_cache_key *key)
{
	bool open;

	pthread_mutex_lock(&ahead->lock);
	while (ahead->n == 0 && !ahead->closing)
		pthread_cond_wait(&ahead->more, &ahead->lock);
	open = !ahead->closing;
	if (open) {
		*key = ahead->waiting[ahead->first];
		ahead->first = (ahead->first + 1) % MAX_AHEAD;
		ahead->n--;
	}
	pthread_mutex_unlock(&ahead->lock);
	return open;
}

static void *run_ahead(void *arg)
{
	struct hf_reader *reader = arg;
	struct hf_cache_key key;

	while (next_ahead(&reader->ahead, &key)) {
		struct hf_claim *claim = hf_cache_claim(reader->cache, &key);

		/* Nobody asked yet: who does will meet the error again, and report it. */
		if (claim)
			hf_error_free(decode(reader, &key, claim, NULL));
	}
	return NULL;
}

static bool is_waiting(const struct ahead *ahead, const struct hf_cache_key *key)
{
	for (size_t i = 0; i < ahead->n; i++) {
		const struct hf_cache_key *other = &ahead->waiting[(ahead->first + i) % MAX_AHEAD];

		if (other->kind == key->kind && hf_id_equal(&other->id, &key->id))
			return true;
	}
	return false;
}

void hf_reader_prefetch(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id)
{
	const struct hf_cache_key key = {.kind = kind, .id = *id};
	struct ahead *ahead = &reader->ahead;

	if (ahead->n_threads == 0 || hf_cache_has(reader->cache, &key))
		return;
	pthread_mutex_lock(&ahead->lock);
	if (ahead->n < MAX_AHEAD && !is_waiting(ahead, &key)) {
		ahead->waiting[(ahead->first + ahead->n) % MAX_AHEAD] = key;
		ahead->n++;
		pthread_cond_signal(&ahead->more);
	}
	pthread_mutex_unlock(&ahead->lock);
}

/* Signals are the owner's business: the threads are born with all of them blocked. */
static hf_err start_ahead(struct hf_reader *reader, unsigned workers)
{
	struct ahead *ahead = &reader->ahead;
	sigset_t all, before;
	int failed = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (!failed && ahead->n_threads < HF_MIN(workers, MAX_WORKERS)) {
		failed = pthread_create(&ahead->threads[ahead->n_threads], NULL, run_ahead, reader);
		if (!failed)
			ahead->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = failed;
	return failed ? hf_error_sys("starting a thread that reads ahead") : NULL;
}

static void stop_ahead(struct ahead *ahead)
{
	pthread_mutex_lock(&ahead->lock);
	ahead->closing = true;
	pthread_cond_broadcast(&ahead->more);
	pthread_mutex_unlock(&ahead->lock);
	for (unsigned i = 0; i < ahead->n_threads; i++)
		pthread_join(ahead->threads[i], NULL);
}

/* ---- what users call ---- */

hf_err hf_reader_open(
	struct hf_repo *repo, size_t cache_bytes, unsigned workers, struct hf_reader **out)
{
	HF_OWNED(hf_reader) reader = hf_calloc(1, sizeof(*reader));

	reader->repo = repo;
	reader->cache = hf_cache_new(cache_bytes);
	reader->opener = hf_opener_new(repo);
	pthread_mutex_init(&reader->ahead.lock, NULL);
	pthread_cond_init(&reader->ahead.more, NULL);
	HF_TRY(start_ahead(reader, workers));
	*out = HF_STEAL(reader);
	return NULL;
}

void hf_reader_free(struct hf_reader *reader)
{
	if (!reader)
		return;
	stop_ahead(&reader->ahead);
	pthread_cond_destroy(&reader->ahead.more);
	pthread_mutex_destroy(&reader->ahead.lock);
	hf_cache_free(reader->cache);
	hf_opener_free(reader->opener);
	free(reader);
}

hf_err hf_reader_get(struct hf_reader *reader, enum hf_object_kind kind, const struct hf_id *id,
	const struct hf_chunk **out)
{
	const struct hf_cache_key key = {.kind = kind, .id = *id};
	struct hf_claim *claim;

	HF_TRY(hf_cache_get(reader->cache, &key, out, &claim));
	return claim ? decode(reader, &key, claim, out) : NULL;
}

struct hf_repo *hf_reader_repo(const struct hf_reader *reader)
{
	return reader->repo;
}
