/* Directories below a root, by descriptors that are opened again when needed. */
#include "backend/tree/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define NAME_LEN_MAX 255 /* what Linux lets a name have */

struct hf_place {
	struct hf_places *places;
	struct hf_place *parent; /* NULL: the root */
	unsigned refs, pins;
	int fd; /* -1: closed for now */
	dev_t dev;
	ino_t ino;
	struct hf_place *newer, *older; /* while it is open and not pinned */
	char name[];
};

struct hf_places {
	struct hf_place *root;
	unsigned idle, most_idle; /* open and not pinned */
	struct hf_place *newest, *oldest;
};

static void leave_idle(struct hf_place *place)
{
	struct hf_places *places = place->places;

	*(place->newer ? &place->newer->older : &places->newest) = place->older;
	*(place->older ? &place->older->newer : &places->oldest) = place->newer;
	places->idle--;
}

static void close_idle(struct hf_place *place)
{
	leave_idle(place);
	close(place->fd);
	place->fd = -1;
}

/* The root stays open for good: all others are found again from it. */
static void enter_idle(struct hf_place *place)
{
	struct hf_places *places = place->places;

	if (!place->parent)
		return;
	place->newer = NULL;
	place->older = places->newest;
	*(places->newest ? &places->newest->newer : &places->oldest) = place;
	places->newest = place;
	places->idle++;
	if (places->idle > places->most_idle)
		close_idle(places->oldest);
}

static struct hf_place *place_new(
	struct hf_places *places, struct hf_place *parent, struct hf_span name)
{
	struct hf_place *place = hf_calloc(1, sizeof(*place) + name.len + 1);

	if (name.len > 0)
		memcpy(place->name, name.at, name.len);
	place->places = places;
	place->parent = parent ? hf_place_ref(parent) : NULL;
	place->refs = 1;
	place->fd = -1;
	return place;
}

struct hf_places *hf_places_new(int root, unsigned most_open)
{
	struct hf_places *places = hf_calloc(1, sizeof(*places));

	places->most_idle = most_open;
	places->root = place_new(places, NULL, hf_span(NULL, 0));
	places->root->fd = root;
	return places;
}

void hf_places_free(struct hf_places *places)
{
	if (!places)
		return;
	hf_place_unref(places->root);
	free(places);
}

struct hf_place *hf_places_root(struct hf_places *places)
{
	return hf_place_ref(places->root);
}

bool hf_place_name_ok(struct hf_span name)
{
	if (name.len == 0 || name.len > NAME_LEN_MAX)
		return false;
	if (memchr(name.at, '/', name.len) || memchr(name.at, 0, name.len))
		return false;
	return !hf_span_equal(name, hf_span_str(".")) && !hf_span_equal(name, hf_span_str(".."));
}

struct hf_place *hf_place_ref(struct hf_place *place)
{
	place->refs++;
	return place;
}

/* A loop, not a recursion: the last one out of a deep tree lets go of all its ancestors. */
void hf_place_unref(struct hf_place *place)
{
	while (place && --place->refs == 0) {
		struct hf_place *parent = place->parent;

		if (place->fd >= 0 && place->parent && place->pins == 0)
			leave_idle(place);
		if (place->fd >= 0)
			close(place->fd);
		free(place);
		place = parent;
	}
}

/* Opens it below its pinned parent. known: it was open before, and must be the same. */
static hf_err open_below(struct hf_place *place, bool known)
{
	struct stat stat;
	int fd = openat(place->parent->fd, place->name, OPEN_DIR);

	if (fd < 0)
		return hf_error_sys("opening the directory");
	if (fstat(fd, &stat) < 0) {
		struct hf_error *err = hf_error_sys("opening the directory");

		close(fd);
		return err;
	}
	if (known && (stat.st_dev != place->dev || stat.st_ino != place->ino)) {
		close(fd);
		return hf_error_new(HF_INVALID, "the directory was replaced by another meanwhile");
	}
	place->fd = fd;
	place->dev = stat.st_dev;
	place->ino = stat.st_ino;
	return NULL;
}

static void pin_open(struct hf_place *place)
{
	if (place->pins++ == 0 && place->parent)
		leave_idle(place);
}

/* Opens the places of the chain, each below the one before it; the last one is pinned after. */
static hf_err open_chain(struct hf_place **chain, size_t n)
{
	struct hf_place *held = chain[0]->parent;

	pin_open(held);
	for (size_t i = 0; i < n; i++) {
		struct hf_error *err = open_below(chain[i], true);

		/* Pinned before it can be idle: else it might be the one that is closed for the
		 * next. */
		if (!err)
			chain[i]->pins++;
		hf_place_unpin(held);
		if (err)
			return err;
		held = chain[i];
	}
	return NULL;
}

hf_err hf_place_pin(struct hf_place *place, int *fd)
{
	size_t n = 0, i;

	for (struct hf_place *up = place; up->fd < 0; up = up->parent)
		n++;
	if (n == 0) {
		pin_open(place);
	} else {
		HF_FREED struct hf_place **chain = hf_alloc(n * sizeof(struct hf_place *));
		struct hf_place *up = place;

		for (i = n; i-- > 0; up = up->parent)
			chain[i] = up;
		HF_TRY(open_chain(chain, n));
	}
	*fd = place->fd;
	return NULL;
}

void hf_place_unpin(struct hf_place *place)
{
	if (--place->pins == 0)
		enter_idle(place);
}

hf_err hf_place_enter(struct hf_place *parent, struct hf_span name, struct hf_place **out)
{
	struct hf_place *place;
	struct hf_error *err;
	int fd;

	if (!hf_place_name_ok(name))
		return hf_error_new(HF_INVALID, "not a name that a directory can have");
	HF_TRY(hf_place_pin(parent, &fd));
	place = place_new(parent->places, parent, name);
	err = open_below(place, false);
	hf_place_unpin(parent);
	if (err) {
		hf_place_unref(place);
		return err;
	}
	place->pins = 1;
	hf_place_unpin(place);
	*out = place;
	return NULL;
}
