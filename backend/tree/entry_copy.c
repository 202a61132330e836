#include "backend/tree/entry_copy.h"

/* Memory that is handed out from the front; at NULL: only counts. */
struct room {
	uint8_t *at;
	size_t used;
};

static void *take(struct room *room, const void *from, size_t len)
{
	uint8_t *to = room->at ? room->at + room->used : NULL;

	if (to && len)
		memcpy(to, from, len);
	room->used += (len + 7) & ~(size_t)7;
	return to;
}

static struct hf_span take_span(struct room *room, struct hf_span span)
{
	return hf_span(take(room, span.at, span.len), span.len);
}

static void take_extents(struct room *room, const struct hf_extents *from, struct hf_extents *to)
{
	to->at = take(room, from->at, from->n * sizeof(*from->at));
	to->n = from->n;
	to->cap = 0;
}

static void take_entry(struct room *room, const struct hf_entry *from, struct hf_entry *to)
{
	struct hf_xattr *xattrs;

	*to = *from;
	to->name = take_span(room, from->name);
	to->user = take_span(room, from->user);
	to->group = take_span(room, from->group);
	to->target = take_span(room, from->target);
	xattrs = take(room, from->xattrs, from->n_xattrs * sizeof(*xattrs));
	for (size_t i = 0; i < from->n_xattrs; i++) {
		const struct hf_xattr copy = {take_span(room, from->xattrs[i].name),
			take_span(room, from->xattrs[i].value)};

		if (xattrs)
			xattrs[i] = copy;
	}
	to->xattrs = xattrs;
	take_extents(room, &from->extents, &to->extents);
	take_extents(room, &from->secret, &to->secret);
	take_extents(room, &from->page_map, &to->page_map);
}

void *hf_entry_copy(const struct hf_entry *from, struct hf_entry *to)
{
	struct room room = {0};

	take_entry(&room, from, to);
	room = (struct room){.at = hf_alloc(room.used)};
	take_entry(&room, from, to);
	return room.at;
}
