/* Memory that never fails to come: growing bytes and arenas. */
#include "backend/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_FIRST 1024u
#define ARENA_LARGEST (64u * 1024)
#define ARENA_ALIGN 16u

/* No core file and no unwinding: what was published is whole, what was not never shows. */
static HF_NORETURN void out_of_memory(void)
{
	static const char text[] = "holdfast: out of memory\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)written;
	_exit(1);
}

static size_t add_sizes(size_t a, size_t b)
{
	size_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		out_of_memory();
	return sum;
}

static size_t multiply_sizes(size_t a, size_t b)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		out_of_memory();
	return product;
}

void *hf_alloc(size_t size)
{
	void *at = malloc(size ? size : 1);

	if (!at)
		out_of_memory();
	return at;
}

void *hf_calloc(size_t n, size_t size)
{
	void *at = calloc(n ? n : 1, size ? size : 1);

	if (!at)
		out_of_memory();
	return at;
}

void *hf_realloc(void *at, size_t size)
{
	void *moved = realloc(at, size ? size : 1);

	if (!moved)
		out_of_memory();
	return moved;
}

char *hf_strndup(const char *text, size_t len)
{
	char *copy = hf_alloc(add_sizes(len, 1));

	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *hf_strdup(const char *text)
{
	return hf_strndup(text, strlen(text));
}

char *hf_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		out_of_memory();
	va_end(args);
	return text;
}

void hf_freep(void *at)
{
	void *what;

	memcpy(&what, at, sizeof(what));
	free(what);
}

bool hf_span_equal(struct hf_span a, struct hf_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

int hf_span_compare(struct hf_span a, struct hf_span b)
{
	size_t shared = HF_MIN(a.len, b.len);
	int order = shared ? memcmp(a.at, b.at, shared) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

void hf_buf_reserve(struct hf_buf *buf, size_t more)
{
	size_t need = add_sizes(buf->len, more);

	if (buf->at && need <= buf->cap)
		return;
	buf->cap = HF_MAX(HF_MAX(need, 32u), buf->cap + buf->cap / 2);
	buf->at = hf_realloc(buf->at, buf->cap);
}

uint8_t *hf_buf_grow(struct hf_buf *buf, size_t more)
{
	hf_buf_reserve(buf, more);
	buf->len += more;
	return buf->at + buf->len - more;
}

void hf_buf_add(struct hf_buf *buf, const void *bytes, size_t len)
{
	if (len)
		memcpy(hf_buf_grow(buf, len), bytes, len);
}

void hf_buf_add_span(struct hf_buf *buf, struct hf_span span)
{
	hf_buf_add(buf, span.at, span.len);
}

void hf_buf_printf(struct hf_buf *buf, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		out_of_memory();

	hf_buf_reserve(buf, (size_t)len + 1);
	va_start(args, format);
	vsnprintf((char *)buf->at + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

char *hf_buf_text(struct hf_buf *buf)
{
	hf_buf_reserve(buf, 1);
	buf->at[buf->len] = '\0';
	return (char *)buf->at;
}

void hf_buf_clear(struct hf_buf *buf)
{
	buf->len = 0;
}

void hf_buf_release(struct hf_buf *buf)
{
	free(buf->at);
	*buf = (struct hf_buf){0};
}

struct hf_buf hf_buf_steal(struct hf_buf *buf)
{
	struct hf_buf stolen = *buf;

	*buf = (struct hf_buf){0};
	return stolen;
}

struct hf_arena_block {
	struct hf_arena_block *next;
	size_t used, cap;
	_Alignas(ARENA_ALIGN) uint8_t bytes[];
};

/*
 * What is larger than a block stands in one of its own, behind the first, so that the room left in
 * the first stays in use.
 */
static struct hf_arena_block *block_for(struct hf_arena *arena, size_t size)
{
	struct hf_arena_block *first = arena->blocks, *block;
	size_t cap = first ? HF_MIN(first->cap * 2, ARENA_LARGEST) : ARENA_FIRST;

	if (first && size <= first->cap - first->used)
		return first;

	block = hf_alloc(add_sizes(sizeof(*block), HF_MAX(cap, size)));
	block->used = 0;
	block->cap = HF_MAX(cap, size);
	if (first && size > cap) {
		block->next = first->next;
		first->next = block;
	} else {
		block->next = first;
		arena->blocks = block;
	}
	return block;
}

void *hf_arena_alloc(struct hf_arena *arena, size_t size)
{
	size_t rounded = add_sizes(size, ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	struct hf_arena_block *block = block_for(arena, rounded);
	void *at = block->bytes + block->used;

	block->used += rounded;
	return at;
}

void *hf_arena_copy(struct hf_arena *arena, const void *bytes, size_t len)
{
	void *at = hf_arena_alloc(arena, len);

	if (len)
		memcpy(at, bytes, len);
	return at;
}

char *hf_arena_str(struct hf_arena *arena, const void *bytes, size_t len)
{
	char *at = hf_arena_alloc(arena, add_sizes(len, 1));

	if (len)
		memcpy(at, bytes, len);
	at[len] = '\0';
	return at;
}

struct hf_span hf_arena_span(struct hf_arena *arena, struct hf_span span)
{
	return hf_span(hf_arena_copy(arena, span.at, span.len), span.len);
}

void hf_arena_release(struct hf_arena *arena)
{
	while (arena->blocks) {
		struct hf_arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}

void *hf_grow(void *items, size_t *cap, size_t need, size_t item_size)
{
	if (need <= *cap)
		return items;
	*cap = HF_MAX(HF_MAX(need, 8u), *cap + *cap / 2);
	return hf_realloc(items, multiply_sizes(*cap, item_size));
}
