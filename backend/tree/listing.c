#include "backend/tree/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/base/fd.h"

#define ASKED (32u << 10) /* bytes of names asked for at once */
#define CACHE_TAG "CACHEDIR.TAG"
#define CACHE_SIGNATURE "Signature: 8a477f597d28d172789f06886806bc55"

void hf_listing_clear(struct hf_listing *listing)
{
	hf_buf_clear(&listing->text);
	listing->n = 0;
}

void hf_listing_release(struct hf_listing *listing)
{
	hf_buf_release(&listing->text);
	free(listing->names);
	*listing = (struct hf_listing){0};
}

void hf_listing_add(struct hf_listing *listing, const char *text, uint8_t type)
{
	const size_t len = strlen(text);
	struct hf_name name = {
		.at = (uint32_t)listing->text.len, .len = (uint16_t)len, .type = type};

	for (size_t i = 0; i < sizeof(name.key); i++)
		name.key = name.key << 8 | (i < len ? (uint8_t)text[i] : 0);
	hf_buf_add(&listing->text, text, len + 1);
	listing->names = hf_grow(listing->names, &listing->cap, listing->n + 1, sizeof(name));
	listing->names[listing->n++] = name;
}

static int by_name(const void *first, const void *second, void *arg)
{
	const struct hf_name *a = first, *b = second;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	/* No name holds a NUL, so strcmp() compares bytes, the shorter first. */
	return strcmp(hf_listing_text(arg, a), hf_listing_text(arg, b));
}

hf_err hf_listing_read(struct hf_listing *listing, int fd)
{
	/* Not readdir(): it allocates its 32 KiB for each directory anew. */
	_Alignas(struct dirent64) char asked[ASKED];
	long len;

	while ((len = syscall(SYS_getdents64, fd, asked, sizeof(asked))) > 0) {
		for (long at = 0; at < len;) {
			const struct dirent64 *entry = (const void *)(asked + at);

			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				hf_listing_add(listing, entry->d_name, entry->d_type);
		}
	}
	if (len < 0)
		return hf_error_sys("listing the directory");
	if (listing->n > 1)
		qsort_r(listing->names, listing->n, sizeof(*listing->names), by_name, listing);
	return NULL;
}

static bool is_cache(int fd)
{
	HF_FD tag = openat(fd, CACHE_TAG, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[sizeof(CACHE_SIGNATURE) - 1];

	return tag >= 0 && read(tag, text, sizeof(text)) == (ssize_t)sizeof(text) &&
		memcmp(text, CACHE_SIGNATURE, sizeof(text)) == 0;
}

void hf_listing_drop_cache(struct hf_listing *listing, int fd)
{
	for (size_t i = 0; i < listing->n; i++) {
		if (strcmp(hf_listing_text(listing, &listing->names[i]), CACHE_TAG) != 0)
			continue;
		if (is_cache(fd)) {
			listing->names[0] = listing->names[i];
			listing->n = 1;
		}
		return;
	}
}
