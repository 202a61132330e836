/*
 * LD_PRELOAD: the K-th allocation of the process fails (HF_FAIL_ALLOC=K), or that and all after it
 * (HF_FAIL_ALLOC=K+). Libraries' allocations count too. HF_COUNT_FILE: where the number of
 * allocations is written at a normal end. Works in front of AddressSanitizer's malloc as well as
 * the C library's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
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

static bool fails_now(void)
{
	const unsigned long number = atomic_fetch_add(&count, 1) + 1;

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
	begun = true;
}

__attribute__((destructor)) static void report(void)
{
	const char *path = getenv("HF_COUNT_FILE");
	char text[32];
	int len, fd;

	fail_at = 0;
	if (!path)
		return;
	len = snprintf(text, sizeof(text), "%lu\n", atomic_load(&count));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		_exit(121);
	close(fd);
}
