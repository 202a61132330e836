/* Extents whose chunk ids stand in a table of their block: what entries and records are made of. */
#ifndef HF_FORMAT_EXTENTS_H
#define HF_FORMAT_EXTENTS_H

#include "backend/format/entry.h"
#include "backend/format/intern.h"

#define HF_MIN_EXTENT_LEN 2 /* stored bytes of the shortest extent, a hole */

/* A table of ids that is read: points into the input. */
struct hf_id_table {
	const struct hf_id *at;
	size_t n;
};
void hf_id_table_parse(struct hf_wire *wire, struct hf_id_table *out); /* var n, n × id */

/* What no reader would take in them; NULL when nothing. Metadata has no holes. */
const char *hf_extents_problem(const struct hf_extents *extents, bool holes);
/* var n; n × (var length, var ref [, var offset]); ref 0: a hole, else id ref - 1. */
void hf_extents_put(const struct hf_extents *extents, struct hf_intern *ids, struct hf_buf *out);
/* Looks at refs and counts only: hf_extents_problem() is the caller's. */
void hf_extents_get(struct hf_wire *wire, const struct hf_id_table *ids, struct hf_arena *arena,
	struct hf_extents *out);

#endif
