/*
 * Local directories below a root, entered one name at a time: never through a link, never by "..",
 * so that no name leads out of the root. At most so many descriptors stay open: those that nobody
 * has pinned are closed, longest unused first, and are opened again through their parents, if the
 * same directory (device and inode) is still there: so trees deeper than PATH_MAX and RLIMIT_NOFILE
 * work. One thread; a pinned descriptor may be used by any.
 */
#ifndef HF_TREE_PLACE_H
#define HF_TREE_PLACE_H

#include <stdbool.h>

#include "backend/base/buf.h"
#include "backend/base/error.h"

struct hf_places;
struct hf_place;

/* Takes the root's descriptor, always. most_open: beside the pinned ones; at least 1. */
struct hf_places *hf_places_new(int root, unsigned most_open);
/* All places are let go of before. NULL ok. */
void hf_places_free(struct hf_places *places);
HF_OWNABLE(hf_places)
struct hf_place *hf_places_root(struct hf_places *places); /* its own reference */

/* One name that can lead nowhere but into its directory: 1-255 bytes, no '/', no NUL, not "." or
 * "..". */
bool hf_place_name_ok(struct hf_span name);
/* The directory that is there. HF_INVALID: the name is none; HF_NOT_FOUND; HF_SYSTEM with ENOTDIR
 * or ELOOP. */
hf_err hf_place_enter(struct hf_place *parent, struct hf_span name, struct hf_place **out);
struct hf_place *hf_place_ref(struct hf_place *place);
void hf_place_unref(struct hf_place *place); /* NULL ok */

/* The descriptor stays open until unpin. An error: it was moved, or can't be opened any more. */
hf_err hf_place_pin(struct hf_place *place, int *fd);
void hf_place_unpin(struct hf_place *place);

#endif
