/*
 * Borrowed bytes (span), growing bytes (buf), many small things of one lifetime (arena). Allocation
 * never gives NULL: out of memory ends the process, and a session that dies publishes nothing.
 * Sizes that come from outside are checked against format/limits.h before they get here. Not shared
 * between threads without a lock.
 */
#ifndef HF_BASE_BUF_H
#define HF_BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "backend/base/macros.h"

void *hf_alloc(size_t size);            /* uninitialised; size 0 gives a pointer to free */
void *hf_calloc(size_t n, size_t size); /* zeroed; ends the process on overflow */
void *hf_realloc(void *at, size_t size);
char *hf_strdup(const char *text);
char *hf_strndup(const char *text, size_t len);
char *hf_format(const char *format, ...) HF_PRINTF(1, 2); /* free() it */
void hf_freep(void *at); /* for __attribute__((cleanup)): frees *(void **)at */
#define HF_FREED __attribute__((cleanup(hf_freep)))

struct hf_span {
	const uint8_t *at;
	size_t len;
};

static inline struct hf_span hf_span(const void *at, size_t len)
{
	return (struct hf_span){.at = at, .len = len};
}
static inline struct hf_span hf_span_str(const char *text)
{
	return (struct hf_span){.at = (const uint8_t *)text, .len = strlen(text)};
}
bool hf_span_equal(struct hf_span a, struct hf_span b);
int hf_span_compare(struct hf_span a, struct hf_span b); /* bytewise, the shorter first */

struct hf_buf {
	uint8_t *at;
	size_t len, cap;
};

void hf_buf_reserve(struct hf_buf *buf, size_t more);  /* room for `more` bytes behind len */
uint8_t *hf_buf_grow(struct hf_buf *buf, size_t more); /* len += more; where the new bytes begin */
void hf_buf_add(struct hf_buf *buf, const void *bytes, size_t len);
void hf_buf_add_span(struct hf_buf *buf, struct hf_span span);
void hf_buf_printf(struct hf_buf *buf, const char *format, ...) HF_PRINTF(2, 3);
char *hf_buf_text(struct hf_buf *buf); /* adds a NUL behind len (not counted); dies with the buf */
void hf_buf_clear(struct hf_buf *buf); /* len = 0, keeps the memory */
void hf_buf_release(struct hf_buf *buf);
struct hf_buf hf_buf_steal(struct hf_buf *buf); /* moves the bytes out; *buf is empty after */
static inline struct hf_span hf_buf_span(const struct hf_buf *buf)
{
	return (struct hf_span){.at = buf->at, .len = buf->len};
}

/* Bump allocation; all of it ends with release. Zero-initialise. */
struct hf_arena {
	struct hf_arena_block *blocks;
};

void *hf_arena_alloc(struct hf_arena *arena, size_t size); /* aligned to 16, uninitialised */
void *hf_arena_copy(struct hf_arena *arena, const void *bytes, size_t len);
char *hf_arena_str(struct hf_arena *arena, const void *bytes, size_t len); /* NUL added */
struct hf_span hf_arena_span(struct hf_arena *arena, struct hf_span span);
void hf_arena_release(struct hf_arena *arena);

/* Grows an array for one more element: items = hf_grow(items, &cap, n + 1, sizeof(*items)). */
void *hf_grow(void *items, size_t *cap, size_t need, size_t item_size);

#endif
