/*
 * LD_PRELOAD: the K-th allocation of the process fails (HF_FAIL_ALLOC=K), or that and all after it
 * (HF_FAIL_ALLOC=K+). Libraries' allocations count too. HF_COUNT_FILE: where the number of
 * allocations is written at a normal end, and behind it, if HF_WAYS is set, the first and the last
 * number of each way to an allocation (its call stack). Works in front of AddressSanitizer's malloc
 * as well as the C library's. What the C library asks for to look up users and groups neither
 * counts nor fails: its name service (2.36) ends the process by an assertion or a NULL where it has
 * no memory for its tables.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <grp.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size);
EXPORTED void *calloc(size_t n, size_t size);
EXPORTED void *realloc(void *at, size_t size);
EXPORTED void free(void *at);

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
} next;

static atomic_ulong count;
static unsigned long fail_at; /* 0: none */
static bool fail_after, begun;

/*
 * What is asked for before our beginning: a sanitizer, itself not ready then, asks the loader,
 * which allocates. Never given back.
 */
static union {
	max_align_t align;
	char bytes[4 << 20];
} pool;
static size_t pool_used;

static void *pool_alloc(size_t size)
{
	const size_t rounded = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);

	if (rounded > sizeof(pool) - pool_used)
		_exit(120);
	pool_used += rounded;
	return pool.bytes + pool_used - rounded;
}

static bool pooled(const void *at)
{
	return (uintptr_t)at - (uintptr_t)pool.bytes < sizeof(pool);
}

static void *failed(void)
{
	errno = ENOMEM;
	return NULL;
}

/* ---- ways: call stacks by hash ---- */

#define FRAMES 8 /* with the three above the allocation itself */
#define WAYS (1u << 16)

static struct way {
	uint64_t hash; /* 0: none */
	unsigned long first, last;
} ways[WAYS];
static bool with_ways;
static atomic_flag ways_busy = ATOMIC_FLAG_INIT;
static _Thread_local bool inside; /* what is asked for now neither counts nor fails */

static void note_way(unsigned long number)
{
	void *frames[FRAMES];
	uint64_t hash = 1469598103934665603u;

	inside = true;
	const int n = backtrace(frames, FRAMES);

	inside = false;
	for (int i = 0; i < n; i++)
		hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
	hash |= 1;
	while (atomic_flag_test_and_set(&ways_busy))
		;
	size_t at = (hash >> 20) % WAYS;

	while (ways[at].hash && ways[at].hash != hash)
		at = (at + 1) % WAYS;
	if (!ways[at].hash)
		ways[at] = (struct way){.hash = hash, .first = number};
	ways[at].last = number;
	atomic_flag_clear(&ways_busy);
}

static bool fails_now(void)
{
	if (inside)
		return false;
	const unsigned long number = atomic_fetch_add(&count, 1) + 1;

	if (with_ways)
		note_way(number);
	return fail_at && (number == fail_at || (fail_after && number > fail_at));
}

void *malloc(size_t size)
{
	if (!begun)
		return pool_alloc(size);
	return fails_now() ? failed() : next.malloc(size);
}

void *calloc(size_t n, size_t size)
{
	if (!begun)
		return pool_alloc(n * size);
	return fails_now() ? failed() : next.calloc(n, size);
}

/* How long what lies in the pool is, nobody noted: all behind it is readable. */
static void *out_of_pool(const void *at, size_t size)
{
	const size_t most = (size_t)(pool.bytes + sizeof(pool) - (const char *)at);
	void *moved = malloc(size);

	if (moved)
		memcpy(moved, at, size < most ? size : most);
	return moved;
}

void *realloc(void *at, size_t size)
{
	if (at && pooled(at))
		return out_of_pool(at, size);
	if (!begun)
		return pool_alloc(size);
	return fails_now() ? failed() : next.realloc(at, size);
}

void free(void *at)
{
	if (at && !pooled(at))
		next.free(at);
}

/* ---- the C library's name service ---- */

#define NAME_LOOKUP(function, row, key_type) \
	EXPORTED int function( \
		key_type key, struct row *at, char *buf, size_t len, struct row **found) \
	{ \
		int (*real)(key_type, struct row *, char *, size_t, struct row **); \
		const bool was = inside; \
\
		*(void **)&real = dlsym(RTLD_NEXT, #function); \
		inside = true; \
		const int result = real(key, at, buf, len, found); \
\
		inside = was; \
		return result; \
	}

NAME_LOOKUP(getpwuid_r, passwd, uid_t)
NAME_LOOKUP(getpwnam_r, passwd, const char *)
NAME_LOOKUP(getgrgid_r, group, gid_t)
NAME_LOOKUP(getgrnam_r, group, const char *)

EXPORTED struct passwd *getpwuid(uid_t uid)
{
	struct passwd *(*real)(uid_t);
	const bool was = inside;

	*(void **)&real = dlsym(RTLD_NEXT, "getpwuid");
	inside = true;
	struct passwd *found = real(uid);

	inside = was;
	return found;
}

/* Counting begins behind the loader and the libraries' own beginnings. */
__attribute__((constructor)) static void begin(void)
{
	const char *given = getenv("HF_FAIL_ALLOC");
	char *end = NULL;

	fail_at = given ? strtoul(given, &end, 10) : 0;
	fail_after = end && *end == '+';
	*(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&next.free = dlsym(RTLD_NEXT, "free");
	with_ways = getenv("HF_WAYS") != NULL;
	begun = true;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("HF_COUNT_FILE");
	FILE *file;

	fail_at = 0;
	inside = true;
	if (!path)
		return;
	file = fopen(path, "w");
	if (!file)
		_exit(121);
	fprintf(file, "%lu\n", atomic_load(&count));
	for (size_t i = 0; i < WAYS; i++) {
		if (ways[i].hash)
			fprintf(file, "%lu\n%lu\n", ways[i].first, ways[i].last);
	}
	if (fclose(file) != 0)
		_exit(121);
}
